/* SPDX-License-Identifier: Apache-2.0 */
/* Values in cells, as people and spreadsheets write them. Pure. Each is read rightly or not at all:
 * what could mean two things is refused, with what to write instead. For shopify*.c. */
#ifndef APP_SHOPIFY_VALUES_H
#define APP_SHOPIFY_VALUES_H

#include "base/arena.h"
#include "base/str.h"

/* Each answers NULL when it is read, else why not, as a static text or in the arena: "must ...". */

/* An amount in minor units of a currency with `exponent` decimals: 12.50, 12,50, 12; not $12,
 * 1,250, -1 or 1e3. 1.500 is only read if the currency has three decimals. */
const char *shopify_read_amount(struct arena *arena, struct str text, int exponent,
                                const char *currency, int64_t *ret_minor);

/* Between the pieces and the stock that they were taken from. */
#define SHOPIFY_TAKEN_OF " of "

/* A whole number of pieces: 12, 12.0, -3; not 1.000. */
const char *shopify_read_pieces(struct str text, int64_t *ret_pieces);

/* Grams, rounded to whole ones. */
const char *shopify_read_grams(struct str text, int32_t *ret_grams, bool *ret_rounded);

/* A place in a list, from 1. */
const char *shopify_read_position(struct str text, int *ret_position);

/* true, false, yes, no, 1, 0, in any case. */
const char *shopify_read_flag(struct str text, bool *ret_flag);

/* An amount in minor units as text. */
const char *shopify_amount_text(struct arena *arena, int64_t minor, const char *currency);

/* The tags of a cell, separated by commas. A tag that has commas or quotes itself stands between
 * quotes, with its own quotes doubled. False when there are more than `max`. */
bool shopify_read_tags(struct arena *arena, struct str text, size_t max, char **ret_tags,
                       size_t *ret_count);
const char *shopify_tags_text(struct arena *arena, char *const *tags, size_t count);

#endif
