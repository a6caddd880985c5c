/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the JSON reader and writer: the grammar, escapes, UTF-8, limits, and random input. */
#include "base/json.h"

#include <math.h>

#include "base/random.h"
#include "base/test.h"

/* A copy at the very end of a heap block, so that the sanitizer sees a read past it. */
static char *exact(struct str text)
{
    char *copy = malloc(text.length ? text.length : 1);

    if (text.length) memcpy(copy, text.data, text.length);
    return copy;
}

/* One letter per token: { } [ ] k s n t f 0, and . for the end or ! for an error. */
static const char *shape_to_depth(struct str text, int depth)
{
    static const char letters[] = "!.{}[]ksntf0";
    static char shape[200];
    struct json_reader reader;
    enum json_token token;
    size_t length = 0;

    char *copy = exact(text);
    json_reader_init(&reader, str_sized(copy, text.length), depth);
    do {
        token = json_next(&reader);
        shape[length++] = letters[token];
    } while (token != JSON_END && token != JSON_ERROR && length < sizeof(shape) - 1);
    shape[length] = 0;
    if (token == JSON_ERROR) EXPECT(reader.error && json_next(&reader) == JSON_ERROR);
    if (token == JSON_END) EXPECT(json_next(&reader) == JSON_END);
    EXPECT(json_offset(&reader) <= text.length);
    free(copy);
    return shape;
}

static const char *shape(const char *text)
{
    return shape_to_depth(str_of(text), 8);
}

TEST(kinds_of_values_are_distinguished)
{
    CHECK_STR(shape("{}"), "{}.");
    CHECK_STR(shape("[]"), "[].");
    CHECK_STR(shape(" \t\r\n1 \t\r\n"), "n.");
    CHECK_STR(shape("\"\""), "s.");
    CHECK_STR(shape("true"), "t.");
    CHECK_STR(shape("false"), "f.");
    CHECK_STR(shape("null"), "0.");
    CHECK_STR(shape("{\"a\":1,\"b\":[true,false,null,\"x\",{}],\"c\":{\"d\":[]}}"),
              "{knk[tf0s{}]k{k[]}}.");
    CHECK_STR(shape(" { \"a\" : [ 1 , 2 ] , \"b\" : { } } "), "{k[nn]k{}}.");
    CHECK_STR(shape("[[],[[]],{\"a\":[{}]}]"), "[[][[]]{k[{}]}].");
}

TEST(invalid_json_is_refused)
{
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,}",
        "{1:2}",
        "{a:1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1]",
        "1 2",
        "{} {}",
        "tru",
        "truE",
        "nul",
        "nulll",
        "True",
        "NaN",
        "Infinity",
        "'a'",
        "\"a",
        "\"a\\\"",
        "\"\\",
        "\xef\xbb\xbf{}",
        "// x\n1",
        "1,",
        "[1]]",
        "{}}",
        "\"a\nb\"",
        "\"a\tb\"",
        "undefined",
        "+1",
        ".5",
        "\"\x1f\"",
        ":",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(strchr(shape(bad[i]), '!') != 0);
    CHECK(strchr(shape_to_depth(STR("1\0"), 8), '!') != 0);
    CHECK(strchr(shape_to_depth(STR("\"a\0b\""), 8), '!') != 0);
    CHECK(strchr(shape_to_depth((struct str){0}, 8), '!') != 0);
}

TEST(numbers_are_those_of_the_grammar)
{
    static const char *const good[] = {"0",     "-0",  "10",  "1.5",
                                       "-1.05", "1e5", "1E5", "1e+5",
                                       "1e-05", "0.0", "0e0", "123456789012345678901"};
    static const char *const bad[] = {"-",   "01",  "-01", "1.",   "1.e5",  "1e", "1e+",
                                      "--1", "0x1", "1_0", "1e5.", "1.2.3", "-a", "00"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) CHECK_STR(shape(good[i]), "n.");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(strchr(shape(bad[i]), '!') != 0);
}

