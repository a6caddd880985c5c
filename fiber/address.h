/* SPDX-License-Identifier: Apache-2.0 */
/* Socket addresses as text: "127.0.0.1:8000", "[::1]:8000", "localhost:8000". */
#ifndef FIBER_ADDRESS_H
#define FIBER_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    ADDRESS_HOST_SIZE = 256, /* a DNS name and the NUL */
    ADDRESS_TEXT_SIZE = 64,  /* an IP address, a port and the NUL */
};

/* Splits host:port; an IPv6 address is written in brackets, which are removed. False if there is no
 * host, no port, the port is over 65535 or the host is too long. */
bool address_split(const char *text, char ret_host[ADDRESS_HOST_SIZE], uint16_t *ret_port);

/* Reads an IP literal (or "localhost", which is 127.0.0.1); false for a name. */
bool address_from_ip(const char *host, uint16_t port, struct sockaddr_storage *ret_address);

void address_set_port(struct sockaddr_storage *address, uint16_t port);
uint16_t address_port(const struct sockaddr_storage *address);
socklen_t address_size(const struct sockaddr_storage *address);
bool address_is_loopback(const struct sockaddr_storage *address);

/* The IP address alone; an IPv4 address inside IPv6 (::ffff:1.2.3.4) as IPv4. */
void address_format_ip(const struct sockaddr_storage *address, char ret_text[ADDRESS_TEXT_SIZE]);
/* A number for the owner of an IP address given as text: an IPv4 address has an owner of its own;
 * the addresses of an IPv6 /64 network share one. Other text is its own owner. */
uint64_t address_owner(const char *ip);
/* host:port. */
void address_format(const struct sockaddr_storage *address, char ret_text[ADDRESS_TEXT_SIZE]);

#endif
