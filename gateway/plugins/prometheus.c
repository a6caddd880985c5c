/* SPDX-License-Identifier: Apache-2.0 */
/* prometheus: counts requests and their durations for the admin port's /metrics, by the rules'
 * templates under our own names and by the configuration's routes under Kong's, so that dashboards
 * made for Kong work. Kong's options are accepted; statuses and latencies are always counted,
 * consumers and the health of upstreams never. */
#include "base/clock.h"
#include "gateway/plugins/plugins.h"
#include "gateway/request.h"
#include "gateway/route_table.h"
#include "gateway/traffic.h"

struct prometheus {
    bool bandwidth_metrics;
};

static struct metric bytes_total = METRIC_COUNTER(
    "argosy_gateway_answer_bytes_total",
    "Bytes of responses' bodies, where bandwidth_metrics is on.", "route", "method");

static const struct option options[] = {
    {"bandwidth_metrics", OPTION_BOOLEAN, offsetof(struct prometheus, bandwidth_metrics), "false"},
    {"status_code_metrics", OPTION_IGNORED},
    {"latency_metrics", OPTION_IGNORED},
    {"upstream_health_metrics", OPTION_IGNORED},
    {"per_consumer", OPTION_IGNORED},
    {0},
};

static void log_request(const struct call *call, const struct gateway_request *request, void *data)
{
    const struct prometheus *config = data;
    struct traffic *traffic = request->traffic;
    struct kong_count count = {.http_status = request->http_status,
                               .duration_us = clock_monotonic_us() - request->started_us,
                               .upstream_us = request->upstream_us,
                               .received = request->received,
                               .sent = request->sent};

    traffic_count(traffic, request->http_status, count.duration_us);
    if (config->bandwidth_metrics)
        metric_add(metric_series(&bytes_total, traffic->route, traffic->method), request->sent);
    if (!request->route) return;
    kong_traffic_count(request->route->traffic, &count);
    if (config->bandwidth_metrics) kong_traffic_count_bytes(request->route->traffic, &count);
}

extern const struct plugin plugin_prometheus;
const struct plugin plugin_prometheus = {
    .name = "prometheus",
    .options = options,
    .config_size = sizeof(struct prometheus),
    .log = log_request,
};
