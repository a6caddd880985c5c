/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the transcoder with JSON: what comes back after it was read and written again, and what
 * is refused. */
#include "gateway/transcode_testing.h"

#include <stdlib.h>

#include "reasons.pb-c.h"
#include "rpc/wire.h"

struct refusal {
    const char *type, *json;
    int reason;
    const char *field; /* NULL: the whole body */
};

static void check_refusal(const struct refusal *refusal)
{
    const struct transcode_type *type = type_of(refusal->type);
    struct str wire;
    struct status st = to_wire(type, refusal->json, &wire);

    if (st.code != STATUS_INVALID_ARGUMENT || st.reason != refusal->reason)
        printf("  %s: code %d, reason %d: %s\n", refusal->json, st.code, st.reason, st.message);
    CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(st.reason, ==, refusal->reason);
    if (!refusal->field) return;
    CHECK(st.details && st.details->violation_count == 1);
    CHECK_STR(st.details->violations[0].field, refusal->field);
}

TEST(empty_message_has_all_fields_without_presence)
{
    CHECK_STR(reread("Scalars", "{}"),
              "{\"f_double\":0,\"f_float\":0,\"f_int64\":\"0\",\"f_uint64\":\"0\",\"f_int32\":0,"
              "\"f_fixed64\":\"0\","
              "\"f_fixed32\":0,\"f_bool\":false,\"f_string\":\"\",\"f_bytes\":\"\",\"f_uint32\":0,"
              "\"f_enum\":\"NONE\","
              "\"f_sfixed32\":0,\"f_sfixed64\":\"0\",\"f_sint32\":0,\"f_sint64\":\"0\"}");
    CHECK_STR(reread("Lists", "{}"), "{\"doubles\":[],\"numbers\":[],\"zigzags\":[],\"fixeds\":[],"
                                     "\"bools\":[],\"strings\":[],\"blobs\":[],"
                                     "\"colours\":[],\"parts\":[],\"loose\":[]}");
    CHECK_STR(reread("Maps", "{}"),
              "{\"texts\":{},\"numbers\":{},\"parts\":{},\"colours\":{},\"values\":{}}");
    CHECK_STR(reread("Choice", "{}"), "{\"before\":\"\"}");
    CHECK_STR(reread("All", "{}"), "{}");
    CHECK_STR(reread("All", " \n{ \t}\r\n"), "{}");
}

TEST(scalars_at_their_bounds)
{
    const char *json = "{\"f_double\":1.7976931348623157e+308,\"f_float\":3.4028235e+38,\"f_"
                       "int64\":\"-9223372036854775808\","
                       "\"f_uint64\":\"18446744073709551615\",\"f_int32\":-2147483648,\"f_"
                       "fixed64\":\"18446744073709551615\","
                       "\"f_fixed32\":4294967295,\"f_bool\":true,\"f_string\":"
                       "\"a\\\"\\\\\\n\\u0001\xc3\xa9\xf0\x9f\x98\x80\",\"f_bytes\":\"AP8=\","
                       "\"f_uint32\":4294967295,\"f_enum\":\"DARK\",\"f_sfixed32\":-2147483648,\"f_"
                       "sfixed64\":\"-9223372036854775808\","
                       "\"f_sint32\":-2147483648,\"f_sint64\":\"-9223372036854775808\"}";

    CHECK_STR(reread("Scalars", json), json);
}

static const char *only(const char *name, const char *member)
{
    static char found[256];
    const char *json = reread(name, member);
    size_t key = strcspn(member, ":");
    char *start = strndup(member + 1, key);
    const char *at = strstr(json, start);

    free(start);
    CHECK(at != NULL);
    size_t length = strcspn(at, ",}");
    CHECK(length < sizeof(found));
    memcpy(found, at, length);
    found[length] = '\0';
    return found;
}