TEST(depth_is_bounded)
{
    char text[200];

    CHECK_STR(shape_to_depth(STR("[[[1]]]"), 3), "[[[n]]].");
    CHECK_STR(shape_to_depth(STR("[[[1]]]"), 2), "[[!");
    CHECK_STR(shape_to_depth(STR("{\"a\":{\"b\":{}}}"), 2), "{k{k!");
    CHECK_STR(shape_to_depth(STR("[[],[],{}]"), 2), "[[][]{}].");
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    CHECK(strchr(shape_to_depth(str_sized(text, 2 * JSON_DEPTH_MAX), JSON_DEPTH_MAX), '.') != 0);
    memset(text, '[', sizeof(text));
    CHECK(strchr(shape_to_depth(str_sized(text, sizeof(text)), JSON_DEPTH_MAX), '!') != 0);
}

/* The text of a JSON string; its data is NULL on an error. */
static struct str text_of(struct arena *arena, const char *json)
{
    struct json_reader reader;

    json_reader_init(&reader, str_of(json), 1);
    if (json_next(&reader) != JSON_STRING || json_next(&reader) != JSON_END) return (struct str){0};
    return json_string(&reader, arena);
}

TEST(escapes_are_decoded)
{
    struct arena arena;

    arena_init(&arena, 0);
    CHECK(str_is(text_of(&arena, "\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\""), "a\"\\/\b\f\n\r\tz"));
    CHECK(str_is(text_of(&arena, "\"\\u0041\\u00e9\\u20AC\""), "A\xc3\xa9\xe2\x82\xac"));
    CHECK(str_is(text_of(&arena, "\"\\ud83d\\uDED2\""), "\xf0\x9f\x9b\x92"));
    CHECK(str_is(text_of(&arena, "\"\\uffff\\udbff\\udfff\""), "\xef\xbf\xbf\xf4\x8f\xbf\xbf"));
    CHECK(str_equal(text_of(&arena, "\"a\\u0000b\""), STR("a\0b")));
    CHECK(str_is(text_of(&arena, "\"caf\xc3\xa9\""), "caf\xc3\xa9"));
    CHECK(str_is(text_of(&arena, "\"\x7f\""), "\x7f"));
    arena_release(&arena);
}

TEST(broken_escapes_and_lone_surrogates_are_refused)
{
    static const char *const bad[] = {
        "\"\\x\"",
        "\"\\u\"",
        "\"\\u12\"",
        "\"\\u123g\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83dx\"",
        "\"\\ud83d\\n\"",
        "\"\\ud83d\\u0041\"",
        "\"\\U0041\"",
        "\"\\ud83d\\ud83d\"",
        "\"\\u-123\"",
        "\"\\ud83d\\u\"",
        "\"\\\"",
    };
    struct arena arena;

    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) CHECK(!text_of(&arena, bad[i]).data);
    arena_release(&arena);
}

TEST(strings_that_are_not_utf8_are_refused)
{
    CHECK_STR(shape("\"\xc3\xa9\""), "s.");
    CHECK_STR(shape("\"\xc3\""), "!");
    CHECK_STR(shape("\"\x80\""), "!");
    CHECK_STR(shape("\"\xc0\xaf\""), "!");
    CHECK_STR(shape("\"\xed\xa0\x80\""), "!");
    CHECK_STR(shape("\"0123456789abcdefghij\xff\""), "!");
    CHECK_STR(shape("{\"\xff\":1}"), "{!");
}

TEST(a_string_without_escapes_is_a_view)
{
    struct str json = STR("{\"key\":\"0123456789 and more than one block of sixteen\"}");
    struct json_reader reader;

    json_reader_init(&reader, json, 1);
    CHECK(json_next(&reader) == JSON_OBJECT);
    CHECK(json_next(&reader) == JSON_KEY);
    CHECK(json_string(&reader, 0).data == json.data + 2);
    CHECK_INT(json_offset(&reader), ==, 1);
    CHECK(json_next(&reader) == JSON_STRING);
    CHECK(json_string(&reader, 0).data == json.data + 8);
    CHECK_INT(json_offset(&reader), ==, 7);
}

