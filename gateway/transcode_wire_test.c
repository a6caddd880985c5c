/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the transcoder with the wire format: bytes in any order and broken ones, against protoc,
 * and with random and damaged input. */
#include "gateway/transcode_testing.h"

#include <stdlib.h>
#include <unistd.h>

#include "rpc/wire.h"

TEST(wire_in_any_order)
{
    const struct transcode_type *type = type_of("Mixed");

    /* first{name a}, second b, third c, second d, first{number 5}, unknown 99, fourth 1 then 2 */
    CHECK_STR(to_json(type, bytes("0a03"
                                  "0a0161"
                                  "120162"
                                  "1a0163"
                                  "120164"
                                  "0a02"
                                  "1005"
                                  "980601"
                                  "2001"
                                  "2002")),
              "{\"third\":\"c\",\"second\":[\"b\",\"d\"],\"first\":{\"name\":\"a\",\"number\":5},"
              "\"fourth\":2}");
    /* Known fields in order, but with an unknown one inside a run. */
    CHECK_STR(to_json(type_of("Lists"), bytes("320161"
                                              "980601"
                                              "320162")),
              "{\"doubles\":[],\"numbers\":[],\"zigzags\":[],\"fixeds\":[],\"bools\":[],"
              "\"strings\":[\"a\",\"b\"],\"blobs\":[],"
              "\"colours\":[],\"parts\":[],\"loose\":[]}");
    /* Unknown groups, nested and inside a run, are skipped. */
    CHECK_STR(to_json(type_of("Lists"), bytes("320161"
                                              "a306"
                                              "0801"
                                              "ab06"
                                              "ac06"
                                              "a406"
                                              "320162"
                                              "a306"
                                              "a406")),
              "{\"doubles\":[],\"numbers\":[],\"zigzags\":[],\"fixeds\":[],\"bools\":[],"
              "\"strings\":[\"a\",\"b\"],\"blobs\":[],"
              "\"colours\":[],\"parts\":[],\"loose\":[]}");
    /* Two members of a oneof: the last counts. */
    CHECK_STR(to_json(type_of("Choice"), bytes("120161"
                                               "1805")),
              "{\"before\":\"\",\"number\":5}");
    CHECK_STR(to_json(type_of("Choice"), bytes("1805"
                                               "120161")),
              "{\"before\":\"\",\"text\":\"a\"}");
    /* A scalar of the wrong wire type counts as unknown. */
    CHECK_STR(to_json(type_of("Small"), bytes("0805"
                                              "1007")),
              "{\"name\":\"\",\"number\":7}");
    /* Packed and unpacked, whatever the proto says. */
    CHECK_STR(to_json(type_of("Lists"), bytes("1001"
                                              "12020203"
                                              "520104")),
              "{\"doubles\":[],\"numbers\":[1,2,3],\"zigzags\":[],\"fixeds\":[],\"bools\":[],"
              "\"strings\":[],\"blobs\":[],"
              "\"colours\":[],\"parts\":[],\"loose\":[4]}");
    /* A duplicate key: the last value counts. */
    CHECK_STR(to_json(type_of("Maps"), bytes("0a060a01611201620a060a0161120163")),
              "{\"texts\":{\"a\":\"c\"},\"numbers\":{},\"parts\":{},\"colours\":{},\"values\":{}}");
    /* Invalid UTF-8 in a peer's strings still gives valid JSON. */
    CHECK_STR(to_json(type_of("Small"), bytes("0a02ff61")), "{\"name\":\"\xef\xbf\xbd"
                                                            "a\",\"number\":0}");
}

TEST(paths_that_json_cannot_express_are_internal)
{
    static const char *const masks[] = {"1a080a06666f6f426172",       /* fooBar */
                                        "1a0a0a08666f6f5f5f626172",   /* foo__bar */
                                        "1a0b0a09666f6f5f335f626172", /* foo_3_bar */
                                        "1a050a03612062",
                                        "1a050a03612c62",
                                        "1a020a00",
                                        "1a060a04666f6f5f"}; /* foo_ */
    struct output out;

    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        output_init(&out, &arena, 16);
        CHECK_INT(transcode_to_json(&arena, type_of("Known"), bytes(masks[i]), &out).code, ==,
                  STATUS_INTERNAL);
    }
}

