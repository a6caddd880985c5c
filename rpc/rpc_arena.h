/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf messages in an arena: they are not freed one by one, but with the arena.
 *
 * An attacker can craft messages that need far more memory than their length, or nest deeper than a
 * fiber's stack allows; both cause an error here and never end the process. */
#ifndef RPC_RPC_ARENA_H
#define RPC_RPC_ARENA_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

/* Messages inside messages that rpc_unpack accepts. */
enum { RPC_NESTING_MAX = 32 };

/* Initializes an allocator for protobuf-c that allocates from the arena, and returns NULL once the
 * arena is exhausted. */
void rpc_allocator_init(ProtobufCAllocator *allocator, struct arena *arena);

/* Decodes a message. INVALID_ARGUMENT (MALFORMED_MESSAGE) for malformed bytes, RESOURCE_EXHAUSTED
 * (MEMORY_LIMIT) when the arena is exhausted. */
struct status rpc_unpack(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
                         struct str encoded, ProtobufCMessage **ret_message);

/* Encodes a message; the bytes are in the arena. */
struct str rpc_pack(struct arena *arena, const ProtobufCMessage *message);

/* An empty message of this type in the arena. */
ProtobufCMessage *rpc_message_new(struct arena *arena,
                                  const ProtobufCMessageDescriptor *descriptor);

#endif
