/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox as a log. Only events below the oldest running transaction are read; see
 * events_postgres.h. Events above it are committed but held back: nobody may tell when that
 * transaction ends (it may roll back, or have no events), so the log looks again a little later.
 *
 * If they are held back for long, the log finds out whose the running transactions are. Only a job
 * of this store (postgres_jobs_key) can have events; whatever else runs in the server is passed
 * over. That takes two statements: the first finds the oldest job, the second reads below it. A
 * transaction that the first took for another's because it was just ending has ended before the
 * second begins, so its events are seen. */
#include "base/clock.h"
#include "events/postgres/events_postgres.h"
#include "observe/log.h"
#include "observe/metrics.h"

enum {
    HELD_PAUSE_MIN_US = 4000,
    HELD_PAUSE_MAX_US = 1000000,
    HELD_LONG_US = 16000, /* with a pause as long, the holder is looked for */
    /* So long after the last transaction of others each read looks for the oldest job at once. */
    PASSING_US = 2000000,
    TELL_AFTER_US = 5000000,
    TELL_EVERY_US = 60000000,
};

static struct metric held_reads = METRIC_COUNTER(
    "argosy_events_held_total",
    "Reads of a log in PostgreSQL that found events above a running transaction for a while: one "
    "of the shop's own (job), which held them back, or another one (other), which was passed over.",
    "store", "by");

/* A shard's wake-up for events that were held back. */
struct held {
    struct shard_timer timer;
    int64_t pause_us;                  /* 0: nothing was held back at the last read */
    int64_t passing_until_us, told_us; /* monotonic */
    int64_t oldest_id, since_us;       /* the transaction in the way, and since when it is */
    struct postgres_events_log *log;
};

struct postgres_events_log {
    struct events_log port; /* first */
    struct postgres *db;
    void (*on_append)(void *data);
    void *on_append_data;
    struct held *held; /* one per shard */
    struct metric_series *held_by_job, *held_by_other;
};

static struct postgres_events_log *log_of(struct events_log *log)
{
    return (struct postgres_events_log *)log;
}

/* ---- what is held back ---- */

static void look_again(void *data)
{
    const struct held *held = data;

    held->log->on_append(held->log->on_append_data);
}

static void note_held(const struct call *call, struct postgres_events_log *log, bool is_held)
{
    struct held *held = &log->held[call->shard->index];

    if (!is_held) {
        held->pause_us = 0;
        return;
    }
    if (!log->on_append || held->timer.position) return;
    held->pause_us = held->pause_us ? held->pause_us * 2 : HELD_PAUSE_MIN_US;
    if (held->pause_us > HELD_PAUSE_MAX_US) held->pause_us = HELD_PAUSE_MAX_US;
    held->log = log;
    shard_timer_start(call->shard, &held->timer, clock_monotonic_us() + held->pause_us, look_again,
                      held);
}

/* ---- who holds back ---- */

/* What runs in the server: all transactions with ids before `ends` are over, or are none of a
 * job. */
struct horizon {
    int64_t ends;     /* the oldest job's id, or that of the next transaction */
    int64_t job_pid;  /* the process of that job in the server; 0: there is none */
    int64_t other_id; /* the oldest transaction, if it is no job; 0: it is one */
    int64_t other_pid;
};

/* $1: the key of jobs. A running transaction is another's if it holds its id and not the key. One
 * that is running and whose id nobody holds any more may be a job. */
static const char horizon_text[] =
    "WITH at AS MATERIALIZED (SELECT pg_current_snapshot() AS snapshot),"
    " running AS MATERIALIZED ("
    "  SELECT x::text::int8 AS id FROM at, pg_snapshot_xip(snapshot) AS x),"
    " locks AS MATERIALIZED ("
    "  SELECT locktype, mode, virtualtransaction AS run, pid, transactionid::text::int8 AS id,"
    "   (classid::int8 << 32) | objid::int8 AS key, objsubid, database"
    "  FROM pg_locks WHERE locktype IN ('transactionid', 'advisory') AND granted),"
    " owners AS (SELECT * FROM locks WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock'),"
    " others AS ("
    "  SELECT r.id, o.pid FROM running AS r JOIN owners AS o ON o.id = (r.id & 4294967295)"
    "  WHERE NOT EXISTS (SELECT FROM locks AS k WHERE k.locktype = 'advisory'"
    "   AND k.run = o.run AND k.key = $1 AND k.objsubid = 1 AND k.database ="
    "   (SELECT oid FROM pg_database WHERE datname = current_database()))),"
    " jobs AS ("
    "  SELECT coalesce(min(id), (SELECT pg_snapshot_xmax(snapshot)::text::int8 FROM at)) AS ends"
    "  FROM running WHERE id NOT IN (SELECT id FROM others))"
    " SELECT ends, (SELECT pid FROM owners WHERE id = (ends & 4294967295) LIMIT 1),"
    "  (SELECT min(id) FROM others WHERE id < ends),"
    "  (SELECT pid FROM others ORDER BY id LIMIT 1) FROM jobs";

