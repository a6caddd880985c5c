/* SPDX-License-Identifier: Apache-2.0 */
/* Counts and exports metrics.
 *
 * A series owns a range of cells: one, or for a histogram one per bucket and one for the sum. Each
 * thread has its own copy of every cell, in blocks that are allocated at first use, and only that
 * thread writes to it; so counting is a load, an addition and a store. An export adds up all
 * threads' copies. When a thread ends, its cells are added to `ended`.
 *
 *     series->cell = 700  ->  blocks[700 / BLOCK_CELLS]->cells[700 % BLOCK_CELLS] of the calling
 * thread
 *
 * Families, series and cells are never freed while the process lives. */
#include "observe/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/hash.h"
#include "base/number.h"
#include "base/status.h"
#include "observe/process_metrics.h"

enum {
    BLOCK_CELLS = 1024,
    BLOCKS_MAX = 1024, /* a million cells: more than all families at METRIC_SERIES_MAX would take */
    HASH_SIZE = 256,
    LABEL_VALUE_MAX = 256, /* bytes; longer values are truncated */
};

static const int64_t bucket_bounds_us[] = {50,     100,     250,     500,     1000,     2500,
                                           5000,   10000,   25000,   50000,   100000,   250000,
                                           500000, 1000000, 2500000, 5000000, 10000000, 30000000};
static const char *const bucket_labels[] = {
    "5e-05", "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05",
    "0.1",   "0.25",   "0.5",     "1",      "2.5",   "5",      "10",    "30",   "+Inf"};
static const char *const bucket_labels_ms[] = {
    "0.05", "0.1", "0.25", "0.5",  "1",    "2.5",  "5",     "10",    "25",  "50",
    "100",  "250", "500",  "1000", "2500", "5000", "10000", "30000", "+Inf"};
enum {
    BUCKETS = sizeof(bucket_labels) / sizeof(bucket_labels[0]),
    HISTOGRAM_CELLS = BUCKETS + 1, /* the last one is the sum in microseconds */
};
_Static_assert(BUCKETS == sizeof(bucket_bounds_us) / sizeof(bucket_bounds_us[0]) + 1,
               "one label per bucket");
_Static_assert(BUCKETS == sizeof(bucket_labels_ms) / sizeof(bucket_labels_ms[0]),
               "and one in milliseconds");

struct metric_series {
    const struct metric *metric;
    struct metric_series *next;      /* in the family, in order of creation */
    struct metric_series *next_same; /* with the same hash */
    uint32_t cell;
    _Atomic uint64_t gauge; /* the bits of the double that metric_set stored */
    char *values[METRIC_LABELS_MAX];
};

struct metric_registered {
    const struct metric *metric;
    struct metric_registered *next;
    int labels;
    int series_count;
    struct metric_series *first, *last;
    struct metric_series *other; /* counts everything past METRIC_SERIES_MAX */
    struct metric_series *hashed[HASH_SIZE];
};

struct block {
    _Atomic uint64_t cells[BLOCK_CELLS];
};

/* One thread's cells. */
struct cells {
    struct cells *next;
    _Atomic(struct block *) blocks[BLOCKS_MAX];
};

static struct {
    pthread_mutex_t mutex;
    struct metric_registered *first, *last;
    struct cells *threads;
    uint32_t cells_used;
    pthread_key_t thread_end;
} registry = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static pthread_once_t registry_once = PTHREAD_ONCE_INIT;
static struct cells ended; /* the sum of the threads that have ended; under the registry's mutex */
static _Thread_local struct cells *own_cells;

static void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    invariant(memory);
    return memory;
}

static struct block *block_of(struct cells *cells, uint32_t cell)
{
    _Atomic(struct block *) *place = &cells->blocks[cell / BLOCK_CELLS];
    struct block *block = atomic_load_explicit(place, memory_order_acquire);

    if (!block) {
        block = allocate(sizeof(*block));
        atomic_store_explicit(place, block, memory_order_release);
    }
    return block;
}

/* Only the owner of the cell adds to it, so no locked instruction is needed. */
static void cell_add(struct cells *cells, uint32_t cell, uint64_t amount)
{
    _Atomic uint64_t *value = &block_of(cells, cell)->cells[cell % BLOCK_CELLS];

    atomic_store_explicit(value, atomic_load_explicit(value, memory_order_relaxed) + amount,
                          memory_order_relaxed);
}

static uint64_t cell_read(struct cells *cells, uint32_t cell)
{
    struct block *block = atomic_load_explicit(&cells->blocks[cell / BLOCK_CELLS],
                                               memory_order_acquire);

    return block ? atomic_load_explicit(&block->cells[cell % BLOCK_CELLS], memory_order_relaxed)
                 : 0;
}

/* Under the registry's mutex. */
static uint64_t cell_sum(uint32_t cell)
{
    uint64_t sum = cell_read(&ended, cell);

    for (struct cells *thread = registry.threads; thread; thread = thread->next)
        sum += cell_read(thread, cell);
    return sum;
}

