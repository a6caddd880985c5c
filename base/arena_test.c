/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the arena: alignment, chunks and resets, the limit and the reserve, deferred
 * functions. */
#include "base/arena.h"

#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

TEST(memory_is_aligned_and_apart)
{
    struct arena arena;
    char *pieces[300];

    arena_init(&arena, 0);
    for (size_t i = 0; i < 300; i++) {
        pieces[i] = arena_alloc(&arena, i * 7);
        CHECK((uintptr_t)pieces[i] % 16 == 0);
        memset(pieces[i], (int)(i & 0xff), i * 7);
    }
    for (size_t i = 0; i < 300; i++)
        for (size_t k = 0; k < i * 7; k++) CHECK((uint8_t)pieces[i][k] == (i & 0xff));
    CHECK(!arena.exhausted);
    arena_release(&arena);
    CHECK(arena.size == 0);
}

TEST(an_empty_allocation_is_not_null)
{
    struct arena arena;

    arena_init(&arena, 0);
    CHECK(arena_alloc(&arena, 0) != 0);
    CHECK(arena_memdup(&arena, 0, 0) != 0);
    CHECK(arena_array(&arena, int, 0) != 0);
    arena_release(&arena);
}

TEST(a_new_object_is_zero_even_in_used_memory)
{
    struct arena arena;

    arena_init(&arena, 0);
    memset(arena_alloc(&arena, 1000), 0xff, 1000);
    arena_reset(&arena);
    uint8_t *zeros = arena_array(&arena, uint8_t, 1000);
    for (int i = 0; i < 1000; i++) CHECK(zeros[i] == 0);
    arena_release(&arena);
}

TEST(the_first_chunk_is_kept_over_a_reset)
{
    struct arena arena;

    arena_init(&arena, 0);
    void *first = arena_alloc(&arena, 100);
    size_t size = arena.size;
    for (int i = 0; i < 1000; i++) arena_alloc(&arena, 1000);
    arena_alloc(&arena, 1000000);
    CHECK(arena.size > 2000000);
    arena_reset(&arena);
    CHECK(arena.size == size);
    CHECK(arena_alloc(&arena, 100) == first);
    CHECK(arena.size == size);
    arena_release(&arena);
}

TEST(a_large_piece_leaves_the_rest_of_its_chunk_in_use)
{
    struct arena arena;

    arena_init(&arena, 0);
    char *before = arena_alloc(&arena, 16);
    memset(arena_alloc(&arena, 100000), 1, 100000);
    char *after = arena_alloc(&arena, 16);
    CHECK(after > before && after - before <= 64);
    arena_release(&arena);
}

TEST(past_its_limit_an_arena_still_allocates_and_is_marked)
{
    struct arena arena;

    arena_init(&arena, 10000);
    memset(arena_alloc(&arena, 3000), 1, 3000);
    CHECK(!arena.exhausted);
    memset(arena_alloc(&arena, 30000), 1, 30000);
    CHECK(arena.exhausted);
    arena_reset(&arena);
    CHECK(!arena.exhausted);
    arena_release(&arena);
}

TEST(copies_end_with_nul)
{
    struct arena arena;
    char text[] = {'a', 'b', 'c'};

    arena_init(&arena, 0);
    CHECK_STR(arena_strndup(&arena, text, 2), "ab");
    CHECK_STR(arena_strndup(&arena, 0, 0), "");
    CHECK_STR(arena_strdup(&arena, "hello"), "hello");
    CHECK(memcmp(arena_memdup(&arena, text, 3), text, 3) == 0);
    arena_release(&arena);
}

TEST(printing_takes_any_length)
{
    struct arena arena;
    char wide[1000];

    arena_init(&arena, 0);
    CHECK_STR(arena_printf(&arena, "%d-%s", 42, "x"), "42-x");
    for (int length = 250; length < 262; length++) {
        memset(wide, 'y', sizeof(wide));
        wide[length] = 0;
        CHECK_STR(arena_printf(&arena, "%s", wide), wide);
    }
    CHECK_INT(strlen(arena_printf(&arena, "%5000d", 1)), ==, 5000);
    arena_release(&arena);
}

static char order[8];
static char a[] = "a", b[] = "b", c[] = "c", d[] = "d";

static void note(void *data)
{
    size_t length = strlen(order);

    order[length] = *(char *)data;
    order[length + 1] = 0;
}

TEST(a_small_arena_begins_with_a_small_chunk_and_takes_any_size)
{
    struct arena arena;

    arena_init_small(&arena, 0);
    for (int round = 0; round < 3; round++) {
        arena_alloc(&arena, 100);
        CHECK_INT(arena.size, ==, 1024);
        memset(arena_alloc(&arena, 1900), 1,
               1900); /* more than it has, less than a chunk of its own */
        memset(arena_alloc(&arena, 3000), 2, 3000);
        memset(arena_alloc(&arena, 300000), 3, 300000);
        if (round == 1)
            arena_release(&arena);
        else
            arena_reset(&arena);
    }
    arena_release(&arena);
}

