/* SPDX-License-Identifier: Apache-2.0 */
/* What a change of an account's sessions writes. Pure: an adapter reads the sessions that a change
 * needs, calls one of these functions, which it may do more than once, and writes the result in one
 * step.
 *
 *     sessions_read(arena, key, found, count, &write);
 *     st = sessions_update(call, &write, change, lifetime);
 *     ... write or remove the rows by their fate, add the endings ...
 *
 * However a session ends, an ending is written with it. Wherever somebody or an account's change ends
 * sessions, and where the role changes, there is also one of the account, for access tokens that belong
 * to no session. */
#ifndef SERVICES_AUTH_AUTH_CHANGE_H
#define SERVICES_AUTH_AUTH_CHANGE_H

#include "services/auth/auth_store.h"

enum { SESSIONS_READ_MAX = 1001 }; /* of one account; AUTH_SESSIONS_MAX is at most 1000 */

enum session_fate { SESSION_KEPT, SESSION_WRITTEN, SESSION_REMOVED };

struct session_row {
    struct session session;
    enum session_fate fate;
};

struct sessions_write {
    const char *key;          /* the account's address in lower case */
    struct session_row *rows; /* those that were read, then at most one new one */
    size_t count;
    /* In order, without numbers. One of an account that the store has already, with the same until_s
     * and the same generation or a later one, need not be added: an account can be asked to end many
     * times a second. */
    struct ending *endings;
    size_t ending_count;
    int removed; /* sessions */
};

/* How long access tokens are valid, and the present second. */
struct access_lifetime {
    int64_t ttl_s, now_s;
};

/* Begins with the sessions that were read: with the device's for an update or removal on one device,
 * else with all of the account, in the order of their devices. */
void sessions_read(struct arena *arena, const char *key, const struct session *found, size_t count,
                   struct sessions_write *ret_write);

/* Is this ending of an account, and not of a session? */
bool ending_is_of_account(const struct ending *ending);

/* auth_store.put: needs all sessions of the account. */
void sessions_put(struct sessions_write *write, const struct session *session, int sessions_max,
                  struct access_lifetime lifetime);
/* auth_store.update: needs the device's. NOT_FOUND (SESSION_NOT_FOUND). */
struct status sessions_update(const struct call *call, struct sessions_write *write,
                              const struct session_change *change, struct access_lifetime lifetime);
/* auth_store.remove: needs the device's, or all. */
void sessions_remove(struct arena *arena, struct sessions_write *write, const char *device_id,
                     const char *except, struct access_lifetime lifetime);
/* auth_store.follow: needs all. */
void sessions_follow(struct arena *arena, struct sessions_write *write,
                     const struct account_news *news, struct access_lifetime lifetime);

#endif
