/* SPDX-License-Identifier: Apache-2.0 */
/* Applies a change to an order and makes its events and answer, for the store of any engine. */
#include <string.h>

#include "reasons.pb-c.h"
#include "services/order/order_message.h"
#include "services/order/order_store.h"

struct status order_not_found(void)
{
    return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__ORDER_NOT_FOUND,
                       "there is no such order; ListOrders lists yours");
}

struct status order_page_position(struct str position, int64_t *ret_before)
{
    int64_t before = INT64_MAX;

    if (position.length != 0 && position.length != sizeof(before))
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__PAGE_CURSOR_INVALID,
                           "the cursor does not belong to this list; begin again without one");
    if (position.length != 0) memcpy(&before, position.data, sizeof(before));
    *ret_before = before;
    return status_ok();
}

enum order_state order_state_of(int64_t stored)
{
    return stored > ORDER_NONE && stored < ORDER_STATE_COUNT ? (enum order_state)stored
                                                             : ORDER_NONE;
}

int order_first_step(const struct order_written *written)
{
    return written->order.steps - written->turn.move_count + 1;
}

static void tell(const struct call *call, struct order_written *written)
{
    const struct order *order = &written->order;

    for (int i = 0; i < written->turn.move_count; i++) {
        const ProtobufCMessage *notice = order_notice(call->arena, order, &written->turn,
                                                      written->turn.moves[i].tells);
        if (notice) change_tell(call, &written->record, ORDER_TOPIC, order->order_id, notice);
    }
}

/* ---- a new one ---- */

static struct status check_held(struct arena *arena, const struct order_creation *creation,
                                const struct order_creation_found *found)
{
    const struct order *order = creation->order;

    if (!creation->bounds) return status_ok();
    struct status st = order_check_held(arena, order, &found->of_customer,
                                        &creation->bounds->of_customer, "you have");
    if (failed(st) || !order->client[0]) return st;
    return order_check_held(arena, order, &found->of_client, &creation->bounds->of_client,
                            "your network address has");
}

static struct status make(const struct call *call, const struct order_creation *creation,
                          const struct order_creation_found *found, struct order_written *written)
{
    if (creation->is_made)
        return status_make(STATUS_ABORTED, ARGOSY__REASON__CART_CONTENDED,
                           "the earlier order of this cart has just ended; order again");
    struct status st = check_held(call->arena, creation, found);
    if (failed(st)) return st;
    written->order = *creation->order;
    written->order.number = found->number;
    written->turn = *creation->turn;
    tell(call, written);
    return status_ok();
}

/* Answers the earlier order of the same state of the cart, or refuses the new one. */
static struct status find_again(const struct call *call, const struct order_creation *creation,
                                const struct order *earlier, struct order_written *written)
{
    if (!order_is_alike(creation->order, earlier))
        return order_cart_is_ordered(call->arena, earlier);
    written->order = *earlier;
    written->before = earlier->state;
    written->is_earlier = true;
    return status_ok();
}

struct status order_decide_creation(const struct call *call, const struct order_creation *creation,
                                    const struct order_creation_found *found,
                                    struct order_written *ret_written)
{
    struct status st;

    *ret_written = (struct order_written){.before = ORDER_NONE};
    st = found->earlier ? find_again(call, creation, found->earlier, ret_written)
                        : make(call, creation, found, ret_written);
    if (failed(st) || !change_wants_answer(&creation->cause)) return st;
    ret_written->record.answer = creation->answer(call->arena, ret_written);
    return status_ok();
}

/* ---- changing one ---- */

/* The history after the turn; `before` has as many entries as the order had steps. */
static void add_history(struct arena *arena, const struct order_transition *before, int steps,
                        struct order_written *written)
{
    size_t count = (size_t)steps, moves = (size_t)written->turn.move_count;
    struct order_transition *all = arena_array(arena, struct order_transition, count + moves);

    if (count > 0) memcpy(all, before, count * sizeof(*all));
    for (size_t i = 0; i < moves; i++) all[count + i] = written->turn.moves[i].transition;
    written->history = all;
    written->history_count = count + moves;
}

struct status order_decide_change(const struct call *call, const struct order_change *change,
                                  const struct order *order, const struct order_transition *history,
                                  struct order_written *ret_written)
{
    struct status st;

    *ret_written = (struct order_written){.order = *order, .before = order->state};
    st = change->apply(call, ret_written, change->data);
    if (failed(st)) return st;
    tell(call, ret_written);
    if (change->answer) add_history(call->arena, history, order->steps, ret_written);
    if (change_wants_answer(&change->cause))
        ret_written->record.answer = change->answer(call->arena, ret_written);
    return status_ok();
}
