/* SPDX-License-Identifier: Apache-2.0 */
/* What a shard's server does while memory is tight (base/budget.h): it looks at its connections
 * twice a second and says which of them hold memory without using it, because their peers neither
 * read their answers nor end their requests. Those are the first to be shed, and those that stay
 * so for some seconds while they hold more than their allowance are ended at once. Nothing of this
 * costs anything while memory is not tight. */
#include "http/http_connection.h"

enum {
    LOOK_MS = 500,
    STILL_LOOKS_MAX = 6,
    /* Bytes that must pass between two looks: this part of what the connection holds. */
    MOVED_PART = 16,
};

/* Have enough bytes passed in either direction since the last look? */
static bool has_moved(struct http_connection *connection)
{
    uint64_t passed = connection->received + connection->written -
                      stream_queued(connection->stream);
    uint64_t since = passed - connection->passed_mark;

    connection->passed_mark = passed;
    return since > 0 && since >= connection->budget.used / MOVED_PART;
}

/* Is it the peer that is waited for, and not a handler? */
static bool waits_for_peer(const struct http_connection *connection)
{
    if (stream_queued(connection->stream) > 0) return true;
    if (connection->session) return http2_server_waits_for_peer(connection);
    return connection->decoder.state != HTTP1_BODY_DONE;
}

/* True: its memory is tight. */
static bool look_at(struct http_connection *connection)
{
    struct budget *budget = &connection->budget;
    bool tight, still;

    if (budget->ending || !connection->stream || connection->ending) return false;
    tight = budget_is_tight(budget);
    still = !has_moved(connection) && tight && waits_for_peer(connection);
    budget_set_still(budget, still);
    connection->looks_still = still ? connection->looks_still + 1 : 0;
    if (connection->looks_still >= STILL_LOOKS_MAX && budget->used > budget_allowance(budget)) {
        http_count_refusal(connection->home, HTTP_REFUSED_STILL);
        http_connection_end(connection);
    }
    return tight;
}

static void on_look(void *data)
{
    struct http_home *home = data;
    struct http_connection *next;
    bool tight = false;

    for (struct http_connection *connection = home->connections; connection; connection = next) {
        next = connection->next;
        tight |= look_at(connection);
    }
    if (tight) http_home_watch(home);
}

void http_home_watch(struct http_home *home)
{
    if (home->look.position) return;
    shard_timer_start(home->shard, &home->look, shard_now_us(home->shard) + LOOK_MS * 1000, on_look,
                      home);
}
