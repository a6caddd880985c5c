/* SPDX-License-Identifier: Apache-2.0 */
/* The arena: a list of chunks from malloc, of which only the newest is filled, and a static reserve
 * for the moment when malloc fails. */
#include "base/arena.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/status.h"

#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

enum {
    CHUNK_FIRST = 4 * 1024,
    CHUNK_FIRST_SMALL = 1024,
    CHUNK_MAX = 256 * 1024,
#ifdef ARENA_POISONS
    GAP = 16, /* poisoned bytes behind each allocation */
#else
    GAP = 0,
#endif
};

struct arena_chunk {
    struct arena_chunk *older;
    size_t size; /* including this header */
    _Alignas(16) char data[];
};

struct arena_deferred {
    struct arena_deferred *next;
    void (*fn)(void *data);
    void *data;
};

/* Used when malloc fails. Untouched pages of it cost nothing. */
static _Alignas(16) char reserve[ARENA_RESERVE];
static atomic_bool reserve_taken;

void arena_init(struct arena *arena, size_t limit)
{
    *arena = (struct arena){.limit = limit ? limit : ARENA_LIMIT_DEFAULT};
}

void arena_init_small(struct arena *arena, size_t limit)
{
    arena_init(arena, limit);
    arena->small = true;
}

/* Makes it empty and keeps how it was made. */
static void init_again(struct arena *arena)
{
    bool small = arena->small;

    arena_init(arena, arena->limit);
    arena->small = small;
}

_Noreturn static void out_of_memory(size_t size)
{
    fprintf(stderr, "argosy: out of memory: cannot allocate %zu bytes\n", size);
    abort();
}

static bool is_reserve(const struct arena_chunk *chunk)
{
    return (const char *)chunk == reserve;
}

static void free_chunk(struct arena_chunk *chunk)
{
    ASAN_UNPOISON_MEMORY_REGION(chunk->data, chunk->size - sizeof(*chunk));
    if (is_reserve(chunk))
        atomic_store(&reserve_taken, false);
    else
        free(chunk);
}

static struct arena_chunk *new_chunk(struct arena *arena, size_t size)
{
    struct arena_chunk *chunk = malloc(size);

    size_t limit = arena->expected < SIZE_MAX - arena->limit ? arena->limit + arena->expected
                                                             : SIZE_MAX;

    if (size > limit || arena->size > limit - size) arena->exhausted = true;
    if (!chunk) {
        arena->exhausted = true;
        if (size > sizeof(reserve) || atomic_exchange(&reserve_taken, true)) out_of_memory(size);
        chunk = (struct arena_chunk *)reserve;
        size = sizeof(reserve);
    }
    chunk->size = size;
    arena->size += size;
    if (arena->budget && arena->first) {
        budget_charge(arena->budget, size);
        arena->charged += size;
    }
    ASAN_POISON_MEMORY_REGION(chunk->data, size - sizeof(*chunk));
    return chunk;
}

void arena_set_budget(struct arena *arena, struct budget *budget)
{
    budget_set(arena->budget, &arena->charged, 0);
    arena->budget = budget;
}

static void open_chunk(struct arena *arena, struct arena_chunk *chunk)
{
    arena->chunk = chunk;
    arena->next = chunk->data;
    arena->end = (char *)chunk + chunk->size;
}

static void add_chunk(struct arena *arena, size_t needed)
{
    size_t size = arena->small ? CHUNK_FIRST_SMALL : CHUNK_FIRST;

    if (arena->chunk)
        size = arena->chunk->size < CHUNK_MAX / 2 ? 2 * arena->chunk->size : CHUNK_MAX;
    while (size < sizeof(struct arena_chunk) + needed) size *= 2;
    struct arena_chunk *chunk = new_chunk(arena, size);
    chunk->older = arena->chunk;
    if (!arena->first) arena->first = chunk;
    open_chunk(arena, chunk);
}

