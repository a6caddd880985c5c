/* SPDX-License-Identifier: Apache-2.0 */
/* Shopify's product CSV, in its current template and the classic one: several rows a product, told
 * apart by Handle. The product's own cells count in the row with its Title; each row may have a
 * variant, an image, or both. The rows of a product need not stand together.
 *
 * What is understood: Handle, Title, Body (HTML), Vendor, Type (our category), Tags, Published,
 * Status, Option1-3 Name/Value, Variant SKU, Variant Grams, Variant Inventory Tracker (blank: not
 * tracked), Variant Inventory Qty (what can be bought), Variant Inventory Policy (continue: not
 * tracked either), Variant Price, Variant Compare At Price, Variant Barcode, Variant Image, Image
 * Src, Image Position, and the same under the names of the current template. And three columns of
 * our own, which Shopify passes over: Featured; Currency, which goes before the one that the reader
 * was given; and Variant Inventory Taken, "5 of STOCK": the pieces that orders had reserved or bought
 * when the quantity was written down, and the stock that they were taken from.
 *
 * A column that is not there keeps what a product has; a blank cell empties it, but for a blank
 * Title (refused), Published (published), Status (as if there was no such column), Currency (the
 * file's), Variant Price and Variant Inventory Qty (kept). */
#ifndef APP_SHOPIFY_H
#define APP_SHOPIFY_H

#include "app/csv_text.h"
#include "app/shopify_rows.h"
#include "base/status.h"
#include "product.pb-c.h"

/* What was read otherwise than it may have been meant. */
enum shopify_note {
    SHOPIFY_NOTE_UNTRACKED_QUANTITY, /* the tracker is blank */
    SHOPIFY_NOTE_NO_TRACKER,         /* there is no column of trackers */
    SHOPIFY_NOTE_CONTINUE,
    SHOPIFY_NOTE_NEGATIVE,
    SHOPIFY_NOTE_ROUNDED,
    SHOPIFY_NOTES
};

struct shopify_notes {
    uint64_t counts[SHOPIFY_NOTES];
    int64_t first_lines[SHOPIFY_NOTES];
};

struct shopify_options {
    const char *currency;   /* of amounts without another; borrowed */
    bool is_currency_given; /* by somebody who knows the file; else a product keeps its own */
};

struct shopify_row;
enum { SHOPIFY_ROWS_MAX = 1000 }; /* of one product */

struct shopify_reader {
    struct shopify_walk walk; /* read ahead: at the first row of the next product */
    struct shopify_walk away; /* to rows that stand elsewhere */
    struct shopify_header header;
    struct shopify_index index;
    struct shopify_options options;
    struct shopify_notes notes;
    struct shopify_row *rows[SHOPIFY_ROWS_MAX]; /* of the product that is being read */
    size_t row_count;
};

/* Reads the header and looks through the file for rows that are away from their products'.
 * INVALID_ARGUMENT about the header, RESOURCE_EXHAUSTED for a file with too much in it; *ret_place
 * says where. The text is borrowed. */
struct status shopify_reader_init(struct arena *arena, const struct csv_text *text,
                                  const struct shopify_options *options,
                                  struct shopify_reader *ret_reader, struct csv_place *ret_place);
void shopify_reader_release(struct shopify_reader *reader);

/* The next product, in the arena: OK with *ret_request NULL at the end. A failed status is about
 * one product (or one row without a handle), at *ret_place: say it, and go on. */
struct status shopify_next(struct shopify_reader *reader, struct arena *arena,
                           ProductService__ImportProductRequest **ret_request,
                           struct csv_place *ret_place);

/* How much of the file has been read, 0 to 100. */
int shopify_progress(const struct shopify_reader *reader);

/* The header of an export, and a product as its rows. */
void shopify_write_header(struct buffer *out);
void shopify_write_product(struct arena *arena, struct buffer *out,
                           const ProductService__Product *product);

#endif
