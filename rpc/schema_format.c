/* SPDX-License-Identifier: Apache-2.0 */
/* Checks the forms of text that field rules can require. ASCII only, and independent of the
 * locale. */
#include "rpc/schema_format.h"

#include <arpa/inet.h>

enum { EMAIL_MAX = 254, EMAIL_LOCAL_MAX = 64, HOSTNAME_MAX = 253, LABEL_MAX = 63 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alphanumeric(char c)
{
    return is_digit(c) || is_letter(c);
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static struct str slice(struct str text, size_t from, size_t to)
{
    return str_sized(text.data + from, to - from);
}

/* A dot-atom: atoms that are joined by single dots. */
static bool is_local_part(struct str text)
{
    char before = '.';

    if (text.length == 0 || text.length > EMAIL_LOCAL_MAX) return false;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (c == '.' && before == '.') return false;
        if (c != '.' && !is_alphanumeric(c) && !is_one_of(c, "!#$%&'*+/=?^_`{|}~-")) return false;
        before = c;
    }
    return before != '.';
}

bool format_is_email(struct str text)
{
    size_t at = str_find(text, '@');

    if (text.length > EMAIL_MAX || at == text.length || text.data[text.length - 1] == '.')
        return false;
    return is_local_part(slice(text, 0, at)) &&
           format_is_hostname(slice(text, at + 1, text.length));
}

static bool is_label(struct str label, bool *ret_only_digits)
{
    bool only_digits = true;

    if (label.length == 0 || label.length > LABEL_MAX) return false;
    if (label.data[0] == '-' || label.data[label.length - 1] == '-') return false;
    for (size_t i = 0; i < label.length; i++) {
        if (!is_alphanumeric(label.data[i]) && label.data[i] != '-') return false;
        only_digits = only_digits && is_digit(label.data[i]);
    }
    *ret_only_digits = only_digits;
    return true;
}

bool format_is_hostname(struct str text)
{
    bool only_digits = true;

    if (text.length > 0 && text.data[text.length - 1] == '.') text.length--;
    if (text.length == 0 || text.length > HOSTNAME_MAX) return false;
    for (size_t start = 0; start <= text.length;) {
        size_t end = start;
        while (end < text.length && text.data[end] != '.') end++;
        if (!is_label(slice(text, start, end), &only_digits)) return false;
        start = end + 1;
    }
    return !only_digits;
}

bool format_is_ip(struct str text)
{
    char address[INET6_ADDRSTRLEN];
    uint8_t binary[16];

    if (text.length == 0 || text.length >= sizeof(address) || str_find(text, '\0') < text.length)
        return false;
    memcpy(address, text.data, text.length);
    address[text.length] = '\0';
    return inet_pton(AF_INET, address, binary) == 1 || inet_pton(AF_INET6, address, binary) == 1;
}

/* Only characters that RFC 3986, section 2, allows in paths and queries; every % begins an escape.
 */
static bool has_uri_characters(struct str text)
{
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (c == '%') {
            if (text.length - i < 3 || !is_hex(text.data[i + 1]) || !is_hex(text.data[i + 2]))
                return false;
        } else if (!is_alphanumeric(c) && !is_one_of(c, "-._~!$&'()*+,;=:@/?")) {
            return false;
        }
    }
    return true;
}

/* host, host:port or [v6]:port, after any user information. */
static bool is_authority(struct str text)
{
    size_t start = str_find(text, '@'), port;
    struct str host;

    start = start == text.length ? 0 : start + 1;
    if (!has_uri_characters(slice(text, 0, start))) return false;
    host = slice(text, start, text.length);
    if (host.length > 0 && host.data[0] == '[') {
        port = str_find(host, ']');
        if (port == host.length || !format_is_ip(slice(host, 1, port))) return false;
        port++;
    } else {
        port = str_find(host, ':');
        if (!has_uri_characters(slice(host, 0, port)) || str_find(host, '@') < host.length)
            return false;
    }
    if (port == host.length) return true;
    if (host.data[port] != ':') return false;
    for (size_t i = port + 1; i < host.length; i++)
        if (!is_digit(host.data[i])) return false;
    return true;
}

bool format_is_uri(struct str text)
{
    size_t colon = str_find(text, ':'), fragment = str_find(text, '#'), end;
    struct str rest;

    if (colon == 0 || colon == text.length || !is_letter(text.data[0])) return false;
    for (size_t i = 0; i < colon; i++)
        if (!is_alphanumeric(text.data[i]) && !is_one_of(text.data[i], "+-.")) return false;
    if (fragment < text.length && !has_uri_characters(slice(text, fragment + 1, text.length)))
        return false;
    rest = slice(text, colon + 1, fragment);
    if (rest.length < 2 || memcmp(rest.data, "//", 2) != 0) return has_uri_characters(rest);

    for (end = 2; end < rest.length && rest.data[end] != '/' && rest.data[end] != '?';) end++;
    return is_authority(slice(rest, 2, end)) && has_uri_characters(slice(rest, end, rest.length));
}

bool format_is_uuid(struct str text)
{
    if (text.length != 36) return false;
    for (size_t i = 0; i < text.length; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (hyphen ? text.data[i] != '-' : !is_hex(text.data[i])) return false;
    }
    return true;
}
