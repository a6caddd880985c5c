/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of the hosts that a shard has called last, so that a request on a connection that is
 * kept asks no name server. Private to http/https_*.c. */
#ifndef HTTP_HTTPS_NAMES_H
#define HTTP_HTTPS_NAMES_H

#include "http/https_target.h"

/* Names that follow failovers are changed every few seconds. */
enum { HTTPS_NAMES_MAX = 4, HTTPS_NAMES_AGE_US = 5 * 1000 * 1000, HTTPS_NAMES_TEXT_SIZE = 768 };

struct https_name {
    char host[ADDRESS_HOST_SIZE];
    uint16_t port;
    char resolved[HTTPS_NAMES_TEXT_SIZE];
    int64_t until_us; /* monotonic */
};

/* All zeros: none. */
struct https_names {
    struct https_name items[HTTPS_NAMES_MAX];
};

/* What https_target_resolve has found, valid until the next of these calls; NULL: nothing, or not
 * lately. */
const char *https_names_find(const struct https_names *names, const struct https_target *target,
                             int64_t now_us);
/* In place of the oldest. */
void https_names_keep(struct https_names *names, const struct https_target *target,
                      const char *resolved, int64_t now_us);
/* Nobody was reached there. */
void https_names_forget(struct https_names *names, const struct https_target *target);

#endif
