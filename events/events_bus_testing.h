/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of the bus: a module that produces events on "order-results", and one or two groups
 * that consume them, all in one store. Included by test programs only.
 *
 *     play(&(struct fixture){.groups = 1, .handle = apply}, settings, fn);
 *
 *     send_events(call, key, first, count)     puts events of one key, numbered from `first`
 *     apply                                    a handler: one effect in the store for each event
 *     seen[group]                              what the handlers have seen */
#ifndef EVENTS_EVENTS_BUS_TESTING_H
#define EVENTS_EVENTS_BUS_TESTING_H

#include "events.rpc.h"
#include "events/events_sqlite.h"
#include "events/events_testing.h"

enum { GROUPS = 2, KEYS_MAX = 512 };

/* One store that produces on "order-results", and the groups that consume it. */
static struct fixture {
    int groups;
    struct status (*handle)(struct call *call, const struct event *event, void *data);
    event_fate_fn *fate;
    const char *folder; /* of the store; NULL: the stage's, which is new */

    struct breaker_news *engine; /* NULL: the store is embedded, as it is */
    void (*opened)(void);        /* called when the store is open; NULL: nothing is */
    size_t bytes_max;            /* that wait for a group; 0: EVENTS_BYTES_MAX */
    bool minimal; /* the producer's store has a log alone, the groups' dead letters alone */

    struct sqlite *db;
    struct events_store store;
    struct events_store producer, consumer; /* what the bus gets of it */
} fixture;

/* What the handlers have seen. */
static struct seen {
    _Atomic int calls, effects, running, running_max;
    _Atomic int64_t last[KEYS_MAX]; /* the number that took effect last, by key */
    _Atomic int disorder;           /* effects out of order */
} seen[GROUPS];

static const char *const schema[] = {
    "CREATE TABLE effect (consumer INTEGER NOT NULL, key TEXT NOT NULL, number INTEGER NOT NULL);",
    EVENTS_SQLITE_SCHEMA, EVENTS_SQLITE_KEYS_COUNTED, 0};

static const char *const names[GROUPS] = {"order", "cart"};
static const char *const types[] = {"ReservationExpiredEvent", 0};

static inline struct status start(const struct service_context *context, void **ret_service)
{
    static int numbers[GROUPS] = {0, 1};
    const char *folder = fixture.folder ? fixture.folder : context->data_dir;

    struct status st = sqlite_open(context->arena, context->shards,
                                   arena_printf(context->arena, "%s/bus.db", folder), schema,
                                   &fixture.db);
    if (failed(st)) return st;
    fixture.store = events_store_sqlite(context->arena, fixture.db);
    if (fixture.opened) fixture.opened();
    fixture.producer = fixture.consumer = fixture.store;
    if (fixture.minimal) {
        fixture.producer = (struct events_store){.log = fixture.store.log};
        fixture.consumer = (struct events_store){.letters = fixture.store.letters};
    }
    fixture.producer.engine = fixture.consumer.engine = fixture.engine;
    if (fixture.bytes_max) context->events->bytes_max = fixture.bytes_max;
    events_offer(context->events, "order-results", &fixture.producer);
    for (int i = 0; i < fixture.groups; i++)
        events_subscribe(context->events, &(struct events_subscription){
                                              .group = names[i],
                                              .topic = "order-results",
                                              .producer = "product",
                                              .types = types,
                                              .handle = fixture.handle,
                                              .data = &numbers[i],
                                              .store = &fixture.consumer,
                                          });
    events_set_fate(context->events, fixture.fate, 0);
    *ret_service = 0;
    return status_ok();
}

static inline void stop(void *service)
{
    (void)service;
    sqlite_close(fixture.db);
}

static const struct setting no_settings[] = {{0}};
static const struct service_module module = {
    .name = "bus", .settings = no_settings, .store_default = "", .start = start, .stop = stop};

static inline void play(const struct fixture *what, const char *const *settings,
                        void (*fn)(struct call *call, struct stage *stage))
{
    const struct stage_plan plan = {.module = &module, .settings = settings, EVENTS_STAGE_RUNNING};

    memset(seen, 0, sizeof(seen));
    fixture = *what;
    stage_run(&plan, fn);
}

