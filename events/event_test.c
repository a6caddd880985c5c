/* SPDX-License-Identifier: Apache-2.0 */
/* Events as values. */
#include "events/event.h"

#include "base/clock.h"
#include "base/test.h"
#include "base/uuid.h"
#include "events.pb-c.h"
#include "fiber/fiber.h"
#include "reasons.pb-c.h"

static struct arena arena;
static struct trace trace;

static void make(const char *order_id, struct event *ret_event)
{
    struct call call = {.arena = &arena, .trace = &trace};
    Events__ReservationExpiredEvent message = EVENTS__RESERVATION_EXPIRED_EVENT__INIT;

    message.order_id = (char *)(uintptr_t)order_id;
    event_make(&call, "order-results", order_id, &message.base, ret_event);
}

TEST(an_event_is_made_of_a_message)
{
    char traceparent[TRACEPARENT_SIZE];
    struct event event;
    ProtobufCMessage *message;

    arena_init(&arena, 0);
    trace_start(&trace);
    trace_format(&trace, traceparent);
    int64_t before_us = clock_now_us();
    make("o-1", &event);
    CHECK(uuid_is_valid(str_of(event.id)));
    CHECK_STR(event.topic, "order-results");
    CHECK_STR(event.key, "o-1");
    CHECK_STR(event.type, "ReservationExpiredEvent");
    CHECK_STR(event.traceparent, traceparent);
    CHECK(event.time_us >= before_us && event.time_us <= clock_now_us());

    CHECK(event_is(&event, &events__reservation_expired_event__descriptor));
    CHECK(!event_is(&event, &events__order_cancelled_event__descriptor));
    CHECK_OK(
        event_unpack(&arena, &event, &events__reservation_expired_event__descriptor, &message));
    CHECK_STR(((Events__ReservationExpiredEvent *)message)->order_id, "o-1");
    arena_release(&arena);
}

TEST(a_payload_that_is_no_message_is_malformed)
{
    ProtobufCMessage *message;
    struct event event;

    arena_init(&arena, 0);
    trace_start(&trace);
    make("o-1", &event);
    event.payload = STR("\x0a\xff");
    struct status st = event_unpack(&arena, &event, &events__reservation_expired_event__descriptor,
                                    &message);
    CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__MALFORMED_MESSAGE);
    arena_release(&arena);
}

TEST(a_key_is_always_in_the_same_partition)
{
    CHECK_INT(event_partition(""), ==, 17);
    CHECK_INT(event_partition("order"), ==, 11);
    CHECK_INT(event_partition("018f0000-0000-7000-8000-000000000001"), ==, 11);
}

/* UUIDs of one moment differ little, and still spread. */
TEST(keys_spread_over_the_partitions)
{
    enum { KEYS = 6400 };
    int counts[EVENT_PARTITIONS] = {0};
    char key[UUID_TEXT_SIZE];

    for (int i = 0; i < KEYS; i++) {
        uuid_v7(key);
        counts[event_partition(key)]++;
    }
    for (int i = 0; i < EVENT_PARTITIONS; i++)
        CHECK(counts[i] > KEYS / EVENT_PARTITIONS / 3 && counts[i] < KEYS / EVENT_PARTITIONS * 3);
}
