/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a backup, and its manifest: the text file that makes a directory a complete backup.
 *
 *     argosy-backup 1
 *     program 0.1.0
 *     time 2026-11-29T07:45:43.120Z
 *     database order.db 12 4096000 <SHA-256>     number of migrations, size
 *     key fleet.key 0 65 <SHA-256>
 *     end <SHA-256 of all lines before this one> */
#ifndef APP_BACKUP_MANIFEST_H
#define APP_BACKUP_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

#define BACKUP_MANIFEST "manifest"

enum {
    BACKUP_FORMAT = 1,
    BACKUP_FILES_MAX = 64,
    BACKUP_MANIFEST_SIZE_MAX = 64 * 1024,
    SHA256_TEXT_SIZE = 65
};

struct backup_file {
    bool is_key;
    const char *name;
    int64_t version; /* of a database: its number of migrations */
    int64_t size;
    char digest[SHA256_TEXT_SIZE];
};

struct backup_manifest {
    int64_t format;
    const char *program, *time;
    struct backup_file files[BACKUP_FILES_MAX];
    size_t count;
};

/* Reads the manifest of a directory. NOT_FOUND without one, DATA_LOSS if it is damaged,
 * FAILED_PRECONDITION if a newer program made it. */
struct status backup_manifest_read(struct arena *arena, const char *directory,
                                   struct backup_manifest *ret_manifest);
/* Writes and syncs it. */
struct status backup_manifest_write(struct arena *arena, const char *directory,
                                    const struct backup_manifest *manifest);

/* Computes the size and the SHA-256 of a file; syncs it first if `sync`. */
struct status backup_digest(struct arena *arena, const char *path, bool sync, int64_t *ret_size,
                            char ret_digest[SHA256_TEXT_SIZE]);

#endif
