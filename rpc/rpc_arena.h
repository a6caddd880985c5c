/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf messages in an arena: nothing of them is freed by itself, all of them go with the arena.
 *
 * What comes from outside can be made to need far more memory than it is long, and to nest deeper
 * than a fiber's stack; both end in an error here, never in the process's end. */
#ifndef RPC_RPC_ARENA_H
#define RPC_RPC_ARENA_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

/* Messages inside messages that rpc_unpack accepts. */
enum { RPC_NESTING_MAX = 32 };

/* Fills in an allocator of protobuf-c that takes from the arena, and NULL once the arena is
 * exhausted. */
void rpc_allocator_init(ProtobufCAllocator *allocator, struct arena *arena);

/* Decodes a message. INVALID_ARGUMENT (MALFORMED_MESSAGE) for bytes that are none,
 * RESOURCE_EXHAUSTED (MEMORY_LIMIT) when the arena has no more. */
struct status rpc_unpack(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
                         struct str encoded, ProtobufCMessage **ret_message);

/* Encodes a message; the bytes are in the arena. */
struct str rpc_pack(struct arena *arena, const ProtobufCMessage *message);

/* An empty message of this type in the arena. */
ProtobufCMessage *rpc_message_new(struct arena *arena,
                                  const ProtobufCMessageDescriptor *descriptor);

#endif
