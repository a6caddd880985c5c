/* SPDX-License-Identifier: Apache-2.0 */
/* The metric series that count requests: under our own names by the template of the rule, and under
 * Kong's names by the service and route of the configuration. */
#ifndef GATEWAY_TRAFFIC_H
#define GATEWAY_TRAFFIC_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "observe/metrics.h"

enum { TRAFFIC_STATUSES = 32 };

/* A series is created when it is first counted; every thread gets the same one. */
typedef _Atomic(struct metric_series *) lazy_series;

struct traffic {
    const char *route; /* the template, or a gRPC method's path */
    const char *method;
    lazy_series requests[TRAFFIC_STATUSES];
    lazy_series duration;
};

/* Any thread. */
void traffic_count(struct traffic *traffic, int http_status, int64_t duration_us);

/* The same for a route of the configuration, as Kong's prometheus plugin names it. */
struct kong_traffic {
    const char *service, *route;
    lazy_series exits[TRAFFIC_STATUSES];    /* answered by the gateway itself */
    lazy_series services[TRAFFIC_STATUSES]; /* answered by the service */
    lazy_series request_ms, upstream_ms, kong_ms;
    lazy_series ingress_bytes, egress_bytes;
};

struct kong_count {
    int http_status;
    int64_t duration_us;
    int64_t upstream_us;   /* the part in the service and on the way there; -1: it was not called */
    size_t received, sent; /* bytes of the bodies */
};

/* Any thread. */
void kong_traffic_count(struct kong_traffic *traffic, const struct kong_count *count);
void kong_traffic_count_bytes(struct kong_traffic *traffic, const struct kong_count *count);

#endif
