/* SPDX-License-Identifier: Apache-2.0 */
/* A server's connections: detecting the protocol, output, deadlines, memory, closing. See
 * http/http_connection.h. */
#include "http/http_connection.h"

#include "fiber/address.h"
#include "http/http2_session.h"
#include "observe/log.h"

enum {
    LINGER_MS = 2000,
    SHED_LOGGED_EVERY_US = 10 * 1000 * 1000,
    RELIEF_EVERY_US = 10 * 1000,
};

/* The first bytes of an HTTP/2 client with prior knowledge (RFC 9113, section 3.4). */
static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
enum { PREFACE_LENGTH = sizeof(preface) - 1 };

static const struct http_protocol_events *events_of(const struct http_connection *connection)
{
    return connection->session ? &http2_server_events : &http1_events;
}

static bool speaks(const struct http_connection *connection)
{
    return connection->protocol == HTTP_PROTOCOL_HTTP1 ||
           connection->protocol == HTTP_PROTOCOL_HTTP2;
}

/* ---- deadlines: one timer, moved only when it must be earlier ---- */

static void on_timer(void *data);

static void arm(struct http_connection *connection)
{
    int64_t due_us = connection->read_due_us < connection->write_due_us ? connection->read_due_us
                                                                        : connection->write_due_us;
    struct shard_timer *timer = &connection->timer;
    if (due_us == INT64_MAX || !connection->stream) return;
    if (timer->position != 0 && timer->due_us <= due_us) return;
    shard_timer_start(connection->home->shard, timer, due_us, on_timer, connection);
}

void http_connection_read_due(struct http_connection *connection, int64_t due_us)
{
    connection->read_due_us = due_us;
    arm(connection);
}

static void watch_output(struct http_connection *connection, size_t queued)
{
    if (queued == 0) {
        connection->write_due_us = INT64_MAX;
    } else if (connection->write_due_us == INT64_MAX) {
        connection->write_mark = queued;
        connection->write_due_us = shard_now_us(connection->home->shard) +
                                   connection->home->options->write_timeout_ms * 1000;
        arm(connection);
    }
}

/* The peer has read nothing since the mark: it has gone away or is hostile. */
static bool output_is_stuck(struct http_connection *connection)
{
    size_t queued = stream_queued(connection->stream);
    bool stuck = queued >= connection->write_mark;
    connection->write_due_us = INT64_MAX;
    watch_output(connection, queued);
    return stuck;
}

/* ---- output ---- */

struct buffer *http_connection_output(struct http_connection *connection)
{
    if (!connection->output)
        connection->output = http_pool_take(&connection->home->pool, HTTP_OUTPUT_EXPECTED);
    if (!connection->busy) http_connection_schedule(connection);
    return connection->output;
}

void http_connection_flush(struct http_connection *connection, struct str body)
{
    struct iovec parts[2];
    int count = 0;

    if (connection->output && connection->output->length > 0)
        parts[count++] = (struct iovec){connection->output->data, connection->output->length};
    if (body.length > 0) parts[count++] = (struct iovec){(char *)(uintptr_t)body.data, body.length};
    for (int i = 0; i < count; i++) connection->written += parts[i].iov_len;
    if (connection->stream && count > 0)
        watch_output(connection, stream_write(connection->stream, parts, count));
    http_pool_give(&connection->home->pool, &connection->output);
}

void http_connection_schedule(struct http_connection *connection)
{
    shard_defer(connection->home->shard, &connection->turn);
}

/* ---- input ---- */

static enum http_protocol sniff(struct str data)
{
    size_t length = data.length < PREFACE_LENGTH ? data.length : PREFACE_LENGTH;
    if (memcmp(data.data, preface, length) != 0) return HTTP_PROTOCOL_HTTP1;
    return length == PREFACE_LENGTH ? HTTP_PROTOCOL_HTTP2 : HTTP_PROTOCOL_SNIFF;
}

static size_t take(struct http_connection *connection, struct str data)
{
    if (connection->protocol == HTTP_PROTOCOL_SNIFF && data.length > 0) {
        connection->protocol = sniff(data);
        if (connection->protocol == HTTP_PROTOCOL_HTTP2) http2_server_start(connection);
        if (connection->protocol == HTTP_PROTOCOL_SNIFF && !connection->head_begun) {
            connection->head_begun = true;
            http_connection_read_due(connection,
                                     shard_now_us(connection->home->shard) +
                                         connection->home->options->header_timeout_ms * 1000);
        }
    }
    if (!speaks(connection)) return 0;
    return events_of(connection)->take(connection, data);
}

/* Processes the waiting input and then `data`, and keeps the rest. */
static void take_all(struct http_connection *connection, struct str data)
{
    struct http_pool *pool = &connection->home->pool;
    if (connection->input) {
        buffer_append(connection->input, data.data, data.length);
        size_t used = take(connection, buffer_str(connection->input));
        if (used == connection->input->length)
            http_pool_give(pool, &connection->input);
        else if (used > 0)
            buffer_consume(connection->input, used);
    } else {
        size_t used = take(connection, data);
        if (used == data.length) return;
        connection->input = http_pool_take(pool, data.length - used);
        buffer_append(connection->input, data.data + used, data.length - used);
    }
    if (connection->protocol == HTTP_PROTOCOL_LINGER) http_pool_give(pool, &connection->input);
}

