/* SPDX-License-Identifier: Apache-2.0 */
/* The data of the validator's walk over a message: places, values, and the violations found.
 * Private to rpc/schema_validate.c and rpc/schema_check.c. */
#ifndef RPC_SCHEMA_CHECK_H
#define RPC_SCHEMA_CHECK_H

#include "rpc/schema.h"

/* Where the walk is: a field of a message inside another such place. The path costs nothing until
 * it has to be printed; the index of an item is counted only then. */
struct place {
    const struct place *above; /* NULL at the top */
    const struct schema_field *field;
    struct str message; /* the bytes of the message that the field is in */
    const char *item;   /* where the item of a repeated field ends in these bytes; NULL: the whole
                         * field */
};

/* A field's value as received: `number` reduced to the width of its type, `bytes` for strings and
 * bytes.
 */
struct value {
    uint64_t number;
    struct str bytes;
};

struct violations {
    struct arena *arena;
    struct field_violation *list; /* room for SCHEMA_VIOLATIONS_MAX once there is one */
    size_t count;
};

/* Adds one, unless the list is full. */
void violation_add(struct violations *violations, const struct place *place, const char *format,
                   ...) __attribute__((format(printf, 3, 4)));

/* INVALID_ARGUMENT with all violations, or OK if there are none. */
struct status violations_status(const struct violations *violations);

/* The path of a place, such as `items[2].quantity` or `labels["a"]`. */
const char *place_path(struct arena *arena, const struct place *place);

/* Is it the value of an unset field without presence? */
bool value_is_zero(const struct value *value);

/* Checks a single value (or one item) of the place's field against rules for its type. */
void check_value(struct violations *violations, const struct place *place,
                 const struct schema_rules *rules, const struct value *value);

/* Checks the number of a repeated field's items. */
void check_count(struct violations *violations, const struct place *place, size_t count);

/* Checks that a string is UTF-8 without NUL. */
bool check_text(struct violations *violations, const struct place *place, struct str text);

/* Takes the next of a field's values from packed bytes; false at the end or when broken. */
bool value_take(const struct schema_field *field, struct str *rest, struct value *ret_value);

/* The value of one unpacked occurrence. */
struct wire_field;
struct value value_of(const struct schema_field *field, const struct wire_field *wire);

/* The wire type of a single value of this type. */
int value_wire_type(enum schema_type type);

#endif
