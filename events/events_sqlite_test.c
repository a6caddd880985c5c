/* SPDX-License-Identifier: Apache-2.0 */
/* What services call inside their jobs: outbox, inbox and idempotency records. */
#include "events/events_sqlite.h"

#include "base/clock.h"
#include "events.pb-c.h"
#include "store/sqlite/sqlite_testing.h"

static const char *const schema[] = {"CREATE TABLE effect (n INTEGER);", EVENTS_SQLITE_SCHEMA,
                                     EVENTS_SQLITE_KEYS_COUNTED, 0};

static void play(void (*fn)(struct call *call, int number))
{
    scene_open(1, ":memory:", schema);
    scene_play(1, fn);
    scene_close();
}

static void make(const struct call *call, const char *order_id, struct event *ret_event)
{
    Events__ReservationExpiredEvent message = EVENTS__RESERVATION_EXPIRED_EVENT__INIT;

    message.order_id = (char *)(uintptr_t)order_id;
    event_make(call, "order-results", order_id, &message.base, ret_event);
}

/* ---- outbox ---- */

static struct status put_two(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct event *event = data;
    struct event second;
    struct status st;

    make(call, "o-2", &second);
    st = outbox_sqlite_put(tx, event);
    if (!failed(st)) st = outbox_sqlite_put(tx, &second);
    return st;
}

static struct status put_and_fail(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct status st = outbox_sqlite_put(tx, data);

    return failed(st) ? st : status_make(STATUS_ABORTED, 0, "no");
}

static void check_outbox(struct call *call, int number)
{
    struct sqlite_rows rows;
    struct event event;

    make(call, "o-1", &event);
    EXPECT(sqlite_write(call, scene.db, put_and_fail, &event).code == STATUS_ABORTED);
    EXPECT(scene_number(call, "SELECT count(*) FROM outbox") == 0);
    EXPECT_OK(sqlite_write(call, scene.db, put_two, &event));
    EXPECT(scene_number(call, "SELECT count(*) FROM outbox") == 2);

    EXPECT_OK(sqlite_read(call, scene.db, &rows,
                          "SELECT id, aggregatetype, aggregateid, type, payload, time_us, "
                          "traceparent FROM outbox ORDER BY seq",
                          ""));
    EXPECT(sqlite_next(&rows));
    EXPECT(strcmp(sqlite_column_text(&rows, 0), event.id) == 0);
    EXPECT(strcmp(sqlite_column_text(&rows, 1), "order-results") == 0);
    EXPECT(strcmp(sqlite_column_text(&rows, 2), "o-1") == 0);
    EXPECT(strcmp(sqlite_column_text(&rows, 3), "ReservationExpiredEvent") == 0);
    EXPECT(str_equal(sqlite_column_blob(&rows, 4), event.payload));
    EXPECT(sqlite_column_i64(&rows, 5) == event.time_us);
    EXPECT(strcmp(sqlite_column_text(&rows, 6), event.traceparent) == 0);
    sqlite_end(&rows);
}

TEST(an_event_commits_with_its_job_or_not_at_all)
{
    play(check_outbox);
}

/* ---- inbox ---- */

struct effect {
    const struct event *event;
    bool fresh;
    bool fails;
};

static struct status apply(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct effect *effect = data;
    struct status st;

    st = inbox_sqlite_take(tx, effect->event, &effect->fresh);
    if (failed(st) || !effect->fresh) return st;
    st = sqlite_exec(tx, 0, "INSERT INTO effect (n) VALUES (1)", "");
    return effect->fails ? status_make(STATUS_ABORTED, 0, "no") : st;
}

static void check_inbox(struct call *call, int number)
{
    struct event first, second;
    struct effect effect = {.event = &first, .fails = true};

    make(call, "o-1", &first);
    make(call, "o-1", &second);
    EXPECT(sqlite_write(call, scene.db, apply, &effect).code == STATUS_ABORTED);
    effect.fails = false;
    EXPECT_OK(sqlite_write(call, scene.db, apply, &effect));
    EXPECT(effect.fresh);
    EXPECT_OK(sqlite_write(call, scene.db, apply, &effect));
    EXPECT(!effect.fresh);
    EXPECT(scene_number(call, "SELECT count(*) FROM effect") == 1);
    effect.event = &second;
    EXPECT_OK(sqlite_write(call, scene.db, apply, &effect));
    EXPECT(effect.fresh);
    EXPECT(scene_number(call, "SELECT count(*) FROM effect") == 2);
}

