/* SPDX-License-Identifier: Apache-2.0 */
/* Loads a secret, or makes one atomically if its file does not exist. */
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/random.h"
#include "base/str.h"

enum { TEXT_SIZE = 2 * SECRET_SIZE };

static struct status refused(struct arena *arena, const char *path, const char *why)
{
    return status_printf(
        arena, STATUS_FAILED_PRECONDITION, 0,
        "%s: %s; put 64 hexadecimal digits there (mode 0600), or remove it to have a new one made",
        path, why);
}

/* Writes a new secret to a temporary file and links that to the secret's name, so that no process
 * ever reads half of it. The temporary name is random, because process ids repeat: in a container
 * at every start. Losing the race for the name is fine: another process has made the secret. */
static struct status make(struct arena *arena, const char *path)
{
    uint8_t secret[SECRET_SIZE];
    uint64_t number;
    random_bytes(&number, sizeof(number));
    char *temporary = arena_printf(arena, "%s.%016llx", path, (unsigned long long)number);
    int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0)
        return status_errno(arena, errno, arena_printf(arena, "cannot make %s", temporary));

    random_bytes(secret, sizeof(secret));
    struct str text = hex_encode(arena, str_sized(secret, sizeof(secret)));
    char *line = arena_printf(arena, "%.*s\n", STR_ARGS(text));
    ssize_t size = write(file, line, TEXT_SIZE + 1);
    bool written = size == TEXT_SIZE + 1 && fsync(file) == 0;
    int error = size >= 0 && size <= TEXT_SIZE ? ENOSPC : errno; /* the rest did not fit */
    close(file);
    secret_wipe(secret, sizeof(secret));
    secret_wipe(line, TEXT_SIZE);

    if (written && link(temporary, path) != 0 && errno != EEXIST) {
        written = false;
        error = errno;
    }
    unlink(temporary);
    if (!written) return status_errno(arena, error, arena_printf(arena, "cannot write %s", path));
    return status_ok();
}

static struct status load(struct arena *arena, const char *path, int file, const char **ret_text)
{
    char line[TEXT_SIZE + 2];
    struct stat info;
    struct str secret;

    if (fstat(file, &info) != 0) return status_errno(arena, errno, path);
    if (info.st_mode & (S_IRWXG | S_IRWXO)) return refused(arena, path, "other users can read it");

    ssize_t size = read(file, line, sizeof(line));
    if (size < 0) return status_errno(arena, errno, path);
    struct str text = str_trim(str_sized(line, (size_t)size));
    if (text.length != TEXT_SIZE || !hex_decode(arena, text, &secret))
        return refused(arena, path, "it does not contain a key");
    *ret_text = str_dup(arena, text);
    return status_ok();
}

struct status secret_load(struct arena *arena, const char *given, const char *directory,
                          const char *name, const char **ret_text)
{
    struct status st;

    if (given[0]) {
        *ret_text = arena_strdup(arena, given);
        return status_ok();
    }

    char *path = arena_printf(arena, "%s/%s", directory, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT) {
        st = make(arena, path);
        if (failed(st)) return st;
        file = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (file < 0) return status_errno(arena, errno, arena_printf(arena, "cannot read %s", path));

    st = load(arena, path, file, ret_text);
    close(file);
    return st;
}
