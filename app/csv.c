/* SPDX-License-Identifier: Apache-2.0 */
/* The reading side of csv.h. */
#include "app/csv.h"

#include "app/csv_formula.h"

void csv_reader_init(struct csv_reader *reader, struct str text)
{
    static const char mark[] = "\xef\xbb\xbf";

    if (str_starts_with(text, STR(mark))) text = str_sized(text.data + 3, text.length - 3);
    *reader = (struct csv_reader){.start = text.data,
                                  .next = text.data,
                                  .end = text.data + text.length,
                                  .line = 1,
                                  .separator = ','};
}

void csv_seek(struct csv_reader *reader, const char *start, int64_t line)
{
    reader->next = start;
    reader->line = line;
}

static bool at_break(const struct csv_reader *reader)
{
    return reader->next == reader->end || *reader->next == '\n' || *reader->next == '\r';
}

/* CR and LF together are one break. */
static void pass_break(struct csv_reader *reader)
{
    if (reader->next == reader->end) return;
    if (*reader->next == '\r' && reader->next + 1 < reader->end && reader->next[1] == '\n')
        reader->next++;
    reader->next++;
    reader->line++;
}

/* ---- places ---- */

struct csv_place csv_place_at(const char *row_start, int64_t line, const char *at)
{
    struct csv_place place = {line, 1};

    for (const char *next = row_start; next < at; next++) {
        if (*next == '\n' || (*next == '\r' && (next + 1 == at || next[1] != '\n'))) {
            place.line++;
            place.column = 1;
        } else if (((uint8_t)*next & 0xc0) != 0x80 && *next != '\r') {
            place.column++;
        }
    }
    return place;
}

/* Goes to the next line after an error. Quotes can't be trusted there, so it is the next line break
 * that counts. Of a long row a part is passed, so that a file is not read a thousand times whose
 * every line begins a row of the next thousand lines. */
static enum csv_result broken(struct csv_reader *reader, const struct csv_row *row, const char *at,
                              const char *error)
{
    enum { TIMES_READ = 16 };
    const char *from = row->start + (at - row->start) / TIMES_READ;

    reader->error = error;
    reader->at = csv_place_at(row->start, row->line, at);
    csv_seek(reader, row->start, row->line);
    do {
        while (!at_break(reader)) reader->next++;
        pass_break(reader);
    } while (reader->next < from);
    return CSV_BROKEN;
}

/* ---- fields ---- */

/* The next byte that is `byte`, a line break or another control character; `end` if none is. */
static const char *pass_others(const char *next, const char *end, char byte)
{
    while (next < end && (uint8_t)*next > '\r' && *next != byte) next++;
    return next;
}

/* Between quotes; the reader stands behind the first one. NULL data when the closing quote is
 * missing, or too far away. */
static struct str read_quoted(struct csv_reader *reader, struct arena *arena)
{
    const char *start = reader->next;
    const char *end = reader->end - start > CSV_FIELD_SIZE_MAX ? start + CSV_FIELD_SIZE_MAX + 1
                                                               : reader->end;
    size_t doubled = 0;

    for (;; reader->next++) {
        reader->next = pass_others(reader->next, end, '"');
        if (reader->next >= end) return (struct str){0};
        char byte = *reader->next;
        if (byte == '\n' ||
            (byte == '\r' && reader->next + 1 < reader->end && reader->next[1] != '\n'))
            reader->line++;
        if (byte != '"') continue;
        if (reader->next + 1 == reader->end || reader->next[1] != '"') break;
        doubled++;
        reader->next++;
    }
    struct str raw = str_sized(start, (size_t)(reader->next - start));
    reader->next++;
    if (doubled == 0) return raw;

