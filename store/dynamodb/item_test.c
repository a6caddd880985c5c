/* SPDX-License-Identifier: Apache-2.0 */
/* Requests from templates, and what is read of answers. */
#include "store/dynamodb/item.h"

#include "base/test.h"

static struct arena arena;

static void fresh(void)
{
    arena_release(&arena);
    arena_init(&arena, 0);
}

static const char *shown(struct str json)
{
    return str_dup(&arena, json);
}

/* ---- writing ---- */

TEST(a_template_makes_a_request)
{
    fresh();
    CHECK_STR(
        shown(dynamodb_json(&arena,
                            "{TableName: %t, Key: {Category: %s, ProductID: %S},\n"
                            " ConsistentRead: true, Limit: %i, Select: 'COUNT', A: [1, null]}",
                            "Products", "garden", STR("a\"b"), (int64_t)25)),
        "{\"TableName\":\"Products\",\"Key\":{\"Category\":{\"S\":\"garden\"},"
        "\"ProductID\":{\"S\":\"a\\\"b\"}},\"ConsistentRead\":true,\"Limit\":25,"
        "\"Select\":\"COUNT\",\"A\":[1,null]}");
}

TEST(attributes_of_every_type_can_be_written)
{
    const struct str tags[] = {STR("red"), STR("blue")};

    fresh();
    CHECK_STR(shown(dynamodb_json(
                  &arena, "{:a: %n, '#b': %N, c: %b, d: %x, e: %l, f: %m, g: %z, h: %j, i: %T}",
                  (int64_t)-5, STR("12345678901234567890.5"), false, str_sized("\0\xff", 2),
                  dynamodb_array(&arena, tags, 0), dynamodb_json(&arena, "{Name: %s}", "x"), tags,
                  (size_t)2, STR("{\"NULL\":true}"), STR("t"))),
              "{\":a\":{\"N\":\"-5\"},\"#b\":{\"N\":\"12345678901234567890.5\"},"
              "\"c\":{\"BOOL\":false},\"d\":{\"B\":\"AP8=\"},\"e\":{\"L\":[]},"
              "\"f\":{\"M\":{\"Name\":{\"S\":\"x\"}}},\"g\":{\"SS\":[\"red\",\"blue\"]},"
              "\"h\":{\"NULL\":true},\"i\":\"t\"}");
}

TEST(a_member_without_a_value_is_left_out)
{
    fresh();
    CHECK_STR(
        shown(dynamodb_json(&arena, "{a: %s, b: %S, c: %z, d: %j, e: %t, f: {g: %s}, h: 1}",
                            (const char *)NULL, (struct str){0}, (const struct str *)NULL,
                            (size_t)0, (struct str){0}, (const char *)NULL, (const char *)NULL)),
        "{\"f\":{},\"h\":1}");
    CHECK_STR(shown(dynamodb_json(&arena, "{a: %s, b: %t}", "", "")),
              "{\"a\":{\"S\":\"\"},\"b\":\"\"}");
}

TEST(objects_can_be_joined_and_listed)
{
    const struct str both[] = {STR("{\"a\":1}"), STR("2")};

    fresh();
    CHECK_STR(shown(dynamodb_array(&arena, both, 2)), "[{\"a\":1},2]");
    CHECK_STR(shown(dynamodb_array(&arena, both, 0)), "[]");
    CHECK_STR(shown(dynamodb_join(&arena, STR("{\"a\":1}"), STR(" {\"b\":2} "))),
              "{\"a\":1,\"b\":2}");
    CHECK_STR(shown(dynamodb_join(&arena, STR("{}"), STR("{\"b\":2}"))), "{\"b\":2}");
    CHECK_STR(shown(dynamodb_join(&arena, STR("{\"a\":1}"), STR("{}"))), "{\"a\":1}");
}

/* ---- reading ---- */

static const struct dynamodb_value *parsed(const char *text)
{
    const struct dynamodb_value *value = dynamodb_parse(&arena, str_of(text));

    CHECK(value != NULL);
    return value;
}