void arena_absorb(struct arena *arena, struct arena *other)
{
    struct arena_chunk *oldest = other->chunk;
    struct arena_deferred **last = &other->deferred;

    while (*last) last = &(*last)->next;
    *last = arena->deferred;
    arena->deferred = other->deferred;
    if (other->exhausted) arena->exhausted = true;
    if (oldest) {
        if (!arena->chunk) add_chunk(arena, 0);
        while (oldest->older) oldest = oldest->older;
        oldest->older = arena->chunk->older;
        arena->chunk->older = other->chunk;
        arena->size += other->size;
        arena_expect(arena, other->size);
        if (arena->budget) {
            budget_charge(arena->budget, other->size);
            arena->charged += other->size;
        }
    }
    budget_set(other->budget, &other->charged, 0);
    init_again(other);
}

/* A large allocation gets a chunk of its own, linked behind the newest one, which stays in use. */
static void *alloc_alone(struct arena *arena, size_t size)
{
    struct arena_chunk *chunk = new_chunk(arena, sizeof(*chunk) + size);

    chunk->older = arena->chunk->older;
    arena->chunk->older = chunk;
    return chunk->data;
}

void *arena_alloc_slow(struct arena *arena, size_t size)
{
    char *memory;

    if (size > SIZE_MAX / 2) out_of_memory(size);
    size_t rounded = size ? ((size + 15) & ~(size_t)15) + GAP : 16;

    if (!arena->chunk) add_chunk(arena, 0);
    if (rounded > (size_t)(arena->end - arena->next) && rounded > CHUNK_FIRST / 2) {
        memory = alloc_alone(arena, rounded);
    } else {
        if (rounded > (size_t)(arena->end - arena->next)) add_chunk(arena, rounded);
        memory = arena->next;
        arena->next += rounded;
    }
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
    return memory;
}

static void run_deferred(struct arena *arena)
{
    while (arena->deferred) {
        struct arena_deferred *deferred = arena->deferred;
        arena->deferred = deferred->next;
        deferred->fn(deferred->data);
    }
}

void arena_reset(struct arena *arena)
{
    struct arena_chunk *older;

    run_deferred(arena);
    for (struct arena_chunk *chunk = arena->chunk; chunk; chunk = older) {
        older = chunk->older;
        if (chunk != arena->first || is_reserve(chunk)) free_chunk(chunk);
    }
    arena_set_budget(arena, NULL);
    arena->exhausted = false;
    arena->expected = 0;
    if (!arena->first || is_reserve(arena->first)) {
        init_again(arena);
        return;
    }

    arena->first->older = 0;
    arena->size = arena->first->size;
    ASAN_POISON_MEMORY_REGION(arena->first->data, arena->first->size - sizeof(*arena->first));
    open_chunk(arena, arena->first);
}

void arena_release(struct arena *arena)
{
    arena_reset(arena);
    if (arena->first) free_chunk(arena->first);
    init_again(arena);
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) out_of_memory(SIZE_MAX);
    return memset(arena_alloc(arena, bytes), 0, bytes);
}

void *arena_memdup(struct arena *arena, const void *data, size_t size)
{
    void *copy = arena_alloc(arena, size);

    if (size) memcpy(copy, data, size);
    return copy;
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
    invariant(length < SIZE_MAX);
    char *copy = arena_alloc(arena, length + 1);

    if (length) memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    char *text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

char *arena_vprintf(struct arena *arena, const char *format, va_list arguments)
{
    char brief[256];
    va_list again;

    va_copy(again, arguments);
    int length = vsnprintf(brief, sizeof(brief), format, arguments);
    invariant(length >= 0);

    char *text = arena_alloc(arena, (size_t)length + 1);
    if ((size_t)length < sizeof(brief))
        memcpy(text, brief, (size_t)length + 1);
    else
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

void arena_defer(struct arena *arena, void (*fn)(void *data), void *data)
{
    struct arena_deferred *deferred = arena_new(arena, struct arena_deferred);

    *deferred = (struct arena_deferred){.next = arena->deferred, .fn = fn, .data = data};
    arena->deferred = deferred;
}
