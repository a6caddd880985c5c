/* SPDX-License-Identifier: Apache-2.0 */
/* The changes of the product service, and what a store of any engine writes for each.
 *
 * An adapter reads, calls a function of this header, and writes what that answers in one
 * transaction; it decides nothing itself. The functions have no effect but on what they answer, so
 * they may be called again with what was read again: after a lost race, or with one more handle
 * that is taken. A failed status changes nothing and is the answer. An adapter whose engine does
 * not hold what was read compares it while writing: the version of the product, and of each stock
 * that is written the numbers before. All else may have changed meanwhile, so that a sale and a
 * change of the description don't disturb each other. */
#ifndef SERVICES_PRODUCT_PRODUCT_WRITES_H
#define SERVICES_PRODUCT_PRODUCT_WRITES_H

#include "events/change.h"
#include "fiber/call.h"
#include "services/product/product_reservation.h"

/* ---- changes of one product ---- */

/* A change of a product that was just read. It replaces the variants if it changes one: they are
 * shared with the product as it was. */
struct product_change {
    struct status (*apply)(const struct call *call, struct product *product, void *data);
    void *data;
    const char *created_by; /* the caller, for the ledger */
};

/* A condition on the product as it is now. */
struct product_check {
    struct status (*allow)(const struct call *call, const struct product *product, void *data);
    void *data;
    const char *created_by;
};

/* What causes a change, and the answer to keep for its request. */
struct product_request {
    struct change_cause cause;
    struct str (*answer)(struct arena *arena, const struct product *product); /* pure */
};

/* A change of the stock of one variant; "" names the only one. */
struct product_adjustment {
    const char *variant_id;
    const struct product_stock_change *change;
    const struct product_check *check;
    const struct product_request *request; /* NULL: no idempotency */
};

/* A product from a file, and the result of its import. */
struct product_import {
    struct product product; /* as product_import_draft made it */
    bool dry_run;
    ProductService__ImportProductResult__Outcome outcome; /* set by the store */
    struct status status;                                 /* why it was refused */
};

/* ---- what an adapter writes of one product ---- */

enum product_write_kind {
    PRODUCT_WRITE_NONE, /* nothing but the record */
    PRODUCT_WRITE_NEW,
    PRODUCT_WRITE_EDIT,  /* everything but the id and the handle may differ; the version is next */
    PRODUCT_WRITE_STOCK, /* nothing differs but the stock */
    PRODUCT_WRITE_REMOVAL,
};

/* A variant whose stock differs after the change. */
struct product_stock_write {
    const char *variant_id;
    size_t position;                    /* among the variants, of a removed one those before */
    const struct product_stock *before; /* as read; NULL: there was no such variant */
    const struct product_stock *after;  /* NULL: there is none any more */
    struct product_stock_entry entry;   /* for the ledger; cause "": none */
};

struct product_write {
    enum product_write_kind kind;
    const struct product *before; /* as read; NULL: there was none */
    struct product product;       /* afterwards; a removed one as it was */
    struct product_stock_write *stocks;
    size_t stock_count;
    struct change_record record;
};

/* A new product, with the first of its handles that is free: it is called with `taken` = 0, and
 * with one more each time that write->product.handle turns out to be taken. ALREADY_EXISTS
 * (PRODUCT_EXISTS) if none is left; that is the answer, too, if its id is taken. */
struct status product_decide_insert(const struct call *call, const struct product *product,
                                    const struct product_request *request, size_t taken,
                                    struct product_write *ret_write);

struct status product_decide_update(const struct call *call, const struct product_change *change,
                                    const struct product *product, struct product_write *ret_write);

struct status product_decide_removal(const struct call *call, const struct product_check *check,
                                     const struct product *product,
                                     struct product_write *ret_write);

/* The variant that an adjustment is for, if it is allowed. The adapter then looks whether an entry
 * of this variant has the change's reference already. VARIANT_NOT_FOUND. */
struct status product_adjusted_variant(const struct call *call,
                                       const struct product_adjustment *adjustment,
                                       const struct product *product,
                                       struct product_variant **ret_variant);

/* `is_known`: the reference has been applied before, so the stock stays. */
struct status product_decide_adjustment(const struct call *call,
                                        const struct product_adjustment *adjustment,
                                        const struct product *product, bool is_known,
                                        struct product_write *ret_write);

/* `product` is the one with the import's handle; NULL: there is none. Sets the import's result; a
 * refused one writes nothing. */
void product_decide_import(const struct call *call, struct product_import *import,
                           const struct product *product, struct product_write *ret_write);

/* ---- reservations ----
 *
 * An adapter reads the reservation's state; if product_reservation_step says that the event changes
 * it, the lines that were kept, then a claim for each of the lines that product_order_lines names.
 * It has product_decide_order decide.
 *
 * If its transactions are too small for all lines, it has the event decided in parts, each with the
 * claims of some lines and the same state, after product_claims_fold over all of them. The state
 * and the record are written with the last part. If a part is refused, those before it are given
 * back, last to first: by product_decide_order, with RESERVATION_CANCEL in the state that they led
 * to; then all lines are decided as one again, and are refused unless pieces have come back. */

/* What an adapter has read for an event. */
struct product_order_found {
    enum product_reservation_state state;
    const struct product_claim *claims; /* one for each line, in order */
    size_t count;
};

/* A line as it is after the event. */
struct product_order_line {
    const struct product_claim *claim;  /* the line, and the stock of its variant */
    const struct product_stock *before; /* that stock as it was read */
    bool is_kept;                       /* write the line, whether or not there is one already */
    struct product_stock_entry entry;   /* of the ledger; cause "": the stock has not changed */
};

/* What an adapter writes. */
struct product_order_written {
    struct product_reservation_outcome outcome; /* its state; RESERVATION_NONE: write nothing */
    struct product_order_line *lines;
    size_t line_count;
    struct change_record record;
};

/* The lines that the event moves, without those that it would leave as they are: the kept ones, or
 * if there are none, those of the event. In the arena. */
void product_order_lines(struct arena *arena, const struct product_order *order,
                         enum product_reservation_state state,
                         const struct product_reservation_line *kept, size_t kept_count,
                         struct product_reservation_line **ret_lines, size_t *ret_count);

/* INTERNAL if the stock does not have the pieces that were reserved or sold. */
struct status product_decide_order(const struct call *call, const struct product_order *order,
                                   const struct product_order_found *found,
                                   struct product_order_written *ret_written);

#endif
