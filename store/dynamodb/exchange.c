/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the server: waits for its place, signs it, sends it, and tells the breaker what
 * came of it. */
#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"
#include "observe/log.h"
#include "reasons.pb-c.h"
#include "store/dynamodb/database.h"

enum { US_PER_MS = 1000 };

static const char service[] = "dynamodb", target_prefix[] = "DynamoDB_20120810.";

/* ---- its place ---- */

static void leave(const struct call *call, struct dynamodb *db, struct dynamodb_own *own)
{
    /* Whoever waits has the place at once, so that nobody comes in between. */
    if (waiters_wake_first(call->shard, &own->waiters)) return;
    own->busy--;
    metric_shift(db->metrics.busy, -1);
}

static struct status enter(struct call *call, struct dynamodb *db, struct dynamodb_own *own)
{
    bool woken;

    if (own->busy < db->url.connections) {
        own->busy++;
        metric_shift(db->metrics.busy, 1);
        return status_ok();
    }
    if (own->waiters.count >= DYNAMODB_WAITERS_MAX)
        return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__QUEUE_FULL, db->queue_full);
    metric_shift(db->metrics.waiting, 1);
    struct status st = waiters_wait(call, &own->waiters, &woken);
    metric_shift(db->metrics.waiting, -1);
    if (failed(st) && woken) leave(call, db, own);
    return st;
}

/* ---- the breaker ---- */

static void show_breaker(const struct dynamodb *db, struct dynamodb_own *own)
{
    bool open = own->breaker.state != BREAKER_CLOSED;

    if (open == own->shown_open) return;
    metric_shift(db->metrics.breaker_open, open ? 1 : -1);
    own->shown_open = open;
    if (open)
        log_warn(0, "dynamodb: the store does not answer; its callers are refused until it does",
                 LOG_STR("store", db->name), LOG_STR("error", own->problem));
    else
        log_info(0, "dynamodb: the store answers again", LOG_STR("store", db->name));
}

/* Refuses callers before they wait for a place. */
static bool is_open(struct call *call, const struct dynamodb_own *own)
{
    const struct breaker *breaker = &own->breaker;

    return breaker->state != BREAKER_CLOSED && own->busy > 0 &&
           (breaker->state == BREAKER_HALF_OPEN || shard_now_us(call->shard) < breaker->retry_us);
}

/* ---- the request ---- */

static const uint8_t *signing_key(const struct dynamodb *db, struct dynamodb_own *own,
                                  const struct keys *keys, const char *time)
{
    if (strncmp(own->key_date, time, SIGNATURE_DATE_LENGTH) == 0 &&
        strcmp(own->key_id, keys->id) == 0)
        return own->key;
    snprintf(own->key_date, sizeof(own->key_date), "%.*s", SIGNATURE_DATE_LENGTH, time);
    snprintf(own->key_id, sizeof(own->key_id), "%s", keys->id);
    signature_derive_key(keys->secret, time, db->region, service, own->key);
    return own->key;
}

static struct status sign(struct call *call, struct dynamodb *db, struct dynamodb_own *own,
                          const struct keys *keys, const struct exchange *exchange,
                          struct http_headers *headers)
{
    char time[SIGNATURE_TIME_SIZE];
    struct arena *arena = call->arena;

    signature_format_time(clock_now_us(), time);
    const struct {
        struct str name, value;
    } signed_ones[] = {
        {STR("host"), str_of(db->host)},
        {STR("content-type"), STR("application/x-amz-json-1.0")},
        {STR("x-amz-date"), str_of(arena_strdup(arena, time))},
        {STR("x-amz-target"),
         str_of(arena_printf(arena, "%s%s", target_prefix, exchange->operation))},
        {STR("x-amz-security-token"), str_of(arena_strdup(arena, keys->token))},
    };
    size_t count = sizeof(signed_ones) / sizeof(signed_ones[0]) - (keys->token[0] ? 0 : 1);
    struct status st = status_ok();
    for (size_t i = 0; i < count && !failed(st); i++)
        st = http_headers_add(arena, headers, signed_ones[i].name, signed_ones[i].value);
    const struct signature_scope scope = {keys->id, signing_key(db, own, keys, time), time,
                                          db->region, service};
    const struct signature_request request = {"POST", "/", "", headers, exchange->body};
    if (failed(st)) return st;
    return http_headers_add(arena, headers, STR("authorization"),
                            str_of(signature_authorize(arena, &scope, &request)));
}

