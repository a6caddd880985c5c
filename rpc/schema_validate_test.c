/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the validator on messages of tests/proto/rules.proto, as a well-behaved peer encodes
 * them and as a hostile one might. */
#include "base/test.h"
#include "reasons.pb-c.h"
#include "rpc/schema.h"
#include "rpc/schema_format.h"
#include "rules.pb-c.h"

extern const unsigned char test_descriptors[];
extern const size_t test_descriptors_size;

static struct arena arena, schema_arena;
static const struct rpc_schema *schema;

static struct status validate_bytes(const char *message, const void *data, size_t size)
{
    const struct schema_message *type;

    if (!schema) {
        arena_init(&schema_arena, 0);
        EXPECT(!failed(rpc_schema_new(
            &schema_arena, str_sized(test_descriptors, test_descriptors_size), &schema)));
    }
    type = schema_message_by_name(schema, str_of(message));
    invariant(type);
    arena_release(&arena);
    arena_init(&arena, 0);
    return schema_validate(&arena, type, str_sized(data, size));
}

#define VALIDATE_BYTES(message, literal) validate_bytes((message), (literal), sizeof(literal) - 1)

static struct status validate(const ProtobufCMessage *message)
{
    uint8_t bytes[8192];
    size_t size = protobuf_c_message_get_packed_size(message);

    invariant(size <= sizeof(bytes));
    protobuf_c_message_pack(message, bytes);
    return validate_bytes(message->descriptor->name, bytes, size);
}

/* "field: description" of all violations, joined by "; "; the message of other errors; "ok". */
static const char *said(struct status st)
{
    static char text[4096];
    size_t length = 0;

    if (!failed(st)) return "ok";
    EXPECT(st.code == STATUS_INVALID_ARGUMENT);
    if (st.reason != ARGOSY__REASON__INVALID_FIELDS) return st.message;
    EXPECT(st.details && st.details->violation_count > 0);
    text[0] = '\0';
    for (size_t i = 0; i < st.details->violation_count && length < sizeof(text); i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s: %s",
                                   i > 0 ? "; " : "", st.details->violations[i].field,
                                   st.details->violations[i].description);
    return text;
}

/* A message that satisfies every rule, to be changed in one place. */
static Rules__Texts good_texts(void)
{
    Rules__Texts texts = RULES__TEXTS__INIT;

    texts.sized = (char *)"abc";
    texts.required = (char *)"x";
    return texts;
}

TEST(a_good_message_passes)
{
    Rules__Texts texts = good_texts();

    CHECK_STR(said(validate(&texts.base)), "ok");
}

TEST(absent_fields_without_presence_have_the_zero_value)
{
    CHECK_STR(said(VALIDATE_BYTES("rules.Texts", "")),
              "sized: must not be empty; required: is required");
}

TEST(lengths_count_code_points_and_bytes)
{
    Rules__Texts texts = good_texts();

    texts.sized = (char *)"äöüß";
    CHECK_STR(said(validate(&texts.base)), "ok");
    texts.sized = (char *)"äöüßx";
    CHECK_STR(said(validate(&texts.base)), "sized: must have at most 4 characters");
    texts.sized = (char *)"ä";
    CHECK_STR(said(validate(&texts.base)), "sized: must have at least 2 characters");
    texts.sized = (char *)"ab";
    texts.bytes_sized = (char *)"äöü";
    texts.blob = (ProtobufCBinaryData){4, (uint8_t *)(char *)"\xff\0\x01\x02"};
    CHECK_STR(said(validate(&texts.base)),
              "bytes_sized: must have at most 4 bytes; blob: must have at most 3 bytes");
    texts.bytes_sized = (char *)"";
    texts.blob.len = 3;
    CHECK_STR(said(validate(&texts.base)), "ok");
}