TEST(an_event_that_is_delivered_twice_takes_effect_once)
{
    play(check_inbox);
}

/* ---- idempotency ---- */

enum step { BEGIN, FINISH, FORGET };

struct request {
    struct idempotency idempotency;
    enum step step;
    int64_t now_us;
    struct str answer;
};

static struct status run_step(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct request *request = data;

    switch (request->step) {
    case BEGIN:
        return idempotency_sqlite_begin(tx, &request->idempotency, request->now_us,
                                        &request->answer);
    case FINISH: return idempotency_sqlite_finish(tx, &request->idempotency, request->answer);
    case FORGET: return idempotency_sqlite_forget(tx, &request->idempotency);
    }
    return status_ok();
}

static struct status run(struct call *call, struct request *request, enum step step)
{
    request->step = step;
    return sqlite_write(call, scene.db, run_step, request);
}

static struct request request_of(const char *scope, const char *key, int print)
{
    struct request request = {.idempotency = {.scope = scope, .key = key, .keys_max = 3},
                              .now_us = clock_now_us()};

    memset(request.idempotency.fingerprint, print, IDEMPOTENCY_FINGERPRINT_SIZE);
    return request;
}

static void expect_refused(struct status st, enum status_code code, int reason)
{
    EXPECT(st.code == code && st.reason == reason);
}

static void check_records(struct call *call, int number)
{
    struct request ann = request_of("ann@example.com", "k", 1);
    struct request other = request_of("ann@example.com", "k", 2);
    struct request bob = request_of("bob@example.com", "k", 2);

    EXPECT_OK(run(call, &ann, BEGIN));
    EXPECT(!ann.answer.data);
    expect_refused(run(call, &ann, BEGIN), STATUS_ABORTED, ARGOSY__REASON__IDEMPOTENCY_KEY_RUNNING);
    expect_refused(run(call, &other, BEGIN), STATUS_FAILED_PRECONDITION,
                   ARGOSY__REASON__IDEMPOTENCY_KEY_REUSED);
    EXPECT_OK(run(call, &bob, BEGIN));
    EXPECT(!bob.answer.data);

    ann.answer = STR("first\0answer");
    EXPECT_OK(run(call, &ann, FINISH));
    ann.answer = (struct str){0};
    EXPECT_OK(run(call, &ann, BEGIN));
    EXPECT(str_equal(ann.answer, STR("first\0answer")));
    expect_refused(run(call, &other, BEGIN), STATUS_FAILED_PRECONDITION,
                   ARGOSY__REASON__IDEMPOTENCY_KEY_REUSED);

    bob.answer = (struct str){0}; /* the empty message is an answer too */
    EXPECT_OK(run(call, &bob, FINISH));
    EXPECT_OK(run(call, &bob, BEGIN));
    EXPECT(bob.answer.data && bob.answer.length == 0);
}

TEST(a_key_has_one_request_and_its_answer)
{
    play(check_records);
}

static void check_forgetting(struct call *call, int number)
{
    struct request first = request_of("ann@example.com", "k", 1);
    struct request second = request_of("ann@example.com", "k", 2);

    EXPECT_OK(run(call, &first, BEGIN));
    EXPECT_OK(run(call, &first, FORGET));
    EXPECT_OK(run(call, &second, BEGIN));
    second.answer = STR("answer");
    EXPECT_OK(run(call, &second, FINISH));
    EXPECT_OK(run(call, &second, FORGET)); /* a finished request is not forgotten */
    EXPECT_OK(run(call, &second, BEGIN));
    EXPECT(str_equal(second.answer, STR("answer")));

    second.now_us += IDEMPOTENCY_KEPT_US;
    EXPECT_OK(run(call, &second, BEGIN));
    EXPECT(!second.answer.data);
    EXPECT(scene_number(call, "SELECT count(*) FROM idempotency") == 1);
}

