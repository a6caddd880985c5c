/* SPDX-License-Identifier: Apache-2.0 */
/* Encodings, as spreadsheets save them. */
#include "app/csv_text.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/test.h"

static struct arena arena;
static struct csv_text text;

static void decode(struct str bytes)
{
    arena_init(&arena, 0);
    CHECK_OK(csv_text_read(&arena, bytes, &text));
}

static void close_text(void)
{
    csv_text_close(&text);
    arena_release(&arena);
}

TEST(utf8_with_and_without_a_mark_is_left_as_it_is)
{
    decode(STR("caf\xc3\xa9\n"));
    CHECK(str_is(text.text, "caf\xc3\xa9\n"));
    CHECK(text.is_clean && text.encoding == CSV_UTF8 && text.foreign_line == 0);
    close_text();
    decode(STR("\xef\xbb\xbf"
               "a\n"));
    CHECK(str_is(text.text, "a\n") && text.encoding == CSV_UTF8);
    close_text();
}

TEST(utf16_is_recognised_by_its_mark)
{
    decode(STR("\xff\xfe"
               "a\0\xe9\0\n\0\x3d\xd8\x00\xde"));
    CHECK(str_is(text.text, "a\xc3\xa9\n\xf0\x9f\x98\x80"));
    CHECK(text.is_clean && text.encoding == CSV_UTF16LE);
    close_text();
    decode(STR("\xfe\xff\0a\0\xe9\xd8\x3d\xde\x00"));
    CHECK(str_is(text.text, "a\xc3\xa9\xf0\x9f\x98\x80"));
    CHECK_STR(csv_encoding_name(text.encoding), "UTF-16");
    close_text();
}

TEST(half_characters_of_utf16_are_foreign)
{
    decode(STR("\xff\xfe"
               "a\0\x3d\xd8"
               "b\0\n\0"
               "c\0\xe9"));
    CHECK(str_is(text.text, "a\xff"
                            "b\nc\xff"));
    CHECK(!text.is_clean);
    close_text();
}

TEST(a_file_that_is_not_utf8_is_windows_1252)
{
    decode(STR("one\ntwo\r\nM\xfcller \x80 5 \x93quoted\x94\n"));
    CHECK(str_is(text.text, "one\ntwo\r\nM\xc3\xbcller \xe2\x82\xac 5 "
                            "\xe2\x80\x9cquoted\xe2\x80\x9d\n"));
    CHECK(text.is_clean && text.encoding == CSV_WINDOWS_1252);
    CHECK_INT(text.foreign_line, ==, 3);
    close_text();
    /* What has no meaning there either stays foreign. */
    decode(STR("\xfc\x81\n"));
    CHECK(str_is(text.text, "\xc3\xbc\xff\n"));
    CHECK(!text.is_clean);
    close_text();
    /* An accented capital before a closing quote looks like UTF-8, and outnumbers nothing. */
    decode(STR("\x93"
               "CAF\xc9\x94 M\xfcller\n"));
    CHECK_INT(text.encoding, ==, CSV_WINDOWS_1252);
    close_text();
}

TEST(a_damaged_byte_makes_no_other_encoding_of_a_file)
{
    decode(STR("caf\xc3\xa9\nth\xc3\xa9\nb\xe9\n"));
    CHECK_INT(text.encoding, ==, CSV_UTF8);
    CHECK(!text.is_clean);
    CHECK_INT(text.foreign_line, ==, 3);
    close_text();
    decode(STR("a\0b\n0123456789"));
    CHECK(!text.is_clean && text.encoding == CSV_UTF8);
    close_text();
}

TEST(what_no_table_has_is_refused)
{
    arena_init(&arena, 0);
    CHECK_INT(csv_text_read(&arena, STR(""), &text).code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(csv_text_read(&arena, STR("\xff\xfe"), &text).code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(csv_text_read(&arena, STR("H\0a\0n\0d\0"), &text).code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(csv_text_open(&arena, "/", &text).code, ==, STATUS_INVALID_ARGUMENT);
    CHECK(failed(csv_text_open(&arena, "/no/such/file", &text)));
    arena_release(&arena);
}

TEST(a_pipe_is_read_to_its_end)
{
    int ends[2];
    char path[32];

    arena_init(&arena, 0);
    CHECK(pipe(ends) == 0);
    CHECK_INT(write(ends[1], "a,b\n\xfc,d\n", 8), ==, 8);
    close(ends[1]);
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    CHECK_OK(csv_text_open(&arena, path, &text));
    CHECK(str_is(text.text, "a,b\n\xc3\xbc,d\n"));
    close(ends[0]);
    close_text();
}

TEST(an_endless_line_is_refused_without_reading_on)
{
    arena_init(&arena, 0);
    struct status st = csv_text_open(&arena, "/dev/zero", &text);
    CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
    CHECK(strstr(st.message, "line 1 is longer than 64 MiB"));
    arena_release(&arena);
}

TEST(a_text_stays_when_its_file_is_truncated)
{
    enum { SIZE = 100 * 1000 };
    static char bytes[SIZE];
    char path[] = "/tmp/csv-text-XXXXXX";
    int file = mkstemp(path);

    arena_init(&arena, 0);
    memset(bytes, 'a', SIZE);
    CHECK(file >= 0);
    CHECK_INT(write(file, bytes, SIZE), ==, SIZE);
    CHECK_OK(csv_text_open(&arena, path, &text));
    csv_text_forget(&text, text.text.data + SIZE);
    CHECK(ftruncate(file, 0) == 0);
    CHECK(str_equal(text.text, str_sized(bytes, SIZE)));
    unlink(path);
    close(file);
    close_text();
}

TEST(a_large_text_is_converted_piece_by_piece)
{
    enum { SIZE = 300 * 1000 };
    static char bytes[SIZE];

    memset(bytes, '\xe4', SIZE);
    decode(str_sized(bytes, SIZE));
    CHECK_INT(text.text.length, ==, 2 * SIZE);
    CHECK(text.is_clean);
    close_text();
}