TEST(numbers_in_every_form)
{
    CHECK_STR(only("Scalars", "{\"f_int32\":\"12\"}"), "\"f_int32\":12");
    CHECK_STR(only("Scalars", "{\"f_int32\":1e3}"), "\"f_int32\":1000");
    CHECK_STR(only("Scalars", "{\"f_int32\":120.0e-1}"), "\"f_int32\":12");
    CHECK_STR(only("Scalars", "{\"f_int32\":\"-2.0\"}"), "\"f_int32\":-2");
    CHECK_STR(only("Scalars", "{\"f_int32\":-0}"), "\"f_int32\":0");
    CHECK_STR(only("Scalars", "{\"f_int32\":0e99999999999}"), "\"f_int32\":0");
    CHECK_STR(only("Scalars", "{\"f_int64\":9007199254740993}"),
              "\"f_int64\":\"9007199254740993\"");
    CHECK_STR(only("Scalars", "{\"f_int64\":-92233720368547758080e-1}"),
              "\"f_int64\":\"-9223372036854775808\"");
    CHECK_STR(only("Scalars", "{\"f_uint64\":1.8446744073709551615e19}"),
              "\"f_uint64\":\"18446744073709551615\"");
    CHECK_STR(only("Scalars", "{\"f_double\":\"NaN\"}"), "\"f_double\":\"NaN\"");
    CHECK_STR(only("Scalars", "{\"f_double\":\"-Infinity\"}"), "\"f_double\":\"-Infinity\"");
    CHECK_STR(only("Scalars", "{\"f_float\":\"Infinity\"}"), "\"f_float\":\"Infinity\"");
    CHECK_STR(only("Scalars", "{\"f_double\":\"19.99\"}"), "\"f_double\":19.99");
    CHECK_STR(only("Scalars", "{\"f_double\":-0.0}"), "\"f_double\":-0");
    CHECK_STR(only("Scalars", "{\"f_float\":0.1}"), "\"f_float\":0.1");
    CHECK_STR(only("Scalars", "{\"f_enum\":2}"), "\"f_enum\":\"GREEN\"");
    CHECK_STR(only("Scalars", "{\"f_enum\":77}"), "\"f_enum\":77");
    CHECK_STR(only("Scalars", "{\"f_enum\":-1}"), "\"f_enum\":\"DARK\"");
    CHECK_STR(only("Scalars", "{\"f_bytes\":\"-_-_\"}"), "\"f_bytes\":\"+/+/\"");
}

TEST(refuses_bad_scalars_by_name)
{
    static const struct refusal refusals[] = {
        {"Scalars", "{\"f_int32\":2147483648}", ARGOSY__REASON__INVALID_FIELDS, "f_int32"},
        {"Scalars", "{\"f_int32\":-2147483649}", ARGOSY__REASON__INVALID_FIELDS, "f_int32"},
        {"Scalars", "{\"f_int32\":1.5}", ARGOSY__REASON__INVALID_FIELDS, "f_int32"},
        {"Scalars", "{\"f_int32\":\"\"}", ARGOSY__REASON__INVALID_FIELDS, "f_int32"},
        {"Scalars", "{\"f_int32\":\" 1\"}", ARGOSY__REASON__INVALID_FIELDS, "f_int32"},
        {"Scalars", "{\"f_int32\":\"0x1\"}", ARGOSY__REASON__INVALID_FIELDS, "f_int32"},
        {"Scalars", "{\"f_int32\":true}", ARGOSY__REASON__MALFORMED_JSON, "f_int32"},
        {"Scalars", "{\"f_uint32\":-1}", ARGOSY__REASON__INVALID_FIELDS, "f_uint32"},
        {"Scalars", "{\"f_uint64\":\"18446744073709551616\"}", ARGOSY__REASON__INVALID_FIELDS,
         "f_uint64"},
        {"Scalars", "{\"f_int64\":1e400}", ARGOSY__REASON__INVALID_FIELDS, "f_int64"},
        {"Scalars", "{\"f_float\":3.5e38}", ARGOSY__REASON__INVALID_FIELDS, "f_float"},
        {"Scalars", "{\"f_double\":1e400}", ARGOSY__REASON__INVALID_FIELDS, "f_double"},
        {"Scalars", "{\"f_double\":\"nan\"}", ARGOSY__REASON__INVALID_FIELDS, "f_double"},
        {"Scalars", "{\"f_double\":1e-400}", ARGOSY__REASON__INVALID_FIELDS, "f_double"},
        {"Scalars", "{\"f_float\":1e-60}", ARGOSY__REASON__INVALID_FIELDS, "f_float"},
        {"Scalars", "{\"f_double\":\"+5\"}", ARGOSY__REASON__INVALID_FIELDS, "f_double"},
        {"Scalars", "{\"f_double\":\".5\"}", ARGOSY__REASON__INVALID_FIELDS, "f_double"},
        {"Scalars", "{\"f_double\":\"5.\"}", ARGOSY__REASON__INVALID_FIELDS, "f_double"},
        {"Scalars", "{\"f_bool\":1}", ARGOSY__REASON__MALFORMED_JSON, "f_bool"},
        {"Scalars", "{\"f_bool\":\"true\"}", ARGOSY__REASON__MALFORMED_JSON, "f_bool"},
        {"Scalars", "{\"f_string\":5}", ARGOSY__REASON__MALFORMED_JSON, "f_string"},
        {"Scalars", "{\"f_string\":\"a\\u0000b\"}", ARGOSY__REASON__INVALID_FIELDS, "f_string"},
        {"Scalars", "{\"f_string\":\"\xff\"}", ARGOSY__REASON__MALFORMED_JSON, "f_string"},
        {"Scalars", "{\"f_string\":\"\\ud800\"}", ARGOSY__REASON__MALFORMED_JSON, "f_string"},
        {"Scalars", "{\"f_bytes\":\"a=b\"}", ARGOSY__REASON__INVALID_FIELDS, "f_bytes"},
        {"Scalars", "{\"f_enum\":\"PURPLE\"}", ARGOSY__REASON__INVALID_FIELDS, "f_enum"},
        {"Scalars", "{\"f_enum\":1.5}", ARGOSY__REASON__INVALID_FIELDS, "f_enum"},
        {"Lists", "{\"numbers\":[1,2,\"x\"]}", ARGOSY__REASON__INVALID_FIELDS, "numbers[2]"},
        {"Lists", "{\"numbers\":[null]}", ARGOSY__REASON__MALFORMED_JSON, "numbers[0]"},
        {"Lists", "{\"numbers\":1}", ARGOSY__REASON__MALFORMED_JSON, "numbers"},
        {"Lists", "{\"parts\":[{},{\"name\":1}]}", ARGOSY__REASON__MALFORMED_JSON, "parts[1].name"},
        {"Maps", "{\"numbers\":{\"x\":1}}", ARGOSY__REASON__INVALID_FIELDS, "numbers[\"x\"]"},
        {"Maps", "{\"texts\":{\"a\":null}}", ARGOSY__REASON__MALFORMED_JSON, "texts[\"a\"]"},
        {"Maps", "{\"texts\":[]}", ARGOSY__REASON__MALFORMED_JSON, "texts"},
    };

    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) check_refusal(&refusals[i]);
}