TEST(texts_are_checked_for_their_form)
{
    Rules__Texts texts = good_texts();

    texts.email = texts.uuid = texts.hostname = texts.ip = texts.uri = (char *)"no such thing";
    texts.pattern = (char *)"1-a";
    texts.choice = (char *)"deleted";
    CHECK_STR(
        said(validate(&texts.base)),
        "email: must be an e-mail address; uuid: must be a UUID; hostname: must be a host name; "
        "ip: must be an IP address; uri: must be an absolute URI; "
        "pattern: must match the pattern ^(\\d{2}-[\\w.]+)?$; choice: must be one of \"\", "
        "\"active\", \"draft\"");
    texts.email = (char *)"a@example.com";
    texts.uuid = (char *)"01890a5d-ac96-774b-bcce-b302099a8057";
    texts.hostname = (char *)"shop.example.com";
    texts.ip = (char *)"2001:db8::1";
    texts.uri = (char *)"https://example.com/a?b#c";
    texts.pattern = (char *)"12-a.b";
    texts.choice = (char *)"draft";
    CHECK_STR(said(validate(&texts.base)), "ok");
}

TEST(nul_and_invalid_utf8_are_refused_by_name)
{
    CHECK_STR(said(VALIDATE_BYTES("rules.Texts", "\x0a\x03"
                                                 "a\0b\x12\x02xx\x5a\x01x")),
              "plain: must not contain NUL");
    CHECK_STR(said(VALIDATE_BYTES("rules.Texts", "\x0a\x02\xc3\x28\x12\x02xx\x5a\x01x")),
              "plain: must be valid UTF-8");
    /* The sized field is invalid text, so its length is not checked as well. */
    CHECK_STR(said(VALIDATE_BYTES("rules.Texts", "\x12\x01\xff\x5a\x01x")),
              "sized: must be valid UTF-8");
    /* Also where there are no rules at all. */
    CHECK_STR(said(VALIDATE_BYTES("rules.Free", "\x22\x03\x0a\x01\xff")),
              "inner.text: must be valid UTF-8");
    CHECK_STR(said(VALIDATE_BYTES("rules.Free", "\x12\x01"
                                                "a\x12\x01\xff")),
              "texts[1]: must be valid UTF-8");
    CHECK_STR(said(VALIDATE_BYTES("rules.Free", "\x1a\x06\x0a\x01k\x12\x01\xff")),
              "pairs[\"k\"]: must be valid UTF-8");
    CHECK_STR(said(VALIDATE_BYTES("rules.Free", "\x2a\x02\xff\x00")),
              "ok"); /* bytes may be anything */
}

TEST(numbers_have_bounds)
{
    Rules__Numbers numbers = RULES__NUMBERS__INIT;

    CHECK_STR(said(validate(&numbers.base)), "ok");
    numbers.i32 = 10, numbers.i64 = 4, numbers.u32 = 10, numbers.u64 = 9, numbers.real = 1.5,
    numbers.single = 0.5F;
    numbers.colour = RULES__COLOUR__COLOUR_BLUE, numbers.positive = UINT64_MAX;
    CHECK_STR(said(validate(&numbers.base)), "ok");
    numbers.i32 = 11, numbers.i64 = 5, numbers.u32 = 11, numbers.u64 = UINT64_MAX,
    numbers.real = 1.6;
    numbers.single = 1, numbers.colour = (Rules__Colour)2, numbers.positive = 2;
    CHECK_STR(said(validate(&numbers.base)),
              "i32: must be at most 10; i64: must be less than 5; u32: must be at most 10; u64: "
              "must be less than 10; "
              "real: must be at most 1.5; single: must be less than 1; colour: must be one of the "
              "values of rules.Colour; "
              "positive: must be greater than 2");
    numbers = (Rules__Numbers)RULES__NUMBERS__INIT;
    numbers.i32 = -1, numbers.i64 = -5, numbers.real = -0.5, numbers.single = -1;
    CHECK_STR(said(validate(&numbers.base)),
              "i32: must be at least 0; i64: must be greater than -5; real: must be at least 0; "
              "single: must be greater than -1");
}

TEST(nan_and_infinity_are_within_no_bounds)
{
    Rules__Numbers numbers = RULES__NUMBERS__INIT;

    numbers.real = numbers.finite = __builtin_nan("");
    numbers.single = __builtin_nanf("");
    CHECK_STR(said(validate(&numbers.base)), "real: must be a finite number; single: must be "
                                             "greater than -1; single: must be less than 1; "
                                             "finite: must be a finite number");
    numbers = (Rules__Numbers)RULES__NUMBERS__INIT;
    numbers.finite = -__builtin_inf();
    CHECK_STR(said(validate(&numbers.base)), "finite: must be a finite number");
}

