/* SPDX-License-Identifier: Apache-2.0 */
/* Proxies in front of the gateway that are trusted to say for whom they ask. */
#ifndef GATEWAY_PROXIES_H
#define GATEWAY_PROXIES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "http/http.h"

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

/* Where a request comes from. */
struct origin {
    const char *client; /* its address, in the arena, or `peer` itself */
    bool https;         /* a trusted proxy says that the client speaks HTTPS to it */
};

/* The peer itself, or if that is a trusted proxy the last address in X-Forwarded-For that is not
 * one; all lines of that header are one list. An address may have a port. What is no address
 * ("unknown") ends the walk: nobody knows what stands before it. X-Forwarded-Proto is believed by
 * the same measure; Forwarded (RFC 7239) is not read. */
void proxies_origin(const struct proxies *proxies, struct arena *arena, const char *peer,
                    const struct http_headers *headers, struct origin *ret_origin);

#endif
