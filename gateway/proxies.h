/* SPDX-License-Identifier: Apache-2.0 */
/* Proxies in front of the gateway that are trusted to name the client. */
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

/* Addresses and networks (10.0.0.0/8, ::1), separated by commas. False with the part that is
 * malformed. */
bool proxies_parse(struct str text, struct proxies *ret_proxies, struct str *ret_bad);

/* The client of a request. */
struct origin {
    const char *client; /* its address, in the arena, or `peer` itself */
    bool https;         /* a trusted proxy says that the client uses HTTPS */
};

/* The peer itself, or if that is a trusted proxy the last address in X-Forwarded-For that is not
 * one; all lines of that header are one list. An address may have a port. An element that is not an
 * address ("unknown") ends the search, because the ones before it cannot be trusted.
 * X-Forwarded-Proto is trusted under the same rule; Forwarded (RFC 7239) is not read. */
void proxies_origin(const struct proxies *proxies, struct arena *arena, const char *peer,
                    const struct http_headers *headers, struct origin *ret_origin);

#endif
