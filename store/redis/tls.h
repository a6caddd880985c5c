/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of a client over any byte stream: bytes go in and come out through memory. TLS 1.2 or newer;
 * the server's certificate and its name or address are always verified. Private to store/redis.
 *
 *     tls_feed(tls, data, size);                     what came from the peer
 *     tls_read(tls, text, sizeof(text), &count);     as long as it finds something
 *     tls_write(tls, data, size);                    once tls_is_ready
 *     tls_take(tls, &out);                           what must be sent to the peer, after each of these
 */
#ifndef STORE_REDIS_TLS_H
#define STORE_REDIS_TLS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

struct tls_context;
struct tls;

/* Certificates and rules for all connections to one server. Owned. `cafile` "": the system's
 * authorities; `certfile` "": none of our own. Blocks, as it reads files. FAILED_PRECONDITION
 * (SETTING_INVALID), which names the file. */
struct status tls_context_new(struct arena *arena, const char *cafile, const char *certfile,
                              const char *keyfile, struct tls_context **ret_context);
void tls_context_free(struct tls_context *context);

/* A connection to `host`, a name or an IP address; the handshake begins at once. Owned. */
struct tls *tls_new(struct tls_context *context, const char *host);
void tls_free(struct tls *tls);

void tls_feed(struct tls *tls, const void *data, size_t size);
/* Goes on with the handshake, then reads. False if the connection has failed; *ret_count is 0 if
 * there is nothing to read now. */
bool tls_read(struct tls *tls, void *ret_data, size_t size, size_t *ret_count);
/* Is the handshake over? */
bool tls_is_ready(const struct tls *tls);
bool tls_write(struct tls *tls, const void *data, size_t size);
/* Moves what is to be sent to the end of `out`. */
void tls_take(struct tls *tls, struct buffer *out);
/* Has the server's certificate or ours been refused? */
bool tls_is_refused(const struct tls *tls);
/* Why it has failed, for the log, and what to do if it is refused. */
const char *tls_error(const struct tls *tls);

#endif
