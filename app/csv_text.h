/* SPDX-License-Identifier: Apache-2.0 */
/* A file's text, whatever its encoding: UTF-8 with or without a byte order mark, UTF-16 with one,
 * and Windows-1252, which is what a file is taken for that has other bytes than ASCII and is not
 * UTF-8 for the most part.
 *
 *     st = csv_text_open(arena, path, &text);   or csv_text_read(arena, bytes, &text)
 *     csv_reader_init(&reader, text.text) ...
 *     csv_text_close(&text)
 *
 * A file, or what comes from a pipe, is copied to a file without a name (in TMPDIR, else /tmp), and
 * that is mapped, so the text stays as it is whatever becomes of the file. What is not UTF-8 is
 * converted into another one. The memory does not grow with the file, and pages that have been
 * passed are given back. A byte that has no meaning in the encoding stays as 0xFF, which is no
 * UTF-8 either: the reader then breaks that row. */
#ifndef APP_CSV_TEXT_H
#define APP_CSV_TEXT_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

enum csv_encoding { CSV_UTF8, CSV_UTF16LE, CSV_UTF16BE, CSV_WINDOWS_1252 };

struct csv_text {
    struct str text; /* without a byte order mark */
    enum csv_encoding encoding;
    int64_t foreign_line;   /* the first line that is not UTF-8; 0: none, or it is UTF-16 */
    bool is_clean;          /* UTF-8 without NUL throughout */
    struct str mappings[2]; /* what csv_text_close unmaps; data NULL: none */
};

/* A larger file is refused. */
#define CSV_TEXT_SIZE_MAX (INT64_C(8) << 30)

/* INVALID_ARGUMENT if there is nothing in it, or what no table has, or if it is endless. */
struct status csv_text_open(struct arena *arena, const char *path, struct csv_text *ret_text);

/* The same of bytes in memory, which are borrowed. */
struct status csv_text_read(struct arena *arena, struct str bytes, struct csv_text *ret_text);

void csv_text_close(struct csv_text *text);

/* What stands before this place of a mapped text need not stay in memory. It can be read again all
 * the same. */
void csv_text_forget(const struct csv_text *text, const char *before);

/* How much is kept between two calls, at least. */
enum { CSV_TEXT_KEPT = 16 * 1024 * 1024 };

/* "UTF-8", "UTF-16", "Windows-1252". */
const char *csv_encoding_name(enum csv_encoding encoding);

#endif
