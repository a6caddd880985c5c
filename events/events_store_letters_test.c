/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of dead letters, on each adapter (ARGOSY_TEST_POSTGRES, ARGOSY_TEST_REDIS,
 * ARGOSY_TEST_MONGODB). */
#include "events/events_store_testing.h"

/* ---- dead letters ---- */

static int64_t count_dead(struct call *call, const char *group)
{
    int64_t count = -1;

    EXPECT_OK(store.letters->count(call, store.letters, group, &count));
    return count;
}

static void keeps_letters(struct call *call, struct stage *stage)
{
    struct dead_letter *letters;
    struct event first, second;
    size_t count;

    bury(call, "cart", "a", &first);
    bury(call, "cart", "b", &second);
    bury(call, "order", "c", &second);
    EXPECT_OK(store.letters->bury(call, store.letters, "cart", &first, why())); /* once only */
    EXPECT(count_listed(call, "", 0) == 3 && count_listed(call, "cart", 0) == 2);
    EXPECT(count_listed(call, "product", 0) == 0);
    EXPECT(count_dead(call, "cart") == 2 && count_dead(call, "product") == 0);

    EXPECT_OK(store.letters->list(call, store.letters, "cart", 0, 10, &letters, &count));
    const struct dead_letter *letter = &letters[1]; /* the newest stands first */
    EXPECT(letter->event.key[0] == 'a' && letters[0].event.key[0] == 'b');
    EXPECT(strcmp(letter->event.id, first.id) == 0 && strcmp(letter->event.topic, "t") == 0);
    EXPECT(strcmp(letter->event.type, first.type) == 0 && letter->event.offset == 42);
    EXPECT(str_equal(letter->event.payload, first.payload));
    EXPECT(letter->event.time_us == first.time_us);
    EXPECT(strcmp(letter->event.traceparent, first.traceparent) == 0);
    EXPECT(letter->attempts == 9 && letter->event.attempt == 10);
    EXPECT(strcmp(letter->code, "FAILED_PRECONDITION") == 0);
    EXPECT(strcmp(letter->reason, "ORDER_STATE") == 0 && strcmp(letter->message, "not now") == 0);
    EXPECT(strcmp(letter->state, "dead") == 0 && letter->died_us <= clock_now_us());
    EXPECT(count_listed(call, "cart", letter->letter_id) == 1);
    EXPECT(count_listed(call, "order", letter->letter_id) == 0);
}

TEST(a_letter_is_kept_once_with_all_of_its_event)
{
    for_each_with_letters(keeps_letters);
}

static size_t count_marked(struct call *call, const char *group, int64_t *ret_first)
{
    struct dead_letter *letters;
    size_t count = 0;

    EXPECT_OK(store.letters->marked(call, store.letters, group, 10, &letters, &count));
    if (count > 0) *ret_first = letters[0].letter_id;
    return count;
}

static void replays_letters(struct call *call, struct stage *stage)
{
    int64_t count = 0, first = 0;
    struct event a, b;

    bury(call, "cart", "a", &a);
    bury(call, "cart", "b", &b);
    EXPECT_REFUSED(store.letters->replay(call, store.letters, "order", 1, &count), NOT_FOUND,
                   DEAD_LETTER_NOT_FOUND);
    EXPECT_REFUSED(store.letters->replay(call, store.letters, "order", 0, &count), NOT_FOUND,
                   DEAD_LETTER_NOT_FOUND);
    EXPECT(count_marked(call, "cart", &first) == 0);
    EXPECT_OK(store.letters->replay(call, store.letters, "cart", 0, &count));
    EXPECT(count == 2 && count_marked(call, "cart", &first) == 2 && count_dead(call, "cart") == 0);
    EXPECT_OK(store.letters->bury(call, store.letters, "cart", &a, why())); /* the mark stays */
    EXPECT(count_marked(call, "cart", &first) == 2);

    EXPECT_OK(store.letters->settle(call, store.letters, first, status_ok()));
    EXPECT(count_marked(call, "cart", &first) == 1 && count_dead(call, "cart") == 0);
    EXPECT_OK(store.letters->settle(call, store.letters, first, why()));
    EXPECT(count_marked(call, "cart", &first) == 0 && count_dead(call, "cart") == 1);
    EXPECT_OK(store.letters->replay(call, store.letters, "cart", first, &count));
    EXPECT(count == 1 && count_marked(call, "cart", &first) == 1);
    EXPECT_OK(store.letters->bury(call, store.letters, "cart", &a,
                                  why())); /* was replayed, fails once more */
    EXPECT(count_dead(call, "cart") == 1);
}

TEST(a_letter_waits_to_be_replayed_and_is_settled)
{
    for_each_with_letters(replays_letters);
}

static int attempts_of_first(struct call *call)
{
    struct dead_letter *letters;
    size_t count = 0;

    EXPECT_OK(store.letters->list(call, store.letters, "cart", 0, 10, &letters, &count));
    return count == 1 ? letters[0].attempts : -1;
}