TEST(attributes_of_every_type_can_be_read)
{
    const struct dynamodb_value *item, *list, *set;

    fresh();
    item = dynamodb_member(
        parsed(
            "{\"Item\":{\"s\":{\"S\":\"a\\u00e9\"},\"n\":{\"N\":\"-12\"},\"p\":{\"N\":\"19.990\"},"
            "\"t\":{\"BOOL\":true},\"z\":{\"NULL\":true},\"b\":{\"B\":\"AP8=\"},"
            "\"l\":{\"L\":[{\"S\":\"x\"},{\"M\":{\"y\":{\"N\":\"3\"}}}]},"
            "\"m\":{\"M\":{\"k\":{\"S\":\"v\"}}},\"ss\":{\"SS\":[\"a\",\"b\"]},"
            "\"ns\":{\"NS\":[\"1\"]}}}"),
        "Item");
    CHECK(!dynamodb_is_missing(item));
    CHECK_INT(item->count, ==, 10);
    CHECK(str_is(dynamodb_text(item, "s"), "aé"));
    CHECK_INT(dynamodb_integer(item, "n"), ==, -12);
    CHECK(str_is(dynamodb_digits(item, "p"), "19.990"));
    CHECK_INT(dynamodb_integer(item, "p"), ==, 0);
    CHECK(dynamodb_flag(item, "t"));
    CHECK(dynamodb_is_null(dynamodb_member(item, "z")));
    CHECK(str_equal(dynamodb_bytes(&arena, item, "b"), str_sized("\0\xff", 2)));
    list = dynamodb_list(item, "l");
    CHECK_INT(list->count, ==, 2);
    CHECK(str_is(dynamodb_as_text(list->first), "x"));
    CHECK_INT(dynamodb_integer(dynamodb_as_map(dynamodb_element(list, 1)), "y"), ==, 3);
    CHECK(str_is(dynamodb_text(dynamodb_map(item, "m"), "k"), "v"));
    set = dynamodb_set(item, "ss");
    CHECK(set->count == 2 && str_is(set->first->next->text, "b"));
    CHECK(str_is(dynamodb_set(item, "ns")->first->text, "1"));
    CHECK(str_is(dynamodb_member(item, "l")->json,
                 "{\"L\":[{\"S\":\"x\"},{\"M\":{\"y\":{\"N\":\"3\"}}}]}"));
}

TEST(what_is_missing_or_of_another_type_is_empty)
{
    const struct dynamodb_value *item;

    fresh();
    item = parsed("{\"a\":{\"S\":5},\"b\":{\"N\":\"x\"},\"c\":\"S\",\"d\":{\"L\":{}},\"e\":[]}");
    CHECK(str_is(dynamodb_text(item, "a"), "") && str_is(dynamodb_text(item, "z"), ""));
    CHECK(dynamodb_text(item, "z").data != NULL);
    CHECK_INT(dynamodb_integer(item, "b"), ==, 0);
    CHECK(!dynamodb_flag(item, "c") && !dynamodb_is_null(dynamodb_member(item, "c")));
    CHECK(dynamodb_is_missing(dynamodb_list(item, "d")) && dynamodb_list(item, "d")->count == 0);
    CHECK(dynamodb_is_missing(dynamodb_member(dynamodb_member(item, "x"), "y")));
    CHECK(dynamodb_is_missing(dynamodb_element(dynamodb_member(item, "e"), 0)));
    CHECK(str_is(dynamodb_bytes(&arena, item, "a"), ""));
}

TEST(what_is_no_json_is_refused)
{
    static const char *const texts[] = {"", "{", "{\"a\":1}x", "{\"a\":tru}", "<xml/>", "[1,]"};
    struct buffer deep;

    fresh();
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        CHECK(dynamodb_parse(&arena, str_of(texts[i])) == NULL);
    buffer_init(&deep, 1 << 16);
    for (int i = 0; i <= JSON_DEPTH_MAX; i++) buffer_append_byte(&deep, '[');
    for (int i = 0; i <= JSON_DEPTH_MAX; i++) buffer_append_byte(&deep, ']');
    CHECK(dynamodb_parse(&arena, buffer_str(&deep)) == NULL);
    CHECK(dynamodb_parse(&arena, str_sized(deep.data + 1, deep.length - 2)) != NULL);
    buffer_release(&deep);
}
