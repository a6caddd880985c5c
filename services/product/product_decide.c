/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from an event of an order: the stock of its lines, the ledger's entries, the
 * reservation's new state, and the event that tells of it; for the store of any engine. */
#include "services/product/product_result.h"
#include "services/product/product_writes.h"

static bool takes(enum product_stock_move_kind kind)
{
    return kind == STOCK_RESERVE || kind == STOCK_TAKE;
}

void product_order_lines(struct arena *arena, const struct product_order *order,
                         enum product_reservation_state state,
                         const struct product_reservation_line *kept, size_t kept_count,
                         struct product_reservation_line **ret_lines, size_t *ret_count)
{
    enum product_stock_move_kind kind = product_reservation_step(state, order->event).move;
    const struct product_reservation_line *lines = kept_count > 0 ? kept : order->lines;
    size_t max = kept_count > 0 ? kept_count : order->line_count, count = 0;

    *ret_lines = arena_array(arena, struct product_reservation_line, max);
    for (size_t i = 0; i < max && kind != STOCK_STAY; i++)
        if (takes(kind) || lines[i].counted) (*ret_lines)[count++] = lines[i];
    *ret_count = count;
}

static struct status move_lines(struct arena *arena, const struct product_stock_move *move,
                                const struct product_order_found *found,
                                struct product_claim *claims, struct product_order_written *written)
{
    struct status st;

    written->lines = arena_array(arena, struct product_order_line, found->count);
    for (size_t i = 0; i < found->count; i++) {
        struct product_claim *claim = &claims[i];
        struct product_order_line *line = &written->lines[written->line_count];
        if (claim->line.quantity == 0) continue;
        st = product_stock_move(arena, move, &claim->line, &claim->stock, &line->entry);
        if (failed(st)) return st;
        line->claim = claim;
        line->before = &found->claims[i].stock;
        line->is_kept = takes(move->kind);
        written->line_count++;
    }
    return status_ok();
}

static void tell(const struct call *call, struct product_order_written *written)
{
    if (!product_result_is_due(&written->outcome)) return;
    product_result_make(call, &written->outcome, &written->record.events[0]);
    written->record.event_count = 1;
}

struct status product_decide_order(const struct call *call, const struct product_order *order,
                                   const struct product_order_found *found,
                                   struct product_order_written *ret_written)
{
    struct product_reservation_step step = product_reservation_step(found->state, order->event);
    struct product_stock_move move = {step.move, order->order_id, order->now_us};
    struct product_order_written written = {.outcome = {.order_id = order->order_id}};
    struct product_reservation_outcome *outcome = &written.outcome;
    struct product_claim *claims = arena_memdup(call->arena, found->claims,
                                                found->count * sizeof(*claims));

    if (takes(step.move)) {
        product_claims_fold(claims, found->count);
        product_claims_check(call->arena, step.move, claims, found->count, &outcome->refused,
                             &outcome->refused_count);
    }
    if (outcome->refused_count == 0) {
        struct status st = move_lines(call->arena, &move, found, claims, &written);
        if (failed(st)) return st;
    }
    outcome->state = outcome->refused_count > 0 ? step.otherwise : step.next;
    tell(call, &written);
    *ret_written = written;
    return status_ok();
}
