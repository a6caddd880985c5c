/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of schemas made from the shop's protos, from the tests' own, and from invalid sets. */
#include "rpc/schema.h"

#include "base/test.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "reasons.pb-c.h"
#include "rpc/schema_pattern.h"

extern const unsigned char test_descriptors[];
extern const size_t test_descriptors_size;

static const struct rpc_schema *load(struct arena *arena)
{
    const struct rpc_schema *schema = NULL;

    arena_init(arena, 0);
    EXPECT(!failed(
        rpc_schema_new(arena, str_sized(test_descriptors, test_descriptors_size), &schema)));
    return schema;
}

static const struct schema_field *field_of(const struct rpc_schema *schema, const char *message,
                                           const char *name)
{
    const struct schema_message *found = schema_message_by_name(schema, str_of(message));

    return found ? schema_field_by_name(found, str_of(name)) : NULL;
}

TEST(the_shops_own_protos_make_a_schema)
{
    struct arena arena;
    const struct rpc_schema *schema;
    const struct schema_method *method;
    size_t count;

    arena_init(&arena, 0);
    CHECK_OK(rpc_schema_new(&arena, str_sized(proto_descriptors, proto_descriptors_size), &schema));
    schema_services(schema, &count);
    CHECK_INT(count, >=, 7);
    method = schema_method_by_path(schema, STR("/product_service.ProductService/GetProductById"));
    CHECK(method);
    CHECK_STR(method->name, "GetProductById");
    CHECK(method->idempotent && !method->client_streaming && !method->server_streaming);
    CHECK_STR(method->request->name, "product_service.GetProductByIdRequest");
    CHECK_INT(method->http_count, ==, 1);
    CHECK_STR(method->http[0].method, "GET");
    CHECK_STR(method->http[0].pattern, "/products/{category}/{product_id}");
    CHECK_STR(method->http[0].body, "");
    CHECK(schema_method_by_path(schema, STR("/product_service.ProductService/ImportProducts"))
              ->client_streaming);
    CHECK(!schema_method_by_path(schema, STR("/product_service.ProductService/Nothing")));
    CHECK(schema_service_by_name(schema, STR("cart_service.CartService")));
    CHECK(!schema_service_by_name(schema, STR("cart_service.AddToCartRequest")));
    CHECK(!schema_message_by_name(schema, STR("cart_service.CartService")));
    arena_release(&arena);
}

TEST(fields_are_found_by_either_name_and_by_number)
{
    struct arena arena;
    const struct rpc_schema *schema = load(&arena);
    const struct schema_message *texts = schema_message_by_name(schema, STR("rules.Texts"));
    const struct schema_message *file = schema_message_by_name(
        schema, STR("google.protobuf.MethodOptions"));

    CHECK(texts);
    CHECK(schema_field_by_name(texts, STR("bytes_sized")) ==
          schema_field_by_name(texts, STR("bytesSized")));
    CHECK_INT(schema_field_by_name(texts, STR("bytes_sized"))->number, ==, 3);
    CHECK_STR(schema_field_by_number(texts, 4)->name, "email");
    CHECK(!schema_field_by_number(texts, 0));
    CHECK(!schema_field_by_number(texts, 14));
    CHECK(!schema_field_by_number(texts, 4000));
    CHECK(!schema_field_by_name(texts, STR("Email")));
    CHECK(file);
    CHECK_STR(schema_field_by_number(file, 999)->name, "uninterpreted_option");
    CHECK(!schema_field_by_number(file, 998));
    CHECK(!schema_field_by_number(file, 1000));
    arena_release(&arena);
}

