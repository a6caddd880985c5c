/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of budgets: charging, shedding, and shares of roots. */
#include "base/budget.h"

#include "base/arena.h"
#include "base/test.h"

enum { MIB = 1024 * 1024 };

struct peer_connection {
    struct budget budget;
    bool shed;
};

static void on_shed(void *owner)
{
    ((struct peer_connection *)owner)->shed = true;
}

static void open_connection(struct budget_root *root, struct peer_connection *connection,
                            uint64_t peer)
{
    *connection = (struct peer_connection){.budget = {.shed = on_shed, .owner = connection}};
    budget_open(root, &connection->budget, peer);
}

TEST(what_a_connection_holds_counts_for_its_peer_and_its_shard)
{
    struct budget_root root = {0};
    struct peer_connection a, b;
    struct budget_stats stats;

    open_connection(&root, &a, 1);
    open_connection(&root, &b, 1);
    CHECK_INT(budget_peer_connections(&a.budget), ==, 2);
    budget_charge(&a.budget, 100);
    budget_charge(&b.budget, 5 * MIB);
    CHECK_INT(root.budget.used, ==, 100 + 5 * MIB);
    budget_stats(&stats);
    CHECK(stats.used >= root.budget.used && stats.used < root.budget.used + 4 * BUDGET_SLICE);
    budget_refund(&b.budget, 5 * MIB);
    CHECK_INT(root.budget.used, ==, 100);
    budget_close(&root, &a.budget); /* gives back the remaining charge */
    CHECK_INT(root.budget.used, ==, 0);
    budget_close(&root, &b.budget);
    CHECK(!root.budget.children);
}

TEST(the_connection_that_holds_most_pays_for_the_others)
{
    struct budget_root root = {0};
    struct peer_connection large, small, other;

    budget_limit(16 * MIB, 1);
    open_connection(&root, &large, 1);
    open_connection(&root, &small, 1);
    open_connection(&root, &other, 2);
    budget_charge(&large.budget, 7 * MIB);
    budget_charge(&small.budget, 1000);
    CHECK(budget_admits(&small.budget) && budget_admits(&large.budget));
    budget_charge(&large.budget, 2 * MIB);
    /* One peer holds more than half of the limit: the other one is not affected. */
    CHECK(budget_admits(&other.budget) && !large.shed);
    CHECK(!budget_admits(&large.budget) && !large.shed);
    CHECK(budget_admits(&small.budget) && large.shed);
    /* A shed connection counts until it is freed, but no other one is shed because of it. */
    CHECK_INT(root.budget.used, ==, 9 * MIB + 1000);
    budget_charge(&large.budget, 100);
    CHECK(!budget_admits(&large.budget) && budget_admits(&small.budget));
    budget_refund(&large.budget, 9 * MIB);
    CHECK_INT(root.budget.used, ==, 1100);
    budget_close(&root, &large.budget);
    CHECK_INT(root.budget.used, ==, 1000);

    /* Of several peers, the one that holds most. */
    struct peer_connection many[6];
    for (int i = 0; i < 6; i++) {
        open_connection(&root, &many[i], 10 + (uint64_t)i / 2);
        budget_charge(&many[i].budget, (size_t)(i < 2 ? 8 : 5) * (MIB / 2) - (size_t)i);
    }
    CHECK(budget_is_over());
    CHECK(budget_admits(&small.budget));
    CHECK(many[0].shed && !many[1].shed && !many[2].shed);
    for (int i = 0; i < 6; i++) budget_close(&root, &many[i].budget);
    budget_close(&root, &small.budget);
    budget_close(&root, &other.budget);
    CHECK(!root.budget.children && root.budget.used == 0);
    budget_limit(SIZE_MAX, 1);
}

TEST(who_holds_memory_without_using_it_pays_first)
{
    struct budget_root root = {0};
    struct peer_connection busy, still[2], small;

    budget_limit(16 * MIB, 1);
    open_connection(&root, &busy, 1);
    open_connection(&root, &small, 2);
    for (int i = 0; i < 2; i++) open_connection(&root, &still[i], 3 + (uint64_t)i);
    budget_charge(&busy.budget, 8 * MIB);
    for (int i = 0; i < 2; i++) budget_charge(&still[i].budget, 5 * MIB);
    budget_set_still(&still[1].budget, true);
    budget_set_still(&still[0].budget, true);
    budget_set_still(&still[0].budget, false);
    CHECK(budget_is_over() && budget_is_tight(&small.budget));
    CHECK(budget_admits(&small.budget));
    CHECK(still[1].shed && !still[0].shed && !busy.shed);
    budget_close(&root, &still[1].budget);
    CHECK_INT(root.budget.used, ==, 13 * MIB);
    budget_close(&root, &still[0].budget);
    budget_close(&root, &busy.budget);
    budget_close(&root, &small.budget);
    budget_limit(SIZE_MAX, 1);
}

