/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the stock figures with the ledger and the reservations. Plain values, no I/O. */
#ifndef SERVICES_PRODUCT_PRODUCT_AUDIT_H
#define SERVICES_PRODUCT_PRODUCT_AUDIT_H

#include "services/product/product.h"

/* A variant's figures, and what they must be. All figures of a deleted variant are 0. */
struct product_stock_sums {
    const char *product_id;
    const char *variant_id;
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
    const char *next; /* the product after which the next page begins; NULL: there is none */
};

/* Differences that one variant can have. */
enum { PRODUCT_STOCK_DIFFERENCES_MAX = 5 };

/* How many there are. */
size_t product_stock_audit(
    const struct product_stock_sums *sums,
    struct product_stock_difference ret_differences[static PRODUCT_STOCK_DIFFERENCES_MAX]);

#endif
