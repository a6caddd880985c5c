/* SPDX-License-Identifier: Apache-2.0 */
/* A product out of its rows. For shopify.c. */
#ifndef APP_SHOPIFY_PRODUCT_H
#define APP_SHOPIFY_PRODUCT_H

#include "app/shopify.h"

/* The cells of a row that are understood, "" where there is none. */
struct shopify_row {
    struct str cells[SHOPIFY_COLUMNS];
    const char *starts[SHOPIFY_COLUMNS]; /* where each begins in the text */
    const char *start;                   /* where the row does */
    int64_t line;
};

/* What the reader's rows say, all of one product. *ret_place is where it begins, or where the first
 * thing is that is wrong. */
struct status shopify_product_read(struct shopify_reader *reader, struct arena *arena,
                                   ProductService__ImportProductRequest **ret_request,
                                   struct csv_place *ret_place);

/* ---- for shopify_product.c and shopify_variants.c ---- */

struct shopify_product {
    struct arena *arena;
    struct shopify_reader *reader;
    const struct shopify_row *own; /* the row with the product's own cells */
    ProductService__ImportProductRequest *request;
    ProductService__CreateProductRequest *product;
    int exponent; /* of the currency */
    struct shopify_notes notes;
    struct status status;   /* the first thing that was wrong, */
    struct csv_place place; /* and where */
};

/* Refuses the product because of a cell: "Variant Price '12abc' must be ...". */
void shopify_refuse(struct shopify_product *product, const struct shopify_row *row,
                    enum shopify_column column, const char *why);

/* The cell without white space around it. */
static inline struct str shopify_cell(const struct shopify_row *row, enum shopify_column column)
{
    return str_trim(row->cells[column]);
}

static inline bool shopify_product_has(const struct shopify_product *product,
                                       enum shopify_column column)
{
    return shopify_has(&product->reader->header, column);
}

void shopify_note(struct shopify_product *product, const struct shopify_row *row,
                  enum shopify_note note);

void shopify_keep(struct shopify_product *product, ProductService__ImportProductRequest__Part part);

/* Reads the variants of all rows. */
void shopify_read_variants(struct shopify_product *product);

#endif
