/* SPDX-License-Identifier: Apache-2.0 */
/* Parses and formats IP addresses with inet_pton and inet_ntop. */
#include "base/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { MAPPED_SIZE = 12, NETWORK_SIZE = 8, PORT_DIGITS_MAX = 5 };

static const uint8_t mapped[MAPPED_SIZE] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool ip_parse(struct str text, struct ip *ret_ip)
{
    char copy[IP_TEXT_SIZE];
    struct ip ip;

    if (text.length == 0 || text.length >= sizeof(copy) || str_find(text, 0) < text.length)
        return false;
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    if (inet_pton(AF_INET, copy, ip.bytes + MAPPED_SIZE) == 1)
        memcpy(ip.bytes, mapped, MAPPED_SIZE);
    else if (inet_pton(AF_INET6, copy, ip.bytes) != 1)
        return false;
    ip.v4 = memcmp(ip.bytes, mapped, MAPPED_SIZE) == 0;
    *ret_ip = ip;
    return true;
}

static bool is_port(struct str text)
{
    int64_t port;

    return text.length > 0 && text.length <= PORT_DIGITS_MAX && text.data[0] >= '0' &&
           text.data[0] <= '9' && str_to_i64(text, &port) && port <= 65535;
}

bool ip_parse_node(struct str text, struct ip *ret_ip)
{
    size_t end;

    if (text.length > 0 && text.data[0] == '[') {
        end = str_find(text, ']');
        if (end == text.length) return false;
        struct str rest = str_sized(text.data + end + 1, text.length - end - 1);
        struct str inside = str_sized(text.data + 1, end - 1);
        if (str_find(inside, ':') == inside.length) return false;
        if (rest.length > 0 &&
            (rest.data[0] != ':' || !is_port(str_sized(rest.data + 1, rest.length - 1))))
            return false;
        return ip_parse(inside, ret_ip);
    }
    if (ip_parse(text, ret_ip)) return true;
    end = str_find(text, ':');
    if (end == text.length || !is_port(str_sized(text.data + end + 1, text.length - end - 1)))
        return false;
    return ip_parse(str_sized(text.data, end), ret_ip);
}

bool ip_is_loopback(const struct ip *ip)
{
    static const uint8_t v6[sizeof(ip->bytes)] = {[sizeof(ip->bytes) - 1] = 1};

    return ip->v4 ? ip->bytes[MAPPED_SIZE] == 127 : memcmp(ip->bytes, v6, sizeof(v6)) == 0;
}

void ip_format(const struct ip *ip, char ret_text[IP_TEXT_SIZE])
{
    if (ip->v4)
        inet_ntop(AF_INET, ip->bytes + MAPPED_SIZE, ret_text, IP_TEXT_SIZE);
    else
        inet_ntop(AF_INET6, ip->bytes, ret_text, IP_TEXT_SIZE);
}

void ip_party(const char *address, char ret_party[IP_TEXT_SIZE])
{
    struct ip ip;

    if (!ip_parse(str_of(address), &ip)) {
        snprintf(ret_party, IP_TEXT_SIZE, "%s", address);
        return;
    }
    if (!ip.v4) memset(ip.bytes + NETWORK_SIZE, 0, sizeof(ip.bytes) - NETWORK_SIZE);
    ip_format(&ip, ret_party);
}
