/* SPDX-License-Identifier: Apache-2.0 */
/* Verifies HMACs with SHA-256 and remembers which were right, because an access token comes with
 * each request of its session. */
#ifndef BASE_HMAC_MEMO_H
#define BASE_HMAC_MEMO_H

#include <stdbool.h>

#include "base/str.h"

/* A thread remembers this many, half a megabyte in all; key and data beyond this size together are
 * computed each time. */
enum { HMAC_MEMO_ENTRIES = 1024, HMAC_MEMO_SIZE_MAX = 476 };

/* Is `mac` the HMAC of the data with this key? A thread computes it once for as long as it
 * remembers key, data and mac, which it compares as a whole: the answer is always the one that
 * computing would give. The mac is compared first, in constant time. */
bool hmac_memo_verify(struct str key, struct str data, struct str mac);

#endif
