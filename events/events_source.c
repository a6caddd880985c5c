/* SPDX-License-Identifier: Apache-2.0 */
/* A topic's log, in this process or behind EventService. */
#include "events/events_message.h"

#include "events.rpc.h"
#include "events/events_bus.h"

/* Time limits; a fetch has this in addition to its waiting. */
enum { FETCH_TIMEOUT_MS = 10000, COMMIT_TIMEOUT_MS = 5000 };

static struct status fetch(struct call *call, const struct events_source *source,
                           const Events__FetchEventsRequest *request,
                           Events__FetchEventsResponse **ret_response)
{
    struct rpc_options options = {.timeout_ms = FETCH_TIMEOUT_MS + request->wait_ms};

    return event_service_fetch_events_with(call, source->channel, request, &options, ret_response);
}

/* The other process has the group's position and sends it with the first answer. */
static struct status open_remote(struct call *call, const struct events_source *source,
                                 const char *group, int64_t *ret_offset)
{
    Events__FetchEventsRequest request = EVENTS__FETCH_EVENTS_REQUEST__INIT;
    Events__FetchEventsResponse *response;

    request.topic = (char *)source->topic;
    request.group = (char *)group;
    request.after = -1;
    request.max_events = 1;
    request.wait_ms = EVENTS_OPEN_WAIT_MS;
    struct status st = fetch(call, source, &request, &response);
    if (failed(st)) return st;
    *ret_offset = response->n_events > 0 ? response->events[0]->offset - 1 : response->after;
    return status_ok();
}

struct status events_source_open(struct call *call, const struct events_source *source,
                                 const char *group, int64_t *ret_offset)
{
    struct events_log *log = source->known ? source->known->log : 0;

    if (log) return log->load_offset(call, log, source->topic, group, ret_offset);
    return open_remote(call, source, group, ret_offset);
}

static struct status read_remote(struct call *call, const struct events_source *source,
                                 int64_t after, int64_t wait_ms,
                                 Events__FetchEventsResponse **ret_response)
{
    Events__FetchEventsRequest request = EVENTS__FETCH_EVENTS_REQUEST__INIT;

    request.topic = (char *)source->topic;
    request.group = (char *)"";
    request.after = after;
    request.max_events = EVENTS_READ_MAX;
    request.wait_ms = (int32_t)wait_ms;
    return fetch(call, source, &request, ret_response);
}

struct status events_source_read(struct call *call, const struct events_source *source,
                                 int64_t after, int64_t wait_ms, struct event **ret_events,
                                 size_t *ret_count, int64_t *ret_after)
{
    struct events_log *log = source->known ? source->known->log : 0;
    Events__FetchEventsResponse *response;

    if (log)
        return log->read(call, log, source->topic, after, EVENTS_READ_MAX, ret_events, ret_count,
                         ret_after);
    struct status st = read_remote(call, source, after, wait_ms, &response);
    if (failed(st)) return st;
    struct event *events = arena_array(call->arena, struct event, response->n_events);
    for (size_t i = 0; i < response->n_events; i++)
        event_from_message(response->events[i], &events[i]);
    *ret_events = events;
    *ret_count = response->n_events;
    *ret_after = response->after;
    return status_ok();
}

struct status events_source_commit(struct call *call, const struct events_source *source,
                                   const char *group, int64_t offset)
{
    Events__CommitOffsetsRequest request = EVENTS__COMMIT_OFFSETS_REQUEST__INIT;
    struct rpc_options options = {.timeout_ms = COMMIT_TIMEOUT_MS};
    struct events_log *log = source->known ? source->known->log : 0;
    Events__CommitOffsetsResponse *response;

    if (log) return log->commit_offset(call, log, source->topic, group, offset);
    request.topic = (char *)source->topic;
    request.group = (char *)group;
    request.offset = offset;
    return event_service_commit_offsets_with(call, source->channel, &request, &options, &response);
}
