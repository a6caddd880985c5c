/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics of payments, with their series cached. */
#include "services/payment/payment_metrics.h"

#include <stdatomic.h>
#include <string.h>

#include "observe/metrics.h"

static struct metric transitions = METRIC_COUNTER("argosy_payment_transitions_total",
                                                  "Changes of payments' states.", "from", "to");
static struct metric attempts = METRIC_COUNTER("argosy_payment_attempts_total",
                                               "Calls of the payment provider, by outcome.",
                                               "operation", "outcome");
static struct metric durations = METRIC_DURATION(
    "argosy_payment_attempt_seconds", "Duration of one call of the payment provider.", "operation");
static struct metric money = METRIC_COUNTER("argosy_payment_money_minor_total",
                                            "Money moved, in minor units.", "kind", "currency");
static struct metric waiting = METRIC_GAUGE("argosy_payment_operations",
                                            "Operations that the provider has not answered yet.");

static struct metric webhooks = METRIC_COUNTER(
    "argosy_payment_webhooks_total", "Signed webhooks, by whether they are about our payments.",
    "outcome");

/* Looking up a series takes a lock, so the few of the transitions are cached; two threads that look
 * at the same time find the same one. */
static struct metric_series *transition(enum payment_state from, enum payment_state to)
{
    static _Atomic(struct metric_series *) known[PAYMENT_STATE_COUNT][PAYMENT_STATE_COUNT];
    struct metric_series *series = atomic_load_explicit(&known[from][to], memory_order_acquire);

    if (series) return series;
    series = metric_series(&transitions, payment_state_own_name(from), payment_state_own_name(to));
    atomic_store_explicit(&known[from][to], series, memory_order_release);
    return series;
}

/* Caches the last series, because a thread mostly sees one currency. */
static void count_money(const char *cause, const char *currency, int64_t amount_minor)
{
    static const char *const causes[] = {"authorize", "capture", "release", "void", "refund"};
    static _Thread_local struct {
        char currency[4];
        struct metric_series *series;
    } known[5];

    for (size_t i = 0; i < 5; i++) {
        if (strcmp(causes[i], cause) != 0) continue;
        if (!known[i].series || strcmp(known[i].currency, currency) != 0) {
            known[i].series = metric_series(&money, cause, currency);
            strncpy(known[i].currency, currency, sizeof(known[i].currency) - 1);
        }
        metric_add(known[i].series, (uint64_t)amount_minor);
    }
}

static struct metric_series *waiting_series(void)
{
    static _Atomic(struct metric_series *) known;
    struct metric_series *series = atomic_load_explicit(&known, memory_order_acquire);

    if (series) return series;
    series = metric_series(&waiting);
    atomic_store_explicit(&known, series, memory_order_release);
    return series;
}

void payment_metrics_waiting(int64_t count)
{
    metric_shift(waiting_series(), count);
}

void payment_metrics_webhook(const char *outcome)
{
    metric_add(metric_series(&webhooks, outcome), 1);
}

void payment_metrics_change(const struct payment_written *written)
{
    const struct payment *payment = &written->turn.payment;
    const struct payment_effects *effects = &written->turn.effects;

    if (effects->changed && written->from != payment->state)
        metric_add(transition(written->from, payment->state), 1);
    for (size_t i = 0; i < effects->posting_count; i++)
        count_money(effects->postings[i].cause, payment->currency,
                    effects->postings[i].entries[0].debit_minor);
    int64_t begun = written->begins, ended = written->ended != NULL;
    if (begun != ended) payment_metrics_waiting(begun - ended);
}

void payment_metrics_attempt(enum payment_operation_kind kind, const char *outcome,
                             int64_t duration_us)
{
    static _Thread_local struct metric_series *known_durations[PAYMENT_REFUND + 1];
    static _Thread_local struct {
        const char *outcome;
        struct metric_series *series;
    } known[PAYMENT_REFUND + 1];

    if (!known_durations[kind])
        known_durations[kind] = metric_series(&durations, payment_operation_name(kind));
    if (!known[kind].series || strcmp(known[kind].outcome, outcome) != 0) {
        known[kind].outcome = outcome;
        known[kind].series = metric_series(&attempts, payment_operation_name(kind), outcome);
    }
    metric_observe_us(known_durations[kind], duration_us);
    metric_add(known[kind].series, 1);
}
