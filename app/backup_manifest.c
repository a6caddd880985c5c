/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing the manifest of a backup. */
#include "app/backup_manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/str.h"

enum { READ_SIZE = 256 * 1024, NAME_MAX_SIZE = 64 };

/* ---- checksums ---- */

static void to_text(const uint8_t digest[SHA256_SIZE], char ret_text[SHA256_TEXT_SIZE])
{
    for (int i = 0; i < SHA256_SIZE; i++) snprintf(ret_text + 2 * i, 3, "%02x", digest[i]);
}

static void digest_text(struct str text, char ret_text[SHA256_TEXT_SIZE])
{
    uint8_t digest[SHA256_SIZE];

    digest_sha256(text, digest);
    to_text(digest, ret_text);
}

static bool digest_rest(int file, struct sha256 *sha256, char *piece, int64_t *ret_size)
{
    int64_t size = 0;
    ssize_t got;

    while ((got = read(file, piece, READ_SIZE)) > 0) {
        digest_add(sha256, piece, (size_t)got);
        size += got;
    }
    *ret_size = size;
    return got == 0;
}

struct status backup_digest(struct arena *arena, const char *path, bool sync, int64_t *ret_size,
                            char ret_digest[SHA256_TEXT_SIZE])
{
    char *piece = arena_alloc(arena, READ_SIZE);
    uint8_t digest[SHA256_SIZE];
    struct sha256 sha256;
    int error = 0;

    digest_begin(&sha256);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || (sync && fsync(file) != 0) || !digest_rest(file, &sha256, piece, ret_size))
        error = errno;
    if (file >= 0) close(file);
    digest_end(&sha256, digest);
    if (error) return status_errno(arena, error, arena_printf(arena, "cannot read %s", path));
    to_text(digest, ret_digest);
    return status_ok();
}

/* ---- writing ---- */

struct status backup_manifest_write(struct arena *arena, const char *directory,
                                    const struct backup_manifest *manifest)
{
    const char *path = arena_printf(arena, "%s/" BACKUP_MANIFEST, directory);
    char digest[SHA256_TEXT_SIZE];
    struct buffer text;
    int error = 0;

    buffer_init(&text, BACKUP_MANIFEST_SIZE_MAX);
    buffer_printf(&text, "argosy-backup %lld\nprogram %s\ntime %s\n", (long long)manifest->format,
                  manifest->program, manifest->time);
    for (size_t i = 0; i < manifest->count; i++) {
        const struct backup_file *file = &manifest->files[i];
        buffer_printf(&text, "%s %s %lld %lld %s\n", file->is_key ? "key" : "database", file->name,
                      (long long)file->version, (long long)file->size, file->digest);
    }
    digest_text(buffer_str(&text), digest);
    buffer_printf(&text, "end %s\n", digest);

    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0 || !file_write_all(file, buffer_str(&text)) || fsync(file) != 0) error = errno;
    if (file >= 0) close(file);
    buffer_release(&text);
    if (error) return status_errno(arena, error, arena_printf(arena, "cannot write %s", path));
    return status_ok();
}

/* ---- reading ---- */

static struct status damaged(struct arena *arena, const char *directory, const char *what)
{
    return status_printf(arena, STATUS_DATA_LOSS, 0,
                         "the backup %s is damaged: its manifest %s; use another backup", directory,
                         what);
}

static struct status read_text(struct arena *arena, const char *directory, struct str *ret_text)
{
    const char *path = arena_printf(arena, "%s/" BACKUP_MANIFEST, directory);
    char *text = arena_alloc(arena, BACKUP_MANIFEST_SIZE_MAX);
    int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0 && (errno == ENOENT || errno == ENOTDIR))
        return status_printf(arena, STATUS_NOT_FOUND, 0,
                             "%s is not a complete backup: it has no file '" BACKUP_MANIFEST "'",
                             directory);
    if (file < 0) return status_errno(arena, errno, arena_printf(arena, "cannot read %s", path));
    ssize_t size = read(file, text, BACKUP_MANIFEST_SIZE_MAX);
    int error = errno;
    close(file);
    if (size < 0) return status_errno(arena, error, arena_printf(arena, "cannot read %s", path));
    *ret_text = str_sized(text, (size_t)size);
    return status_ok();
}

static bool is_file_name(struct str name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";

    if (name.length == 0 || name.length > NAME_MAX_SIZE || name.data[0] == '.') return false;
    for (size_t i = 0; i < name.length; i++)
        if (!memchr(letters, name.data[i], sizeof(letters) - 1)) return false;
    return true;
}

