/* SPDX-License-Identifier: Apache-2.0 */
/* Looks up the IP addresses of a host's name. The system's resolver runs on a thread of libuv's
 * while the fiber waits; deadline and cancellation end the wait. */
#ifndef FIBER_RESOLVE_H
#define FIBER_RESOLVE_H

#include "fiber/address.h"
#include "fiber/call.h"

enum { RESOLVE_ADDRESSES_MAX = 8 };

struct resolved {
    char ips[RESOLVE_ADDRESSES_MAX][ADDRESS_TEXT_SIZE]; /* without ports and brackets */
    size_t count;                                       /* at least 1 */
};

/* UNAVAILABLE, without a reason, if the name has no address; the message names the host. */
struct status resolve_host(struct call *call, const char *host, struct resolved *ret_resolved);

#endif
