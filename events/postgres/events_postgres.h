/* SPDX-License-Identifier: Apache-2.0 */
/* Outbox, inbox, dead letters and idempotency records in a service's schema in PostgreSQL: the
 * adapters of the ports in events_store.h, and what a service calls inside its jobs.
 *
 *     static const char *const migrations[] = {"CREATE TABLE ...;", EVENTS_POSTGRES_SCHEMA, NULL};
 *
 *     static struct status update_job(struct call *call, struct postgres_tx *tx, void *data)
 *     {
 *         change_postgres_begin(tx, &change->cause, &begun);
 *         postgres_query(tx, &rows, "SELECT ... FOR UPDATE", ...);      goes out with it
 *         st = change_postgres_fresh(call, &begun, &fresh);
 *         if (failed(st) || !fresh) return st;          refused, or has taken effect before
 *         ... let the domain decide, write its rows ...
 *         change_postgres_end(tx, &change->cause, &record);
 *         return status_ok();
 *     }
 *
 * The position of an event in the log is made of its transaction's id, which is taken before
 * anything is written, and of its number in that transaction. A reader stops below the oldest
 * transaction that still runs (pg_snapshot_xmin), so no event can commit below one that was read:
 *
 *     position = base + id * 65536 + number
 *
 * `base` is 0, unless the database was restored into a server whose transaction ids are lower than
 * those of its events: then preparing the store raises it, so that positions never go back. A job
 * that runs for long delays all events for as long; a transaction of anybody else, anywhere in the
 * server, delays them for a moment, until the log has found out whose it is
 * (events_log_postgres.c). So only jobs may put events into the outbox. */
#ifndef EVENTS_POSTGRES_EVENTS_POSTGRES_H
#define EVENTS_POSTGRES_EVENTS_POSTGRES_H

#include "events/change.h"
#include "events/events_store.h"
#include "rpc/service.h"
#include "store/postgres/postgres.h"

/* One migration, for the service's own table of migrations; it never changes once released. The
 * outbox has the columns that Debezium's outbox event router reads (id, aggregatetype, aggregateid,
 * type, payload), with the topic as aggregatetype: route.topic.replacement is ${routedByValue}. */
#define EVENTS_POSTGRES_SCHEMA                                          \
    "CREATE TABLE outbox ("                                             \
    "  position int8 PRIMARY KEY,"                                      \
    "  id uuid NOT NULL,"                                               \
    "  aggregatetype text NOT NULL,"                                    \
    "  aggregateid text NOT NULL,"                                      \
    "  type text NOT NULL,"                                             \
    "  payload bytea NOT NULL,"                                         \
    "  time_us int8 NOT NULL,"                                          \
    "  traceparent text NOT NULL);"                                     \
    "CREATE INDEX outbox_by_topic ON outbox (aggregatetype, position);" \
    "CREATE TABLE outbox_base (base int8 NOT NULL);"                    \
    "INSERT INTO outbox_base VALUES (0);"                               \
    "CREATE TABLE outbox_offsets ("                                     \
    "  topic text NOT NULL,"                                            \
    "  consumer text NOT NULL,"                                         \
    "  position int8 NOT NULL,"                                         \
    "  updated_us int8 NOT NULL,"                                       \
    "  PRIMARY KEY (topic, consumer));"                                 \
    "CREATE TABLE inbox ("                                              \
    "  id text PRIMARY KEY,"                                            \
    "  time_us int8 NOT NULL);"                                         \
    "CREATE INDEX inbox_by_time ON inbox (time_us);"                    \
    "CREATE TABLE dead_letters ("                                       \
    "  letter_id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"        \
    "  consumer text NOT NULL,"                                         \
    "  state int2 NOT NULL,"                                            \
    "  attempts int4 NOT NULL,"                                         \
    "  code text NOT NULL,"                                             \
    "  reason text NOT NULL,"                                           \
    "  message text NOT NULL,"                                          \
    "  died_us int8 NOT NULL,"                                          \
    "  id text NOT NULL,"                                               \
    "  topic text NOT NULL,"                                            \
    "  aggregateid text NOT NULL,"                                      \
    "  type text NOT NULL,"                                             \
    "  payload bytea NOT NULL,"                                         \
    "  time_us int8 NOT NULL,"                                          \
    "  traceparent text NOT NULL,"                                      \
    "  position int8 NOT NULL,"                                         \
    "  UNIQUE (consumer, id));"                                         \
    "CREATE INDEX dead_letters_by_state ON dead_letters"                \
    "  (state, consumer, letter_id);"                                   \
    "CREATE TABLE idempotency ("                                        \
    "  scope text NOT NULL,"                                            \
    "  key text NOT NULL,"                                              \
    "  fingerprint bytea NOT NULL,"                                     \
    "  answer bytea,"                                                   \
    "  time_us int8 NOT NULL,"                                          \
    "  PRIMARY KEY (scope, key));"                                      \
    "CREATE INDEX idempotency_by_time ON idempotency (time_us);"

/* Connects, and brings the schema to its newest migration if `prepares`, else refuses one that is
 * not with STORE_NOT_PREPARED. To be called again while it returns UNAVAILABLE. The store serves
 * once it has succeeded. */
struct status events_postgres_open(struct call *call, struct postgres *db,
                                   const char *const *migrations, bool prepares);

/* Adapters of the ports, in the arena; nothing to close. Before the shards run. */
struct events_log *events_log_postgres(struct arena *arena, struct shards *shards,
                                       struct postgres *db);
struct dead_letters *dead_letters_postgres(struct arena *arena, struct postgres *db);
struct events_sweeper *events_sweeper_postgres(struct arena *arena, struct postgres *db);
/* All three. */
struct events_store events_store_postgres(struct arena *arena, struct shards *shards,
                                          struct postgres *db);

/* ---- inside a job ---- */

/* A cause whose record is under way. */
struct change_postgres {
    const struct change_cause *cause;
    struct postgres_rows inbox, key, record;
};

/* Queues what records the cause of a change. A concurrent change with the same cause is waited for.
 */
void change_postgres_begin(struct postgres_tx *tx, const struct change_cause *cause,
                           struct change_postgres *ret_change);
/* Sends what is queued, and says whether the cause is a new one. *ret_fresh is false if it took
 * effect before: then nothing may be changed, and the first answer to a request is in
 * cause->request->replayed. FAILED_PRECONDITION (IDEMPOTENCY_KEY_REUSED), ABORTED
 * (IDEMPOTENCY_KEY_RUNNING), RESOURCE_EXHAUSTED (IDEMPOTENCY_KEYS_FULL). */
struct status change_postgres_fresh(struct call *call, struct change_postgres *change,
                                    bool *ret_fresh);
/* Queues the record: the events, and the answer to the request of the cause. */
void change_postgres_end(struct postgres_tx *tx, const struct change_cause *cause,
                         const struct change_record *record);

/* The part of change_postgres_end that puts an event into the log; it is delivered after the
 * commit. */
void outbox_postgres_put(struct postgres_tx *tx, const struct event *event);

/* ---- outside a job ---- */

/* Looks for the first answer to a request without taking its key, for requests that call other
 * services before their job. Sets request->replayed as change_postgres_fresh does. Finding none
 * promises nothing; the job still begins with change_postgres_begin. */
struct status change_postgres_find(struct call *call, struct postgres *db,
                                   struct change_request *request);

#endif
