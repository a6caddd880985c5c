/* SPDX-License-Identifier: Apache-2.0 */
/* Set-Cookie values (RFC 6265, section 4.1). Pure. */
#ifndef GATEWAY_COOKIES_H
#define GATEWAY_COOKIES_H

#include "base/arena.h"
#include "base/str.h"

/* The same cookie without its Secure attribute; the view itself when it has none. */
struct str cookie_without_secure(struct arena *arena, struct str cookie);

/* The name of the cookie that a Set-Cookie value sets; empty if it is malformed. */
struct str cookie_name(struct str cookie);

#endif
