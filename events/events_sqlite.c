/* SPDX-License-Identifier: Apache-2.0 */
/* What a service calls inside its own jobs: the outbox, the inbox and the idempotency records. The
 * ports have a file each: events_log_sqlite.c, dead_letters_sqlite.c, events_sweeper_sqlite.c. */
#include "events/events_sqlite.h"

#include "base/clock.h"
#include "reasons.pb-c.h"

struct status events_sqlite_open(const struct service_context *context, const char *path,
                                 const char *const *migrations, struct sqlite **ret_db)
{
    if (!context->prepares)
        return sqlite_open_prepared(context->arena, context->shards, path, migrations, ret_db);
    return sqlite_open(context->arena, context->shards, path, migrations, ret_db);
}

struct events_store events_store_sqlite(struct arena *arena, struct sqlite *db)
{
    return (struct events_store){
        .log = events_log_sqlite(arena, db),
        .letters = dead_letters_sqlite(arena, db),
        .sweeper = events_sweeper_sqlite(arena, db),
    };
}

static bool fits(const char *text, size_t max)
{
    size_t length = strlen(text);

    return length > 0 && length <= max;
}

struct status outbox_sqlite_put(struct sqlite_tx *tx, const struct event *event)
{
    invariant(fits(event->topic, EVENT_TOPIC_MAX) && fits(event->key, EVENT_KEY_MAX));
    invariant(event->payload.length <= EVENT_PAYLOAD_MAX);
    sqlite_tell_commit(tx);
    return sqlite_exec(tx, 0,
                       "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, "
                       "time_us, traceparent) VALUES (?, ?, ?, ?, ?, ?, ?)",
                       "ttttblt", event->id, event->topic, event->key, event->type, event->payload,
                       event->time_us, event->traceparent);
}

struct status inbox_sqlite_take(struct sqlite_tx *tx, const struct event *event, bool *ret_fresh)
{
    int changes = 0;

    struct status st = sqlite_exec(
        tx, &changes, "INSERT INTO inbox (id, time_us) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
        "tl", event->id, clock_now_us());
    if (failed(st)) return st;
    *ret_fresh = changes == 1;
    return status_ok();
}

/* ---- requests that come twice ---- */

static struct str fingerprint_of(const struct idempotency *idempotency)
{
    return str_sized(idempotency->fingerprint, IDEMPOTENCY_FINGERPRINT_SIZE);
}

/* The answer to a request whose key was taken before. */
static struct status answer_again(const struct idempotency *idempotency,
                                  const struct sqlite_rows *rows, struct str *ret_answer)
{
    if (!str_equal(sqlite_column_view(rows, 0), fingerprint_of(idempotency)))
        return idempotency_key_reused();
    if (sqlite_column_is_null(rows, 1)) return idempotency_key_running();
    struct str answer = sqlite_column_blob(rows, 1);
    *ret_answer = answer.data ? answer : STR("");
    return status_ok();
}

/* Counts one record more of the caller. Comes before anything is written, so that a request with a
 * key too many leaves nothing to undo. */
static struct status count_key(struct sqlite_tx *tx, const struct idempotency *idempotency)
{
    int changes = 0;

    struct status st = sqlite_exec(tx, &changes,
                                   "INSERT INTO idempotency_callers VALUES (?1, 1)"
                                   " ON CONFLICT (scope) DO UPDATE SET kept = kept + 1"
                                   " WHERE ?2 = 0 OR kept < ?2",
                                   "tl", idempotency->scope, idempotency->keys_max);
    if (failed(st) || changes == 1) return st;
    return idempotency_keys_full();
}

static struct status take_key(struct sqlite_tx *tx, const struct idempotency *idempotency,
                              int64_t now_us)
{
    struct status st = count_key(tx, idempotency);

    if (failed(st)) return st;
    return sqlite_exec(
        tx, 0, "INSERT INTO idempotency (scope, key, fingerprint, time_us) VALUES (?, ?, ?, ?)",
        "ttbl", idempotency->scope, idempotency->key, fingerprint_of(idempotency), now_us);
}

/* Sweeping relies on records whose numbers grow with their times, so an outdated record makes room
 * for a new one rather than being updated. */
