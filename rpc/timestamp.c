/* SPDX-License-Identifier: Apache-2.0 */
/* Converts google.protobuf.Timestamp. */
#include "rpc/timestamp.h"

enum { US_PER_S = 1000000, NS_PER_US = 1000 };

Google__Protobuf__Timestamp *rpc_timestamp(struct arena *arena, int64_t time_us)
{
    Google__Protobuf__Timestamp *timestamp = arena_new(arena, Google__Protobuf__Timestamp);
    int64_t rest_us = time_us % US_PER_S;

    google__protobuf__timestamp__init(timestamp);
    timestamp->seconds = time_us / US_PER_S;
    if (rest_us < 0) { /* nanos count forward, even before 1970 */
        rest_us += US_PER_S;
        timestamp->seconds--;
    }
    timestamp->nanos = (int32_t)(rest_us * NS_PER_US);
    return timestamp;
}

int64_t rpc_timestamp_us(const Google__Protobuf__Timestamp *timestamp)
{
    return timestamp ? timestamp->seconds * US_PER_S + timestamp->nanos / NS_PER_US : 0;
}
