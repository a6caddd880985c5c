/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's life, its breakers, and the questions that librdkafka answers only by blocking.
 *
 *     shard's fiber:  breaker admits -> job into the lane, or a ticket to librdkafka -> waits
 *                     -> reports to the breaker */
#include "store/kafka/kafka.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "observe/log.h"
#include "reasons.pb-c.h"
#include "store/kafka/ticket.h"

enum {
    US_PER_MS = 1000,
    LANE_THREADS = 2,
    LANE_WAITERS_MAX = 256,
    OPEN_MS = 3000, /* until kafka_open has lost its patience */
    PROBE_MS = 250, /* the same of a call that is the breaker's probe */
    SLICE_MS = 100, /* how often a question looks whether all brokers are gone */
    QUESTION_MS = 5000,
    SILENCE_US = 2000000, /* a call that has waited for so long in vain tells of a dead cluster */
    PASSWORD_MAX = 1024,
};

/* ---- life ---- */

static struct status read_password(struct arena *arena, struct kafka *kafka)
{
    const char *path = kafka->url.passwordfile;
    char line[PASSWORD_MAX];

    kafka->password = kafka->url.password;
    if (!path[0]) return status_ok();
    FILE *file = fopen(path, "re");
    if (!file || !fgets(line, sizeof(line), file)) line[0] = 0;
    if (file) (void)fclose(file);
    line[strcspn(line, "\r\n")] = 0;
    kafka->password = arena_strdup(arena, line);
    secret_wipe(line, sizeof(line));
    if (kafka->password[0]) return status_ok();
    return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                         "the password file %s cannot be read, or its first line is empty", path);
}

static void write_messages(struct arena *arena, struct kafka *kafka)
{
    const char *name = kafka->name;

    kafka->unreachable = arena_printf(arena, "the brokers of %s cannot be reached; try again later",
                                      name);
    kafka->unknown = arena_printf(
        arena,
        "the brokers of %s did not confirm the request, so whether it was "
        "carried out is not known",
        name);
    kafka->refused = arena_printf(arena, "the brokers of %s refuse this user", name);
    kafka->no_topic = arena_printf(arena, "the brokers of %s have no such topic or partition",
                                   name);
    kafka->too_large = arena_printf(arena, "a record is larger than the brokers of %s take", name);
    kafka->queue_full = arena_printf(
        arena, "too many records wait for the brokers of %s; try again later", name);
    kafka->fenced = arena_printf(
        arena, "the brokers of %s have given the partitions to another member", name);
    kafka->late = arena_printf(arena, "the brokers of %s did not answer in time; try again later",
                               name);
}

struct status kafka_new(struct arena *arena, struct shards *shards, const char *url,
                        const char *name, struct kafka **ret_kafka)
{
    struct kafka *kafka = arena_new(arena, struct kafka);
    int count = shards_count(shards);

    kafka->name = name;
    struct status st = kafka_url_parse(arena, url, &kafka->url);
    if (!failed(st)) st = read_password(arena, kafka);
    if (!failed(st)) st = kafka_library_load(arena);
    if (failed(st)) return st;
    write_messages(arena, kafka);
    pthread_mutex_init(&kafka->lock, 0);
    store_metrics_init(&kafka->metrics, name);
    kafka->lane = lane_new("kafka", LANE_THREADS, LANE_WAITERS_MAX);
    kafka->posts = arena_array(arena, struct post, (size_t)count);
    for (int i = 0; i < count; i++) kafka->posts[i].breaker.news = &kafka->news;
    *ret_kafka = kafka;
    return status_ok();
}

void kafka_close(struct kafka *kafka)
{
    lane_free(kafka->lane);
    producer_close(kafka);
    pthread_mutex_destroy(&kafka->lock);
}

struct breaker_news *kafka_news(struct kafka *kafka)
{
    return &kafka->news;
}

int64_t kafka_produce_timeout_ms(const struct kafka *kafka)
{
    /* librdkafka looks for records that have timed out once a second. */
    return kafka->url.timeout_ms + 2000;
}

/* ---- questions in the lane ---- */

struct question {
    struct kafka *kafka;
    struct producer *producer;
    kafka_question *fn;
    void *data;
    int timeout_ms;
    rd_kafka_resp_err_t error;
};

static void run_question(void *data)
{
    struct question *question = data;

    question->error = question->fn(producer_client(question->producer), question->data,
                                   question->timeout_ms);
}

static int time_left_ms(const struct call *call, int64_t at_most_ms)
{
    int64_t left_ms = call_remaining_us(call) / US_PER_MS;

    if (left_ms > at_most_ms) left_ms = at_most_ms;
    return left_ms > 0 ? (int)left_ms : 1;
}

