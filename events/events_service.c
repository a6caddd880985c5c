/* SPDX-License-Identifier: Apache-2.0 */
/* EventService: the logs and dead letters of this process's services, for other processes of the
 * shop and for the command line. */
#include "base/clock.h"
#include "events.rpc.h"
#include "events/events_bus.h"
#include "events/events_message.h"

enum {
    LETTERS_DEFAULT = 100,
    /* How often a waiting call looks for commits of other processes, which don't wake it. */
    LOOK_MS = 500,
};

static struct status find_topic(const struct call *call, const char *topic,
                                struct events_log **ret_log)
{
    const struct events *events = call_service(call);
    const struct events_offer *offer = events_find_offer(events, topic);

    if (!offer)
        return status_printf(call->arena, STATUS_NOT_FOUND, ARGOSY__REASON__TOPIC_NOT_FOUND,
                             "this process does not produce the topic %s; ask its producer", topic);
    *ret_log = offer->known->log;
    return status_ok();
}

/* ---- the log ---- */

static void answer_fetch(struct arena *arena, const struct event *events, size_t count,
                         int64_t after, Events__FetchEventsResponse *response)
{
    response->events = arena_array(arena, Events__Event *, count);
    response->n_events = count;
    for (size_t i = 0; i < count; i++) response->events[i] = event_to_message(arena, &events[i]);
    response->after = after;
}

/* A fetch that is under way. */
struct fetch {
    const struct events *events;
    const Events__FetchEventsRequest *request;
    struct events_log *log;
    int64_t after; /* -1: the group's position, which is not known yet */
    int failures;  /* in a row, because the store is away */
    struct event *found;
    size_t count;
};

static struct status read_log(struct call *call, struct fetch *fetch)
{
    const Events__FetchEventsRequest *request = fetch->request;
    struct status st = status_ok();
    int64_t after = fetch->after;

    if (after < 0) after = 0;
    if (fetch->after < 0 && request->group[0])
        st = fetch->log->load_offset(call, fetch->log, request->topic, request->group, &after);
    if (failed(st)) return st;
    return fetch->log->read(call, fetch->log, request->topic, after, (size_t)request->max_events,
                            &fetch->found, &fetch->count, &fetch->after);
}

/* Waits, `left_ms` at most, before the log is read again: for events, or for a store that is away.
 * Whoever fetches could not see that it is back, and would wait out a pause of its own. */
static struct status wait_to_read(struct call *call, struct fetch *fetch, struct status st,
                                  int64_t left_ms)
{
    struct events_hub *hub = events_hub_of(fetch->events, call);

    if (atomic_load(&fetch->events->draining))
        return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__DRAINING, "draining");
    fetch->failures = failed(st) ? fetch->failures + 1 : 0;
    if (!failed(st)) return events_hub_wait(call, hub, left_ms < LOOK_MS ? left_ms : LOOK_MS);
    int64_t pause_ms = events_pause_ms(fetch->failures);
    return events_hub_pause(call, hub, left_ms < pause_ms ? left_ms : pause_ms);
}

/* Reads until there are events, or the time is over. The bound of one read keeps the answer below
 * the size limit of a message. A position is an answer too. */
static struct status read_or_wait(struct call *call, struct fetch *fetch)
{
    const Events__FetchEventsRequest *request = fetch->request;
    int64_t until_us = clock_monotonic_us() + request->wait_ms * INT64_C(1000);

    for (;;) {
        int64_t before = fetch->after;
        struct status st = read_log(call, fetch);
        if (failed(st) && st.code != STATUS_UNAVAILABLE) return st;
        int64_t left_ms = (until_us - clock_monotonic_us()) / 1000;
        if (left_ms <= 0 || (!failed(st) && (fetch->count > 0 || request->after < 0))) return st;
        if (!failed(st) && fetch->after != before) continue;
        st = wait_to_read(call, fetch, st, left_ms);
        if (failed(st)) return st;
    }
}