/* Adds an ending thread's cells to `ended`. */
static void end_thread(void *data)
{
    struct cells *cells = (struct cells *)data;
    struct cells **place = &registry.threads;

    pthread_mutex_lock(&registry.mutex);
    while (*place != cells) place = &(*place)->next;
    *place = cells->next;
    for (uint32_t cell = 0; cell < registry.cells_used; cell++) {
        uint64_t value = cell_read(cells, cell);
        if (value != 0) cell_add(&ended, cell, value);
    }
    pthread_mutex_unlock(&registry.mutex);

    for (int i = 0; i < BLOCKS_MAX; i++) free(atomic_load(&cells->blocks[i]));
    free(cells);
    own_cells = 0;
}

static void make_registry(void)
{
    invariant(pthread_key_create(&registry.thread_end, end_thread) == 0);
}

[[gnu::noinline]] static void make_own_cells(void)
{
    pthread_once(&registry_once, make_registry);
    own_cells = allocate(sizeof(*own_cells));
    pthread_setspecific(registry.thread_end, own_cells);

    pthread_mutex_lock(&registry.mutex);
    own_cells->next = registry.threads;
    registry.threads = own_cells;
    pthread_mutex_unlock(&registry.mutex);
}

static void count(uint32_t cell, uint64_t amount)
{
    if (!own_cells) make_own_cells();
    cell_add(own_cells, cell, amount);
}

void metric_add(struct metric_series *series, uint64_t amount)
{
    count(series->cell, amount);
}

void metric_shift(struct metric_series *series, int64_t delta)
{
    count(series->cell, (uint64_t)delta);
}

void metric_set(struct metric_series *series, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    atomic_store_explicit(&series->gauge, bits, memory_order_relaxed);
}

void metric_observe_us(struct metric_series *series, int64_t duration_us)
{
    uint32_t bucket = 0;

    if (duration_us < 0) duration_us = 0;
    while (bucket < BUCKETS - 1 && duration_us > bucket_bounds_us[bucket]) bucket++;
    count(series->cell + bucket, 1);
    count(series->cell + BUCKETS, (uint64_t)duration_us);
}

/* A copy of a label's value: UTF-8, and not longer than LABEL_VALUE_MAX. */
static char *copy_value(const char *value)
{
    size_t length = strnlen(value, LABEL_VALUE_MAX);
    char *copy;

    while (length > 0 && value[length] != 0 && ((uint8_t)value[length] & 0xC0) == 0x80) length--;
    if (!str_is_utf8((struct str){value, length})) return copy_value("invalid");
    copy = allocate(length + 1);
    memcpy(copy, value, length);
    return copy;
}

static uint64_t hash_values(const char *const *values, int labels)
{
    uint64_t hash = HASH_START;

    for (int i = 0; i < labels; i++) hash = hash_text(hash, values[i]);
    return hash_fold(hash);
}

static struct metric_series *series_new(struct metric_registered *family, const char *const *values)
{
    struct metric_series *series = allocate(sizeof(*series));

    series->metric = family->metric;
    series->cell = registry.cells_used;
    registry.cells_used += family->metric->kind == METRIC_KIND_HISTOGRAM ? HISTOGRAM_CELLS : 1;
    invariant(registry.cells_used <= BLOCK_CELLS * BLOCKS_MAX);
    for (int i = 0; i < family->labels; i++) series->values[i] = copy_value(values[i]);
    if (family->last)
        family->last->next = series;
    else
        family->first = series;
    family->last = series;
    family->series_count++;
    return series;
}

static struct metric_registered *family_of(struct metric *metric)
{
    struct metric_registered *family = metric->registered;

    if (family) return family;
    family = allocate(sizeof(*family));
    family->metric = metric;
    while (family->labels < METRIC_LABELS_MAX && metric->labels[family->labels]) family->labels++;
    if (registry.last)
        registry.last->next = family;
    else
        registry.first = family;
    registry.last = family;
    metric->registered = family;
    return family;
}

/* Under the registry's mutex. */
static struct metric_series *find_series(struct metric_registered *family,
                                         const char *const *values)
{
    static const char *const other_values[METRIC_LABELS_MAX] = {"other", "other", "other", "other"};
    struct metric_series **bucket =
        &family->hashed[hash_values(values, family->labels) % HASH_SIZE];
    struct metric_series *series;

    for (series = *bucket; series; series = series->next_same) {
        bool same = true;
        for (int i = 0; i < family->labels && same; i++)
            same = strncmp(series->values[i], values[i], LABEL_VALUE_MAX) == 0;
        if (same) return series;
    }
    if (family->other) return family->other;
    if (family->series_count == METRIC_SERIES_MAX - 1) {
        family->other = series_new(family, other_values);
        return family->other;
    }
    series = series_new(family, values);
    series->next_same = *bucket;
    *bucket = series;
    return series;
}

struct metric_series *metric_series_of(struct metric *metric, const char *const *values)
{
    struct metric_registered *family;
    struct metric_series *series;