static struct status find_horizon(struct call *call, struct postgres_events_log *log,
                                  struct horizon *ret_horizon)
{
    struct postgres_rows rows;

    struct status st = postgres_read(call, log->db, &rows, horizon_text, "l",
                                     postgres_jobs_key(log->db));
    if (failed(st)) return st;
    if (!postgres_next(call, &rows)) return rows.status;
    *ret_horizon = (struct horizon){
        .ends = postgres_column_i64(&rows, 0),
        .job_pid = postgres_column_i64(&rows, 1),
        .other_id = postgres_column_i64(&rows, 2),
        .other_pid = postgres_column_i64(&rows, 3),
    };
    return st;
}

/* Says who holds events back, or is passed over, if it lasts. */
static void tell_holder(const struct call *call, struct postgres_events_log *log,
                        const struct horizon *horizon, bool is_held)
{
    struct held *held = &log->held[call->shard->index];
    int64_t now_us = clock_monotonic_us();

    if (is_held) metric_add(log->held_by_job, 1);
    if (horizon->other_id) {
        metric_add(log->held_by_other, 1);
        held->passing_until_us = now_us + PASSING_US;
    }
    int64_t id = is_held ? horizon->ends : horizon->other_id;
    if (id != held->oldest_id) held->since_us = now_us;
    held->oldest_id = id;
    if (id == 0 || now_us - held->since_us < TELL_AFTER_US) return;
    if (held->told_us && now_us - held->told_us < TELL_EVERY_US) return;
    held->told_us = now_us;
    if (is_held)
        log_warn(
            call->trace,
            "a transaction of the shop has been running for long in PostgreSQL and holds events "
            "back; look for its process in pg_stat_activity, and end it if its program hangs",
            LOG_STR("schema", postgres_schema(log->db)), LOG_INT("pid", horizon->job_pid));
    else
        log_warn(
            call->trace,
            "a transaction that is none of the shop's has been running for long in PostgreSQL; "
            "events are read past it, but it keeps the server from cleaning up: look for its "
            "process in pg_stat_activity",
            LOG_STR("schema", postgres_schema(log->db)), LOG_INT("pid", horizon->other_pid));
}

/* ---- reading ---- */

/* One row at least: the first column says whether events are held back, the others are NULL where
 * there is no event. The payloads' sum is taken before the row, so that the event that reaches it
 * is the last. `horizon` is a transaction's id, below which events are read. */
#define READ_BELOW(horizon)                                                                  \
    "WITH horizon AS MATERIALIZED ("                                                         \
    "  SELECT (SELECT base FROM outbox_base) + " horizon " * 65536 AS ends),"                \
    " found AS ("                                                                            \
    "  SELECT o.*, sum(octet_length(payload)) OVER (ORDER BY position)"                      \
    "   - octet_length(payload) AS size_before"                                              \
    "  FROM horizon, LATERAL ("                                                              \
    "   SELECT * FROM outbox WHERE aggregatetype = $1 AND position > $2 AND position < ends" \
    "   ORDER BY position LIMIT $3) o)"                                                      \
    " SELECT (SELECT EXISTS (SELECT 1 FROM outbox"                                           \
    "   WHERE aggregatetype = $1 AND position >= ends) FROM horizon),"                       \
    " position, id, aggregateid, type, payload, time_us, traceparent"                        \
    " FROM horizon LEFT JOIN found ON size_before < $4 ORDER BY position"

static const char read_text[] = READ_BELOW("pg_snapshot_xmin(pg_current_snapshot())::text::int8");
static const char read_below_text[] = READ_BELOW("$5::int8");

static void read_event(const struct postgres_rows *rows, const char *topic, struct event *ret_event)
{
    *ret_event = (struct event){
        .offset = postgres_column_i64(rows, 1),
        .topic = topic,
        .id = postgres_column_text(rows, 2),
        .key = postgres_column_text(rows, 3),
        .type = postgres_column_text(rows, 4),
        .payload = postgres_column_blob(rows, 5),
        .time_us = postgres_column_i64(rows, 6),
        .traceparent = postgres_column_text(rows, 7),
        .attempt = 1,
    };
}

/* What a read asks for, and what it has found. The events have a copy of `topic`, so that they may
 * outlive the caller's. */
struct reading {
    const char *topic;
    int64_t after;
    size_t max;
    struct event *events;
    size_t count;
    bool is_held;
};

static struct status read_rows(struct call *call, struct postgres_rows *rows,
                               struct reading *reading)
{
    reading->topic = arena_strdup(call->arena, reading->topic);
    reading->count = 0;
    while (reading->count < reading->max && postgres_next(call, rows)) {
        reading->is_held = postgres_column_i64(rows, 0) != 0;
        if (postgres_column_is_null(rows, 1)) continue;
        if (!reading->events)
            reading->events = arena_array(call->arena, struct event, reading->max);
        read_event(rows, reading->topic, &reading->events[reading->count++]);
    }
    return rows->status;
}

