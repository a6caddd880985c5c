/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader's two halves share: its thread (reader_thread.c) and its shard (reader.c).
 *
 *     thread:  waits for events of librdkafka -> batches of records and notices -> messages to the shard
 *     shard:   callbacks of the owner, whose calls are commands -> the thread
 *
 * Private to store/kafka. */
#ifndef STORE_KAFKA_READER_H
#define STORE_KAFKA_READER_H

#include "store/kafka/batch.h"
#include "store/kafka/ticket.h"

/* ---- from the thread to the shard ---- */

enum notice_kind { NOTICE_ASSIGNED, NOTICE_REVOKED, NOTICE_END, NOTICE_TROUBLE, NOTICE_CLOSED };

struct notice {
    struct shard_message message;
    struct kafka_reader *reader;
    enum notice_kind kind;
    rd_kafka_topic_partition_list_t *list; /* NULL: none */
    bool lost;
    struct status st; /* its message is static, or the driver's */
};

/* ---- from the shard to the thread ---- */

enum command_kind {
    COMMAND_ASSIGN,
    COMMAND_PAUSE,
    COMMAND_RESUME,
    COMMAND_SEEK,
    COMMAND_COMMIT,
    COMMAND_RELEASE,
    COMMAND_CLOSE,
};

struct command {
    enum command_kind kind;
    rd_kafka_topic_partition_list_t *list; /* NULL: none */
    struct commit *commit;
    struct command *next;
};

struct commit {
    struct ticket ticket; /* first */
    bool is_later;        /* no fiber waits for it */
    rd_kafka_resp_err_t error;
};

struct kafka_reader {
    struct kafka *kafka;
    struct shard *shard;
    struct shard_hook hook;
    const struct kafka_reader_events *events;
    void *owner;
    char *group; /* with the URL's prefix; NULL: none */
    rd_kafka_topic_partition_list_t *topics;
    pthread_t thread;
    bool is_closing; /* on the shard */

    pthread_mutex_t lock;
    struct command *commands, *commands_last;
    rd_kafka_queue_t *side; /* NULL once nobody may wake the thread any more */

    /* Of the thread. */
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    struct batch batches[KAFKA_BATCHES_MAX];
    struct batch *filling;                    /* NULL: none */
    rd_kafka_topic_partition_list_t *revoked; /* waits for the owner; NULL: nothing does */
    int64_t patience_us;                      /* until when; monotonic */
    int late_releases;                        /* answers that nothing waits for any more */
    int commits;                              /* on their way */
    bool is_reading;                          /* the side queue flows into the consumer's */
    bool closes;
    bool is_left; /* the owner has nothing any more */
};

/* The thread. */
void *reader_run(void *reader);
/* Ends the client, after which nobody wakes the thread any more. */
void reader_end_client(struct kafka_reader *reader);

/* Messages to the shard. */
void reader_show_notice(struct shard *shard, void *notice);
void reader_hand_over(struct shard *shard, void *batch);

/* The oldest command; NULL: none. */
struct command *reader_next_command(struct kafka_reader *reader);
void reader_free_command(struct command *command);

#endif
