/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and items of DynamoDB: made from a template with values, and read by names. They are
 * JSON texts in which each attribute says its type ({"S": "Ann"}, {"N": "5"}).
 *
 *     dynamodb_json(arena, "{TableName: %t, Key: {Category: %s, ProductID: %s}}",
 *                   dynamodb_table(arena, db, "Products"), category, id)
 *
 *     item = dynamodb_member(answer, "Item");
 *     if (dynamodb_is_missing(item)) ...
 *     dynamodb_text(item, "Name"), dynamodb_integer(item, "Stock")
 *
 * Numbers keep the digits that the other side has sent. */
#ifndef STORE_DYNAMODB_ITEM_H
#define STORE_DYNAMODB_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"

/* ---- writing ---- */

/* Makes JSON in the arena. The template is written like JSON, with bare names (also of the kind
 * :value and #name), texts in single quotes, numbers, true, false and null, and placeholders for
 * values. Of attributes:
 *
 *     %s const char *, %S struct str   a text: {"S": ...}
 *     %n int64_t                       a number: {"N": "..."}
 *     %N struct str                    a number by its digits, as they are
 *     %b bool (as int)                 {"BOOL": ...}
 *     %x struct str                    bytes: {"B": ...} in base64
 *     %l struct str                    a list: {"L": ...} of JSON as dynamodb_array makes it
 *     %m struct str                    a map: {"M": ...} of JSON such as {Name: %s}
 *     %z const struct str *, size_t    a set of texts: {"SS": [...]}
 *
 * and of the request around them:
 *
 *     %t const char *, %T struct str   a text
 *     %i int64_t                       a number
 *     %j struct str                    JSON that has been made already
 *
 * A member whose value is a NULL %s or %t, a str with data NULL, or an empty set, is left out. The
 * template is the program's own text: a broken one ends the program. What is not UTF-8 becomes
 * U+FFFD. */
struct str dynamodb_json(struct arena *arena, const char *format, ...);

/* "[first,second]", for %l and %j. */
struct str dynamodb_array(struct arena *arena, const struct str *texts, size_t count);

/* The members of both objects. */
struct str dynamodb_join(struct arena *arena, struct str first, struct str second);

/* ---- reading ---- */

/* A value of an answer and what it contains; in the arena. */
struct dynamodb_value {
    enum json_token kind; /* JSON_ERROR: it is missing */
    struct str name;      /* of a member of an object */
    struct str text;      /* of a string, decoded; of a number, its digits */
    struct str
        json; /* as it stands in the answer, to be sent again by %j; of strings and numbers too */
    const struct dynamodb_value *first, *next; /* members or elements */
    size_t count;
};

enum { DYNAMODB_VALUES_MAX = 1 << 18 };

/* NULL if the text is no JSON, has more values, or is deeper than JSON_DEPTH_MAX. What it returns
 * points into the text, which is borrowed for its life. */
const struct dynamodb_value *dynamodb_parse(struct arena *arena, struct str text);

/* Neither of these fails: what is not there, or of another type, is a missing value. */
const struct dynamodb_value *dynamodb_member(const struct dynamodb_value *object, const char *name);
const struct dynamodb_value *dynamodb_element(const struct dynamodb_value *array, size_t index);

static inline bool dynamodb_is_missing(const struct dynamodb_value *value)
{
    return value->kind == JSON_ERROR;
}

/* Attributes, such as the elements of a list. What is missing or of another type is "", 0, false,
 * or a value without elements. */
struct str dynamodb_as_text(const struct dynamodb_value *attribute);
struct str dynamodb_as_digits(const struct dynamodb_value *attribute);
int64_t dynamodb_as_integer(const struct dynamodb_value *attribute); /* 0 for a fraction too */
bool dynamodb_as_flag(const struct dynamodb_value *attribute);
bool dynamodb_is_null(const struct dynamodb_value *attribute);
struct str dynamodb_as_bytes(struct arena *arena, const struct dynamodb_value *attribute);
/* Their elements are attributes, each of its own type. */
const struct dynamodb_value *dynamodb_as_list(const struct dynamodb_value *attribute);
/* Its members are attributes, as those of an item. */
const struct dynamodb_value *dynamodb_as_map(const struct dynamodb_value *attribute);
/* Its elements are plain texts: SS, or the digits of NS. */
const struct dynamodb_value *dynamodb_as_set(const struct dynamodb_value *attribute);

/* The attributes of an item or map by name. */
static inline struct str dynamodb_text(const struct dynamodb_value *item, const char *name)
{
    return dynamodb_as_text(dynamodb_member(item, name));
}

static inline struct str dynamodb_digits(const struct dynamodb_value *item, const char *name)
{
    return dynamodb_as_digits(dynamodb_member(item, name));
}

static inline int64_t dynamodb_integer(const struct dynamodb_value *item, const char *name)
{
    return dynamodb_as_integer(dynamodb_member(item, name));
}

static inline bool dynamodb_flag(const struct dynamodb_value *item, const char *name)
{
    return dynamodb_as_flag(dynamodb_member(item, name));
}

static inline struct str dynamodb_bytes(struct arena *arena, const struct dynamodb_value *item,
                                        const char *name)
{
    return dynamodb_as_bytes(arena, dynamodb_member(item, name));
}

static inline const struct dynamodb_value *dynamodb_list(const struct dynamodb_value *item,
                                                         const char *name)
{
    return dynamodb_as_list(dynamodb_member(item, name));
}

static inline const struct dynamodb_value *dynamodb_map(const struct dynamodb_value *item,
                                                        const char *name)
{
    return dynamodb_as_map(dynamodb_member(item, name));
}

static inline const struct dynamodb_value *dynamodb_set(const struct dynamodb_value *item,
                                                        const char *name)
{
    return dynamodb_as_set(dynamodb_member(item, name));
}

#endif