TEST(a_key_is_free_again_when_forgotten_or_after_a_day)
{
    play(check_forgetting);
}

static void expect_full(struct call *call, const char *key)
{
    struct request request = request_of("ann@example.com", key, 1);

    expect_refused(run(call, &request, BEGIN), STATUS_RESOURCE_EXHAUSTED,
                   ARGOSY__REASON__IDEMPOTENCY_KEYS_FULL);
}

static void take(struct call *call, const char *scope, const char *key)
{
    struct request request = request_of(scope, key, 1);

    EXPECT_OK(run(call, &request, BEGIN));
    EXPECT(!request.answer.data);
    request.answer = STR("answer");
    EXPECT_OK(run(call, &request, FINISH));
}

static void check_limit(struct call *call, int number)
{
    struct request running = request_of("ann@example.com", "k3", 1);
    struct request again = request_of("ann@example.com", "k1", 1);

    take(call, "ann@example.com", "k1");
    take(call, "ann@example.com", "k2");
    EXPECT_OK(run(call, &running, BEGIN));
    expect_full(call, "k4");
    EXPECT_OK(run(call, &again, BEGIN)); /* what is kept still answers */
    EXPECT(str_equal(again.answer, STR("answer")));
    take(call, "bob@example.com", "k4"); /* others have their own */

    EXPECT_OK(run(call, &running, FORGET));
    take(call, "ann@example.com", "k4");
    expect_full(call, "k5");

    /* An outdated record makes room for its successor. */
    again.now_us = clock_now_us() + IDEMPOTENCY_KEPT_US;
    EXPECT_OK(run(call, &again, BEGIN));
    EXPECT(!again.answer.data);
    expect_full(call, "k5");
    EXPECT(scene_number(call, "SELECT kept FROM idempotency_callers WHERE scope LIKE 'ann%'") == 3);
}

TEST(a_caller_has_a_limited_number_of_keys)
{
    play(check_limit);
}

static struct status outdate_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    return sqlite_exec(tx, 0, "UPDATE idempotency SET time_us = time_us - ? WHERE key <> 'k3'", "l",
                       IDEMPOTENCY_KEPT_US + 1);
}

static void check_swept(struct call *call, int number)
{
    struct events_sweeper *sweeper = events_sweeper_sqlite(call->arena, scene.db);
    bool more;

    take(call, "ann@example.com", "k1");
    take(call, "bob@example.com", "k1");
    take(call, "ann@example.com", "k2");
    take(call, "ann@example.com", "k3");
    EXPECT_OK(sqlite_write(call, scene.db, outdate_job, NULL));
    expect_full(call, "k4");
    EXPECT_OK(sweeper->sweep(call, sweeper, 0, &more));
    EXPECT(scene_number(call, "SELECT kept FROM idempotency_callers WHERE scope LIKE 'ann%'") == 1);
    EXPECT(scene_number(call, "SELECT count(*) FROM idempotency_callers") == 1);
    take(call, "ann@example.com", "k4");
    take(call, "ann@example.com", "k5");
    expect_full(call, "k6");
}

TEST(swept_keys_no_longer_count)
{
    play(check_swept);
}

static const char *const uncounted[] = {
    EVENTS_SQLITE_SCHEMA,
    "INSERT INTO idempotency (scope, key, fingerprint, time_us) VALUES"
    " ('ann@example.com', 'k1', x'00', 1), ('ann@example.com', 'k2', x'00', 1),"
    " ('bob@example.com', 'k1', x'00', 1);",
    EVENTS_SQLITE_KEYS_COUNTED,
    0,
};

static void check_old(struct call *call, int number)
{
    take(call, "ann@example.com", "k3");
    expect_full(call, "k4");
    EXPECT(scene_number(call, "SELECT kept FROM idempotency_callers WHERE scope LIKE 'bob%'") == 1);
}

