/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of one shard. One is made at a time. A round tries each host once, from the one
 * that was used last; the callers that wait fail when a round has found no primary. */
#include "store/redis/hub.h"

#include <stdio.h>

#include "base/random.h"
#include "observe/log.h"
#include "reasons.pb-c.h"
#include "store/redis/database.h"

/* A line as long as this is worth another connection. */
enum { LINE_LONG = 8 };

/* A call that waits for a connection; lies on its fiber's stack. */
struct hub_waiter {
    struct fiber_wait wait;
    struct hub_waiter *next, *previous;
    bool linked, failed;
};

static const struct link_events link_events;

void hub_init(struct hub *hub, struct redis *db, struct shard *shard)
{
    *hub = (struct hub){.db = db, .shard = shard, .breaker.news = &db->news};
}

/* ---- callers that wait ---- */

static void remove_waiter(struct hub *hub, struct hub_waiter *waiter)
{
    if (!waiter->linked) return;
    waiter->linked = false;
    hub->waiting--;
    metric_shift(hub->db->metrics.waiting, -1);
    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        hub->waiters = waiter->next;
    if (waiter->next)
        waiter->next->previous = waiter->previous;
    else
        hub->waiters_last = waiter->previous;
}

static void wake_waiters(struct hub *hub, bool failed_round)
{
    while (hub->waiters) {
        struct hub_waiter *waiter = hub->waiters;
        waiter->failed = failed_round;
        remove_waiter(hub, waiter);
        fiber_wake_later(hub->shard, &waiter->wait);
    }
}

static struct status wait_in_line(struct call *call, struct hub *hub)
{
    struct hub_waiter waiter = {.linked = true, .previous = hub->waiters_last};
    struct status st = status_ok();

    if (hub->waiting >= HUB_WAITERS_MAX)
        return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__QUEUE_FULL,
                           hub->db->queue_full);
    if (hub->waiters_last)
        hub->waiters_last->next = &waiter;
    else
        hub->waiters = &waiter;
    hub->waiters_last = &waiter;
    hub->waiting++;
    metric_shift(hub->db->metrics.waiting, 1);
    while (waiter.linked && !failed(st)) st = fiber_suspend(call, &waiter.wait);
    remove_waiter(hub, &waiter);
    if (failed(st)) return st;
    return waiter.failed ? redis_unreachable(hub->db) : st;
}

/* ---- making connections ---- */

static void start_link(struct hub *hub, const char *address, bool to_sentinel)
{
    const struct link_plan plan = {
        .shard = hub->shard,
        .url = &hub->db->url,
        .tls = hub->db->tls,
        .name = hub->db->name,
        .metrics = &hub->db->metrics,
        .address = address,
        .to_sentinel = to_sentinel,
        .events = &link_events,
        .owner = hub,
    };

    hub->coming = link_new(&plan);
}

static void start_connecting(struct hub *hub)
{
    const struct redis_url *url = &hub->db->url;

    if (url->sentinel && hub->primary[0])
        start_link(hub, hub->primary, false);
    else
        start_link(hub, url->hosts[hub->host], url->sentinel);
}

static void show_breaker(const struct hub *hub, enum breaker_state before)
{
    int change = (hub->breaker.state != BREAKER_CLOSED) - (before != BREAKER_CLOSED);

    if (change) metric_shift(hub->db->metrics.breaker_open, change);
}

/* An engine that accepts connections and answers nothing makes each caller wait: once is enough. */
static void note_failure(struct hub *hub, enum link_end end)
{
    enum breaker_state before = hub->breaker.state;

    do breaker_failed(&hub->breaker, shard_now_us(hub->shard), random_below(UINT32_MAX));
    while (end == LINK_SILENT && hub->breaker.state == BREAKER_CLOSED);
    show_breaker(hub, before);
}

static void log_end(const struct hub *hub, const struct link *link, const char *message,
                    const char *problem)
{
    if (shard_is_stopping(hub->shard)) return;
    log_warn(0, message, LOG_STR("store", hub->db->name), LOG_STR("address", link_address(link)),
             LOG_STR("error", problem));
}

