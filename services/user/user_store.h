/* SPDX-License-Identifier: Apache-2.0 */
/* The port: what the user service needs of its storage. An adapter fills the table;
 * user_store_test.c holds each adapter to it. */
#ifndef SERVICES_USER_USER_STORE_H
#define SERVICES_USER_USER_STORE_H

#include "events/change.h"
#include "events/events_store.h"
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
    struct change_cause cause;
};

/* What an adapter writes. */
struct account_write {
    struct account account;
    struct change_record record;
};

/* Applies a change to the account that was read into write->account. A new role, status or password
 * and a deletion become an event on the topic user-events. Pure; for adapters, which may call it
 * more than once. */
struct status account_decide(const struct call *call, const struct account_change *change,
                             struct account_write *write);

/* A new account. */
struct account_creation {
    const struct account *account;
    struct change_cause cause;
    struct change_record record;
};

struct user_store {
    /* NOT_FOUND (USER_NOT_FOUND) if the address has no account, deleted ones included. */
    struct status (*find)(struct call *call, struct user_store *store, const char *email,
                          struct account **ret_account);
    /* ALREADY_EXISTS (USER_EXISTS) if the address has an account, even a deleted one. Does nothing
     * if the cause took effect before. FAILED_PRECONDITION (IDEMPOTENCY_KEY_REUSED). */
    struct status (*insert)(struct call *call, struct user_store *store,
                            const struct account_creation *creation);
    /* Sets request->replayed: the first answer to a repeated request; its data stays NULL if the
     * request is new or has no key. FAILED_PRECONDITION (IDEMPOTENCY_KEY_REUSED). */
    struct status (*replay)(struct call *call, struct user_store *store,
                            struct change_request *request);
    /* Reads, changes and writes in one transaction. */
    struct status (*update)(struct call *call, struct user_store *store, const char *email,
                            const struct account_change *change, struct account **ret_account);
    /* Accounts in the order of their keys, after the key `after` ("": from the start), with `role`
     * ("": any). */
    struct status (*list)(struct call *call, struct user_store *store, const char *after,
                          const char *role, int limit, struct account **ret_accounts,
                          size_t *ret_count);
    /* Connects a store whose engine is another process (service_module.open); NULL: embedded. */
    struct status (*open)(struct call *call, struct user_store *store);
    /* Likewise, service_module.check; NULL: there is nothing to say. */
    struct status (*check)(struct call *call, struct user_store *store,
                           struct store_findings *findings);
    void (*close)(struct user_store *store);

    struct events_store events;
};

/* Opens the embedded adapter on a file. */
struct status user_store_sqlite(const struct service_context *context, const char *path,
                                struct user_store **ret_store);

/* Makes the adapter for MongoDB from a URL; it reaches nobody before `open`. */
struct status user_store_mongodb(const struct service_context *context, const char *url,
                                 struct user_store **ret_store);

#endif