/* Without the breaker. */
static struct status ask_once(struct call *call, struct kafka *kafka, kafka_question *fn,
                              void *data, int64_t at_most_ms)
{
    struct question question = {.kafka = kafka, .fn = fn, .data = data};

    struct status st = producer_borrow(call, kafka, &question.producer);
    if (failed(st)) return st;
    question.timeout_ms = time_left_ms(call, at_most_ms);
    st = lane_run(call, kafka->lane, run_question, &question);
    producer_give(kafka, question.producer);
    if (failed(st)) return st;
    st = kafka_translate(kafka, question.error, false);
    return failed(st) && failed(call_check(call)) ? call_check(call) : st;
}

struct status kafka_ask(struct call *call, struct kafka *kafka, kafka_question *fn, void *data)
{
    int64_t begun_us = shard_now_us(call->shard);

    struct status st = kafka_admit(call, kafka);
    if (failed(st)) return st;
    st = ask_once(call, kafka, fn, data, QUESTION_MS);
    return kafka_report(call, kafka, begun_us, st);
}

static bool is_refused(struct kafka *kafka)
{
    pthread_mutex_lock(&kafka->lock);
    bool refused = kafka->is_refused;
    pthread_mutex_unlock(&kafka->lock);
    return refused;
}

struct look {
    struct kafka *kafka;
    int64_t since_us; /* the loss of all brokers since then counts; monotonic */
};

/* Is anybody there? Ends as soon as librdkafka has tried every broker in vain, or was refused. */
static rd_kafka_resp_err_t look_for_brokers(rd_kafka_t *client, void *data, int timeout_ms)
{
    const struct look *look = data;
    int64_t end_us = clock_monotonic_us() + timeout_ms * (int64_t)US_PER_MS;
    rd_kafka_resp_err_t error;

    for (int slice_ms = SLICE_MS;; slice_ms *= 2) {
        const struct rd_kafka_metadata *found;
        int64_t left_ms = (end_us - clock_monotonic_us()) / US_PER_MS;
        error = kafka_library.metadata(client, 0, 0, &found,
                                       left_ms < slice_ms ? (int)left_ms + 1 : slice_ms);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
            kafka_library.metadata_destroy(found);
            return error;
        }
        if (clock_monotonic_us() >= end_us || atomic_load(&look->kafka->down_us) >= look->since_us)
            return error;
        if (is_refused(look->kafka)) return RD_KAFKA_RESP_ERR__AUTHENTICATION;
    }
}

static void forget_problem(struct kafka *kafka)
{
    pthread_mutex_lock(&kafka->lock);
    kafka->is_refused = false;
    kafka->problem[0] = 0;
    pthread_mutex_unlock(&kafka->lock);
}

/* The reason in librdkafka's words, for operators. */
static struct status explain(const struct call *call, struct kafka *kafka)
{
    char problem[CLUSTER_PROBLEM_SIZE];

    pthread_mutex_lock(&kafka->lock);
    memcpy(problem, kafka->problem, sizeof(problem));
    bool refused = kafka->is_refused;
    pthread_mutex_unlock(&kafka->lock);
    if (refused)
        return status_printf(call->arena, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_REFUSED,
                             "the brokers of %s and this program do not accept each other: %s",
                             kafka->name, problem);
    return status_printf(call->arena, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE,
                         "the brokers of %s (%s) cannot be reached%s%s", kafka->name,
                         kafka->url.hosts, problem[0] ? ": " : "", problem);
}

/* ---- breakers ---- */

static void show_breaker(const struct kafka *kafka, struct post *post)
{
    bool open = post->breaker.state != BREAKER_CLOSED;

    if (open == post->shown_open) return;
    metric_shift(kafka->metrics.breaker_open, open ? 1 : -1);
    post->shown_open = open;
    if (open)
        log_warn(0, "kafka: no broker answers; callers are refused until one does",
                 LOG_STR("store", kafka->name));
    else
        log_info(0, "kafka: a broker answers again", LOG_STR("store", kafka->name));
}

static void open_breaker(struct post *post, int64_t now_us)
{
    while (post->breaker.state == BREAKER_CLOSED)
        breaker_failed(&post->breaker, now_us, random_below(UINT32_MAX));
}

struct status kafka_open(struct call *call, struct kafka *kafka)
{
    int64_t begun_us = shard_now_us(call->shard);
    struct look look = {kafka, clock_monotonic_us()};

    forget_problem(kafka);
    struct status st = ask_once(call, kafka, look_for_brokers, &look, OPEN_MS);
    struct post *post = &kafka->posts[call->shard->index];
    post->seen_down_us = atomic_load(&kafka->down_us); /* this look is newer */
    st = kafka_report(call, kafka, begun_us, st);
    if (st.code == STATUS_UNAVAILABLE) open_breaker(post, shard_now_us(call->shard));
    show_breaker(kafka, post);
    return st.code == STATUS_UNAVAILABLE ? explain(call, kafka) : st;
}

