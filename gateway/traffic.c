/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/traffic.h"

#include "base/arena.h"
#include "base/number.h"

static struct metric requests_total = METRIC_COUNTER("argosy_gateway_requests_total",
                                                     "Requests answered by the gateway.", "route",
                                                     "method", "status");
static struct metric request_seconds = METRIC_DURATION(
    "argosy_gateway_request_duration_seconds", "From a request's head to the end of its answer.",
    "route", "method");

/* Statuses with a place of their own; the last place is everything else's. */
static const int16_t statuses[TRAFFIC_STATUSES - 1] = {
    200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405,
    408, 409, 410, 411, 412, 413, 415, 422, 429, 499, 500, 501, 502, 503, 504,
};

static struct metric_series *make_series(struct traffic *traffic, int http_status)
{
    char text[NUMBER_TEXT_SIZE];

    number_format_i64(http_status, text);
    return metric_series(&requests_total, traffic->route, traffic->method, text);
}

void traffic_count(struct traffic *traffic, int http_status, int64_t duration_us)
{
    struct metric_series *series, *duration;
    int place = 0;

    while (place < TRAFFIC_STATUSES - 1 && statuses[place] != http_status) place++;
    series = atomic_load_explicit(&traffic->requests[place], memory_order_acquire);
    if (!series) series = make_series(traffic, http_status);
    if (place < TRAFFIC_STATUSES - 1)
        atomic_store_explicit(&traffic->requests[place], series, memory_order_release);
    metric_add(series, 1);

    duration = atomic_load_explicit(&traffic->duration, memory_order_acquire);
    if (!duration) {
        duration = metric_series(&request_seconds, traffic->route, traffic->method);
        atomic_store_explicit(&traffic->duration, duration, memory_order_release);
    }
    metric_observe_us(duration, duration_us);
}
