/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of ordering: one order for one state of a cart, and limits of unpaid orders.
 *
 * An order reserves stock from the moment when it is created, and one that is never paid reserves
 * it for nothing. So there is a limit for each customer and, since accounts cost nothing, a higher
 * one for each network address. */
#include <string.h>

#include "base/ip.h"
#include "reasons.pb-c.h"
#include "services/order/order.h"

enum { US_PER_MS = 1000 };

/* ---- one order of a cart ---- */

static bool is_same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool is_same_address(const struct order_address *a, const struct order_address *b)
{
    if (!a || !b) return a == b;
    return is_same_text(a->name, b->name) && is_same_text(a->line1, b->line1) &&
           is_same_text(a->line2, b->line2) && is_same_text(a->city, b->city) &&
           is_same_text(a->postal_code, b->postal_code) && is_same_text(a->region, b->region) &&
           is_same_text(a->country, b->country) && is_same_text(a->phone, b->phone);
}

bool order_is_alike(const struct order *order, const struct order *other)
{
    return is_same_text(order->payment_method, other->payment_method) &&
           is_same_text(order->note, other->note) &&
           is_same_address(order->address, other->address);
}

struct status order_cart_is_ordered(struct arena *arena, const struct order *order)
{
    return status_printf(arena, STATUS_ALREADY_EXISTS, ARGOSY__REASON__CART_ORDERED,
                         "this cart has already been ordered, with other details: it is order %s "
                         "(%s); pay that order with CreatePayment, or cancel it first",
                         order->order_id, order_state_name(order->state));
}

/* ---- which address counts ---- */

const char *order_client_of(struct arena *arena, const char *address)
{
    char party[IP_TEXT_SIZE];
    struct ip ip;

    if (!ip_parse(str_of(address), &ip) || ip_is_loopback(&ip)) return "";
    ip_party(address, party);
    return arena_strdup(arena, party);
}

/* ---- unpaid orders ---- */

struct bound {
    int64_t most, held, wanted;
    const char *what;
};

static struct status over_alone(struct arena *arena, const struct bound *bound)
{
    return status_printf(
        arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__ORDER_TOO_LARGE,
        "an order of %lld %s is too large, as at most %lld may be unpaid at a time; split it into "
        "several orders and pay each before the next",
        (long long)bound->wanted, bound->what, (long long)bound->most);
}

static struct status over(struct arena *arena, const struct bound *bound,
                          const struct order_held *held, const char *whose, int64_t now_us)
{
    struct status_details *details = arena_new(arena, struct status_details);
    struct status st = status_printf(
        arena, STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__ORDER_UNPAID_MAX,
        "%s %lld %s in unpaid orders, and at most %lld may be unpaid at a time; pay or cancel an "
        "order first",
        whose, (long long)bound->held, bound->what, (long long)bound->most);

    details->retry_after_ms = held->until_us > now_us ? (held->until_us - now_us) / US_PER_MS + 1
                                                      : 1;
    st.details = details;
    return st;
}

struct status order_check_held(struct arena *arena, const struct order *order,
                               const struct order_held *held, const struct order_bounds *bounds,
                               const char *whose)
{
    const struct bound all[] = {
        {bounds->orders, held->orders, 1, "orders"},
        {bounds->lines, held->lines, (int64_t)order->line_count, "products"},
        {bounds->pieces, held->pieces, order_pieces(order), "pieces"},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        const struct bound *bound = &all[i];
        if (bound->most == 0 || bound->held + bound->wanted <= bound->most) continue;
        if (bound->wanted > bound->most) return over_alone(arena, bound);
        return over(arena, bound, held, whose, order->created_us);
    }
    return status_ok();
}
