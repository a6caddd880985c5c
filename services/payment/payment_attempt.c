/* SPDX-License-Identifier: Apache-2.0 */
/* Calls the provider for an operation, looks up what happened where an answer may have been lost,
 * and draws a conclusion. */
#include "services/payment/payment_attempt.h"

#include <string.h>

#include "base/clock.h"
#include "observe/log.h"
#include "services/payment/payment_metrics.h"

/* After this many unanswered attempts the delay is published; after this many each one is
 * logged. */
enum { TOLD_AFTER = 3, LOUD_AFTER = 6 };

/* Has the provider refused the operation itself? Any other failure (a secret key that it no longer
 * accepts, say) says nothing about an earlier call whose answer may have been lost. */
static bool is_refusal(enum status_code code)
{
    return code == STATUS_INVALID_ARGUMENT || code == STATUS_NOT_FOUND ||
           code == STATUS_FAILED_PRECONDITION;
}

static struct status ask(struct call *call, struct payment_provider *provider,
                         const struct payment_attempt *attempt, struct provider_answer *ret_answer)
{
    const struct payment_operation *operation = &attempt->operation;
    const struct provider_request request = {
        .idempotency_key = operation->operation_id,
        .payment_id = attempt->payment.payment_id,
        .order_id = attempt->payment.order_id,
        .reference = attempt->payment.reference,
        .payment_method = operation->method,
        .amount_minor = operation->amount_minor,
        .currency = attempt->payment.currency,
        .begun_us = operation->created_us,
    };

    switch (operation->kind) {
    case PAYMENT_AUTHORIZE: return provider->authorize(call, provider, &request, ret_answer);
    case PAYMENT_CONFIRM: return provider->confirm(call, provider, &request, ret_answer);
    case PAYMENT_CAPTURE: return provider->capture(call, provider, &request, ret_answer);
    case PAYMENT_VOID: return provider->void_(call, provider, &request, ret_answer);
    case PAYMENT_REFUND: return provider->refund(call, provider, &request, ret_answer);
    case PAYMENT_NO_OPERATION: break;
    }
    return status_make(STATUS_INTERNAL, 0, "an operation of no kind");
}

static void conclude(struct payment_verdict *verdict, enum payment_step step, struct status refusal)
{
    verdict->known = true;
    verdict->step = step;
    verdict->refusal = refusal;
    if (!failed(refusal)) return;
    verdict->input.reason = refusal.reason;
    verdict->input.message = refusal.message;
}

/* Concludes from the provider's record of the payment; no verdict if it says nothing new. */
static void conclude_from(struct call *call, struct payment_attempt *attempt,
                          const struct provider_charge *charge)
{
    struct payment_verdict *verdict = &attempt->verdict;
    enum payment_step step;

    if (!payment_compare(&attempt->payment, charge, &step, &verdict->input)) return;
    verdict->reference = charge->reference;
    verdict->client_secret = charge->client_secret;
    bool bad = step == PAYMENT_GOT_FAILED ||
               (step == PAYMENT_GOT_VOIDED && attempt->operation.kind != PAYMENT_VOID) ||
               (step == PAYMENT_GOT_CAPTURED && attempt->operation.kind != PAYMENT_CAPTURE);
    conclude(verdict, step,
             bad ? status_printf(call->arena, STATUS_FAILED_PRECONDITION,
                                 step == PAYMENT_GOT_CAPTURED ? ARGOSY__REASON__PAYMENT_STATE
                                                              : verdict->input.reason,
                                 "at the provider the payment is %s", charge->status)
                 : status_ok());
}

/* Looks the payment up by the provider's own id. */
static void look_up(struct call *call, struct payment_attempt *attempt)
{
    struct payment_provider *provider = attempt->service->provider;
    struct provider_charge charge;

    if (!attempt->payment.reference[0]) return;
    if (failed(provider->find(call, provider, attempt->payment.reference, &charge))) return;
    conclude_from(call, attempt, &charge);
}

/* For an authorization that is no longer wanted: looks up whether any earlier call got through.
 * Those calls have ended, and the provider keeps to their deadlines. */
static void look_up_by_key(struct call *call, struct payment_attempt *attempt)
{
    struct payment_provider *provider = attempt->service->provider;
    struct provider_charge charge;
    struct status st;

    if (attempt->operation.kind != PAYMENT_AUTHORIZE || !provider->find_by_key) return;
    if (!(attempt->payment.wishes & PAYMENT_WISH_UNDO) || attempt->operation.attempts == 0) return;
    st = provider->find_by_key(call, provider, attempt->operation.operation_id, &charge);
    if (!failed(st)) {
        conclude_from(call, attempt, &charge);
    } else if (st.code == STATUS_NOT_FOUND) {
        conclude(&attempt->verdict, PAYMENT_GOT_FAILED,
                 status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__PAYMENT_PROVIDER_DOWN,
                             "the payment provider could not be reached; nothing was charged"));
    }
}

static void conclude_refusal(struct call *call, struct payment_attempt *attempt, struct status st)
{
    const struct payment_operation *operation = &attempt->operation;
    struct payment_verdict *verdict = &attempt->verdict;

    switch (operation->kind) {
    case PAYMENT_REFUND:
        verdict->input.amount_minor = operation->amount_minor;
        conclude(verdict, PAYMENT_GOT_REFUND_REFUSED, st);
        return;
    case PAYMENT_AUTHORIZE:
        /* A client may repeat the request with better values; an order can't. */
        conclude(verdict, operation->scope[0] ? PAYMENT_GOT_REFUSED : PAYMENT_GOT_FAILED, st);
        return;
    default:
        look_up(call, attempt);
        if (!verdict->known) conclude(verdict, PAYMENT_GOT_REFUSED, st);
    }
}

