/* SPDX-License-Identifier: Apache-2.0 */
/* What a service calls inside its own jobs: the outbox, the inbox and the idempotency records. The
 * ports have a file each: events_log_postgres.c, dead_letters_postgres.c, events_sweeper_postgres.c.
 */
#include "events/postgres/events_postgres.h"

#include "base/clock.h"
#include "base/uuid.h"
#include "reasons.pb-c.h"

struct events_store events_store_postgres(struct arena *arena, struct shards *shards,
                                          struct postgres *db)
{
    return (struct events_store){
        .log = events_log_postgres(arena, shards, db),
        .letters = dead_letters_postgres(arena, db),
        .sweeper = events_sweeper_postgres(arena, db),
        .engine = postgres_news(db),
    };
}

/* ---- opening ---- */

/* The highest position of an event, or that a consumer has passed. */
#define TOP                                                     \
    "greatest((SELECT coalesce(max(position), 0) FROM outbox)," \
    " (SELECT coalesce(max(position), 0) FROM outbox_offsets))"

static struct status raise_base(struct call *call, struct postgres_tx *tx, void *data)
{
    postgres_exec(tx,
                  "UPDATE outbox_base SET base = top + 1 - id * 65536"
                  " FROM (SELECT " TOP " AS top, pg_current_xact_id()::text::int8 AS id) AS at"
                  " WHERE base + id * 65536 <= top",
                  "");
    return status_ok();
}

static struct status check_base(struct call *call, struct postgres *db)
{
    struct postgres_rows rows;

    struct status st = postgres_read(
        call, db, &rows,
        "SELECT count(*) FROM outbox_base WHERE base +"
        " pg_snapshot_xmax(pg_current_snapshot())::text::int8 * 65536 <= " TOP,
        "");
    if (failed(st)) return st;
    bool behind = postgres_next(call, &rows) && postgres_column_i64(&rows, 0) > 0;
    if (failed(rows.status) || !behind) return rows.status;
    return status_printf(call->arena, STATUS_FAILED_PRECONDITION,
                         ARGOSY__REASON__STORE_NOT_PREPARED,
                         "%s was restored into a server with lower transaction ids; run argosy "
                         "store prepare",
                         postgres_shown(db));
}

struct status events_postgres_open(struct call *call, struct postgres *db,
                                   const char *const *migrations, bool prepares)
{
    struct status st = postgres_open(call, db);

    if (failed(st)) return st;
    if (prepares) {
        st = postgres_prepare(call, db, migrations);
        if (!failed(st)) st = postgres_write(call, db, raise_base, NULL);
    } else {
        st = postgres_check_prepared(call, db, migrations);
        if (!failed(st)) st = check_base(call, db);
    }
    if (!failed(st)) postgres_serve(db);
    return st;
}

/* ---- the outbox ---- */

static bool fits(const char *text, size_t max)
{
    size_t length = strlen(text);

    return length > 0 && length <= max;
}

void outbox_postgres_put(struct postgres_tx *tx, const struct event *event)
{
    invariant(fits(event->topic, EVENT_TOPIC_MAX) && fits(event->key, EVENT_KEY_MAX));
    invariant(event->payload.length <= EVENT_PAYLOAD_MAX && uuid_is_valid(str_of(event->id)));
    postgres_tell_commit(tx);
    postgres_exec(tx,
                  "INSERT INTO outbox (position, id, aggregatetype, aggregateid, type, payload,"
                  " time_us, traceparent)"
                  " SELECT base + pg_current_xact_id()::text::int8 * 65536 + $1,"
                  " $2, $3, $4, $5, $6, $7, $8 FROM outbox_base",
                  "ittttblt", postgres_tx_number(tx), event->id, event->topic, event->key,
                  event->type, event->payload, event->time_us, event->traceparent);
}

/* ---- requests that come twice ---- */

static struct str fingerprint_of(const struct idempotency *idempotency)
{
    return str_sized(idempotency->fingerprint, IDEMPOTENCY_FINGERPRINT_SIZE);
}

/* The answer to a request whose key was taken before; the present row has it. */
static struct status answer_again(const struct idempotency *idempotency,
                                  const struct postgres_rows *rows, struct str *ret_answer)
{
    if (!str_equal(postgres_column_blob(rows, 0), fingerprint_of(idempotency)))
        return idempotency_key_reused();
    if (postgres_column_is_null(rows, 1)) return idempotency_key_running();
    *ret_answer = postgres_column_blob(rows, 1);
    return status_ok();
}

/* Takes the key if it is free or its record outdated, and reads the record. At most keys_max rows
 * of the index are counted. Changes that count at the same time do not see each other's keys, so a
 * caller may exceed the limit by as many as the server runs at once. */
