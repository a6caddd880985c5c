/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics in the Prometheus text format (version 0.0.4).
 *
 * A family is declared once, as a static object; a series (one set of label values) is looked up
 * once and kept by the code that counts. Counting is one addition to a cell of the calling thread,
 * without locks; reading sums the cells.
 *
 *     static struct metric requests = METRIC_COUNTER("argosy_http_requests_total",
 *                                                    "HTTP requests.", "route", "status");
 *     struct metric_series *ok = metric_series(&requests, "/products", "200");
 *     metric_add(ok, 1);
 *
 * The number of series of a family is bounded (METRIC_SERIES_MAX): past it everything is counted in
 * one series whose labels are all "other". */
#ifndef OBSERVE_METRICS_H
#define OBSERVE_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { METRIC_LABELS_MAX = 4, METRIC_SERIES_MAX = 2048 };

enum metric_kind { METRIC_KIND_COUNTER, METRIC_KIND_GAUGE, METRIC_KIND_HISTOGRAM };

struct metric_series;

struct metric {
    const char *name;
    const char *help;
    enum metric_kind kind;
    bool milliseconds;                     /* of histograms: exported in ms instead of seconds */
    const char *labels[METRIC_LABELS_MAX]; /* label names, NULL-terminated if fewer */
    struct metric_registered *registered;  /* set at the first use */
};

#define METRIC_FAMILY(n, h, k, ...)                                                \
    {                                                                              \
        .name = (n), .help = (h), .kind = (k), __VA_OPT__(.labels = {__VA_ARGS__}) \
    }
#define METRIC_COUNTER(n, h, ...) METRIC_FAMILY(n, h, METRIC_KIND_COUNTER, __VA_ARGS__)
#define METRIC_GAUGE(n, h, ...) METRIC_FAMILY(n, h, METRIC_KIND_GAUGE, __VA_ARGS__)
/* A histogram of durations in seconds: buckets from 50 µs to 30 s, about three per decade. */
#define METRIC_DURATION(n, h, ...) METRIC_FAMILY(n, h, METRIC_KIND_HISTOGRAM, __VA_ARGS__)
/* The same in milliseconds, for metrics whose names and units are given by another system. */
#define METRIC_DURATION_MS(n, h, ...)                                                  \
    {                                                                                  \
        .name = (n), .help = (h), .kind = METRIC_KIND_HISTOGRAM, .milliseconds = true, \
        __VA_OPT__(.labels = {__VA_ARGS__})                                            \
    }

/* The series for these label values, one `const char *` for each label of the family. Takes a lock:
 * keep the result, which lives until the process ends. */
struct metric_series *metric_series_of(struct metric *metric, const char *const *values);
#define metric_series(metric, ...) \
    metric_series_of((metric), (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) 0})

/* Counters. */
void metric_add(struct metric_series *series, uint64_t amount);
/* Gauges: sets the value. */
void metric_set(struct metric_series *series, double value);
/* Gauges that are counted up and down, summed over threads. */
void metric_shift(struct metric_series *series, int64_t delta);
/* Histograms. */
void metric_observe_us(struct metric_series *series, int64_t duration_us);

/* The sum over all threads, for tests. */
double metric_value(const struct metric_series *series);

/* All families in the text format; also process_* (CPU seconds, resident bytes, open files, start
 * time). */
void metrics_export(struct buffer *out);

#endif
