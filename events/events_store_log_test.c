/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of the log, on each adapter that has one (ARGOSY_TEST_POSTGRES, ARGOSY_TEST_MONGODB),
 * and what only the log in PostgreSQL has to get right. */
#include "events/events_store_testing.h"

/* ---- the log ---- */

static void reads_log(struct call *call, struct stage *stage)
{
    struct event *events;
    int64_t last, read;
    size_t count;

    EXPECT_OK(store.log->last_offset(call, store.log, "t", &last));
    EXPECT(last == 0);
    expect_read(call, 0, 10, "");
    put(call, "t", "a");
    put(call, "other", "x");
    put(call, "t", "b");
    put(call, "t", "c");
    EXPECT(appended == 4);
    expect_read(call, 0, 10, "abc");
    expect_read(call, 0, 2, "ab");
    EXPECT_OK(store.log->read(call, store.log, "t", 0, 2, &events, &count, &read));
    EXPECT(count == 2);
    expect_read(call, read, 2, "c");
    expect_read(call, events[0].offset, 2, "bc");
    EXPECT_OK(store.log->last_offset(call, store.log, "t", &last));
    expect_read(call, last, 2, "");
    expect_read(call, last - 1, 2, "c");
}

TEST(a_topic_is_read_in_order_from_anywhere)
{
    for_each_adapter(reads_log);
}

static void reads_past_foreign(struct call *call, struct stage *stage)
{
    int64_t after = 0, before;
    struct event *events;
    size_t count = 0;

    int foreign = adapter->foreign_max ? adapter->foreign_max : 1500;
    for (int i = 0; i < foreign; i++) put(call, "other", "x");
    put(call, "t", "a");
    do {
        before = after;
        EXPECT_OK(store.log->read(call, store.log, "t", before, 10, &events, &count, &after));
    } while (count == 0 && after != before);
    EXPECT(count == 1 && events[0].key[0] == 'a' && events[0].offset == after);
}

TEST(events_of_other_topics_are_skipped_in_bounded_steps)
{
    for_each_adapter(reads_past_foreign);
}

static void reads_bounded(struct call *call, struct stage *stage)
{
    struct event event, *events;
    size_t count;
    int64_t after;

    make(call, "t", "a", &event);
    event.payload = str_sized(arena_calloc(call->arena, 1, EVENT_PAYLOAD_MAX), EVENT_PAYLOAD_MAX);
    for (int i = 0; i < 3; i++) {
        event.id = uuid_new(call->arena);
        EXPECT_OK(put_event(call, &event));
    }
    EXPECT_OK(store.log->read(call, store.log, "t", 0, 10, &events, &count, &after));
    EXPECT(count == 1 && after == events[0].offset);
}

TEST(one_read_is_bounded_in_bytes)
{
    for_each_adapter(reads_bounded);
}

static void keeps_offsets(struct call *call, struct stage *stage)
{
    int64_t offset = -1;

    EXPECT_OK(store.log->load_offset(call, store.log, "t", "cart", &offset));
    EXPECT(offset == 0);
    EXPECT_OK(store.log->commit_offset(call, store.log, "t", "cart", 7));
    EXPECT_OK(store.log->commit_offset(call, store.log, "t", "cart", 5));
    EXPECT_OK(store.log->commit_offset(call, store.log, "t", "order", 1));
    EXPECT_OK(store.log->load_offset(call, store.log, "t", "cart", &offset));
    EXPECT(offset == 7);
    EXPECT_OK(store.log->load_offset(call, store.log, "other", "cart", &offset));
    EXPECT(offset == 0);
    EXPECT(appended == 0);
}

TEST(a_position_never_goes_back)
{
    for_each_adapter(keeps_offsets);
}

/* ---- the log in PostgreSQL ---- */

/* A transaction that takes its id, and then waits for another one that is younger than it. */
struct late {
    struct event event;
    struct fiber_wait wait;
    bool has_begun, may_end, writes, ended;
    struct postgres *db;
};

static struct status commit_late(struct call *call, struct postgres_tx *tx, void *data)
{
    struct late *late = data;
    struct postgres_rows rows;

