/* SPDX-License-Identifier: Apache-2.0 */
/* gzip for large responses (RFC 9110, 8.4 and 12.5.3).
 *
 * A compressed response is another representation with its own tag: "v7" becomes "v7-gzip". When a
 * client sends that in If-Match or If-None-Match it counts as "v7". Pure, except for the arena. */
#ifndef GATEWAY_COMPRESS_H
#define GATEWAY_COMPRESS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* Smaller ones fit into a packet or two; larger ones would keep a thread of the lane that compresses
 * for too long. */
enum { COMPRESS_SIZE_MIN = 1024, COMPRESS_SIZE_MAX = 1024 * 1024 };

/* Does an Accept-Encoding list prefer gzip to the unencoded bytes? False without the header. */
bool compress_is_wanted(struct str accept_encoding);

/* The tag of the compressed representation, and a list of tags with that addition removed. */
struct str compress_tag(struct arena *arena, struct str tag);
struct str compress_plain_tags(struct arena *arena, struct str list);

#endif
