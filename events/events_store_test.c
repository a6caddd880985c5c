/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of the port: each test runs against each adapter in the list below. */
#include "events/events_sqlite.h"

#include "events.pb-c.h"
#include "rpc/rpc_testing.h"

/* An adapter, and how a test puts events into its log. */
struct adapter {
    const char *name;
    struct status (*open)(const struct service_context *context, struct events_store *ret_store);
    struct status (*put)(struct call *call, const struct event *event);
    struct status (*take)(struct call *call, const struct event *event);
    void (*close)(void);
};

/* ---- sqlite ---- */

static struct sqlite *db;

static struct status open_sqlite(const struct service_context *context,
                                 struct events_store *ret_store)
{
    static const char *const migrations[] = {EVENTS_SQLITE_SCHEMA, 0};

    struct status st = sqlite_open(context->arena, context->shards, ":memory:", migrations, &db);
    if (!failed(st)) *ret_store = events_store_sqlite(context->arena, db);
    return st;
}

static struct status put_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    return outbox_sqlite_put(tx, data);
}

static struct status put_sqlite(struct call *call, const struct event *event)
{
    return sqlite_write(call, db, put_job, (void *)(uintptr_t)event);
}

static struct status take_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    bool fresh;

    return inbox_sqlite_take(tx, data, &fresh);
}

static struct status take_sqlite(struct call *call, const struct event *event)
{
    return sqlite_write(call, db, take_job, (void *)(uintptr_t)event);
}

static void close_sqlite(void)
{
    sqlite_close(db);
}

static const struct adapter adapters[] = {
    {"sqlite", open_sqlite, put_sqlite, take_sqlite, close_sqlite},
};

/* ---- the stage ---- */

/* The ports of the adapter whose turn it is. */
static struct events_store store;
static const struct adapter *adapter;
static _Atomic int appended;

static void count_append(void *data)
{
    appended++;
}

static struct status start(const struct service_context *context, void **ret_service)
{
    *ret_service = 0;
    appended = 0;
    struct status st = adapter->open(context, &store);
    if (!failed(st)) store.log->on_append(store.log, count_append, 0);
    return st;
}

static void stop(void *service)
{
    (void)service;
    adapter->close();
}

static const struct setting no_settings[] = {{0}};
static const struct service_module module = {
    .name = "events", .settings = no_settings, .store_default = "", .start = start, .stop = stop};

static void for_each_adapter(void (*suite)(struct call *call, struct stage *stage))
{
    static const struct stage_plan plan = {.module = &module};

    for (size_t i = 0; i < sizeof(adapters) / sizeof(adapters[0]); i++) {
        adapter = &adapters[i];
        stage_run(&plan, suite);
        if (test_failures) printf("  with the adapter %s\n", adapter->name);
    }
}

static void make(const struct call *call, const char *topic, const char *key,
                 struct event *ret_event)
{
    Events__ReservationExpiredEvent message = EVENTS__RESERVATION_EXPIRED_EVENT__INIT;

    message.order_id = (char *)(uintptr_t)key;
    event_make(call, topic, key, &message.base, ret_event);
}

static void put(struct call *call, const char *topic, const char *key)
{
    struct event event;

    make(call, topic, key, &event);
    EXPECT_OK(adapter->put(call, &event));
}

/* ---- the log ---- */

static void expect_read(struct call *call, int64_t after, size_t max, const char *keys)
{
    struct event *events;
    size_t count;
    int64_t read;

    EXPECT_OK(store.log->read(call, store.log, "t", after, max, &events, &count, &read));
    EXPECT(count == strlen(keys));
    for (size_t i = 0; i < count; i++) {
        EXPECT(events[i].key[0] == keys[i] && events[i].attempt == 1);
        EXPECT(events[i].offset > (i > 0 ? events[i - 1].offset : after));
        EXPECT(strcmp(events[i].topic, "t") == 0 && events[i].payload.length == 3);
    }
    EXPECT(read >= (count > 0 ? events[count - 1].offset : after));
}

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

    for (int i = 0; i < 1500; i++) put(call, "other", "x");
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
        event.id = arena_printf(call->arena, "large-%d", i);
        EXPECT_OK(adapter->put(call, &event));
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

/* ---- dead letters ---- */

static struct status why(void)
{
    return status_make(STATUS_FAILED_PRECONDITION, ARGOSY__REASON__ORDER_STATE, "not now");
}

static void bury(struct call *call, const char *group, const char *key, struct event *ret_event)
{
    make(call, "t", key, ret_event);
    ret_event->attempt = 9;
    ret_event->offset = 42;
    EXPECT_OK(store.letters->bury(call, store.letters, group, ret_event, why()));
}

static size_t count_listed(struct call *call, const char *group, int64_t letter_id)
{
    struct dead_letter *letters;
    size_t count = 0;

    EXPECT_OK(store.letters->list(call, store.letters, group, letter_id, 10, &letters, &count));
    return count;
}

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
    for_each_adapter(keeps_letters);
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
    for_each_adapter(replays_letters);
}

/* ---- sweeping ---- */

static void sweeps(struct call *call, struct stage *stage)
{
    int64_t count = 0, last = 0, past_us;
    struct event event, *events;
    bool more = true;
    size_t left;

    put(call, "t", "a");
    put(call, "t", "b");
    put(call, "nobody's", "x");
    make(call, "t", "z", &event);
    EXPECT_OK(adapter->take(call, &event));
    bury(call, "cart", "dead", &event);
    bury(call, "cart", "replayed", &event);
    EXPECT_OK(store.letters->replay(call, store.letters, "cart", 2, &count));
    EXPECT_OK(store.letters->settle(call, store.letters, 2, status_ok()));
    EXPECT_OK(store.log->commit_offset(call, store.log, "t", "cart", 1));
    EXPECT_OK(store.log->commit_offset(call, store.log, "t", "order", 2));

    EXPECT_OK(
        store.sweeper->sweep(call, store.sweeper, clock_now_us() - 60 * INT64_C(1000000), &more));
    EXPECT(!more);
    expect_read(call, 0, 10, "ab"); /* nothing is old yet */
    stage_pass_s(60);
    past_us = clock_now_us() - 30 * INT64_C(1000000);
    EXPECT_OK(store.sweeper->sweep(call, store.sweeper, past_us, &more));
    expect_read(call, 0, 10, "b"); /* the cart has not passed it */
    EXPECT_OK(store.log->read(call, store.log, "nobody's", 0, 10, &events, &left, &last));
    EXPECT(left == 0);
    EXPECT(count_listed(call, "cart", 1) == 1 && count_listed(call, "cart", 2) == 0);

    EXPECT_OK(store.log->commit_offset(call, store.log, "t", "cart", 2));
    EXPECT_OK(store.sweeper->sweep(call, store.sweeper, past_us, &more));
    expect_read(call, 0, 10, "");
    put(call, "t", "c");
    EXPECT_OK(store.log->last_offset(call, store.log, "t", &last));
    EXPECT(last == 4); /* offsets are never reused */
}

TEST(sweeping_removes_what_is_old_and_passed_and_never_dead_letters)
{
    for_each_adapter(sweeps);
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
    for_each_adapter(explains);
}
