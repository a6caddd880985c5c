/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox as a log. There is one writer at a time, so rows become visible in the order of their
 * numbers, and no row can still commit before one that can be read. Reading is a short range on the
 * shard's own connection; only moving a position is a job of the writer. */
#include "events/events_sqlite.h"

#include "base/clock.h"

struct sqlite_events_log {
    struct events_log port; /* first */
    struct sqlite *db;
};

static struct sqlite *db_of(struct events_log *log)
{
    return ((struct sqlite_events_log *)log)->db;
}

/* The most rows of other topics that one read skips. */
enum { FOREIGN_MAX = 1024 };

static void read_event(const struct sqlite_rows *rows, const char *topic, struct event *ret_event)
{
    *ret_event = (struct event){
        .offset = sqlite_column_i64(rows, 0),
        .topic = topic,
        .id = sqlite_column_text(rows, 2),
        .key = sqlite_column_text(rows, 3),
        .type = sqlite_column_text(rows, 4),
        .payload = sqlite_column_blob(rows, 5),
        .time_us = sqlite_column_i64(rows, 6),
        .traceparent = sqlite_column_text(rows, 7),
        .attempt = 1,
    };
}

/* The events have a copy of `topic`, so that they may outlive the caller's. */
static struct status read_log(struct call *call, struct events_log *log, const char *topic,
                              int64_t after, size_t max, struct event **ret_events,
                              size_t *ret_count, int64_t *ret_after)
{
    struct sqlite_rows rows;
    size_t count = 0, foreign = 0, size = 0;
    struct event *events = 0;

    struct status st = sqlite_read(call, db_of(log), &rows,
                                   "SELECT seq, aggregatetype, id, aggregateid, type, payload, "
                                   "time_us, traceparent FROM outbox WHERE seq > ? ORDER BY seq",
                                   "l", after);
    if (failed(st)) return st;
    while (count < max && foreign < FOREIGN_MAX && size < EVENTS_READ_SIZE && sqlite_next(&rows)) {
        after = sqlite_column_i64(&rows, 0);
        if (!str_is(sqlite_column_view(&rows, 1), topic)) {
            foreign++;
            continue;
        }
        if (!events) {
            topic = arena_strdup(call->arena, topic);
            events = arena_alloc(call->arena, max * sizeof(*events));
        }
        read_event(&rows, topic, &events[count]);
        size += events[count++].payload.length;
    }
    sqlite_end(&rows);
    if (failed(rows.status)) return rows.status;
    *ret_events = events;
    *ret_count = count;
    *ret_after = after;
    return status_ok();
}

/* ---- positions ---- */

static struct status read_number(const struct call *call, struct sqlite_rows *rows,
                                 int64_t *ret_number)
{
    *ret_number = sqlite_next(rows) ? sqlite_column_i64(rows, 0) : 0;
    sqlite_end(rows);
    return rows->status;
}

static struct status load_offset(struct call *call, struct events_log *log, const char *topic,
                                 const char *group, int64_t *ret_offset)
{
    struct sqlite_rows rows;

    struct status st = sqlite_read(
        call, db_of(log), &rows,
        "SELECT offset FROM outbox_offsets WHERE topic = ? AND consumer = ?", "tt", topic, group);
    if (failed(st)) return st;
    return read_number(call, &rows, ret_offset);
}

struct position {
    const char *topic, *group;
    int64_t offset;
};

static struct status commit_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct position *position = data;

    return sqlite_exec(tx, 0,
                       "INSERT INTO outbox_offsets (topic, consumer, offset, updated_us) "
                       "VALUES (?, ?, ?, ?) ON CONFLICT (topic, consumer) DO UPDATE SET "
                       "offset = max(offset, excluded.offset), updated_us = excluded.updated_us",
                       "ttll", position->topic, position->group, position->offset, clock_now_us());
}

static struct status commit_offset(struct call *call, struct events_log *log, const char *topic,
                                   const char *group, int64_t offset)
{
    struct position position = {topic, group, offset};

    return sqlite_write(call, db_of(log), commit_job, &position);
}

static struct status last_offset(struct call *call, struct events_log *log, const char *topic,
                                 int64_t *ret_offset)
{
    struct sqlite_rows rows;

    struct status st = sqlite_read(
        call, db_of(log), &rows,
        "SELECT seq FROM outbox WHERE aggregatetype = ? ORDER BY seq DESC LIMIT 1", "t", topic);
    if (failed(st)) return st;
    return read_number(call, &rows, ret_offset);
}

static void on_append(struct events_log *log, void (*fn)(void *data), void *data)
{
    sqlite_on_commit(db_of(log), fn, data);
}

struct events_log *events_log_sqlite(struct arena *arena, struct sqlite *db)
{
    struct sqlite_events_log *log = arena_new(arena, struct sqlite_events_log);

    log->db = db;
    log->port = (struct events_log){
        .read = read_log,
        .load_offset = load_offset,
        .commit_offset = commit_offset,
        .last_offset = last_offset,
        .on_append = on_append,
    };
    return &log->port;
}
