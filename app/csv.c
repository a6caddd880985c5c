/* SPDX-License-Identifier: Apache-2.0 */
#include "app/csv.h"

#include <string.h>

void csv_reader_init(struct csv_reader *reader, struct str text)
{
    static const char mark[] = "\xef\xbb\xbf";

    if (str_starts_with(text, STR(mark))) text = str_sized(text.data + 3, text.length - 3);
    *reader = (struct csv_reader){text.data, text.data, text.data + text.length, 1, 0};
}

static bool at_break(const struct csv_reader *reader)
{
    return reader->next == reader->end || *reader->next == '\n' ||
           (*reader->next == '\r' && reader->next + 1 < reader->end && reader->next[1] == '\n');
}

static void pass_break(struct csv_reader *reader)
{
    if (reader->next < reader->end && *reader->next == '\r') reader->next++;
    if (reader->next < reader->end && *reader->next == '\n') {
        reader->next++;
        reader->line++;
    }
}

/* Goes to the next line after an error. Quotes can't be trusted there, so it is the next line break
 * that counts. */
static enum csv_result broken(struct csv_reader *reader, const char *start, int64_t line,
                              const char *error)
{
    reader->error = error;
    reader->next = start;
    reader->line = line;
    while (reader->next < reader->end && *reader->next != '\n') reader->next++;
    pass_break(reader);
    return CSV_BROKEN;
}

/* Between quotes; the reader stands behind the first one. NULL data when the closing quote is
 * missing. */
static struct str read_quoted(struct csv_reader *reader, struct arena *arena)
{
    const char *start = reader->next;
    size_t doubled = 0;

    for (;; reader->next++) {
        if (reader->next == reader->end) return (struct str){0};
        if (*reader->next == '\n') reader->line++;
        if (*reader->next != '"') continue;
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

static struct str read_plain(struct csv_reader *reader)
{
    const char *start = reader->next;

    while (!at_break(reader) && *reader->next != ',') reader->next++;
    return str_sized(start, (size_t)(reader->next - start));
}

/* ---- formulas ---- */

static bool is_number(struct str text)
{
    double value;

    return str_to_double(text, &value) ||
           (text.length > 1 && text.data[0] == '+' &&
            str_to_double(str_sized(text.data + 1, text.length - 1), &value));
}

/* Would a spreadsheet run it? Also in the wide forms that some of them take for the same. */
static bool is_formula(struct str text)
{
    static const char *const wide[] = {"\uff1d", "\uff0b", "\uff0d", "\uff20"};

    if (text.length == 0) return false;
    if (strchr("=+-@\t\r\n", text.data[0])) return text.data[0] && !is_number(text);
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
        if (str_starts_with(text, str_of(wide[i]))) return true;
    return false;
}

/* Apostrophes, and then a formula: that is how it is kept from running. */
static bool is_guarded(struct str text)
{
    size_t marks = 0;

    while (marks < text.length && text.data[marks] == '\'') marks++;
    return marks > 0 && is_formula(str_sized(text.data + marks, text.length - marks));
}

enum csv_result csv_next(struct csv_reader *reader, struct arena *arena, struct csv_row *ret_row)
{
    while (reader->next < reader->end && at_break(reader)) pass_break(reader);
    if (reader->next == reader->end) return CSV_END;

    const char *start = reader->next;
    int64_t line = reader->line;
    ret_row->count = 0;
    ret_row->line = line;
    for (;;) {
        if (ret_row->count == CSV_FIELDS_MAX)
            return broken(reader, start, line, "the row has more than 256 fields");
        struct str field;
        if (reader->next < reader->end && *reader->next == '"') {
            reader->next++;
            field = read_quoted(reader, arena);
            if (!field.data) return broken(reader, start, line, "a quote is opened and not closed");
            if (!at_break(reader) && *reader->next != ',')
                return broken(reader, start, line, "a quoted field goes on behind its quote");
        } else {
            field = read_plain(reader);
        }
        if (field.length > CSV_FIELD_SIZE_MAX)
            return broken(reader, start, line, "a field is longer than 1 MiB");
        if (is_guarded(field)) field = str_sized(field.data + 1, field.length - 1);
        ret_row->fields[ret_row->count++] = field;
        if (at_break(reader)) break;
        reader->next++; /* the comma */
    }
    pass_break(reader);
    return CSV_ROW;
}

static bool needs_quotes(struct str field)
{
    for (size_t i = 0; i < field.length; i++) {
        char c = field.data[i];
        if (c == '"' || c == ',' || c == '\n' || c == '\r') return true;
    }
    return field.length > 0 && (field.data[0] == ' ' || field.data[field.length - 1] == ' ');
}

void csv_write(struct buffer *out, bool first, struct str field)
{
    bool guard = is_formula(field) || is_guarded(field);

    if (!first) buffer_append_byte(out, ',');
    if (!needs_quotes(field)) {
        if (guard) buffer_append_byte(out, '\'');
        buffer_append_str(out, field);
        return;
    }
    buffer_append_byte(out, '"');
    if (guard) buffer_append_byte(out, '\'');
    for (size_t i = 0; i < field.length; i++) {
        if (field.data[i] == '"') buffer_append_byte(out, '"');
        buffer_append_byte(out, field.data[i]);
    }
    buffer_append_byte(out, '"');
}

void csv_write_end(struct buffer *out)
{
    buffer_append_byte(out, '\n');
}