/* ---- memory ---- */

static size_t capacity_of(const struct buffer *buffer)
{
    return buffer ? buffer->capacity : 0;
}

static void charge(struct http_connection *connection)
{
    size_t size = HTTP_CONNECTION_WEIGHT + capacity_of(connection->input) +
                  capacity_of(connection->output);

    if (connection->session) size += HTTP_SESSION_WEIGHT;
    if (connection->stream) size += stream_queued(connection->stream);
    budget_set(&connection->budget, &connection->charged, size);
}

void http_connection_end(struct http_connection *connection)
{
    bool free_now = !connection->busy;

    if (connection->session && free_now) http2_server_calm(connection);
    http_connection_close(connection);
    if (!free_now) return;
    connection->busy = true;
    events_of(connection)->closed(connection);
    fiber_run_ready(connection->home->shard);
    connection->busy = false;
    charge(connection);
    /* Closed before, so nothing else comes that would free it. */
    if (!connection->stream) http_connection_schedule(connection);
}

/* Ends the connection because it holds the most while there is too little memory. */
static void shed(void *owner)
{
    struct http_connection *connection = owner;
    struct http_home *home = connection->home;
    int64_t now_us = shard_now_us(home->shard);

    http_count_refusal(home, HTTP_REFUSED_SHED);
    if (!home->shed_logged_us || now_us - home->shed_logged_us > SHED_LOGGED_EVERY_US) {
        home->shed_logged_us = now_us;
        log_warn(
            0,
            "clients make the process hold too much memory (MEMORY_MAX): the connection that holds "
            "most is ended",
            LOG_STR("server", home->options->name),
            LOG_INT("connection_bytes", (int64_t)connection->budget.used));
    }
    http_connection_end(connection);
}

static void relieve(struct shard *shard, void *data)
{
    (void)data;
    budget_relieve(&shard->memory);
}

/* Asks the other shards to make room too. */
static void ask_for_relief(struct shard *shard)
{
    int64_t now_us = shard_now_us(shard);

    if (now_us - shard->memory.told_us < RELIEF_EVERY_US) return;
    shard->memory.told_us = now_us;
    for (int i = 0; i < shards_count(shard->shards); i++)
        if (i != shard->index) shard_post(shards_at(shard->shards, i), relieve, NULL);
}

bool http_connection_is_idle(const struct http_connection *connection)
{
    if (!connection->stream || connection->busy || connection->ending) return false;
    if (connection->exchange || connection->input || stream_queued(connection->stream) > 0)
        return false;
    if (connection->session) return connection->session->exchanges == 0;
    return connection->protocol != HTTP_PROTOCOL_LINGER;
}

bool http_connection_admits(struct http_connection *connection)
{
    bool admitted = budget_admits(&connection->budget);

    if (budget_is_tight(&connection->budget)) {
        http_home_watch(connection->home);
        if (budget_is_over()) ask_for_relief(connection->home->shard);
    }
    return admitted;
}

/* ---- time: the connections of a peer take turns (base/share.h) ---- */

/* Is it the connection's turn? If not, it must ask again in the next pass. */
static bool has_turn(struct http_connection *connection)
{
    struct share *share = budget_share(&connection->budget);
    uint64_t pass = shard_pass(connection->home->shard);

    return !share || share_admits(share, pass, &connection->served_pass);
}

/* Counts the time since it was last counted. */
static void spend_time(struct http_connection *connection)
{
    struct share *share = budget_share(&connection->budget);
    int64_t now_us = shard_read_clock(connection->home->shard);

    if (share) share_spend(share, now_us - connection->served_us);
    connection->served_us = now_us;
}

bool http_connection_has_time(struct http_connection *connection)
{
    const struct share *share = budget_share(&connection->budget);

    if (!connection->request_begun || !share) {
        connection->request_begun = true;
        return true;
    }
    spend_time(connection);
    if (!share_is_spent(share)) return true;
    connection->yields = true;
    return false;
}

/* ---- entering and leaving events: nothing is freed while `busy` ---- */

static void begin_event(struct http_connection *connection)
{
    connection->busy = true;
    connection->request_begun = connection->yields = false;
    connection->served_us = shard_now_us(connection->home->shard);
}

/* Leaves an event: writes, and frees the connection when it is closed and nothing refers to it. */
static void end_event(struct http_connection *connection)
{
    struct http_home *home = connection->home;
    if (connection->stream) http_connection_flush(connection, STR(""));
    spend_time(connection);
    if (connection->yields) shard_defer_next(home->shard, &connection->turn);
    connection->busy = false;
    if (connection->stream || !events_of(connection)->is_unused(connection)) {
        charge(connection);
        return;
    }

    shard_defer_cancel(home->shard, &connection->turn);
    http_pool_give(&home->pool, &connection->input);
    http_pool_give(&home->pool, &connection->output);
    http_home_remove(home, connection);
    budget_close(&home->shard->memory, &connection->budget);
    free(connection);
}