TEST(broken_wire_is_internal)
{
    static const char *const broken[] = {
        "0a",   "0a05",     "0aff",         "08",
        "0b",   "00",       "0a0361620000", "1280808080808080808080",
        "a306", "a306ac06", "a406",         "0a0161a406"};
    const struct transcode_type *type = type_of("Choice");
    struct output out;

    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        output_init(&out, &arena, 16);
        CHECK_INT(transcode_to_json(&arena, type, bytes(broken[i]), &out).code, ==,
                  STATUS_INTERNAL);
    }
    output_init(&out, &arena, 16);
    CHECK_INT(transcode_to_json(&arena, type_of("Known"),
                                bytes("0a02"
                                      "08ff"),
                                &out)
                  .code,
              ==, STATUS_INTERNAL);
    output_init(&out, &arena, 16);
    CHECK_INT(transcode_to_json(&arena, type_of("Lists"),
                                bytes("1203"
                                      "80ffff"),
                                &out)
                  .code,
              ==, STATUS_INTERNAL);
}

TEST(one_field_of_a_message)
{
    const struct transcode_type *type = type_of("Mixed");
    struct output out;

    output_init(&out, &arena, 16);
    CHECK_OK(transcode_field_to_json(&arena, type, transcode_field(type, STR("second")),
                                     bytes("120162"
                                           "1a0163"
                                           "120164"),
                                     &out));
    CHECK(str_is(output_view(&out), "[\"b\",\"d\"]"));
    output_init(&out, &arena, 16);
    CHECK_OK(transcode_field_to_json(&arena, type, transcode_field(type, STR("first")), bytes(""),
                                     &out));
    CHECK(str_is(output_view(&out), "{\"name\":\"\",\"number\":0}"));

    output_init(&out, &arena, 16);
    CHECK_OK(transcode_field_to_wire(&arena, transcode_field(type, STR("second")), STR("[\"b\"]"),
                                     &out));
    CHECK(str_equal(output_view(&out), bytes("120162")));
    struct status st = transcode_field_to_wire(&arena, transcode_field(type, STR("first")),
                                               STR("{\"name\":1}"), &out);
    CHECK(st.details != NULL);
    CHECK_STR(st.details->violations[0].field, "first.name");
}

/* ---- against protoc ---- */

/* The wire bytes that protoc makes from a message in text format. */
static struct str protoc_encode(const char *text)
{
    static char wire[65536];
    char path[] = "/tmp/transcode_test.XXXXXX";
    int fd = mkstemp(path);

    CHECK(fd >= 0);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    char *command = arena_printf(
        &arena,
        "%s -I%s/gateway -I%s/proto -I%s --encode=transcode_test.All transcode_test.proto < %s",
        PROTOC, PROTO_PATH, PROTO_PATH, PROTO_INCLUDE, path);
    FILE *pipe = popen(command, "r");
    CHECK(pipe != NULL);
    size_t size = fread(wire, 1, sizeof(wire), pipe);
    CHECK_INT(pclose(pipe), ==, 0);
    unlink(path);
    return str_sized(arena_memdup(&arena, wire, size), size);
}

