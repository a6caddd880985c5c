/* SPDX-License-Identifier: Apache-2.0 */
/* Counts requests. */
#include "gateway/traffic.h"

#include "base/arena.h"
#include "base/number.h"

static struct metric requests_total = METRIC_COUNTER("argosy_gateway_requests_total",
                                                     "Requests answered by the gateway.", "route",
                                                     "method", "status");
static struct metric request_seconds = METRIC_DURATION(
    "argosy_gateway_request_duration_seconds",
    "Time from a request's head to the end of its response.", "route", "method");

static struct metric kong_requests = METRIC_COUNTER(
    "kong_http_requests_total",
    "Requests by service and route of the configuration; source is service, or exit for responses "
    "of the gateway itself.",
    "service", "route", "code", "source");
static struct metric kong_request_ms = METRIC_DURATION_MS(
    "kong_request_latency_ms", "Time from a request's head to the end of its response.", "service",
    "route");
static struct metric kong_upstream_ms = METRIC_DURATION_MS(
    "kong_upstream_latency_ms",
    "The part of kong_request_latency_ms in the service and on the way there.", "service", "route");
static struct metric kong_kong_ms = METRIC_DURATION_MS(
    "kong_kong_latency_ms", "The part of kong_request_latency_ms in the gateway itself.", "service",
    "route");
static struct metric kong_bytes = METRIC_COUNTER(
    "kong_bandwidth_bytes",
    "Bytes of requests' (ingress) and responses' (egress) bodies, where bandwidth_metrics is on.",
    "service", "route", "direction");

/* Statuses with a slot of their own; the last slot is for all others. */
static const int16_t statuses[TRAFFIC_STATUSES - 1] = {
    200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405,
    408, 409, 410, 411, 412, 413, 415, 422, 429, 499, 500, 501, 502, 503, 504,
};

static int place_of(int http_status)
{
    int place = 0;

    while (place < TRAFFIC_STATUSES - 1 && statuses[place] != http_status) place++;
    return place;
}

/* Looking a series up takes a lock, so the result is cached; every lookup finds the same series. */
static struct metric_series *series_at(lazy_series *slot, struct metric *metric,
                                       const char *const *labels)
{
    struct metric_series *series = atomic_load_explicit(slot, memory_order_acquire);

    if (series) return series;
    series = metric_series_of(metric, labels);
    atomic_store_explicit(slot, series, memory_order_release);
    return series;
}

/* The series of a status, whose text is the label `at`. Statuses without a slot are looked up each
 * time. */
static struct metric_series *status_series_at(lazy_series slots[TRAFFIC_STATUSES], int http_status,
                                              struct metric *metric, const char **labels, int at)
{
    int place = place_of(http_status);
    struct metric_series *series = atomic_load_explicit(&slots[place], memory_order_acquire);
    char text[NUMBER_TEXT_SIZE];

    if (series) return series;
    number_format_i64(http_status, text);
    labels[at] = text;
    series = place == TRAFFIC_STATUSES - 1 ? metric_series_of(metric, labels)
                                           : series_at(&slots[place], metric, labels);
    labels[at] = ""; /* the labels end here */
    return series;
}

void traffic_count(struct traffic *traffic, int http_status, int64_t duration_us)
{
    const char *labels[] = {traffic->route, traffic->method, "", 0};

    metric_add(status_series_at(traffic->requests, http_status, &requests_total, labels, 2), 1);
    metric_observe_us(series_at(&traffic->duration, &request_seconds, labels), duration_us);
}

void kong_traffic_count(struct kong_traffic *traffic, const struct kong_count *count)
{
    bool called = count->upstream_us >= 0;
    const char *labels[] = {traffic->service, traffic->route, "", called ? "service" : "exit"};
    lazy_series *requests = called ? traffic->services : traffic->exits;

    metric_add(status_series_at(requests, count->http_status, &kong_requests, labels, 2), 1);
    metric_observe_us(series_at(&traffic->request_ms, &kong_request_ms, labels),
                      count->duration_us);
    if (called)
        metric_observe_us(series_at(&traffic->upstream_ms, &kong_upstream_ms, labels),
                          count->upstream_us);
    metric_observe_us(series_at(&traffic->kong_ms, &kong_kong_ms, labels),
                      count->duration_us - (called ? count->upstream_us : 0));
}

void kong_traffic_count_bytes(struct kong_traffic *traffic, const struct kong_count *count)
{
    const char *ingress[] = {traffic->service, traffic->route, "ingress"};
    const char *egress[] = {traffic->service, traffic->route, "egress"};

    metric_add(series_at(&traffic->ingress_bytes, &kong_bytes, ingress), count->received);
    metric_add(series_at(&traffic->egress_bytes, &kong_bytes, egress), count->sent);
}