/* A connection that was being made has failed. */
static void try_next(struct hub *hub, const struct link *link, enum link_end end,
                     const char *problem)
{
    hub->last_end = end;
    snprintf(hub->problem, sizeof(hub->problem), "%s: %s", link_address(link), problem);
    hub->primary[0] = 0;
    hub->host = (hub->host + 1) % hub->db->url.host_count;
    log_end(hub, link, "redis: no connection to the store's server", problem);
    if (++hub->failures < hub->db->url.host_count && !shard_is_stopping(hub->shard)) {
        start_connecting(hub);
        return;
    }
    hub->failures = 0;
    note_failure(hub, end);
    wake_waiters(hub, true);
}

static void on_ready(void *owner, struct link *link)
{
    struct hub *hub = owner;
    enum breaker_state before = hub->breaker.state;

    hub->coming = 0;
    hub->failures = 0;
    hub->problem[0] = 0;
    invariant(hub->link_count < HUB_LINKS_MAX);
    hub->links[hub->link_count++] = link;
    breaker_succeeded(&hub->breaker, shard_now_us(hub->shard));
    show_breaker(hub, before);
    wake_waiters(hub, false);
}

static void on_primary(void *owner, struct link *link, const char *address)
{
    struct hub *hub = owner;

    (void)link;
    snprintf(hub->primary, sizeof(hub->primary), "%s", address);
    start_link(hub, hub->primary, false);
}

static bool remove_link(struct hub *hub, const struct link *link)
{
    for (int i = 0; i < hub->link_count; i++) {
        if (hub->links[i] != link) continue;
        hub->links[i] = hub->links[--hub->link_count];
        return true;
    }
    return false;
}

static void on_gone(void *owner, struct link *link, enum link_end end, const char *problem)
{
    struct hub *hub = owner;

    if (hub->coming == link) {
        hub->coming = 0;
        try_next(hub, link, end, problem);
        return;
    }
    if (!remove_link(hub, link) || end == LINK_CLOSED) return;
    hub->primary[0] = 0;
    log_end(hub, link, "redis: the connection to the store's server was lost", problem);
    if (end == LINK_SILENT || !link_has_answered(link)) note_failure(hub, end);
}

static const struct link_events link_events = {on_ready, on_primary, on_gone};

void hub_drop_links(struct hub *hub)
{
    hub->primary[0] = 0;
    hub->host = (hub->host + 1) % hub->db->url.host_count;
    while (hub->link_count > 0) {
        struct link *link = hub->links[0];
        remove_link(hub, link);
        link_close(link);
    }
}

/* ---- finding one ---- */

static struct link *shortest(const struct hub *hub)
{
    struct link *best = 0;

    for (int i = 0; i < hub->link_count; i++) {
        struct link *link = hub->links[i];
        if (!link_is_ready(link)) continue; /* has just ended */
        if (!best || link_waiting(link) < link_waiting(best)) best = link;
    }
    return best;
}

struct status hub_find_link(struct call *call, struct hub *hub, struct link **ret_link)
{
    for (;;) {
        struct status st = call_check(call);
        if (failed(st)) return st;
        if (shard_is_stopping(hub->shard)) return redis_unreachable(hub->db);
        struct link *link = shortest(hub);
        if (link && link_waiting(link) >= LINE_LONG && !hub->coming &&
            hub->link_count < hub->db->url.connections && hub->breaker.state == BREAKER_CLOSED)
            start_connecting(hub);
        if (link && !link_has_room(link))
            return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__QUEUE_FULL,
                               hub->db->queue_full);
        if (link) {
            *ret_link = link;
            return st;
        }
        enum breaker_state before = hub->breaker.state;
        bool admitted = hub->coming ? before == BREAKER_CLOSED
                                    : breaker_admits(&hub->breaker, shard_now_us(hub->shard));
        if (!admitted || hub->link_count == HUB_LINKS_MAX) return redis_unreachable(hub->db);
        if (!hub->coming) start_connecting(hub);
        st = wait_in_line(call, hub);
        if (failed(st)) return st;
    }
}