TEST(the_same_bytes_as_protoc)
{
    static const struct {
        const char *text, *json;
    } pairs[] = {
        {"scalars {f_double: 19.99 f_float: 0.1 f_int64: -5 f_uint64: 7 f_int32: -1 f_fixed64: 8 "
         "f_fixed32: 9 f_bool: true "
         "f_string: \"caf\\303\\251\" f_bytes: \"\\000\\377\" f_uint32: 4000000000 f_enum: DARK "
         "f_sfixed32: -3 f_sfixed64: -4 "
         "f_sint32: -500 f_sint64: -600}",
         "{\"scalars\":{\"f_double\":19.99,\"f_float\":0.1,\"f_int64\":\"-5\",\"f_uint64\":7,\"f_"
         "int32\":-1,\"f_fixed64\":8,"
         "\"f_fixed32\":9,\"f_bool\":true,\"f_string\":\"caf\\u00e9\",\"f_bytes\":\"AP8\",\"f_"
         "uint32\":4e9,\"f_enum\":\"DARK\","
         "\"f_sfixed32\":-3,\"f_sfixed64\":-4,\"f_sint32\":-500,\"f_sint64\":-600}}"},
        {"lists {doubles: [1, 0.5] numbers: [1, -1, 0] zigzags: [-1] fixeds: [7] bools: [true, "
         "false] strings: [\"\", \"a\"] "
         "blobs: \"x\" colours: [RED, DARK] parts: {name: \"n\"} parts {} loose: [1, 2]}",
         "{\"lists\":{\"doubles\":[1,0.5],\"numbers\":[1,-1,0],\"zigzags\":[-1],\"fixeds\":[7],"
         "\"bools\":[true,false],"
         "\"strings\":[\"\",\"a\"],\"blobs\":[\"eA==\"],\"colours\":[\"RED\",\"DARK\"],\"parts\":[{"
         "\"name\":\"n\"},{}],"
         "\"loose\":[1,2]}}"},
        {"choice {before: \"b\" part {number: 5} maybe: 0 part_alone {}}",
         "{\"choice\":{\"before\":\"b\",\"part\":{\"number\":5},\"maybe\":0,\"part_alone\":{}}}"},
        {"maps {texts {key: \"k\" value: \"\"} numbers {key: -1 value: 0} parts {key: false value "
         "{}} colours {key: 5 value: RED}}",
         "{\"maps\":{\"texts\":{\"k\":\"\"},\"numbers\":{\"-1\":0},\"parts\":{\"false\":{}},"
         "\"colours\":{\"5\":1}}}"},
        {"known {time {seconds: 1795545636 nanos: 120000000} duration {seconds: -1 nanos: "
         "-500000000} mask {paths: \"foo_bar\"} "
         "object {fields {key: \"a\" value {number_value: 0}}} value {list_value {values "
         "{bool_value: true} values {null_value: NULL_VALUE}}} "
         "w_string {value: \"x\"} w_int64 {} empty {} any "
         "{[type.googleapis.com/transcode_test.Small] {name: \"n\"}}}",
         "{\"known\":{\"time\":\"2026-11-24T18:40:36.12Z\",\"duration\":\"-1.5s\",\"mask\":"
         "\"fooBar\",\"object\":{\"a\":0},"
         "\"value\":[true,null],\"any\":{\"@type\":\"type.googleapis.com/"
         "transcode_test.Small\",\"name\":\"n\"},"
         "\"empty\":{},\"w_string\":\"x\",\"w_int64\":\"0\"}}"},
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const struct transcode_type *type = type_of("All");
        struct str theirs = protoc_encode(pairs[i].text), ours;
        CHECK_OK(to_wire(type, pairs[i].json, &ours));
        if (!str_equal(theirs, ours))
            printf("  %zu:\n  theirs %.*s\n  ours   %.*s\n", i,
                   STR_ARGS(hex_encode(&arena, theirs)), STR_ARGS(hex_encode(&arena, ours)));
        CHECK(str_equal(theirs, ours));
        CHECK_STR(to_json(type, theirs), to_json(type, ours));
    }
}

/* ---- random messages ---- */

static uint64_t random_state = 1;

static uint64_t roll(uint64_t bound)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (random_state >> 33) % bound;
}

static void put_random_text(struct output *out)
{
    static const char *const pieces[] = {
        "a", "\"", "\\", "\n", "\xc3\xa9", "\xf0\x9f\x98\x80", "0123456789abcdef", "\x7f", " "};

    for (uint64_t i = roll(6); i > 0; i--)
        output_str(out, str_of(pieces[roll(sizeof(pieces) / sizeof(pieces[0]))]));
}

static void put_varint(struct output *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) output_byte(out, (char)(value | 0x80));
    output_byte(out, (char)value);
}

static void put_random_message(struct output *out, const struct schema_message *message, int depth);

