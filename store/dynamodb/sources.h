/* SPDX-License-Identifier: Apache-2.0 */
/* Asks for credentials wherever the settings say that there are some. Private to store/dynamodb,
 * and for its tests. */
#ifndef STORE_DYNAMODB_SOURCES_H
#define STORE_DYNAMODB_SOURCES_H

#include "fiber/lane.h"
#include "http/https_client.h"
#include "store/dynamodb/settings.h"

struct sources {
    const struct settings *settings;
    struct https_client *client; /* NULL: nobody is asked over HTTP */
    struct lane *lane;           /* for files */
};

/* Any error, with a message for operators that has no secret in it. */
struct status sources_ask(struct call *call, const struct sources *sources, struct keys *ret_keys);

/* May this URL of a container's credentials be asked in plain text? It must be https, or an address
 * of this machine, or one of those that AWS gives to its agents. */
bool sources_is_container_url(struct arena *arena, const char *url);

/* Reads what a container's or a machine's endpoint has answered. False if it is no credentials.
 * Pure. */
bool sources_parse(struct arena *arena, struct str json, struct keys *ret_keys);
/* The same of STS's answer in XML. */
bool sources_parse_sts(struct arena *arena, struct str xml, struct keys *ret_keys);

#endif
