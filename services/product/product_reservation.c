/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a reservation's states, the checks of an order's lines, and the moves of stock. */
#include "services/product/product_reservation.h"

#include "reasons.pb-c.h"

/* ---- the reservation of an order ---- */

const char *product_reservation_state_name(enum product_reservation_state state)
{
    static const char *const names[RESERVATION_STATES] = {
        [RESERVATION_NONE] = "none",           [RESERVATION_OPEN] = "reserved",
        [RESERVATION_COMMITTED] = "committed", [RESERVATION_CANCELLED] = "cancelled",
        [RESERVATION_RESTOCKED] = "restocked", [RESERVATION_EXPIRED] = "expired",
        [RESERVATION_REFUSED] = "refused",
    };

    return names[state];
}

#define STEP(state, event) [RESERVATION_##state][RESERVATION_##event]
#define TO(next, move)                                     \
    {                                                      \
        RESERVATION_##next, STOCK_##move, RESERVATION_NONE \
    }
#define TO_OR(next, move, otherwise)                              \
    {                                                             \
        RESERVATION_##next, STOCK_##move, RESERVATION_##otherwise \
    }

/* An order is confirmed only after its stock was reserved. If the reservation is unknown or has
 * expired, the pieces are taken now, because the customer has paid. A cancelled order never
 * revives. */
static const struct product_reservation_step steps[RESERVATION_STATES][RESERVATION_EVENTS] = {
    STEP(NONE, RESERVE) = TO_OR(OPEN, RESERVE, REFUSED),
    STEP(NONE, COMMIT) = TO_OR(COMMITTED, TAKE, EXPIRED),
    STEP(NONE, CANCEL) = TO(CANCELLED, STAY),

    STEP(OPEN, COMMIT) = TO(COMMITTED, SELL),
    STEP(OPEN, CANCEL) = TO(CANCELLED, RELEASE),
    STEP(OPEN, EXPIRE) = TO(EXPIRED, EXPIRE),

    STEP(COMMITTED, CANCEL) = TO(RESTOCKED, RESTOCK),

    STEP(EXPIRED, COMMIT) = TO_OR(COMMITTED, TAKE, EXPIRED),
    STEP(EXPIRED, CANCEL) = TO(CANCELLED, STAY),

    STEP(REFUSED, COMMIT) = TO_OR(COMMITTED, TAKE, EXPIRED),
    STEP(REFUSED, CANCEL) = TO(CANCELLED, STAY),
};

struct product_reservation_step product_reservation_step(enum product_reservation_state state,
                                                         enum product_reservation_event event)
{
    invariant((size_t)state < RESERVATION_STATES && (size_t)event < RESERVATION_EVENTS);
    return steps[state][event];
}

/* ---- claims ---- */

static bool same_variant(const struct product_reservation_line *a,
                         const struct product_reservation_line *b)
{
    return strcmp(a->product_id, b->product_id) == 0 && strcmp(a->variant_id, b->variant_id) == 0;
}

void product_claims_fold(struct product_claim *claims, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct product_reservation_line *line = &claims[i].line;
        for (size_t j = i + 1; j < count && line->quantity > 0; j++) {
            struct product_reservation_line *later = &claims[j].line;
            if (later->quantity == 0 || !same_variant(line, later)) continue;
            line->quantity += later->quantity;
            later->quantity = 0;
        }
    }
}

static int reason_of(enum product_stock_move_kind move, const struct product_claim *claim)
{
    const struct product_stock *stock = &claim->stock;

    if (!claim->product_exists) return ARGOSY__REASON__PRODUCT_NOT_FOUND;
    if (move == STOCK_RESERVE && claim->status != PRODUCT_ACTIVE)
        return ARGOSY__REASON__PRODUCT_NOT_ACTIVE;
    if (claim->variant_count != 1) return ARGOSY__REASON__VARIANT_NOT_FOUND;
    if (stock->tracked && product_stock_available(stock) < claim->line.quantity)
        return ARGOSY__REASON__STOCK_INSUFFICIENT;
    return 0;
}

void product_claims_check(struct arena *arena, enum product_stock_move_kind move,
                          const struct product_claim *claims, size_t count,
                          struct product_refusal **ret_refused, size_t *ret_count)
{
    struct product_refusal *refused = arena_array(arena, struct product_refusal, count + 1);
    size_t refused_count = 0;

    if (count == 0)
        refused[refused_count++] = (struct product_refusal){0, ARGOSY__REASON__INVALID_FIELDS};
    for (size_t i = 0; i < count; i++) {
        int reason = claims[i].line.quantity > 0 ? reason_of(move, &claims[i]) : 0;
        if (reason) refused[refused_count++] = (struct product_refusal){&claims[i], reason};
    }
    *ret_refused = refused;
    *ret_count = refused_count;
}

