/* SPDX-License-Identifier: Apache-2.0 */
/* Long-polls the auth service for ended sessions, on a fiber of shard 0. */
#include "gateway/session_watch.h"

#include "auth.rpc.h"
#include "base/clock.h"
#include "fiber/fiber.h"
#include "observe/log.h"
#include "observe/metrics.h"

enum {
    WAIT_MS = 10000,
    ANSWER_WITHIN_MS = 5000,
    PAUSE_FIRST_US = 50 * 1000,
    PAUSE_MAX_US = 1000 * 1000,
    US_PER_S = 1000000
};

static struct metric heard_total = METRIC_COUNTER("argosy_gateway_ended_sessions_total",
                                                  "Ended sessions that the gateway knows.");

struct session_watch {
    struct rpc_channel *auth;
    struct ended_sessions *ended;
    struct metric_series *heard;
    int64_t after;
    int failures; /* in a row */
};

static struct status ask(struct call *call, struct session_watch *watch)
{
    AuthService__WatchEndedSessionsRequest request =
        AUTH_SERVICE__WATCH_ENDED_SESSIONS_REQUEST__INIT;
    AuthService__WatchEndedSessionsResponse *response;
    struct rpc_options options = {.timeout_ms = WAIT_MS + ANSWER_WITHIN_MS};
    int64_t began_us = clock_monotonic_us();

    request.after = watch->after;
    /* After a failure the first request does not wait, to test the connection. */
    request.wait_ms = watch->failures ? 0 : WAIT_MS;
    struct status st = auth_service_watch_ended_sessions_with(call, watch->auth, &request, &options,
                                                              &response);
    if (failed(st)) return st;
    for (size_t i = 0; i < response->n_sessions; i++) {
        const AuthService__EndedSession *session = response->sessions[i];
        struct ended_session ended = {str_of(session->session_id), session->generation,
                                      session->until_s};
        ended_sessions_add(watch->ended, &ended, clock_now_us() / US_PER_S, clock_monotonic_us());
    }
    metric_add(watch->heard, response->n_sessions);
    watch->after = response->after;
    /* A service that is shutting down answers without waiting, so pause before asking again. */
    if (response->n_sessions == 0 && clock_monotonic_us() - began_us < PAUSE_FIRST_US)
        return fiber_sleep(call, PAUSE_FIRST_US);
    return st;
}

static struct status pause_after(struct call *call, struct session_watch *watch, struct status st)
{
    int64_t pause_us = PAUSE_MAX_US;

    if (watch->failures < 5) pause_us = (int64_t)PAUSE_FIRST_US << watch->failures;
    if (watch->failures++ == 0)
        log_warn(call->trace,
                 "gateway: the auth service cannot be asked which sessions have ended; their "
                 "access tokens are valid until they expire",
                 LOG_STR("code", status_code_name(st.code)),
                 LOG_STR("error", st.message ? st.message : ""));
    return fiber_sleep(call, pause_us);
}

static void run(struct call *call, void *data)
{
    struct session_watch *watch = data;
    struct status st = status_ok();

    while (!failed(st) && !failed(call_check(call))) {
        st = ask(call, watch);
        if (st.code == STATUS_UNIMPLEMENTED) {
            log_warn(call->trace, "gateway: this auth service does not report ended sessions; "
                                  "access tokens are valid until they expire");
            return;
        }
        if (failed(st)) {
            if (!failed(call_check(call))) st = pause_after(call, watch, st);
        } else if (watch->failures) {
            watch->failures = 0;
            log_info(call->trace, "gateway: the auth service reports ended sessions again");
        }
        arena_reset(call->arena);
    }
}

struct session_watch *session_watch_start(const struct service_context *context,
                                          struct ended_sessions *ended)
{
    struct session_watch *watch = arena_new(context->arena, struct session_watch);

    watch->auth = context->channel(context, "auth");
    watch->ended = ended;
    watch->heard = metric_series(&heard_total);
    fiber_post(shards_at(context->shards, 0), run, 0, watch);
    return watch;
}
