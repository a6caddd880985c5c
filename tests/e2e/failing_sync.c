/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into the shop (failing_sync.sh): fsync and fdatasync fail with EIO for files whose path ends with the text in
 * the file $FAILING_SYNC, as long as that exists. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool fails(int file)
{
    char ending[256] = {0}, path[4096] = {0}, link[64];
    int rule = open(getenv("FAILING_SYNC"), O_RDONLY | O_CLOEXEC);

    if (rule < 0) return false;
    ssize_t length = read(rule, ending, sizeof(ending) - 1);
    close(rule);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
    if (length <= 0 || readlink(link, path, sizeof(path) - 1) < length) return false;
    return strcmp(path + strlen(path) - (size_t)length, ending) == 0;
}

static int sync_file(long call, int file)
{
    if (!fails(file)) return (int)syscall(call, file);
    errno = EIO;
    return -1;
}

__attribute__((visibility("default"))) int fsync(int file)
{
    return sync_file(SYS_fsync, file);
}

__attribute__((visibility("default"))) int fdatasync(int file)
{
    return sync_file(SYS_fdatasync, file);
}
