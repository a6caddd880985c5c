/* SPDX-License-Identifier: Apache-2.0 */
/* What requests are counted as: a route's label and method, with its metric series at hand. */
#ifndef GATEWAY_TRAFFIC_H
#define GATEWAY_TRAFFIC_H

#include <stdatomic.h>
#include <stdint.h>

#include "observe/metrics.h"

enum { TRAFFIC_STATUSES = 32 };

struct traffic {
    const char *route; /* the template, or a gRPC method's path */
    const char *method;
    /* Made when they are first counted; every thread gets the same ones. */
    _Atomic(struct metric_series *) requests[TRAFFIC_STATUSES];
    _Atomic(struct metric_series *) duration;
};

/* Any thread. */
void traffic_count(struct traffic *traffic, int http_status, int64_t duration_us);

#endif
