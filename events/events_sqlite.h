/* SPDX-License-Identifier: Apache-2.0 */
/* Outbox, inbox, dead letters and idempotency records in a service's own SQLite database: the
 * adapters of the ports in events_store.h, and what a service calls inside its jobs.
 *
 *     static const char *const migrations[] = {"CREATE TABLE orders ...;", EVENTS_SQLITE_SCHEMA, 0};
 *
 *     static struct status create_job(const struct call *call, struct sqlite_tx *tx, void *data)
 *     {
 *         st = idempotency_sqlite_begin(tx, &create->idempotency, now_us, &create->answer);
 *         if (failed(st) || create->answer.data) return st;       refused, or answered before
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
 *         if (failed(st) || !fresh) return st;                    was here before: nothing to do
 *         ... the effect ...
 *     } */
#ifndef EVENTS_EVENTS_SQLITE_H
#define EVENTS_EVENTS_SQLITE_H

#include "events/events_store.h"
#include "events/idempotency.h"
#include "store/sqlite/sqlite.h"

/* One migration, to be put into the table of the service's own; it never changes once released.
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

/* The ports over an open database with this schema, in the arena; nothing to close. */
struct events_log *events_log_sqlite(struct arena *arena, struct sqlite *db);
struct dead_letters *dead_letters_sqlite(struct arena *arena, struct sqlite *db);
struct events_sweeper *events_sweeper_sqlite(struct arena *arena, struct sqlite *db);
/* All three. */
struct events_store events_store_sqlite(struct arena *arena, struct sqlite *db);

/* ---- inside a job of the writer ---- */

/* Puts an event into the log; it is handed on after the commit. */
struct status outbox_sqlite_put(struct sqlite_tx *tx, const struct event *event);

/* Notes that an event takes effect in this transaction; *ret_fresh false: it has before. */
struct status inbox_sqlite_take(struct sqlite_tx *tx, const struct event *event, bool *ret_fresh);

/* The record of a request with a key (without one: OK, no answer, nothing is kept):
 *   - none, or one older than IDEMPOTENCY_KEPT_US: OK, *ret_answer.data NULL, and the key is taken:
 *     it runs until it is finished or forgotten. Taking and finishing in one job shows nobody the
 *     state between; a request that calls others commits in between.
 *   - finished, the same fingerprint: OK, and *ret_answer is the first answer.
 *   - another fingerprint: FAILED_PRECONDITION (IDEMPOTENCY_KEY_REUSED).
 *   - still running: ABORTED (IDEMPOTENCY_KEY_RUNNING). */
struct status idempotency_sqlite_begin(struct sqlite_tx *tx, const struct idempotency *idempotency,
                                       int64_t now_us, struct str *ret_answer);
/* Keeps the answer. Fine without a key. */
struct status idempotency_sqlite_finish(struct sqlite_tx *tx, const struct idempotency *idempotency,
                                        struct str answer);
/* The request had no effect: its key may be used again. Fine without a key. */
struct status idempotency_sqlite_forget(struct sqlite_tx *tx,
                                        const struct idempotency *idempotency);

/* ---- on a shard ---- */

/* Looks for the first answer without taking the key, for requests that ask others before their job:
 * answers as idempotency_sqlite_begin does, and *ret_answer.data NULL where that would take it. Not
 * finding one promises nothing; the job still begins with idempotency_sqlite_begin. */
struct status idempotency_sqlite_find(const struct call *call, struct sqlite *db,
                                      const struct idempotency *idempotency, int64_t now_us,
                                      struct str *ret_answer);

#endif
