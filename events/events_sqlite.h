/* SPDX-License-Identifier: Apache-2.0 */
/* Outbox, inbox, dead letters and idempotency records in a service's own SQLite database: the
 * adapters of the ports in events_store.h, and what a service calls inside its jobs.
 *
 *     static const char *const migrations[] = {"CREATE TABLE ...;", EVENTS_SQLITE_SCHEMA,
 *                                              EVENTS_SQLITE_KEYS_COUNTED, 0};
 *
 *     static struct status update_job(const struct call *call, struct sqlite_tx *tx, void *data)
 *     {
 *         st = change_sqlite_begin(tx, &change->cause, &fresh);
 *         if (failed(st) || !fresh) return st;          refused, or has taken effect before
 *         ... read the order, let the domain decide, write its rows ...
 *         return change_sqlite_end(tx, &change->cause, &record);
 *     } */
#ifndef EVENTS_EVENTS_SQLITE_H
#define EVENTS_EVENTS_SQLITE_H

#include "events/change.h"
#include "events/events_store.h"
#include "rpc/service.h"
#include "store/sqlite/sqlite.h"

/* One migration, for the service's own table of migrations; it never changes once released.
 *
 * The outbox has the columns that Debezium's outbox event router reads (id, aggregatetype,
 * aggregateid, type, payload), with the topic as aggregatetype: route.topic.replacement is
 * ${routedByValue}. */
#define EVENTS_SQLITE_SCHEMA                                                \
    "CREATE TABLE outbox ("                                                 \
    "  seq INTEGER PRIMARY KEY AUTOINCREMENT,"                              \
    "  id TEXT NOT NULL,"                                                   \
    "  aggregatetype TEXT NOT NULL,"                                        \
    "  aggregateid TEXT NOT NULL,"                                          \
    "  type TEXT NOT NULL,"                                                 \
    "  payload BLOB NOT NULL,"                                              \
    "  time_us INTEGER NOT NULL,"                                           \
    "  traceparent TEXT NOT NULL) STRICT;"                                  \
    "CREATE TABLE outbox_offsets ("                                         \
    "  topic TEXT NOT NULL,"                                                \
    "  consumer TEXT NOT NULL,"                                             \
    "  offset INTEGER NOT NULL,"                                            \
    "  updated_us INTEGER NOT NULL,"                                        \
    "  PRIMARY KEY (topic, consumer)) STRICT, WITHOUT ROWID;"               \
    "CREATE TABLE inbox ("                                                  \
    "  seq INTEGER PRIMARY KEY,"                                            \
    "  id TEXT NOT NULL UNIQUE,"                                            \
    "  time_us INTEGER NOT NULL) STRICT;"                                   \
    "CREATE TABLE dead_letters ("                                           \
    "  letter_id INTEGER PRIMARY KEY AUTOINCREMENT,"                        \
    "  consumer TEXT NOT NULL,"                                             \
    "  state INTEGER NOT NULL,"                                             \
    "  attempts INTEGER NOT NULL,"                                          \
    "  code TEXT NOT NULL,"                                                 \
    "  reason TEXT NOT NULL,"                                               \
    "  message TEXT NOT NULL,"                                              \
    "  died_us INTEGER NOT NULL,"                                           \
    "  id TEXT NOT NULL,"                                                   \
    "  topic TEXT NOT NULL,"                                                \
    "  aggregateid TEXT NOT NULL,"                                          \
    "  type TEXT NOT NULL,"                                                 \
    "  payload BLOB NOT NULL,"                                              \
    "  time_us INTEGER NOT NULL,"                                           \
    "  traceparent TEXT NOT NULL,"                                          \
    "  seq INTEGER NOT NULL,"                                               \
    "  UNIQUE (consumer, id)) STRICT;"                                      \
    "CREATE INDEX dead_letters_by_state ON dead_letters (state, consumer);" \
    "CREATE TABLE idempotency ("                                            \
    "  seq INTEGER PRIMARY KEY,"                                            \
    "  scope TEXT NOT NULL,"                                                \
    "  key TEXT NOT NULL,"                                                  \
    "  fingerprint BLOB NOT NULL,"                                          \
    "  answer BLOB,"                                                        \
    "  time_us INTEGER NOT NULL,"                                           \
    "  UNIQUE (scope, key)) STRICT;"

/* The migration after it: how many idempotency records each caller has, so that a limit on them
 * needs no look at the records. idempotency_sqlite_begin counts a record that it inserts, a trigger
 * one that is deleted; none is replaced. */
