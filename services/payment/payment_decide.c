/* SPDX-License-Identifier: Apache-2.0 */
/* Decides what a change of a payment writes, for the store of any engine. */
#include <string.h>

#include "reasons.pb-c.h"
#include "services/payment/payment_store.h"

struct status payment_not_found(void)
{
    return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__PAYMENT_NOT_FOUND,
                       "there is no such payment; an order has one once its stock is reserved");
}

/* ---- refunds ---- */

static void add_refund(struct payment_written *written, const struct payment_refund *refund,
                       const char *status)
{
    struct payment_refund *added = &written->refunds[written->refund_count];

    invariant(written->refund_count++ < PAYMENT_REFUNDS_WRITTEN);
    *added = *refund;
    added->status = status;
}

/* The refund that is carried out by an operation, and has its id. */
static struct payment_refund refund_of(const struct payment_operation *operation)
{
    return (struct payment_refund){
        .refund_id = operation->operation_id,
        .amount_minor = operation->amount_minor,
        .reason = operation->note,
        .created_us = operation->created_us,
        .reference = "",
    };
}

static void end_refund(struct payment_written *written)
{
    const struct payment_turn *turn = &written->turn;
    struct payment_refund refund = refund_of(turn->operation);

    if (turn->refund_reference) refund.reference = turn->refund_reference;
    add_refund(written, &refund, turn->refund_failed ? "failed" : "succeeded");
}

/* A refund has failed after it had succeeded: the one that was found, or else the newest of this
 * amount, from before the provider's ids were stored. */
static void reverse_refund(struct payment_written *written)
{
    const struct payment_turn *turn = &written->turn;

    if (turn->found.refund_id) {
        add_refund(written, &turn->found, "failed");
        return;
    }
    for (size_t i = turn->refund_count; i > 0; i--) {
        const struct payment_refund *refund = &turn->refunds[i - 1];
        if (refund->amount_minor != turn->effects.reversed_minor) continue;
        if (strcmp(refund->status, "succeeded") != 0) continue;
        add_refund(written, refund, "failed");
        return;
    }
}

static void decide_refunds(struct payment_written *written)
{
    const struct payment_turn *turn = &written->turn;

    if (turn->effects.reversed_minor > 0) reverse_refund(written);
    if (turn->is_found) add_refund(written, &turn->found, "succeeded");
    if (turn->ended && turn->operation->kind == PAYMENT_REFUND) end_refund(written);
    if (turn->begun.kind != PAYMENT_REFUND) return;
    const struct payment_refund begun = refund_of(&turn->begun);
    add_refund(written, &begun, "processing");
}

/* ---- the whole ---- */

/* The answer is for the request that causes the change, or for the one that began its operation. */
static struct change_cause cause_of(const struct call *call, const struct payment_change *change,
                                    const struct payment_operation *operation)
{
    struct change_cause cause = change->cause;

    if (cause.request || !operation) return cause;
    cause.request = arena_new(call->arena, struct change_request);
    cause.request->idempotency.scope = operation->scope;
    cause.request->idempotency.key = operation->key;
    return cause;
}

struct status payment_decide_change(const struct call *call, const struct payment_change *change,
                                    struct payment_written *written)
{
    struct payment_turn *turn = &written->turn;

    written->from = turn->payment.state;
    struct status st = change->apply(call, turn, change->data);
    if (failed(st)) return st;
    written->applied = true;
    written->saves = turn->effects.changed;
    if (turn->ended) written->ended = turn->operation->operation_id;
    written->begins = turn->begun.kind != PAYMENT_NO_OPERATION;
    written->cause = cause_of(call, change, turn->operation);
    decide_refunds(written);
    return status_ok();
}
