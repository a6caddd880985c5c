/* SPDX-License-Identifier: Apache-2.0 */
/* The interceptors: metrics, the log line, deadline, validation, and the errors that callers may
 * see. */
#include "rpc/interceptors.h"

#include <pthread.h>

#include "base/clock.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "rpc/rpc_arena.h"
#include "rpc/rpc_status.h"

static struct metric started = METRIC_COUNTER("argosy_rpc_started_total",
                                              "Calls that were started.", "service", "method");
static struct metric finished = METRIC_COUNTER("argosy_rpc_finished_total",
                                               "Calls that were answered, by gRPC code.", "service",
                                               "method", "code");
static struct metric duration = METRIC_DURATION("argosy_rpc_duration_seconds",
                                                "Time from the start of a call to its response.",
                                                "service", "method");

void rpc_route_count_from_zero(struct rpc_route *route)
{
    const char *service = route->description->name, *method = route->method->name;

    route->started = metric_series(&started, service, method);
    route->duration = metric_series(&duration, service, method);
}

/* Looking a series up takes a lock, so the route caches it; two shards that look it up at the same
 * time find the same one. */
static struct metric_series *finished_series(struct rpc_route *route, enum status_code code)
{
    struct metric_series *series = atomic_load_explicit(&route->finished[code],
                                                        memory_order_acquire);

    if (series) return series;
    series = metric_series(&finished, route->description->name, route->method->name,
                           status_code_name(code));
    atomic_store_explicit(&route->finished[code], series, memory_order_release);
    return series;
}

static struct rpc_route *unknown_route;

static void make_unknown_route(void)
{
    static const struct rpc_method method = {.name = "unknown", .path = "unknown"};
    static const struct rpc_service description = {.name = "unknown"};
    static struct rpc_route route = {
        .method = &method, .description = &description, .path = {"unknown", sizeof("unknown") - 1}};

    rpc_route_count_from_zero(&route);
    unknown_route = &route;
}

struct rpc_route *rpc_route_unknown(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_unknown_route);
    return unknown_route;
}

void rpc_run_begin(struct rpc_run *run, struct call *call, struct rpc_route *route,
                   struct rpc_scope *scope)
{
    scope->service = route->service;
    call->scope = scope;
    *run = (struct rpc_run){call, route, clock_monotonic_us()};
    metric_add(route->started, 1);
}

void rpc_run_limit(const struct rpc_run *run, int64_t timeout_us, int64_t max_ms)
{
    const struct rpc_method *method = run->route->method;
    struct call *call = run->call;
    int64_t deadline_us;

    if (timeout_us == 0 && !method->client_streaming && !method->server_streaming)
        timeout_us = (int64_t)RPC_UNARY_TIMEOUT_MS * 1000;
    if (timeout_us == 0 || timeout_us > max_ms * 1000) timeout_us = max_ms * 1000;
    deadline_us = run->started_us + timeout_us;
    if (call->deadline_us == CALL_NO_DEADLINE || deadline_us < call->deadline_us)
        call->deadline_us = deadline_us;
}

struct status rpc_validate(const struct call *call, const struct rpc_route *route,
                           struct str encoded)
{
    if (!route->request) return status_ok();
    return schema_validate(call->arena, route->request, encoded);
}

struct status rpc_validate_message(const struct call *call, const struct rpc_route *route,
                                   const ProtobufCMessage *request)
{
    if (!route->request || !route->request->has_rules) return status_ok();
    return schema_validate(call->arena, route->request, rpc_pack(call->arena, request));
}

struct status rpc_invoke(struct call *call, const struct rpc_route *route,
                         const ProtobufCMessage *request, ProtobufCMessage *response,
                         struct rpc_stream *stream)
{
    if (!route->handler)
        return status_make(STATUS_UNIMPLEMENTED, 0, "there is no such method here");
    return route->method->invoke(route->handler, call, request, response, stream);
}

/* Is it a fault of the server, rather than of the caller? */
static bool is_fault(enum status_code code)
{
    return code == STATUS_INTERNAL || code == STATUS_UNKNOWN || code == STATUS_DATA_LOSS;
}

static void write_line(const struct rpc_run *run, struct status st, int64_t elapsed_us)
{
    enum log_level level = is_fault(st.code) ? LOG_ERROR : failed(st) ? LOG_INFO : LOG_DEBUG;

    LOG_EVENT(level, run->call->trace, "rpc", LOG_TEXT("method", run->route->path),
              LOG_STR("code", status_code_name(st.code)),
              LOG_STR("reason", rpc_reason_name(st.reason)),
              LOG_STR("error", st.message ? st.message : ""), LOG_INT("us", elapsed_us),
              LOG_STR("peer", call_peer(run->call)));
}

/* The status as the caller may see it: the text of an INTERNAL error, and of a store's error that
 * names its file, only goes to the log. */
static struct status make_public(const struct call *call, struct status st)
{
    const char *text = "internal error";

    switch (st.reason) {
    case ARGOSY__REASON__STORE_BUSY:
    case ARGOSY__REASON__STORE_FULL:
        text = "the store cannot be written to now; try again later";
        break;
    case ARGOSY__REASON__STORE_DAMAGED: text = "the store is damaged"; break;
    case ARGOSY__REASON__STORE_OUTCOME_UNKNOWN:
        text = "whether the change was made is not known; repeat the request with the same "
               "Idempotency-Key, or read before you repeat it";
        break;
    case ARGOSY__REASON__STORE_REFUSED:
        text = "the store cannot be used before its operator has corrected its settings";
        break;
    default:
        if (st.code != STATUS_INTERNAL) return st;
    }
    return status_printf(call->arena, st.code, st.reason, "%s; request id %s", text,
                         call->trace->request_id);
}

struct status rpc_run_end(const struct rpc_run *run, struct status st)
{
    struct arena *arena = run->call->arena;
    int64_t elapsed_us = clock_monotonic_us() - run->started_us;

    if (!failed(st) && arena->exhausted)
        st = status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__MEMORY_LIMIT,
                         "the call needed more memory than one call may have");
    if ((unsigned)st.code >= STATUS_CODE_COUNT) st.code = STATUS_UNKNOWN;

    metric_add(finished_series(run->route, st.code), 1);
    metric_observe_us(run->route->duration, elapsed_us);
    write_line(run, st, elapsed_us);
    return failed(st) ? make_public(run->call, st) : st;
}
