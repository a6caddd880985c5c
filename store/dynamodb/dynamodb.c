/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's calls: each sends its request, and again as long as that is safe and may help. */
#include "store/dynamodb/dynamodb.h"

#include <stdlib.h>

#include "base/encode.h"
#include "base/random.h"
#include "observe/log.h"
#include "reasons.pb-c.h"
#include "store/dynamodb/database.h"
#include "store/dynamodb/dynamodb_fate.h"

enum {
    SENDS_MAX = 3,    /* of a request whose answers are lost */
    TIMEOUTS_MAX = 5, /* a call ends after so many of the URL's timeouts */
    PAUSE_MIN_US = 10 * 1000,
    PAUSE_MAX_US = 1000 * 1000,
    TOKEN_BYTES = 16,
};

static const struct dynamodb_value missing;

/* ---- what a request may do ---- */

struct operation {
    const char *name;
    bool has_token; /* repeating it with its token has no further effect */
};

/* Those whose answers say what they have consumed. */
static const struct operation operations[] = {
    {"GetItem", false},        {"Query", false},
    {"UpdateItem", false},     {"PutItem", false},
    {"DeleteItem", false},     {"TransactWriteItems", true},
    {"BatchGetItem", false},   {"TransactGetItems", false},
    {"BatchWriteItem", false}, {"Scan", false},
};

/* A request, and how far it has come. */
struct run {
    struct exchange exchange;
    bool changes;
    bool has_token, has_condition;
    int lost;         /* sends that may have taken effect, and whose answers did not come */
    bool renewed;     /* other credentials have been asked for */
    int64_t pause_us; /* the next is that long at most */
    struct https_answer answer;
    const struct dynamodb_value *body;
};

static const struct operation *find_operation(const char *name)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        if (strcmp(operations[i].name, name) == 0) return &operations[i];
    return 0;
}

/* Does the request itself have this member? */
static bool has_member(struct str request, const char *name)
{
    struct json_reader reader;

    json_reader_init(&reader, request, JSON_DEPTH_MAX);
    if (json_next(&reader) != JSON_OBJECT) return false;
    while (json_next(&reader) == JSON_KEY) {
        if (str_is(reader.raw, name)) return true;
        if (!json_skip(&reader, json_next(&reader))) return false;
    }
    return false;
}

static struct str with_extras(struct arena *arena, const struct operation *operation,
                              struct str request)
{
    uint8_t token[TOKEN_BYTES];

    if (!operation) return request;
    struct str extras = STR("{\"ReturnConsumedCapacity\":\"TOTAL\"}");
    if (operation->has_token) {
        random_bytes(token, sizeof(token));
        extras = dynamodb_json(arena, "{ReturnConsumedCapacity: 'TOTAL', ClientRequestToken: %T}",
                               hex_encode(arena, str_sized(token, sizeof(token))));
    }
    return dynamodb_join(arena, request, extras);
}

static struct status prepare(struct call *call, const struct dynamodb *db, const char *name,
                             struct str request, bool changes, struct run *run)
{
    const struct operation *operation = find_operation(name);

    *run = (struct run){
        .exchange = {name, with_extras(call->arena, operation, request)},
        .changes = changes,
        .has_token = operation && operation->has_token,
        .has_condition = changes && has_member(request, "ConditionExpression"),
        .pause_us = PAUSE_MIN_US,
        .body = &missing,
    };
    if (run->exchange.body.length <= DYNAMODB_REQUEST_SIZE_MAX) return status_ok();
    return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__STORE_FULL, db->full);
}

/* ---- lost answers, for tests ---- */

static _Atomic int fate_countdown;
static _Atomic enum dynamodb_fate fate_due;

void dynamodb_set_fate(enum dynamodb_fate fate, int nth)
{
    fate_due = fate;
    fate_countdown = nth;
}

static enum dynamodb_fate next_fate(void)
{
    if (fate_countdown == 0) return DYNAMODB_FATE_ANSWERED;
    return atomic_fetch_sub(&fate_countdown, 1) == 1 ? fate_due : DYNAMODB_FATE_ANSWERED;
}

/* ---- one answer ---- */

/* An answer that can't be read may be one of another server. */
static struct status read_success(struct call *call, struct dynamodb *db, struct run *run)
{
    const struct dynamodb_value *body = dynamodb_parse(call->arena, run->answer.body);

    if (!body) {
        log_warn(call->trace, "dynamodb: an answer is no JSON, or has too many values",
                 LOG_STR("store", db->name), LOG_STR("operation", run->exchange.operation));
        return run->changes ? dynamodb_outcome_unknown(db)
                            : status_printf(call->arena, STATUS_INTERNAL, 0,
                                            "%s: an answer of DynamoDB cannot be read", db->name);
    }
    run->body = body;
    capacity_count(&dynamodb_own_of(call, db)->capacity, db->name,
                   run->changes ? CAPACITY_WRITE : CAPACITY_READ, body);
    return status_ok();
}

static struct status read_answer(struct call *call, struct dynamodb *db, struct run *run,
                                 struct fault *ret_fault)
{
    if (run->answer.status == 200) return read_success(call, db, run);
    fault_read(call->arena, run->answer.status, run->answer.body, ret_fault);
    log_debug(call->trace, "dynamodb: a request was refused", LOG_STR("store", db->name),
              LOG_STR("operation", run->exchange.operation), LOG_STR("name", ret_fault->name),
              LOG_STR("message", ret_fault->message));
    if (ret_fault->kind == FAULT_CONDITION) run->body = ret_fault->body;
    return dynamodb_translate(call, db, ret_fault, &run->answer, run->exchange.body);
}

