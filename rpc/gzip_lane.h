/* SPDX-License-Identifier: Apache-2.0 */
/* Compression of large messages and responses on a lane. A megabyte takes ten milliseconds, forty if
 * it does not shrink, and a shard would serve nobody meanwhile.
 *
 *     gzip = gzip_lane_open();                                       with the server
 *     if (gzip_lane_compress(call, gzip, data, 0, &compressed)) ...  else send it as it is
 *     gzip_lane_close(gzip);                                         before the server is freed
 *
 * All users of a process share it. */
#ifndef RPC_GZIP_LANE_H
#define RPC_GZIP_LANE_H

#include <stdbool.h>

#include "base/str.h"
#include "fiber/call.h"

/* Data up to this size is compressed on the shard, in about a millisecond at most: less than what
 * handing it over and back may take when the processors are busy. */
enum { GZIP_LANE_SIZE_MIN = 32 * 1024 };

struct gzip_lane;

struct gzip_lane *gzip_lane_open(void);
void gzip_lane_close(struct gzip_lane *lane);

/* Compresses into the arena; the result begins with `room` unused bytes. False, after which the
 * data should be sent as it is, if the lane is full, or the call ends before its turn comes. */
bool gzip_lane_compress(struct call *call, struct gzip_lane *lane, struct str data, size_t room,
                        struct str *ret_compressed);

#endif
