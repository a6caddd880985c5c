/* SPDX-License-Identifier: Apache-2.0 */
/* The document of an account's sessions in the collection `refresh_tokens`:
 *
 *     _id            the account's address in lower case
 *     sessions       one for each device, with the hash of its refresh token's claims; never a token
 *     touchedUs      when it was last changed
 *     argosy         version, marks, inbox (events/mongodb/events_mongodb.h), and
 *         endings          those that are not in the collection `endings` yet
 *         accountEnding    the newest of the account itself
 *
 * The existing system's documents in that collection have an ObjectId as their _id and are not read: whoever
 * was logged in there logs in again. */
#ifndef SERVICES_AUTH_MONGODB_AUTH_DOCUMENT_H
#define SERVICES_AUTH_MONGODB_AUTH_DOCUMENT_H

#include "services/auth/auth_change.h"
#include "store/mongodb/document.h"

/* All sessions of a document, in the order of their devices; views of its bytes. */
struct session *auth_document_sessions(struct arena *arena, struct str document, size_t *ret_count);

/* The sessions that are there after a change: those that it did not read, and those of its rows that it did
 * not remove. */
struct str auth_document_after(struct arena *arena, const struct session *all, size_t count,
                               const struct sessions_write *write);

/* The endings that a change adds, but for one of the account that the document has already; data NULL:
 * none. *ret_account is the newest of the account, data NULL: as before. */
struct str auth_document_endings(struct arena *arena, struct str document,
                                 const struct sessions_write *write, struct str *ret_account);

#endif
