/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the events on order-results. */
#include "services/product/product_result.h"

#include "events.pb-c.h"
#include "reasons.pb-c.h"

bool product_result_is_due(const struct product_reservation_outcome *outcome)
{
    return outcome->state == RESERVATION_OPEN || outcome->state == RESERVATION_REFUSED ||
           outcome->state == RESERVATION_EXPIRED || outcome->state == RESERVATION_COMMITTED;
}

static char *reason_name(int reason)
{
    return (char *)protobuf_c_enum_descriptor_get_value(&argosy__reason__descriptor, reason)->name;
}

static Events__RefusedItem *refused_item(struct arena *arena, const struct product_refusal *refusal)
{
    Events__RefusedItem *item = arena_alloc(arena, sizeof(*item));
    const struct product_claim *claim = refusal->claim;

    events__refused_item__init(item);
    item->product_id = (char *)claim->line.product_id;
    item->variant_id = (char *)claim->line.variant_id;
    item->quantity = claim->line.quantity < INT32_MAX ? (int32_t)claim->line.quantity : INT32_MAX;
    item->reason = reason_name(refusal->reason);
    if (refusal->reason == ARGOSY__REASON__STOCK_INSUFFICIENT)
        item->available = product_stock_available(&claim->stock);
    return item;
}

static void refuse(struct arena *arena, const struct product_reservation_outcome *outcome,
                   Events__OrderValidationResultEvent *result)
{
    size_t count = outcome->refused_count;

    invariant(count > 0);
    result->reason = reason_name(outcome->refused[0].reason);
    result->error_message = (char *)product_refusals_text(arena, outcome->refused, count);
    result->refused = arena_array(arena, Events__RefusedItem *, count);
    for (size_t i = 0; i < count; i++)
        if (outcome->refused[i].claim)
            result->refused[result->n_refused++] = refused_item(arena, &outcome->refused[i]);
}

void product_result_make(const struct call *call, const struct product_reservation_outcome *outcome,
                         struct event *ret_event)
{
    Events__OrderValidationResultEvent result = EVENTS__ORDER_VALIDATION_RESULT_EVENT__INIT;
    Events__ReservationExpiredEvent expired = EVENTS__RESERVATION_EXPIRED_EVENT__INIT;
    Events__StockCommittedEvent committed = EVENTS__STOCK_COMMITTED_EVENT__INIT;

    invariant(product_result_is_due(outcome));
    if (outcome->state == RESERVATION_COMMITTED) {
        committed.order_id = (char *)outcome->order_id;
        event_make(call, PRODUCT_RESULTS_TOPIC, outcome->order_id, &committed.base, ret_event);
        return;
    }
    if (outcome->state == RESERVATION_EXPIRED) {
        expired.order_id = (char *)outcome->order_id;
        event_make(call, PRODUCT_RESULTS_TOPIC, outcome->order_id, &expired.base, ret_event);
        return;
    }
    result.order_id = (char *)outcome->order_id;
    result.is_valid = outcome->state == RESERVATION_OPEN;
    if (!result.is_valid) refuse(call->arena, outcome, &result);
    event_make(call, PRODUCT_RESULTS_TOPIC, outcome->order_id, &result.base, ret_event);
}
