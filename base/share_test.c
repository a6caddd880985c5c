/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of how peers and their connections take turns. */
#include "base/share.h"

#include "base/test.h"

enum { CONNECTIONS = 10, COST_US = SHARE_US / 4 };

/* Each connection that is ready asks once in a pass, always in the same order. */
static int run_pass(struct share *share, uint64_t pass, uint64_t turns[CONNECTIONS],
                    int served[CONNECTIONS], int count)
{
    int total = 0;

    for (int i = 0; i < count; i++) {
        if (!share_admits(share, pass, &turns[i])) continue;
        share_spend(share, COST_US);
        served[i]++;
        total++;
    }
    return total;
}

TEST(a_peer_with_many_connections_gets_one_share_of_a_pass)
{
    struct share many = {0}, one = {0};
    uint64_t turns[CONNECTIONS] = {0}, turn = 0;
    int served[CONNECTIONS] = {0};

    for (uint64_t pass = 1; pass <= 100; pass++) {
        CHECK(run_pass(&many, pass, turns, served, CONNECTIONS) <= SHARE_US / COST_US);
        CHECK(share_admits(&one, pass, &turn)); /* another peer, whatever the first one has used */
    }
}

TEST(the_connections_of_a_peer_take_turns)
{
    struct share share = {0};
    uint64_t turns[CONNECTIONS] = {0};
    int served[CONNECTIONS] = {0};

    for (uint64_t pass = 1; pass <= 300; pass++) {
        run_pass(&share, pass, turns, served, CONNECTIONS);
        for (int i = 1; i < CONNECTIONS; i++)
            CHECK(served[i] <= served[0] && served[i] >= served[0] - 1);
    }
    CHECK(served[0] == 100); /* four, four and two in each round of ten */
}

TEST(a_connection_is_served_in_every_pass_while_none_misses_its_turn)
{
    struct share share = {0};
    uint64_t turns[CONNECTIONS] = {0};
    int served[CONNECTIONS] = {0};

    for (uint64_t pass = 1; pass <= 100; pass++)
        CHECK_INT(run_pass(&share, pass, turns, served, 4), ==, 4);
}

TEST(a_connection_may_be_served_again_in_its_pass_until_the_share_is_spent)
{
    struct share share = {0};
    uint64_t turn = 0;

    CHECK(share_admits(&share, 1, &turn) && share_admits(&share, 1, &turn));
    share_spend(&share, SHARE_US);
    CHECK(share_is_spent(&share) && !share_admits(&share, 1, &turn));
    CHECK(share_admits(&share, 2, &turn));
}

TEST(new_connections_do_not_hold_up_those_that_had_their_turn)
{
    struct share share = {0};
    uint64_t first = 1;
    int served = 0;

    for (uint64_t pass = 1; pass <= 100; pass++) {
        if (share_admits(&share, pass, &first)) {
            share_spend(&share, SHARE_US / 2);
            served++;
        }
        /* Two others come in each pass, and want to be served in the next. */
        for (int i = 0; i < 2; i++) {
            uint64_t turn = pass - 1;
            if (share_admits(&share, pass, &turn)) share_spend(&share, SHARE_US / 2);
        }
    }
    CHECK_INT(served, >=, 50);
}
