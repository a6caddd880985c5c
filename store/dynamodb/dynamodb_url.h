/* SPDX-License-Identifier: Apache-2.0 */
/* The URL of a store on DynamoDB:
 *
 *     dynamodb://[host[:port]]/[?option=value&...]
 *
 * Without a host it is AWS's own endpoint in the region. Options:
 *
 *     region=NAME      else as AWS's tools find it (store/dynamodb/settings.h)
 *     prefix=TEXT      stands before the name of every table ("")
 *     tls=off          the host is spoken to in plain text: for DynamoDB Local
 *     cafile=PATH      the authorities that sign the host's certificate, in place of the system's
 *     timeout=MS       how long one request may take (2000); a call may repeat it
 *     connections=N    for each shard at most (16), and so many requests under way
 *
 * There are no secrets in it: credentials are found as AWS's tools find them. Private to
 * store/dynamodb, and for its tests. */
#ifndef STORE_DYNAMODB_DYNAMODB_URL_H
#define STORE_DYNAMODB_DYNAMODB_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

enum { DYNAMODB_CONNECTIONS_MAX = 16 };

struct dynamodb_url {
    const char *host; /* "host" or "host:port"; "": AWS's own */
    const char *region, *prefix, *cafile;
    bool plain;
    int64_t timeout_ms;
    int connections;
};

/* INVALID_ARGUMENT (SETTING_INVALID), with a message that says what is wrong. The texts are in the
 * arena. */
struct status dynamodb_url_parse(struct arena *arena, const char *text,
                                 struct dynamodb_url *ret_url);

/* Is it a region's name, which becomes a part of the endpoint's? */
bool dynamodb_is_region(const char *text);

#endif