static struct status read_below_all(struct call *call, struct postgres_events_log *log,
                                    struct reading *reading)
{
    struct postgres_rows rows;

    struct status st = postgres_read(call, log->db, &rows, read_text, "tlll", reading->topic,
                                     reading->after, (int64_t)reading->max,
                                     (int64_t)EVENTS_READ_SIZE);
    return failed(st) ? st : read_rows(call, &rows, reading);
}

static struct status read_below_jobs(struct call *call, struct postgres_events_log *log,
                                     struct reading *reading)
{
    struct postgres_rows rows;
    struct horizon horizon;
    struct status st;

    st = find_horizon(call, log, &horizon);
    if (!failed(st))
        st = postgres_read(call, log->db, &rows, read_below_text, "tllll", reading->topic,
                           reading->after, (int64_t)reading->max, (int64_t)EVENTS_READ_SIZE,
                           horizon.ends);
    if (!failed(st)) st = read_rows(call, &rows, reading);
    if (!failed(st)) tell_holder(call, log, &horizon, reading->is_held);
    return st;
}

static struct status read_log(struct call *call, struct events_log *port, const char *topic,
                              int64_t after, size_t max, struct event **ret_events,
                              size_t *ret_count, int64_t *ret_after)
{
    struct postgres_events_log *log = log_of(port);
    const struct held *held = &log->held[call->shard->index];
    struct reading reading = {.topic = topic, .after = after, .max = max};
    bool passes = clock_monotonic_us() < held->passing_until_us;
    struct status st = status_ok();

    if (!passes) st = read_below_all(call, log, &reading);
    if (!failed(st) &&
        (passes || (reading.is_held && reading.count == 0 && held->pause_us >= HELD_LONG_US)))
        st = read_below_jobs(call, log, &reading);
    if (failed(st)) return st;
    note_held(call, log, reading.is_held);
    *ret_events = reading.events;
    *ret_count = reading.count;
    *ret_after = reading.count ? reading.events[reading.count - 1].offset : after;
    return status_ok();
}

/* ---- positions ---- */

static struct status read_number(struct call *call, struct postgres_rows *rows, int64_t *ret_number)
{
    *ret_number = postgres_next(call, rows) ? postgres_column_i64(rows, 0) : 0;
    return rows->status;
}

static struct status load_offset(struct call *call, struct events_log *port, const char *topic,
                                 const char *group, int64_t *ret_offset)
{
    struct postgres_rows rows;

    struct status st = postgres_read(
        call, log_of(port)->db, &rows,
        "SELECT position FROM outbox_offsets WHERE topic = $1 AND consumer = $2", "tt", topic,
        group);
    return failed(st) ? st : read_number(call, &rows, ret_offset);
}

/* One statement that may be repeated, so it needs no transaction of its own. */
static struct status commit_offset(struct call *call, struct events_log *port, const char *topic,
                                   const char *group, int64_t offset)
{
    struct postgres_rows rows;

    return postgres_read(call, log_of(port)->db, &rows,
                         "INSERT INTO outbox_offsets AS o (topic, consumer, position, updated_us)"
                         " VALUES ($1, $2, $3, $4) ON CONFLICT (topic, consumer) DO UPDATE SET"
                         " position = greatest(o.position, excluded.position),"
                         " updated_us = excluded.updated_us",
                         "ttll", topic, group, offset, clock_now_us());
}

static struct status last_offset(struct call *call, struct events_log *port, const char *topic,
                                 int64_t *ret_offset)
{
    struct postgres_rows rows;

    struct status st = postgres_read(call, log_of(port)->db, &rows,
                                     "SELECT position FROM outbox WHERE aggregatetype = $1"
                                     " ORDER BY position DESC LIMIT 1",
                                     "t", topic);
    return failed(st) ? st : read_number(call, &rows, ret_offset);
}

static void on_append(struct events_log *port, void (*fn)(void *data), void *data)
{
    struct postgres_events_log *log = log_of(port);

    log->on_append = fn;
    log->on_append_data = data;
    postgres_on_commit(log->db, fn, data);
}

struct events_log *events_log_postgres(struct arena *arena, struct shards *shards,
                                       struct postgres *db)
{
    struct postgres_events_log *log = arena_new(arena, struct postgres_events_log);

    log->db = db;
    log->held_by_job = metric_series(&held_reads, postgres_schema(db), "job");
    log->held_by_other = metric_series(&held_reads, postgres_schema(db), "other");
    log->held = arena_array(arena, struct held, (size_t)shards_count(shards));
    log->port = (struct events_log){
        .read = read_log,
        .load_offset = load_offset,
        .commit_offset = commit_offset,
        .last_offset = last_offset,
        .on_append = on_append,
    };
    return &log->port;
}
