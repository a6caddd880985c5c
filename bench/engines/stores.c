/* SPDX-License-Identifier: Apache-2.0 */
/* Calls one operation of a service's store on its engine, again and again, without the service
 * around it: what the adapter and the driver reach by themselves.
 *
 *     bench_stores [-c CALLERS] [-s SECONDS | -n OPERATIONS] OPERATION URL
 *
 * The operations (order, payment, cart, user, account, session) are described where they are
 * defined. -n runs so many operations of one caller, for those who look at what the engine gets.
 * Prints "RESULT operations, per second, p50 ms, p99 ms, errors" and "PROCESSOR", the microseconds
 * of processor time of this process for each operation. */
#include "bench/engines/stores.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "fiber/fiber.h"

enum { SHARDS = 2, SAMPLES_MAX = 8 * 1024 * 1024, LOOK_US = 1000, US_PER_S = 1000000 };

static const struct operation *const operations[] = {
    &operation_order, &operation_payment, &operation_cart,
    &operation_user,  &operation_account, &operation_session,
};

static struct {
    const struct operation *operation;
    struct shards *shards;
    int callers, seconds;
    int64_t most; /* operations of each caller; 0: as many as there is time for */
    int64_t end_us;
    atomic_bool begins;
    atomic_int ready, running;
    atomic_long done, errors;
    float *samples_ms;
} bench = {.callers = 16, .seconds = 4};

static void complain(struct status st)
{
    if (atomic_fetch_add(&bench.errors, 1) == 0)
        fprintf(stderr, "bench_stores: %s\n", st.message ? st.message : "failed");
}

static int64_t processor_us(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * (int64_t)US_PER_S +
           used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

/* ---- callers ---- */

static void run_once(struct call *call, struct arena *arena, struct caller *caller)
{
    struct call own;
    int64_t begun_us = clock_monotonic_us();

    call_init_child(&own, call, 0);
    own.arena = arena;
    struct status st = bench.operation->run(&own, caller);
    caller->done++;
    long at = atomic_fetch_add(&bench.done, 1);
    if (at < SAMPLES_MAX) bench.samples_ms[at] = (float)(clock_monotonic_us() - begun_us) / 1000;
    if (failed(st)) complain(st);
    arena_reset(arena);
}

static void call_again_and_again(struct call *call, void *data)
{
    struct caller *caller = data;
    struct arena arena;

    struct status st = bench.operation->begin ? bench.operation->begin(call, caller) : status_ok();
    if (failed(st)) complain(st);
    bench.ready++;
    while (!bench.begins && !failed(fiber_sleep(call, LOOK_US))) continue;
    arena_init(&arena, 0);
    while (!failed(st) && clock_monotonic_us() < bench.end_us &&
           (bench.most == 0 || caller->done < bench.most))
        run_once(call, &arena, caller);
    arena_release(&arena);
    bench.running--;
}

/* ---- the whole ---- */

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void report(int64_t took_us, int64_t used_us)
{
    long count = bench.done < SAMPLES_MAX ? bench.done : SAMPLES_MAX;

    if (bench.done == 0) return;
    qsort(bench.samples_ms, (size_t)count, sizeof(float), compare);
    printf("RESULT %ld %.1f %.3f %.3f %ld\n", bench.done,
           (double)bench.done * US_PER_S / (double)took_us, (double)bench.samples_ms[count / 2],
           (double)bench.samples_ms[count * 99 / 100], bench.errors);
    printf("PROCESSOR %.2f\n", (double)used_us / (double)bench.done);
}

static void start_callers(struct call *call)
{
    for (int i = 0; i < bench.callers; i++) {
        struct caller *caller = arena_new(call->arena, struct caller);
        caller->index = i;
        bench.running++;
        fiber_post(shards_at(bench.shards, i % SHARDS), call_again_and_again, NULL, caller);
    }
    while (bench.ready < bench.callers && !failed(fiber_sleep(call, LOOK_US))) continue;
}

static void play(struct call *call, void *data)
{
    (void)data;
    struct status st = bench.operation->open(call);
    if (failed(st)) {
        complain(st);
        shards_stop(bench.shards);
        return;
    }
    bench.end_us = INT64_MAX;
    start_callers(call);
    int64_t begun_us = clock_monotonic_us(), used_us = processor_us();
    if (bench.most == 0) bench.end_us = begun_us + bench.seconds * (int64_t)US_PER_S;
    bench.begins = true;
    while (bench.running > 0 && !failed(fiber_sleep(call, LOOK_US))) continue;
    report(clock_monotonic_us() - begun_us, processor_us() - used_us);
    shards_stop(bench.shards);
}

static void read_options(int count, char **words)
{
    for (int letter; (letter = getopt(count, words, "c:s:n:")) != -1;) {
        if (letter == '?') exit(2);
        long value = strtol(optarg, NULL, 10);
        if (value <= 0 || value > 1000000) {
            fprintf(stderr, "bench_stores: -%c needs a number from 1 to 1000000\n", letter);
            exit(2);
        }
        if (letter == 'c') bench.callers = (int)value;
        if (letter == 's') bench.seconds = (int)value;
        if (letter == 'n') bench.most = value;
    }
    if (bench.most) bench.callers = 1;
    if (count - optind != 2) {
        fprintf(stderr, "usage: bench_stores [-c CALLERS] [-s SECONDS | -n OPERATIONS] "
                        "order|payment|cart|user|account|session URL\n");
        exit(2);
    }
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        if (strcmp(operations[i]->name, words[optind]) == 0) bench.operation = operations[i];
    if (bench.operation) return;
    fprintf(stderr, "bench_stores: there is no operation '%s'\n", words[optind]);
    exit(2);
}

int main(int count, char **words)
{
    struct service_context context = {.prepares = true};
    struct arena arena;

    read_options(count, words);
    bench.samples_ms = calloc(SAMPLES_MAX, sizeof(float));
    invariant(bench.samples_ms != 0);
    arena_init(&arena, 0);
    context.arena = &arena;
    context.shards = bench.shards = shards_new(SHARDS);
    invariant(bench.shards != 0);
    struct status st = bench.operation->make(&context, words[optind + 1]);
    if (failed(st)) {
        complain(st);
        return 1;
    }
    fiber_post(shards_at(bench.shards, 0), play, NULL, NULL);
    shards_run(bench.shards);
    bench.operation->close();
    shards_free(bench.shards);
    arena_release(&arena);
    free(bench.samples_ms);
    return bench.errors > 0;
}
