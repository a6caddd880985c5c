/* SPDX-License-Identifier: Apache-2.0 */
/* What a change does to a cart, whichever engine keeps it. */
#include "services/cart/cart_store.h"

/* A cart that stays as it is lives anew when its owner has looked after it, but not by an event. One
 * that was never kept does not become one by a change that puts nothing in. */
static bool is_kept(const struct cart_change *change, const struct cart *cart)
{
    return cart->changed || (cart->version > 0 && !change->cause.event);
}

struct status cart_decide(const struct call *call, const struct cart_change *change, int64_t now_us,
                          struct cart_write *write)
{
    struct cart *cart = &write->cart;

    struct status st = change->apply(call, cart, change->data);
    if (failed(st)) return st;
    write->keeps = is_kept(change, cart);
    if (cart->changed) {
        cart->version++;
        cart->updated_us = now_us;
    }
    write->record = (struct change_record){0};
    if (change_wants_answer(&change->cause)) write->record.answer = change->answer(call, cart);
    return status_ok();
}
