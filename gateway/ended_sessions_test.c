/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the set of ended sessions. */
#include "gateway/ended_sessions.h"

#include "base/test.h"

enum { NOW_S = 1000000, TTL_S = 300, US_PER_S = 1000000 };

static int64_t now_us = 5 * US_PER_S;

static void end(struct ended_sessions *ended, const char *id, int64_t generation)
{
    struct ended_session session = {str_of(id), generation, NOW_S + TTL_S};

    ended_sessions_add(ended, &session, NOW_S, now_us);
}

static enum session_state find(struct ended_sessions *ended, const char *id, int64_t generation,
                               int64_t issued_s)
{
    return ended_sessions_find(ended, str_of(id), generation, issued_s, now_us);
}

TEST(an_ended_session_is_refused_and_others_are_not)
{
    struct ended_sessions *ended = ended_sessions_new(1024);

    CHECK_INT(find(ended, "a", 1, NOW_S), ==, SESSION_GOOD);
    end(ended, "a", INT64_MAX);
    CHECK_INT(find(ended, "a", 1, NOW_S), ==, SESSION_ENDED);
    CHECK_INT(find(ended, "a", 1000, NOW_S + 10), ==, SESSION_ENDED);
    CHECK_INT(find(ended, "b", 1, NOW_S), ==, SESSION_GOOD);
    ended_sessions_free(ended);
}

TEST(earlier_generations_are_outdated)
{
    struct ended_sessions *ended = ended_sessions_new(1024);

    end(ended, "a", 3);
    end(ended, "a", 2); /* added again */
    CHECK_INT(find(ended, "a", 2, NOW_S), ==, SESSION_OUTDATED);
    CHECK_INT(find(ended, "a", 3, NOW_S), ==, SESSION_GOOD);
    end(ended, "a", INT64_MAX);
    CHECK_INT(find(ended, "a", 3, NOW_S), ==, SESSION_ENDED);
    ended_sessions_free(ended);
}

TEST(a_full_set_forgets_no_session_and_outdates_others_in_the_bucket)
{
    struct ended_sessions *ended = ended_sessions_new(8); /* one bucket */
    char id[16];
    int good_before = 0;

    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        end(ended, id, INT64_MAX);
    }
    for (int i = 0; i < 100; i++) {
        snprintf(id, sizeof(id), "s%d", i);
        good_before += find(ended, id, 1, NOW_S) == SESSION_GOOD;
    }
    CHECK_INT(good_before, ==, 0);
    CHECK_INT(find(ended, "alive", 1, NOW_S), ==, SESSION_OUTDATED);
    CHECK_INT(find(ended, "alive", 1, NOW_S + 1), ==, SESSION_GOOD); /* refreshed since */
    now_us += (TTL_S + 1) * (int64_t)US_PER_S;
    CHECK_INT(find(ended, "alive", 1, NOW_S), ==, SESSION_GOOD);
    ended_sessions_free(ended);
}

TEST(tokens_without_a_session_are_over_up_to_a_moment_of_their_account)
{
    struct ended_sessions *ended = ended_sessions_new(1024);

    end(ended, "account:ann@example.com", NOW_S + 1);
    CHECK_INT(ended_sessions_find_account(ended, STR("ann@example.com"), NOW_S, now_us), ==,
              SESSION_ENDED);
    CHECK_INT(ended_sessions_find_account(ended, STR("Ann@Example.com"), NOW_S - 9, now_us), ==,
              SESSION_ENDED);
    CHECK_INT(ended_sessions_find_account(ended, STR("ann@example.com"), NOW_S + 1, now_us), ==,
              SESSION_GOOD);
    CHECK_INT(ended_sessions_find_account(ended, STR("bob@example.com"), NOW_S, now_us), ==,
              SESSION_GOOD);
    /* A later moment replaces an earlier one, and not the other way round. */
    end(ended, "account:ann@example.com", NOW_S + 10);
    end(ended, "account:ann@example.com", NOW_S + 1);
    CHECK_INT(ended_sessions_find_account(ended, STR("ann@example.com"), NOW_S + 9, now_us), ==,
              SESSION_ENDED);
    ended_sessions_free(ended);
}
