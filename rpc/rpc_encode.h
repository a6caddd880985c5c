/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of protobuf-c to bytes, in one walk.
 *
 * A nested message has its length before it, so who writes from front to back has to know every
 * length first: protobuf-c measures each message once for every level it is nested in. This writes
 * from back to front instead, where a length is known by the time its place comes. The bytes are
 * those that protobuf-c would write. */
#ifndef RPC_RPC_ENCODE_H
#define RPC_RPC_ENCODE_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/str.h"

/* The encoded message, in the arena, behind `room` writable bytes of nothing. */
struct str rpc_encode(struct arena *arena, const ProtobufCMessage *message, size_t room);

#endif