/* Every length and position, so that all block sizes and tails occur. */
TEST(special_bytes_are_found_at_every_position)
{
    static const char odd[] = {'"', '\\', '\n', '\x1f', '\x80', '\0'};
    char text[80];

    for (size_t length = 0; length < 70; length++) {
        text[0] = '"';
        memset(text + 1, 'x', length);
        text[length + 1] = '"';
        CHECK_STR(shape_to_depth(str_sized(text, length + 2), 1), "s.");
        for (size_t at = 1; at <= length; at++) {
            text[at] = odd[(at + length) % sizeof(odd)];
            CHECK_STR(shape_to_depth(str_sized(text, length + 2), 1), text[at] == '"' ? "s!" : "!");
            text[at] = 'x';
        }
    }
}

TEST(errors_say_where)
{
    struct json_reader reader;

    json_reader_init(&reader, STR("{\"a\": 1, \"b\": tru}"), 8);
    while (json_next(&reader) != JSON_ERROR) {
    }
    CHECK_INT(json_offset(&reader), ==, 14);
    CHECK_STR(reader.error, "a value was expected");
    json_reader_init(&reader, STR("\"ab\\q\""), 8);
    CHECK(json_next(&reader) == JSON_ERROR);
    CHECK_INT(json_offset(&reader), ==, 3);
}

TEST(values_can_be_passed_over)
{
    struct json_reader reader;

    json_reader_init(&reader, STR("{\"a\":{\"x\":[1,{\"y\":[]}]},\"b\":2,\"c\":[]}"), 8);
    CHECK(json_next(&reader) == JSON_OBJECT);
    CHECK(json_next(&reader) == JSON_KEY);
    CHECK(json_skip(&reader, json_next(&reader)));
    CHECK(json_next(&reader) == JSON_KEY && str_is(reader.raw, "b"));
    CHECK(json_skip(&reader, json_next(&reader)));
    CHECK(json_next(&reader) == JSON_KEY && str_is(reader.raw, "c"));
    CHECK(json_skip(&reader, JSON_KEY));
    CHECK(json_next(&reader) == JSON_OBJECT_END);
    CHECK(json_next(&reader) == JSON_END);

    json_reader_init(&reader, STR("[[1,2,tru]]"), 8);
    CHECK(json_next(&reader) == JSON_ARRAY);
    CHECK(!json_skip(&reader, json_next(&reader)));
}

static struct buffer out;
static struct json_writer writer;

static void start(void)
{
    buffer_release(&out);
    buffer_init(&out, 1 << 20);
    json_writer_init(&writer, &out);
}

TEST(the_writer_sets_commas)
{
    start();
    json_object(&writer);
    json_member(&writer, "name", STR("T-Shirt"));
    json_key(&writer, STR("tags"));
    json_array(&writer);
    json_value_i64(&writer, -1);
    json_value_u64(&writer, UINT64_MAX);
    json_array(&writer);
    json_array_end(&writer);
    json_object(&writer);
    json_object_end(&writer);
    json_value_null(&writer);
    json_array_end(&writer);
    json_key(&writer, STR("in_stock"));
    json_value_bool(&writer, true);
    json_key(&writer, STR("sold"));
    json_value_bool(&writer, false);
    json_key(&writer, STR("raw"));
    json_value_raw(&writer, STR("[1]"));
    json_key(&writer, STR("price"));
    json_value_double(&writer, 19.99);
    json_object_end(&writer);
    CHECK(str_is(buffer_str(&out),
                 "{\"name\":\"T-Shirt\",\"tags\":[-1,18446744073709551615,[],{},null],"
                 "\"in_stock\":true,\"sold\":false,\"raw\":[1],\"price\":19.99}"));
    buffer_release(&out);
}

static bool writes(struct str text, const char *expected)
{
    start();
    json_value_string(&writer, text);
    bool same = str_is(buffer_str(&out), expected);
    buffer_release(&out);
    return same;
}

