/* SPDX-License-Identifier: Apache-2.0 */
/* The port: what the auth service wants kept. An adapter fills the table; auth_store_test.c holds
 * each one to it. Addresses are compared without case. */
#ifndef SERVICES_AUTH_AUTH_STORE_H
#define SERVICES_AUTH_AUTH_STORE_H

#include "fiber/call.h"
#include "rpc/service.h"
#include "services/auth/auth.h"

struct auth_store;

/* A change of a session that was just read; `ended` removes it. A failed status leaves the stored
 * one as it was. May run more than once, and on another thread while the call waits. */
struct session_change {
    struct status (*apply)(const struct call *call, struct session *session, void *data);
    void *data;
};

struct auth_store {
    /* Puts a session in the place of the device's old one. Past `sessions_max` the user's least
     * recently used go, and so do some that have expired, anyone's. */
    struct status (*put)(struct call *call, struct auth_store *store, const struct session *session,
                         int sessions_max);
    /* NOT_FOUND (SESSION_NOT_FOUND) if there is none. Reads, changes and writes without anyone
     * between. */
    struct status (*update)(struct call *call, struct auth_store *store, const char *email,
                            const char *device_id, const struct session_change *change);
    /* A user's sessions that have not expired at `now_s`, newest use first. */
    struct status (*list)(struct call *call, struct auth_store *store, const char *email,
                          int64_t now_s, struct session **ret_sessions, size_t *ret_count);
    /* Removes a user's sessions: the one of a device, or all (device_id NULL) but one (`except`,
     * may be NULL). */
    struct status (*remove)(struct call *call, struct auth_store *store, const char *email,
                            const char *device_id, const char *except, int *ret_removed);
    void (*close)(struct auth_store *store);
};

/* Opens the embedded adapter on a file. */
struct status auth_store_sqlite(const struct service_context *context, const char *path,
                                struct auth_store **ret_store);

#endif
