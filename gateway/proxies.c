/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/proxies.h"

#include <arpa/inet.h>

enum { ADDRESS_TEXT_MAX = 64, BITS_MAX = 128, BITS_OF_V4 = 96 };

static bool parse_address(struct str text, uint8_t ret_address[16], bool *ret_v4)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char copy[ADDRESS_TEXT_MAX];

    if (text.length == 0 || text.length >= sizeof(copy)) return false;
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    *ret_v4 = inet_pton(AF_INET, copy, ret_address + 12) == 1;
    if (*ret_v4) memcpy(ret_address, mapped, sizeof(mapped));
    return *ret_v4 || inet_pton(AF_INET6, copy, ret_address) == 1;
}

static bool parse_network(struct str text, struct proxy_network *ret_network)
{
    size_t slash = str_find(text, '/');
    int64_t bits = BITS_MAX;
    bool v4;

    if (!parse_address(str_sized(text.data, slash), ret_network->address, &v4)) return false;
    if (slash < text.length) {
        if (!str_to_i64(str_sized(text.data + slash + 1, text.length - slash - 1), &bits))
            return false;
        if (bits < 0 || bits > (v4 ? BITS_MAX - BITS_OF_V4 : BITS_MAX)) return false;
        if (v4) bits += BITS_OF_V4;
    }
    ret_network->bits = (int)bits;
    return true;
}

bool proxies_parse(struct str text, struct proxies *ret_proxies, struct str *ret_bad)
{
    struct str part;

    ret_proxies->count = 0;
    while (text.length > 0 && str_split(&text, ',', &part)) {
        *ret_bad = part;
        if (ret_proxies->count == PROXIES_MAX) return false;
        if (!parse_network(str_trim(part), &ret_proxies->networks[ret_proxies->count++]))
            return false;
    }
    return true;
}

static bool is_within(const struct proxy_network *network, const uint8_t address[16])
{
    int whole = network->bits / 8, rest = network->bits % 8;

    if (memcmp(network->address, address, (size_t)whole) != 0) return false;
    return rest == 0 || (network->address[whole] ^ address[whole]) >> (8 - rest) == 0;
}

static bool is_trusted(const struct proxies *proxies, struct str text)
{
    uint8_t address[16];
    bool v4;

    if (!parse_address(text, address, &v4)) return false;
    for (int i = 0; i < proxies->count; i++)
        if (is_within(&proxies->networks[i], address)) return true;
    return false;
}

const char *proxies_client(const struct proxies *proxies, struct arena *arena, const char *peer,
                           struct str forwarded_for)
{
    const char *client = peer;
    uint8_t address[16];
    bool v4;

    while (proxies->count > 0 && forwarded_for.length > 0 && is_trusted(proxies, str_of(client))) {
        size_t comma = forwarded_for.length;
        while (comma > 0 && forwarded_for.data[comma - 1] != ',') comma--;
        struct str last = str_trim(
            str_sized(forwarded_for.data + comma, forwarded_for.length - comma));
        if (!parse_address(last, address, &v4)) break;
        client = str_dup(arena, last);
        forwarded_for.length = comma > 0 ? comma - 1 : 0;
    }
    return client;
}
