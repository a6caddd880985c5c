/* SPDX-License-Identifier: Apache-2.0 */
/* Outbox, inbox, dead letters and idempotency records in a service's own SQLite database: the
 * adapters of the ports in events_store.h, and what a service calls inside its jobs.
 *
 *     static const char *const migrations[] = {"CREATE TABLE ...;", EVENTS_SQLITE_SCHEMA, 0};
 *
 *     static struct status create_job(const struct call *call, struct sqlite_tx *tx, void *data)
 *     {
 *         st = idempotency_sqlite_begin(tx, &create->idempotency, now_us, &create->answer);
 *         if (failed(st) || create->answer.data) return st;       refused, or repeated
 *         ... insert the order ...
 *         event_make(call, "order-events", order->order_id, &created.base, &event);
 *         st = outbox_sqlite_put(tx, &event);
 *         ...
 *         return idempotency_sqlite_finish(tx, &create->idempotency, answer);
 *     }
 *
 *     static struct status apply_job(const struct call *call, struct sqlite_tx *tx, void *data)
 *     {
 *         st = inbox_sqlite_take(tx, apply->event, &fresh);
 *         if (failed(st) || !fresh) return st;                    applied before: nothing to do
 *         ... the effect ...
 *     } */
#ifndef EVENTS_EVENTS_SQLITE_H
#define EVENTS_EVENTS_SQLITE_H

#include "events/events_store.h"
#include "events/idempotency.h"
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

/* Adapters of the ports for an open database with this schema, in the arena; nothing to close. */
struct events_log *events_log_sqlite(struct arena *arena, struct sqlite *db);
struct dead_letters *dead_letters_sqlite(struct arena *arena, struct sqlite *db);
struct events_sweeper *events_sweeper_sqlite(struct arena *arena, struct sqlite *db);
/* All three. */
struct events_store events_store_sqlite(struct arena *arena, struct sqlite *db);

/* ---- inside a job of the writer ---- */

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
 *   - still running: ABORTED (IDEMPOTENCY_KEY_RUNNING). */
struct status idempotency_sqlite_begin(struct sqlite_tx *tx, const struct idempotency *idempotency,
                                       int64_t now_us, struct str *ret_answer);
/* Stores the answer. Does nothing without a key. */
struct status idempotency_sqlite_finish(struct sqlite_tx *tx, const struct idempotency *idempotency,
                                        struct str answer);
/* Frees the key of a request that had no effect. Does nothing without a key. */
struct status idempotency_sqlite_forget(struct sqlite_tx *tx,
                                        const struct idempotency *idempotency);

/* ---- on a shard ---- */

/* Looks for the first answer without taking the key, for requests that call other services before
 * their job: answers as idempotency_sqlite_begin does, with *ret_answer.data NULL where that would
 * take the key. That promises nothing; the job still begins with idempotency_sqlite_begin. */
struct status idempotency_sqlite_find(const struct call *call, struct sqlite *db,
                                      const struct idempotency *idempotency, int64_t now_us,
                                      struct str *ret_answer);

#endif
