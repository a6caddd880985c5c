/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics of every store whose engine is another process, with the store's name ("order") as
 * their label. The drivers fill them in; the families are declared once, here.
 *
 *     store_metrics_init(&db->metrics, "order");
 *     store_metrics_request(&db->metrics, took_us, outcome);       for each request to the engine
 *
 *     argosy_store_requests_total{store}          requests to the engine
 *     argosy_store_errors_total{store,kind}       those that failed
 *     argosy_store_seconds{store}                 how long requests took, with waiting for a connection
 *     argosy_store_connections{store,state}       open connections: busy or idle
 *     argosy_store_waiting{store}                 calls that wait for a connection
 *     argosy_store_breaker_open{store}            shards whose breaker keeps calls from the engine
 *     argosy_store_unsafe_settings{store}         settings of the engine that lose acknowledged data,
 *                                                 as the last look at them found */
#ifndef STORE_STORE_METRICS_H
#define STORE_STORE_METRICS_H

#include "base/status.h"
#include "observe/metrics.h"

enum store_outcome {
    STORE_OK,
    STORE_UNREACHABLE, /* no connection, or a broken one */
    STORE_TIMEOUT,     /* the call's deadline passed, or it was cancelled */
    STORE_CONFLICT,    /* repeated because of a concurrent change; counted for each repetition */
    STORE_UNKNOWN,     /* whether the change was made is not known */
    STORE_REFUSED,     /* the engine refused the request */
    STORE_OUTCOME_COUNT,
};

struct store_metrics {
    struct metric_series *requests, *seconds;
    struct metric_series *errors[STORE_OUTCOME_COUNT];
    struct metric_series *busy, *idle, *waiting;
    struct metric_series *breaker_open, *unsafe_settings;
};

/* Takes a lock; call it once for each store. `store` is borrowed until it returns. */
void store_metrics_init(struct store_metrics *metrics, const char *store);

/* Counts one request and its result. */
void store_metrics_request(const struct store_metrics *metrics, int64_t took_us,
                           enum store_outcome outcome);

/* The outcome that a driver's status stands for. */
enum store_outcome store_outcome_of(struct status st);

#endif
