/* SPDX-License-Identifier: Apache-2.0 */
/* CSV (RFC 4180) over text in memory, as spreadsheets and shops write it: separated by commas,
 * semicolons, tabs or bars; quoted fields with doubled quotes and line breaks in them; lines that
 * end with LF, CRLF or a lone CR, also mixed. Also the writing side: one field at a time.
 *
 * Spaces and tabs around a field without quotes are no part of it; between quotes they are.
 *
 * A field that a spreadsheet would run as a formula (it begins with = + - @, a tab or a line break,
 * and is no number) is written with an apostrophe before it, and so is one that begins with
 * apostrophes before such a text. Reading takes one apostrophe away there, so what was written is
 * read back as it was.
 *
 * Encodings are csv_text.h's. Text that is not well-formed UTF-8, or has a NUL, breaks its row. */
#ifndef APP_CSV_H
#define APP_CSV_H

#include "base/arena.h"
#include "base/str.h"

enum {
    CSV_FIELDS_MAX = 1024,
    CSV_FIELD_SIZE_MAX = 1024 * 1024,
    CSV_ROW_SIZE_MAX = 8 * 1024 * 1024,
};

/* Where something stands in a text, both from 1. A column counts characters; 0 is the whole row. */
struct csv_place {
    int64_t line, column;
};

struct csv_reader {
    const char *start, *next, *end;
    int64_t line; /* of the text's next byte, from 1 */
    char separator;
    bool is_clean;       /* the text is known to be UTF-8 without NUL, so rows are not checked */
    const char *error;   /* static; set when csv_next answered CSV_BROKEN */
    struct csv_place at; /* of the error */
};

struct csv_row {
    struct str
        fields[CSV_FIELDS_MAX]; /* views of the text, or in the arena where quotes were doubled */
    const char *starts[CSV_FIELDS_MAX]; /* where each begins in the text */
    size_t count;                       /* of a broken row: the fields before the error */
    const char *start;                  /* where the row begins */
    int64_t line;
};

enum csv_result { CSV_ROW, CSV_END, CSV_BROKEN };

/* `text` is UTF-8 and borrowed for the reader's life. Separated by commas; change `separator` for
 * others. */
void csv_reader_init(struct csv_reader *reader, struct str text);

/* Goes on at a row that was read before: its start and line. */
void csv_seek(struct csv_reader *reader, const char *start, int64_t line);

/* The next row that is not empty. After CSV_BROKEN the reader stands behind the broken row, or,
 * where its quotes cannot be trusted, behind its first line (or first sixteenth, if that is more),
 * and can go on. */
enum csv_result csv_next(struct csv_reader *reader, struct arena *arena, struct csv_row *ret_row);

/* Where a byte stands: at or behind the start of a row on line `line`. */
struct csv_place csv_place_at(const char *row_start, int64_t line, const char *at);

/* Appends a field, quoted if it must be, with a comma before it unless `first`. */
void csv_write(struct buffer *out, bool first, struct str field);
void csv_write_end(struct buffer *out);

#endif
