/* SPDX-License-Identifier: Apache-2.0 */
#include "app/csv.h"

#include "base/test.h"

static struct arena arena;
static struct csv_reader reader;
static struct csv_row row;

static void read(const char *text)
{
    csv_reader_init(&reader, str_of(text));
}

static bool next_is(size_t count, const char *first, const char *last)
{
    if (csv_next(&reader, &arena, &row) != CSV_ROW) return false;
    return row.count == count && str_is(row.fields[0], first) &&
           str_is(row.fields[count - 1], last);
}

TEST(plain_rows_with_either_line_end)
{
    read("a,b,c\r\n1,,3\n\n\nx,y,z");
    CHECK(next_is(3, "a", "c"));
    CHECK(next_is(3, "1", "3"));
    CHECK(next_is(3, "x", "z"));
    CHECK_INT(row.line, ==, 5);
    CHECK_INT(csv_next(&reader, &arena, &row), ==, CSV_END);
}

TEST(quoted_fields_hold_commas_quotes_and_lines)
{
    arena_init(&arena, 0);
    read("\"a,1\",\"say \"\"hi\"\"\"\n\"two\nlines\",last\nend,row\n");
    CHECK(next_is(2, "a,1", "say \"hi\""));
    CHECK(next_is(2, "two\nlines", "last"));
    CHECK(next_is(2, "end", "row"));
    CHECK_INT(row.line, ==, 4);
    arena_release(&arena);
}

TEST(a_byte_order_mark_is_no_part_of_the_first_field)
{
    read("\xef\xbb\xbfHandle,Title\n");
    CHECK(next_is(2, "Handle", "Title"));
}

TEST(a_trailing_comma_is_an_empty_field)
{
    read("a,\n,\n");
    CHECK(next_is(2, "a", ""));
    CHECK(next_is(2, "", ""));
}

TEST(broken_rows_are_named_and_passed_over)
{
    read("a,\"b\"c\ngood,row\n\"never closed");
    CHECK_INT(csv_next(&reader, &arena, &row), ==, CSV_BROKEN);
    CHECK(reader.error != 0);
    CHECK(next_is(2, "good", "row"));
    CHECK_INT(csv_next(&reader, &arena, &row), ==, CSV_BROKEN);
    CHECK_INT(csv_next(&reader, &arena, &row), ==, CSV_END);
}

TEST(too_many_fields_are_refused)
{
    char text[400];

    memset(text, ',', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    read(text);
    CHECK_INT(csv_next(&reader, &arena, &row), ==, CSV_BROKEN);
}

TEST(what_is_written_reads_back)
{
    static const char *const fields[] = {"plain",      "with, comma", "with \"quotes\"",
                                         "two\nlines", " edge ",      ""};
    struct buffer out;

    arena_init(&arena, 0);
    buffer_init(&out, 4096);
    for (int i = 0; i < 6; i++) csv_write(&out, i == 0, str_of(fields[i]));
    csv_write_end(&out);
    csv_reader_init(&reader, buffer_str(&out));
    CHECK_INT(csv_next(&reader, &arena, &row), ==, CSV_ROW);
    CHECK_INT(row.count, ==, 6);
    for (int i = 0; i < 6; i++) CHECK(str_is(row.fields[i], fields[i]));
    buffer_release(&out);
    arena_release(&arena);
}

TEST(formulas_are_guarded_and_read_back)
{
    static const char *const fields[] = {
        "=1+1",     "@SUM(A1)",   "+cmd|' /C calc'!A0",
        "-2+3",     "\t=1",       "\r=1",
        "'=1",      "''=1",       "\uff1d1",
        "-5",       "+5.50",      "'-5",
        "'quoted'", "a=b",        "-",
        "",         "=\"a\",\nb",
    };
    enum { COUNT = sizeof(fields) / sizeof(fields[0]) };
    struct buffer out;

    arena_init(&arena, 0);
    buffer_init(&out, 4096);
    for (size_t i = 0; i < COUNT; i++) csv_write(&out, i == 0, str_of(fields[i]));
    csv_write_end(&out);
    csv_reader_init(&reader, buffer_str(&out));
    CHECK(csv_next(&reader, &arena, &row) == CSV_ROW);
    CHECK_INT(row.count, ==, COUNT);
    for (size_t i = 0; i < COUNT; i++) CHECK(str_is(row.fields[i], fields[i]));
    buffer_release(&out);
    arena_release(&arena);
}

static const char *written(const char *field)
{
    static char text[64];
    struct buffer out;

    buffer_init(&out, sizeof(text));
    csv_write(&out, true, str_of(field));
    snprintf(text, sizeof(text), "%.*s", STR_ARGS(buffer_str(&out)));
    buffer_release(&out);
    return text;
}

TEST(an_apostrophe_stands_before_what_a_spreadsheet_would_run)
{
    CHECK_STR(written("=1+1"), "'=1+1");
    CHECK_STR(written("=A1,\"x\""), "\"'=A1,\"\"x\"\"\"");
    CHECK_STR(written("'=1"), "''=1");
    CHECK_STR(written("-5"), "-5");
    CHECK_STR(written("+5"), "+5");
    CHECK_STR(written("-5x"), "'-5x");
    CHECK_STR(written("it's"), "it's");
    CHECK_STR(written("'n Roll"), "'n Roll");
}

TEST(an_unclosed_quote_swallows_its_own_line_only)
{
    read("a,\"b\nc,d\ne,f\n");
    CHECK_INT(csv_next(&reader, &arena, &row), ==, CSV_BROKEN);
    CHECK_INT(row.line, ==, 1);
    CHECK(next_is(2, "c", "d"));
    CHECK_INT(row.line, ==, 2);
    CHECK(next_is(2, "e", "f"));
    CHECK_INT(csv_next(&reader, &arena, &row), ==, CSV_END);
}
