/* SPDX-License-Identifier: Apache-2.0 */
/* The runs of operations on each shard, their queue and their back-off; and the sweeper, which
 * finds due operations and expired authorizations. */
#include "services/payment/payment_worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/uuid.h"
#include "observe/log.h"
#include "rpc/rpc_status.h"
#include "services/payment/payment_attempt.h"
#include "services/payment/payment_metrics.h"
#include "services/payment/payment_reply.h"

enum {
    RUNNING_MAX = 1024, /* fibers of one shard that call the provider */
    QUEUE_MAX = 4096,   /* operations of one shard that wait for such a fiber */
    SWEEP_MAX = 1024,   /* operations or payments that one sweep starts */
};
#define BACKOFF_FIRST_US (100 * INT64_C(1000))
#define BACKOFF_MAX_US (60 * INT64_C(1000000))
#define BACKOFF_WAITED_FOR_MAX_US (5 * INT64_C(1000000)) /* while a customer waits */
#define SWEEP_EVERY_US (200 * INT64_C(1000))
#define SWEEP_FAILED_PAUSE_US (1000 * INT64_C(1000))
#define EXPIRE_EVERY_US (5 * INT64_C(1000000))
#define CLOCK_SET_BACK_US (2 * INT64_C(1000000)) /* by less it only waits so much longer */

/* One operation that this shard runs. */
struct payment_run {
    char operation_id[UUID_TEXT_SIZE];
    struct payment_worker *worker;
    struct payment_waiter *waiter; /* NULL: nobody waits */
    struct payment_run *next;      /* in the queue */
};

struct worker_shard {
    size_t running, queued;
    struct payment_run *first, *last;
};

struct payment_worker {
    struct payment_service *service;
    struct shards *shards;
    struct worker_shard of_shard[SHARDS_MAX];
    int next_shard; /* where the sweeper starts the next operation */
};

struct payment_worker *payment_worker_new(struct arena *arena, struct shards *shards,
                                          struct payment_service *service)
{
    struct payment_worker *worker = arena_new(arena, struct payment_worker);

    worker->service = service;
    worker->shards = shards;
    return worker;
}

/* ---- what follows ---- */

/* Makes the answer to the request, if the operation has one. */
static void answer_request(const struct call *call, struct payment_attempt *attempt,
                           struct payment_turn *turn)
{
    PaymentService__StandardResponse response = PAYMENT_SERVICE__STANDARD_RESPONSE__INIT;

    if (!attempt->answered) return;
    payment_reply_operation(call->arena, &turn->payment, &attempt->operation,
                            attempt->verdict.refusal, &response);
    if (failed(attempt->verdict.refusal) && response.payment) {
        response.payment->reason = (char *)rpc_reason_name(attempt->verdict.refusal.reason);
        response.payment->message = (char *)attempt->verdict.refusal.message;
    }
    attempt->answer = idempotency_answer(call->arena, &response.base);
    turn->record.answer = attempt->answer;
    turn->record.forget = attempt->verdict.step == PAYMENT_GOT_REFUSED;
}

/* Would the payment wait for an operation that no longer exists? */
static bool is_stranded(const struct payment_turn *turn)
{
    return turn->operation->kind != PAYMENT_REFUND && payment_is_busy(&turn->payment) &&
           turn->begun.kind == PAYMENT_NO_OPERATION;
}

static struct status apply(const struct call *call, struct payment_turn *turn, void *data)
{
    struct payment_attempt *attempt = data;
    struct payment *payment = &turn->payment;
    struct payment_verdict *verdict = &attempt->verdict;
    struct status st;

    if (verdict->reference && verdict->reference[0]) payment->reference = verdict->reference;
    if (verdict->client_secret && verdict->client_secret[0])
        payment->client_secret = verdict->client_secret; /* the step clears it unless needed */
    st = payment_step(call, attempt->service, verdict->step, &verdict->input, turn);
    if (failed(st) || verdict->delayed) return st;
    if (is_stranded(turn))
        return status_printf(call->arena, STATUS_INTERNAL, 0,
                             "the provider's answer does not fit a payment that is %s",
                             payment_state_own_name(payment->state));
    turn->ended = true;
    turn->refund_failed = verdict->step == PAYMENT_GOT_REFUND_REFUSED;
    turn->refund_reference = verdict->refund;
    answer_request(call, attempt, turn);
    return status_ok();
}

/* Applies the provider's answer to the payment. */
static struct status settle(struct call *call, struct payment_attempt *attempt)
{
    struct payment_service *service = attempt->service;
    const struct payment_change change = {
        .operation_id = attempt->operation.operation_id, .apply = apply, .data = attempt};
    struct payment_written written;

    return payment_change_make(call, service, &change, 0, &written);
}

/* Doubles with each attempt, and varies by a quarter, so that operations which failed together are
 * not retried together. */
