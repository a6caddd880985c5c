/* SPDX-License-Identifier: Apache-2.0 */
/* The writing side of csv.h, and what a spreadsheet would run. */
#include "app/csv.h"
#include "app/csv_formula.h"

static bool is_number(struct str text)
{
    double value;

    return str_to_double(text, &value) ||
           (text.length > 1 && text.data[0] == '+' &&
            str_to_double(str_sized(text.data + 1, text.length - 1), &value));
}

/* Also in the wide forms that some spreadsheets take for the same. */
bool csv_is_formula(struct str text)
{
    static const char *const wide[] = {"\uff1d", "\uff0b", "\uff0d", "\uff20"};

    if (text.length == 0) return false;
    if (strchr("=+-@\t\r\n", text.data[0])) return text.data[0] && !is_number(text);
    if (text.data[0] != wide[0][0]) return false;
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
        if (str_starts_with(text, str_of(wide[i]))) return true;
    return false;
}

bool csv_is_guarded(struct str text)
{
    size_t marks = 0;

    while (marks < text.length && text.data[marks] == '\'') marks++;
    return marks > 0 && csv_is_formula(str_sized(text.data + marks, text.length - marks));
}

static bool is_edge(char byte)
{
    return byte == ' ' || byte == '\t';
}

static bool needs_quotes(struct str field)
{
    for (size_t i = 0; i < field.length; i++) {
        char c = field.data[i];
        if (c == '"' || c == ',' || c == '\n' || c == '\r') return true;
    }
    return field.length > 0 && (is_edge(field.data[0]) || is_edge(field.data[field.length - 1]));
}

void csv_write(struct buffer *out, bool first, struct str field)
{
    bool guard = csv_is_formula(field) || csv_is_guarded(field);

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
