/* SPDX-License-Identifier: Apache-2.0 */
/* Parses and formats socket addresses. */
#include "fiber/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/str.h"

bool address_split(const char *text, char ret_host[ADDRESS_HOST_SIZE], uint16_t *ret_port)
{
    const char *colon = strrchr(text, ':');
    struct str host;
    uint64_t port;

    if (!colon || !str_to_u64(str_of(colon + 1), &port) || port > UINT16_MAX) return false;
    host = str_sized(text, (size_t)(colon - text));
    if (host.length >= 2 && host.data[0] == '[' && host.data[host.length - 1] == ']')
        host = str_sized(host.data + 1, host.length - 2);
    else if (str_find(host, ':') < host.length)
        return false; /* "::1:8000" is ambiguous */
    if (host.length == 0 || host.length >= ADDRESS_HOST_SIZE) return false;
    memcpy(ret_host, host.data, host.length);
    ret_host[host.length] = 0;
    *ret_port = (uint16_t)port;
    return true;
}

bool address_from_ip(const char *host, uint16_t port, struct sockaddr_storage *ret_address)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;

    if (strcmp(host, "localhost") == 0) host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1)
        v4->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1)
        v6->sin6_family = AF_INET6;
    else
        return false;
    address_set_port(&address, port);
    *ret_address = address;
    return true;
}

void address_set_port(struct sockaddr_storage *address, uint16_t port)
{
    if (address->ss_family == AF_INET)
        ((struct sockaddr_in *)address)->sin_port = htons(port);
    else
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
}

uint16_t address_port(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)address)->sin_port);
    return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
}

socklen_t address_size(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

/* The IPv4 address, or the one inside an IPv4-mapped IPv6 address, in host order; false for other
 * IPv6 addresses. */
static bool as_v4(const struct sockaddr_storage *address, uint32_t *ret_v4)
{
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
    uint32_t mapped;

    if (address->ss_family == AF_INET) {
        *ret_v4 = ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr);
        return true;
    }
    if (!IN6_IS_ADDR_V4MAPPED(v6)) return false;
    memcpy(&mapped, &v6->s6_addr[12], sizeof(mapped));
    *ret_v4 = ntohl(mapped);
    return true;
}

bool address_is_loopback(const struct sockaddr_storage *address)
{
    uint32_t v4;

    if (as_v4(address, &v4)) return v4 >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

void address_format_ip(const struct sockaddr_storage *address, char ret_text[ADDRESS_TEXT_SIZE])
{
    uint32_t v4;

    if (as_v4(address, &v4)) {
        struct in_addr in = {htonl(v4)};
        inet_ntop(AF_INET, &in, ret_text, ADDRESS_TEXT_SIZE);
        return;
    }
    inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, ret_text,
              ADDRESS_TEXT_SIZE);
}

void address_format(const struct sockaddr_storage *address, char ret_text[ADDRESS_TEXT_SIZE])
{
    unsigned port = address_port(address);
    char ip[INET6_ADDRSTRLEN];

    if (address->ss_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, ip, sizeof(ip));
        snprintf(ret_text, ADDRESS_TEXT_SIZE, "%s:%u", ip, port);
        return;
    }
    inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, ip, sizeof(ip));
    snprintf(ret_text, ADDRESS_TEXT_SIZE, "[%s]:%u", ip, port);
}

uint64_t address_owner(const char *ip)
{
    enum { NETWORK_SIZE = 8 }; /* bytes */
    struct in6_addr address;

    if (!strchr(ip, ':') || inet_pton(AF_INET6, ip, &address) != 1)
        return hash_text(HASH_START, ip);
    return hash_bytes(HASH_START, str_sized(&address, NETWORK_SIZE));
}