static struct status fetch_events(struct call *call, const Events__FetchEventsRequest *request,
                                  Events__FetchEventsResponse *response)
{
    struct fetch fetch = {
        .events = call_service(call), .request = request, .after = request->after};
    struct events_hub *hub = events_hub_of(fetch.events, call);

    struct status st = call_require_peer(call);
    if (!failed(st)) st = find_topic(call, request->topic, &fetch.log);
    if (failed(st)) return st;
    atomic_fetch_add(&hub->watchers, 1);
    st = read_or_wait(call, &fetch);
    atomic_fetch_sub(&hub->watchers, 1);
    if (failed(st)) return st;
    answer_fetch(call->arena, fetch.found, fetch.count, fetch.after, response);
    return status_ok();
}

static struct status commit_offsets(struct call *call, const Events__CommitOffsetsRequest *request,
                                    Events__CommitOffsetsResponse *response)
{
    struct events_log *log;

    struct status st = call_require_peer(call);
    if (!failed(st)) st = find_topic(call, request->topic, &log);
    if (failed(st)) return st;
    return log->commit_offset(call, log, request->topic, request->group, request->offset);
}

/* ---- dead letters ---- */

/* A group's dead letters, or NULL if the group is not here. */
static struct dead_letters *find_group(const struct events *events, const char *group)
{
    for (const struct events_consumer *consumer = events->consumers; consumer;
         consumer = consumer->next)
        if (strcmp(consumer->subscription.group, group) == 0)
            return consumer->subscription.store->letters;
    return 0;
}

static struct status add_letters(struct call *call, struct dead_letters *kept, const char *group,
                                 const Events__ListDeadLettersRequest *request,
                                 Events__ListDeadLettersResponse *response)
{
    size_t max = request->limit ? (size_t)request->limit : LETTERS_DEFAULT;
    struct dead_letter *letters;
    size_t count;

    max = max > response->n_letters ? max - response->n_letters : 0;
    struct status st = kept->list(call, kept, group, request->letter_id, max, &letters, &count);
    if (failed(st)) return st;
    Events__DeadLetter **all = arena_array(call->arena, Events__DeadLetter *,
                                           response->n_letters + count);
    if (response->n_letters > 0) memcpy(all, response->letters, response->n_letters * sizeof(*all));
    for (size_t i = 0; i < count; i++)
        all[response->n_letters + i] = dead_letter_to_message(call->arena, &letters[i]);
    response->letters = all;
    response->n_letters += count;
    return status_ok();
}

static struct status list_dead_letters(struct call *call,
                                       const Events__ListDeadLettersRequest *request,
                                       Events__ListDeadLettersResponse *response)
{
    const struct events *events = call_service(call);

    struct status st = call_require_peer(call);
    for (const struct events_consumer *consumer = events->consumers; consumer && !failed(st);
         consumer = consumer->next) {
        const struct events_subscription *subscription = &consumer->subscription;
        if (!consumer->counts_letters) continue;
        if (request->group[0] && strcmp(request->group, subscription->group) != 0) continue;
        st = add_letters(call, subscription->store->letters, subscription->group, request,
                         response);
    }
    return st;
}

static struct status replay_dead_letters(struct call *call,
                                         const Events__ReplayDeadLettersRequest *request,
                                         Events__ReplayDeadLettersResponse *response)
{
    struct dead_letters *letters;

    struct status st = call_require_peer(call);
    if (failed(st)) return st;
    letters = find_group(call_service(call), request->group);
    if (!letters)
        return status_printf(
            call->arena, STATUS_NOT_FOUND, ARGOSY__REASON__DEAD_LETTER_NOT_FOUND,
            "this process has no consumer group %s; a group has its service's name",
            request->group);
    return letters->replay(call, letters, request->group, request->letter_id, &response->count);
}

static const struct event_service_handlers handlers = {
    .fetch_events = fetch_events,
    .commit_offsets = commit_offsets,
    .list_dead_letters = list_dead_letters,
    .replay_dead_letters = replay_dead_letters,
};

void events_service_add(struct events *events)
{
    rpc_server_add_everywhere(events->context->server, &event_service_rpc, &handlers, events);
}