static void conclude_decline(struct call *call, struct payment_attempt *attempt,
                             const struct provider_answer *answer)
{
    const char *message = answer->message[0] ? answer->message
                                             : "the provider has declined the payment";
    struct status st = status_printf(call->arena, STATUS_FAILED_PRECONDITION,
                                     ARGOSY__REASON__PAYMENT_DECLINED, "%s", message);

    if (attempt->operation.kind == PAYMENT_AUTHORIZE || attempt->operation.kind == PAYMENT_CONFIRM)
        conclude(&attempt->verdict, PAYMENT_GOT_FAILED, st);
    else
        conclude_refusal(call, attempt, st);
}

/* The possible answers to an operation. */
static const struct {
    enum payment_operation_kind kind;
    enum provider_outcome outcome;
    enum payment_step step;
} answers[] = {
    {PAYMENT_AUTHORIZE, PROVIDER_AUTHORIZED, PAYMENT_GOT_AUTHORIZED},
    {PAYMENT_AUTHORIZE, PROVIDER_REQUIRES_ACTION, PAYMENT_GOT_ACTION},
    {PAYMENT_CONFIRM, PROVIDER_AUTHORIZED, PAYMENT_GOT_AUTHORIZED},
    {PAYMENT_CONFIRM, PROVIDER_REQUIRES_ACTION, PAYMENT_GOT_ACTION},
    {PAYMENT_CAPTURE, PROVIDER_CAPTURED, PAYMENT_GOT_CAPTURED},
    {PAYMENT_VOID, PROVIDER_VOIDED, PAYMENT_GOT_VOIDED},
    {PAYMENT_REFUND, PROVIDER_REFUNDED, PAYMENT_GOT_REFUNDED},
};

static void conclude_answer(struct call *call, struct payment_attempt *attempt,
                            const struct provider_answer *answer)
{
    struct payment_verdict *verdict = &attempt->verdict;

    verdict->reference = answer->reference;
    verdict->client_secret = answer->client_secret;
    verdict->refund = answer->refund;
    verdict->input.amount_minor = attempt->operation.amount_minor;
    if (answer->outcome == PROVIDER_DECLINED) {
        conclude_decline(call, attempt, answer);
        return;
    }
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (answers[i].kind != attempt->operation.kind || answers[i].outcome != answer->outcome)
            continue;
        conclude(verdict, answers[i].step, status_ok());
        return;
    }
    /* It is still being processed, or the payment has changed at the provider meanwhile. */
    if (answer->outcome != PROVIDER_PROCESSING) look_up(call, attempt);
    verdict->processing = !verdict->known;
}

/* The provider can't be reached, is busy or fails on its side: that is no answer. The delay is
 * published once, and logged for operators on each later attempt. */
static void note_delay(struct call *call, struct payment_attempt *attempt, const char *error)
{
    const struct payment_operation *operation = &attempt->operation;
    struct payment_verdict *verdict = &attempt->verdict;
    int attempts = operation->attempts + 1;

    if (attempts >= LOUD_AFTER)
        log_warn(call->trace, "payment: the provider does not answer; retrying",
                 LOG_STR("operation", payment_operation_name(operation->kind)),
                 LOG_STR("payment", attempt->payment.payment_id), LOG_INT("attempts", attempts),
                 LOG_STR("error", error));
    if (attempts != TOLD_AFTER) return;
    verdict->delayed = true;
    verdict->step = PAYMENT_DELAYED;
    verdict->input.reason = ARGOSY__REASON__PAYMENT_PROVIDER_DOWN;
    verdict->input.message = "the payment provider does not answer; the payment is retried";
}

void payment_attempt_make(struct call *call, struct payment_attempt *attempt)
{
    struct payment_service *service = attempt->service;
    struct payment_verdict *verdict = &attempt->verdict;
    struct provider_answer answer;
    int64_t begun_us = clock_monotonic_us();
    struct call inner;
    struct status st;

    /* PAYMENT_PROVIDER was changed, and another provider does not know this payment. */
    if (strcmp(attempt->payment.provider, service->provider->name) != 0) {
        log_warn(call->trace,
                 "payment: an operation needs another provider; set PAYMENT_PROVIDER back to it",
                 LOG_STR("payment", attempt->payment.payment_id),
                 LOG_STR("provider", attempt->payment.provider));
        note_delay(call, attempt, "another provider is configured");
        return;
    }
    call_init_child(&inner, call, service->policy.provider_timeout_ms);
    look_up_by_key(&inner, attempt);
    if (!verdict->known && attempt->operation.processing) look_up(&inner, attempt);
    if (verdict->known) return;

    st = ask(&inner, service->provider, attempt, &answer);
    if (!failed(st))
        conclude_answer(&inner, attempt, &answer);
    else if (is_refusal(st.code))
        conclude_refusal(&inner, attempt, st);
    if (failed(st) && !verdict->known) note_delay(call, attempt, st.message);
    payment_metrics_attempt(attempt->operation.kind,
                            !verdict->known            ? "unknown"
                            : failed(verdict->refusal) ? "refused"
                                                       : "answered",
                            clock_monotonic_us() - begun_us);
    if (failed(st) &&
        (verdict->known ? st.code != STATUS_INVALID_ARGUMENT : st.code == STATUS_INTERNAL))
        log_warn(call->trace, "payment: the provider refused an operation",
                 LOG_STR("operation", payment_operation_name(attempt->operation.kind)),
                 LOG_STR("payment", attempt->payment.payment_id), LOG_STR("error", st.message));
}
