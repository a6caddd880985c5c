/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: listening, its state on each shard, draining, counters. See http/http_server.h.
 */
#include "http/http_server.h"

#include <stdatomic.h>

#include "fiber/descriptors.h"
#include "http/http_connection.h"
#include "observe/log.h"

enum { LISTENERS_MAX = 8, IDLE_CLOSED_MAX = 8, FULL_LOGGED_EVERY_US = 10 * 1000 * 1000 };

static struct metric refused_total = METRIC_COUNTER(
    "argosy_http_refused_total", "Connections and requests that the HTTP server refused.", "server",
    "reason");
static struct metric requests_total = METRIC_COUNTER(
    "argosy_http_server_requests_total", "Requests that reached a handler, by protocol version.",
    "server", "version");
static struct metric connections_open = METRIC_GAUGE("argosy_http_connections", "Open connections.",
                                                     "server");
static struct metric requests_running = METRIC_GAUGE(
    "argosy_http_requests_running", "Requests whose handlers are running.", "server");

struct http_server {
    struct http_server_options options;
    struct http_counters counters;
    struct shards *shards; /* NULL until it listens or accepts */
    struct listener *listeners[LISTENERS_MAX];
    int listener_count;
    bool loopback;                       /* every listener is bound to a loopback address */
    struct http_home *homes[SHARDS_MAX]; /* each made by its shard, when it is first used */

    int64_t drain_timeout_ms;
    void (*on_drained)(void *data);
    void *drained_data;
    atomic_int homes_draining;
};

/* ---- making one ---- */

static void set_defaults(struct http_server_options *options)
{
    if (!options->name) options->name = "http";
    if (!options->header_size_max) options->header_size_max = 32 * 1024;
    if (!options->connections_max) options->connections_max = 16384;
    if (!options->streams_max) options->streams_max = 256;
    if (!options->idle_timeout_ms) options->idle_timeout_ms = 75 * 1000;
    if (!options->header_timeout_ms) options->header_timeout_ms = 10 * 1000;
    if (!options->body_timeout_ms) options->body_timeout_ms = 20 * 1000;
    if (!options->write_timeout_ms) options->write_timeout_ms = 20 * 1000;
}

static void make_counters(struct http_server *server)
{
    const char *name = server->options.name;
    struct http_counters *counters = &server->counters;

    for (int i = HTTP_ACCEPTED + 1; i < HTTP_REFUSAL_COUNT; i++)
        counters->refused[i] = metric_series(&refused_total, name,
                                             http_refusal_label((enum http_refusal)i));
    counters->requests[HTTP_1_0] = metric_series(&requests_total, name, "1.0");
    counters->requests[HTTP_1_1] = metric_series(&requests_total, name, "1.1");
    counters->requests[HTTP_2] = metric_series(&requests_total, name, "2");
    counters->connections = metric_series(&connections_open, name);
    counters->running = metric_series(&requests_running, name);
}

struct http_server *http_server_new(const struct http_server_options *options)
{
    struct http_server *server = calloc(1, sizeof(*server));
    invariant(server && options->handler);
    server->options = *options;
    server->loopback = true;
    set_defaults(&server->options);
    make_counters(server);
    return server;
}

static struct http_home *home_of(struct http_server *server, struct shard *shard)
{
    struct http_home *home = server->homes[shard->index];

    if (home) return home;
    home = calloc(1, sizeof(*home));
    invariant(home);
    home->server = server;
    home->shard = shard;
    home->options = &server->options;
    home->counters = &server->counters;
    server->homes[shard->index] = home;
    return home;
}

static void free_home(struct http_home *home)
{
    if (!home) return;
    invariant(home->connection_count == 0);
    while (home->unused) {
        struct http_exchange *exchange = home->unused;
        home->unused = exchange->next_unused;
        arena_release(&exchange->storage);
        free(exchange);
    }
    http_pool_release(&home->pool);
    free(home);
}

void http_server_free(struct http_server *server)
{
    if (!server) return;
    for (int i = 0; i < server->listener_count; i++) listener_free(server->listeners[i]);
    for (int i = 0; i < SHARDS_MAX; i++) free_home(server->homes[i]);
    free(server);
}

/* ---- connections ---- */

void http_server_accept(struct http_server *server, struct stream *stream)
{
    struct shard *shard = stream_shard(stream);
    struct http_home *home = home_of(server, shard);

    if (!server->shards) server->shards = shard->shards;
    http_connection_accept(home, stream);
}

static void on_accept(void *owner, struct stream *stream)
{
    http_server_accept(owner, stream);
}

/* Closes some idle connections, first those of the peers that have the most, so that new
 * connections can be accepted. */
static void close_idle(struct http_home *home)
{
    for (int i = 0; i < IDLE_CLOSED_MAX; i++) {
        struct http_connection *chosen = NULL;
        for (struct http_connection *connection = home->connections; connection;
             connection = connection->next)
            if (http_connection_is_idle(connection) &&
                (!chosen || budget_peer_connections(&connection->budget) >=
                                budget_peer_connections(&chosen->budget)))
                chosen = connection; /* the list begins with the newest */
        if (!chosen) return;
        http_count_refusal(home, HTTP_REFUSED_IDLE);
        http_connection_close(chosen);
    }
}

/* The shard has run out of descriptors for connections; logged at most once in a while. */
static void on_full(void *owner, struct shard *shard)
{
    struct http_server *server = owner;
    struct http_home *home = home_of(server, shard);
    int64_t now_us = shard_now_us(shard);
    struct descriptor_stats stats;

    metric_add(server->counters.refused[HTTP_REFUSED_DESCRIPTORS], 1);
    close_idle(home);
    if (home->full_logged_us && now_us - home->full_logged_us < FULL_LOGGED_EVERY_US) return;
    home->full_logged_us = now_us;
    descriptor_stats(&stats);
    log_warn(
        0,
        "no file descriptor is free for another connection: idle ones are closed, and new ones "
        "wait; raise the limit of open files (ulimit -n)",
        LOG_STR("server", server->options.name),
        LOG_INT("connections", (int64_t)stats.connections));
}