static void put_random_value(struct output *out, const struct schema_field *field, int depth)
{
    static const uint64_t numbers[] = {0,         1, 127, 128, 300, INT32_MAX, 0xffffffff80000000,
                                       UINT64_MAX};
    uint64_t number = numbers[roll(8)];
    struct output inner;

    output_init(&inner, &arena, 16);
    switch (field->type) {
    case SCHEMA_MESSAGE: put_random_message(&inner, field->message, depth + 1); break;
    case SCHEMA_STRING: put_random_text(&inner); break;
    case SCHEMA_BYTES: put_random_text(&inner); break;
    case SCHEMA_DOUBLE:
    case SCHEMA_FIXED64:
    case SCHEMA_SFIXED64:
        put_varint(out, field->number << 3 | WIRE_FIXED64);
        output_put(out, &number, 8);
        return;
    case SCHEMA_FLOAT:
    case SCHEMA_FIXED32:
    case SCHEMA_SFIXED32:
        put_varint(out, field->number << 3 | WIRE_FIXED32);
        output_put(out, &number, 4);
        return;
    default:
        put_varint(out, field->number << 3 | WIRE_VARINT);
        put_varint(out, field->type == SCHEMA_BOOL ? number & 1 : number);
        return;
    }
    put_varint(out, field->number << 3 | WIRE_BYTES);
    put_varint(out, inner.length);
    output_str(out, output_view(&inner));
}

static void put_random_message(struct output *out, const struct schema_message *message, int depth)
{
    for (uint64_t i = depth > 4 ? 0 : roll(2 * message->field_count + 1); i > 0; i--)
        put_random_value(out, &message->fields[roll(message->field_count)], depth);
}

/* For any order, repetition and values of fields: JSON made from wire bytes, read and written
 * again, is the same JSON. */
TEST(random_messages_come_back)
{
    static const char *const names[] = {"Scalars", "Lists", "Maps", "Choice",
                                        "Mixed",   "Deep",  "Small"};

    for (int i = 0; i < 4000; i++) {
        const struct transcode_type *type = type_of(names[i % 7]);
        struct output wire;
        struct str again;
        if (i % 16 == 0) arena_reset(&arena);
        output_init(&wire, &arena, 64);
        if (strcmp(names[i % 7], "Maps") != 0 || i % 2)
            put_random_message(&wire, type->schema, strcmp(names[i % 7], "Maps") == 0 ? 5 : 0);
        const char *json = to_json(type, output_view(&wire));
        CHECK_OK(to_wire(type, json, &again));
        CHECK_STR(to_json(type, again), json);
    }
}

/* Bytes truncated and changed at random must give a result or an error, and no crash. */
TEST(damaged_input_is_only_refused)
{
    const char *json = "{\"scalars\":{\"f_string\":\"a\\u00e9\",\"f_int32\":-1},\"lists\":{"
                       "\"numbers\":[1,2,3],\"parts\":[{}]},"
                       "\"known\":{\"any\":{\"@type\":\"x/"
                       "transcode_test.Small\",\"name\":\"n\"},\"value\":[1,{\"a\":null}],"
                       "\"time\":\"2026-11-24T18:40:36Z\"},\"maps\":{\"texts\":{\"a\":\"b\"}}}";
    size_t length = strlen(json);

    for (int i = 0; i < 4000; i++) {
        const struct transcode_type *type = type_of("All");
        struct output out;
        struct str wire;
        if (i % 16 == 0) arena_reset(&arena);
        char *damaged = arena_strdup(&arena, json);
        damaged[roll(length)] = (char)roll(256);
        damaged[roll(length)] = "{}[]\",:\\0"[roll(9)];
        if (roll(4) == 0) damaged[roll(length)] = '\0';
        if (!failed(to_wire(type, damaged, &wire))) (void)to_json(type, wire);

        CHECK_OK(to_wire(type, json, &wire));
        char *bad = arena_memdup(&arena, wire.data, wire.length);
        bad[roll(wire.length)] = (char)roll(256);
        bad[roll(wire.length)] = (char)roll(256);
        output_init(&out, &arena, 16);
        struct status st = transcode_to_json(&arena, type, str_sized(bad, wire.length - roll(3)),
                                             &out);
        CHECK(st.code == STATUS_OK || st.code == STATUS_INTERNAL);
    }
}
