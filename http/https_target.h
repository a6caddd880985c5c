/* SPDX-License-Identifier: Apache-2.0 */
/* The target of an external URL: its host, and that host's addresses. Private to http/. */
#ifndef HTTP_HTTPS_TARGET_H
#define HTTP_HTTPS_TARGET_H

#include "fiber/address.h"
#include "fiber/call.h"

struct https_target {
    char host[ADDRESS_HOST_SIZE]; /* IPv6 without brackets */
    uint16_t port;
    bool literal; /* an IP address, or localhost */
};

/* INVALID_ARGUMENT (SETTING_INVALID) for anything but an https URL, or an http URL of a loopback
 * address; with `plain` of any host. */
struct status https_target_parse(struct arena *arena, const char *url, bool plain,
                                 struct https_target *ret_target);

/* Looks the host up on libuv's threads, so that a slow name server never blocks a shard. The result
 * is in CURLOPT_RESOLVE's format, in the arena; NULL for a literal. UNAVAILABLE
 * (SERVICE_UNREACHABLE). */
struct status https_target_resolve(struct call *call, const struct https_target *target,
                                   const char **ret_resolved);

#endif
