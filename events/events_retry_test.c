/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers that fail: retries, dead letters, and their replay. */
#include "events/events_bus_testing.h"
#include "store/sqlite/sqlite_fate.h"

static const char *const few_retries[] = {"EVENTS_RETRIES=2", NULL};

/* Which event fails, how many more times, and which attempts were seen. */
static _Atomic int64_t failing_number;
static _Atomic int failures_left, attempts_seen, attempt_last;

static struct status fail_some(struct call *call, const struct event *event, void *data)
{
    ProtobufCMessage *message;

    struct status st = event_unpack(call->arena, event,
                                    &events__reservation_expired_event__descriptor, &message);
    if (failed(st)) return st;
    int64_t number = to_number(((Events__ReservationExpiredEvent *)message)->order_id);
    if (number != failing_number) return apply(call, event, data);
    attempts_seen++;
    attempt_last = event->attempt;
    if (failures_left-- > 0)
        return status_printf(call->arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__ORDER_STATE,
                             "not now: %d", event->attempt);
    return apply(call, event, data);
}

static void play_failing(int failures, void (*fn)(struct call *call, struct stage *stage))
{
    failing_number = 2;
    failures_left = failures;
    attempts_seen = 0;
    play(&(struct fixture){.groups = 1, .handle = fail_some}, few_retries, fn);
}

static void tries_again(struct call *call, struct stage *stage)
{
    int64_t begun_us = clock_monotonic_us();

    send_events(call, 1, 1, 3);
    EVENTUALLY(call, seen[0].effects == 3);
    EXPECT(seen[0].disorder == 0);
    EXPECT(attempts_seen == 3 && attempt_last == 3);
    EXPECT(clock_monotonic_us() - begun_us >= 150000); /* 50 ms and 100 ms */
    EXPECT(number(call, "SELECT count(*) FROM dead_letters") == 0);
}

TEST(a_failed_event_is_retried_with_growing_pauses_while_its_key_waits)
{
    play_failing(2, tries_again);
}

static struct status find_store_full(struct call *call, const struct event *event, void *data)
{
    if (failures_left-- > 0)
        return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__STORE_FULL, "full");
    return apply(call, event, data);
}

static void waits_for_the_store(struct call *call, struct stage *stage)
{
    send_events(call, 1, 1, 2);
    EVENTUALLY(call, seen[0].effects == 2);
    EXPECT(number(call, "SELECT count(*) FROM dead_letters") == 0);
}

TEST(a_store_that_is_full_for_a_while_makes_no_dead_letters)
{
    failures_left = 4;
    play(&(struct fixture){.groups = 1, .handle = find_store_full}, few_retries,
         waits_for_the_store);
}

static struct breaker_news engine;
static atomic_bool away;

/* As while a store's breaker is open. */
static struct status find_engine_away(struct call *call, const struct event *event, void *data)
{
    attempts_seen++;
    if (away)
        return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE, "not there");
    return apply(call, event, data);
}

static void goes_on_at_once(struct call *call, struct stage *stage)
{
    struct breaker breaker = {.news = &engine};

    for (int i = 0; i < BREAKER_FAILURES_MAX; i++)
        breaker_failed(&breaker, shard_now_us(call->shard), 0);
    away = true;
    send_events(call, 1, 1, 1);
    send_events(call, 2, 1, 1);
    EVENTUALLY(call, attempts_seen >= 2 * 7); /* the next pauses are of 3.2 s */
    int64_t back_us = clock_monotonic_us();
    away = false;
    breaker_succeeded(&breaker, back_us);
    EVENTUALLY(call, seen[0].effects == 2);
    EXPECT(clock_monotonic_us() - back_us < 2000000);
    EXPECT(number(call, "SELECT count(*) FROM dead_letters") == 0);
}

TEST(an_event_does_not_wait_out_its_pause_when_the_stores_engine_is_back)
{
    attempts_seen = 0;
    play(&(struct fixture){.groups = 1, .handle = find_engine_away, .engine = &engine}, 0,
         goes_on_at_once);
}

static atomic_bool sent;

/* The event takes effect at the first attempt, but nobody knows. Waits until the sender has its own
 * answer, which is not to be lost. */
static struct status lose_answers(struct call *call, const struct event *event, void *data)
{
    while (!sent) EXPECT_OK(fiber_sleep(call, 1000));
    if (failures_left-- > 0) sqlite_lose_answer(1);
    return apply(call, event, data);
}

static void waits_for_an_answer(struct call *call, struct stage *stage)
{
    send_events(call, 1, 1, 2);
    sent = true;
    EVENTUALLY(call, number(call, "SELECT count(*) FROM effect") == 2);
    EVENTUALLY(call, failures_left < 0);
    EXPECT(number(call, "SELECT count(*) FROM dead_letters") == 0);
}

TEST(an_event_whose_effects_answer_is_lost_takes_effect_once_and_never_dies)
{
    failures_left = 6;
    play(&(struct fixture){.groups = 1, .handle = lose_answers}, few_retries, waits_for_an_answer);
}

/* ---- a log that cannot be read ---- */

static struct status (*true_read)(struct call *call, struct events_log *log, const char *topic,
                                  int64_t after, size_t max, struct event **ret_events,
                                  size_t *ret_count, int64_t *ret_after);

static struct status fail_to_read(struct call *call, struct events_log *log, const char *topic,
                                  int64_t after, size_t max, struct event **ret_events,
                                  size_t *ret_count, int64_t *ret_after)
{
    if (failures_left-- > 0)
        return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_BUSY, "busy");
    return true_read(call, log, topic, after, max, ret_events, ret_count, ret_after);
}

