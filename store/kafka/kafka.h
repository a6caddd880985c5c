/* SPDX-License-Identifier: Apache-2.0 */
/* A Kafka cluster (brokers 2.4 or newer), over librdkafka, which is loaded when the first URL asks
 * for it. This driver knows topics and partitions, and no event and no service.
 *
 *     st = kafka_new(arena, shards, url, "events", &kafka);    reads the URL, reaches nobody
 *     st = kafka_open(call, kafka);                            connects, logs in
 *
 *     st = kafka_produce(call, kafka, records, count, 0);      OK means: all in-sync replicas have all
 *     st = kafka_watermarks(call, kafka, "orders", 3, &low, &high);
 *     kafka_close(kafka);                                      after the shards have been joined
 *
 * kafka_reader.h reads, as a member of a group or without one; kafka_admin.h makes topics and looks
 * for settings that lose records. kafka_url.h says what a URL may say.
 *
 * One producer serves all shards. It is idempotent (`acks=all`): librdkafka repeats a request whose
 * answer was lost, the broker recognizes the repetition, and the records of a partition keep their
 * order. It repeats for the URL's `timeout` at most. A thread waits for its answers and hands them to
 * the shards; nothing polls.
 *
 * While no broker answers, a breaker for each shard (store/breaker.h) refuses calls at once. It opens
 * as soon as librdkafka has lost every broker, or when records time out one after another.
 *
 * Errors, translated here:
 *
 *     UNAVAILABLE (STORE_UNREACHABLE)      nobody answers, or no leader, or too few replicas: the
 *                                          records were not written
 *     UNAVAILABLE (STORE_OUTCOME_UNKNOWN)  sent, and the answer never came: they may be written
 *     UNAVAILABLE (STORE_REFUSED)          the user has no right, or user, password or a certificate
 *                                          are refused
 *     NOT_FOUND (TOPIC_NOT_FOUND)          there is no such topic, or no such partition
 *     RESOURCE_EXHAUSTED (BODY_TOO_LARGE)  a record is larger than the topic takes
 *     RESOURCE_EXHAUSTED (QUEUE_FULL)      too many records wait already
 *     ABORTED (STORE_BUSY)                 a commit of a member that has lost its partitions
 *     ALREADY_EXISTS                       the topic exists
 *     DEADLINE_EXCEEDED, CANCELLED         the call; what was sent may still take effect
 *     INTERNAL                             everything else
 *
 * Messages name the store ("the store of events"); addresses and what a broker said go to the log
 * alone. Metrics: store_metrics.h. */
#ifndef STORE_KAFKA_KAFKA_H
#define STORE_KAFKA_KAFKA_H

#include "base/str.h"
#include "fiber/call.h"
#include "fiber/shard.h"
#include "store/breaker.h"

struct kafka;

enum {
    KAFKA_RECORDS_MAX = 10000,          /* that wait for their acknowledgement, of all shards */
    KAFKA_BYTES_MAX = 64 * 1024 * 1024, /* the same */
    KAFKA_RECORD_SIZE_MAX = 1000000,    /* key, value and headers */
};

struct kafka_header {
    const char *name;
    struct str value;
};

struct kafka_record {
    const char *topic; /* without the URL's prefix */
    int32_t partition;
    int64_t offset;       /* of a record that was read */
    int64_t timestamp_ms; /* 0 when producing: now */
    struct str key;       /* `data` NULL: none */
    struct str value;     /* the same */
    const struct kafka_header *headers;
    size_t header_count;
};

/* A place in a partition. */
struct kafka_position {
    const char *topic; /* without the URL's prefix */
    int32_t partition;
    int64_t offset; /* of the next record to read */
};

/* Offsets with a meaning. */
enum { KAFKA_BEGINNING = -2, KAFKA_END = -1, KAFKA_NO_OFFSET = -1001 };

/* Reads the URL and its files and loads librdkafka; reaches nobody. `name` is the store's: it names it
 * in messages and metrics; borrowed for the driver's life. INVALID_ARGUMENT (SETTING_INVALID) for a URL
 * that can't be read, FAILED_PRECONDITION (SETTING_INVALID) for files that can't, or if the library is
 * not installed. Owned. */
struct status kafka_new(struct arena *arena, struct shards *shards, const char *url,
                        const char *name, struct kafka **ret_kafka);

/* Connects and logs in. UNAVAILABLE if nobody answers (STORE_UNREACHABLE), or if user, password or a
 * certificate are refused (STORE_REFUSED): call it again later; its message is for operators and names
 * the brokers. */
struct status kafka_open(struct call *call, struct kafka *kafka);

/* Records that wait are given up. Readers must be closed. */
void kafka_close(struct kafka *kafka);

/* What the breakers of the shards share. */
struct breaker_news *kafka_news(struct kafka *kafka);

/* What became of one record. */
struct kafka_receipt {
    struct status st;
    int64_t offset; /* where it is; KAFKA_NO_OFFSET if it failed */
};

/* Sends the records, and waits until each is acknowledged or has failed. Those of one partition are
 * written in their order. The status is OK if all were acknowledged, else that of the first record that
 * was not; if `receipts` is not NULL, it gets one for each record whatever the status is. The records
 * are borrowed.
 *
 * A call whose deadline is earlier than the URL's `timeout` may end before the outcome is known: then
 * those not answered yet have DEADLINE_EXCEEDED or CANCELLED, and may be written until `timeout` has
 * passed. Whoever repeats records and relies on their order gives the call more time than that
 * (kafka_produce_timeout_ms). */
struct status kafka_produce(struct call *call, struct kafka *kafka,
                            const struct kafka_record *records, size_t count,
                            struct kafka_receipt *receipts);

/* After so many milliseconds every record has its outcome. */
int64_t kafka_produce_timeout_ms(const struct kafka *kafka);

/* The first offset that a partition still has, and the one that its next record gets; records of
 * unfinished transactions count as there. */
struct status kafka_watermarks(struct call *call, struct kafka *kafka, const char *topic,
                               int32_t partition, int64_t *ret_low, int64_t *ret_high);

/* For each position the offset of the first record that is not older than `time_ms`, which goes to its
 * `offset`; KAFKA_END if there is none. */
struct status kafka_find_time(struct call *call, struct kafka *kafka, int64_t time_ms,
                              struct kafka_position *positions, size_t count);

#endif