TEST(fields_know_their_shape)
{
    struct arena arena;
    const struct rpc_schema *schema = load(&arena);
    const struct schema_field *field;

    field = field_of(schema, "rules.Presence", "right");
    CHECK(field->presence && !field->repeated);
    CHECK_INT(field->oneof, ==, 2);
    CHECK_STR(schema_message_by_name(schema, STR("rules.Presence"))->oneofs[2], "either");
    field = field_of(schema, "rules.Lists", "numbers");
    CHECK(field->repeated && field->packed && !field->presence && field->oneof == -1);
    field = field_of(schema, "rules.Lists", "words");
    CHECK(field->repeated && !field->packed);
    field = field_of(schema, "rules.Lists", "by_id");
    CHECK(field->map && field->repeated);
    CHECK_STR(field->json_name, "byId");
    CHECK_INT(field->message->fields[0].type, ==, SCHEMA_INT32);
    CHECK_STR(field->message->fields[1].message->name, "rules.Item");
    field = field_of(schema, "rules.Numbers", "colour");
    CHECK(!field->presence);
    CHECK_STR(field->enumeration->name, "rules.Colour");
    CHECK_INT(schema_enum_by_name(field->enumeration, STR("COLOUR_BLUE"))->number, ==, 7);
    CHECK_STR(schema_enum_by_number(field->enumeration, 1)->name, "COLOUR_RED");
    CHECK(!schema_enum_by_number(field->enumeration, 2));
    CHECK(!schema_enum_by_name(field->enumeration, STR("COLOUR_GREEN")));
    CHECK_INT(schema_message_by_name(schema, STR("google.protobuf.Timestamp"))->well_known, ==,
              SCHEMA_TIMESTAMP);
    CHECK_INT(schema_message_by_name(schema, STR("rules.Item"))->well_known, ==, SCHEMA_ORDINARY);
    arena_release(&arena);
}

TEST(rules_are_merged_from_all_occurrences_of_the_option)
{
    struct arena arena;
    const struct rpc_schema *schema = load(&arena);
    const struct schema_rules *rules = field_of(schema, "rules.Texts", "sized")->rules;

    CHECK(rules);
    CHECK_INT(rules->len_min, ==, 2);
    CHECK_INT(rules->len_max, ==, 4);
    CHECK_INT(rules->bytes_max, ==, -1);
    rules = field_of(schema, "rules.Lists", "words")->rules;
    CHECK(rules->unique && rules->items);
    CHECK_INT(rules->items_min, ==, 1);
    CHECK_INT(rules->items->len_min, ==, 1);
    rules = field_of(schema, "rules.Lists", "counts")->rules;
    CHECK_INT(rules->keys->len_max, ==, 3);
    CHECK_INT(rules->items->i_gte, ==, 1);
    CHECK(!field_of(schema, "rules.Texts", "switched_off")->rules);
    CHECK(!field_of(schema, "rules.Texts", "plain")->rules);
    CHECK(schema_message_by_name(schema, STR("rules.Lists"))->has_rules);
    CHECK(schema_message_by_name(schema, STR("rules.Nested"))->has_rules);
    CHECK(!schema_message_by_name(schema, STR("rules.Free"))->has_rules);
    arena_release(&arena);
}

TEST(http_rules_have_their_additional_bindings)
{
    struct arena arena;
    const struct rpc_schema *schema = load(&arena);
    const struct schema_method *method = schema_method_by_path(
        schema, STR("/odd.v1alpha_2.OddHTTPService/AddToCart"));

    CHECK(method && method->idempotent);
    CHECK_INT(method->http_count, ==, 3);
    CHECK_STR(method->http[1].method, "POST");
    CHECK_STR(method->http[1].body, "*");
    CHECK_STR(method->http[1].response_body, "a1B");
    CHECK_STR(method->http[2].method, "PURGE");
    CHECK_STR(method->http[2].pattern, "/odd/**");
    arena_release(&arena);
}