TEST(refuses_unknown_duplicate_and_malformed_fields)
{
    static const struct refusal refusals[] = {
        {"Small", "{\"nam\":\"x\"}", ARGOSY__REASON__UNKNOWN_FIELD, "nam"},
        {"Lists", "{\"parts\":[{\"name\":\"\",\"nope\":[{}]}]}", ARGOSY__REASON__UNKNOWN_FIELD,
         "parts[0].nope"},
        {"Maps", "{\"parts\":{\"true\":{\"x\":1}}}", ARGOSY__REASON__UNKNOWN_FIELD,
         "parts[\"true\"].x"},
        {"Small", "{\"name\":\"\",\"name\":\"\"}", ARGOSY__REASON__MALFORMED_JSON, "name"},
        {"Scalars", "{\"f_int32\":1,\"fInt32\":1}", ARGOSY__REASON__MALFORMED_JSON, "fInt32"},
        {"Maps", "{\"texts\":{\"a\":\"\",\"\\u0061\":\"\"}}", ARGOSY__REASON__MALFORMED_JSON,
         "texts[\"a\"]"},
        {"Maps", "{\"numbers\":{\"1\":1,\"1.0\":2}}", ARGOSY__REASON__MALFORMED_JSON,
         "numbers[\"1.0\"]"},
        {"Choice", "{\"text\":\"a\",\"number\":1}", ARGOSY__REASON__INVALID_FIELDS, "number"},
        {"Choice", "{\"nothing\":null,\"number\":1}", ARGOSY__REASON__INVALID_FIELDS, "number"},
        {"Small", "", ARGOSY__REASON__MALFORMED_JSON, NULL},
        {"Small", "[]", ARGOSY__REASON__MALFORMED_JSON, NULL},
        {"Small", "null", ARGOSY__REASON__MALFORMED_JSON, NULL},
        {"Small", "{\"name\":\"x\"", ARGOSY__REASON__MALFORMED_JSON, NULL},
        {"Small", "{\"name\":\"x\"}}", ARGOSY__REASON__MALFORMED_JSON, NULL},
        {"Small", "{\"name\":\"x\",}", ARGOSY__REASON__MALFORMED_JSON, NULL},
        {"Small", "{\"number\":01}", ARGOSY__REASON__MALFORMED_JSON, NULL},
    };

    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) check_refusal(&refusals[i]);
}

