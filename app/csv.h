/* SPDX-License-Identifier: Apache-2.0 */
/* CSV (RFC 4180) over text in memory: quoted fields, doubled quotes, line breaks in quotes, LF or
 * CRLF, an UTF-8 byte order mark. Also the writing side: one field at a time.
 *
 * A field that a spreadsheet would run as a formula (it begins with = + - @, a tab or a line break,
 * and is no number) is written with an apostrophe before it, and so is one that begins with
 * apostrophes before such a text. Reading takes one apostrophe away there, so what was written is
 * read back as it was. */
#ifndef APP_CSV_H
#define APP_CSV_H

#include "base/arena.h"
#include "base/str.h"

enum { CSV_FIELDS_MAX = 256, CSV_FIELD_SIZE_MAX = 1024 * 1024 };

struct csv_reader {
    const char *start, *next, *end;
    int64_t line;      /* of the text's next byte, from 1 */
    const char *error; /* static; set when csv_next answered CSV_BROKEN */
};

struct csv_row {
    struct str
        fields[CSV_FIELDS_MAX]; /* views of the text, or in the arena where quotes were doubled */
    size_t count;
    int64_t line; /* where the row begins */
};

enum csv_result { CSV_ROW, CSV_END, CSV_BROKEN };

/* `text` is borrowed for the reader's life. */
void csv_reader_init(struct csv_reader *reader, struct str text);

/* The next row that is not empty. After CSV_BROKEN the reader stands behind the broken row and can
 * go on. */
enum csv_result csv_next(struct csv_reader *reader, struct arena *arena, struct csv_row *ret_row);

/* Appends a field, quoted if it must be, with a comma before it unless `first`. */
void csv_write(struct buffer *out, bool first, struct str field);
void csv_write_end(struct buffer *out);

#endif