TEST(a_varint_is_as_wide_as_its_type)
{
    /* 2^32 + 11 as an int32 is 11. */
    CHECK_STR(said(VALIDATE_BYTES("rules.Numbers", "\x08\x8b\x80\x80\x80\x10")),
              "i32: must be at most 10");
    /* And 2^32 is 0. */
    CHECK_STR(said(VALIDATE_BYTES("rules.Numbers", "\x08\x80\x80\x80\x80\x10")), "ok");
}

TEST(the_last_value_counts)
{
    CHECK_STR(said(VALIDATE_BYTES("rules.Numbers", "\x08\x0b\x08\x01")), "ok");
    CHECK_STR(said(VALIDATE_BYTES("rules.Numbers", "\x08\x01\x08\x0b")), "i32: must be at most 10");
    /* An invalid string is refused even if a valid one follows. */
    CHECK_STR(said(VALIDATE_BYTES("rules.Texts", "\x12\x01\xff\x12\x02ok\x5a\x01x")),
              "sized: must be valid UTF-8");
}

TEST(absent_fields_with_presence_are_only_asked_whether_they_are_required)
{
    CHECK_STR(said(VALIDATE_BYTES("rules.Presence", "\x12\x01"
                                                    "a\x32\x02\x08\x01")),
              "ok");
    CHECK_STR(said(VALIDATE_BYTES("rules.Presence", "")), "name: is required; needed: is required");
    CHECK_STR(said(VALIDATE_BYTES("rules.Presence", "\x08\x00\x12\x00\x32\x02\x08\x01")),
              "quantity: must be at least 1");
}

TEST(the_last_member_of_a_oneof_counts)
{
#define REST   \
    "\x12\x01" \
    "a\x32\x02\x08\x01"
    CHECK_STR(said(VALIDATE_BYTES("rules.Presence", REST "\x1a\x01x")),
              "left: must have at least 2 characters");
    CHECK_STR(said(VALIDATE_BYTES("rules.Presence", REST "\x1a\x01x\x22\x01y")), "ok");
    CHECK_STR(said(VALIDATE_BYTES("rules.Presence", REST "\x1a\x01x\x2a\x02\x08\x01")), "ok");
    CHECK_STR(said(VALIDATE_BYTES("rules.Presence", REST "\x2a\x02\x08\x01\x1a\x01x")),
              "left: must have at least 2 characters");
    /* The decoder uses only the last part of such a member, so the quantity is lost. */
    CHECK_STR(said(VALIDATE_BYTES("rules.Presence", REST "\x2a\x02\x08\x01\x2a\x03\x12\x01n")),
              "item.quantity: must be at least 1");
#undef REST
}

TEST(a_message_in_parts_is_merged)
{
#define WORD "\x1a\x01w"
    /* quantity in one part, note in the other: neither is complete alone. */
    CHECK_STR(said(VALIDATE_BYTES("rules.Lists", WORD "\x32\x02\x08\x01\x32\x03\x12\x01n")), "ok");
    /* Two tags in each part are four. */
    CHECK_STR(said(VALIDATE_BYTES("rules.Lists", WORD "\x32\x08\x08\x01\x1a\x01"
                                                      "a\x1a\x01"
                                                      "b"
                                                      "\x32\x06\x1a\x01"
                                                      "c\x1a\x01"
                                                      "d")),
              "one.tags: must have at most 2 items");
#undef WORD
}