TEST(what_is_being_freed_is_limited_too)
{
    struct budget_root root = {0};
    struct peer_connection large, other;

    budget_limit(16 * MIB, 1);
    open_connection(&root, &large, 1);
    open_connection(&root, &other, 2);
    budget_charge(&large.budget, 24 * MIB);
    CHECK(!budget_admits(&other.budget) && large.shed && !budget_is_over());
    budget_refund(&large.budget, 8 * MIB);
    CHECK(budget_admits(&other.budget));
    budget_close(&root, &large.budget);
    budget_close(&root, &other.budget);
    budget_limit(SIZE_MAX, 1);
}

/* A job works for a connection that was shed, so that it is closed later than its memory is
 * freed. */
TEST(memory_of_a_shed_connection_that_is_free_again_counts_no_longer)
{
    struct budget_root root = {0};
    struct peer_connection first, second, small;
    struct budget_stats before, stats;

    budget_stats(&before);
    budget_limit(16 * MIB, 1);
    open_connection(&root, &first, 1);
    open_connection(&root, &second, 2);
    open_connection(&root, &small, 3);
    budget_charge(&first.budget, 17 * MIB);
    CHECK(budget_admits(&small.budget) && first.shed);
    budget_stats(&stats);
    CHECK_INT(stats.ending - before.ending, >=, 17 * MIB);
    budget_refund(&first.budget, 17 * MIB);
    budget_charge(&second.budget, 17 * MIB);
    CHECK(budget_admits(&small.budget) && second.shed);
    budget_close(&root, &first.budget);
    budget_close(&root, &second.budget);
    budget_close(&root, &small.budget);
    budget_stats(&stats);
    CHECK_INT(stats.ending, ==, before.ending);
    budget_limit(SIZE_MAX, 1);
}

TEST(a_connection_may_begin_the_less_the_less_is_left)
{
    struct budget_root root = {0};
    struct peer_connection first, second;

    CHECK_INT(budget_allowance(&(struct budget){.parent = &root.budget}), >, 1024 * MIB);
    budget_limit(64 * MIB, 1);
    open_connection(&root, &first, 1);
    open_connection(&root, &second, 1);
    size_t whole = budget_allowance(&first.budget);
    CHECK(whole > MIB && whole <= 2 * MIB);
    CHECK(!budget_is_tight(&first.budget));
    budget_charge(&second.budget, 16 * MIB + 1);
    CHECK_INT(budget_allowance(&first.budget), <, MIB);
    CHECK_INT(budget_allowance(&first.budget), >, 0);
    CHECK(budget_is_tight(&first.budget)); /* half of its peer's limit */
    budget_charge(&second.budget, 17 * MIB);
    CHECK_INT(budget_allowance(&first.budget), ==, 0);
    budget_close(&root, &first.budget);
    budget_close(&root, &second.budget);
    budget_limit(SIZE_MAX, 1);
}

TEST(a_shard_that_holds_little_does_not_pay_for_another)
{
    struct budget_root attacked = {0}, quiet = {0};
    struct peer_connection large, calm;

    budget_limit(16 * MIB, 2);
    open_connection(&attacked, &large, 1);
    open_connection(&quiet, &calm, 2);
    budget_charge(&large.budget, 17 * MIB);
    budget_charge(&calm.budget, MIB);
    CHECK(budget_admits(&calm.budget) && budget_is_over());
    CHECK(!calm.shed && !large.shed);
    budget_relieve(&quiet);
    CHECK(!calm.shed);
    budget_relieve(&attacked);
    CHECK(large.shed && !budget_is_over());
    budget_close(&attacked, &large.budget);
    budget_close(&quiet, &calm.budget);
    budget_limit(SIZE_MAX, 1);
}

TEST(arenas_charge_what_they_take_beyond_their_first_chunk)
{
    struct budget_root root = {0};
    struct peer_connection connection;
    struct arena arena;

    open_connection(&root, &connection, 1);
    arena_init(&arena, 0);
    arena_set_budget(&arena, &connection.budget);
    arena_alloc(&arena, 10);
    CHECK_INT(root.budget.used, ==, 0);
    arena_alloc(&arena, MIB);
    CHECK(root.budget.used >= MIB && root.budget.used < MIB + 4096);
    arena_set_budget(&arena, NULL);
    CHECK_INT(root.budget.used, ==, 0);
    arena_reset(&arena);
    arena_set_budget(&arena, &connection.budget);
    arena_alloc(&arena, 2 * MIB);
    arena_reset(&arena);
    CHECK_INT(root.budget.used, ==, 0);
    arena_alloc(&arena, 2 * MIB); /* not charged to any budget */
    CHECK_INT(root.budget.used, ==, 0);
    arena_reset(&arena);

    /* Memory from another thread's arena is charged from then on. */
    struct arena filled;
    arena_init(&filled, 0);
    arena_alloc(&filled, 10);
    arena_alloc(&filled, MIB);
    arena_set_budget(&arena, &connection.budget);
    arena_absorb(&arena, &filled);
    CHECK(root.budget.used >= MIB && root.budget.used < MIB + 16384 && filled.size == 0);
    arena_reset(&arena);
    CHECK_INT(root.budget.used, ==, 0);
    arena_release(&arena);
    budget_close(&root, &connection.budget);
}