/* "order.db 12 4096000 <SHA-256>" */
static bool read_file_line(struct arena *arena, struct str rest, struct backup_file *ret_file)
{
    struct str name, version, size;

    if (!str_split(&rest, ' ', &name) || !str_split(&rest, ' ', &version) ||
        !str_split(&rest, ' ', &size) || rest.length != SHA256_TEXT_SIZE - 1)
        return false;
    if (!is_file_name(name) || !str_to_i64(version, &ret_file->version) ||
        !str_to_i64(size, &ret_file->size) || ret_file->size < 0)
        return false;
    ret_file->name = str_dup(arena, name);
    memcpy(ret_file->digest, rest.data, rest.length);
    ret_file->digest[rest.length] = 0;
    return true;
}

static bool read_line(struct arena *arena, struct str line, struct backup_manifest *manifest)
{
    struct str word;

    if (!str_split(&line, ' ', &word)) return false;
    if (str_is(word, "program")) {
        manifest->program = str_dup(arena, line);
    } else if (str_is(word, "time")) {
        manifest->time = str_dup(arena, line);
    } else if (str_is(word, "database") || str_is(word, "key")) {
        if (manifest->count == BACKUP_FILES_MAX) return false;
        struct backup_file *file = &manifest->files[manifest->count++];
        *file = (struct backup_file){.is_key = str_is(word, "key")};
        return read_file_line(arena, line, file);
    } else {
        return false;
    }
    return true;
}

/* Checks the checksum in the last line, and answers the text before it. */
static bool check_end(struct str text, struct str *ret_lines)
{
    enum { END_SIZE = 4 + SHA256_TEXT_SIZE }; /* "end ", digits, line feed */
    char digest[SHA256_TEXT_SIZE];

    if (text.length <= END_SIZE) return false;
    struct str lines = str_sized(text.data, text.length - END_SIZE);
    struct str end = str_sized(text.data + lines.length, END_SIZE);
    digest_text(lines, digest);
    *ret_lines = lines;
    return str_starts_with(end, STR("end ")) && end.data[END_SIZE - 1] == '\n' &&
           str_equal(str_sized(end.data + 4, SHA256_TEXT_SIZE - 1), str_of(digest));
}

/* Is version `a` newer than `b`? By their numbers: 0.10.0 is newer than 0.9.3. */
static bool is_newer(const char *a, const char *b)
{
    int left[3] = {0}, right[3] = {0};

    sscanf(a, "%d.%d.%d", &left[0], &left[1], &left[2]);
    sscanf(b, "%d.%d.%d", &right[0], &right[1], &right[2]);
    for (int i = 0; i < 3; i++)
        if (left[i] != right[i]) return left[i] > right[i];
    return false;
}

struct status backup_manifest_read(struct arena *arena, const char *directory,
                                   struct backup_manifest *ret_manifest)
{
    static const char head[] = "argosy-backup ";
    struct backup_manifest *manifest = arena_new(arena, struct backup_manifest);
    struct str text, first, line;
    struct status st;

    st = read_text(arena, directory, &text);
    if (failed(st)) return st;
    struct str rest = text;
    if (!str_split(&rest, '\n', &first) || !str_starts_with(first, STR(head)) ||
        !str_to_i64(str_sized(first.data + strlen(head), first.length - strlen(head)),
                    &manifest->format))
        return damaged(arena, directory, "does not begin like a manifest");
    if (manifest->format > BACKUP_FORMAT)
        return status_printf(arena, STATUS_FAILED_PRECONDITION, 0,
                             "the backup %s has format %lld, and this program knows formats up to "
                             "%d; restore it with the newer program that made it",
                             directory, (long long)manifest->format, BACKUP_FORMAT);
    if (!check_end(text, &rest)) return damaged(arena, directory, "does not match its checksum");
    str_split(&rest, '\n', &line);
    while (str_split(&rest, '\n', &line) && line.length > 0)
        if (!read_line(arena, line, manifest))
            return damaged(arena, directory, "has a malformed line");
    if (!manifest->program || !manifest->time || manifest->count == 0)
        return damaged(arena, directory, "is incomplete");
    if (is_newer(manifest->program, ARGOSY_VERSION))
        return status_printf(
            arena, STATUS_FAILED_PRECONDITION, 0,
            "the backup %s was made by a newer program, argosy %s, and this is %s; "
            "restore it with that program or a newer one",
            directory, manifest->program, ARGOSY_VERSION);
    *ret_manifest = *manifest;
    return status_ok();
}