/* Nothing else is committed meanwhile, and the keeper looks only once a second. */
static void reads_again(struct call *call, struct stage *stage)
{
    enum { TIMES = 6, EACH_US = 500000 };
    int64_t begun_us;

    send_events(call, 1, 1, 1);
    EVENTUALLY(call, seen[0].effects == 1);
    true_read = fixture.store.log->read;
    fixture.store.log->read = fail_to_read;
    begun_us = clock_monotonic_us();
    for (int i = 1; i <= TIMES; i++) {
        failures_left = 1;
        send_events(call, 1, i + 1, 1);
        EVENTUALLY(call, seen[0].effects == i + 1);
        EXPECT_OK(fiber_sleep(call, 10000)); /* the reader has seen its own commit of the effect */
    }
    EXPECT(clock_monotonic_us() - begun_us < TIMES * EACH_US);
}

TEST(a_failed_read_is_retried_after_its_pause)
{
    play(&(struct fixture){.groups = 1, .handle = apply}, few_retries, reads_again);
}

/* ---- dead letters ---- */

static struct status list(struct call *call, struct dead_letter **ret_letters, size_t *ret_count)
{
    return fixture.store.letters->list(call, fixture.store.letters, "order", 0, 10, ret_letters,
                                       ret_count);
}

static const char *state_of_first(struct call *call)
{
    struct dead_letter *letters;
    size_t count = 0;

    EXPECT_OK(list(call, &letters, &count));
    return count == 1 ? letters[0].state : "";
}

static void dies(struct call *call, struct stage *stage)
{
    struct dead_letter *letters;
    size_t count;

    send_events(call, 1, 1, 3);
    EVENTUALLY(call, seen[0].calls == 2);
    EXPECT(attempts_seen == 3);
    EXPECT_OK(list(call, &letters, &count));
    EXPECT(count == 1);
    EXPECT(letters[0].attempts == 3 && strcmp(letters[0].state, "dead") == 0);
    EXPECT(strcmp(letters[0].group, "order") == 0);
    EXPECT(strcmp(letters[0].code, "FAILED_PRECONDITION") == 0);
    EXPECT(strcmp(letters[0].reason, "ORDER_STATE") == 0);
    EXPECT(strcmp(letters[0].message, "not now: 3") == 0);
    EXPECT(strcmp(letters[0].event.key, "key-1") == 0 && letters[0].event.offset == 2);
    EXPECT(event_is(&letters[0].event, &events__reservation_expired_event__descriptor));
}

TEST(after_its_retries_an_event_is_a_dead_letter_and_the_next_one_goes_on)
{
    play_failing(1000, dies);
}

static struct status replay(struct call *call, struct rpc_channel *channel, const char *group,
                            int64_t letter_id, int64_t *ret_count)
{
    Events__ReplayDeadLettersRequest request = EVENTS__REPLAY_DEAD_LETTERS_REQUEST__INIT;
    Events__ReplayDeadLettersResponse *response;

    request.group = (char *)(uintptr_t)group;
    request.letter_id = letter_id;
    struct status st = event_service_replay_dead_letters(call, channel, &request, &response);
    if (!failed(st)) *ret_count = response->count;
    return st;
}

static void is_replayed(struct call *call, struct stage *stage)
{
    int64_t count = 0;

    send_events(call, 1, 1, 3);
    EVENTUALLY(call, strcmp(state_of_first(call), "dead") == 0);
    EXPECT(attempts_seen == 3);

    EXPECT_OK(replay(call, stage->fleet, "order", 0, &count)); /* fails once more */
    EXPECT(count == 1);
    EVENTUALLY(call, attempts_seen == 4 && strcmp(state_of_first(call), "dead") == 0);
    EXPECT(attempt_last == 4);
    EXPECT(seen[0].effects == 2);

    EXPECT_OK(replay(call, stage->inside, "order", 1, &count));
    EVENTUALLY(call, strcmp(state_of_first(call), "replayed") == 0);
    EXPECT(seen[0].effects == 3);
    EXPECT_REFUSED(replay(call, stage->inside, "order", 1, &count), NOT_FOUND,
                   DEAD_LETTER_NOT_FOUND);
    EXPECT_REFUSED(replay(call, stage->inside, "order", 0, &count), NOT_FOUND,
                   DEAD_LETTER_NOT_FOUND);
    EXPECT_REFUSED(replay(call, stage->inside, "nobody", 0, &count), NOT_FOUND,
                   DEAD_LETTER_NOT_FOUND);
}

TEST(a_replayed_letter_is_delivered_once_more)
{
    play_failing(4, is_replayed);
}

/* A store that refuses dead letters for a while. */
static struct status (*bury)(struct call *call, struct dead_letters *letters, const char *group,
                             const struct event *event, struct status why);
static _Atomic int refusals;

static struct status refuse_to_bury(struct call *call, struct dead_letters *letters,
                                    const char *group, const struct event *event, struct status why)
{
    if (refusals++ < 2) return status_make(STATUS_RESOURCE_EXHAUSTED, 0, "full");
    return bury(call, letters, group, event, why);
}

static void buries_at_last(struct call *call, struct stage *stage)
{
    bury = fixture.store.letters->bury;
    fixture.store.letters->bury = refuse_to_bury;
    refusals = 0;
    send_events(call, 1, 1, 3);
    EVENTUALLY(call, seen[0].calls == 2);
    EXPECT(refusals == 3);
    EXPECT(strcmp(state_of_first(call), "dead") == 0);
}

TEST(a_letter_that_cannot_be_stored_is_not_dropped)
{
    play_failing(1000, buries_at_last);
}