static const char *refusal_text(struct arena *arena, const struct product_refusal *refusal)
{
    const struct product_claim *claim = refusal->claim;

    if (!claim) return "the order has no lines";
    const char *product_id = claim->line.product_id;
    switch (refusal->reason) {
    case ARGOSY__REASON__PRODUCT_NOT_FOUND:
        return arena_printf(arena, "there is no product %s", product_id);
    case ARGOSY__REASON__PRODUCT_NOT_ACTIVE:
        return arena_printf(arena, "%s (%s) is not for sale at present", claim->name, product_id);
    case ARGOSY__REASON__VARIANT_NOT_FOUND:
        if (claim->variant_count > 1)
            return arena_printf(arena, "%s (%s) has several variants, so name one", claim->name,
                                product_id);
        return arena_printf(arena, "%s (%s) has no variant %s", claim->name, product_id,
                            claim->line.variant_id);
    default:
        return arena_printf(arena, "of %s (variant %s) %lld are ordered and %lld are available",
                            claim->name, claim->line.variant_id, (long long)claim->line.quantity,
                            (long long)product_stock_available(&claim->stock));
    }
}

const char *product_refusals_text(struct arena *arena, const struct product_refusal *refused,
                                  size_t count)
{
    enum { NAMED_MAX = 5 };
    size_t named = count < NAMED_MAX ? count : NAMED_MAX;
    const char *text = "";

    for (size_t i = 0; i < named; i++)
        text = arena_printf(arena, "%s%s%s", text, i > 0 ? "; " : "",
                            refusal_text(arena, &refused[i]));
    if (count > named) text = arena_printf(arena, "%s; and %zu more", text, count - named);
    return text;
}

/* ---- the stock of a line ---- */

static const char *cause_of(enum product_stock_move_kind kind)
{
    static const char *const causes[] = {
        [STOCK_STAY] = "",
        [STOCK_RESERVE] = "reserved",
        [STOCK_TAKE] = "sold",
        [STOCK_SELL] = "sold",
        [STOCK_RELEASE] = "released",
        [STOCK_EXPIRE] = "expired",
        [STOCK_RESTOCK] = "restocked",
    };

    return causes[kind];
}

static struct product_stock moved(enum product_stock_move_kind kind,
                                  const struct product_reservation_line *line,
                                  const struct product_stock *stock)
{
    struct product_stock after = *stock;
    int64_t quantity = line->quantity;

    switch (kind) {
    case STOCK_STAY: break;
    case STOCK_RESERVE: after.reserved += quantity; break;
    case STOCK_RELEASE:
    case STOCK_EXPIRE: after.reserved -= quantity; break;
    case STOCK_SELL: after.reserved -= quantity; [[fallthrough]];
    case STOCK_TAKE:
        after.on_hand -= quantity;
        after.sold += quantity;
        break;
    case STOCK_RESTOCK:
        after.on_hand += quantity;
        /* Pieces sold before tracking began again count as newly received. */
        if (line->epoch == stock->epoch)
            after.sold -= quantity;
        else
            after.received += quantity;
        break;
    }
    return after;
}

/* Does the stock count these pieces? Only for sold pieces may tracking have ended since. */
static bool touches(enum product_stock_move_kind kind, const struct product_reservation_line *line,
                    const struct product_stock *stock)
{
    if (kind == STOCK_STAY || !line->counted) return false;
    return stock->tracked || kind != STOCK_RESTOCK;
}

struct status product_stock_move(struct arena *arena, const struct product_stock_move *move,
                                 struct product_reservation_line *line, struct product_stock *stock,
                                 struct product_stock_entry *ret_entry)
{
    struct product_reservation_line after_line = *line;
    struct product_stock after;

    if (move->kind == STOCK_RESERVE || move->kind == STOCK_TAKE) {
        after_line.counted = stock->tracked;
        after_line.epoch = stock->epoch;
    }
    bool touched = touches(move->kind, &after_line, stock);
    after = touched ? moved(move->kind, &after_line, stock) : *stock;
    if (touched && (!stock->tracked || !product_stock_is_sound(&after)))
        return status_printf(arena, STATUS_INTERNAL, 0,
                             "order %s: %lld pieces of variant %s can't be %s: %lld are on hand,"
                             " %lld reserved, %lld sold",
                             move->order_id, (long long)line->quantity, line->variant_id,
                             cause_of(move->kind), (long long)stock->on_hand,
                             (long long)stock->reserved, (long long)stock->sold);

    const char *cause = touched ? cause_of(move->kind) : "";
    *ret_entry = (struct product_stock_entry){
        .variant_id = line->variant_id,
        .cause = cause,
        .on_hand_delta = after.on_hand - stock->on_hand,
        .reserved_delta = after.reserved - stock->reserved,
        .reference = touched ? arena_printf(arena, PRODUCT_ORDER_REFERENCE "%s:%s", move->order_id,
                                            cause)
                             : "",
        .created_by = "order",
        .created_us = move->now_us,
    };
    *line = after_line;
    *stock = after;
    return status_ok();
}
