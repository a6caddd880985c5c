/* SPDX-License-Identifier: Apache-2.0 */
/* Updates a payment to its state at the provider: after a webhook, and in reconciliation, which
 * makes up for lost webhooks.
 *
 * Refunds are compared one by one, by the provider's ids, if it can list them; each difference is a
 * change of its own. Everything else, and the sum of refunds that can't be listed, is one more
 * change, in which the webhook takes effect. */
#include <string.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "services/payment/payment_refunds.h"
#include "services/payment/payment_service.h"

enum { REFUNDS_MAX = 1000 };

struct catch_up {
    struct payment_service *service;
    const struct payment_hint *hint;
    const struct payment_correction *correction; /* NULL: everything but listed refunds */
    bool by_sum;                                 /* refunds can't be listed */
    struct payment_input input;
    int64_t seen_us; /* the updated_us of the payment that was compared */
    bool busy;       /* an operation is in progress, which will find out by itself */
};

static bool is_of(const struct payment *payment, const struct provider_charge *charge)
{
    return !payment->reference[0] || strcmp(payment->reference, charge->reference) == 0;
}

/* May the provider's answer be older than the payment? A change of the payment that lies in the
 * future was made before the clock was set back. */
static bool is_stale(const struct payment *payment, const struct payment_hint *hint)
{
    return payment->updated_us >= hint->asked_us && payment->updated_us <= clock_now_us();
}

static struct status changed_meanwhile(void)
{
    return status_make(STATUS_ABORTED, ARGOSY__REASON__PAYMENT_BUSY,
                       "the payment has just been changed; try again");
}

static void explain_reversal(struct payment_input *input)
{
    input->reason = ARGOSY__REASON__PAYMENT_REFUND_FAILED;
    input->message = "a refund failed after it had succeeded; it may be made again";
}

/* ---- refunds, one by one ---- */

static struct status apply_correction(const struct call *call, struct payment_turn *turn,
                                      void *data)
{
    struct payment *payment = &turn->payment;
    struct catch_up *catch_up = data;
    const struct payment_correction *correction = catch_up->correction;

    if (payment->updated_us != catch_up->seen_us) return changed_meanwhile();
    catch_up->input.amount_minor = correction->amount_minor;
    turn->found = (struct payment_refund){
        .refund_id = correction->refund_id ? correction->refund_id : uuid_new(call->arena),
        .amount_minor = correction->amount_minor,
        .reason = "made at the payment provider",
        .created_us = clock_now_us(),
        .reference = correction->reference,
    };
    turn->is_found = correction->step == PAYMENT_GOT_REFUNDED;
    if (turn->is_found)
        payment->refunding_minor += correction->amount_minor;
    else
        explain_reversal(&catch_up->input);
    return payment_step(call, catch_up->service, correction->step, &catch_up->input, turn);
}

struct status payment_find_correction(struct call *call, struct payment_service *service,
                                      const struct payment *payment,
                                      const struct provider_charge *charge,
                                      struct payment_correction *ret_correction)
{
    struct payment_provider *provider = service->provider;
    struct payment_refunds refunds;
    struct status st;

    *ret_correction = (struct payment_correction){0};
    if (!provider->list_refunds || payment->state != PAYMENT_CAPTURED) return status_ok();
    if (payment->refunding_minor > 0 || !is_of(payment, charge)) return status_ok();
    if (payment->refunded_minor == 0 && charge->refunded_minor == 0) return status_ok();
    st = provider->list_refunds(call, provider, charge, REFUNDS_MAX, &refunds.theirs,
                                &refunds.their_count);
    if (!failed(st))
        st = service->store->list_refunds(call, service->store, payment->payment_id, REFUNDS_MAX,
                                          &refunds.ours, &refunds.our_count);
    if (failed(st)) return st;
    /* There may be more of them. */
    if (refunds.their_count == REFUNDS_MAX || refunds.our_count == REFUNDS_MAX) return status_ok();
    payment_compare_refunds(payment, &refunds, ret_correction);
    return status_ok();
}

