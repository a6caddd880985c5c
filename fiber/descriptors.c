/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the process's file descriptors in /proc and limits those of connections with an atomic
 * counter. */
#include "fiber/descriptors.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/resource.h>

static atomic_size_t connections;
static atomic_size_t connections_max = SIZE_MAX;

size_t descriptors_raise(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return SIZE_MAX;
    if (limit.rlim_cur != limit.rlim_max) {
        struct rlimit raised = {limit.rlim_max, limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    return limit.rlim_cur == RLIM_INFINITY ? SIZE_MAX : (size_t)limit.rlim_cur;
}

size_t descriptors_open(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;

    if (!directory) return 0;
    for (struct dirent *entry; (entry = readdir(directory));) count += entry->d_name[0] != '.';
    closedir(directory);
    return count > 0 ? count - 1 : 0; /* the list contains the descriptor of the directory itself */
}

void descriptors_limit_connections(size_t max)
{
    atomic_store(&connections_max, max);
}

bool descriptors_take(void)
{
    if (atomic_fetch_add(&connections, 1) < atomic_load(&connections_max)) return true;
    atomic_fetch_sub(&connections, 1);
    return false;
}

void descriptors_give(void)
{
    atomic_fetch_sub(&connections, 1);
}

void descriptor_stats(struct descriptor_stats *ret_stats)
{
    *ret_stats = (struct descriptor_stats){atomic_load(&connections),
                                           atomic_load(&connections_max)};
}
