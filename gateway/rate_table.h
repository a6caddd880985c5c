/* SPDX-License-Identifier: Apache-2.0 */
/* Counts per key in fixed time windows, exact over all threads, in bounded memory.
 *
 * The table has buckets of eight slots. The hash of a key (keyed by a random seed) selects its
 * bucket. Each bucket is guarded by a spin flag that is held while its slots are searched and never
 * during a wait: a compare-and-swap on the count alone would be wrong when a slot passes to another
 * key. Slots whose window has ended are free. When all eight are in use, the one whose window ends
 * first is replaced: a flood of keys can reset other counts, but cannot make the table grow. */
#ifndef GATEWAY_RATE_TABLE_H
#define GATEWAY_RATE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct rate_table;

/* `slots`: the number of keys at a time; rounded up to a power of two. Owned. */
struct rate_table *rate_table_new(size_t slots);
void rate_table_free(struct rate_table *table);

/* Counts one more for the key in the window of `window_s` seconds that `now_s` (of a clock that
 * never goes back) lies in, unless
 * `limit` are counted already. *ret_left: how many are left then. Any thread; a few hundred
 * nanoseconds. */
bool rate_table_take(struct rate_table *table, struct str key, int64_t window_s, int64_t limit,
                     int64_t now_s, int64_t *ret_left);

#endif