static struct status remove_outdated(struct sqlite_tx *tx, const struct idempotency *idempotency)
{
    return sqlite_exec(tx, 0, "DELETE FROM idempotency WHERE scope = ? AND key = ?", "tt",
                       idempotency->scope, idempotency->key);
}

#define SELECT_RECORD \
    "SELECT fingerprint, answer, time_us > ?3 FROM idempotency WHERE scope = ?1 AND key = ?2"

static bool is_outdated(const struct sqlite_rows *rows)
{
    return sqlite_column_i64(rows, 2) == 0;
}

struct status idempotency_sqlite_begin(struct sqlite_tx *tx, const struct idempotency *idempotency,
                                       int64_t now_us, struct str *ret_answer)
{
    struct str none = {0};
    struct sqlite_rows rows;
    bool outdated = false;
    struct status st;

    *ret_answer = none;
    if (!idempotency_given(idempotency)) return status_ok();
    st = sqlite_query(tx, &rows, SELECT_RECORD, "ttl", idempotency->scope, idempotency->key,
                      now_us - IDEMPOTENCY_KEPT_US);
    if (failed(st)) return st;
    if (sqlite_next(&rows)) {
        outdated = is_outdated(&rows);
        if (!outdated) st = answer_again(idempotency, &rows, ret_answer);
        sqlite_end(&rows);
        if (!outdated) return st;
        st = remove_outdated(tx, idempotency);
        if (failed(st)) return st;
    }
    if (failed(rows.status)) return rows.status;
    return take_key(tx, idempotency, now_us);
}

struct status change_sqlite_find(const struct call *call, struct sqlite *db,
                                 struct change_request *request)
{
    const struct idempotency *idempotency = &request->idempotency;
    struct str none = {0};
    struct sqlite_rows rows;
    struct status st;

    request->replayed = none;
    if (!idempotency_given(idempotency)) return status_ok();
    st = sqlite_read(call, db, &rows, SELECT_RECORD, "ttl", idempotency->scope, idempotency->key,
                     clock_now_us() - IDEMPOTENCY_KEPT_US);
    if (failed(st)) return st;
    if (!sqlite_next(&rows)) return rows.status;
    if (!is_outdated(&rows)) st = answer_again(idempotency, &rows, &request->replayed);
    sqlite_end(&rows);
    return st;
}

struct status idempotency_sqlite_finish(struct sqlite_tx *tx, const struct idempotency *idempotency,
                                        struct str answer)
{
    if (!idempotency_given(idempotency)) return status_ok();
    return sqlite_exec(tx, 0, "UPDATE idempotency SET answer = ? WHERE scope = ? AND key = ?",
                       "btt", answer.data ? answer : STR(""), idempotency->scope, idempotency->key);
}

struct status idempotency_sqlite_forget(struct sqlite_tx *tx, const struct idempotency *idempotency)
{
    if (!idempotency_given(idempotency)) return status_ok();
    return sqlite_exec(tx, 0,
                       "DELETE FROM idempotency WHERE scope = ? AND key = ? AND answer IS NULL",
                       "tt", idempotency->scope, idempotency->key);
}

/* ---- changes ---- */

struct status change_sqlite_begin(struct sqlite_tx *tx, const struct change_cause *cause,
                                  bool *ret_fresh)
{
    struct status st = status_ok();
    bool fresh = true;

    if (cause->event) st = inbox_sqlite_take(tx, cause->event, &fresh);
    if (!failed(st) && cause->request) {
        st = idempotency_sqlite_begin(tx, &cause->request->idempotency, clock_now_us(),
                                      &cause->request->replayed);
        if (cause->request->replayed.data) fresh = false;
    }
    if (failed(st)) return st;
    *ret_fresh = fresh;
    return status_ok();
}

struct status change_sqlite_end(struct sqlite_tx *tx, const struct change_cause *cause,
                                const struct change_record *record)
{
    struct status st = status_ok();

    for (size_t i = 0; i < record->event_count && !failed(st); i++)
        st = outbox_sqlite_put(tx, &record->events[i]);
    if (failed(st) || !cause->request) return st;
    if (record->forget) return idempotency_sqlite_forget(tx, &cause->request->idempotency);
    if (!record->answer.data) return st;
    return idempotency_sqlite_finish(tx, &cause->request->idempotency, record->answer);
}
