/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics of stores whose engines are other processes. */
#include "store/store_metrics.h"

#include "reasons.pb-c.h"

static struct metric requests = METRIC_COUNTER("argosy_store_requests_total",
                                               "Requests to the store's engine.", "store");
static struct metric errors = METRIC_COUNTER(
    "argosy_store_errors_total",
    "Failed requests to the store's engine: unreachable, timeout, conflict (repeated because of a "
    "concurrent change), unknown (whether the change was made) or refused.",
    "store", "kind");
static struct metric seconds = METRIC_DURATION(
    "argosy_store_seconds", "Duration of requests to the store's engine.", "store");
static struct metric connections = METRIC_GAUGE(
    "argosy_store_connections", "Open connections to the store's engine.", "store", "state");
static struct metric waiting = METRIC_GAUGE(
    "argosy_store_waiting", "Calls that wait for a connection to the store's engine.", "store");
static struct metric breaker_open = METRIC_GAUGE(
    "argosy_store_breaker_open",
    "Shards that refuse calls at once because the store's engine does not answer.", "store");
static struct metric unsafe_settings = METRIC_GAUGE(
    "argosy_store_unsafe_settings",
    "Settings of the store's engine by which acknowledged data can be lost.", "store");

static const char *const kinds[STORE_OUTCOME_COUNT] = {
    [STORE_UNREACHABLE] = "unreachable", [STORE_TIMEOUT] = "timeout", [STORE_CONFLICT] = "conflict",
    [STORE_UNKNOWN] = "unknown",         [STORE_REFUSED] = "refused",
};

void store_metrics_init(struct store_metrics *metrics, const char *store)
{
    *metrics = (struct store_metrics){
        .requests = metric_series(&requests, store),
        .seconds = metric_series(&seconds, store),
        .busy = metric_series(&connections, store, "busy"),
        .idle = metric_series(&connections, store, "idle"),
        .waiting = metric_series(&waiting, store),
        .breaker_open = metric_series(&breaker_open, store),
        .unsafe_settings = metric_series(&unsafe_settings, store),
    };
    for (int i = STORE_OK + 1; i < STORE_OUTCOME_COUNT; i++)
        metrics->errors[i] = metric_series(&errors, store, kinds[i]);
}

void store_metrics_request(const struct store_metrics *metrics, int64_t took_us,
                           enum store_outcome outcome)
{
    metric_add(metrics->requests, 1);
    metric_observe_us(metrics->seconds, took_us);
    if (outcome != STORE_OK) metric_add(metrics->errors[outcome], 1);
}

enum store_outcome store_outcome_of(struct status st)
{
    if (!failed(st)) return STORE_OK;
    if (st.reason == ARGOSY__REASON__STORE_OUTCOME_UNKNOWN) return STORE_UNKNOWN;
    if (st.reason == ARGOSY__REASON__STORE_BUSY || st.code == STATUS_ABORTED) return STORE_CONFLICT;
    if (st.code == STATUS_UNAVAILABLE) return STORE_UNREACHABLE;
    if (st.code == STATUS_DEADLINE_EXCEEDED || st.code == STATUS_CANCELLED) return STORE_TIMEOUT;
    return STORE_REFUSED;
}
