/* SPDX-License-Identifier: Apache-2.0 */
/* The stage of the suites of the ports in events_store.h: the list of adapters, and what the suites
 * share. Each suite is a test program of its own:
 *     events_store_log_test.c       the log
 *     events_store_letters_test.c   dead letters
 *     events_store_change_test.c    what changes leave: the records of their causes, and sweeping
 * An adapter of another process runs if the variable with its engine's URL is set. */
#ifndef EVENTS_EVENTS_STORE_TESTING_H
#define EVENTS_EVENTS_STORE_TESTING_H

#include "base/random.h"
#include "base/uuid.h"
#include "events.pb-c.h"
#include "events/events_sqlite.h"
#include "events/mongodb/events_mongodb.h"
#include "events/postgres/events_postgres.h"
#include "events/redis/events_redis.h"
#include "rpc/rpc_testing.h"
#include "store/mongodb/mongodb_testing.h"
#include "store/postgres/postgres_testing.h"

/* An adapter, and how a test makes a change that has its cause and its record and nothing else
 * (NULL: the adapter has no log). */
struct adapter {
    const char *name;
    struct status (*open)(const struct service_context *context, struct events_store *ret_store);
    struct status (*change)(struct call *call, const struct change_cause *cause,
                            const struct change_record *record);
    void (*close)(void);
    /* Of an engine that is another process; see rpc/store_suite_testing.h. */
    const char *engine;
    struct status (*connect)(struct call *call);
    struct status (*drop)(struct call *call);
    /* More events of other topics than one step takes; 0: 1500. */
    int foreign_max;
    bool limits_keys; /* a caller's Idempotency-Keys */
};

struct change_job {
    const struct change_cause *cause;
    const struct change_record *record;
};

/* ---- sqlite ---- */

static struct sqlite *db;

static struct status open_sqlite(const struct service_context *context,
                                 struct events_store *ret_store)
{
    static const char *const migrations[] = {EVENTS_SQLITE_SCHEMA, EVENTS_SQLITE_KEYS_COUNTED, 0};

    struct status st = sqlite_open(context->arena, context->shards, ":memory:", migrations, &db);
    if (!failed(st)) *ret_store = events_store_sqlite(context->arena, db);
    return st;
}

static struct status change_sqlite_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct change_job *job = data;
    bool fresh;

    struct status st = change_sqlite_begin(tx, job->cause, &fresh);
    if (failed(st) || !fresh) return st;
    return change_sqlite_end(tx, job->cause, job->record);
}

static struct status change_sqlite(struct call *call, const struct change_cause *cause,
                                   const struct change_record *record)
{
    struct change_job job = {cause, record};

    return sqlite_write(call, db, change_sqlite_job, &job);
}

static void close_sqlite(void)
{
    sqlite_close(db);
}

/* ---- postgres ---- */

static const char *const postgres_migrations[] = {EVENTS_POSTGRES_SCHEMA, NULL};
static struct postgres *pg;

static struct status open_postgres(const struct service_context *context,
                                   struct events_store *ret_store)
{
    struct status st = postgres_new(context->arena, context->shards,
                                    postgres_testing_url(context->arena), "events", &pg);

    if (!failed(st)) *ret_store = events_store_postgres(context->arena, context->shards, pg);
    return st;
}

static struct status connect_postgres(struct call *call)
{
    return events_postgres_open(call, pg, postgres_migrations, true);
}

static struct status drop_postgres(struct call *call)
{
    return postgres_testing_drop(call, pg);
}

static struct status change_postgres_job(struct call *call, struct postgres_tx *tx, void *data)
{
    const struct change_job *job = data;
    struct change_postgres change;
    bool fresh;

    change_postgres_begin(tx, job->cause, &change);
    struct status st = change_postgres_fresh(call, &change, &fresh);
    if (!failed(st) && fresh) change_postgres_end(tx, job->cause, job->record);
    return st;
}

static struct status change_postgres(struct call *call, const struct change_cause *cause,
                                     const struct change_record *record)
{
    struct change_job job = {cause, record};

    return postgres_write(call, pg, change_postgres_job, &job);
}

static void close_postgres(void)
{
    postgres_close(pg);
}

/* ---- redis: dead letters alone ---- */

static struct redis *redis;

static struct status open_redis(const struct service_context *context,
                                struct events_store *ret_store)
{
    const char *url = arena_printf(context->arena, "%s?prefix=test%llx-",
                                   getenv("ARGOSY_TEST_REDIS"),
                                   (unsigned long long)random_below(UINT64_MAX));

    struct status st = redis_new(context->arena, context->shards, url, "test", &redis);
    if (failed(st)) return st;
    ret_store->log = NULL;
    ret_store->letters = dead_letters_redis(context->arena, redis, "events");
    ret_store->sweeper = events_sweeper_redis(context->arena, redis, "events");
    return st;
}

static struct status connect_redis(struct call *call)
{
    return redis_open(call, redis);
}

static struct status drop_redis(struct call *call)
{
    const char *pattern = arena_printf(call->arena, "{%s*", redis_prefix(redis));
    const struct redis_reply *reply;
    struct status st;

    st = redis_read(call, redis, REDIS_WORDS(STR("KEYS"), str_of(pattern)), &reply);
    for (size_t i = 0; !failed(st) && i < reply->count; i++) {
        const struct redis_reply *deleted;
        st = redis_write(call, redis, REDIS_WORDS(STR("DEL"), reply->items[i]->text), &deleted);
    }
    return st;
}

