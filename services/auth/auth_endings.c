/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that end: by the user service's events about accounts; and the rpc by which gateways
 * learn of endings, so that access tokens do not outlive their sessions. */
#include "base/clock.h"
#include "events.pb-c.h"
#include "events/events.h"
#include "services/auth/auth_service.h"

enum {
    ENDINGS_MAX = 1000,
    /* A waiting call checks this often whether the process is stopping, and reads again. */
    LOOK_MS = 500,
    US_PER_S = 1000000
};

/* ---- events of accounts ---- */

static struct status follow_account(struct call *call, const struct event *event, void *data)
{
    struct auth_service *service = data;
    const Events__AccountChangedEvent *changed;
    ProtobufCMessage *message;

    struct status st = event_unpack(call->arena, event, &events__account_changed_event__descriptor,
                                    &message);
    if (failed(st)) return st;
    changed = (const Events__AccountChangedEvent *)message;
    struct account_news news = {
        .event = event,
        .email = changed->email,
        .role = changed->role,
        .gone = changed->is_deleted || strcmp(changed->status, "blocked") == 0,
        .password_changed_us = changed->password_changed_us,
        .changed_on = changed->password_changed_on,
        .role_changed_us = changed->role_changed_us,
    };
    return service->store->follow(call, service->store, &news);
}

static void notify_watchers(void *data)
{
    auth_watchers_notify(((struct auth_service *)data)->watchers);
}

void auth_endings_start(const struct service_context *context, struct auth_service *service)
{
    static const char *const types[] = {"AccountChangedEvent", 0};
    struct events_subscription subscription = {
        .group = "auth",
        .topic = "user-events",
        .producer = "user",
        .types = types,
        .handle = follow_account,
        .data = service,
        .store = &service->store->events,
    };

    events_subscribe(context->events, &subscription);
    service->server = context->server;
    service->watchers = auth_watchers_new(context->arena, context->shards);
    service->store->on_ending(service->store, notify_watchers, service);
}

/* ---- the gateways' rpc ---- */

static void fill(const struct call *call, const struct ending *endings, size_t count,
                 AuthService__WatchEndedSessionsResponse *response)
{
    response->sessions = arena_array(call->arena, AuthService__EndedSession *, count + 1);
    for (size_t i = 0; i < count; i++) {
        AuthService__EndedSession *session = arena_new(call->arena, AuthService__EndedSession);
        auth_service__ended_session__init(session);
        session->session_id = (char *)endings[i].family;
        session->generation = endings[i].generation;
        session->until_s = endings[i].until_s;
        response->sessions[response->n_sessions++] = session;
    }
}

/* A gateway that has seen a higher number than the store ever gave knows another store (one that
 * was restored since, say): it gets everything from the start. */
static struct status read_endings(struct call *call, struct auth_service *service, int64_t after,
                                  AuthService__WatchEndedSessionsResponse *response)
{
    int64_t now_s = clock_now_us() / US_PER_S, last;
    struct ending *endings;
    size_t count;
    struct status st;

    st = service->store->endings(call, service->store, after, now_s, ENDINGS_MAX, &endings, &count,
                                 &last);
    if (!failed(st) && after > last)
        st = service->store->endings(call, service->store, 0, now_s, ENDINGS_MAX, &endings, &count,
                                     &last);
    if (failed(st)) return st;
    fill(call, endings, count, response);
    response->after = count == ENDINGS_MAX ? endings[count - 1].number : last;
    return status_ok();
}

struct status watch_ended_sessions(struct call *call,
                                   const AuthService__WatchEndedSessionsRequest *request,
                                   AuthService__WatchEndedSessionsResponse *response)
{
    struct auth_service *service = call_service(call);
    int64_t until_us = clock_monotonic_us() + request->wait_ms * INT64_C(1000), left_ms;

    struct status st = call_require_peer(call);
    while (!failed(st)) {
        uint64_t seen = auth_watchers_seen(service->watchers);
        st = read_endings(call, service, request->after, response);
        left_ms = (until_us - clock_monotonic_us()) / 1000;
        if (failed(st) || response->n_sessions > 0 || left_ms <= 0 ||
            response->after < request->after || !rpc_server_is_serving(service->server))
            break;
        st = auth_watchers_wait(call, service->watchers, seen,
                                left_ms < LOOK_MS ? left_ms : LOOK_MS);
    }
    return st;
}