static void take_key(struct postgres_tx *tx, const struct idempotency *idempotency,
                     struct change_postgres *change)
{
    int64_t now_us = clock_now_us();

    postgres_query(tx, &change->key,
                   "INSERT INTO idempotency AS i (scope, key, fingerprint, time_us)"
                   " SELECT $1, $2, $3, $4 WHERE $6 = 0 OR $6 > (SELECT count(*) FROM"
                   " (SELECT FROM idempotency WHERE scope = $1 AND key <> $2 LIMIT $6) AS others)"
                   " ON CONFLICT (scope, key) DO UPDATE SET"
                   " fingerprint = excluded.fingerprint, answer = NULL, time_us = excluded.time_us"
                   " WHERE i.time_us <= $5 RETURNING 1",
                   "ttblll", idempotency->scope, idempotency->key, fingerprint_of(idempotency),
                   now_us, now_us - IDEMPOTENCY_KEPT_US, idempotency->keys_max);
    postgres_query(tx, &change->record,
                   "SELECT fingerprint, answer FROM idempotency"
                   " WHERE scope = $1 AND key = $2 AND time_us > $3",
                   "ttl", idempotency->scope, idempotency->key, now_us - IDEMPOTENCY_KEPT_US);
}

/* Neither taken nor there: the caller has too many others. */
static struct status check_key(struct call *call, struct change_postgres *change, bool *fresh)
{
    struct change_request *request = change->cause->request;

    if (postgres_next(call, &change->key)) return status_ok();
    if (failed(change->key.status)) return change->key.status;
    if (!postgres_next(call, &change->record))
        return failed(change->record.status) ? change->record.status : idempotency_keys_full();
    *fresh = false;
    return answer_again(&request->idempotency, &change->record, &request->replayed);
}

struct status change_postgres_find(struct call *call, struct postgres *db,
                                   struct change_request *request)
{
    const struct idempotency *idempotency = &request->idempotency;
    struct postgres_rows rows;

    request->replayed = (struct str){0};
    if (!idempotency_given(idempotency)) return status_ok();
    struct status st = postgres_read(call, db, &rows,
                                     "SELECT fingerprint, answer FROM idempotency"
                                     " WHERE scope = $1 AND key = $2 AND time_us > $3",
                                     "ttl", idempotency->scope, idempotency->key,
                                     clock_now_us() - IDEMPOTENCY_KEPT_US);
    if (failed(st)) return st;
    if (!postgres_next(call, &rows)) return rows.status;
    return answer_again(idempotency, &rows, &request->replayed);
}

/* ---- changes ---- */

void change_postgres_begin(struct postgres_tx *tx, const struct change_cause *cause,
                           struct change_postgres *ret_change)
{
    *ret_change = (struct change_postgres){.cause = cause};
    if (cause->event)
        postgres_query(tx, &ret_change->inbox,
                       "INSERT INTO inbox (id, time_us) VALUES ($1, $2) ON CONFLICT DO NOTHING"
                       " RETURNING 1",
                       "tl", cause->event->id, clock_now_us());
    if (!cause->request) return;
    cause->request->replayed = (struct str){0};
    if (idempotency_given(&cause->request->idempotency))
        take_key(tx, &cause->request->idempotency, ret_change);
}

struct status change_postgres_fresh(struct call *call, struct change_postgres *change,
                                    bool *ret_fresh)
{
    const struct change_cause *cause = change->cause;
    struct status st = status_ok();
    bool fresh = true;

    if (cause->event) {
        fresh = postgres_next(call, &change->inbox);
        st = change->inbox.status;
    }
    if (!failed(st) && change_wants_answer(cause)) st = check_key(call, change, &fresh);
    if (failed(st)) return st;
    *ret_fresh = fresh;
    return st;
}

static void finish_request(struct postgres_tx *tx, const struct idempotency *idempotency,
                           const struct change_record *record)
{
    if (record->forget)
        postgres_exec(tx,
                      "DELETE FROM idempotency WHERE scope = $1 AND key = $2 AND answer IS NULL",
                      "tt", idempotency->scope, idempotency->key);
    else if (record->answer.data)
        postgres_exec(tx, "UPDATE idempotency SET answer = $1 WHERE scope = $2 AND key = $3", "btt",
                      record->answer, idempotency->scope, idempotency->key);
}

void change_postgres_end(struct postgres_tx *tx, const struct change_cause *cause,
                         const struct change_record *record)
{
    for (size_t i = 0; i < record->event_count; i++) outbox_postgres_put(tx, &record->events[i]);
    if (change_wants_answer(cause)) finish_request(tx, &cause->request->idempotency, record);
}