static struct status send_request(struct call *call, struct dynamodb *db, struct dynamodb_own *own,
                                  const struct exchange *exchange, struct https_answer *ret_answer)
{
    const struct keys *keys;
    struct http_headers headers = {0};

    struct status st = credentials_get(call, db->credentials, &keys);
    if (failed(st)) return st;
    st = sign(call, db, own, keys, exchange, &headers);
    if (failed(st)) return st;
    const struct https_request request = {
        .method = "POST",
        .url = db->endpoint,
        .headers = &headers,
        .body = exchange->body,
        .answer_max = DYNAMODB_ANSWER_SIZE_MAX,
        .timeout_ms = db->url.timeout_ms,
        .plain = db->plain,
        .once = true,
        .explained = true,
    };
    return https_call(call, db->client, &request, ret_answer);
}

/* ---- what came of it ---- */

static bool is_silence(const struct dynamodb *db, struct status st, int64_t took_us)
{
    return st.code == STATUS_DEADLINE_EXCEEDED && took_us >= db->url.timeout_ms * US_PER_MS;
}

static void report(struct call *call, struct dynamodb *db, struct dynamodb_own *own,
                   struct status st, int64_t took_us)
{
    int64_t now_us = shard_read_clock(call->shard);

    if (!failed(st) || st.reason == ARGOSY__REASON__RESPONSE_TOO_LARGE)
        breaker_succeeded(&own->breaker, now_us);
    else if (st.reason == ARGOSY__REASON__SERVICE_UNREACHABLE || is_silence(db, st, took_us))
        breaker_failed(&own->breaker, now_us, random_below(UINT32_MAX));
    else
        breaker_abandoned(&own->breaker, now_us);
    show_breaker(db, own);
}

/* The endpoint's name and libcurl's texts are for operators; callers learn what kind of failure it
 * was. */
static struct status translate(struct call *call, struct dynamodb *db, struct status st)
{
    if (failed(call_check(call))) return call_check(call);
    if (st.reason == ARGOSY__REASON__SERVICE_UNREACHABLE || st.code == STATUS_DEADLINE_EXCEEDED)
        return dynamodb_unreachable(db);
    if (st.reason == ARGOSY__REASON__STORE_REFUSED)
        return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_REFUSED, db->refused);
    if (st.reason == ARGOSY__REASON__RESPONSE_TOO_LARGE)
        return status_printf(
            call->arena, st.code, st.reason,
            "an answer of the %s service's store is too large; ask for less at once", db->name);
    return st;
}

static enum store_outcome outcome_of(struct status st)
{
    return st.reason == ARGOSY__REASON__STORE_REFUSED ? STORE_REFUSED : store_outcome_of(st);
}

enum exchange_end dynamodb_exchange(struct call *call, struct dynamodb *db,
                                    const struct exchange *exchange,
                                    struct https_answer *ret_answer, struct status *ret_status)
{
    struct dynamodb_own *own = dynamodb_own_of(call, db);
    int64_t begun_us = shard_read_clock(call->shard);
    const struct keys *keys;
    struct status st;

    ret_answer->sends = 0;
    *ret_status = dynamodb_unreachable(db);
    if (is_open(call, own)) return EXCHANGE_UNSENT;
    /* Nobody keeps a place, or is the breaker's probe, while there are no credentials. */
    st = credentials_get(call, db->credentials, &keys);
    if (failed(st)) snprintf(own->problem, sizeof(own->problem), "%s", st.message);
    *ret_status = failed(st) ? translate(call, db, st) : enter(call, db, own);
    if (failed(*ret_status)) return EXCHANGE_STOPPED;
    int64_t sent_us = shard_read_clock(call->shard);
    if (!breaker_admits(&own->breaker, sent_us)) {
        leave(call, db, own);
        *ret_status = dynamodb_unreachable(db);
        return EXCHANGE_UNSENT;
    }
    st = send_request(call, db, own, exchange, ret_answer);
    snprintf(own->problem, sizeof(own->problem), "%s", failed(st) ? st.message : "");
    int64_t now_us = shard_read_clock(call->shard);
    report(call, db, own, st, now_us - sent_us);
    leave(call, db, own);
    if (!failed(st)) {
        *ret_status = st;
        return EXCHANGE_ANSWERED;
    }
    log_debug(call->trace, "dynamodb: a request failed", LOG_STR("store", db->name),
              LOG_STR("operation", exchange->operation), LOG_STR("error", st.message));
    *ret_status = translate(call, db, st);
    store_metrics_request(&db->metrics, now_us - begun_us, outcome_of(*ret_status));
    if (ret_status->reason == ARGOSY__REASON__STORE_REFUSED) return EXCHANGE_STOPPED;
    if (st.reason == ARGOSY__REASON__RESPONSE_TOO_LARGE) return EXCHANGE_STOPPED;
    return ret_answer->sends > 0 ? EXCHANGE_LOST : EXCHANGE_UNSENT;
}
