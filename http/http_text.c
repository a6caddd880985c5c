/* SPDX-License-Identifier: Apache-2.0 */
/* Tables and checks of HTTP's character classes. See http/http_text.h. */
#include "http/http_text.h"

#include <string.h>

/* tchar of RFC 9110, section 5.6.2, each mapped to its lower-case form. */
const uint8_t http_text_token[256] = {
    ['!'] = '!', ['#'] = '#', ['$'] = '$', ['%'] = '%', ['&'] = '&', ['\''] = '\'', ['*'] = '*',
    ['+'] = '+', ['-'] = '-', ['.'] = '.', ['^'] = '^', ['_'] = '_', ['`'] = '`',   ['|'] = '|',
    ['~'] = '~', ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4',   ['5'] = '5',
    ['6'] = '6', ['7'] = '7', ['8'] = '8', ['9'] = '9', ['A'] = 'a', ['B'] = 'b',   ['C'] = 'c',
    ['D'] = 'd', ['E'] = 'e', ['F'] = 'f', ['G'] = 'g', ['H'] = 'h', ['I'] = 'i',   ['J'] = 'j',
    ['K'] = 'k', ['L'] = 'l', ['M'] = 'm', ['N'] = 'n', ['O'] = 'o', ['P'] = 'p',   ['Q'] = 'q',
    ['R'] = 'r', ['S'] = 's', ['T'] = 't', ['U'] = 'u', ['V'] = 'v', ['W'] = 'w',   ['X'] = 'x',
    ['Y'] = 'y', ['Z'] = 'z', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd',   ['e'] = 'e',
    ['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k',   ['l'] = 'l',
    ['m'] = 'm', ['n'] = 'n', ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r',   ['s'] = 's',
    ['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y',   ['z'] = 'z',
};

bool http_text_is_token(struct str text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!http_text_token[(uint8_t)text.data[i]]) return false;
    return text.length > 0;
}

bool http_text_is_lower_token(struct str text)
{
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        if (byte == 0 || http_text_token[byte] != byte) return false;
    }
    return text.length > 0;
}

/* Are these eight bytes at once from 0x20 to 0x7e? The top bit of x - y is set in the first byte of
 * x that is less than y (and is below 0x80); after an exclusive or, zero bytes are those that are
 * equal. */
static bool are_printable(const char *eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t bytes;

    memcpy(&bytes, eight, sizeof(bytes));
    return (((bytes - ones * 0x20) | ((bytes ^ ones * 0x7f) - ones) | bytes) & tops) == 0;
}

bool http_text_is_value(struct str text)
{
    size_t i = 0;

    while (text.length - i >= 8 && are_printable(text.data + i)) i += 8;
    for (; i < text.length; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return false;
    }
    return true;
}

bool http_text_is_target(struct str text)
{
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        if (byte <= 0x20 || byte >= 0x7f || byte == '#') return false;
    }
    return text.length > 0;
}

static bool is_alphanumeric(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9');
}

static bool is_hex(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f');
}

/* The length of the reg-name or IPv4 address at the front, up to a colon or the end; 0 for none. */
static size_t name_length(struct str text)
{
    size_t i = 0;

    while (i < text.length && text.data[i] != ':') {
        uint8_t byte = (uint8_t)text.data[i];
        if (byte == '%') {
            if (text.length - i < 3 || !is_hex((uint8_t)text.data[i + 1]) ||
                !is_hex((uint8_t)text.data[i + 2]))
                return 0;
            i += 3;
            continue;
        }
        if (!is_alphanumeric(byte) && (byte == 0 || !strchr("-._~!$&'()*+,;=", byte))) return 0;
        i++;
    }
    return i;
}

/* The length of the IP literal at the front, with its brackets; 0 for none. */
static size_t literal_length(struct str text)
{
    size_t end = str_find(text, ']'), colons = 0;
    bool future = text.length > 1 && (text.data[1] | 0x20) == 'v';

    if (end == text.length || end < 3) return 0;
    for (size_t i = 1; i < end; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        bool fine = future ? is_alphanumeric(byte) || (byte && strchr("-._~!$&'()*+,;=:", byte))
                           : is_hex(byte) || byte == ':' || byte == '.';
        if (!fine) return 0;
        colons += byte == ':';
    }
    return future || colons >= 2 ? end + 1 : 0;
}

bool http_text_is_authority(struct str text)
{
    size_t host = text.length > 0 && text.data[0] == '[' ? literal_length(text) : name_length(text);
    uint32_t port = 0;

    if (host == 0) return false;
    if (host == text.length) return true;
    if (text.data[host] != ':') return false;
    for (size_t i = host + 1; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        port = port * 10 + (uint32_t)(text.data[i] - '0');
        if (port > 65535) return false;
    }
    return true;
}
