/* SPDX-License-Identifier: Apache-2.0 */
/* What the bus does besides delivering, while events come without a pause: more than a thousand a
 * second, for several seconds. */
#include "events/events_bus_testing.h"

enum {
    LOAD_S = 4,
    BATCH = 400, /* events of one commit of the load */
    LOAD_KEYS = 200,
    OLD_ROWS = 30000, /* of the outbox and of the inbox, when the load begins */
    HELD_KEY = 500,   /* the handling of its first event lasts as long as the load */
    HELD = 60,
    LETTER_KEY = 501,
};

static const char *const settings[] = {"EVENTS_RETRIES=0", "EVENTS_RETENTION=60s", NULL};

static _Atomic int handled;
static _Atomic bool loaded;
static _Atomic int letter_calls;

static struct status take_note(struct call *call, const struct event *event, void *data)
{
    int64_t key = to_number(event->key + 4);

    handled++;
    while (key == HELD_KEY && loaded) {
        struct status st = fiber_sleep(call, 10000);
        if (failed(st)) return st;
    }
    if (key == LETTER_KEY && letter_calls++ == 0)
        return status_make(STATUS_FAILED_PRECONDITION, 0, "not the first time");
    return status_ok();
}

/* Rows that are older than EVENTS_RETENTION, and that the group has passed by their numbers once it
 * has read anything. */
static struct status put_old_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
#define NUMBERS "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
    struct status st = sqlite_exec(
        tx, 0,
        NUMBERS "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, time_us, "
                "traceparent) SELECT 'old-' || i, 'order-results', 'key-1', 'NobodysEvent', "
                "zeroblob(300), ?, '' FROM n",
        "il", OLD_ROWS, *(int64_t *)data);
    if (failed(st)) return st;
    return sqlite_exec(tx, 0,
                       NUMBERS "INSERT INTO inbox (id, time_us) SELECT 'old-' || i, ? FROM n", "il",
                       OLD_ROWS, *(int64_t *)data);
}

static void send_load(struct call *call, void *data)
{
    for (int i = 0; loaded; i++) send_events(call, i % LOAD_KEYS, 1, BATCH);
}

static double undelivered(void)
{
    return metric_value(stage_events->consumers->undelivered);
}

static void works_under_load(struct call *call, struct stage *stage)
{
    int64_t old_us = clock_now_us() - 3600 * INT64_C(1000000), count = 0;
    struct fiber_group load = {0};
    int before;

    EXPECT_OK(sqlite_write(call, fixture.db, put_old_job, &old_us));
    send_events(call, LETTER_KEY, 1, 1);
    EVENTUALLY(call, number(call, "SELECT count(*) FROM dead_letters WHERE state = 0") == 1);
    EXPECT(number(call, "SELECT count(*) FROM inbox WHERE id LIKE 'old-%'") > OLD_ROWS / 2);

    loaded = true;
    send_events(call, HELD_KEY, 1, HELD);
    EXPECT_OK(fiber_group_start(call, &load, send_load, 0));
    EXPECT_OK(fiber_sleep(call, 1500000));
    EXPECT_OK(fixture.store.letters->replay(call, fixture.store.letters, "order", 0, &count));
    EXPECT(count == 1);
    before = handled;
    EXPECT_OK(fiber_sleep(call, LOAD_S * 1000000 - 1500000));

    /* As of now, under load: */
    EXPECT(handled - before > 1000 * LOAD_S); /* or this is no load */
    EXPECT(undelivered() >= HELD - 1);
    EXPECT(number(call, "SELECT count(*) FROM dead_letters WHERE state = 2") == 1);
    /* Sweeping is slower under a sanitizer, and it is still under load. */
    EVENTUALLY(call, number(call, "SELECT (SELECT id LIKE 'old-%' FROM outbox ORDER BY seq LIMIT 1)"
                                  " OR EXISTS (SELECT 1 FROM inbox)") == 0);
    loaded = false;
    fiber_group_wait(call, &load);
    EVENTUALLY(call, undelivered() == 0);
}

TEST(what_happens_each_second_happens_under_load)
{
    letter_calls = 0;
    play(&(struct fixture){.groups = 1, .handle = take_note}, settings, works_under_load);
}

/* ---- the disk ---- */

static void sweep_all(struct call *call)
{
    bool more = true;

    while (more)
        EXPECT_OK(fixture.store.sweeper->sweep(call, fixture.store.sweeper,
                                               clock_now_us() - 60000000, &more));
}

static void gives_back(struct call *call, struct stage *stage)
{
    int64_t old_us = clock_now_us() - 3600 * INT64_C(1000000), pages;

    EXPECT_OK(sqlite_write(call, fixture.db, put_old_job, &old_us));
    pages = number(call, "PRAGMA page_count");
    for (int i = 0; i < 3; i++) {
        /* The group passes them. */
        EVENTUALLY(call, number(call, "SELECT max(offset) FROM outbox_offsets") >=
                             number(call, "SELECT max(seq) FROM outbox"));
        sweep_all(call);
        EXPECT(number(call, "SELECT count(*) FROM outbox") == 0);
        EXPECT_OK(sqlite_write(call, fixture.db, put_old_job, &old_us));
    }
    EXPECT(number(call, "PRAGMA page_count") < pages * 11 / 10);
}

TEST(the_space_of_swept_rows_is_reused)
{
    play(&(struct fixture){.groups = 1, .handle = take_note}, settings, gives_back);
}
