/* SPDX-License-Identifier: Apache-2.0 */
/* The lock file of a database: its first line is the holder's process id, its second the address
 * that it serves on. */
#include "store/sqlite/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "store/sqlite/library.h"

enum { TEXT_MAX = 256 };

struct sqlite_lock {
    int fd; /* -1: the program has replaced SQLite's VFS, and there are no files */
};

static struct status cannot(struct arena *arena, const char *name, const char *what)
{
    return status_printf(arena, STATUS_FAILED_PRECONDITION, 0,
                         "cannot %s the lock file %s: %s; check that its folder exists, is "
                         "writable and is on a file system that supports locks",
                         what, name, strerror(errno));
}

/* If the file cannot be written to the lock holds nevertheless; others only learn less about its
 * holder. */
static void write_text(const struct sqlite_lock *lock, const char *address)
{
    char text[TEXT_MAX];
    int length = snprintf(text, sizeof(text), "%ld\n%s\n", (long)getpid(), address);

    if (lock->fd < 0) return;
    if (length >= (int)sizeof(text)) length = (int)sizeof(text) - 1;
    if (ftruncate(lock->fd, 0) == 0 && pwrite(lock->fd, text, (size_t)length, 0) < length)
        (void)!ftruncate(lock->fd, 0);
}

static void read_holder(struct arena *arena, int fd, struct sqlite_holder *ret_holder)
{
    char text[TEXT_MAX];
    ssize_t length = pread(fd, text, sizeof(text), 0);
    struct str rest = str_sized(text, length > 0 ? (size_t)length : 0), pid, address = {0};
    uint64_t number = 0;

    *ret_holder = (struct sqlite_holder){.address = ""};
    if (!str_split(&rest, '\n', &pid) || !str_to_u64(pid, &number)) return;
    ret_holder->pid = (int64_t)number;
    if (str_split(&rest, '\n', &address)) ret_holder->address = str_dup(arena, address);
}

struct status sqlite_lock_try(struct arena *arena, const char *path, struct sqlite_lock **ret_lock,
                              struct sqlite_holder *ret_holder)
{
    const char *name = arena_printf(arena, "%s.lock", path);
    bool files = library_uses_files();
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct status st = status_ok();

    int fd = files ? open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0 && files) return cannot(arena, name, "make");
    *ret_lock = 0;
    if (!files || fcntl(fd, F_OFD_SETLK, &whole) == 0) {
        *ret_lock = malloc(sizeof(**ret_lock));
        invariant(*ret_lock);
        (*ret_lock)->fd = fd;
        write_text(*ret_lock, "");
        return st;
    }
    if (errno == EAGAIN || errno == EACCES)
        read_holder(arena, fd, ret_holder);
    else
        st = cannot(arena, name, "lock");
    close(fd);
    return st;
}

void sqlite_lock_announce(struct sqlite_lock *lock, const char *address)
{
    write_text(lock, address);
}

/* The text is removed first, so that the next holder is not mistaken for this process. */
void sqlite_lock_free(struct sqlite_lock *lock)
{
    if (!lock) return;
    if (lock->fd >= 0) {
        (void)!ftruncate(lock->fd, 0);
        close(lock->fd);
    }
    free(lock);
}
