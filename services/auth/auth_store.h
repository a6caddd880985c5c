/* SPDX-License-Identifier: Apache-2.0 */
/* The port: what the auth service needs of its storage. An adapter fills the table;
 * auth_store_test.c holds each adapter to it. Addresses are compared without case. */
#ifndef SERVICES_AUTH_AUTH_STORE_H
#define SERVICES_AUTH_AUTH_STORE_H

#include "events/events_store.h"
#include "fiber/call.h"
#include "rpc/service.h"
#include "services/auth/auth.h"

struct auth_store;

/* What a store without transactions has to read of an account before it can change it, for a cache
 * to keep. Never believed: a change that begins with it takes effect only if the account is still
 * exactly as it says, and otherwise the account is read. */
struct account_memory {
    struct str text; /* only for the store; data NULL: nothing is known */
    enum { MEMORY_ABSENT, MEMORY_HELD, MEMORY_OUTDATED } fate;
};

/* A change of a session that was just read; `ended` removes it. A failed status leaves the stored
 * one as it was. May run more than once, and on another thread while the call waits. */
struct session_change {
    struct status (*apply)(const struct call *call, struct session *session, void *data);
    void *data;
    /* What is remembered of the account, and afterwards what to remember; NULL: nothing. */
    struct account_memory *memory;
};

/* The end of a session or of its older access tokens; kept until the last of these has expired. */
struct ending {
    int64_t number;     /* increases with each ending */
    const char *family; /* of the session; or "account:ann@example.com", for tokens without one */
    int64_t generation; /* tokens of earlier generations are revoked; INT64_MAX: all tokens. Of an
                           account: tokens that were issued before this second */
    int64_t until_s;    /* when the last of them expires */
};

/* What has changed in an account, by the user service's event. */
struct account_news {
    const struct event *event;
    const char *email, *role;
    bool gone;                   /* blocked or deleted: all its sessions end */
    int64_t password_changed_us; /* sessions that last checked an older password end, */
    const char *changed_on;      /* except the one on this device; "": none */
    int64_t role_changed_us;     /* tokens of no session that are older end; 0: of the same role */
};

/* However a session ends, the same transaction writes an ending. Wherever somebody or an account's
 * change ends sessions, and where the account's role changes, it also writes one of the account, for
 * access tokens that belong to no session: those that the existing system has issued. */
struct auth_store {
    /* Stores a session in place of the device's old one. Removes the user's least recently used
     * beyond `sessions_max`, and some expired sessions of anyone. */
    struct status (*put)(struct call *call, struct auth_store *store, const struct session *session,
                         int sessions_max);
    /* Reads, changes and writes in one transaction. NOT_FOUND (SESSION_NOT_FOUND). */
    struct status (*update)(struct call *call, struct auth_store *store, const char *email,
                            const char *device_id, const struct session_change *change);
    /* A user's sessions that have not expired at `now_s`, the most recently used first. */
    struct status (*list)(struct call *call, struct auth_store *store, const char *email,
                          int64_t now_s, struct session **ret_sessions, size_t *ret_count);
    /* Removes a user's session on one device, or all of the user's sessions (device_id NULL) except
     * the one on the device `except` (may be NULL). */
    struct status (*remove)(struct call *call, struct auth_store *store, const char *email,
                            const char *device_id, const char *except, int *ret_removed);
    /* Ends the account's sessions that the change rules out. Gives the others its role; a new role
     * begins a new generation of access tokens. Applied once for each event. */
    struct status (*follow)(struct call *call, struct auth_store *store,
                            const struct account_news *news);
    /* At most `max` endings after number `after` that still matter at `now_s`, in order. *ret_last
     * is the number of the newest ending that there ever was. */
    struct status (*endings)(struct call *call, struct auth_store *store, int64_t after,
                             int64_t now_s, size_t max, struct ending **ret_endings,
                             size_t *ret_count, int64_t *ret_last);
    /* Calls fn(data) after every commit with endings, on any thread. Set once, before serving
     * starts. */
    void (*on_ending)(struct auth_store *store, void (*fn)(void *data), void *data);
    /* Connects a store whose engine is another process (service_module.open); NULL: embedded. */
    struct status (*open)(struct call *call, struct auth_store *store);
    /* Likewise, service_module.check; NULL: there is nothing to say. */
    struct status (*check)(struct call *call, struct auth_store *store,
                           struct store_findings *findings);
    void (*close)(struct auth_store *store);

    bool remembers;       /* `update` makes use of an account_memory */
    int64_t access_ttl_s; /* the lifetime of an access token; set by the service before serving */
    struct events_store events; /* its inbox is for the events of accounts */
};

/* Opens the embedded adapter on a file. */
struct status auth_store_sqlite(const struct service_context *context, const char *path,
                                struct auth_store **ret_store);

/* Makes the adapter for MongoDB from a URL; it reaches nobody before `open`. */
struct status auth_store_mongodb(const struct service_context *context, const char *url,
                                 struct auth_store **ret_store);

#endif
