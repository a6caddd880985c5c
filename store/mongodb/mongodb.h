/* SPDX-License-Identifier: Apache-2.0 */
/* MongoDB (4.4 or newer) as a store, over libmongoc, which is loaded when the first URL asks for it.
 *
 *     st = mongodb_new(arena, shards, "mongodb://shop:secret@db/shop?replicaSet=rs0", "user", &db);
 *     st = mongodb_open(call, db);                   UNAVAILABLE while the server is away
 *
 *     command = mongodb_document(call->arena, "{find: 'users', filter: {email: %s}, limit: 1}", mail);
 *     st = mongodb_read(call, db, command, &reply);
 *     st = mongodb_write(call, db, command, &reply);             OK means: kept by a majority
 *
 * Commands and replies are documents (store/mongodb/document.h). A command is one job in the store's
 * lane, whose threads share libmongoc's pool of clients. Deadline and cancellation end the waiting for
 * the server; a call without a deadline, or with a later one, gets MONGODB_TIMEOUT_MS, or
 * MONGODB_READ_TIMEOUT_MS, after which the server counts as unreachable. The server is told the time
 * that is left (maxTimeMS). While it does not answer, a breaker (store/breaker.h) refuses calls at
 * once; its probe does not wait for libmongoc to find a server, which it looks for by itself.
 *
 * Writes are acknowledged by a majority of the replica set with their journals on the disk, and reads
 * see only what a majority has, unless the URL says otherwise, which is then logged as a warning.
 * libmongoc repeats a write once by itself where the connection breaks (retryWrites); the server
 * recognizes the repetition.
 *
 * Errors are translated here: a violated unique index is ALREADY_EXISTS, a conflict with a concurrent
 * change ABORTED (STORE_BUSY), the server's time limit DEADLINE_EXCEEDED, a full disk
 * RESOURCE_EXHAUSTED (STORE_FULL), a server that cannot be reached, or is not the primary, UNAVAILABLE
 * (STORE_UNREACHABLE), everything else INTERNAL. A write that was sent and whose answer was lost, or
 * that a majority has not confirmed in time, is UNAVAILABLE (STORE_OUTCOME_UNKNOWN): the adapter reads
 * again and looks for the change's own mark before it passes that on. It may still take effect, so
 * whatever is repeated is a compare-and-set.
 *
 * The URL is one of libmongoc's, with all of its options (several hosts, replicaSet, tls, tlsCAFile,
 * authSource ...), and its password is never logged. Unless the URL says otherwise: w=majority,
 * journal=true, readConcernLevel=majority, retryWrites=true, serverSelectionTimeoutMS=1000,
 * heartbeatFrequencyMS=500, connectTimeoutMS=1000, socketTimeoutMS=10000, wtimeoutMS=5000, and
 * maxPoolSize=8, which is also the number of commands of this process that are under way at the same
 * time. */
#ifndef STORE_MONGODB_MONGODB_H
#define STORE_MONGODB_MONGODB_H

#include "fiber/call.h"
#include "fiber/shard.h"
#include "store/breaker.h"
#include "store/findings.h"
#include "store/mongodb/document.h"

struct mongodb;

enum {
    MONGODB_TIMEOUT_MS = 10000,
    MONGODB_READ_TIMEOUT_MS = 5000,
    MONGODB_POOL_MAX = 8,       /* unless the URL says otherwise */
    MONGODB_WAITERS_MAX = 1024, /* commands that wait for a thread */
};

/* Reads the URL and loads libmongoc; reaches nobody. `name` is the store's: it names it in messages
 * ("the user service's store") and metrics. INVALID_ARGUMENT (SETTING_INVALID) for a URL that
 * libmongoc refuses or that asks for unacknowledged writes, FAILED_PRECONDITION (SETTING_INVALID) if
 * the library is not installed. Owned. */
struct status mongodb_new(struct arena *arena, struct shards *shards, const char *url,
                          const char *name, struct mongodb **ret_db);

/* Connects once, and checks the server's version. UNAVAILABLE if it is not there (STORE_UNREACHABLE),
 * or if user, password or a certificate are refused (STORE_REFUSED): call it again later; its message
 * is for operators and names the server. FAILED_PRECONDITION if it is too old. */
struct status mongodb_open(struct call *call, struct mongodb *db);

/* Adds the server's version, and a warning for each option of the URL with which acknowledged changes
 * may be lost. The same errors. */
struct status mongodb_check(struct call *call, struct mongodb *db, struct store_findings *findings);

/* Call it after the shards have been joined. */
void mongodb_close(struct mongodb *db);

/* What the breakers of the shards share. */
struct breaker_news *mongodb_news(struct mongodb *db);

/* The database of the URL's path; without one, `fallback`. Commands go there from now on; call it
 * before mongodb_open. The default is the store's name. */
void mongodb_use(struct mongodb *db, const char *database);
const char *mongodb_url_database(const struct mongodb *db, const char *fallback);

/* Runs a command that changes nothing. The reply's bytes are in the call's arena. */
struct status mongodb_read(struct call *call, struct mongodb *db, struct str command,
                           struct str *ret_reply);

/* Runs insert, update, delete or findAndModify. A command that changed nothing because its filter
 * found nothing is OK: look at n, nModified or value of the reply. */
struct status mongodb_write(struct call *call, struct mongodb *db, struct str command,
                            struct str *ret_reply);

/* Runs a command that makes or drops collections and indexes; OK if what it drops does not exist. */
struct status mongodb_define(struct call *call, struct mongodb *db, struct str command);

/* Deletes the whole database that is in use. For tests. */
struct status mongodb_drop(struct call *call, struct mongodb *db);

#endif