    postgres_query(tx, &rows, "SELECT 1", "");
    if (!postgres_next(call, &rows)) return rows.status;
    late->has_begun = true;
    while (!late->may_end) fiber_suspend_uncancellable(call, &late->wait);
    if (late->writes) outbox_postgres_put(tx, &late->event);
    return status_ok();
}

static void run_late(struct call *call, void *data)
{
    struct late *late = data;

    EXPECT_OK(postgres_write(call, late->db, commit_late, late));
    late->ended = true;
}

static void reads_late(struct call *call, bool writes)
{
    struct fiber_group group = {0};
    struct late late = {.writes = writes, .db = pg};
    int before = appended;
    struct status st;

    make(call, "t", "l", &late.event);
    EXPECT_OK(fiber_group_start(call, &group, run_late, &late));
    while (!late.has_begun) EXPECT_OK(fiber_sleep(call, 1000));
    put(call, "t", "e");
    EXPECT(appended == before + 1);
    st = fiber_sleep(call, 50000);
    expect_read(call, 0, 10, ""); /* the older transaction might have events too */
    EXPECT_OK(fiber_sleep(call, 50000));
    EXPECT(!failed(st) && appended > before + 1); /* the log has said to look again */
    late.may_end = true;
    fiber_wake(call->shard, &late.wait);
    fiber_group_wait(call, &group);
    expect_read(call, 0, 10, writes ? "le" : "e");
}

static void holds_back(struct call *call, struct stage *stage)
{
    reads_late(call, true);
}

static void looks_again(struct call *call, struct stage *stage)
{
    reads_late(call, false);
}

TEST(an_event_that_commits_late_is_not_passed_over)
{
    run_on(&adapters[1], holds_back);
}

TEST(events_are_read_after_an_older_transaction_without_events_has_ended)
{
    run_on(&adapters[1], looks_again);
}

enum { EACH = 40, WRITERS = 8 };

static void put_many(struct call *call, struct stage *stage, int number)
{
    for (int i = 0; i < EACH; i++) put(call, "t", number % 2 ? "a" : "b");
}

/* One reader follows the log while many write it. */
static void follows(struct call *call, void *data)
{
    int64_t after = 0, begun_us = clock_monotonic_us();
    int *found = data;

    while (*found < EACH * WRITERS && clock_monotonic_us() - begun_us < 30 * INT64_C(1000000)) {
        struct event *events;
        size_t count = 0;
        EXPECT_OK(store.log->read(call, store.log, "t", after, 7, &events, &count, &after));
        *found += (int)count;
        if (count == 0) EXPECT_OK(fiber_sleep(call, 1000));
    }
}

static void misses_none(struct call *call, struct stage *stage)
{
    struct fiber_group group = {0};
    int found = 0;

    EXPECT_OK(fiber_group_start(call, &group, follows, &found));
    stage_spread(call, stage, WRITERS, put_many);
    fiber_group_wait(call, &group);
    EXPECT(found == EACH * WRITERS);
}

TEST(a_reader_beside_many_writers_misses_no_event)
{
    run_on(&adapters[1], misses_none);
}

static void is_restored(struct call *call, struct stage *stage)
{
    const int64_t far = INT64_C(1) << 55; /* as of a server with many more transactions */

    EXPECT_OK(store.log->commit_offset(call, store.log, "t", "cart", far));
    EXPECT_REFUSED(events_postgres_open(call, pg, postgres_migrations, false), FAILED_PRECONDITION,
                   STORE_NOT_PREPARED);
    EXPECT_OK(events_postgres_open(call, pg, postgres_migrations, true));
    EXPECT_OK(events_postgres_open(call, pg, postgres_migrations, false));
    put(call, "t", "a");
    expect_read(call, far, 10, "a");
}

TEST(positions_continue_after_a_restore_into_a_younger_server)
{
    run_on(&adapters[1], is_restored);
}

/* ---- other applications in the same server ---- */

static struct postgres *foreign; /* another application's, with a schema of its own */