TEST(null_is_absent_except_where_it_is_a_value)
{
    CHECK_STR(reread("Choice", "{\"before\":null,\"text\":null,\"number\":3,\"part_alone\":null}"),
              "{\"before\":\"\",\"number\":3}");
    CHECK_STR(reread("Choice", "{\"nothing\":null}"), "{\"before\":\"\",\"nothing\":null}");
    CHECK_STR(reread("Choice", "{\"maybe\":0,\"text\":\"\"}"),
              "{\"before\":\"\",\"text\":\"\",\"maybe\":0}");
    CHECK_STR(reread("Known", "{\"value\":null,\"w_string\":null,\"time\":null}"),
              "{\"value\":null,\"nothing\":null,\"times\":[]}");
    CHECK_STR(reread("Maps", "{\"values\":{\"a\":null}}"),
              "{\"texts\":{},\"numbers\":{},\"parts\":{},\"colours\":{},\"values\":{\"a\":null}}");
}

TEST(maps_of_every_key)
{
    const char *json =
        "{\"texts\":{\"a\":\"b\",\"\":\"\"},\"numbers\":{\"-5\":\"7\",\"0\":\"0\"},"
        "\"parts\":{\"true\":{\"name\":\"x\",\"number\":0},\"false\":{\"name\":\"\",\"number\":0}},"
        "\"colours\":{\"18446744073709551615\":\"RED\"},\"values\":{}}";

    CHECK_STR(reread("Maps", json), json);
}

TEST(well_known_types)
{
    const char *json = "{\"time\":\"2026-11-24T18:40:36.120Z\",\"duration\":\"-1.500s\",\"mask\":"
                       "\"fooBar,baz.quxQuux\","
                       "\"object\":{\"a\":1.5,\"b\":[null,true,\"x\",{}],\"c\":{\"d\":[]}},"
                       "\"value\":[{\"e\":\"f\"}],\"list\":[1,[2]],"
                       "\"any\":{\"@type\":\"type.googleapis.com/"
                       "transcode_test.Small\",\"name\":\"n\",\"number\":4},\"empty\":{},"
                       "\"w_string\":\"\",\"w_int64\":\"5\",\"w_bool\":false,\"w_double\":0.5,\"w_"
                       "bytes\":\"AA==\",\"nothing\":null,"
                       "\"times\":[\"0001-01-01T00:00:00Z\",\"9999-12-31T23:59:59.999999999Z\","
                       "\"1970-01-01T00:00:00Z\"]}";

    CHECK_STR(reread("Known", json), json);
    CHECK_STR(
        reread("Known", "{\"any\":{\"value\":\"3s\",\"@type\":\"x/google.protobuf.Duration\"}}"),
        "{\"any\":{\"@type\":\"x/"
        "google.protobuf.Duration\",\"value\":\"3s\"},\"nothing\":null,\"times\":[]}");
    CHECK_STR(reread("Known", "{\"any\":{}}"), "{\"any\":{},\"nothing\":null,\"times\":[]}");
    CHECK_STR(reread("Known", "{\"time\":\"2026-11-24T20:40:36.12+02:00\",\"times\":[]}"),
              "{\"time\":\"2026-11-24T18:40:36.120Z\",\"nothing\":null,\"times\":[]}");
}