TEST(the_writer_escapes_and_replaces_invalid_utf8)
{
    CHECK(writes(STR(""), "\"\""));
    CHECK(writes((struct str){0}, "\"\""));
    CHECK(writes(STR("a\"b\\c/"), "\"a\\\"b\\\\c/\""));
    CHECK(writes(STR("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\""));
    CHECK(writes(STR("\x00\x1f\x01\x7f"), "\"\\u0000\\u001f\\u0001\x7f\""));
    CHECK(writes(STR("caf\xc3\xa9 \xf0\x9f\x9b\x92!"), "\"caf\xc3\xa9 \xf0\x9f\x9b\x92!\""));
    CHECK(writes(STR("a\xff\xc3z"), "\"a\xef\xbf\xbd\xef\xbf\xbdz\""));
    CHECK(writes(STR("0123456789abcdef\n0123456789abcdef\xe2\x82"),
                 "\"0123456789abcdef\\n0123456789abcdef\xef\xbf\xbd\xef\xbf\xbd\""));
}

TEST(numbers_that_json_lacks_are_strings)
{
    start();
    json_array(&writer);
    json_value_double(&writer, (double)NAN);
    json_value_double(&writer, (double)INFINITY);
    json_value_float(&writer, -INFINITY);
    json_value_float(&writer, 0.1f);
    json_value_double(&writer, -0.0);
    json_array_end(&writer);
    CHECK(str_is(buffer_str(&out), "[\"NaN\",\"Infinity\",\"-Infinity\",0.1,-0]"));
    buffer_release(&out);
}

TEST(the_writer_stops_at_the_maximum)
{
    buffer_init(&out, 4);
    json_writer_init(&writer, &out);
    json_value_string(&writer, STR("ab"));
    CHECK(!out.overflow && str_is(buffer_str(&out), "\"ab\""));
    json_value_null(&writer);
    CHECK(out.overflow && out.length == 4);
    buffer_release(&out);
}

TEST(any_bytes_are_written_as_json_and_utf8_comes_back)
{
    struct arena arena;
    struct json_reader reader;

    for (int i = 0; i < 5000; i++) {
        struct str text = {.length = random_below(60)};
        char *bytes = malloc(text.length + 1);
        random_bytes(bytes, text.length);
        for (size_t k = 0; i % 2 && k < text.length; k++) bytes[k] &= 0x7f;
        text.data = bytes;

        arena_init(&arena, 0);
        start();
        json_value_string(&writer, text);
        char *copy = exact(buffer_str(&out));
        json_reader_init(&reader, str_sized(copy, out.length), 1);
        CHECK(json_next(&reader) == JSON_STRING);
        struct str back = json_string(&reader, &arena);
        CHECK(str_is_utf8(back));
        CHECK(str_equal(back, text) || !str_is_utf8(text));
        CHECK(json_next(&reader) == JSON_END);
        free(copy);
        free(bytes);
        arena_release(&arena);
    }
    buffer_release(&out);
}

/* Reads all tokens of the text; the result does not matter, only that reading ends and stays inside
 * the text. */
static void read_all(struct str text)
{
    struct arena arena;
    struct json_reader reader;
    enum json_token token;
    size_t tokens = 0;

    arena_init(&arena, 0);
    char *copy = exact(text);
    json_reader_init(&reader, str_sized(copy, text.length), 5);
    while ((token = json_next(&reader)) != JSON_END && token != JSON_ERROR) {
        if (token == JSON_KEY || token == JSON_STRING)
            CHECK(str_is_utf8(json_string(&reader, &arena)));
        CHECK_INT(tokens++, <=, text.length);
    }
    free(copy);
    arena_release(&arena);
}

TEST(random_changes_are_never_read_out_of_bounds)
{
    static const char whole[] =
        "{\"name\":\"T-Shirt \\u00e9 \\ud83d\\uded2 \xc3\xa9\",\"p\":[1,-2.5e+10,"
        "true,false,null,{\"deep\":[[]],\"esc\\n\":\"\\\\\\\"\"}],\"e\":\"\"}";
    static const char bytes[] = "{}[]\",:\\u0d8e+-.tfn \x80\xc3\xed";
    char text[sizeof(whole)];

    for (int i = 0; i < 50000; i++) {
        memcpy(text, whole, sizeof(whole));
        for (uint64_t changes = random_below(4); changes > 0; changes--)
            text[random_below(sizeof(whole) - 1)] = bytes[random_below(sizeof(bytes) - 1)];
        read_all(str_sized(text, i % 3 ? sizeof(whole) - 1 : random_below(sizeof(whole))));
    }
}