TEST(violations_in_lists_and_maps_are_named_by_their_place)
{
    Rules__Lists lists = RULES__LISTS__INIT;
    Rules__Item good = RULES__ITEM__INIT, bad = RULES__ITEM__INIT;
    Rules__Item *items[] = {&good, &good, &bad};
    int32_t numbers[] = {3, -1};
    char *words[] = {(char *)"w", (char *)""};

    good.quantity = 1;
    lists.n_items = 3, lists.items = items;
    lists.n_numbers = 2, lists.numbers = numbers;
    lists.n_words = 2, lists.words = words;
    CHECK_STR(said(validate(&lists.base)), "items[2].quantity: must be at least 1; numbers[1]: "
                                           "must be at least 0; words[1]: must not be empty");
    /* counts {"a": 0, "long": 1}; by_id {7: {quantity: 0}} */
    CHECK_STR(
        said(VALIDATE_BYTES("rules.Lists", "\x1a\x01w\x22\x05\x0a\x01"
                                           "a\x10\x00\x22\x08\x0a\x04long\x10\x01"
                                           "\x2a\x06\x08\x07\x12\x02\x08\x00")),
        "counts[\"a\"]: must be at least 1; counts[\"long\"]: must have at most 3 characters; "
        "by_id[7].quantity: must be at least 1");
    /* An entry without a key or value has the zero ones. */
    CHECK_STR(said(VALIDATE_BYTES("rules.Lists", "\x1a\x01w\x22\x00")),
              "counts[\"\"]: must be at least 1");
}

TEST(lists_have_limits_on_their_number_of_items)
{
    Rules__Lists lists = RULES__LISTS__INIT;
    Rules__Item good = RULES__ITEM__INIT;
    Rules__Item *items[] = {&good, &good, &good, &good};

    good.quantity = 1;
    lists.n_items = 4, lists.items = items;
    CHECK_STR(said(validate(&lists.base)),
              "items: must have at most 3 items; words: must have at least 1 item");
    CHECK_STR(said(VALIDATE_BYTES("rules.Lists", "\x1a\x01w\x22\x05\x0a\x01"
                                                 "a\x10\x01\x22\x05\x0a\x01"
                                                 "b\x10\x01"
                                                 "\x22\x05\x0a\x01"
                                                 "c\x10\x01")),
              "counts: must have at most 2 pairs");
}

TEST(unique_lists_must_not_repeat_an_item)
{
    Rules__Lists lists = RULES__LISTS__INIT;
    char texts[40][16], *words[40];
    int32_t numbers[] = {1, 2, 1};

    for (int i = 0; i < 40; i++) {
        snprintf(texts[i], sizeof(texts[i]), "w%d", i);
        words[i] = texts[i];
    }
    lists.n_words = 40, lists.words = words;
    CHECK_STR(said(validate(&lists.base)), "ok");
    words[39] = texts[0];
    CHECK_STR(said(validate(&lists.base)), "words: must not have the same item twice");
    lists.n_words = 1;
    lists.n_numbers = 3, lists.numbers = numbers;
    CHECK_STR(said(validate(&lists.base)), "numbers: must not have the same item twice");
    /* Packed in two pieces, and partly not packed. */
    CHECK_STR(said(VALIDATE_BYTES("rules.Lists", "\x1a\x01w\x12\x01\x05\x10\x06\x12\x01\x05")),
              "numbers: must not have the same item twice");
    CHECK_STR(said(VALIDATE_BYTES("rules.Lists", "\x1a\x01w\x12\x01\x05\x10\x06\x12\x02\x07\x7f")),
              "ok");
    CHECK_STR(said(VALIDATE_BYTES("rules.Lists", "\x1a\x01w\x12\x01\x05\x10\x06\x12\x0b\x07"
                                                 "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")),
              "numbers[3]: must be at least 0");
}

TEST(at_most_32_violations_are_listed)
{
    uint8_t bytes[2000];
    size_t size = 0;
    struct status st;

    for (int i = 0; i < 500; i++) {
        memcpy(bytes + size, "\x0a\x00", 2); /* an item of quantity 0 */
        size += 2;
    }
    st = validate_bytes("rules.Lists", bytes, size);
    CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(st.details->violation_count, ==, SCHEMA_VIOLATIONS_MAX);
    CHECK_STR(st.message, "`items[0].quantity`: must be at least 1; and 31 more");
}

