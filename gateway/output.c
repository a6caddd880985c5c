/* SPDX-License-Identifier: Apache-2.0 */
/* Grows the output: each larger block is a new allocation in the arena. */
#include "gateway/output.h"

#include "base/status.h"

void output_grow(struct output *out, size_t size)
{
    size_t capacity = out->capacity < 64 ? 64 : out->capacity;

    invariant(size < SIZE_MAX / 4 && capacity < SIZE_MAX / 4);
    while (capacity - out->length < size) capacity *= 2;
    char *data = arena_alloc(out->arena, capacity);
    if (out->length > 0) memcpy(data, out->data, out->length);
    out->data = data;
    out->capacity = capacity;
}