static int64_t backoff_us(const struct payment_operation *operation)
{
    bool waited_for = operation->kind == PAYMENT_AUTHORIZE || operation->kind == PAYMENT_CONFIRM;
    int64_t max_us = waited_for ? BACKOFF_WAITED_FOR_MAX_US : BACKOFF_MAX_US;
    int64_t pause_us = BACKOFF_FIRST_US;

    for (int i = 1; i < operation->attempts && pause_us < max_us; i++) pause_us *= 2;
    if (pause_us > max_us) pause_us = max_us;
    return pause_us - (int64_t)random_below((uint64_t)pause_us / 4);
}

/* Postpones the operation: to this fiber while somebody waits (*ret_here), else to the sweeper. */
static struct status postpone(struct call *call, const struct payment_run *run,
                              struct payment_attempt *attempt, bool *ret_here)
{
    struct payment_service *service = attempt->service;
    struct payment_operation *operation = &attempt->operation;
    int64_t pause_us;
    struct status st;

    operation->attempts++;
    pause_us = backoff_us(operation);
    *ret_here = run->waiter != 0;
    operation->processing = attempt->verdict.processing;
    operation->leased = *ret_here;
    operation->next_us = clock_now_us() + pause_us + (*ret_here ? payment_lease_us(service) : 0);
    st = service->store->postpone(call, service->store, operation,
                                  attempt->verdict.reference ? attempt->verdict.reference : "");
    if (failed(st) || !*ret_here) return st;
    return fiber_sleep(call, pause_us);
}

/* Makes one attempt. *ret_again: this fiber must make another. */
static struct status try_once(struct call *call, struct payment_run *run, bool *ret_again)
{
    struct payment_store *store = run->worker->service->store;
    struct payment_attempt *attempt = arena_new(call->arena, struct payment_attempt);
    struct status st;

    *ret_again = false;
    attempt->service = run->worker->service;
    st = store->find_operation(call, store, run->operation_id, &attempt->operation,
                               &attempt->payment);
    if (st.code == STATUS_NOT_FOUND) return status_ok();
    if (failed(st)) return st;
    attempt->answered = run->waiter || attempt->operation.key[0];

    payment_attempt_make(call, attempt);
    if (attempt->verdict.known || attempt->verdict.delayed) {
        st = settle(call, attempt);
        if (failed(st)) return st;
    }
    if (!attempt->verdict.known) return postpone(call, run, attempt, ret_again);
    if (run->waiter && attempt->answer.data)
        run->waiter->answer = str_sized(str_dup(run->waiter->arena, attempt->answer),
                                        attempt->answer.length);
    return status_ok();
}

static void carry_out(struct call *call, struct payment_run *run)
{
    struct status st;
    bool again = true;

    while (again) {
        st = try_once(call, run, &again);
        if (!failed(st)) continue;
        /* It stays in the store, and the sweeper finds it when its lease has expired. */
        if (!call_is_cancelled(call))
            log_warn(call->trace, "payment: an operation failed and will be retried",
                     LOG_STR("operation", run->operation_id), LOG_STR("error", st.message));
        return;
    }
}

/* ---- fibers ---- */

static void run_free(struct shard *shard, struct payment_run *run)
{
    if (run->waiter) {
        run->waiter->run = 0;
        run->waiter->done = true;
        fiber_wake(shard, &run->waiter->wait);
    }
    free(run);
}

static struct payment_run *take_queued(struct worker_shard *of_shard)
{
    struct payment_run *run = of_shard->first;

    if (!run) return 0;
    of_shard->first = run->next;
    if (!of_shard->first) of_shard->last = 0;
    of_shard->queued--;
    return run;
}

static void run_fiber(struct call *call, void *data)
{
    struct payment_run *run = data;
    struct worker_shard *of_shard = &run->worker->of_shard[call->shard->index];

    for (; run; run = take_queued(of_shard)) {
        call->patient = !run->waiter;
        if (!call_is_cancelled(call)) carry_out(call, run);
        run_free(call->shard, run);
        arena_reset(call->arena);
    }
    of_shard->running--;
}

/* Starts the run, which it takes. */
static void start_run(struct shard *shard, const struct trace *trace, struct payment_run *run)
{
    struct worker_shard *of_shard = &run->worker->of_shard[shard->index];

    if (of_shard->running < RUNNING_MAX) {
        of_shard->running++;
        if (!failed(fiber_start(shard, trace, run_fiber, run))) return;
        of_shard->running--;
    } else if (of_shard->queued < QUEUE_MAX) {
        run->next = 0;
        if (of_shard->last)
            of_shard->last->next = run;
        else
            of_shard->first = run;
        of_shard->last = run;
        of_shard->queued++;
        return;
    }
    /* Too many operations run and wait here. The sweeper starts this one when its lease has
     * expired, and the waiting request is answered 202 at once. */
    run_free(shard, run);
}

static struct payment_run *run_new(struct payment_worker *worker, const char *operation_id)
{
    struct payment_run *run = calloc(1, sizeof(*run));

    invariant(run != 0 && strlen(operation_id) < sizeof(run->operation_id));
    memcpy(run->operation_id, operation_id, strlen(operation_id) + 1);
    run->worker = worker;
    return run;
}

