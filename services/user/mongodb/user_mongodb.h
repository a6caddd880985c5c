/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts in MongoDB, for the files of this folder.
 *
 * The collection `users` has the members of the existing system, and is the truth. What that system
 * keeps elsewhere or does not know is in the member `argosy`:
 *
 *     key                       the address in lower case; unique; documents without one are not ours
 *     version, marks, outbox, inbox, requests    of the change (events/mongodb/events_mongodb.h)
 *     name, phone, address, avatarUrl
 *     createdUs, updatedUs, passwordChangedUs    in microseconds, beside the dates
 *     behind                    `customers` lacks what this document has
 *
 * The collection `customers` is kept in step for others who read it; this service does not. It is
 * written after `users`, and what a process that ended in between left behind is written by the
 * sweeper. Addresses that several documents of the existing system share, but for their case, are in
 * `argosy_collisions`: nobody may sign up with one. */
#ifndef SERVICES_USER_MONGODB_USER_MONGODB_H
#define SERVICES_USER_MONGODB_USER_MONGODB_H

#include "events/mongodb/events_mongodb.h"
#include "services/user/user_store.h"

/* An account and where it is. */
struct user_document {
    struct str bytes;
    struct mongodb_id id;
    int64_t version;
    struct account account; /* views of the bytes */
};

/* The document of an account. */
void user_document_read(struct str bytes, struct user_document *ret_document);

/* The document of a new account. */
struct str user_document_new(const struct call *call, const struct account *account,
                             struct mongodb_id id, const struct change_mongodb_new *added);

/* What a change sets in an account's document. `behind`: also something that `customers` has. */
struct str user_document_set(const struct call *call, const struct account *account, bool behind);

/* Do the two differ in what `customers` has? */
bool user_document_differs(const struct account *a, const struct account *b);

/* Brings `customers` in step with a document that was read or written with this version. */
struct status user_mirror(struct call *call, struct mongodb *db,
                          const struct user_document *document);
/* Brings some documents in step that were left behind; *ret_more if there may be others. */
struct status user_mirror_left(struct call *call, struct mongodb *db, bool *ret_more);

/* Makes the indexes, and takes over the documents of the existing system. Logs the addresses that
 * collide. */
struct status user_mongodb_prepare(struct call *call, struct mongodb *db);
/* FAILED_PRECONDITION (STORE_NOT_PREPARED) unless the store was prepared, (STORE_NEWER) if it was by a
 * newer program. */
struct status user_mongodb_check(struct call *call, struct mongodb *db);

/* Do several documents of the existing system share this key? */
struct status user_mongodb_collides(struct call *call, struct mongodb *db, const char *key,
                                    bool *ret_collides);

/* Deletes the store's database. For tests. */
struct status user_mongodb_drop(struct call *call, struct user_store *store);

#endif