TEST(reflection_finds_files_by_all_that_is_declared_in_them)
{
    static const char *const symbols[] = {
        "odd.v1alpha_2.OddHTTPService",           "odd.v1alpha_2.OddHTTPService.Chat",
        "odd.v1alpha_2.HTTPRule.inNer2X",         "odd.v1alpha_2.HTTPRule.inNer2X.a1B",
        "odd.v1alpha_2.lower_case_2.given_price", "odd.v1alpha_2.optional_things",
    };
    struct arena arena;
    const struct rpc_schema *schema = load(&arena);
    struct str file = schema_file_by_name(schema, STR("odd_names.proto"));
    Google__Protobuf__FileDescriptorProto *proto;
    const uint32_t *numbers;
    size_t count;

    CHECK(file.length > 0);
    for (size_t i = 0; i < sizeof(symbols) / sizeof(*symbols); i++)
        CHECK(schema_file_by_symbol(schema, str_of(symbols[i])).data == file.data);
    CHECK(schema_file_by_symbol(schema, STR("rules.COLOUR_RED")).length > 0);
    CHECK(schema_file_by_symbol(schema, STR("rules.Colour.COLOUR_RED")).length == 0);
    CHECK(schema_file_by_symbol(schema, STR("buf.validate.field")).length > 0);
    CHECK(schema_file_by_name(schema, STR("none.proto")).length == 0);
    proto = google__protobuf__file_descriptor_proto__unpack(NULL, file.length,
                                                            (const uint8_t *)file.data);
    CHECK(proto);
    google__protobuf__file_descriptor_proto__free_unpacked(proto, NULL);

    numbers = schema_extension_numbers(schema, STR("google.protobuf.FieldOptions"), &count);
    CHECK(count == 1 && numbers[0] == 1159);
    schema_extension_numbers(schema, STR("rules.Item"), &count);
    CHECK_INT(count, ==, 0);
    file = schema_file_by_extension(schema, STR("google.protobuf.MethodOptions"), 72295728);
    CHECK(file.data == schema_file_by_name(schema, STR("google/api/annotations.proto")).data);
    CHECK(schema_file_by_extension(schema, STR("google.protobuf.MethodOptions"), 1).length == 0);
    arena_release(&arena);
}

/* ---- invalid sets ---- */

/* A set of one message with one field, to be made invalid; `rules` is an encoded FieldRules of up
 * to 125 bytes. */
struct sample {
    Google__Protobuf__FieldDescriptorProto field;
    Google__Protobuf__FieldOptions options;
    ProtobufCMessageUnknownField option;
    Google__Protobuf__DescriptorProto message;
    Google__Protobuf__FileDescriptorProto file;
    uint8_t option_data[128];
};

static void sample_init(struct sample *sample)
{
    memset(sample, 0, sizeof(*sample));
    google__protobuf__field_descriptor_proto__init(&sample->field);
    google__protobuf__field_options__init(&sample->options);
    google__protobuf__descriptor_proto__init(&sample->message);
    google__protobuf__file_descriptor_proto__init(&sample->file);
    sample->field.name = (char *)"f";
    sample->field.has_number = sample->field.has_type = sample->field.has_label = true;
    sample->field.number = 1;
    sample->field.type = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING;
    sample->field.label = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_OPTIONAL;
    sample->message.name = (char *)"M";
    sample->file.name = (char *)"m.proto";
    sample->file.package = (char *)"p";
    sample->file.syntax = (char *)"proto3";
}

static void sample_rules(struct sample *sample, const char *rules, size_t size)
{
    sample->option_data[0] = (uint8_t)size;
    memcpy(sample->option_data + 1, rules, size);
    sample->option = (ProtobufCMessageUnknownField){1159, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
                                                    size + 1, sample->option_data};
    sample->options.base.n_unknown_fields = 1;
    sample->options.base.unknown_fields = &sample->option;
    sample->field.options = &sample->options;
}

static struct status sample_load(struct arena *arena, struct sample *sample)
{
    Google__Protobuf__FileDescriptorSet set = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_SET__INIT;
    Google__Protobuf__FieldDescriptorProto *fields[] = {&sample->field};
    Google__Protobuf__DescriptorProto *messages[] = {&sample->message};
    Google__Protobuf__FileDescriptorProto *files[] = {&sample->file};
    const struct rpc_schema *schema;
    uint8_t *bytes;
    size_t size;

    sample->message.n_field = 1;
    sample->message.field = fields;
    sample->file.n_message_type = 1;
    sample->file.message_type = messages;
    set.n_file = 1;
    set.file = files;
    size = google__protobuf__file_descriptor_set__get_packed_size(&set);
    bytes = arena_alloc(arena, size);
    google__protobuf__file_descriptor_set__pack(&set, bytes);
    return rpc_schema_new(arena, str_sized(bytes, size), &schema);
}

/* The error for a string field with these rules; "" if they are valid. */
static const char *refusal(struct arena *arena, int type, const char *rules, size_t size)
{
    struct sample sample;
    struct status st;

    sample_init(&sample);
    sample.field.type = (Google__Protobuf__FieldDescriptorProto__Type)type;
    sample_rules(&sample, rules, size);
    st = sample_load(arena, &sample);
    return failed(st) ? st.message : "";
}

