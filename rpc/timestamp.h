/* SPDX-License-Identifier: Apache-2.0 */
/* google.protobuf.Timestamp from and to our int64 microseconds. */
#ifndef RPC_TIMESTAMP_H
#define RPC_TIMESTAMP_H

#include "base/arena.h"
#include "google/protobuf/timestamp.pb-c.h"

/* A message in the arena. */
Google__Protobuf__Timestamp *rpc_timestamp(struct arena *arena, int64_t time_us);

/* Microseconds since 1970, truncated; 0 for NULL. */
int64_t rpc_timestamp_us(const Google__Protobuf__Timestamp *timestamp);

#endif
