/* SPDX-License-Identifier: Apache-2.0 */
/* Records on their way from a reader's thread to its shard. They point into librdkafka's memory, which
 * the events hold. Private to store/kafka. */
#ifndef STORE_KAFKA_BATCH_H
#define STORE_KAFKA_BATCH_H

#include "store/kafka/cluster.h"
#include "store/kafka/kafka_reader.h"

struct batch {
    struct kafka_reader *reader;
    struct shard_message message;
    atomic_bool is_busy; /* it is being filled, or is on its way, or the owner has it */
    struct arena arena;
    size_t count, bytes;
    rd_kafka_event_t *events[KAFKA_BATCH_RECORDS_MAX];
    struct kafka_record records[KAFKA_BATCH_RECORDS_MAX];
};

void batch_init(struct batch *batch);
void batch_release(struct batch *batch);

/* Takes the event, which has one record. */
void batch_add(struct batch *batch, const struct kafka *kafka, rd_kafka_event_t *event);
bool batch_is_full(const struct batch *batch);
/* Empties it; after that it is not busy any more. */
void batch_clear(struct batch *batch);

#endif