TEST(the_last_deferred_runs_first_and_once)
{
    struct arena arena;

    order[0] = 0;
    arena_init(&arena, 0);
    arena_defer(&arena, note, a);
    arena_defer(&arena, note, b);
    arena_alloc(&arena, 100000);
    arena_defer(&arena, note, c);
    arena_reset(&arena);
    CHECK_STR(order, "cba");
    arena_defer(&arena, note, d);
    arena_release(&arena);
    CHECK_STR(order, "cbad");
    arena_release(&arena);
    CHECK_STR(order, "cbad");
}

static struct arena *growing;

static void defer_once_more(void *data)
{
    memset(arena_alloc(growing, 5000), 0, 5000);
    arena_defer(growing, note, d);
}

TEST(what_is_deferred_may_use_the_arena)
{
    struct arena arena;

    order[0] = 0;
    growing = &arena;
    arena_init(&arena, 0);
    arena_defer(&arena, defer_once_more, 0);
    arena_release(&arena);
    CHECK_STR(order, "d");
}

static bool dies(void (*fn)(void))
{
    int result;
    pid_t child = fork();

    if (child == 0) {
        fclose(stderr);
        fn();
        _exit(0);
    }
    CHECK(waitpid(child, &result, 0) == child);
    return !WIFEXITED(result) || WEXITSTATUS(result) != 0;
}

static void overflow_product(void)
{
    struct arena arena;

    arena_init(&arena, 0);
    arena_calloc(&arena, SIZE_MAX / 2, 3);
}

static void ask_for_all(void)
{
    struct arena arena;

    arena_init(&arena, 0);
    arena_alloc(&arena, SIZE_MAX - 3);
}

TEST(impossible_sizes_end_the_process)
{
    CHECK(dies(overflow_product));
    CHECK(dies(ask_for_all));
}

#ifdef ARENA_POISONS

static void write_behind(void)
{
    struct arena arena;

    arena_init(&arena, 0);
    volatile char *text = arena_alloc(&arena, 10);
    arena_alloc(&arena, 10);
    text[10] = 1;
}

static void write_after_reset(void)
{
    struct arena arena;

    arena_init(&arena, 0);
    volatile char *text = arena_alloc(&arena, 10);
    arena_reset(&arena);
    text[0] = 1;
}

TEST(the_sanitizer_sees_wrong_writes)
{
    CHECK(dies(write_behind));
    CHECK(dies(write_after_reset));
}

#elif !defined(__SANITIZE_THREAD__)

/* Makes malloc fail from now on: no more address space, and no large free piece in the heap. */
static void use_up_memory(void)
{
    static void *volatile last;

    if (setrlimit(RLIMIT_AS, &(struct rlimit){0, 0}) != 0) _exit(2);
    do {
        last = malloc(ARENA_RESERVE / 4);
    } while (last);
}

static void use_the_reserve(void)
{
    struct arena arena;
    size_t size = ARENA_RESERVE - 100;

    arena_init(&arena, 0);
    use_up_memory();
    for (int i = 0; i < 3; i++) {
        memset(arena_alloc(&arena, size), 1, size);
        if (!arena.exhausted) _exit(3);
        arena_reset(&arena);
        if (arena.exhausted) _exit(4);
    }
}

static void use_the_reserve_twice(void)
{
    struct arena arena;

    arena_init(&arena, 0);
    use_up_memory();
    arena_alloc(&arena, ARENA_RESERVE - 100);
    arena_alloc(&arena, ARENA_RESERVE - 100);
}

TEST(without_memory_a_reserve_is_left_for_one)
{
    CHECK(!dies(use_the_reserve));
    CHECK(dies(use_the_reserve_twice));
}

#endif

static char letters[8];

static void append_letter(void *data)
{
    letters[strlen(letters)] = *(const char *)data;
}

TEST(absorbs_another_arena_with_all_that_it_holds)
{
    char first[] = "1", second[] = "2";
    struct arena arena, other;

    arena_init(&arena, 64 * 1024);
    arena_init(&other, 64 * 1024);
    arena_absorb(&arena, &other); /* nothing */
    CHECK_INT(arena.size, ==, 0);
    arena_defer(&arena, append_letter, first);
    char *small = arena_strdup(&other, "small");
    memset(arena_alloc(&other, 40 * 1024), 'x', 40 * 1024);
    arena_defer(&other, append_letter, second);
    arena_absorb(&arena, &other);
    CHECK(other.size == 0 && !other.chunk && !other.deferred);
    CHECK_STR(small, "small");
    /* It may hold as much of its own as before. */
    arena_alloc(&arena, 40 * 1024);
    CHECK(!arena.exhausted);
    arena_alloc(&arena, 40 * 1024);
    CHECK(arena.exhausted);
    arena_reset(&arena);
    CHECK_STR(letters, "21");
    arena_alloc(&other, 10);
    arena_release(&other);
    arena_release(&arena);
}