TEST(malformed_messages_are_refused)
{
    const struct {
        const char *message;
        struct str bytes;
    } table[] = {
        {"rules.Texts", STR("\x0a")}, /* no length */
        {"rules.Texts", STR("\x0a\x05"
                            "ab")},             /* truncated */
        {"rules.Texts", STR("\x08\x01")},       /* a string as a varint */
        {"rules.Numbers", STR("\x0a\x01x")},    /* an int32 as bytes */
        {"rules.Numbers", STR("\x29\x01\x02")}, /* a short double */
        {"rules.Numbers", STR("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
        {"rules.Numbers", STR("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")},
        {"rules.Numbers", STR("\x02\x00")},          /* field number 0 */
        {"rules.Numbers", STR("\x0b")},              /* a group without an end */
        {"rules.Numbers", STR("\x0c")},              /* an end without a group */
        {"rules.Numbers", STR("\x0f")},              /* wire type 7 */
        {"rules.Lists", STR("\x12\x01\x80")},        /* a broken packed value */
        {"rules.Free", STR("\x32\x03\x01\x02\x03")}, /* packed fixed32 of 3 bytes */
        {"rules.Free", STR("\x22\x02\x0a\x05")},     /* broken inside */
        {"rules.Lists", STR("\x32\x01\x08")},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct status st = validate_bytes(table[i].message, table[i].bytes.data,
                                          table[i].bytes.length);
        if (st.reason != ARGOSY__REASON__MALFORMED_MESSAGE) printf("  row %zu\n", i);
        CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
        CHECK_INT(st.reason, ==, ARGOSY__REASON__MALFORMED_MESSAGE);
    }
    CHECK_STR(said(VALIDATE_BYTES("rules.Free", "\x22\x02\x0a\x05")),
              "inner is not encoded as protobuf");
    CHECK_STR(said(VALIDATE_BYTES("rules.Numbers", "\x0a\x01x")), "i32 is encoded as another type");
}

TEST(unknown_fields_are_skipped)
{
    CHECK_STR(said(VALIDATE_BYTES("rules.Free", "\xfa\x07\x03\xff\xff\xff\xf8\x07\x01")), "ok");
}

/* Messages inside each other by the field that `tag` stands for; the innermost is empty. */
static size_t nest(uint8_t *bytes, int depth, uint8_t tag)
{
    size_t size = 0;

    for (int i = 0; i < depth; i++) {
        uint8_t head[3] = {tag, (uint8_t)size};
        size_t head_size = 2;
        if (size > 127) {
            head[1] = (uint8_t)(size | 0x80);
            head[2] = (uint8_t)(size >> 7);
            head_size = 3;
        }
        memmove(bytes + head_size, bytes, size);
        memcpy(bytes, head, head_size);
        size += head_size;
    }
    return size;
}

TEST(depth_is_limited)
{
    static const struct {
        const char *message;
        uint8_t tag;
    } table[] = {{"rules.Nested", 0x0a}, {"rules.Free", 0x22}};
    uint8_t bytes[1024];

    for (size_t i = 0; i < 2; i++) {
        size_t size = nest(bytes, SCHEMA_DEPTH_MAX - 1, table[i].tag);
        CHECK_OK(validate_bytes(table[i].message, bytes, size));
        size = nest(bytes, SCHEMA_DEPTH_MAX, table[i].tag);
        CHECK_INT(validate_bytes(table[i].message, bytes, size).reason, ==,
                  ARGOSY__REASON__MALFORMED_MESSAGE);
    }
}

/* Parts of a message are put together once, not once for each part. */
TEST(many_parts_of_one_message_cost_no_more_than_their_bytes)
{
    enum { PARTS = 200000 };
    uint8_t *bytes = malloc(4 * PARTS + 3);
    struct status st;

    CHECK(bytes);
    memcpy(bytes, "\x1a\x01w", 3);
    for (size_t i = 0; i < PARTS; i++) memcpy(bytes + 3 + 4 * i, "\x32\x02\x08\x01", 4);
    st = validate_bytes("rules.Lists", bytes, 4 * PARTS + 3);
    free(bytes);
    CHECK_OK(st);
    CHECK_INT(arena.size, <, 2 * 4 * PARTS);
}

TEST(nothing_is_allocated_for_a_good_message)
{
    Rules__Texts texts = good_texts();

    texts.email = (char *)"a@example.com";
    CHECK_OK(validate(&texts.base));
    CHECK_INT(arena.size, ==, 0);
}

/* ---- forms of text ---- */

TEST(emails)
{
    static const char *const good[] = {"a@b.co", "first.last+tag@sub.example.com",
                                       "o'neil@example.org", "x@localhost", "customer@example.com"};
    static const char *const bad[] = {
        "",           "a",        "@b.co",   "a@",      "a@b@c.de", ".a@b.co",       "a.@b.co",
        "a..b@c.de",  "a b@c.de", "a@-b.co", "a@b..co", "a@b.co.",  "a@[127.0.0.1]", "a@b.123",
        "\"a\"@b.co", "a@b.co\n", "ä@b.co"};

    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        CHECK(format_is_email(str_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) CHECK(!format_is_email(str_of(bad[i])));
    CHECK(!format_is_email(STR("a@b.co\0x")));
    CHECK(format_is_email(
        STR("1234567890123456789012345678901234567890123456789012345678901234@b.co")));
    CHECK(!format_is_email(
        STR("12345678901234567890123456789012345678901234567890123456789012345@b.co")));
}

TEST(hostnames_addresses_and_uuids)
{
    CHECK(format_is_hostname(STR("example.com")) && format_is_hostname(STR("a-1.b.")) &&
          format_is_hostname(STR("x")));
    CHECK(!format_is_hostname(STR("")) && !format_is_hostname(STR(".")) &&
          !format_is_hostname(STR("1.2.3.4")));
    CHECK(!format_is_hostname(STR("a_b.c")) && !format_is_hostname(STR("-a.b")) &&
          !format_is_hostname(STR("a..b")));
    CHECK(format_is_ip(STR("127.0.0.1")) && format_is_ip(STR("::1")) &&
          format_is_ip(STR("::ffff:1.2.3.4")));
    CHECK(!format_is_ip(STR("127.0.0")) && !format_is_ip(STR("1.2.3.4:80")) &&
          !format_is_ip(STR("[::1]")));
    CHECK(!format_is_ip(STR("fe80::1%eth0")) && !format_is_ip(STR("")) &&
          !format_is_ip(STR("1.2.3.4\0")));
    CHECK(format_is_uuid(STR("01890A5D-ac96-774b-bcce-b302099a8057")));
    CHECK(!format_is_uuid(STR("01890a5dac96774bbcceb302099a8057")));
    CHECK(!format_is_uuid(STR("01890a5d-ac96-774b-bcce-b302099a805g")));
}

TEST(uris)
{
    static const char *const good[] = {
        "https://example.com", "http://user:pw@h:80/p/a?q=1&r#f", "mailto:a@b.co",
        "http://[::1]:8080/",  "data:text/plain,hi%20there",      "file:///etc/x",
        "urn:isbn:1"};
    static const char *const bad[] = {"",
                                      "example.com/x",
                                      "//example.com",
                                      "1http://x",
                                      "http://a b",
                                      "http://x/%2",
                                      "http://x/%zz",
                                      "http://[::1/",
                                      "http://x:8a/",
                                      "http://x/\"",
                                      "http://x#a#b",
                                      "http://a@b@c/",
                                      "http://x/<s>",
                                      ":x",
                                      "javascript"};

    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        if (!format_is_uri(str_of(good[i]))) puts(good[i]);
        CHECK(format_is_uri(str_of(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (format_is_uri(str_of(bad[i]))) puts(bad[i]);
        CHECK(!format_is_uri(str_of(bad[i])));
    }
}

TEST(rules_inside_an_ignored_field_are_not_checked)
{
    /* 1: {} 2: {} 3: {1: {}}: quantity is not at least 1, words are missing; 4 is not ignored. */
    CHECK_STR(said(VALIDATE_BYTES("rules.Unruled", "\x0a\x00\x12\x00\x1a\x02\x0a\x00")), "ok");
    CHECK_STR(said(VALIDATE_BYTES("rules.Unruled", "\x22\x00")),
              "ruled.quantity: must be at least 1");
    /* But its texts must be valid. */
    CHECK_STR(said(VALIDATE_BYTES("rules.Unruled", "\x0a\x03\x12\x01\xff")),
              "one.note: must be valid UTF-8");
}

TEST(rules_of_items_inside_an_ignored_field_are_not_checked)
{
    /* 3: {2: -1, 3: ""}: no number may be below 0, and no word empty. */
    CHECK_STR(said(VALIDATE_BYTES("rules.Unruled",
                                  "\x1a\x0d\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x1a\x00")),
              "ok");
}