static struct status open_beside(const struct service_context *context,
                                 struct events_store *ret_store)
{
    struct status st = adapters[1].open(context, ret_store);

    if (failed(st)) return st;
    return postgres_new(context->arena, context->shards, postgres_testing_url(context->arena),
                        "foreign", &foreign);
}

static struct status connect_beside(struct call *call)
{
    struct status st = adapters[1].connect(call);

    if (!failed(st)) st = postgres_open(call, foreign);
    if (!failed(st)) postgres_serve(foreign);
    return st;
}

static void close_beside(void)
{
    postgres_close(foreign);
    adapters[1].close();
}

static void run_beside(void (*suite)(struct call *call, struct stage *stage))
{
    struct adapter beside = adapters[1];

    beside.open = open_beside;
    beside.connect = connect_beside;
    beside.close = close_beside;
    run_on(&beside, suite);
}

/* Reads until the events are there; returns how long that took. */
static int64_t await_events(struct call *call, const char *keys)
{
    int64_t begun_us = clock_monotonic_us(), read;
    struct event *events;
    size_t count = 0;

    while (count < strlen(keys) && clock_monotonic_us() - begun_us < 5 * INT64_C(1000000)) {
        EXPECT_OK(store.log->read(call, store.log, "t", 0, 10, &events, &count, &read));
        EXPECT_OK(fiber_sleep(call, 2000));
    }
    expect_read(call, 0, 10, keys);
    return clock_monotonic_us() - begun_us;
}

static void begin_late(struct call *call, struct fiber_group *group, struct late *late)
{
    EXPECT_OK(fiber_group_start(call, group, run_late, late));
    while (!late->has_begun) EXPECT_OK(fiber_sleep(call, 1000));
}

static void end_late(struct call *call, struct fiber_group *group, struct late *late)
{
    late->may_end = true;
    fiber_wake(call->shard, &late->wait);
    fiber_group_wait(call, group);
}

static void passes_others(struct call *call, struct stage *stage)
{
    struct fiber_group others = {0}, own = {0};
    struct late other = {.db = foreign}, job = {.db = pg, .writes = true};

    begin_late(call, &others, &other); /* it has written and stays open */
    put(call, "t", "a");
    EXPECT(await_events(call, "a") < 1000000);
    put(call, "t", "b");
    EXPECT(await_events(call, "ab") < 1000000);
    make(call, "t", "l", &job.event);
    begin_late(call, &own, &job); /* one of our own still holds back */
    put(call, "t", "c");
    for (int i = 0; i < 50; i++) {
        expect_read(call, 0, 10, "ab");
        EXPECT_OK(fiber_sleep(call, 2000));
    }
    end_late(call, &own, &job);
    await_events(call, "ablc");
    end_late(call, &others, &other);
    put(call, "t", "d");
    await_events(call, "ablcd");
}

TEST(an_open_transaction_of_another_application_holds_no_events_back)
{
    run_beside(passes_others);
}

/* Transactions of others come and go while many write and one reads. */
static void come_and_go(struct call *call, void *data)
{
    const bool *over = data;

    while (!*over) {
        struct fiber_group group = {0};
        struct late late = {.db = foreign};
        begin_late(call, &group, &late);
        EXPECT_OK(fiber_sleep(call, 60000));
        end_late(call, &group, &late);
    }
}

static void misses_none_beside(struct call *call, struct stage *stage)
{
    struct fiber_group group = {0}, others = {0};
    struct late open = {.db = foreign};
    bool over = false;
    int found = 0;

    begin_late(call, &others, &open);
    EXPECT_OK(fiber_group_start(call, &others, come_and_go, &over));
    EXPECT_OK(fiber_group_start(call, &group, follows, &found));
    stage_spread(call, stage, WRITERS, put_many);
    fiber_group_wait(call, &group);
    EXPECT(found == EACH * WRITERS);
    over = true;
    end_late(call, &others, &open);
}

TEST(a_reader_misses_no_event_beside_transactions_of_others)
{
    run_beside(misses_none_beside);
}