TEST(keys_of_an_older_program_are_counted)
{
    scene_open(1, ":memory:", uncounted);
    scene_play(1, check_old);
    scene_close();
}

static void check_none(struct call *call, int number)
{
    struct request request = request_of("ann@example.com", "", 1);

    EXPECT_OK(run(call, &request, BEGIN));
    EXPECT(!request.answer.data);
    EXPECT_OK(run(call, &request, FINISH));
    EXPECT_OK(run(call, &request, BEGIN));
    EXPECT(!request.answer.data);
    EXPECT_OK(run(call, &request, FORGET));
    EXPECT(scene_number(call, "SELECT count(*) FROM idempotency") == 0);
}

TEST(a_request_without_a_key_leaves_nothing)
{
    play(check_none);
}

/* ---- changes ---- */

struct change {
    struct change_cause cause;
    struct change_record record;
    bool fresh;
};

static struct status change_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct change *change = data;

    struct status st = change_sqlite_begin(tx, &change->cause, &change->fresh);
    if (failed(st) || !change->fresh) return st;
    st = sqlite_exec(tx, 0, "INSERT INTO effect (n) VALUES (1)", "");
    if (failed(st)) return st;
    return change_sqlite_end(tx, &change->cause, &change->record);
}

static void check_changes(struct call *call, int number)
{
    Events__ReservationExpiredEvent news = EVENTS__RESERVATION_EXPIRED_EVENT__INIT;
    struct change_request request = {request_of("ann@example.com", "k", 1).idempotency};
    struct event event;
    struct change change = {.cause = {.event = &event}};

    make(call, "o-1", &event);
    news.order_id = (char *)(uintptr_t) "o-1";
    change_tell(call, &change.record, "order-results", "o-1", &news.base);
    change_tell(call, &change.record, "order-results", "o-2", &news.base);
    for (int i = 0; i < 2; i++) {
        EXPECT_OK(sqlite_write(call, scene.db, change_job, &change));
        EXPECT(change.fresh == (i == 0));
        EXPECT(scene_number(call, "SELECT count(*) FROM effect") == 1);
        EXPECT(scene_number(call, "SELECT count(*) FROM outbox") == 2);
    }

    change = (struct change){.cause = {.request = &request}, .record = {.answer = STR("first")}};
    EXPECT(change_wants_answer(&change.cause));
    EXPECT_OK(sqlite_write(call, scene.db, change_job, &change));
    EXPECT(change.fresh && !request.replayed.data);
    EXPECT_OK(sqlite_write(call, scene.db, change_job, &change));
    EXPECT(!change.fresh && str_is(request.replayed, "first"));
    request.replayed = (struct str){0};
    EXPECT_OK(change_sqlite_find(call, scene.db, &request));
    EXPECT(str_is(request.replayed, "first"));
    request.idempotency.fingerprint[0] = 2;
    EXPECT(change_sqlite_find(call, scene.db, &request).reason ==
           ARGOSY__REASON__IDEMPOTENCY_KEY_REUSED);
    EXPECT(scene_number(call, "SELECT count(*) FROM effect") == 2);
}

TEST(a_change_takes_effect_once_by_its_cause_and_keeps_its_record)
{
    play(check_changes);
}

static void check_causeless(struct call *call, int number)
{
    struct change_request nobodys = {0};
    struct change change = {.cause = {.request = &nobodys}, .record = {.answer = STR("kept?")}};

    EXPECT(!change_wants_answer(&change.cause));
    for (int i = 1; i <= 2; i++) {
        EXPECT_OK(sqlite_write(call, scene.db, change_job, &change));
        EXPECT(change.fresh && !nobodys.replayed.data);
        EXPECT(scene_number(call, "SELECT count(*) FROM effect") == i);
    }
    change.cause.request = 0;
    EXPECT_OK(sqlite_write(call, scene.db, change_job, &change));
    EXPECT(change.fresh && scene_number(call, "SELECT count(*) FROM idempotency") == 0);
}

TEST(a_change_without_a_key_or_an_event_takes_effect_each_time)
{
    play(check_causeless);
}