void payment_worker_start(struct payment_worker *worker, struct call *call,
                          const char *operation_id, struct payment_waiter *waiter)
{
    struct payment_run *run = run_new(worker, operation_id);

    run->waiter = waiter;
    if (waiter) waiter->run = run;
    start_run(call->shard, call->trace, run);
}

struct status payment_worker_wait(struct call *call, struct payment_waiter *waiter,
                                  int64_t timeout_ms)
{
    struct status st = status_ok();
    struct call inner;

    call_init_child(&inner, call, timeout_ms);
    while (!waiter->done && !failed(st)) st = fiber_suspend(&inner, &waiter->wait);
    if (waiter->run) waiter->run->waiter = 0;
    waiter->run = 0;
    return waiter->done ? status_ok() : st;
}

/* ---- the sweeper ---- */

static void start_here(struct shard *shard, void *data)
{
    start_run(shard, 0, data);
}

/* Starts the operations that are due, on the shards in turn. */
static struct status start_due(struct call *call, struct payment_worker *worker)
{
    struct payment_store *store = worker->service->store;
    int64_t now_us = clock_now_us();
    const char **ids;
    size_t count = 0;

    struct status st = store->claim(call, store, now_us, now_us + payment_lease_us(worker->service),
                                    SWEEP_MAX, &ids, &count);
    if (failed(st)) return st;
    for (size_t i = 0; i < count; i++) {
        struct shard *shard = shards_at(worker->shards, worker->next_shard);
        worker->next_shard = (worker->next_shard + 1) % shards_count(worker->shards);
        shard_post(shard, start_here, run_new(worker, ids[i]));
    }
    return status_ok();
}

struct expiry {
    struct payment_service *service;
    struct payment_input input;
};

static struct status apply_expiry(const struct call *call, struct payment_turn *turn, void *data)
{
    struct expiry *expiry = data;

    if (turn->payment.expires_us > clock_now_us()) return status_ok();
    return payment_step(call, expiry->service, PAYMENT_EXPIRED, &expiry->input, turn);
}

static struct status void_expired(struct call *call, struct payment_worker *worker)
{
    struct payment_store *store = worker->service->store;
    const char **ids;
    size_t count = 0;

    struct status st = store->expired(call, store, clock_now_us(), SWEEP_MAX, &ids, &count);
    for (size_t i = 0; i < count && !failed(st); i++) {
        struct expiry *expiry = arena_new(call->arena, struct expiry);
        struct payment_written written;
        expiry->service = worker->service;
        expiry->input.reason = ARGOSY__REASON__PAYMENT_EXPIRED;
        expiry->input.message = "the authorization has expired";
        const struct payment_change change = {
            .payment_id = ids[i], .apply = apply_expiry, .data = expiry};
        st = payment_change_make(call, worker->service, &change, 0, &written);
    }
    return st;
}

static struct status take_over(struct call *call, struct payment_worker *worker)
{
    struct payment_store *store = worker->service->store;
    int64_t count = 0;
    struct status st;

    st = store->count_operations(call, store, &count);
    if (failed(st) || count == 0) return st;
    payment_metrics_waiting(count);
    return store->take_over ? store->take_over(call, store, clock_now_us()) : status_ok();
}

/* An operation waits until a time of the wall's clock, which outlives the process. When that clock
 * was set back, what should have waited for seconds would wait for hours. */
static struct status heed_clock(struct call *call, struct payment_worker *worker,
                                int64_t *offset_us)
{
    int64_t before_us = *offset_us;

    *offset_us = clock_now_us() - clock_monotonic_us();
    if (*offset_us > before_us - CLOCK_SET_BACK_US) return status_ok();
    log_warn(call->trace, "payment: the clock was set back; all operations are tried now",
             LOG_INT("seconds", (before_us - *offset_us) / 1000000));
    return payment_hasten(call, worker->service, 0);
}

static void sweep_fiber(struct call *call, void *data)
{
    struct payment_worker *worker = data;
    int64_t expire_us = 0, offset_us = clock_now_us() - clock_monotonic_us();
    struct status st = status_ok();
    bool has_begun = false;

    for (;;) {
        if (!has_begun) st = take_over(call, worker);
        has_begun |= !failed(st);
        if (!failed(st)) st = heed_clock(call, worker, &offset_us);
        if (!failed(st)) st = start_due(call, worker);
        if (!failed(st) && clock_monotonic_us() >= expire_us) {
            st = void_expired(call, worker);
            expire_us = clock_monotonic_us() + EXPIRE_EVERY_US;
        }
        if (call_is_cancelled(call)) return;
        if (failed(st))
            log_warn(call->trace, "payment: a sweep failed; the next one tries again",
                     LOG_STR("error", st.message));
        int64_t pause_us = failed(st) ? SWEEP_FAILED_PAUSE_US : SWEEP_EVERY_US;
        arena_reset(call->arena);
        st = fiber_sleep(call, pause_us);
        if (failed(st)) return;
    }
}

void payment_worker_sweep(struct payment_worker *worker)
{
    fiber_post(shards_at(worker->shards, 0), sweep_fiber, 0, worker);
}
