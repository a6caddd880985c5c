/* SPDX-License-Identifier: Apache-2.0 */
/* Commits of other processes: one connection of each process listens on a channel, and sends a
 * notification after commits of its own, at most every NOTIFY_PAUSE_US. It is sent outside the
 * transactions, because PostgreSQL lets only one transaction with a notification commit at a time. A
 * lost notification does no harm: the bus looks by itself every second. */
#include <stdlib.h>

#include "base/random.h"
#include "observe/log.h"
#include "store/postgres/database.h"

enum { NOTIFY_PAUSE_US = 5000, RETRY_MIN_US = 500000, RETRY_MAX_US = 5000000 };

struct postgres_listener {
    struct postgres *db;
    struct shard *shard;
    struct postgres_link *link; /* NULL: not connected */
    atomic_bool due;            /* a notification is to be sent, and its message is under way */
    bool notifies;              /* on the listener's shard: send one */
    struct shard_message message;
};

static void announce(const struct postgres *db)
{
    for (int i = 0; i < db->on_commit_count; i++) db->on_commit[i].fn(db->on_commit[i].data);
}

/* The channel is the schema's; both statements go to one connection only. */
static struct status run_statement(struct call *call, struct postgres_listener *listener,
                                   const char *verb)
{
    const char *sql = arena_printf(call->arena, "%s \"argosy_%s\"", verb,
                                   listener->db->target.schema);
    struct call limited;

    call_init_child(&limited, call, POSTGRES_TIMEOUT_MS);
    postgres_link_send(call->arena, listener->link, sql, &postgres_no_values);
    struct postgres_request *end = postgres_link_sync(call->arena, listener->link);
    struct status st = postgres_link_await(&limited, listener->link, end);
    if (!listener->link->error) return st;
    return postgres_result_status(call->arena, listener->db, listener->link->error);
}

static void take_notifications(struct postgres_listener *listener)
{
    const struct postgres_library *library = listener->db->library;
    PGconn *conn = listener->link->conn;
    bool others = false;
    PGnotify *notification;

    while ((notification = library->notifies(conn))) {
        others |= notification->be_pid != library->backendPID(conn);
        library->freemem(notification);
    }
    if (others) announce(listener->db);
}

/* Until the connection is lost. */
static struct status serve(struct call *call, struct postgres_listener *listener)
{
    struct status st = run_statement(call, listener, "LISTEN");

    while (!failed(st)) {
        arena_reset(call->arena);
        take_notifications(listener);
        if (listener->notifies) {
            listener->notifies = false;
            st = run_statement(call, listener, "NOTIFY");
            if (!failed(st)) st = fiber_sleep(call, NOTIFY_PAUSE_US);
        } else {
            st = postgres_link_listen(call, listener->link);
        }
    }
    return st;
}

static void run(struct call *call, void *data)
{
    struct postgres_listener *listener = data;
    struct postgres *db = listener->db;
    int64_t pause_us = RETRY_MIN_US;
    bool again = false;
    size_t host = 0;

    while (!failed(call_check(call))) {
        arena_reset(call->arena);
        struct status st = postgres_link_open(call, db->library, &db->target, &host,
                                              &listener->link);
        if (!failed(st)) {
            if (again) announce(db); /* some may have been missed */
            again = true;
            pause_us = RETRY_MIN_US;
            st = serve(call, listener);
            postgres_link_close(listener->link);
            listener->link = NULL;
        }
        if (failed(call_check(call))) return;
        log_debug(call->trace, "store: not listening", LOG_STR("store", db->name),
                  LOG_STR("error", st.message ? st.message : ""));
        st = fiber_sleep(call, pause_us / 2 + (int64_t)random_below((uint64_t)pause_us / 2));
        if (failed(st)) return;
        pause_us = pause_us * 2 < RETRY_MAX_US ? pause_us * 2 : RETRY_MAX_US;
    }
}

static void on_due(struct shard *shard, void *data)
{
    struct postgres_listener *listener = data;

    atomic_store(&listener->due, false);
    listener->notifies = true;
    if (listener->link && listener->link->wait.fiber) fiber_wake(shard, &listener->link->wait);
}

void postgres_listener_start(struct call *call, struct postgres *db)
{
    struct postgres_listener *listener;

    if (db->listener || db->on_commit_count == 0 || db->target.pgbouncer) return;
    listener = calloc(1, sizeof(*listener));
    invariant(listener);
    listener->db = db;
    listener->shard = call->shard;
    listener->message = (struct shard_message){.fn = on_due, .data = listener};
    db->listener = listener;
    struct status st = fiber_start(call->shard, NULL, run, listener);
    if (failed(st)) /* the bus's tick does without it */
        log_warn(call->trace, "store: not listening", LOG_STR("store", db->name),
                 LOG_STR("error", st.message));
}

void postgres_listener_free(struct postgres *db)
{
    free(db->listener);
}

void postgres_committed(struct postgres *db)
{
    struct postgres_listener *listener = db->listener;

    announce(db);
    if (!listener || atomic_exchange(&listener->due, true)) return;
    shard_post_message(listener->shard, &listener->message);
}
