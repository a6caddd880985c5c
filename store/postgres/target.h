/* SPDX-License-Identifier: Apache-2.0 */
/* The URL of a PostgreSQL store: libpq's options, and ours. Private to this folder. */
#ifndef STORE_POSTGRES_TARGET_H
#define STORE_POSTGRES_TARGET_H

#include "store/postgres/library.h"

enum { POSTGRES_HOSTS_MAX = 8, POSTGRES_OPTIONS_MAX = 64 };

struct postgres_host {
    const char *host; /* a name, an address, or the folder of a Unix socket; "": libpq's default */
    const char *address; /* its IP address, if the URL gives it (hostaddr), else "" */
    const char *port;    /* "": the default */
};

struct postgres_target {
    struct postgres_host hosts[POSTGRES_HOSTS_MAX];
    size_t host_count;
    /* libpq's options except host, hostaddr and port, ended by NULL. */
    const char *keywords[POSTGRES_OPTIONS_MAX + 1], *values[POSTGRES_OPTIONS_MAX + 1];
    size_t option_count;
    int64_t connect_timeout_ms; /* for one host */
    int pool_max;
    const char *schema;
    bool pgbouncer;
};

/* Everything in the arena. INVALID_ARGUMENT (SETTING_INVALID), without the URL's password. */
struct status postgres_target_parse(struct arena *arena, const struct postgres_library *library,
                                    const char *url, const char *name,
                                    struct postgres_target *ret_target);

#endif