struct status http_server_listen(struct http_server *server, struct arena *arena,
                                 struct shards *shards, const char *address)
{
    struct listener *listener;

    if (server->listener_count == LISTENERS_MAX)
        return status_printf(arena, STATUS_RESOURCE_EXHAUSTED, 0,
                             "%s: an HTTP server listens on at most %d addresses; name fewer",
                             server->options.name, LISTENERS_MAX);
    const struct listener_events events = {
        .on_accept = on_accept, .on_full = on_full, .reserved = server->options.reserved};
    struct status st = listener_open(arena, shards, address, &events, server, &listener);
    if (failed(st)) return st;
    server->shards = shards;
    server->listeners[server->listener_count++] = listener;
    if (!listener_is_loopback(listener)) server->loopback = false;
    return st;
}

const char *http_server_address(const struct http_server *server)
{
    return server->listener_count > 0 ? listener_address(server->listeners[0]) : "";
}

void http_count_refusal(const struct http_home *home, enum http_refusal refusal)
{
    metric_add(home->counters->refused[refusal], 1);
}

/* ---- the server on one shard ---- */

bool http_home_is_full(const struct http_home *home)
{
    return home->connection_count >= home->options->connections_max;
}

void http_home_add(struct http_home *home, struct http_connection *connection)
{
    connection->next = home->connections;
    if (home->connections) home->connections->previous = connection;
    home->connections = connection;
    home->connection_count++;
    metric_shift(home->counters->connections, 1);
}

static void end_drain(struct http_home *home)
{
    struct http_server *server = home->server;
    if (!home->draining || home->drained) return;
    home->drained = true;
    shard_timer_stop(&home->drain_timer);
    /* Only the last shard may still use the server, because its owner may free it after
     * on_drained. */
    if (atomic_fetch_sub(&server->homes_draining, 1) == 1) server->on_drained(server->drained_data);
}

void http_home_remove(struct http_home *home, struct http_connection *connection)
{
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        home->connections = connection->next;
    if (connection->next) connection->next->previous = connection->previous;
    home->connection_count--;
    metric_shift(home->counters->connections, -1);
    if (home->connection_count > 0) return;
    shard_timer_stop(&home->look);
    end_drain(home);
}

struct http_exchange *http_exchange_take(struct http_connection *connection)
{
    struct http_home *home = connection->home;
    struct http_exchange *exchange = home->unused;

    if (exchange) {
        home->unused = exchange->next_unused;
        home->unused_count--;
        exchange->next_unused = NULL;
    } else {
        exchange = calloc(1, sizeof(*exchange));
        invariant(exchange);
        arena_init_small(&exchange->storage, 0);
    }
    exchange->arena = &exchange->storage;
    exchange->pool = &home->pool;
    exchange->connection = connection;
    exchange->budget = &connection->budget;
    arena_set_budget(&exchange->storage, exchange->budget);
    exchange->body_timeout_ms = home->options->body_timeout_ms;
    /* A handler may outlive its connection. */
    exchange->request.peer = arena_strdup(exchange->arena, stream_peer(connection->stream));
    exchange->request.listener_loopback = home->server->loopback;
    return exchange;
}

void http_exchange_give(struct http_home *home, struct http_exchange *exchange)
{
    http_exchange_clear(exchange);
    if (home->unused_count >= HTTP_EXCHANGES_KEPT_MAX) {
        arena_release(&exchange->storage);
        free(exchange);
        return;
    }
    exchange->next_unused = home->unused;
    home->unused = exchange;
    home->unused_count++;
}

bool http_exchange_start(struct http_exchange *exchange, void (*fn)(struct call *call, void *data))
{
    struct trace trace;
    exchange->running = true;
    http_exchange_charge(exchange);
    http_exchange_trace(exchange, &trace);
    return !failed(fiber_start(exchange->connection->home->shard, &trace, fn, exchange));
}

/* ---- draining ---- */

/* Time is up: closes the remaining connections. */
static void on_drain_timeout(void *data)
{
    struct http_home *home = data;
    struct http_connection *next;

    for (struct http_connection *connection = home->connections; connection; connection = next) {
        next = connection->next;
        http_connection_close(connection);
    }
    end_drain(home);
}

static void drain_home(struct shard *shard, void *data)
{
    struct http_home *home = home_of(data, shard);
    struct http_connection *next;

    home->draining = true;
    shard_timer_start(shard, &home->drain_timer,
                      shard_now_us(shard) + home->server->drain_timeout_ms * 1000, on_drain_timeout,
                      home);
    for (struct http_connection *connection = home->connections; connection; connection = next) {
        next = connection->next;
        http_connection_drain(connection);
    }
    if (home->connection_count == 0) end_drain(home);
}

void http_server_drain(struct http_server *server, int64_t timeout_ms,
                       void (*on_drained)(void *data), void *data)
{
    for (int i = 0; i < server->listener_count; i++) listener_close(server->listeners[i]);
    if (!server->shards) {
        on_drained(data);
        return;
    }
    int count = shards_count(server->shards);
    server->drain_timeout_ms = timeout_ms;
    server->on_drained = on_drained;
    server->drained_data = data;
    atomic_store(&server->homes_draining, count);
    for (int i = 0; i < count; i++) shard_post(shards_at(server->shards, i), drain_home, server);
}