static void close_redis(void)
{
    redis_close(redis);
}

/* ---- mongodb ---- */

static struct mongodb *mongo;
static struct events_log *mongo_log;

static struct status open_mongodb(const struct service_context *context,
                                  struct events_store *ret_store)
{
    const char *url = mongodb_test_url(context->arena, test_engine("ARGOSY_TEST_MONGODB"));
    struct status st = mongodb_new(context->arena, context->shards, url, "events", &mongo);

    if (failed(st)) return st;
    mongodb_use(mongo, mongodb_url_database(mongo, "events"));
    *ret_store = events_store_mongodb(context->arena, mongo, "things");
    mongo_log = ret_store->log;
    return st;
}

static struct status connect_mongodb(struct call *call)
{
    struct status st = mongodb_open(call, mongo);

    return failed(st) ? st : events_mongodb_prepare(call, mongo, "things");
}

static struct status drop_mongodb(struct call *call)
{
    return mongodb_drop(call, mongo);
}

/* A document for each change. */
static struct status change_mongodb(struct call *call, const struct change_cause *cause,
                                    const struct change_record *record)
{
    struct mongodb_id id = mongodb_id_new();
    struct change_mongodb_new added;
    struct str reply;

    change_mongodb_new(call, cause, record, id, &added);
    struct status st = mongodb_write(
        call, mongo,
        mongodb_document(call->arena,
                         "{insert: 'things', documents: [{_id: %o, argosy: {outbox: %a, inbox:"
                         " %a}}]}",
                         id, added.outbox, added.inbox),
        &reply);
    if (!failed(st) && record->event_count > 0) events_mongodb_tell(mongo_log);
    return st;
}

static void close_mongodb(void)
{
    mongodb_close(mongo);
}

static const struct adapter adapters[] = {
    {"sqlite", open_sqlite, change_sqlite, close_sqlite, .limits_keys = true},
    {"postgres", open_postgres, change_postgres, close_postgres, "ARGOSY_TEST_POSTGRES",
     connect_postgres, drop_postgres, .limits_keys = true},
    {"redis", open_redis, NULL, close_redis, "ARGOSY_TEST_REDIS", connect_redis, drop_redis},
    {"mongodb", open_mongodb, change_mongodb, close_mongodb, "ARGOSY_TEST_MONGODB", connect_mongodb,
     drop_mongodb, 150},
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
    if (!failed(st) && store.log) store.log->on_append(store.log, count_append, 0);
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

static void (*suite_now)(struct call *call, struct stage *stage);

static void play_suite(struct call *call, struct stage *stage)
{
    struct status st = adapter->connect ? adapter->connect(call) : status_ok();

    EXPECT_OK(st);
    if (!failed(st)) suite_now(call, stage);
    if (!failed(st) && adapter->drop) EXPECT_OK(adapter->drop(call));
}

/* Runs the suite on one adapter, unless its engine is not there. */
static inline void run_on(const struct adapter *one,
                          void (*suite)(struct call *call, struct stage *stage))
{
    static const struct stage_plan plan = {.module = &module};
    int failures = test_failures;

    adapter = one;
    suite_now = suite;
    if (adapter->engine && !test_engine(adapter->engine)) return;
    stage_run(&plan, play_suite);
    if (test_failures != failures) printf("  with the adapter %s\n", adapter->name);
}

/* Those that have a log. */
static inline void for_each_adapter(void (*suite)(struct call *call, struct stage *stage))
{
    for (size_t i = 0; i < sizeof(adapters) / sizeof(adapters[0]); i++)
        if (adapters[i].change) run_on(&adapters[i], suite);
    test_skipped = false; /* the embedded adapter has run */
}

static inline void for_each_with_letters(void (*suite)(struct call *call, struct stage *stage))
{
    for (size_t i = 0; i < sizeof(adapters) / sizeof(adapters[0]); i++) run_on(&adapters[i], suite);
    test_skipped = false;
}

static inline void make(const struct call *call, const char *topic, const char *key,
                        struct event *ret_event)
{
    Events__ReservationExpiredEvent message = EVENTS__RESERVATION_EXPIRED_EVENT__INIT;

    message.order_id = (char *)(uintptr_t)key;
    event_make(call, topic, key, &message.base, ret_event);
}

static inline struct status put_event(struct call *call, const struct event *event)
{
    const struct change_cause none = {0};
    const struct change_record record = {.events = {*event}, .event_count = 1};

    return adapter->change(call, &none, &record);
}

static inline void put(struct call *call, const char *topic, const char *key)
{
    struct event event;

    make(call, topic, key, &event);
    EXPECT_OK(put_event(call, &event));
}

/* ---- what the suites share ---- */

static inline void expect_read(struct call *call, int64_t after, size_t max, const char *keys)
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

static inline struct status why(void)
{
    return status_make(STATUS_FAILED_PRECONDITION, ARGOSY__REASON__ORDER_STATE, "not now");
}

static inline void bury(struct call *call, const char *group, const char *key,
                        struct event *ret_event)
{
    make(call, "t", key, ret_event);
    ret_event->attempt = 9;
    ret_event->offset = 42;
    EXPECT_OK(store.letters->bury(call, store.letters, group, ret_event, why()));
}

static inline size_t count_listed(struct call *call, const char *group, int64_t letter_id)
{
    struct dead_letter *letters;
    size_t count = 0;

    EXPECT_OK(store.letters->list(call, store.letters, group, letter_id, 10, &letters, &count));
    return count;
}

#endif