/* ---- sending ---- */

struct numbered_events {
    int key, first, count;
    bool other_type;
};

static inline struct status send_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct numbered_events *load = data;
    Events__ReservationExpiredEvent message = EVENTS__RESERVATION_EXPIRED_EVENT__INIT;
    Events__OrderCancelledEvent other = EVENTS__ORDER_CANCELLED_EVENT__INIT;
    struct status st = status_ok();
    struct event event;

    for (int i = 0; i < load->count && !failed(st); i++) {
        message.order_id = arena_printf(call->arena, "%d", load->first + i);
        event_make(call, "order-results", arena_printf(call->arena, "key-%d", load->key),
                   load->other_type ? &other.base : &message.base, &event);
        st = outbox_sqlite_put(tx, &event);
    }
    return st;
}

/* Events of one key with the numbers first, first + 1, ... */
static inline void send_events(struct call *call, int key, int first, int count)
{
    struct numbered_events load = {key, first, count, false};

    EXPECT_OK(sqlite_write(call, fixture.db, send_job, &load));
}

/* Waits until the condition holds, ten seconds at most. */
#define EVENTUALLY(call, condition)                                       \
    do {                                                                  \
        for (int waited_ = 0; !(condition) && waited_ < 10000; waited_++) \
            EXPECT(!failed(fiber_sleep((call), 1000)));                   \
        EXPECT(condition);                                                \
    } while (0)

/* ---- handling ---- */

static inline int64_t to_number(const char *text)
{
    int64_t number = -1;

    EXPECT(str_to_i64(str_of(text), &number));
    return number;
}

static inline void note_running(struct seen *group)
{
    int running = ++group->running, most = group->running_max;

    while (running > most && !atomic_compare_exchange_weak(&group->running_max, &most, running)) {
    }
}

static inline void note_order(struct seen *group, const struct event *event, int64_t number)
{
    int64_t key = to_number(event->key + 4);

    if (number != group->last[key] + 1) group->disorder++;
    group->last[key] = number;
}

struct effect {
    const struct event *event;
    int group;
    int64_t number;
    bool fresh;
};

static inline struct status effect_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct effect *effect = data;

    /* Both groups share the store here, and an inbox belongs to one. */
    struct event event = *effect->event;
    event.id = arena_printf(call->arena, "%d-%s", effect->group, event.id);
    struct status st = inbox_sqlite_take(tx, &event, &effect->fresh);
    if (failed(st) || !effect->fresh) return st;
    return sqlite_exec(tx, 0, "INSERT INTO effect (consumer, key, number) VALUES (?, ?, ?)", "itl",
                       effect->group, effect->event->key, effect->number);
}

/* Takes effect once in the store, and notes the order of effects. */
static inline struct status apply(struct call *call, const struct event *event, void *data)
{
    struct seen *group = &seen[*(int *)data];
    struct effect effect = {.event = event, .group = *(int *)data};
    Events__ReservationExpiredEvent *message;
    ProtobufCMessage *unpacked;

    note_running(group);
    group->calls++;
    struct status st = event_unpack(call->arena, event,
                                    &events__reservation_expired_event__descriptor, &unpacked);
    if (!failed(st)) {
        message = (Events__ReservationExpiredEvent *)unpacked;
        effect.number = to_number(message->order_id);
        st = sqlite_write(call, fixture.db, effect_job, &effect);
    }
    if (!failed(st) && effect.fresh) {
        group->effects++;
        note_order(group, event, effect.number);
    }
    group->running--;
    return st;
}

static inline int64_t number(const struct call *call, const char *sql)
{
    struct sqlite_rows rows;
    int64_t value = -1;

    EXPECT_OK(sqlite_read(call, fixture.db, &rows, sql, ""));
    if (sqlite_next(&rows)) value = sqlite_column_i64(&rows, 0);
    sqlite_end(&rows);
    return value;
}

#endif