    char *text = arena_alloc(arena, raw.length), *to = text;
    for (size_t i = 0; i < raw.length; i++) {
        *to++ = raw.data[i];
        if (raw.data[i] == '"') i++;
    }
    return str_sized(text, (size_t)(to - text));
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static struct str read_plain(struct csv_reader *reader)
{
    const char *start = reader->next, *end;

    for (;; reader->next++) {
        reader->next = pass_others(reader->next, reader->end, reader->separator);
        if (at_break(reader) || *reader->next == reader->separator) break;
    }
    for (end = reader->next; end > start && is_blank(end[-1]); end--) continue;
    while (start < end && is_blank(*start)) start++;
    return str_sized(start, (size_t)(end - start));
}

/* Spaces may stand around quotes too. */
static void pass_blanks(struct csv_reader *reader)
{
    while (reader->next < reader->end && is_blank(*reader->next) &&
           *reader->next != reader->separator)
        reader->next++;
}

/* One field; false with *ret_error if it is broken. */
static bool read_field(struct csv_reader *reader, struct arena *arena, struct str *ret_field,
                       const char **ret_error)
{
    if (reader->next < reader->end && is_blank(*reader->next)) pass_blanks(reader);
    if (reader->next == reader->end || *reader->next != '"') {
        *ret_field = read_plain(reader);
        *ret_error = "a field has more than 1 MiB";
        return ret_field->length <= CSV_FIELD_SIZE_MAX;
    }
    reader->next++;
    *ret_field = read_quoted(reader, arena);
    *ret_error = "a quote is opened here and not closed within 1 MiB, or before the file ends: "
                 "close it, or double it if it is part of the text";
    if (!ret_field->data) return false;
    pass_blanks(reader);
    *ret_error =
        "text follows the closing quote of a field: double the quotes that are part of the text";
    return at_break(reader) || *reader->next == reader->separator;
}

/* ---- rows ---- */

/* The first byte that is NUL or not UTF-8, with why it is refused; NULL if there is none. */
static const char *find_foreign(const char *start, const char *end, const char **ret_error)
{
    for (const char *next = start; next < end;) {
        size_t length = (uint8_t)*next < 0x80
                            ? 1
                            : str_utf8_length(str_sized(next, (size_t)(end - next)));
        *ret_error = *next ? "a character here cannot be read: save the file as UTF-8"
                           : "there is a NUL byte here: remove it";
        if (length == 0 || !*next) return next;
        next += length;
    }
    return NULL;
}

/* The row is whole; may its text be used? */
static enum csv_result checked(struct csv_reader *reader, struct csv_row *row, const char *end)
{
    const char *foreign;

    if (reader->is_clean) return CSV_ROW;
    foreign = find_foreign(row->start, end, &reader->error);
    if (!foreign) return CSV_ROW;
    reader->at = csv_place_at(row->start, row->line, foreign);
    while (row->count > 0 && row->starts[row->count - 1] > foreign) row->count--;
    if (row->count > 0) row->count--; /* the one that it is in */
    return CSV_BROKEN;
}

enum csv_result csv_next(struct csv_reader *reader, struct arena *arena, struct csv_row *ret_row)
{
    struct csv_row *row = ret_row;
    const char *error;

    while (reader->next < reader->end && at_break(reader)) pass_break(reader);
    if (reader->next == reader->end) return CSV_END;

    row->count = 0;
    row->start = reader->next;
    row->line = reader->line;
    for (;;) {
        const char *start = reader->next;
        struct str field;
        if (row->count == CSV_FIELDS_MAX)
            return broken(reader, row, start, "the row has more than 1024 fields");
        if (!read_field(reader, arena, &field, &error)) return broken(reader, row, start, error);
        if (reader->next - row->start > CSV_ROW_SIZE_MAX)
            return broken(reader, row, start, "the row has more than 8 MiB");
        if (field.length > 0 && field.data[0] == '\'' && csv_is_guarded(field))
            field = str_sized(field.data + 1, field.length - 1);
        row->starts[row->count] = start;
        row->fields[row->count++] = field;
        if (at_break(reader)) break;
        reader->next++; /* the separator */
    }
    const char *end = reader->next;
    pass_break(reader);
    return checked(reader, row, end);
}
