/* SPDX-License-Identifier: Apache-2.0 */
/* Applies a change to a cart, for the store of any engine. */
#include "services/cart/cart_store.h"

/* Must the cart be stored? An unchanged cart is stored for its owner's request, which renews its
 * time to live, but not for an event. A new cart is stored only if something was added. */
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
        if (cart->owner_version == 0) cart->owner_version = cart->version;
        cart->version++;
        if (!change->cause.event) cart->owner_version = cart->version;
        cart->updated_us = now_us;
    }
    write->record = (struct change_record){0};
    if (change_wants_answer(&change->cause)) write->record.answer = change->answer(call, cart);
    return status_ok();
}