/* Has librdkafka lost all brokers since the breaker last heard of it? */
static void hear(const struct kafka *kafka, struct post *post)
{
    int64_t down_us = atomic_load(&kafka->down_us);

    if (down_us == post->seen_down_us) return;
    post->seen_down_us = down_us;
    open_breaker(post, down_us);
}

struct status kafka_admit(struct call *call, struct kafka *kafka)
{
    struct post *post = &kafka->posts[call->shard->index];
    int64_t now_us = shard_now_us(call->shard);

    hear(kafka, post);
    bool admitted = breaker_admits(&post->breaker, now_us);
    show_breaker(kafka, post);
    if (!admitted) {
        store_metrics_request(&kafka->metrics, 0, STORE_UNREACHABLE);
        return kafka_translate(kafka, RD_KAFKA_RESP_ERR__TRANSPORT, false);
    }
    if (post->breaker.state == BREAKER_CLOSED) return status_ok();
    struct look look = {kafka, clock_monotonic_us()};
    struct status st = ask_once(call, kafka, look_for_brokers, &look, PROBE_MS);
    post->seen_down_us = atomic_load(&kafka->down_us);
    st = kafka_report(call, kafka, now_us, st);
    if (failed(st)) return st;
    forget_problem(kafka);
    return st;
}

static bool says_away(struct status st, int64_t took_us)
{
    if (st.code == STATUS_DEADLINE_EXCEEDED) return took_us >= SILENCE_US;
    return st.reason == ARGOSY__REASON__STORE_UNREACHABLE ||
           st.reason == ARGOSY__REASON__STORE_OUTCOME_UNKNOWN;
}

struct status kafka_report(struct call *call, struct kafka *kafka, int64_t begun_us,
                           struct status st)
{
    struct post *post = &kafka->posts[call->shard->index];
    int64_t now_us = shard_now_us(call->shard);
    bool gave_up = st.code == STATUS_DEADLINE_EXCEEDED || st.code == STATUS_CANCELLED;

    store_metrics_request(&kafka->metrics, now_us - begun_us, store_outcome_of(st));
    if (failed(st)) hear(kafka, post); /* others need not find it out by waiting as well */
    if (says_away(st, now_us - begun_us))
        breaker_failed(&post->breaker, now_us, random_below(UINT32_MAX));
    else if (gave_up || st.reason == ARGOSY__REASON__QUEUE_FULL ||
             st.reason == ARGOSY__REASON__LANE_FULL || st.reason == ARGOSY__REASON__SETTING_INVALID)
        breaker_abandoned(&post->breaker, now_us);
    else
        breaker_succeeded(&post->breaker, now_us);
    show_breaker(kafka, post);
    return st;
}

/* ---- offsets ---- */

/* librdkafka remembers for long that a topic was not there, so it has to look again. */
static struct status ask_again(struct call *call, struct kafka *kafka, const char *topic,
                               kafka_question *fn, void *data)
{
    struct status st = kafka_ask(call, kafka, fn, data);

    if (st.code != STATUS_NOT_FOUND) return st;
    kafka_look_at_topic(call, kafka, topic);
    return kafka_ask(call, kafka, fn, data);
}

struct watermarks {
    const char *topic;
    int32_t partition;
    int64_t low, high;
};

static rd_kafka_resp_err_t ask_watermarks(rd_kafka_t *client, void *data, int timeout_ms)
{
    struct watermarks *marks = data;

    return kafka_library.query_watermark_offsets(client, marks->topic, marks->partition,
                                                 &marks->low, &marks->high, timeout_ms);
}

struct status kafka_watermarks(struct call *call, struct kafka *kafka, const char *topic,
                               int32_t partition, int64_t *ret_low, int64_t *ret_high)
{
    struct watermarks marks = {kafka_full_name(call->arena, kafka, topic), partition, 0, 0};

    struct status st = ask_again(call, kafka, topic, ask_watermarks, &marks);
    if (failed(st)) return st;
    *ret_low = marks.low;
    *ret_high = marks.high;
    return st;
}

static rd_kafka_resp_err_t ask_times(rd_kafka_t *client, void *data, int timeout_ms)
{
    rd_kafka_topic_partition_list_t *list = data;

    rd_kafka_resp_err_t error = kafka_library.offsets_for_times(client, list, timeout_ms);
    for (int i = 0; i < list->cnt && !error; i++) error = list->elems[i].err;
    return error;
}

struct status kafka_find_time(struct call *call, struct kafka *kafka, int64_t time_ms,
                              struct kafka_position *positions, size_t count)
{
    struct status st = status_ok();

    for (size_t i = 0; i < count && !failed(st); i++) {
        rd_kafka_topic_partition_list_t *list = client_list_new(kafka, &positions[i], 1);
        list->elems[0].offset = time_ms;
        st = ask_again(call, kafka, positions[i].topic, ask_times, list);
        if (!failed(st)) positions[i].offset = list->elems[0].offset;
        kafka_library.topic_partition_list_destroy(list);
    }
    return st;
}
