/* SPDX-License-Identifier: Apache-2.0 */
/* The cart: what is in it, how it changes, and its document. Plain values, no I/O.
 *
 * A line is a variant of a product, with the price and name that it had when the line was last
 * added to. Quantities and the number of lines are limited: a change beyond a limit is refused,
 * and the error names the limit. */
#ifndef SERVICES_CART_CART_H
#define SERVICES_CART_CART_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

/* Upper bounds of the settings, and of every stored cart. A cart at all of these bounds comes to
 * 5 * 10^18 minor units, so no sum overflows an int64. */
enum { CART_LINES_CAPACITY = 500, CART_QUANTITY_CAPACITY = 100000 };
#define CART_UNIT_AMOUNT_MAX INT64_C(100000000000)

enum { CART_DOCUMENT_SIZE_MAX = 2 * 1024 * 1024 };

struct cart_limits {
    int lines_max;    /* at most CART_LINES_CAPACITY */
    int quantity_max; /* at most CART_QUANTITY_CAPACITY */
};

struct cart_line {
    const char *product_id;
    const char *variant_id;
    const char *category;
    const char *product_name;
    const char *options; /* "Blue / Large"; "" for a single variant */
    const char *image_url;
    const char *currency;
    int64_t unit_amount; /* minor units */
    int quantity;
    int64_t since; /* the first version of the cart that had this line; 0: unknown */
};

struct cart {
    const char *email;
    struct cart_line *lines;
    size_t line_count, line_capacity;
    int64_t version;       /* 0: not stored yet */
    int64_t owner_version; /* the latest that a request of its owner made; 0: the present one */
    int64_t created_us;
    int64_t updated_us;
    bool changed; /* since it was read, so that it must be stored with the next version */
};

/* An empty cart. */
void cart_init(const char *email, int64_t now_us, struct cart *ret_cart);

/* A deep copy. */
void cart_copy(struct arena *arena, const struct cart *cart, struct cart *ret_copy);

/* Appends an empty line; the cart must have fewer than CART_LINES_CAPACITY. */
struct cart_line *cart_append(struct arena *arena, struct cart *cart);

/* Adds `line->quantity` of a variant; a line that the cart already has takes the new name and
 * price. CART_QUANTITY_MAX, CART_LINES_MAX; INTERNAL for a price below 0 or above
 * CART_UNIT_AMOUNT_MAX. */
struct status cart_add(struct arena *arena, struct cart *cart, const struct cart_line *line,
                       const struct cart_limits *limits);

/* Sets a quantity, or removes the line when it is 0. An empty `variant_id` stands for the product's
 * only line in the cart. CART_LINE_NOT_FOUND, CART_QUANTITY_MAX, and INVALID_FIELDS when the
 * variant must be named. */
struct status cart_set(struct arena *arena, struct cart *cart, const char *product_id,
                       const char *variant_id, int quantity, const struct cart_limits *limits);

/* Removes a line, or all of a product when `variant_id` is empty. CART_LINE_NOT_FOUND. */
struct status cart_remove(struct arena *arena, struct cart *cart, const char *product_id,
                          const char *variant_id);

void cart_clear(struct cart *cart);

/* The name of what the owner has put together: no other choice of this user's ever has the same
 * name. Taking out what was ordered keeps it, so that a second press of the button still means the
 * same choice. An order made from it carries the name, and so does the event that confirms the
 * order. */
const char *cart_state(struct arena *arena, const struct cart *cart);

/* A line of an order. */
struct cart_ordered {
    const char *product_id;
    const char *variant_id; /* "": the product's only one */
    int quantity;
};

/* Takes what was ordered out of the cart: subtracts the quantities and removes lines that reach 0.
 * What was added since the order was made stays, and so does a line that was removed and added
 * again since the `state` that was ordered ("": unknown, any line may be reduced). Lines that the
 * cart no longer has are no error. */
void cart_take_ordered(struct cart *cart, const char *state, const struct cart_ordered *items,
                       size_t count);

/* Sum of the quantities. */
int cart_total_items(const struct cart *cart);

/* The line's quantity times its price; within the bounds it can't overflow. */
int64_t cart_line_total(const struct cart_line *line);

/* Writes the cart as a JSON object, without its version; CART_LINES_MAX if that would be larger
 * than CART_DOCUMENT_SIZE_MAX. Reads it back; DATA_LOSS if the document is not a cart. */
struct status cart_encode(struct arena *arena, const struct cart *cart, struct str *ret_document);
struct status cart_decode(struct arena *arena, struct str document, struct cart *ret_cart);

/* ---- the document that others read and write too ----
 *
 * The existing system's members (prices as doubles in major units, RFC 3339 times, totals) with
 * ours beside: the version, exact amounts, variants, and the marks of the last changes. A writer
 * that does not know our members drops them; what it wrote is read as a new version. */

/* Identifies a change, so that a store can see whether one whose answer was lost was made. */
enum { CART_MARKS_MAX = 8 };
struct cart_marks {
    const char *marks[CART_MARKS_MAX]; /* the newest first */
    size_t count;
};

/* A new mark: random text. */
const char *cart_mark_new(struct arena *arena);
/* Puts a mark in front; the oldest falls out when there are too many. */
void cart_marks_add(struct cart_marks *marks, const char *mark);
bool cart_marks_have(const struct cart_marks *marks, const char *mark);

/* Writes and reads it, with the version; errors as above. Lines that can't be sold at all (without
 * quantity, or with a price below 0 or above CART_UNIT_AMOUNT_MAX) are left out. */
struct status cart_encode_shared(struct arena *arena, const struct cart *cart,
                                 const struct cart_marks *marks, struct str *ret_document);
struct status cart_decode_shared(struct arena *arena, struct str document, struct cart *ret_cart,
                                 struct cart_marks *ret_marks);

#endif
