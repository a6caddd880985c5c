/* SPDX-License-Identifier: Apache-2.0 */
/* Trusted proxies: parses their list, and finds the client of a request from X-Forwarded-For and
 * X-Forwarded-Proto. */
#include "gateway/proxies.h"

#include "base/ip.h"

enum { BITS_MAX = 128, BITS_OF_V4 = 96 };

static bool parse_network(struct str text, struct proxy_network *ret_network)
{
    size_t slash = str_find(text, '/');
    int64_t bits = BITS_MAX;
    struct ip ip;

    if (!ip_parse(str_sized(text.data, slash), &ip)) return false;
    bool v4 = ip.v4 && str_find(str_sized(text.data, slash), ':') == slash;
    if (slash < text.length) {
        if (!str_to_i64(str_sized(text.data + slash + 1, text.length - slash - 1), &bits))
            return false;
        if (bits < 0 || bits > (v4 ? BITS_MAX - BITS_OF_V4 : BITS_MAX)) return false;
        if (v4) bits += BITS_OF_V4;
    }
    memcpy(ret_network->address, ip.bytes, sizeof(ip.bytes));
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

static bool is_trusted(const struct proxies *proxies, const struct ip *ip)
{
    for (int i = 0; i < proxies->count; i++)
        if (is_within(&proxies->networks[i], ip->bytes)) return true;
    return false;
}

/* Reads a header that is a list from its end: field lines of one name are one list (RFC 9110,
 * section 5.3), and empty elements do not count (5.6.1). */
struct list_from_end {
    const struct http_headers *headers;
    const char *name;
    size_t line;     /* lines before this one are still to be read */
    struct str left; /* the rest of the line that is being read */
};

static bool list_previous(struct list_from_end *list, struct str *ret_element)
{
    for (;;) {
        while (list->left.length == 0) {
            if (list->line == 0) return false;
            const struct http_header *header = &list->headers->items[--list->line];
            if (str_is(header->name, list->name)) list->left = header->value;
        }
        size_t comma = list->left.length;
        while (comma > 0 && list->left.data[comma - 1] != ',') comma--;
        *ret_element = str_trim(str_sized(list->left.data + comma, list->left.length - comma));
        list->left.length = comma > 0 ? comma - 1 : 0;
        if (ret_element->length > 0) return true;
    }
}

/* The scheme between the client and its first proxy: each of `hops` proxies has added one, or the
 * nearest has set the only one. */
static bool is_https(const struct http_headers *headers, int hops)
{
    struct list_from_end list = {headers, "x-forwarded-proto", headers->count, {0}};
    struct str scheme = {0}, element;

    for (int i = 0; i < hops && list_previous(&list, &element); i++) scheme = element;
    return str_equal_nocase(scheme, STR("https"));
}

void proxies_origin(const struct proxies *proxies, struct arena *arena, const char *peer,
                    const struct http_headers *headers, struct origin *ret_origin)
{
    struct list_from_end list = {headers, "x-forwarded-for", headers->count, {0}};
    struct origin origin = {.client = peer};
    struct str element;
    struct ip ip;
    int hops = 0;

    bool trusted = ip_parse(str_of(peer), &ip) && is_trusted(proxies, &ip);
    while (trusted) {
        hops++;
        if (!list_previous(&list, &element) || !ip_parse_node(element, &ip)) break;
        char *text = arena_alloc(arena, IP_TEXT_SIZE);
        ip_format(&ip, text);
        origin.client = text;
        trusted = is_trusted(proxies, &ip);
    }
    origin.https = is_https(headers, hops);
    *ret_origin = origin;
}
