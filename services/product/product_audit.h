/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the stock figures with the ledger and the reservations. Plain values, no I/O.
 *
 * A store goes through the products. Of each it adds what it reads at one moment to a sheet, in any
 * order except that the stock comes before the lines of orders, and then compares:
 *
 *     product_audit_begin(&sheet, product_id);
 *     product_audit_add_stock(arena, &sheet, variant_id, &stock);          each variant's
 *     product_audit_add_entry(arena, &sheet, variant_id, on_hand, reserved);
 *     product_audit_add_line(arena, &sheet, variant_id, &line, state);
 *     product_audit_compare(&sheet, max, &audit); */
#ifndef SERVICES_PRODUCT_PRODUCT_AUDIT_H
#define SERVICES_PRODUCT_PRODUCT_AUDIT_H

#include "services/product/product_reservation.h"

/* A variant's figures, and what they must be. All figures of a deleted variant are 0. */
struct product_stock_sums {
    const char *product_id;
    const char *variant_id;
    bool is_there; /* the variant exists */
    struct product_stock stock;
    int64_t entries_on_hand, entries_reserved; /* the sums of the ledger */
    int64_t open;                              /* pieces of open reservations */
    int64_t committed; /* pieces of committed ones of this epoch, which are not restocked */
};

struct product_stock_difference {
    const char *product_id;
    const char *variant_id;
    const char *number;  /* "on_hand" */
    const char *against; /* what it was compared with: "the ledger's entries" */
    int64_t recorded, expected;
};

struct product_audit {
    int64_t variant_count; /* checked */
    int64_t difference_count;
    struct product_stock_difference *differences; /* the first of them */
    size_t named_count;
    const char *next; /* the `after` of the next page; NULL: there is none */
};

/* Differences that one variant can have. */
enum { PRODUCT_STOCK_DIFFERENCES_MAX = 5 };

/* How many there are. */
size_t product_stock_audit(
    const struct product_stock_sums *sums,
    struct product_stock_difference ret_differences[static PRODUCT_STOCK_DIFFERENCES_MAX]);

/* The sums of one product, by variant. */
struct product_audit_sheet {
    const char *product_id;
    struct product_stock_sums *sums;
    size_t count, capacity;
    size_t last; /* the variant that was added to last, as most of a variant is read together */
};

/* Begins the next product; the sheet is all zeros before the first. `product_id` is borrowed by the
 * result. */
void product_audit_begin(struct product_audit_sheet *sheet, const char *product_id);
void product_audit_add_stock(struct arena *arena, struct product_audit_sheet *sheet,
                             struct str variant_id, const struct product_stock *stock);
void product_audit_add_entry(struct arena *arena, struct product_audit_sheet *sheet,
                             struct str variant_id, int64_t on_hand_delta, int64_t reserved_delta);
/* A line of a reservation in this state. */
void product_audit_add_line(struct arena *arena, struct product_audit_sheet *sheet,
                            struct str variant_id, const struct product_reservation_line *line,
                            enum product_reservation_state state);

/* Adds the differences to the audit, which has room to name `max` of them. */
void product_audit_compare(const struct product_audit_sheet *sheet, size_t max,
                           struct product_audit *audit);

#endif
