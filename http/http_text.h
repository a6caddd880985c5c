/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of text against HTTP's character classes (RFC 9110, section 5.6; RFC 3986). Private to
 * http/; pure. */
#ifndef HTTP_HTTP_TEXT_H
#define HTTP_HTTP_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* The lower-case form of a token character, 0 for every other byte. */
extern const uint8_t http_text_token[256];

bool http_text_is_token(struct str text); /* at least one character, all of them token characters */
bool http_text_is_lower_token(struct str text); /* a token without A-Z */

/* A header's value: no control characters but HTAB. */
bool http_text_is_value(struct str text);

/* The path and query of a request target: printable ASCII without space and `#`. */
bool http_text_is_target(struct str text);

/* host or host:port as Host and :authority carry it (RFC 3986, section 3.2): a name or address with
 * well-formed percent-encoding, or an IP literal in brackets; no user information, not empty; the
 * port at most 65535 or absent. */
bool http_text_is_authority(struct str text);

#endif