/* The first of each pair counts as the write whose answer was lost. */
static void repeats_letters(struct call *call, struct stage *stage)
{
    int64_t count = 0, first = 0;
    struct event a;

    bury(call, "cart", "a", &a);
    EXPECT_OK(store.letters->bury(call, store.letters, "cart", &a, why()));
    EXPECT(count_dead(call, "cart") == 1);
    for (int i = 0; i < 2; i++) {
        EXPECT_OK(store.letters->replay(call, store.letters, "cart", 0, &count));
        EXPECT(count == 1 && count_marked(call, "cart", &first) == 1);
    }
    for (int i = 0; i < 2; i++) {
        EXPECT_OK(store.letters->replay(call, store.letters, "cart", first, &count));
        EXPECT(count == 1);
    }
    int attempts = attempts_of_first(call);
    for (int i = 0; i < 2; i++) EXPECT_OK(store.letters->settle(call, store.letters, first, why()));
    EXPECT(count_dead(call, "cart") == 1 && attempts_of_first(call) == attempts + 1);
    EXPECT_OK(store.letters->replay(call, store.letters, "cart", first, &count));
    for (int i = 0; i < 2; i++)
        EXPECT_OK(store.letters->settle(call, store.letters, first, status_ok()));
    EXPECT(count_marked(call, "cart", &first) == 0 && count_dead(call, "cart") == 0);
}

TEST(what_is_done_to_a_letter_may_be_repeated)
{
    for_each_with_letters(repeats_letters);
}

/* ---- sweeping ---- */

static void sweeps_letters(struct call *call, struct stage *stage)
{
    enum { LETTERS = 250 };
    bool more = true;
    int64_t count = 0;
    struct event event;

    bury(call, "cart", "dead", &event);
    for (int i = 0; i < LETTERS; i++) bury(call, "order", "replayed", &event);
    EXPECT_OK(store.letters->replay(call, store.letters, "order", 0, &count));
    EXPECT(count == LETTERS);
    for (int i = 0; i < LETTERS; i++)
        EXPECT_OK(store.letters->settle(call, store.letters, 2 + i, status_ok()));
    stage_pass_s(60);
    int64_t past_us = clock_now_us() - 30 * INT64_C(1000000);
    for (int rounds = 0; more && rounds < LETTERS; rounds++)
        EXPECT_OK(store.sweeper->sweep(call, store.sweeper, past_us, &more));
    EXPECT(!more && count_listed(call, "order", 0) == 0);
    EXPECT(count_listed(call, "", 0) == 1 && count_dead(call, "cart") == 1);
    /* An event whose letter is gone may die again. */
    EXPECT_OK(store.letters->bury(call, store.letters, "order", &event, why()));
    EXPECT(count_dead(call, "order") == 1);
}

TEST(sweeping_removes_letters_that_were_replayed)
{
    for_each_with_letters(sweeps_letters);
}

/* As when one process has handled the letter and another one fails. */
static void keeps_unsettled(struct call *call, struct stage *stage)
{
    int64_t count, first = 0;
    struct event event;
    bool more;

    bury(call, "cart", "a", &event);
    EXPECT_OK(store.letters->replay(call, store.letters, "cart", 0, &count));
    EXPECT(count_marked(call, "cart", &first) == 1);
    EXPECT_OK(store.letters->settle(call, store.letters, first, status_ok()));
    EXPECT_OK(store.letters->settle(call, store.letters, first, why()));
    stage_pass_s(60);
    EXPECT_OK(store.sweeper->sweep(call, store.sweeper, clock_now_us(), &more));
    EXPECT(count_dead(call, "cart") == 1 && count_listed(call, "cart", first) == 1);
}

TEST(a_letter_that_died_after_it_was_replayed_is_not_swept)
{
    for_each_with_letters(keeps_unsettled);
}

/* ---- the embedded adapter's lists ---- */

static struct status explain(const struct call *call, struct sqlite_tx *tx, void *data)
{
    bool of_group = data == (const void *)dead_letters_of_group_statement;
    const char *sql = arena_printf(call->arena, "EXPLAIN QUERY PLAN %s", (const char *)data);
    int64_t none = 0;
    struct sqlite_rows rows;
    int found = 0;

    struct status st = of_group ? sqlite_query(tx, &rows, sql, "tl", "", none)
                                : sqlite_query(tx, &rows, sql, "lt", none, "");
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        const char *detail = sqlite_column_text(&rows, 3);
        EXPECT(!strstr(detail, "SCAN dead_letters"));
        found += strstr(detail, "dead_letters_by_state (state=? AND consumer=?)") != 0;
        if (!of_group) found += strstr(detail, "PRIMARY KEY (rowid=?)") != 0;
    }
    EXPECT(found == (of_group ? 3 : 1));
    return rows.status;
}

static void explains(struct call *call, struct stage *stage)
{
    EXPECT_OK(sqlite_scan(call, db, explain, (void *)(uintptr_t)dead_letters_of_group_statement));
    EXPECT_OK(sqlite_scan(call, db, explain, (void *)(uintptr_t)dead_letters_by_id_statement));
}

TEST(dead_letters_are_found_by_group_and_by_id_in_an_index)
{
    run_on(&adapters[0], explains);
}
