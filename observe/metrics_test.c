/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of counting on many threads, and of the text format. */
#include <math.h>
#include <pthread.h>

#include "base/status.h"
#include "base/test.h"
#include "observe/metrics.h"

static char *export_text(void)
{
    static struct buffer out;

    if (!out.max) buffer_init(&out, 16 * 1024 * 1024);
    buffer_clear(&out);
    metrics_export(&out);
    buffer_append_byte(&out, 0);
    if (out.overflow) return 0;
    return out.data;
}

/* Does the export contain exactly this line? */
static bool has_line(const char *line)
{
    struct str rest = str_of(export_text()), one;

    while (str_split(&rest, '\n', &one))
        if (str_is(one, line)) return true;
    return false;
}

static struct metric orders = METRIC_COUNTER("test_orders_total", "Orders, by\nstate \\ shop.",
                                             "state", "shop");
static struct metric plain = METRIC_COUNTER("test_plain_total", "No labels.");
static struct metric depth = METRIC_GAUGE("test_depth", "A depth.", "queue");
static struct metric latency = METRIC_DURATION("test_latency_seconds", "A latency.", "route");

TEST(counter_is_exported_with_help_type_and_labels)
{
    metric_add(metric_series(&orders, "paid", "a\"b\\c\nd"), 3);
    metric_add(metric_series(&orders, "paid", "a\"b\\c\nd"), 4);
    metric_add(metric_series(&plain), 1);

    CHECK(has_line("# HELP test_orders_total Orders, by\\nstate \\\\ shop."));
    CHECK(has_line("# TYPE test_orders_total counter"));
    CHECK(has_line("test_orders_total{state=\"paid\",shop=\"a\\\"b\\\\c\\nd\"} 7"));
    CHECK(has_line("test_plain_total 1"));
}

TEST(same_values_are_the_same_series)
{
    CHECK(metric_series(&orders, "x", "y") == metric_series(&orders, "x", "y"));
    CHECK(metric_series(&orders, "x", "y") != metric_series(&orders, "xy", ""));
}

TEST(gauge_is_set_and_shifted)
{
    struct metric_series *set = metric_series(&depth, "set"),
                         *shifted = metric_series(&depth, "shifted");

    metric_set(set, 2.5);
    metric_set(set, -0.125);
    metric_shift(shifted, 5);
    metric_shift(shifted, -7);
    CHECK(has_line("# TYPE test_depth gauge"));
    CHECK(has_line("test_depth{queue=\"set\"} -0.125"));
    CHECK(has_line("test_depth{queue=\"shifted\"} -2"));
    metric_set(set, NAN);
    CHECK(has_line("test_depth{queue=\"set\"} NaN"));
    metric_set(set, -INFINITY);
    CHECK(has_line("test_depth{queue=\"set\"} -Inf"));
}

TEST(histogram_counts_cumulative_buckets)
{
    struct metric_series *series = metric_series(&latency, "/p");

    metric_observe_us(series, 50); /* equal to a bound, so inside it */
    metric_observe_us(series, 51);
    metric_observe_us(series, 2000000); /* 2 s */
    metric_observe_us(series, 60000000);
    metric_observe_us(series, -5);

    CHECK(has_line("# TYPE test_latency_seconds histogram"));
    CHECK(has_line("test_latency_seconds_bucket{route=\"/p\",le=\"5e-05\"} 2"));
    CHECK(has_line("test_latency_seconds_bucket{route=\"/p\",le=\"0.0001\"} 3"));
    CHECK(has_line("test_latency_seconds_bucket{route=\"/p\",le=\"1\"} 3"));
    CHECK(has_line("test_latency_seconds_bucket{route=\"/p\",le=\"2.5\"} 4"));
    CHECK(has_line("test_latency_seconds_bucket{route=\"/p\",le=\"30\"} 4"));
    CHECK(has_line("test_latency_seconds_bucket{route=\"/p\",le=\"+Inf\"} 5"));
    CHECK(has_line("test_latency_seconds_sum{route=\"/p\"} 62.000101"));
    CHECK(has_line("test_latency_seconds_count{route=\"/p\"} 5"));
    CHECK(metric_value(series) == 5);
}

