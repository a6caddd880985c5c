/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the back-off after wrong passwords. */
#include "rpc/password_backoff.h"

#include <pthread.h>

#include "base/test.h"

#define SECOND INT64_C(1000000)
#define START (1000 * SECOND)

static void fail(struct password_backoff *backoff, int times, const char *account,
                 const char *address, int64_t now_us)
{
    for (int i = 0; i < times; i++)
        (void)password_backoff_judge_us(backoff, account, address, false, now_us);
}

/* Was the right password accepted? */
static bool succeed(struct password_backoff *backoff, const char *account, const char *address,
                    int64_t now_us)
{
    return password_backoff_judge_us(backoff, account, address, true, now_us) == 0;
}

TEST(five_failures_are_free_then_the_wait_doubles_to_a_minute)
{
    static const int64_t waits_s[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    struct password_backoff *backoff = password_backoff_new(1024, SECOND);

    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", START), ==, 0);
    fail(backoff, 4, "ann", "1.1.1.1", START);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", START), ==, 0);
    for (size_t i = 0; i < sizeof(waits_s) / sizeof(waits_s[0]); i++) {
        fail(backoff, 1, "ann", "1.1.1.1", START);
        CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", START), ==,
                  waits_s[i] * SECOND);
    }
    password_backoff_free(backoff);
}

TEST(a_longer_first_wait_makes_all_of_it_longer)
{
    struct password_backoff *backoff = password_backoff_new(1024, 3600 * SECOND);
    int64_t faded = START + INT64_C(60) * 3600 * SECOND;

    fail(backoff, 5, "ann", "1.1.1.1", START);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", START), ==, 3600 * SECOND);
    fail(backoff, 7, "ann", "1.1.1.1", START);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", START), ==, 60 * 3600 * SECOND);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", faded - SECOND), ==, SECOND);
    fail(backoff, 1, "ann", "1.1.1.1", faded);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", faded), ==, 4 * 3600 * SECOND);
    fail(backoff, 101, "bob", "1.1.1.1", faded);
    CHECK_INT(password_backoff_wait_us(backoff, "bob", "2.2.2.2", faded), ==, 2 * 3600 * SECOND);
    password_backoff_free(backoff);
}

TEST(the_wait_passes)
{
    struct password_backoff *backoff = password_backoff_new(1024, SECOND);

    fail(backoff, 7, "ann", "1.1.1.1", START);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", START), ==, 4 * SECOND);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", START + SECOND), ==, 3 * SECOND);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", START + 4 * SECOND), ==, 0);
    password_backoff_free(backoff);
}

TEST(a_stranger_cannot_lock_a_user_out)
{
    struct password_backoff *backoff = password_backoff_new(1024, SECOND);

    fail(backoff, 99, "ann", "6.6.6.6", START);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "6.6.6.6", START), ==, 60 * SECOND);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", START), ==, 0);
    fail(backoff, 10000, "ann", "6.6.6.6", START);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", START), ==, 2 * SECOND);
    CHECK_INT(password_backoff_wait_us(backoff, "bob", "1.1.1.1", START), ==, 0);
    password_backoff_free(backoff);
}

TEST(an_address_that_tries_many_accounts_waits_for_all)
{
    struct password_backoff *backoff = password_backoff_new(1024, SECOND);
    char account[16];

    for (int i = 0; i < 50; i++) {
        CHECK_INT(password_backoff_wait_us(backoff, "ann", "6.6.6.6", START), ==, 0);
        snprintf(account, sizeof(account), "user%d", i);
        fail(backoff, 1, account, "6.6.6.6", START);
    }
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "6.6.6.6", START), ==, SECOND);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", START), ==, 0);
    password_backoff_free(backoff);
}

