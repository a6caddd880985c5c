/* SPDX-License-Identifier: Apache-2.0 */
/* Reservations of stock by orders, as plain values. No I/O, nothing suspends.
 *
 * An order's reservation is made once and resolved once, all of its lines together:
 *
 *     (none) --reserve--> open --commit--> committed --cancel--> restocked
 *        |                  +---cancel--> cancelled
 *        |                  +---expire--> expired --commit--> committed, if there is enough again
 *        +--reserve, but something is missing--> refused
 *
 * product_reservation_step has this diagram as a table, including repeated, late and disordered
 * events. What a store writes for an event follows from the step and from each line's claim:
 * product_decide_order, in product_writes.h.
 *
 * A line is counted if its variant was tracked when its pieces were taken. An uncounted line never
 * changes the stock, even if its variant is tracked later. While pieces are reserved, a variant
 * can't be untracked or removed; once they are sold it can, and then a cancelled order restocks
 * only variants that still exist. */
#ifndef SERVICES_PRODUCT_PRODUCT_RESERVATION_H
#define SERVICES_PRODUCT_PRODUCT_RESERVATION_H

#include "services/product/product.h"

/* ---- the reservation of an order ---- */

/* Stored, so the numbers must not change. */
enum product_reservation_state {
    RESERVATION_NONE = 0,
    RESERVATION_OPEN = 1,
    RESERVATION_COMMITTED = 2,
    RESERVATION_CANCELLED = 3, /* released, or never made; nothing may be reserved afterwards */
    RESERVATION_RESTOCKED = 4, /* cancelled after it was committed */
    RESERVATION_EXPIRED = 5,
    RESERVATION_REFUSED = 6,
};
enum { RESERVATION_STATES = RESERVATION_REFUSED + 1 };

/* "reserved", "committed", "cancelled" and so on; "none". */
const char *product_reservation_state_name(enum product_reservation_state state);

enum product_reservation_event {
    RESERVATION_RESERVE, /* the order was created */
    RESERVATION_COMMIT,  /* confirmed */
    RESERVATION_CANCEL,
    RESERVATION_EXPIRE, /* the order was not confirmed in time */
};
enum { RESERVATION_EVENTS = RESERVATION_EXPIRE + 1 };

/* How the stock of each line changes. */
enum product_stock_move_kind {
    STOCK_STAY,
    STOCK_RESERVE, /* reserved += quantity, if so many are available */
    STOCK_TAKE,    /* sold += quantity, on_hand -= quantity, if so many are available */
    STOCK_SELL,    /* the same for reserved pieces: also reserved -= quantity */
    STOCK_RELEASE, /* reserved -= quantity */
    STOCK_EXPIRE,  /* the same, after the time has passed */
    STOCK_RESTOCK, /* on_hand += quantity, sold -= quantity */
};

struct product_reservation_step {
    enum product_reservation_state next; /* RESERVATION_NONE: the event changes nothing */
    enum product_stock_move_kind move;
    enum product_reservation_state otherwise; /* the next state if a line is refused */
};

/* The step that an event causes in this state. */
struct product_reservation_step product_reservation_step(enum product_reservation_state state,
                                                         enum product_reservation_event event);

struct product_reservation_line {
    const char *product_id;
    const char *category;   /* where the product probably is; "": unknown */
    const char *variant_id; /* as ordered, "" names the product's only one; as kept, never "" */
    int64_t quantity;       /* at least 1 */
    bool counted;           /* its pieces are in the variant's numbers ... */
    int64_t epoch;          /* ... of this epoch */
};

/* A change of an order's reservation. */
struct product_order {
    enum product_reservation_event event;
    const char *order_id;
    const struct product_reservation_line *lines; /* of RESERVE and COMMIT */
    size_t line_count;
    int64_t expires_us; /* of RESERVE: when it ends unless it is committed before */
    int64_t now_us;
};

/* ---- claims: an order's lines with their products and stock ---- */

struct product_claim {
    struct product_reservation_line line;
    bool product_exists;
    const char *name; /* of the product; "" if there is none */
    enum product_status status;
    size_t variant_count;       /* variants that match the line: 0, 1, or 2 for several */
    struct product_stock stock; /* of the only one */
};

/* Merges lines on the same variant: the first gets their sum, the others the quantity 0, and no
 * longer count. */
void product_claims_fold(struct product_claim *claims, size_t count);

struct product_refusal {
    const struct product_claim *claim;
    int reason; /* argosy.Reason */
};

/* Finds the claims that can't be met. STOCK_RESERVE requires products that are for sale; STOCK_TAKE
 * is for orders that were accepted before, and requires only the pieces. An order without lines is
 * refused as a whole: then the one refusal has no claim. */
void product_claims_check(struct arena *arena, enum product_stock_move_kind move,
                          const struct product_claim *claims, size_t count,
                          struct product_refusal **ret_refused, size_t *ret_count);

/* One sentence for people. */
const char *product_refusals_text(struct arena *arena, const struct product_refusal *refused,
                                  size_t count);

/* ---- the stock of a line ---- */

struct product_stock_move {
    enum product_stock_move_kind kind;
    const char *order_id;
    int64_t now_us;
};

/* Moves a line's pieces and fills in the ledger's entry, whose cause is "" if the stock does not
 * change. RESERVE and TAKE note in the line whether it is counted. INTERNAL, without a change, if
 * the stock does not have the line's pieces. */
struct status product_stock_move(struct arena *arena, const struct product_stock_move *move,
                                 struct product_reservation_line *line, struct product_stock *stock,
                                 struct product_stock_entry *ret_entry);

/* The references of orders' entries, and no others, begin with this. */
#define PRODUCT_ORDER_REFERENCE "order:"

/* ---- the outcome ---- */

struct product_reservation_outcome {
    const char *order_id;
    enum product_reservation_state state; /* the new state; RESERVATION_NONE: nothing was changed */
    struct product_refusal *refused;
    size_t refused_count;
};

#endif
