/* SPDX-License-Identifier: Apache-2.0 */
/* Encodes messages of protobuf-c in one pass.
 *
 * A nested message is preceded by its length, so an encoder that writes from front to back must
 * know every length first: protobuf-c measures each message once for every level that it is nested
 * in. This one writes from back to front, so that a length is known when its turn comes. The bytes
 * are those that protobuf-c would write. */
#ifndef RPC_RPC_ENCODE_H
#define RPC_RPC_ENCODE_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/str.h"

/* The encoded message, in the arena, behind `room` unused bytes that the caller may write to. */
struct str rpc_encode(struct arena *arena, const ProtobufCMessage *message, size_t room);

#endif
