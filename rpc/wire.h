/* SPDX-License-Identifier: Apache-2.0 */
/* The protobuf wire format (protobuf.dev/programming-guides/encoding), read field by field without
 * any descriptor.
 *
 *     while ((result = wire_next(&rest, &field)) == WIRE_FIELD) ...;
 *     if (result == WIRE_BROKEN) ...
 *
 * Groups, which proto3 does not have, are skipped as unknown fields. Unterminated groups, groups
 * nested deeper than WIRE_GROUPS_MAX, field numbers outside 1 to 2^29-1, and varints of more than
 * ten bytes are malformed. */
#ifndef RPC_WIRE_H
#define RPC_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_BYTES = 2,
    WIRE_GROUP = 3,     /* starts a group; wire_next never returns a field of this type */
    WIRE_GROUP_END = 4, /* likewise */
    WIRE_FIXED32 = 5,
};

enum { WIRE_NUMBER_MAX = (1 << 29) - 1, WIRE_GROUPS_MAX = 32 };

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;   /* of VARINT, FIXED64 and FIXED32 */
    struct str bytes; /* of BYTES; a view */
};

enum wire_result { WIRE_END, WIRE_FIELD, WIRE_BROKEN };

/* Removes the next field from the front of *rest. */
enum wire_result wire_next(struct str *rest, struct wire_field *ret_field);

/* Removes one value of the given type, other than BYTES, from the front of *rest; for packed
 * fields. False at the end and on a malformed value. */
bool wire_take_value(struct str *rest, enum wire_type type, uint64_t *ret_value);

/* All occurrences of a BYTES field concatenated, which by the definition of the encoding is the
 * merged message. A view if there is only one occurrence; data NULL if there is none. The message
 * must be well-formed. */
struct str wire_merge(struct arena *arena, struct str message, uint32_t number);

/* The value of a sint32 or sint64 from its varint. */
static inline int64_t wire_zigzag(uint64_t value)
{
    return (int64_t)((value >> 1) ^ (~(value & 1) + 1));
}

#endif
