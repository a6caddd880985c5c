/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the sessions of one account on MongoDB. They are one document of `refresh_tokens`, and each
 * change is a compare-and-set on its version:
 *
 *     struct auth_job job = {.store = store, .key = address, .decide = decide_put, .data = session};
 *     st = auth_mongodb_change(call, &job);
 */
#ifndef SERVICES_AUTH_MONGODB_AUTH_CHANGE_MONGODB_H
#define SERVICES_AUTH_MONGODB_AUTH_CHANGE_MONGODB_H

#include "events/mongodb/events_mongodb.h"
#include "services/auth/auth_change.h"
#include "services/auth/auth_store.h"

struct mongodb_auth_store {
    struct auth_store port; /* first */
    struct mongodb *db;
    struct mongodb_sequence endings;
    struct events_sweeper sweeper;
    bool prepares;
};

struct auth_job {
    struct mongodb_auth_store *store;
    const char *key, *device_id; /* device_id NULL: all of the account's sessions are read */
    struct change_cause cause;
    struct change_mongodb_mark mark;
    struct sessions_write write;
    /* Fills `write`; a failed status changes nothing. May run more than once. */
    struct status (*decide)(const struct call *call, struct auth_job *job,
                            struct access_lifetime lifetime);
    const void *data;
    struct account_memory *memory; /* NULL: none */
    const char *except;
    int sessions_max;
};

/* The account's document; data NULL: it has none. `key`: the address in lower case. */
struct status auth_mongodb_read(struct call *call, struct mongodb_auth_store *store,
                                const char *key, struct str *ret_document);

/* Makes the change, once. UNAVAILABLE (STORE_OUTCOME_UNKNOWN) if it is not known whether it was
 * made. */
struct status auth_mongodb_change(struct call *call, struct auth_job *job);

#endif
