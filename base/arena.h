/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that lives as long as one piece of work and is freed whole.
 *
 *     arena_init(&arena, limit);  arena_alloc(&arena, n) ...  arena_reset(&arena) ...  arena_release(&arena);
 *
 * A call has one arena. Chunks double from 4 KiB up to 256 KiB and the first is kept over a reset. When the limit
 * is reached (or memory is at its end) the process does not die: `arena_alloc` takes from a reserve and marks the
 * arena as `exhausted`; the rpc and http edges check the mark and answer RESOURCE_EXHAUSTED. Everything whose size
 * an outsider chooses has a limit of its own besides, so this one is the last net. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena_chunk;
struct arena_deferred;

struct arena {
    struct arena_chunk *chunk; /* the newest; older ones behind it */
    char *next;                /* the first free byte of the newest chunk */
    char *end;
    struct arena_deferred *deferred;
    size_t size;  /* bytes in all chunks */
    size_t limit; /* bytes */
    bool exhausted;
};

enum { ARENA_LIMIT_DEFAULT = 64 * 1024 * 1024 };

/* Makes an empty arena; allocates nothing yet. `limit` 0 is ARENA_LIMIT_DEFAULT. */
void arena_init(struct arena *arena, size_t limit);

/* Runs what was deferred, then frees all but the first chunk. */
void arena_reset(struct arena *arena);

/* Runs what was deferred, then frees everything; the arena can be used again. */
void arena_release(struct arena *arena);

void *arena_alloc_slow(struct arena *arena, size_t size);

/* `size` bytes, aligned to 16, not cleared. Never NULL. */
static inline void *arena_alloc(struct arena *arena, size_t size)
{
    size_t rounded = (size + 15) & ~(size_t)15;
    if (rounded >= size && rounded <= (size_t)(arena->end - arena->next)) {
        void *memory = arena->next;
        arena->next += rounded;
        return memory;
    }
    return arena_alloc_slow(arena, size);
}

/* `count` × `size` bytes of zeros; an overflow of the product ends the process. */
void *arena_calloc(struct arena *arena, size_t count, size_t size);

#define arena_new(arena, type) ((type *)arena_calloc((arena), 1, sizeof(type)))
#define arena_array(arena, type, count) ((type *)arena_calloc((arena), (count), sizeof(type)))

/* Copies, always ended by a NUL. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
void *arena_memdup(struct arena *arena, const void *data, size_t size);

char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list arguments);

/* Runs fn(data) when the arena is reset or released; the last deferred runs first. */
void arena_defer(struct arena *arena, void (*fn)(void *data), void *data);

#endif
