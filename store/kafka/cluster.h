/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the driver share. Private to store/kafka. */
#ifndef STORE_KAFKA_CLUSTER_H
#define STORE_KAFKA_CLUSTER_H

#include <pthread.h>

#include "fiber/lane.h"
#include "store/kafka/kafka.h"
#include "store/kafka/kafka_url.h"
#include "store/kafka/library.h"
#include "store/store_metrics.h"

enum { CLUSTER_PROBLEM_SIZE = 512 };

struct producer;
struct ticket;

/* A shard's view of the cluster; only on its thread. */
struct post {
    struct breaker breaker;
    bool shown_open;
    int64_t seen_down_us; /* the loss of all brokers that the breaker knows of */
};

struct kafka {
    const char *name;
    struct kafka_url url;
    const char *password;
    /* Messages for callers. */
    const char *unreachable, *unknown, *refused, *no_topic, *too_large, *queue_full, *fenced, *late;
    struct store_metrics metrics;
    struct breaker_news news;
    struct lane *lane;
    struct post *posts; /* one for each shard */

    _Atomic int64_t down_us;        /* when librdkafka last lost every broker; monotonic */
    _Atomic int64_t records, bytes; /* that wait for their acknowledgement */

    pthread_mutex_t lock;
    struct ticket *tickets;             /* all that live */
    struct producer *producer;          /* NULL: not made yet, or it has failed for good */
    struct producer *retired;           /* failed ones that calls may still use */
    bool is_refused;                    /* what `problem` says is a refusal */
    char problem[CLUSTER_PROBLEM_SIZE]; /* what librdkafka said last; "": nothing */
};

/* ---- errors ---- */

/* `is_sent`: the request may have had its effect. */
struct status kafka_translate(const struct kafka *kafka, rd_kafka_resp_err_t error, bool is_sent);

/* ---- clients of librdkafka ---- */

struct client_role {
    const char *group; /* of a reader, with the URL's prefix; NULL: the client produces */
    bool tells_ends;   /* of partitions */
};

/* Makes a client. Blocks: it reads files. FAILED_PRECONDITION (SETTING_INVALID) says what librdkafka
 * refuses. */
struct status client_new(struct arena *arena, const struct kafka *kafka,
                         const struct client_role *role, rd_kafka_t **ret_client);

/* Logs what is a line for the log, and remembers what is an error of the connection. Any thread. */
void client_take_log(const struct kafka *kafka, rd_kafka_event_t *event);
void client_take_error(struct kafka *kafka, rd_kafka_event_t *event);

/* A list for librdkafka; owned. */
rd_kafka_topic_partition_list_t *
client_list_new(const struct kafka *kafka, const struct kafka_position *positions, size_t count);
/* The other way: the names point into the list. Owned, by free(). */
struct kafka_position *client_positions_new(const struct kafka *kafka,
                                            const rd_kafka_topic_partition_list_t *list);

/* The name with the URL's prefix, in the arena; and a prefixed name without it. */
const char *kafka_full_name(struct arena *arena, const struct kafka *kafka, const char *name);
const char *kafka_short_name(const struct kafka *kafka, const char *full_name);

/* ---- the producer, whose client also asks all that is not for a reader ---- */

/* The producer, made if there is none; taken back by producer_give. */
struct status producer_borrow(struct call *call, struct kafka *kafka, struct producer **ret);
void producer_give(struct kafka *kafka, struct producer *producer);
rd_kafka_t *producer_client(const struct producer *producer);
rd_kafka_queue_t *producer_queue(const struct producer *producer);

/* Ends all producers. No shard runs any more. Blocks. */
void producer_close(struct kafka *kafka);

/* ---- asking ---- */

/* May the call go to the cluster? As the breaker's probe it first asks whether anybody is there. */
struct status kafka_admit(struct call *call, struct kafka *kafka);
/* What became of it; every admitted call reports. Counts it. */
struct status kafka_report(struct call *call, struct kafka *kafka, int64_t begun_us,
                           struct status st);

/* Runs fn(client, data, timeout_ms) in the lane, where it may block for so long, and translates its
 * error. Admits and reports. */
typedef rd_kafka_resp_err_t kafka_question(rd_kafka_t *client, void *data, int timeout_ms);
struct status kafka_ask(struct call *call, struct kafka *kafka, kafka_question *fn, void *data);

/* Has librdkafka look whether a topic is there now, and which partitions it has. */
void kafka_look_at_topic(struct call *call, struct kafka *kafka, const char *topic);

/* Answers of admin requests arrive at the producer's thread. */
void admin_take_result(rd_kafka_event_t *event);

#endif
