/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of Shopify's product CSV, by the names of its current template and of the one before,
 * which differ; and two or three of our own, which Shopify passes over. For shopify*.c.
 *
 * Names are compared without regard to case and to white space around them. */
#ifndef APP_SHOPIFY_COLUMNS_H
#define APP_SHOPIFY_COLUMNS_H

#include "app/csv.h"
#include "base/status.h"

enum shopify_column {
    SHOPIFY_HANDLE,
    SHOPIFY_TITLE,
    SHOPIFY_BODY,
    SHOPIFY_VENDOR,
    SHOPIFY_TYPE,
    SHOPIFY_TAGS,
    SHOPIFY_PUBLISHED,
    SHOPIFY_OPTION1_NAME,
    SHOPIFY_OPTION1_VALUE,
    SHOPIFY_OPTION2_NAME,
    SHOPIFY_OPTION2_VALUE,
    SHOPIFY_OPTION3_NAME,
    SHOPIFY_OPTION3_VALUE,
    SHOPIFY_SKU,
    SHOPIFY_GRAMS,
    SHOPIFY_TRACKER,
    SHOPIFY_QUANTITY,
    SHOPIFY_POLICY,
    SHOPIFY_PRICE,
    SHOPIFY_COMPARE_AT,
    SHOPIFY_BARCODE,
    SHOPIFY_IMAGE,
    SHOPIFY_IMAGE_POSITION,
    SHOPIFY_VARIANT_IMAGE,
    SHOPIFY_STATUS,
    SHOPIFY_FEATURED, /* our own, as are the following */
    SHOPIFY_CURRENCY,
    SHOPIFY_TAKEN,
    SHOPIFY_COLUMNS
};

enum { SHOPIFY_OPTIONS = 3 };

/* The name in the template that exports are written in. */
const char *shopify_column_name(enum shopify_column column);

/* What a file's first line says. */
struct shopify_header {
    int columns[SHOPIFY_COLUMNS];       /* where each is in a row, -1: not there */
    const char *names[SHOPIFY_COLUMNS]; /* as the file has them, in the arena */
    size_t count;                       /* of all columns */
    size_t unused_count;                /* of those that are not understood */
    const char *unused;                 /* their names, as many as are worth naming, in the arena */
};

/* How many columns of a line are understood. */
size_t shopify_header_known(const struct csv_row *row);

/* INVALID_ARGUMENT for a name that is there twice, and for lines without a handle or anything else
 * that is understood; *ret_place says where. */
struct status shopify_header_read(struct arena *arena, const struct csv_row *row,
                                  struct shopify_header *ret_header, struct csv_place *ret_place);

static inline bool shopify_has(const struct shopify_header *header, enum shopify_column column)
{
    return header->columns[column] >= 0;
}

#endif