TEST(label_values_are_bounded_and_utf8)
{
    static struct metric family = METRIC_COUNTER("test_values_total", "Values.", "v");
    static char value[1000];

    memset(value, 'a', 255);
    memcpy(value + 255, "\xc3\xa9 and more", 12); /* the limit falls inside this character */
    metric_add(metric_series(&family, value), 1);
    value[255] = 0;
    metric_add(metric_series(&family, "\xff\xfe"), 1);
    CHECK(strstr(export_text(), "test_values_total{v=\"invalid\"} 1\n"));
    CHECK(strstr(export_text(), "aaa\"} 1\n"));
    CHECK(str_is_utf8(str_of(export_text())));
}

TEST(too_many_series_fall_into_other)
{
    static struct metric family = METRIC_COUNTER("test_many_total", "Many.", "id", "b");
    struct metric_series *other;
    char id[16];

    for (int i = 0; i < METRIC_SERIES_MAX + 500; i++) {
        snprintf(id, sizeof(id), "%d", i);
        metric_add(metric_series(&family, id, "b"), 1);
    }
    other = metric_series(&family, "yet another", "b");
    CHECK(other == metric_series(&family, "and another", "b"));
    CHECK(metric_value(other) == 501);
    CHECK(metric_value(metric_series(&family, "5", "b")) == 1);
    CHECK(has_line("test_many_total{id=\"other\",b=\"other\"} 501"));
}

enum { THREADS = 4, ROUNDS = 50000 };

static struct metric raced = METRIC_COUNTER("test_raced_total", "Raced.", "who");
static struct metric raced_latency = METRIC_DURATION("test_raced_seconds", "Raced.");

static void *count_many(void *data)
{
    struct metric_series *series = metric_series(&raced, "all");
    struct metric_series *histogram = metric_series(&raced_latency);

    for (int i = 0; i < ROUNDS; i++) {
        metric_add(series, 1);
        metric_observe_us(histogram, i);
        if (i % 1000 == 0) metric_add(metric_series(&raced, (const char *)data), 1);
    }
    return 0;
}

TEST(nothing_is_lost_when_threads_count_end_and_export)
{
    static const char *const names[THREADS] = {"a", "b", "c", "d"};
    pthread_t threads[THREADS];

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < THREADS; i++)
            CHECK(pthread_create(&threads[i], 0, count_many, (void *)names[i]) == 0);
        for (int i = 0; i < 20; i++) CHECK(export_text());
        for (int i = 0; i < THREADS; i++) pthread_join(threads[i], 0);
        CHECK(metric_value(metric_series(&raced, "all")) == (round + 1.0) * THREADS * ROUNDS);
        CHECK(metric_value(metric_series(&raced_latency)) == (round + 1.0) * THREADS * ROUNDS);
        CHECK(metric_value(metric_series(&raced, "c")) == (round + 1.0) * (ROUNDS / 1000));
    }
}

static double number_after(const char *text, const char *name)
{
    const char *at = text;

    while ((at = strstr(at, name)) && at[-1] != '\n') at++;
    return at ? strtod(at + strlen(name), 0) : -1;
}

TEST(process_metrics_are_plausible)
{
    const char *text = export_text();
    double started = number_after(text, "process_start_time_seconds "), now = (double)time(0);

    CHECK(started > now - 3600 && started <= now + 2);
    CHECK(number_after(text, "process_cpu_seconds_total ") > 0);
    CHECK(number_after(text, "process_resident_memory_bytes ") > 100000);
    CHECK(number_after(text, "process_virtual_memory_bytes ") > 100000);
    CHECK(number_after(text, "process_open_fds ") >= 3);
    CHECK(number_after(text, "process_max_fds ") >= 64);
}

/* If the environment names a file, the export is written there, for promtool. */
TEST(the_export_is_well_formed)
{
    const char *path = getenv("METRICS_TEST_OUTPUT");
    char *text = export_text();
    FILE *file;

    CHECK(text);
    CHECK(text[strlen(text) - 1] == '\n');
    if (!path) return;
    file = fopen(path, "w");
    CHECK(file);
    fputs(text, file);
    fclose(file);
}
