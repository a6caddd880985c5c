/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors of paged lists: the store's position, prefixed with a fingerprint of the request, so that
 * a cursor of one list is refused by another. */
#ifndef RPC_CURSOR_H
#define RPC_CURSOR_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

/* `request` must have neither cursor nor page size set: those may change from page to page. */
uint64_t rpc_cursor_fingerprint(struct arena *arena, const ProtobufCMessage *request);

char *rpc_cursor_encode(struct arena *arena, uint64_t fingerprint, struct str position);

/* PAGE_CURSOR_INVALID. The empty cursor is the empty position. */
struct status rpc_cursor_decode(struct arena *arena, uint64_t fingerprint, const char *cursor,
                                struct str *ret_position);

#endif