    pthread_mutex_lock(&registry.mutex);
    family = family_of(metric);
    for (int i = 0; i < family->labels; i++) invariant(values[i]);
    series = find_series(family, values);
    pthread_mutex_unlock(&registry.mutex);
    return series;
}

/* The current value of the series; for a histogram the number of observations. Under the registry's
 * mutex. */
static double read_series(const struct metric_series *series)
{
    uint64_t bits = atomic_load_explicit(&series->gauge, memory_order_relaxed), sum = 0;
    double gauge;

    switch (series->metric->kind) {
    case METRIC_KIND_COUNTER: return (double)cell_sum(series->cell);
    case METRIC_KIND_GAUGE:
        memcpy(&gauge, &bits, sizeof(gauge));
        return gauge + (double)(int64_t)cell_sum(series->cell);
    case METRIC_KIND_HISTOGRAM:
        for (uint32_t i = 0; i < BUCKETS; i++) sum += cell_sum(series->cell + i);
        break;
    }
    return (double)sum;
}

double metric_value(const struct metric_series *series)
{
    double value;

    pthread_mutex_lock(&registry.mutex);
    value = read_series(series);
    pthread_mutex_unlock(&registry.mutex);
    return value;
}

/* Escapes backslash and line feed, and in label values the quotation mark. */
static void put_escaped(struct buffer *out, const char *text, bool quoted)
{
    for (; *text; text++) {
        if (*text == '\n') {
            buffer_append(out, "\\n", 2);
            continue;
        }
        if (*text == '\\' || (*text == '"' && quoted)) buffer_append_byte(out, '\\');
        buffer_append_byte(out, *text);
    }
}

static void put_double(struct buffer *out, double value)
{
    char text[NUMBER_TEXT_SIZE];

    if (isnan(value)) {
        buffer_append(out, "NaN", 3);
    } else if (isinf(value)) {
        buffer_append(out, value < 0 ? "-Inf" : "+Inf", 4);
    } else {
        buffer_append(out, text, number_format_double(value, text));
    }
}

/* name_suffix{label="value",le="bucket"} and a space; `bucket` may be NULL. */
static void put_name(struct buffer *out, const struct metric_series *series, const char *suffix,
                     const char *bucket)
{
    const struct metric *metric = series->metric;
    char separator = '{';

    buffer_append_str(out, str_of(metric->name));
    buffer_append_str(out, str_of(suffix));
    for (int i = 0; i < METRIC_LABELS_MAX && metric->labels[i]; i++) {
        buffer_append_byte(out, separator);
        buffer_append_str(out, str_of(metric->labels[i]));
        buffer_append(out, "=\"", 2);
        put_escaped(out, series->values[i], true);
        buffer_append_byte(out, '"');
        separator = ',';
    }
    if (bucket) {
        buffer_printf(out, "%cle=\"%s\"", separator, bucket);
        separator = ',';
    }
    if (separator == ',') buffer_append_byte(out, '}');
    buffer_append_byte(out, ' ');
}

static void put_histogram(struct buffer *out, const struct metric_series *series)
{
    bool milliseconds = series->metric->milliseconds;
    const char *const *labels = milliseconds ? bucket_labels_ms : bucket_labels;
    uint64_t total = 0, sum_us;

    for (uint32_t i = 0; i < BUCKETS; i++) {
        total += cell_sum(series->cell + i);
        put_name(out, series, "_bucket", labels[i]);
        buffer_printf(out, "%" PRIu64 "\n", total);
    }
    sum_us = cell_sum(series->cell + BUCKETS);
    put_name(out, series, "_sum", 0);
    if (milliseconds)
        buffer_printf(out, "%" PRIu64 ".%03" PRIu64 "\n", sum_us / 1000, sum_us % 1000);
    else
        buffer_printf(out, "%" PRIu64 ".%06" PRIu64 "\n", sum_us / 1000000, sum_us % 1000000);
    put_name(out, series, "_count", 0);
    buffer_printf(out, "%" PRIu64 "\n", total);
}

static void put_series(struct buffer *out, const struct metric_series *series)
{
    if (series->metric->kind == METRIC_KIND_HISTOGRAM) {
        put_histogram(out, series);
        return;
    }
    put_name(out, series, "", 0);
    if (series->metric->kind == METRIC_KIND_COUNTER)
        buffer_printf(out, "%" PRIu64, cell_sum(series->cell));
    else
        put_double(out, read_series(series));
    buffer_append_byte(out, '\n');
}

static void put_family(struct buffer *out, const struct metric_registered *family)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    const struct metric *metric = family->metric;

    buffer_printf(out, "# HELP %s ", metric->name);
    put_escaped(out, metric->help, false);
    buffer_printf(out, "\n# TYPE %s %s\n", metric->name, kinds[metric->kind]);
    for (const struct metric_series *series = family->first; series; series = series->next)
        put_series(out, series);
}

void metrics_export(struct buffer *out)
{
    pthread_mutex_lock(&registry.mutex);
    for (const struct metric_registered *family = registry.first; family; family = family->next)
        put_family(out, family);
    pthread_mutex_unlock(&registry.mutex);
    process_metrics_export(out);
}
