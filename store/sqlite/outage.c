/* SPDX-License-Identifier: Apache-2.0 */
/* The list of the process's writers, with what each of them last found out. */
#include "store/sqlite/outage.h"

#include <pthread.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct outage *first; /* under the mutex */

void outage_join(struct outage *outage, const char *path)
{
    outage->path = path;
    atomic_store(&outage->on, false);
    pthread_mutex_lock(&mutex);
    outage->next = first;
    first = outage;
    pthread_mutex_unlock(&mutex);
}

void outage_leave(struct outage *outage)
{
    struct outage **place = &first;

    pthread_mutex_lock(&mutex);
    while (*place != outage) place = &(*place)->next;
    *place = outage->next;
    pthread_mutex_unlock(&mutex);
}

struct status sqlite_check_writing(struct arena *arena, const char *path)
{
    bool out = false;

    pthread_mutex_lock(&mutex);
    for (struct outage *outage = first; outage; outage = outage->next)
        out = out || (strcmp(outage->path, path) == 0 && atomic_load(&outage->on));
    pthread_mutex_unlock(&mutex);
    if (!out) return status_ok();
    return status_printf(arena, STATUS_UNAVAILABLE, 0,
                         "the disk did not confirm the last change of store %s; changes are "
                         "refused until it confirms one",
                         path);
}