#define REFUSAL(type, literal) refusal(&arena, (type), (literal), sizeof(literal) - 1)

TEST(unknown_rules_fail_the_schema_and_name_the_field)
{
    struct arena arena;

    arena_init(&arena, 0);
    CHECK_STR(REFUSAL(SCHEMA_STRING, "\x72\x02\x10\x01"), ""); /* string.min_len = 1 */
    CHECK(strstr(REFUSAL(SCHEMA_STRING, "\x72\x02\x38\x01"), "field p.M.f")); /* string rule 7 */
    CHECK(strstr(REFUSAL(SCHEMA_STRING, "\x72\x02\x38\x01"), "number 7"));
    CHECK(strstr(REFUSAL(SCHEMA_STRING, "\xba\x01\x00"), "number 23")); /* cel */
    CHECK(strstr(REFUSAL(SCHEMA_STRING, "\x1a\x02\x10\x01"),
                 "number 3")); /* int32 rules on a string */
    CHECK(strstr(REFUSAL(SCHEMA_INT32, "\x72\x02\x10\x01"),
                 "number 14")); /* string rules on an int32 */
    CHECK(strstr(REFUSAL(SCHEMA_SINT32, "\x1a\x02\x10\x01"), "number 3"));
    CHECK(strstr(REFUSAL(SCHEMA_STRING, "\xd8\x01\x02"), "ignore")); /* ignore = 2 */
    CHECK(strstr(REFUSAL(SCHEMA_STRING, "\x72\x02\x15\x01"), "broken"));
    CHECK(*REFUSAL(SCHEMA_STRING, "\x72\x05\x12\x03"
                                  "abc")); /* min_len as a string */
    arena_release(&arena);
}

