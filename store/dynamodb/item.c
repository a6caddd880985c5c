/* SPDX-License-Identifier: Apache-2.0 */
/* Reads answers: a tree of the values in a JSON text, whose texts are views of it. */
#include "store/dynamodb/item.h"

#include "base/encode.h"
#include "base/status.h"

static const struct dynamodb_value missing;

/* ---- the tree ---- */

struct parser {
    struct json_reader reader;
    struct arena *arena;
    size_t count;
};

static struct dynamodb_value *new_value(struct parser *parser, enum json_token kind)
{
    if (++parser->count > DYNAMODB_VALUES_MAX) return 0;
    struct dynamodb_value *value = arena_new(parser->arena, struct dynamodb_value);
    value->kind = kind;
    return value;
}

static bool opens(enum json_token token)
{
    return token == JSON_OBJECT || token == JSON_ARRAY;
}

static bool closes(enum json_token token)
{
    return token == JSON_OBJECT_END || token == JSON_ARRAY_END;
}

/* The value whose first token was just read, without what it contains. */
static struct dynamodb_value *read_value(struct parser *parser, enum json_token token)
{
    struct dynamodb_value *value = new_value(parser, token);

    if (!value) return 0;
    if (token == JSON_STRING) value->text = json_string(&parser->reader, parser->arena);
    if (token == JSON_NUMBER) value->text = parser->reader.raw;
    value->json = str_sized(parser->reader.token,
                            (size_t)(parser->reader.next - parser->reader.token));
    return value;
}

static void link_value(struct dynamodb_value *parent, struct dynamodb_value **last,
                       struct dynamodb_value *value)
{
    if (*last)
        (*last)->next = value;
    else
        parent->first = value;
    *last = value;
    parent->count++;
}

/* Descends without recursion: the depth is the peer's choice. */
static const struct dynamodb_value *read_tree(struct parser *parser)
{
    struct dynamodb_value *open[JSON_DEPTH_MAX], *last[JSON_DEPTH_MAX], *root = 0;
    struct str name = {0};
    enum json_token token;
    int depth = 0;

    while ((token = json_next(&parser->reader)) != JSON_END) {
        if (token == JSON_ERROR) return 0;
        if (token == JSON_KEY) {
            name = json_string(&parser->reader, parser->arena);
            continue;
        }
        if (closes(token)) {
            struct dynamodb_value *ended = open[--depth];
            ended->json.length = (size_t)(parser->reader.next - ended->json.data);
            continue;
        }
        struct dynamodb_value *value = read_value(parser, token);
        if (!value) return 0;
        if (depth > 0) {
            if (open[depth - 1]->kind == JSON_OBJECT) value->name = name;
            link_value(open[depth - 1], &last[depth - 1], value);
        } else {
            root = value;
        }
        if (!opens(token)) continue;
        last[depth] = 0;
        open[depth++] = value;
    }
    return root;
}

const struct dynamodb_value *dynamodb_parse(struct arena *arena, struct str text)
{
    struct parser parser = {.arena = arena};

    json_reader_init(&parser.reader, text, JSON_DEPTH_MAX);
    return read_tree(&parser);
}

const struct dynamodb_value *dynamodb_member(const struct dynamodb_value *object, const char *name)
{
    struct str wanted = str_of(name);

    if (object->kind != JSON_OBJECT) return &missing;
    for (const struct dynamodb_value *value = object->first; value; value = value->next)
        if (str_equal(value->name, wanted)) return value;
    return &missing;
}

const struct dynamodb_value *dynamodb_element(const struct dynamodb_value *array, size_t index)
{
    if (array->kind != JSON_ARRAY) return &missing;
    for (const struct dynamodb_value *value = array->first; value; value = value->next)
        if (index-- == 0) return value;
    return &missing;
}

/* ---- attributes ---- */

/* The value of an attribute that has this type and JSON's. */
static const struct dynamodb_value *typed(const struct dynamodb_value *attribute, const char *type,
                                          enum json_token kind)
{
    const struct dynamodb_value *value = dynamodb_member(attribute, type);

    return value->kind == kind ? value : &missing;
}

static struct str text_of(const struct dynamodb_value *value)
{
    return dynamodb_is_missing(value) ? STR("") : value->text;
}

struct str dynamodb_as_text(const struct dynamodb_value *attribute)
{
    return text_of(typed(attribute, "S", JSON_STRING));
}

struct str dynamodb_as_digits(const struct dynamodb_value *attribute)
{
    return text_of(typed(attribute, "N", JSON_STRING));
}

int64_t dynamodb_as_integer(const struct dynamodb_value *attribute)
{
    int64_t number;

    return str_to_i64(dynamodb_as_digits(attribute), &number) ? number : 0;
}

bool dynamodb_as_flag(const struct dynamodb_value *attribute)
{
    return !dynamodb_is_missing(typed(attribute, "BOOL", JSON_TRUE));
}

bool dynamodb_is_null(const struct dynamodb_value *attribute)
{
    return !dynamodb_is_missing(typed(attribute, "NULL", JSON_TRUE));
}

struct str dynamodb_as_bytes(struct arena *arena, const struct dynamodb_value *attribute)
{
    struct str bytes;

    if (!base64_decode(arena, text_of(typed(attribute, "B", JSON_STRING)), &bytes)) return STR("");
    return bytes;
}

const struct dynamodb_value *dynamodb_as_list(const struct dynamodb_value *attribute)
{
    return typed(attribute, "L", JSON_ARRAY);
}

const struct dynamodb_value *dynamodb_as_map(const struct dynamodb_value *attribute)
{
    return typed(attribute, "M", JSON_OBJECT);
}

const struct dynamodb_value *dynamodb_as_set(const struct dynamodb_value *attribute)
{
    const struct dynamodb_value *texts = typed(attribute, "SS", JSON_ARRAY);

    return dynamodb_is_missing(texts) ? typed(attribute, "NS", JSON_ARRAY) : texts;
}
