/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTPS client for external servers (payment providers): whole requests and responses over TLS
 * 1.2 or newer, with certificates verified. The fiber waits while its shard continues; connections
 * are kept and reused on each shard.
 *
 *     st = https_client_new(arena, shards, NULL, &client);           before the shards start
 *     st = https_call(call, client, &request, &answer);
 *     https_client_free(client);                                     after they have been joined
 *
 * Redirects are not followed and no proxy is used, whatever the environment says. http:// URLs are
 * accepted for loopback addresses only, unless the request says that its host may be spoken to in
 * plain text. */
#ifndef HTTP_HTTPS_CLIENT_H
#define HTTP_HTTPS_CLIENT_H

#include "fiber/shard.h"
#include "http/http.h"

struct https_client;

enum { HTTPS_TIMEOUT_MS = 30000, HTTPS_CONNECT_TIMEOUT_MS = 10000, HTTPS_HEADERS_SIZE_MAX = 65536 };

/* `ca_file` NULL: the system's authorities are trusted, else those in this file of PEM. Owned, but
 * in the arena. FAILED_PRECONDITION when libcurl is not installed. */
struct status https_client_new(struct arena *arena, struct shards *shards, const char *ca_file,
                               struct https_client **ret_client);
void https_client_free(struct https_client *client);

/* May https_call be given this URL, or one that starts with it? INVALID_ARGUMENT (SETTING_INVALID)
 * says why not. */
struct status https_url_check(struct arena *arena, const char *url);

struct https_request {
    const char *method; /* "GET", "POST", "PUT"; only POST sends a body */
    const char *url;
    const struct http_headers *headers; /* NULL: none */
    struct str body;
    size_t answer_max;  /* bytes of the response's body */
    int64_t timeout_ms; /* for the whole call; 0: HTTPS_TIMEOUT_MS */
    bool plain;         /* http:// is accepted for any host: the operator has chosen it */
    /* Without this, a request on a connection that the server closes at that moment is sent once
     * more. */
    bool once;
    /* Why the server cannot be reached is in the status's message, with its name, for operators;
     * else it is in the log alone. */
    bool explained;
};

struct https_answer {
    int sends; /* how often it was sent, at least in part; set on failures too */
    int status;
    struct http_headers headers; /* arena */
    struct str body;             /* arena */
};

/* Any HTTP status is OK. DEADLINE_EXCEEDED when it takes too long; CANCELLED; UNAVAILABLE
 * (SERVICE_UNREACHABLE) when there is no connection, it is lost, or its certificate is not trusted;
 * RESOURCE_EXHAUSTED (RESPONSE_TOO_LARGE). After any of these it is unknown whether the server has
 * acted, unless `sends` of the answer is 0. INVALID_ARGUMENT like https_url_check. */
struct status https_call(struct call *call, struct https_client *client,
                         const struct https_request *request, struct https_answer *ret_answer);

#endif
