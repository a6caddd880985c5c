/* SPDX-License-Identifier: Apache-2.0 */
/* Shopify's product CSV: several rows a product, told apart by Handle; the first has the product's
 * own columns and its first variant, later ones a variant, an image, or both.
 *
 * What is understood: Handle, Title, Body (HTML), Vendor, Type (our category), Tags, Published,
 * Status, Option1-3 Name/Value, Variant SKU, Variant Grams, Variant Inventory Tracker (empty: stock
 * is not tracked), Variant Inventory Qty, Variant Price, Variant Compare At Price, Variant Barcode,
 * Variant Image, Image Src. And two columns of our own, which Shopify passes over:
 * Featured, and Currency, which goes before the one that the reader was given. Other
 * columns are passed over. */
#ifndef APP_SHOPIFY_H
#define APP_SHOPIFY_H

#include "app/csv.h"
#include "base/status.h"
#include "product.pb-c.h"

enum { SHOPIFY_COLUMNS = 32 };

struct shopify_reader {
    struct csv_reader csv;
    int columns[SHOPIFY_COLUMNS]; /* where each known column is in the file, -1: not there */
    const char *currency;
    struct csv_row row; /* read ahead: the first of the next product */
    struct arena row_arena;
    enum csv_result ahead;
    uint64_t *handles; /* hashes of those that were read; owned */
    size_t handle_count, handle_capacity;
};

/* Reads the header. INVALID_ARGUMENT if there is no Handle or no Title column. `text` and
 * `currency` are borrowed. */
struct status shopify_reader_init(struct arena *arena, struct str text, const char *currency,
                                  struct shopify_reader *ret_reader);
void shopify_reader_release(struct shopify_reader *reader);

/* The next product, in the arena: OK with *ret_request NULL at the end. A failed status is about
 * one product (or one broken row) that begins at *ret_line: say it, and go on. */
struct status shopify_next(struct shopify_reader *reader, struct arena *arena,
                           ProductService__ImportProductRequest **ret_request, int64_t *ret_line);

/* The header of an export, and a product as its rows. */
void shopify_write_header(struct buffer *out);
void shopify_write_product(struct arena *arena, struct buffer *out,
                           const ProductService__Product *product);

#endif
