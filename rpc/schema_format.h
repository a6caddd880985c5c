/* SPDX-License-Identifier: Apache-2.0 */
/* The forms of text that field rules can require. Pure. */
#ifndef RPC_SCHEMA_FORMAT_H
#define RPC_SCHEMA_FORMAT_H

#include <stdbool.h>

#include "base/str.h"

/* local@domain as mail servers accept it (RFC 5321, section 4.1.2, without quoted strings, comments
 * and address literals): a local part of up to 64 characters, a host name, up to 254 characters in
 * all. */
bool format_is_email(struct str text);

/* RFC 1123, section 2.1: labels of up to 63 letters, digits and inner hyphens, up to 253
 * characters; the last label is not all digits; it may end with one dot. */
bool format_is_hostname(struct str text);

/* An IPv4 address in dotted decimals or an IPv6 address (RFC 4291, section 2.2), without zone or
 * port. */
bool format_is_ip(struct str text);

/* An absolute URI (RFC 3986): a scheme, then only characters that a URI may contain, with
 * well-formed escapes. */
bool format_is_uri(struct str text);

/* 8-4-4-4-12 hexadecimal digits (RFC 9562). */
bool format_is_uuid(struct str text);

#endif
