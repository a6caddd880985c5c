/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that lives as long as one piece of work and is freed whole.
 *
 *     arena_init(&arena, limit);
 *     arena_alloc(&arena, n) ...  arena_reset(&arena) ...
 *     arena_release(&arena);
 *
 * A call has one arena. Chunks double from 4 KiB (1 KiB after arena_init_small) up to 256 KiB and the
 * first is kept over a reset.
 *
 * Past the limit the process does not die: allocations still succeed, so that callers need not
 * check each one, and the arena is marked as `exhausted`; the rpc and http edges check the mark and
 * answer RESOURCE_EXHAUSTED. When the system has no more memory, allocations come from a reserve of
 * ARENA_RESERVE bytes that the process keeps for one arena at a time; the process ends only when
 * that is used up too. Everything whose size a peer chooses has a limit of its own as well, so this
 * one is the last line of defence.
 *
 * Under AddressSanitizer memory that is not allocated is poisoned, with a gap between
 * allocations. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif

struct arena_chunk;
struct arena_deferred;
struct budget;

struct arena {
    struct arena_chunk *chunk; /* the newest; older and oversized ones behind it */
    struct arena_chunk *first; /* kept across resets */
    char *next;                /* the first free byte of the newest chunk */
    char *end;
    struct arena_deferred *deferred;
    size_t size;     /* bytes in all chunks */
    size_t limit;    /* bytes */
    size_t expected; /* bytes allowed in addition to it */
    struct budget *budget;
    size_t charged; /* bytes charged to it */
    bool exhausted;
    bool small; /* its first chunk is */
};

enum { ARENA_LIMIT_DEFAULT = 64 * 1024 * 1024, ARENA_RESERVE = 1024 * 1024 };

/* Makes an empty arena; allocates nothing yet. `limit` 0 is ARENA_LIMIT_DEFAULT. */
void arena_init(struct arena *arena, size_t limit);

/* The same, for one of many arenas that mostly hold a few hundred bytes. */
void arena_init_small(struct arena *arena, size_t limit);

/* Allows `size` more bytes until the next reset: for a message or body, whose size the caller holds
 * to a limit of its own. */
static inline void arena_expect(struct arena *arena, size_t size)
{
    arena->expected = size < SIZE_MAX - arena->expected ? arena->expected + size : SIZE_MAX;
}

/* Runs the deferred functions, then frees all but the first chunk. */
void arena_reset(struct arena *arena);

/* Runs the deferred functions, then frees everything; the arena can be used again. */
void arena_release(struct arena *arena);

/* Moves everything from `other`, with its deferred functions, into this arena, whose limit grows by as
 * much and whose budget pays from now on. `other` is empty afterwards. For memory that another
 * thread has filled. */
void arena_absorb(struct arena *arena, struct arena *other);

/* From now on chunks beyond the first are charged to this budget (base/budget.h), until the next
 * reset or a call with NULL; the charges of the previous budget are given back to it. The budget
 * must live as long. */
void arena_set_budget(struct arena *arena, struct budget *budget);

void *arena_alloc_slow(struct arena *arena, size_t size);

/* `size` bytes, aligned to 16, not cleared. Never NULL. */
static inline void *arena_alloc(struct arena *arena, size_t size)
{
#ifndef ARENA_POISONS
    /* On overflow `rounded` is 0, and 0 - 1 is more than any chunk has left. */
    size_t rounded = (size + 15) & ~(size_t)15;
    if (rounded - 1 < (size_t)(arena->end - arena->next)) {
        void *memory = arena->next;
        arena->next += rounded;
        return memory;
    }
#endif
    return arena_alloc_slow(arena, size);
}

/* `count` × `size` bytes of zeros; an overflow of the product ends the process. */
void *arena_calloc(struct arena *arena, size_t count, size_t size);

#define arena_new(arena, type) ((type *)arena_calloc((arena), 1, sizeof(type)))
#define arena_array(arena, type, count) ((type *)arena_calloc((arena), (count), sizeof(type)))

/* Copies, always NUL-terminated. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
void *arena_memdup(struct arena *arena, const void *data, size_t size);

char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* Runs fn(data) when the arena is reset or released; in reverse order. */
void arena_defer(struct arena *arena, void (*fn)(void *data), void *data);

#endif
