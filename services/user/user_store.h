/* SPDX-License-Identifier: Apache-2.0 */
/* The port: what the user service needs of its storage. An adapter fills the table;
 * user_store_test.c holds each adapter to it. */
#ifndef SERVICES_USER_USER_STORE_H
#define SERVICES_USER_USER_STORE_H

#include "events/events_store.h"
#include "events/idempotency.h"
#include "fiber/call.h"
#include "rpc/service.h"
#include "services/user/user.h"

struct user_store;

/* A change of an account that was just read; a failed status leaves the stored one as it was. May
 * run more than once, and on another thread while the call waits. */
struct account_change {
    struct status (*apply)(const struct call *call, struct account *account, void *data);
    void *data;
    const char *device_id; /* the device on which the password is changed; NULL: none */
};

/* A sign-up that may be repeated: its idempotency record is written with the account. */
struct account_request {
    struct idempotency idempotency;
    /* Makes the answer to keep, if there is a key. Runs on another thread. */
    struct str (*answer)(struct arena *arena, const struct account *account);
    struct str replayed; /* set by the store for a repeated request: its first answer (nothing was
                            changed); else data is NULL */
};

struct user_store {
    /* NOT_FOUND (USER_NOT_FOUND) if the address has no account, deleted ones included. */
    struct status (*find)(struct call *call, struct user_store *store, const char *email,
                          struct account **ret_account);
    /* ALREADY_EXISTS (USER_EXISTS) if the address has an account, even a deleted one;
     * FAILED_PRECONDITION (IDEMPOTENCY_KEY_REUSED). `request` may be NULL: no idempotency. */
    struct status (*insert)(struct call *call, struct user_store *store,
                            const struct account *account, struct account_request *request);
    /* The first answer to a repeated request; data NULL if the request is new or has no key.
     * FAILED_PRECONDITION (IDEMPOTENCY_KEY_REUSED). */
    struct status (*replay)(struct call *call, struct user_store *store,
                            const struct idempotency *idempotency, struct str *ret_answer);
    /* Reads, changes and writes in one transaction. A new role, status or password and a deletion
     * are published on the topic user-events. */
    struct status (*update)(struct call *call, struct user_store *store, const char *email,
                            const struct account_change *change, struct account **ret_account);
    /* Accounts in the order of their keys, after the key `after` ("": from the start), with `role`
     * ("": any). */
    struct status (*list)(struct call *call, struct user_store *store, const char *after,
                          const char *role, int limit, struct account **ret_accounts,
                          size_t *ret_count);
    void (*close)(struct user_store *store);

    struct events_store events;
};

/* Opens the embedded adapter on a file. */
struct status user_store_sqlite(const struct service_context *context, const char *path,
                                struct user_store **ret_store);

#endif