TEST(rules_that_no_value_satisfies_are_refused)
{
    struct arena arena;

    arena_init(&arena, 0);
    CHECK(strstr(REFUSAL(SCHEMA_STRING, "\x72\x04\x10\x05\x18\x04"), "minimum length"));
    CHECK(strstr(REFUSAL(SCHEMA_INT32, "\x1a\x04\x18\x04\x28\x05"), "within its bounds"));
    CHECK_STR(REFUSAL(SCHEMA_INT32, "\x1a\x04\x18\x05\x28\x05"), "");
    CHECK(strstr(REFUSAL(SCHEMA_INT32, "\x1a\x04\x10\x05\x28\x05"), "within its bounds"));
    CHECK(strstr(REFUSAL(SCHEMA_INT32, "\x1a\x04\x20\x01\x28\x01"), "only one of"));
    CHECK(strstr(REFUSAL(SCHEMA_UINT64, "\x32\x0b\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                 "number 5"));
    CHECK(strstr(REFUSAL(SCHEMA_STRING, "\x72\x03\x32\x01("), "pattern"));
    arena_release(&arena);
}

TEST(sets_with_dangling_references_are_refused)
{
    struct arena arena;
    struct sample sample;
    struct status st;

    arena_init(&arena, 0);
    sample_init(&sample);
    CHECK_OK(sample_load(&arena, &sample));

    sample.field.type = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE;
    sample.field.type_name = (char *)".p.Missing";
    st = sample_load(&arena, &sample);
    CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
    CHECK(strstr(st.message, ".p.Missing"));
    sample.field.type_name = (char *)"p.M";
    CHECK(failed(sample_load(&arena, &sample)));
    sample.field.type_name = NULL;
    CHECK(failed(sample_load(&arena, &sample)));
    sample.field.type_name = (char *)".p.M";
    CHECK_OK(sample_load(&arena, &sample));
    sample.field.type = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_GROUP;
    CHECK(failed(sample_load(&arena, &sample)));
    arena_release(&arena);
}

TEST(malformed_sets_are_refused)
{
    struct arena arena;
    struct sample sample;
    const struct rpc_schema *schema;

    arena_init(&arena, 0);
    CHECK(failed(rpc_schema_new(&arena, STR("\x0a\x05xx"), &schema)));
    CHECK(failed(rpc_schema_new(&arena, STR("\x0a\x02\xff\xff"), &schema)));
    CHECK_OK(rpc_schema_new(&arena, STR(""), &schema));
    CHECK(!schema_message_by_name(schema, STR("p.M")));

    sample_init(&sample);
    sample.field.number = 0;
    CHECK(failed(sample_load(&arena, &sample)));
    sample.field.number = 1 << 29;
    CHECK(failed(sample_load(&arena, &sample)));
    sample.field.number = (1 << 29) - 1;
    CHECK_OK(sample_load(&arena, &sample));
    sample.field.has_oneof_index = true;
    CHECK(failed(sample_load(&arena, &sample)));
    sample.field.has_oneof_index = false;
    sample.file.syntax = (char *)"editions";
    CHECK(failed(sample_load(&arena, &sample)));
    sample.file.syntax = NULL;
    CHECK_OK(sample_load(&arena, &sample));
    sample.field.name = NULL;
    CHECK(failed(sample_load(&arena, &sample)));
    arena_release(&arena);
}

/* Every prefix of a good set, and every set with one byte changed, is read without harm. */
TEST(damaged_sets_do_no_harm)
{
    size_t size = test_descriptors_size, step = size / 400 + 1;
    unsigned char *copy = malloc(size);

    CHECK(copy);
    for (size_t i = 0; i < size; i += step) {
        struct arena arena;
        const struct rpc_schema *schema;

        arena_init(&arena, 0);
        (void)failed(rpc_schema_new(&arena, str_sized(test_descriptors, i), &schema));
        memcpy(copy, test_descriptors, size);
        copy[i] ^= (unsigned char)(1 + i % 255);
        (void)failed(rpc_schema_new(&arena, str_sized(copy, size), &schema));
        arena_release(&arena);
    }
    free(copy);
}

/* ---- patterns ---- */

static bool matches(const char *pattern, const char *text)
{
    const struct schema_pattern *compiled;
    struct arena arena;
    const char *error;
    bool result;

    arena_init(&arena, 0);
    result = schema_pattern_compile(&arena, pattern, &compiled, &error);
    EXPECT(result);
    result = result && schema_pattern_matches(compiled, str_of(text));
    arena_release(&arena);
    return result;
}

static bool refused(const char *pattern)
{
    const struct schema_pattern *compiled;
    struct arena arena;
    const char *error;
    bool result;

    arena_init(&arena, 0);
    result = !schema_pattern_compile(&arena, pattern, &compiled, &error);
    if (result) EXPECT(error && *error);
    arena_release(&arena);
    return result;
}

TEST(patterns_mean_what_they_mean_in_re2)
{
    CHECK(matches("^[A-Z]{3}$", "EUR"));
    CHECK(!matches("^[A-Z]{3}$", "EURO"));
    CHECK(!matches("^[A-Z]{3}$", "EUR\n"));
    CHECK(matches("^([A-Z]{3})?$", ""));
    CHECK(matches("^[0-9+() .-]*$", "+49 (30) 1.2-3"));
    CHECK(matches("^\\d+\\.\\d{2}$", "12.34"));
    CHECK(!matches("^\\d+\\.\\d{2}$", "12,34"));
    CHECK(matches("^[\\w.]+$", "a_b.c9"));
    CHECK(!matches("^[\\w.]+$", "a b"));
    CHECK(matches("^\\W$", "-"));
    CHECK(matches("^(?:a|b)+$", "abba"));
    CHECK(matches("\\Aa\\z", "a"));
    CHECK(matches("^a\\<b$", "a<b"));
    CHECK(!matches("^a.b$", "a\nb"));
    CHECK(matches("^[^]]$", "x"));
    CHECK(matches("b", "abc"));
}

TEST(patterns_that_posix_cannot_express_are_refused)
{
    static const char *const patterns[] = {
        "(",       "a**",   "a+?", "a{2}{3}", "(?i)a", "(?P<n>a)", "\\b",  "\\p{L}", "[[:alpha:]]",
        "[a\\-z]", "[\\]]", "[a",  "a\\",     "[\\",   "ä",        "a{x}", "[\\D]",  "\\1"};

    for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
        if (!refused(patterns[i])) printf("  pattern %s\n", patterns[i]);
        CHECK(refused(patterns[i]));
    }
}
