/* SPDX-License-Identifier: Apache-2.0 */
/* CSV as spreadsheets write it, and what is written. */
#include "app/csv.h"

#include <stdlib.h>

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

static void check_end(void)
{
    CHECK_INT(csv_next(&reader, &arena, &row), ==, CSV_END);
}

static void check_broken(int64_t line, int64_t column)
{
    CHECK_INT(csv_next(&reader, &arena, &row), ==, CSV_BROKEN);
    CHECK(reader.error != 0);
    CHECK_INT(reader.at.line, ==, line);
    CHECK_INT(reader.at.column, ==, column);
}

TEST(plain_rows_with_any_line_end)
{
    static const char *const ends[] = {"\n", "\r\n", "\r"};

    for (size_t i = 0; i < 3; i++) {
        char text[64];
        snprintf(text, sizeof(text), "a,b,c%s1,,3%s%s%sx,y,z", ends[i], ends[i], ends[i], ends[i]);
        read(text);
        CHECK(next_is(3, "a", "c"));
        CHECK(next_is(3, "1", "3"));
        CHECK(next_is(3, "x", "z"));
        CHECK_INT(row.line, ==, 5);
        check_end();
    }
    read("a\rb\nc\r\nd\n\re");
    for (int i = 0; i < 5; i++) CHECK_INT(csv_next(&reader, &arena, &row), ==, CSV_ROW);
    CHECK(str_is(row.fields[0], "e"));
    CHECK_INT(row.line, ==, 6);
    check_end();
}

TEST(quoted_fields_hold_commas_quotes_and_lines)
{
    arena_init(&arena, 0);
    read("\"a,1\",\"say \"\"hi\"\"\"\n\"two\nlines\",last\n\"a\rb\r\nc\nd\",x\nend,row\n");
    CHECK(next_is(2, "a,1", "say \"hi\""));
    CHECK(next_is(2, "two\nlines", "last"));
    CHECK(next_is(2, "a\rb\r\nc\nd", "x"));
    CHECK_INT(row.line, ==, 4);
    CHECK(next_is(2, "end", "row"));
    CHECK_INT(row.line, ==, 8);
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

TEST(white_space_counts_between_quotes_only)
{
    read(" a , \" b \" ,\tc\t\n  ,x\n");
    CHECK(next_is(3, "a", "c"));
    CHECK(str_is(row.fields[1], " b "));
    CHECK(next_is(2, "", "x"));
    read("a\t b \t\n");
    reader.separator = '\t';
    CHECK(next_is(3, "a", ""));
    CHECK(str_is(row.fields[1], "b"));
}

TEST(other_separators_leave_commas_alone)
{
    read("a,b;\"c;d\";e\n");
    reader.separator = ';';
    CHECK(next_is(3, "a,b", "e"));
    CHECK(str_is(row.fields[1], "c;d"));
}

TEST(quotes_within_a_field_are_part_of_it)
{
    read("5\" pipe,x\n");
    CHECK(next_is(2, "5\" pipe", "x"));
}

TEST(broken_rows_are_named_by_place_and_passed_over)
{
    read("h,\"b\"c\ngood,row\n\xc3\xa9\xc3\xa9,\"never closed");
    check_broken(1, 3);
    CHECK_INT(row.count, ==, 1); /* what comes before is known */
    CHECK(str_is(row.fields[0], "h"));
    CHECK(next_is(2, "good", "row"));
    check_broken(3, 4); /* columns are characters */
    check_end();
}

TEST(an_unclosed_quote_swallows_its_own_line_only)
{
    read("a,\"b\nc,d\ne,f\n");
    check_broken(1, 3);
    CHECK(next_is(2, "c", "d"));
    CHECK_INT(row.line, ==, 2);
    CHECK(next_is(2, "e", "f"));
    check_end();
}

TEST(a_place_behind_quoted_lines_is_on_its_own_line)
{
    read("\"a\nb\",\"c\"d\nnext,row\n");
    check_broken(2, 4);
}

TEST(bytes_that_are_no_text_break_their_row_alone)
{
    static const char text[] = "a,b\xff,c\nd,e\nf\0g,h\n";

    csv_reader_init(&reader, str_sized(text, sizeof(text) - 1));
    check_broken(1, 4);
    CHECK_INT(row.count, ==, 1);
    CHECK(next_is(2, "d", "e"));
    check_broken(3, 2);
    CHECK_INT(row.count, ==, 0);
    check_end();
}

TEST(too_many_fields_are_refused)
{
    static char text[2 * CSV_FIELDS_MAX];

    memset(text, ',', sizeof(text) - 1);
    read(text);
    check_broken(1, CSV_FIELDS_MAX + 1);
    check_end();
}

TEST(fields_and_rows_have_limits)
{
    size_t size = (size_t)CSV_ROW_SIZE_MAX + CSV_FIELD_SIZE_MAX;
    char *text = malloc(size);

    arena_init(&arena, 0);
    memset(text, 'x', size);
    memcpy(text, "a,\"", 3);
    text[CSV_FIELD_SIZE_MAX + 100] = '"';
    text[CSV_FIELD_SIZE_MAX + 101] = '\n';
    csv_reader_init(&reader, str_sized(text, CSV_FIELD_SIZE_MAX + 102));
    check_broken(1, 3);
    text[2] = 'x';
    csv_reader_init(&reader, str_sized(text, CSV_FIELD_SIZE_MAX + 100));
    check_broken(1, 3);
    memset(text, 'x', size);
    for (size_t i = 0; i < size; i += CSV_FIELD_SIZE_MAX / 2) text[i] = ',';
    csv_reader_init(&reader, str_sized(text, size));
    CHECK_INT(csv_next(&reader, &arena, &row), ==, CSV_BROKEN);
    free(text);
    arena_release(&arena);
}

TEST(what_is_written_reads_back)
{
    static const char *const fields[] = {
        "plain", "with, comma", "with \"quotes\"", "two\nlines", " edge ",
        "",      "\ttab\t",     "lone\rCR",        "semi;colon",
    };
    enum { COUNT = sizeof(fields) / sizeof(fields[0]) };
    struct buffer out;

    arena_init(&arena, 0);
    buffer_init(&out, 4096);
    for (int i = 0; i < COUNT; i++) csv_write(&out, i == 0, str_of(fields[i]));
    csv_write_end(&out);
    csv_reader_init(&reader, buffer_str(&out));
    CHECK_INT(csv_next(&reader, &arena, &row), ==, CSV_ROW);
    CHECK_INT(row.count, ==, COUNT);
    for (int i = 0; i < COUNT; i++) CHECK(str_is(row.fields[i], fields[i]));
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

TEST(rows_that_run_on_are_not_read_again_from_each_of_their_lines)
{
    enum { LINES = 20000, WIDTH = 5 };
    char *text = malloc(LINES * WIDTH + 1);
    int broken = 0;

    for (size_t i = 0; i < LINES; i++) memcpy(text + i * WIDTH, "a\",\"\n", WIDTH);
    text[(size_t)LINES * WIDTH] = 0;
    arena_init(&arena, 0);
    read(text);
    while (csv_next(&reader, &arena, &row) == CSV_BROKEN) {
        CHECK_INT(reader.line - row.line, >=, 1);
        broken++;
    }
    CHECK_INT(broken, >, 0);
    CHECK_INT(broken, <, LINES / 32);
    arena_release(&arena);
    free(text);
}
