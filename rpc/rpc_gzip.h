/* SPDX-License-Identifier: Apache-2.0 */
/* gzip (RFC 1952) of single messages, by zlib. */
#ifndef RPC_RPC_GZIP_H
#define RPC_RPC_GZIP_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

/* Compresses into the arena; the result begins with `room` unused bytes. Uses zlib's fastest level,
 * because a caller waits meanwhile. */
struct str rpc_gzip(struct arena *arena, struct str data, size_t room);

/* The same into `out`, which has rpc_gzip_bound(data.length) bytes; returns the size. On any thread. */
size_t rpc_gzip_bound(size_t size);
size_t rpc_gzip_into(struct str data, char *out, size_t out_size);

/* Decompresses one gzip member into the arena. RESOURCE_EXHAUSTED (BODY_TOO_LARGE) when the content
 * is longer than `max`, INTERNAL when the bytes are not exactly one gzip member. Allocates the
 * length that the member claims, but no more than its compressed size can expand to. */
struct status rpc_gunzip(struct arena *arena, struct str compressed, size_t max,
                         struct str *ret_data);

#endif