static enum store_outcome outcome_of(struct status st, const struct fault *fault)
{
    if (st.reason == ARGOSY__REASON__STORE_REFUSED) return STORE_REFUSED;
    if (fault->kind == FAULT_SERVER && failed(st)) return STORE_UNKNOWN;
    return store_outcome_of(st);
}

/* ---- again? ---- */

static bool may_repeat_lost(const struct run *run)
{
    return run->lost < SENDS_MAX && (!run->changes || run->has_token || run->has_condition);
}

/* Waits for a time of any length up to one that doubles; false if the call would end meanwhile. */
static bool pause_run(struct call *call, struct run *run)
{
    int64_t pause_us = (int64_t)random_below((uint64_t)run->pause_us) + 1;

    if (pause_us >= call_remaining_us(call)) return false;
    run->pause_us = run->pause_us * 2 < PAUSE_MAX_US ? run->pause_us * 2 : PAUSE_MAX_US;
    return !failed(fiber_sleep(call, pause_us));
}

/* What a refusal means after an earlier request of this run was lost: it may have been that one
 * which met the condition. */
static struct status after_loss(const struct dynamodb *db, const struct run *run, struct status st)
{
    if (!failed(st) || run->lost == 0 || !run->changes) return st;
    if (st.code == STATUS_ABORTED && run->has_token) return st;
    return dynamodb_outcome_unknown(db);
}

/* Sends it once. True if it should be sent again; *ret_status is what the caller is told
 * otherwise. */
static bool send_once(struct call *call, struct dynamodb *db, struct run *run,
                      struct status *ret_status)
{
    int64_t begun_us = shard_read_clock(call->shard);
    struct fault fault = {.kind = FAULT_OURS};

    enum exchange_end end = dynamodb_exchange(call, db, &run->exchange, &run->answer, ret_status);
    if (end == EXCHANGE_STOPPED && run->answer.sends > 0) run->lost++; /* too large an answer */
    if (end == EXCHANGE_STOPPED || end == EXCHANGE_UNSENT) return false;
    if (end == EXCHANGE_ANSWERED) {
        *ret_status = read_answer(call, db, run, &fault);
        store_metrics_request(&db->metrics, shard_read_clock(call->shard) - begun_us,
                              outcome_of(*ret_status, &fault));
        if (!failed(*ret_status)) return false;
    }
    if (end == EXCHANGE_LOST || fault.kind == FAULT_SERVER) {
        run->lost++;
        return may_repeat_lost(run);
    }
    if (fault.kind == FAULT_EXPIRED && !run->renewed) {
        const struct dynamodb_own *own = dynamodb_own_of(call, db);
        run->renewed = true;
        return credentials_refused(call, db->credentials, own->key_id);
    }
    return fault.kind == FAULT_CONFLICT || fault.kind == FAULT_THROTTLED;
}

static struct status send_all(struct call *call, struct dynamodb *db, struct run *run)
{
    struct status st;
    struct call limited;

    call_init_child(&limited, call, TIMEOUTS_MAX * db->url.timeout_ms);
    while (send_once(&limited, db, run, &st) && pause_run(&limited, run)) {
    }
    if (failed(call_check(call)) && failed(st) && st.code != STATUS_ABORTED)
        return call_check(call);
    if (st.code == STATUS_DEADLINE_EXCEEDED) st = dynamodb_unreachable(db); /* our own limit */
    return after_loss(db, run, st);
}

static struct status lose_answer(struct call *call, struct dynamodb *db, struct run *run,
                                 enum dynamodb_fate fate)
{
    struct status st = fate == DYNAMODB_FATE_MADE ? send_all(call, db, run) : status_ok();

    run->body = &missing;
    return failed(st) && st.code != STATUS_ABORTED ? st : dynamodb_outcome_unknown(db);
}

/* ---- requests ---- */

struct status dynamodb_read(struct call *call, struct dynamodb *db, const char *operation,
                            struct str request, const struct dynamodb_value **ret_answer)
{
    struct run run;

    struct status st = prepare(call, db, operation, request, false, &run);
    if (!failed(st)) st = send_all(call, db, &run);
    if (!failed(st)) *ret_answer = run.body;
    return st;
}

struct status dynamodb_write(struct call *call, struct dynamodb *db, const char *operation,
                             struct str request, const struct dynamodb_value **ret_answer)
{
    enum dynamodb_fate fate = next_fate();
    struct run run;

    *ret_answer = &missing;
    struct status st = prepare(call, db, operation, request, true, &run);
    if (failed(st)) return st;
    st = fate == DYNAMODB_FATE_ANSWERED ? send_all(call, db, &run)
                                        : lose_answer(call, db, &run, fate);
    *ret_answer = run.body;
    return st;
}

bool dynamodb_refused(const struct dynamodb_value *answer, size_t nth,
                      const struct dynamodb_value **ret_item)
{
    const struct dynamodb_value *reasons = dynamodb_member(answer, "CancellationReasons");

    if (dynamodb_is_missing(reasons)) { /* a single change */
        *ret_item = dynamodb_member(answer, "Item");
        return nth == 0;
    }
    const struct dynamodb_value *reason = dynamodb_element(reasons, nth);
    *ret_item = dynamodb_member(reason, "Item");
    const struct dynamodb_value *code = dynamodb_member(reason, "Code");
    return code->kind == JSON_STRING && str_is(code->text, "ConditionalCheckFailed");
}
