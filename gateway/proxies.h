/* SPDX-License-Identifier: Apache-2.0 */
/* Proxies in front of the gateway that are trusted to say for whom they ask. */
#ifndef GATEWAY_PROXIES_H
#define GATEWAY_PROXIES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum { PROXIES_MAX = 32 };

struct proxy_network {
    uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d */
    int bits;
};

struct proxies {
    struct proxy_network networks[PROXIES_MAX];
    int count;
};

/* Addresses and networks (10.0.0.0/8, ::1), separated by commas. False names the bad part. */
bool proxies_parse(struct str text, struct proxies *ret_proxies, struct str *ret_bad);

/* The client's address: the peer's own, or if that is a trusted proxy the last address in
 * X-Forwarded-For that is not one. In the arena, or `peer` itself. */
const char *proxies_client(const struct proxies *proxies, struct arena *arena, const char *peer,
                           struct str forwarded_for);

#endif
