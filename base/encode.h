/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648, sections 4 and 5), hexadecimal and percent-encoding (RFC 3986, section 2.1). */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* With padding. */
struct str base64_encode(struct arena *arena, struct str data);
/* Accepts both alphabets, with or without padding, as the proto3 JSON mapping requires; false on
 * anything else.
 */
bool base64_decode(struct arena *arena, struct str text, struct str *ret_data);
/* base64url without padding, as JOSE uses it. */
struct str base64url_encode(struct arena *arena, struct str data);
/* base64url without padding, canonical (unused bits zero); false on anything else. */
bool base64url_decode(struct arena *arena, struct str text, struct str *ret_data);

/* Two lower-case digits per byte. */
struct str hex_encode(struct arena *arena, struct str data);
bool hex_decode(struct arena *arena, struct str text, struct str *ret_data);

/* Decodes %XX; with `plus`, also + as a space (query strings). False on a broken escape. */
bool percent_decode(struct arena *arena, struct str text, bool plus, struct str *ret_data);
/* Encodes everything but the unreserved characters. */
struct str percent_encode(struct arena *arena, struct str data);

#endif