#define EVENTS_SQLITE_KEYS_COUNTED                                              \
    "CREATE TABLE idempotency_callers ("                                        \
    "  scope TEXT PRIMARY KEY,"                                                 \
    "  kept INTEGER NOT NULL) STRICT, WITHOUT ROWID;"                           \
    "INSERT INTO idempotency_callers"                                           \
    "  SELECT scope, count(*) FROM idempotency GROUP BY scope;"                 \
    "CREATE TRIGGER idempotency_removed AFTER DELETE ON idempotency BEGIN"      \
    "  UPDATE idempotency_callers SET kept = kept - 1 WHERE scope = old.scope;" \
    "  DELETE FROM idempotency_callers WHERE scope = old.scope AND kept <= 0;"  \
    "END;"

/* Opens a service's database: brought to the newest migration if the context says so, else refused
 * with STORE_NOT_PREPARED if it lacks one. See sqlite_open. Owned. */
struct status events_sqlite_open(const struct service_context *context, const char *path,
                                 const char *const *migrations, struct sqlite **ret_db);

/* Adapters of the ports for an open database with this schema, in the arena; nothing to close. */
struct events_log *events_log_sqlite(struct arena *arena, struct sqlite *db);
struct dead_letters *dead_letters_sqlite(struct arena *arena, struct sqlite *db);
/* What finds dead letters by their group or id, for the test that explains it. */
extern const char dead_letters_of_group_statement[];
extern const char dead_letters_by_id_statement[];
struct events_sweeper *events_sweeper_sqlite(struct arena *arena, struct sqlite *db);
/* All three. */
struct events_store events_store_sqlite(struct arena *arena, struct sqlite *db);

/* ---- inside a job of the writer ---- */

/* Records the cause of a change. *ret_fresh is false if it took effect before: then nothing may be
 * changed, and the first answer to a request is in cause->request->replayed. FAILED_PRECONDITION
 * (IDEMPOTENCY_KEY_REUSED), ABORTED (IDEMPOTENCY_KEY_RUNNING), RESOURCE_EXHAUSTED
 * (IDEMPOTENCY_KEYS_FULL). */
struct status change_sqlite_begin(struct sqlite_tx *tx, const struct change_cause *cause,
                                  bool *ret_fresh);
/* Writes the record: the events, and the answer to the request of the cause. */
struct status change_sqlite_end(struct sqlite_tx *tx, const struct change_cause *cause,
                                const struct change_record *record);

/* The parts of those two, for jobs that decide by themselves, and for tests. */

/* Puts an event into the log; it is delivered after the commit. */
struct status outbox_sqlite_put(struct sqlite_tx *tx, const struct event *event);

/* Notes that an event takes effect in this transaction; *ret_fresh is false if it already has. */
struct status inbox_sqlite_take(struct sqlite_tx *tx, const struct event *event, bool *ret_fresh);

/* Looks up and takes the key of a request. A request without a key is OK and leaves no record. If
 * the key's record is
 *   - missing or older than IDEMPOTENCY_KEPT_US: OK, *ret_answer.data is NULL, and the key is
 *     taken: the request counts as running until it is finished or forgotten. If the same job
 *     finishes it, nobody sees the state between; a request that calls other services commits in
 *     between.
 *   - finished, with the same fingerprint: OK, and *ret_answer is the first answer.
 *   - of another fingerprint: FAILED_PRECONDITION (IDEMPOTENCY_KEY_REUSED).
 *   - still running: ABORTED (IDEMPOTENCY_KEY_RUNNING).
 * A new key of a caller who has keys_max records: RESOURCE_EXHAUSTED (IDEMPOTENCY_KEYS_FULL). */
struct status idempotency_sqlite_begin(struct sqlite_tx *tx, const struct idempotency *idempotency,
                                       int64_t now_us, struct str *ret_answer);
/* Stores the answer. Does nothing without a key. */
struct status idempotency_sqlite_finish(struct sqlite_tx *tx, const struct idempotency *idempotency,
                                        struct str answer);
/* Frees the key of a request that had no effect. Does nothing without a key. */
struct status idempotency_sqlite_forget(struct sqlite_tx *tx,
                                        const struct idempotency *idempotency);

/* ---- on a shard ---- */

/* Looks for the first answer to a request without taking its key, for requests that call other
 * services before their job: answers as change_sqlite_begin does. Finding none promises nothing;
 * the job still begins with change_sqlite_begin. */
struct status change_sqlite_find(const struct call *call, struct sqlite *db,
                                 struct change_request *request);

#endif
