/* SPDX-License-Identifier: Apache-2.0 */
/* The port: what the auth service wants kept. An adapter fills the table; auth_store_test.c holds
 * each one to it. Addresses are compared without case. */
#ifndef SERVICES_AUTH_AUTH_STORE_H
#define SERVICES_AUTH_AUTH_STORE_H

#include "events/events_store.h"
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

/* A session that has ended, or of which older access tokens have: kept until no access token of it
 * can be good any more. */
struct ending {
    int64_t number;     /* grows with each */
    const char *family; /* of the session */
    int64_t generation; /* tokens of earlier ones are over; INT64_MAX: all are */
    int64_t until_s;
};

/* What has become of an account, as the user service tells it. */
struct account_news {
    const struct event *event;
    const char *email, *role;
    bool gone;                   /* blocked or deleted: all its sessions end */
    int64_t password_changed_us; /* sessions that were vouched for before it end, */
    const char *changed_on;      /* but for the one on this device; "" none */
};

/* Every way for a session to end leaves an ending in the same transaction. */
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
    /* Ends the sessions of an account that the news do not allow any more, and gives the others its
     * role, with which a new generation of access tokens begins. Once for each event. */
    struct status (*follow)(struct call *call, struct auth_store *store,
                            const struct account_news *news);
    /* Endings after `after` that still matter at `now_s`, in order, at most `max`. *ret_last is the
     * number of the newest that there ever was. */
    struct status (*endings)(struct call *call, struct auth_store *store, int64_t after,
                             int64_t now_s, size_t max, struct ending **ret_endings,
                             size_t *ret_count, int64_t *ret_last);
    /* fn(data) after every commit with endings; on any thread. Once, before serving starts. */
    void (*on_ending)(struct auth_store *store, void (*fn)(void *data), void *data);
    void (*close)(struct auth_store *store);

    int64_t access_ttl_s; /* set by the service before serving: how long an access token is good */
    struct events_store *events; /* for the news of accounts */
};

/* Opens the embedded adapter on a file. */
struct status auth_store_sqlite(const struct service_context *context, const char *path,
                                struct auth_store **ret_store);

#endif
