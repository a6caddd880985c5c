/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of records that were read. */
#include "store/kafka/batch.h"

#include "base/race_window.h"

void batch_init(struct batch *batch)
{
    arena_init(&batch->arena, 0);
}

void batch_release(struct batch *batch)
{
    arena_release(&batch->arena);
}

static void read_headers(struct batch *batch, const rd_kafka_message_t *message,
                         struct kafka_record *record)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;

    if (kafka_library.message_headers(message, &headers)) return;
    record->header_count = kafka_library.header_cnt(headers);
    struct kafka_header *copies = arena_array(&batch->arena, struct kafka_header,
                                              record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        kafka_library.header_get_all(headers, i, &copies[i].name, &value, &size);
        copies[i].value = str_sized(value, size);
        batch->bytes += size;
    }
    record->headers = copies;
}

void batch_add(struct batch *batch, const struct kafka *kafka, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *message = kafka_library.event_message_next(event);
    struct kafka_record *record = &batch->records[batch->count];
    rd_kafka_timestamp_type_t type;

    batch->events[batch->count++] = event;
    *record = (struct kafka_record){
        .topic = kafka_short_name(kafka, kafka_library.topic_name(message->rkt)),
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_ms = kafka_library.message_timestamp(message, &type),
        .key = str_sized(message->key, message->key_len),
        .value = str_sized(message->payload, message->len),
    };
    batch->bytes += message->key_len + message->len;
    read_headers(batch, message, record);
}

bool batch_is_full(const struct batch *batch)
{
    return batch->count == KAFKA_BATCH_RECORDS_MAX || batch->bytes >= KAFKA_BATCH_BYTES_MAX;
}

void batch_clear(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) kafka_library.event_destroy(batch->events[i]);
    arena_reset(&batch->arena);
    batch->count = 0;
    batch->bytes = 0;
    race_window("kafka: batch cleared");
    atomic_store(&batch->is_busy, false);
}