TEST(refuses_bad_well_known)
{
    static const struct refusal refusals[] = {
        {"Known", "{\"time\":\"2026-02-29T00:00:00Z\"}", ARGOSY__REASON__INVALID_FIELDS, "time"},
        {"Known", "{\"time\":\"2026-11-24 18:40:36Z\"}", ARGOSY__REASON__INVALID_FIELDS, "time"},
        {"Known", "{\"time\":\"2026-11-24T18:40:36\"}", ARGOSY__REASON__INVALID_FIELDS, "time"},
        {"Known", "{\"time\":\"2026-11-24T18:40:36.Z\"}", ARGOSY__REASON__INVALID_FIELDS, "time"},
        {"Known", "{\"time\":\"2026-11-24T18:40:36.1234567891Z\"}", ARGOSY__REASON__INVALID_FIELDS,
         "time"},
        {"Known", "{\"time\":\"0001-01-01T00:00:00+01:00\"}", ARGOSY__REASON__INVALID_FIELDS,
         "time"},
        {"Known", "{\"time\":5}", ARGOSY__REASON__MALFORMED_JSON, "time"},
        {"Known", "{\"duration\":\"5\"}", ARGOSY__REASON__INVALID_FIELDS, "duration"},
        {"Known", "{\"duration\":\"315576000001s\"}", ARGOSY__REASON__INVALID_FIELDS, "duration"},
        {"Known", "{\"mask\":\"foo_Bar\"}", ARGOSY__REASON__INVALID_FIELDS, "mask"},
        {"Known", "{\"mask\":\"foo__bar\"}", ARGOSY__REASON__INVALID_FIELDS, "mask"},
        {"Known", "{\"mask\":\"foo_3_bar\"}", ARGOSY__REASON__INVALID_FIELDS, "mask"},
        {"Known", "{\"mask\":\"foo_\"}", ARGOSY__REASON__INVALID_FIELDS, "mask"},
        {"Known", "{\"mask\":\"a,,b\"}", ARGOSY__REASON__INVALID_FIELDS, "mask"},
        {"Known", "{\"mask\":\"a..b\"}", ARGOSY__REASON__INVALID_FIELDS, "mask"},
        {"Known", "{\"mask\":\"a b\"}", ARGOSY__REASON__INVALID_FIELDS, "mask"},
        {"Known", "{\"mask\":\"*\"}", ARGOSY__REASON__INVALID_FIELDS, "mask"},
        {"Known", "{\"any\":{\"name\":\"x\"}}", ARGOSY__REASON__INVALID_FIELDS, "any"},
        {"Known", "{\"any\":{\"@type\":\"x/no.such\"}}", ARGOSY__REASON__INVALID_FIELDS, "any"},
        {"Known", "{\"any\":{\"@type\":\"x/transcode_test.Small\",\"nope\":1}}",
         ARGOSY__REASON__UNKNOWN_FIELD, "any.nope"},
        {"Known", "{\"object\":{\"a\":1,\"a\":2}}", ARGOSY__REASON__MALFORMED_JSON,
         "object[\"a\"]"},
        {"Known", "{\"object\":[]}", ARGOSY__REASON__MALFORMED_JSON, "object"},
        {"Known", "{\"list\":{}}", ARGOSY__REASON__MALFORMED_JSON, "list"},
        {"Known", "{\"w_int64\":\"x\"}", ARGOSY__REASON__INVALID_FIELDS, "w_int64"},
        {"Known", "{\"object\":{\"a\":\"\\u0000\"}}", ARGOSY__REASON__INVALID_FIELDS,
         "object[\"a\"]"},
    };

    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) check_refusal(&refusals[i]);
}

TEST(nesting_is_bounded)
{
    const struct transcode_type *type = type_of("Deep");
    struct output text, wire;
    struct str unused;

    output_init(&text, &arena, 16);
    for (int i = 0; i < 100; i++) output_str(&text, STR("{\"below\":"));
    output_byte(&text, '\0');
    struct status st = to_wire(type, text.data, &unused);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__MALFORMED_JSON);

    /* 100 levels of field 1, the innermost empty. */
    struct str inner = STR("");
    for (int i = 0; i < 100; i++) {
        output_init(&wire, &arena, 512);
        output_byte(&wire, 1 << 3 | WIRE_BYTES);
        if (inner.length >= 128) output_byte(&wire, (char)(inner.length | 0x80));
        output_byte(&wire, (char)(inner.length >= 128 ? inner.length >> 7 : inner.length));
        output_str(&wire, inner);
        inner = output_view(&wire);
    }
    output_init(&text, &arena, 16);
    st = transcode_to_json(&arena, type, inner, &text);
    CHECK_INT(st.code, ==, STATUS_INTERNAL);
}

TEST(long_parts_move_for_their_length)
{
    const struct transcode_type *type = type_of("Deep");
    char *name = arena_alloc(&arena, 20001);
    struct str wire;

    memset(name, 'x', 20000);
    name[20000] = '\0';
    for (int size = 100; size <= 20000; size += size < 140 ? 1 : 997) {
        char *json = arena_printf(&arena,
                                  "{\"below\":{\"below\":{\"list\":[],\"name\":\"%.*s\"},\"list\":["
                                  "],\"name\":\"\"},\"list\":[],\"name\":\"\"}",
                                  size, name);
        CHECK_OK(to_wire(type, json, &wire));
        CHECK_STR(to_json(type, wire), json);
    }
}