static bool on_readable(void *owner)
{
    return has_turn(owner);
}

static void on_data(void *owner, const uint8_t *data, size_t size)
{
    struct http_connection *connection = owner;
    if (connection->protocol == HTTP_PROTOCOL_LINGER) return;
    connection->received += size;
    begin_event(connection);
    take_all(connection, str_sized(data, size));
    end_event(connection);
}

static void run_turn(void *data)
{
    struct http_connection *connection = data;
    if (connection->stream && !has_turn(connection)) {
        shard_defer_next(connection->home->shard, &connection->turn);
        return;
    }
    begin_event(connection);
    if (connection->stream && connection->protocol != HTTP_PROTOCOL_LINGER) {
        if (connection->drained && speaks(connection)) events_of(connection)->writable(connection);
        connection->drained = false;
        take_all(connection, STR(""));
    }
    end_event(connection);
}

static void on_end(void *owner)
{
    struct http_connection *connection = owner;
    begin_event(connection);
    connection->peer_ended = true;
    if (speaks(connection)) {
        events_of(connection)->peer_end(connection);
        take_all(connection, STR(""));
    } else if (stream_queued(connection->stream) == 0) {
        http_connection_close(connection);
    }
    end_event(connection);
}

static void on_drain(void *owner)
{
    struct http_connection *connection = owner;
    connection->write_due_us = INT64_MAX;
    connection->drained = true;
    if (speaks(connection)) {
        run_turn(connection);
        return;
    }
    begin_event(connection);
    if (connection->peer_ended) http_connection_close(connection);
    end_event(connection);
}

static void on_close(void *owner, int error)
{
    struct http_connection *connection = owner;
    (void)error;
    begin_event(connection);
    connection->stream = NULL;
    shard_timer_stop(&connection->timer);
    events_of(connection)->closed(connection);
    end_event(connection);
}

static void on_timer(void *data)
{
    struct http_connection *connection = data;
    int64_t now_us = shard_now_us(connection->home->shard);

    begin_event(connection);
    if (connection->write_due_us <= now_us && output_is_stuck(connection)) {
        http_count_refusal(connection->home, HTTP_REFUSED_WRITE_TIMEOUT);
        http_connection_close(connection);
    } else if (connection->read_due_us <= now_us) {
        connection->read_due_us = INT64_MAX;
        if (connection->protocol == HTTP_PROTOCOL_LINGER)
            http_connection_close(connection);
        else
            events_of(connection)->overdue(connection);
    }
    arm(connection);
    end_event(connection);
}

static const struct stream_events stream_events = {.on_data = on_data,
                                                   .on_end = on_end,
                                                   .on_drain = on_drain,
                                                   .on_close = on_close,
                                                   .on_readable = on_readable};

/* ---- opening and closing ---- */

void http_connection_accept(struct http_home *home, struct stream *stream)
{
    struct http_connection *connection = calloc(1, sizeof(*connection));
    invariant(connection);
    connection->home = home;
    connection->stream = stream;
    connection->write_due_us = INT64_MAX;
    connection->served_pass = shard_pass(home->shard);
    connection->turn = (struct shard_task){.fn = run_turn, .data = connection};
    connection->decoder.state = HTTP1_BODY_DONE;
    connection->budget.shed = shed;
    connection->budget.owner = connection;
    budget_open(&home->shard->memory, &connection->budget, address_owner(stream_peer(stream)));
    charge(connection);
    bool refused = http_home_is_full(home) || home->draining;
    http_home_add(home, connection);
    http_connection_read_due(connection,
                             shard_now_us(home->shard) + home->options->idle_timeout_ms * 1000);
    stream_start(stream, &stream_events, connection);
    if (!refused) return;
    if (!home->draining) http_count_refusal(home, HTTP_REFUSED_CONNECTIONS);
    http_connection_close(connection);
}

void http_connection_pause(struct http_connection *connection, bool pause)
{
    if (!connection->stream || connection->paused == pause) return;
    connection->paused = pause;
    if (pause)
        stream_pause(connection->stream);
    else
        stream_resume(connection->stream);
}

void http_connection_linger(struct http_connection *connection)
{
    if (!connection->stream || connection->protocol == HTTP_PROTOCOL_LINGER) return;
    http_connection_flush(connection, STR(""));
    connection->protocol = HTTP_PROTOCOL_LINGER;
    if (connection->peer_ended && stream_queued(connection->stream) == 0) {
        http_connection_close(connection);
        return;
    }
    stream_shutdown(connection->stream);
    http_connection_pause(connection, false);
    http_connection_read_due(connection, shard_now_us(connection->home->shard) + LINGER_MS * 1000);
}

void http_connection_close(struct http_connection *connection)
{
    if (!connection->stream) return;
    connection->ending = true;
    stream_close(connection->stream);
}

void http_connection_drain(struct http_connection *connection)
{
    begin_event(connection);
    connection->ending = true;
    if (speaks(connection))
        events_of(connection)->drain(connection);
    else if (connection->protocol == HTTP_PROTOCOL_SNIFF)
        http_connection_close(connection);
    end_event(connection);
}
