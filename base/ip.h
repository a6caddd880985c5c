/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses as text: parsing them as proxies write them, and grouping them by owner. Pure. */
#ifndef BASE_IP_H
#define BASE_IP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { IP_TEXT_SIZE = 46 };

struct ip {
    uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    bool v4;           /* also of an IPv6 text that holds an IPv4 address */
};

/* Reads "1.2.3.4" or "2001:db8::1", and nothing else. */
bool ip_parse(struct str text, struct ip *ret_ip);

/* The same, with or without a port, as in X-Forwarded-For: "1.2.3.4:80", "[2001:db8::1]:80",
 * "[2001:db8::1]". The port is checked and dropped. */
bool ip_parse_node(struct str text, struct ip *ret_ip);

/* The usual text of an address; an IPv4 address inside an IPv6 one is written as IPv4. */
void ip_format(const struct ip *ip, char ret_text[IP_TEXT_SIZE]);

/* Is it this machine itself: 127.0.0.0/8 or ::1? */
bool ip_is_loopback(const struct ip *ip);

/* The text under which limits count a peer: an IPv4 address itself; for an IPv6 address its /64
 * network, because one peer usually has all of it. Text that is not an address is copied, cut to
 * fit. */
void ip_party(const char *address, char ret_party[IP_TEXT_SIZE]);

#endif
