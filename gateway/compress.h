/* SPDX-License-Identifier: Apache-2.0 */
/* gzip for large answers (RFC 9110, 8.4 and 12.5.3).
 *
 * What is compressed is another representation, and has a tag of its own: "v7" becomes "v7-gzip".
 * A client gives that back in If-Match and If-None-Match, where it counts as "v7". Pure but for the
 * arena. */
#ifndef GATEWAY_COMPRESS_H
#define GATEWAY_COMPRESS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* Smaller ones fit into a packet or two, and larger ones would hold up the shard. */
enum { COMPRESS_SIZE_MIN = 1024, COMPRESS_SIZE_MAX = 1024 * 1024 };

/* Does a list of Accept-Encoding prefer gzip to the bytes as they are? Without the header nobody has
 * asked for it. */
bool compress_is_wanted(struct str accept_encoding);

/* The tag of the compressed representation, and a list of tags without what was added to them. */
struct str compress_tag(struct arena *arena, struct str tag);
struct str compress_plain_tags(struct arena *arena, struct str list);

#endif
