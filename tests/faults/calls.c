/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of a careful client. See tests/faults/calls.h. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/faults/calls.h"

enum { PATIENCE_MS = 120000, PAUSE_MS_MAX = 500, REFUSALS_MAX = 1000000, REASONS_MAX = 24 };

static const char *const route_names[ROUTES] = {"accounts", "catalogue", "carts", "orders",
                                                "seller"};

/* How the calls of one route were answered. */
static struct tally {
    long answered, limited, late, lost; /* known outcomes, 429, 504, no whole answer */
    float *refusals_ms;                 /* of UNAVAILABLE */
    int refusal_count;
} tallies[ROUTES];

static struct reason {
    char name[48];
    long count;
} reasons[REASONS_MAX];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int failures;

static long now_us(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

void calls_fail(const char *what, const char *which, const struct http_peer *peer)
{
    pthread_mutex_lock(&lock);
    if (failures++ < 20) printf("BROKEN: %s: %s: %.400s\n", what, which, peer ? peer->body : "");
    fflush(stdout);
    pthread_mutex_unlock(&lock);
}

int calls_failures(void)
{
    return failures;
}

/* The reason of an answer that was not a success. */
static void count_reason(const struct http_peer *peer)
{
    char name[sizeof(reasons[0].name)] = "";
    int i = 0;

    http_peer_member(peer, "reason", name, sizeof(name));
    while (i < REASONS_MAX - 1 && reasons[i].count && strcmp(reasons[i].name, name) != 0) i++;
    if (!reasons[i].count) memcpy(reasons[i].name, name, sizeof(name));
    reasons[i].count++;
}

static void count(struct tally *tally, const struct http_peer *peer, int status, float took_ms)
{
    if (!tally->refusals_ms) tally->refusals_ms = calloc(REFUSALS_MAX, sizeof(float));
    if (status == 0)
        tally->lost++;
    else if (status == 503 && tally->refusals_ms && tally->refusal_count < REFUSALS_MAX)
        tally->refusals_ms[tally->refusal_count++] = took_ms;
    else if (status == 504)
        tally->late++;
    else if (status == 429)
        tally->limited++;
    else
        tally->answered++;
    if (status >= 400) count_reason(peer);
}

int calls_once(struct http_peer *peer, enum route route, const char *method, const char *path,
               const char *body)
{
    long begun = now_us();
    int status = http_peer_call(peer, method, path, body);

    pthread_mutex_lock(&lock);
    count(&tallies[route], peer, status, (float)(now_us() - begun) / 1000);
    pthread_mutex_unlock(&lock);
    if (status == 0) snprintf(peer->body, sizeof(peer->body), "(no answer)");
    if (status >= 500 && status != 503 && status != 504) calls_fail("a fault", path, peer);
    return status;
}

static bool is_known(const struct http_peer *peer, int status)
{
    if (status == 409) return !strstr(peer->body, "IDEMPOTENCY_KEY_RUNNING");
    return status != 0 && status < 500 && status != 429;
}

int calls_until_known(struct http_peer *peer, enum route route, const char *method,
                      const char *path, const char *body)
{
    long end = now_us() + PATIENCE_MS * 1000L;

    for (int pause_ms = 20; now_us() < end; pause_ms *= 2) {
        int status = calls_once(peer, route, method, path, body);
        if (is_known(peer, status)) return status;
        if (pause_ms > PAUSE_MS_MAX) pause_ms = PAUSE_MS_MAX;
        usleep((useconds_t)pause_ms * 1000);
    }
    calls_fail("a call does not end", path, peer);
    return 0;
}

/* ---- the report ---- */

static int by_size(const void *left, const void *right)
{
    float a = *(const float *)left, b = *(const float *)right;

    return (a > b) - (a < b);
}

static double refusal_ms(const struct tally *tally, double part)
{
    if (tally->refusal_count == 0) return 0;
    return (double)tally->refusals_ms[(int)((tally->refusal_count - 1) * part)];
}

void calls_report(void)
{
    printf("%-10s %9s %12s %8s %8s %8s %8s %8s %8s\n", "route", "answered", "UNAVAILABLE", "p50 ms",
           "p99 ms", "max ms", "deadline", "limited", "no answer");
    for (int i = 0; i < ROUTES; i++) {
        struct tally *tally = &tallies[i];
        if (tally->refusals_ms)
            qsort(tally->refusals_ms, (size_t)tally->refusal_count, sizeof(float), by_size);
        printf("%-10s %9ld %12d %8.1f %8.1f %8.1f %8ld %8ld %8ld\n", route_names[i],
               tally->answered, tally->refusal_count, refusal_ms(tally, 0.5),
               refusal_ms(tally, 0.99), refusal_ms(tally, 1), tally->late, tally->limited,
               tally->lost);
    }
    printf("reasons of refusals:");
    for (int i = 0; i < REASONS_MAX && reasons[i].count; i++)
        printf(" %s %ld", reasons[i].name[0] ? reasons[i].name : "(none)", reasons[i].count);
    printf("\n");
}
