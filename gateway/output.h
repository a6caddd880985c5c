/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer in an arena, which the transcoder writes to. A block that has become too
 * small stays in the arena until that is reset, so start with a good guess. Private to gateway/. */
#ifndef GATEWAY_OUTPUT_H
#define GATEWAY_OUTPUT_H

#include <string.h>

#include "base/arena.h"
#include "base/str.h"

struct output {
    struct arena *arena;
    char *data;
    size_t length;
    size_t capacity;
};

static inline void output_init(struct output *out, struct arena *arena, size_t capacity)
{
    out->arena = arena;
    out->data = arena_alloc(arena, capacity);
    out->length = 0;
    out->capacity = capacity;
}

void output_grow(struct output *out, size_t size);

/* Room for `size` more bytes at the end; the caller adds the number of bytes that it wrote to
 * `length`. */
static inline char *output_reserve(struct output *out, size_t size)
{
    if (out->capacity - out->length < size) output_grow(out, size);
    return out->data + out->length;
}

static inline void output_put(struct output *out, const void *data, size_t size)
{
    char *to = output_reserve(out, size);

    if (size > 0) memcpy(to, data, size);
    out->length += size;
}

static inline void output_str(struct output *out, struct str s)
{
    output_put(out, s.data, s.length);
}

static inline void output_byte(struct output *out, char byte)
{
    *output_reserve(out, 1) = byte;
    out->length++;
}

static inline struct str output_view(const struct output *out)
{
    return str_sized(out->data, out->length);
}

#endif
