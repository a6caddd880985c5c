/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that lives as long as one piece of work and is freed whole.
 *
 *     arena_init(&arena, limit);
 *     arena_alloc(&arena, n) ...  arena_reset(&arena) ...
 *     arena_release(&arena);
 *
 * A call has one arena. Chunks double from 4 KiB up to 256 KiB and the first is kept over a reset.
 *
 * Past the limit the process does not die: memory is still given, so that nobody needs to check
 * each allocation, and the arena is marked as `exhausted`; the rpc and http edges look at the mark
 * and answer RESOURCE_EXHAUSTED. When the system has no more memory, the same happens with a
 * reserve of ARENA_RESERVE bytes that the process keeps for one arena at a time; only who finds
 * that empty too ends the process. Everything whose size an outsider chooses has a limit of its own
 * besides, so this one is the last net.
 *
 * Under AddressSanitizer what is not handed out is poisoned, and allocations lie apart. */
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
    struct arena_chunk *first; /* kept over a reset */
    char *next;                /* the first free byte of the newest chunk */
    char *end;
    struct arena_deferred *deferred;
    size_t size;     /* bytes in all chunks */
    size_t limit;    /* bytes */
    size_t expected; /* bytes that are allowed besides */
    struct budget *budget;
    size_t charged; /* on it */
    bool exhausted;
};

enum { ARENA_LIMIT_DEFAULT = 64 * 1024 * 1024, ARENA_RESERVE = 1024 * 1024 };

/* Makes an empty arena; allocates nothing yet. `limit` 0 is ARENA_LIMIT_DEFAULT. */
void arena_init(struct arena *arena, size_t limit);

/* Allows `size` more bytes until the next reset: for a message or body, whose size the caller holds
 * to a limit of its own. */
static inline void arena_expect(struct arena *arena, size_t size)
{
    arena->expected = size < SIZE_MAX - arena->expected ? arena->expected + size : SIZE_MAX;
}

/* Runs what was deferred, then frees all but the first chunk. */
void arena_reset(struct arena *arena);

/* Runs what was deferred, then frees everything; the arena can be used again. */
void arena_release(struct arena *arena);

/* Chunks beyond the first are charged on this budget from now on, until the next reset, which forgets
 * it, or NULL; the former budget gets back what was charged on it. The budget (base/budget.h) must
 * live as long. */
void arena_set_budget(struct arena *arena, struct budget *budget);

void *arena_alloc_slow(struct arena *arena, size_t size);

/* `size` bytes, aligned to 16, not cleared. Never NULL. */
static inline void *arena_alloc(struct arena *arena, size_t size)
{
#ifndef ARENA_POISONS
    /* An overflow makes `rounded` 0, and 0 - 1 is more than any chunk has left. */
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

/* Copies, always ended by a NUL. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
void *arena_memdup(struct arena *arena, const void *data, size_t size);

char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* Runs fn(data) when the arena is reset or released; the last deferred runs first. */
void arena_defer(struct arena *arena, void (*fn)(void *data), void *data);

#endif
