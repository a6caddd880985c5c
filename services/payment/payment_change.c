/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of payments: takes a step, writes its effects, counts them, and starts the operation that
 * begins. */
#include <string.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "services/payment/payment_metrics.h"
#include "services/payment/payment_service.h"

enum { US_PER_MS = 1000 };
/* How long after the provider's timeout another attempt may begin. */
#define LEASE_SLACK_US (5 * INT64_C(1000000))

int64_t payment_lease_us(const struct payment_service *service)
{
    return service->policy.provider_timeout_ms * US_PER_MS + LEASE_SLACK_US;
}

struct status payment_hasten(struct call *call, struct payment_service *service,
                             const char *payment_id)
{
    int64_t now_us = clock_now_us();

    return service->store->hasten(call, service->store, payment_id, now_us,
                                  now_us + payment_lease_us(service));
}

static void fill_begun(const struct call *call, const struct payment_service *service,
                       int64_t now_us, struct payment_turn *turn)
{
    const struct payment_effects *effects = &turn->effects;
    int64_t delay_us = effects->operation.delay_us;

    turn->begun = (struct payment_operation){
        .operation_id = uuid_new(call->arena),
        .payment_id = turn->payment.payment_id,
        .kind = effects->operation.kind,
        .amount_minor = effects->operation.amount_minor,
        .method = "",
        .note = "",
        .next_us = now_us + (delay_us ? delay_us : payment_lease_us(service)),
        .leased = delay_us == 0,
        .created_us = now_us,
        .scope = "",
        .key = "",
    };
}

struct status payment_step(const struct call *call, const struct payment_service *service,
                           enum payment_step step, struct payment_input *input,
                           struct payment_turn *turn)
{
    struct payment_effects *effects = &turn->effects;
    struct status st;

    input->now_us = clock_now_us();
    input->expires_us = input->now_us + service->policy.authorization_ttl_us;
    input->failures_max = service->policy.failures_max;
    input->payer_failures_max = service->policy.payer_failures_max;
    input->payer_failures = turn->of_payer.count;
    input->payer_first_us = turn->of_payer.first_us;
    input->payer_within_us = service->policy.payer_failures_within_us;
    if (!input->message) input->message = "";
    st = payment_take(call->arena, &turn->payment, step, input, effects);
    if (failed(st)) return st;

    if (effects->operation.kind != PAYMENT_NO_OPERATION)
        fill_begun(call, service, input->now_us, turn);
    for (size_t i = 0; i < effects->news_count; i++)
        payment_events_make(call, &turn->payment, effects->news[i], effects,
                            &turn->record.events[i]);
    turn->record.event_count = effects->news_count;
    return status_ok();
}

struct status payment_change_make(struct call *call, struct payment_service *service,
                                  const struct payment_change *change,
                                  struct payment_waiter *waiter,
                                  struct payment_written *ret_written)
{
    const struct payment_turn *turn = &ret_written->turn;

    struct status st = service->store->update(call, service->store, change, ret_written);
    if (failed(st) || !ret_written->applied) return st;
    payment_metrics_change(ret_written);
    if (ret_written->saves || ret_written->ended)
        payment_waits_tell(service->waits, call, &turn->payment);
    /* A refused operation has to wait; the sweeper starts it. */
    if (ret_written->begins && !turn->effects.operation.delay_us)
        payment_worker_start(service->worker, call, turn->begun.operation_id, waiter);
    return status_ok();
}

/* ---- how often a customer may try ---- */

void payment_count_payer(const struct payment_service *service, const char *payer,
                         struct payment_change *change)
{
    change->payer = payer;
    change->failures_after_us = clock_now_us() - service->policy.payer_failures_within_us;
}

/* ---- what the provider says ---- */

bool payment_compare(const struct payment *payment, const struct provider_charge *charge,
                     enum payment_step *ret_step, struct payment_input *input)
{
    static const struct {
        enum payment_state ours;
        const char *theirs;
        enum payment_step step;
    } differences[] = {
        {PAYMENT_NEW, "authorized", PAYMENT_GOT_AUTHORIZED},
        {PAYMENT_AUTHORIZING, "authorized", PAYMENT_GOT_AUTHORIZED},
        {PAYMENT_AUTHORIZING, "requires_action", PAYMENT_GOT_ACTION},
        {PAYMENT_AUTHORIZING, "declined", PAYMENT_GOT_FAILED},
        {PAYMENT_AUTHORIZING, "voided", PAYMENT_GOT_FAILED},
        {PAYMENT_ACTION, "authorized", PAYMENT_GOT_AUTHORIZED},
        {PAYMENT_ACTION, "declined", PAYMENT_GOT_FAILED},
        {PAYMENT_ACTION, "voided", PAYMENT_GOT_VOIDED},
        {PAYMENT_CONFIRMING, "authorized", PAYMENT_GOT_AUTHORIZED},
        {PAYMENT_CONFIRMING, "declined", PAYMENT_GOT_FAILED},
        {PAYMENT_CONFIRMING, "voided", PAYMENT_GOT_VOIDED},
        {PAYMENT_AUTHORIZED, "captured", PAYMENT_GOT_CAPTURED},
        {PAYMENT_AUTHORIZED, "voided", PAYMENT_GOT_VOIDED},
        {PAYMENT_CAPTURING, "captured", PAYMENT_GOT_CAPTURED},
        {PAYMENT_CAPTURING, "voided", PAYMENT_GOT_VOIDED},
        {PAYMENT_VOIDING, "voided", PAYMENT_GOT_VOIDED},
        {PAYMENT_VOIDING, "declined", PAYMENT_GOT_FAILED},
        {PAYMENT_VOIDING, "captured", PAYMENT_GOT_CAPTURED},
        {PAYMENT_CANCELED, "authorized", PAYMENT_GOT_AUTHORIZED},
    };

    for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
        if (differences[i].ours != payment->state) continue;
        if (strcmp(differences[i].theirs, charge->status) != 0) continue;
        /* More than we requested: people must look into it, with argosy payments reconcile. */
        if (charge->captured_minor > payment->authorized_minor) return false;
        *ret_step = differences[i].step;
        input->amount_minor = charge->captured_minor;
        bool declined = strcmp(charge->status, "declined") == 0;
        input->reason = declined ? ARGOSY__REASON__PAYMENT_DECLINED
                                 : ARGOSY__REASON__PAYMENT_EXPIRED;
        input->message = declined ? "the payment was declined"
                                  : "the provider has ended the authorization";
        return true;
    }
    return false;
}