TEST(a_guesser_with_a_network_of_addresses_waits_like_one_with_one)
{
    struct password_backoff *backoff = password_backoff_new(1024, SECOND);
    char address[64];

    for (int i = 0; i < 5; i++) {
        snprintf(address, sizeof(address), "2001:db8:0:1::%x", i + 1);
        fail(backoff, 1, "ann", address, START);
    }
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "2001:db8:0:1:ffff::9", START), ==, SECOND);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "2001:db8:0:2::1", START), ==, 0);
    CHECK(succeed(backoff, "ann", "2001:db8:0:1::a", START + SECOND));
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "2001:db8:0:1::1", START), ==, 0);

    /* In this form all IPv4 clients share one IPv6 /64 network, but each is counted by itself; so
     * is a text that is not an address. */
    fail(backoff, 5, "ann", "::ffff:192.0.2.1", START);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "::ffff:192.0.2.2", START), ==, 0);
    fail(backoff, 5, "ann", "", START);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "", START), ==, SECOND);
    password_backoff_free(backoff);
}

TEST(a_good_login_clears_the_accounts_failures_but_not_the_addresss)
{
    struct password_backoff *backoff = password_backoff_new(1024, SECOND);

    char account[16];

    fail(backoff, 20, "ann", "1.1.1.1", START);
    CHECK(succeed(backoff, "ann", "1.1.1.1", START + 60 * SECOND));
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", START + 60 * SECOND), ==, 0);
    fail(backoff, 4, "ann", "1.1.1.1", START + 60 * SECOND);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", START + 60 * SECOND), ==, 0);

    for (int i = 0; i < 50; i++) {
        snprintf(account, sizeof(account), "user%d", i);
        fail(backoff, 1, account, "6.6.6.6", START);
    }
    CHECK(succeed(backoff, "bob", "6.6.6.6", START + SECOND));
    fail(backoff, 1, "cid", "6.6.6.6", START + SECOND);
    CHECK_INT(password_backoff_wait_us(backoff, "bob", "6.6.6.6", START + SECOND), ==, 2 * SECOND);
    password_backoff_free(backoff);
}

TEST(a_good_password_before_its_wait_is_over_counts_as_a_failure)
{
    struct password_backoff *backoff = password_backoff_new(1024, SECOND);

    fail(backoff, 5, "ann", "1.1.1.1", START);
    CHECK(!succeed(backoff, "ann", "1.1.1.1", START));
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", START), ==, 2 * SECOND);
    CHECK(succeed(backoff, "ann", "1.1.1.1", START + 2 * SECOND));
    password_backoff_free(backoff);
}

TEST(failures_decay)
{
    struct password_backoff *backoff = password_backoff_new(1024, SECOND);
    int64_t later = START + 60 * SECOND;

    fail(backoff, 12, "ann", "1.1.1.1", START);
    fail(backoff, 1, "ann", "1.1.1.1", later); /* after a minute 12 have become 6, and this is one
                                                * more */
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", later), ==, 4 * SECOND);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", later + 3600 * SECOND), ==, 0);
    fail(backoff, 5, "ann", "1.1.1.1", later + 36000 * SECOND);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", later + 36000 * SECOND), ==,
              SECOND);
    password_backoff_free(backoff);
}

TEST(a_full_table_drops_the_counter_unused_for_longest)
{
    struct password_backoff *backoff = password_backoff_new(1, SECOND);
    char account[16];

    for (int i = 0; i < 10000; i++) {
        snprintf(account, sizeof(account), "user%d", i);
        fail(backoff, 1, account, account, START + i);
    }
    fail(backoff, 5, "ann", "1.1.1.1", START + 20000);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", START + 20000), ==, SECOND);
    password_backoff_free(backoff);
}

/* ---- threads ---- */

enum { THREADS = 4, FAILURES = 2000 };

static void *hammer(void *data)
{
    struct password_backoff *backoff = data;

    for (int i = 0; i < FAILURES; i++) {
        (void)password_backoff_judge_us(backoff, "ann", "1.1.1.1", false, START);
        (void)password_backoff_wait_us(backoff, "ann", "1.1.1.1", START);
        (void)password_backoff_judge_us(backoff, "bob", "1.1.1.1", true, START);
    }
    return 0;
}

TEST(threads_can_count_at_the_same_time)
{
    struct password_backoff *backoff = password_backoff_new(1024, SECOND);
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], 0, hammer, backoff) == 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], 0);
    CHECK_INT(password_backoff_wait_us(backoff, "ann", "1.1.1.1", START), ==, 60 * SECOND);
    password_backoff_free(backoff);
}