/* Corrects one refund after another; the payment is read again for each. */
static struct status correct_refunds(struct call *call, struct payment_service *service,
                                     const struct payment_hint *hint, bool *changed)
{
    struct payment_correction correction;
    struct payment_written written;
    struct payment payment;
    struct status st;

    for (int i = 0; i < REFUNDS_MAX; i++) {
        st = service->store->find_by_order(call, service->store, hint->charge->order_id, &payment);
        if (failed(st)) return st.code == STATUS_NOT_FOUND ? status_ok() : st;
        st = payment_find_correction(call, service, &payment, hint->charge, &correction);
        if (failed(st) || correction.amount_minor == 0) return st;

        struct catch_up *catch_up = arena_new(call->arena, struct catch_up);
        *catch_up = (struct catch_up){.service = service,
                                      .hint = hint,
                                      .correction = &correction,
                                      .seen_us = payment.updated_us};
        const struct payment_change change = {
            .payment_id = payment.payment_id, .apply = apply_correction, .data = catch_up};
        st = payment_change_make(call, service, &change, 0, &written);
        if (failed(st)) return st;
        *changed = true;
    }
    return status_ok();
}

/* ---- everything else ---- */

/* Was a refund made in the provider's own dashboard? */
static bool refunded_elsewhere(const struct payment *payment, const struct provider_charge *charge,
                               int64_t *ret_amount_minor)
{
    int64_t known_minor = payment->refunded_minor + payment->refunding_minor;

    if (payment->state != PAYMENT_CAPTURED || charge->refunded_minor > payment->captured_minor)
        return false;
    *ret_amount_minor = charge->refunded_minor - known_minor;
    return *ret_amount_minor > 0;
}

/* Has a refund failed after it had succeeded, so that the provider has refunded less than we know
 * of? */
static bool failed_later(const struct payment *payment, const struct provider_charge *charge,
                         int64_t *ret_amount_minor)
{
    *ret_amount_minor = payment->refunded_minor - charge->refunded_minor;
    return payment->state == PAYMENT_CAPTURED && *ret_amount_minor > 0;
}

static struct status apply(const struct call *call, struct payment_turn *turn, void *data)
{
    struct payment *payment = &turn->payment;
    struct catch_up *catch_up = data;
    const struct provider_charge *charge = catch_up->hint->charge;
    enum payment_step step;
    int64_t amount_minor;

    if (payment->state == PAYMENT_ABSENT || payment->state == PAYMENT_BURIED) return status_ok();
    catch_up->busy = payment_is_busy(payment) || payment->refunding_minor > 0;
    if (catch_up->busy || !is_of(payment, charge)) return status_ok();
    payment->reference = charge->reference; /* stored only with a change */
    if (catch_up->by_sum && refunded_elsewhere(payment, charge, &amount_minor)) {
        payment->refunding_minor += amount_minor;
        catch_up->input.amount_minor = amount_minor;
        step = PAYMENT_GOT_REFUNDED;
    } else if (catch_up->by_sum && failed_later(payment, charge, &amount_minor)) {
        catch_up->input.amount_minor = amount_minor;
        explain_reversal(&catch_up->input);
        step = PAYMENT_GOT_REFUND_REVERSED;
    } else if (!payment_compare(payment, charge, &step, &catch_up->input)) {
        return status_ok();
    }
    if (is_stale(payment, catch_up->hint)) return changed_meanwhile();
    return payment_step(call, catch_up->service, step, &catch_up->input, turn);
}

struct status payment_catch_up(struct call *call, struct payment_service *service,
                               const struct payment_hint *hint, bool *ret_changed)
{
    struct catch_up *catch_up = arena_new(call->arena, struct catch_up);
    struct payment_written written;
    bool changed = false;
    struct status st;

    st = correct_refunds(call, service, hint, &changed);
    if (failed(st)) return st;
    *catch_up = (struct catch_up){
        .service = service, .hint = hint, .by_sum = !service->provider->list_refunds};
    const struct payment_change change = {.order_id = hint->charge->order_id,
                                          .cause = {.event = hint->event},
                                          .reads_refunds = catch_up->by_sum,
                                          .apply = apply,
                                          .data = catch_up};
    st = payment_change_make(call, service, &change, 0, &written);
    if (failed(st)) return st;
    *ret_changed = changed || (written.applied && written.turn.effects.changed);
    if (!written.applied || !catch_up->busy) return st;
    return payment_hasten(call, service, written.turn.payment.payment_id);
}
