/* SPDX-License-Identifier: Apache-2.0 */
/* What the drivers that read their URLs themselves have in common:
 *
 *     scheme://[user][:password@]host[:port][,host[:port]...][/path][?option=value[&...]]
 *
 * Texts are views of the URL, or in the arena. */
#ifndef STORE_STORE_URL_H
#define STORE_STORE_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/* Splits at the first `separator`; without one the whole is the head and the rest has no data. */
struct str store_url_split(struct str text, char separator, struct str *ret_rest);

/* Undoes percent-encoding (RFC 3986, section 2.1). False if it is broken, or stands for a NUL. */
bool store_url_decode(struct arena *arena, struct str text, const char **ret_text);

/* Takes the user and the password off, which the last @ ends, so that a password may contain an @
 * that is not encoded. Leaves both as they are if there is none. False if store_url_decode is. */
bool store_url_credentials(struct arena *arena, struct str *text, const char **ret_user,
                           const char **ret_password);

/* "host", "host:port" or "[v6]:port" as "host:port". False if the host is missing, or the port is
 * not a number up to 65535. */
bool store_url_host(struct arena *arena, struct str text, int default_port, const char **ret_host);

/* False unless it is a number from `min` to `max`. */
bool store_url_number(const char *text, int64_t min, int64_t max, int64_t *ret_number);

#endif
