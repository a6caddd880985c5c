/* SPDX-License-Identifier: Apache-2.0 */
/* The producer: one client of librdkafka, and a thread that waits for its answers.
 *
 *     fiber:   a ticket with a place for each record -> librdkafka's queue -> waits
 *     thread:  delivery reports fill the places; the last one sends the ticket to its shard
 *
 * librdkafka copies the records, so a fiber may give up. A producer can fail for good, if the brokers
 * have lost what it wrote before; the next call then makes another. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/race_window.h"
#include "observe/log.h"
#include "reasons.pb-c.h"
#include "store/kafka/kafka_fate.h"
#include "store/kafka/ticket.h"

enum { VALUES_MAX = 8 };

struct producer {
    struct kafka *kafka;
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    pthread_t thread;
    atomic_bool ending;
    size_t borrowed; /* under the cluster's lock */
    struct producer *next;
};

struct batch;

/* The place of a record's answer. */
struct place {
    struct batch *batch;
    rd_kafka_resp_err_t error;
    rd_kafka_msg_status_t status;
    int64_t offset;
};

struct batch {
    struct ticket ticket;      /* first */
    struct producer *producer; /* borrowed until it is finished */
    _Atomic size_t missing;
    int64_t bytes;
    size_t count;
    struct place places[];
};

/* ---- the thread ---- */

static void finish_part(struct batch *batch)
{
    struct kafka *kafka = batch->ticket.kafka;

    race_window("kafka: record answered");
    if (atomic_fetch_sub(&batch->missing, 1) > 1) return;
    atomic_fetch_sub(&kafka->records, (int64_t)batch->count);
    atomic_fetch_sub(&kafka->bytes, batch->bytes);
    producer_give(kafka, batch->producer);
    ticket_finish(&batch->ticket);
}

/* Once a client has failed for good, every record fails because of that, and some as purged. */
static rd_kafka_resp_err_t true_error(rd_kafka_t *client, rd_kafka_resp_err_t error)
{
    char text[2];

    if (error != RD_KAFKA_RESP_ERR__FATAL && error != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
        error != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
        return error;
    rd_kafka_resp_err_t reason = kafka_library.fatal_error(client, text, sizeof(text));
    return reason ? reason : error;
}

static void take_reports(const struct producer *producer, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *message;

    while ((message = kafka_library.event_message_next(event))) {
        struct place *place = message->_private;
        place->error = true_error(producer->client, message->err);
        place->status = kafka_library.message_status(message);
        place->offset = message->offset;
        finish_part(place->batch);
    }
}

static void retire(struct producer *producer)
{
    struct kafka *kafka = producer->kafka;

    pthread_mutex_lock(&kafka->lock);
    if (kafka->producer == producer) {
        kafka->producer = 0;
        producer->next = kafka->retired;
        kafka->retired = producer;
    }
    pthread_mutex_unlock(&kafka->lock);
}

static void take_error(struct producer *producer, rd_kafka_event_t *event)
{
    if (!kafka_library.event_error_is_fatal(event)) {
        client_take_error(producer->kafka, event);
        return;
    }
    log_error(0, "kafka: the producer has failed, and is replaced",
              LOG_STR("store", producer->kafka->name),
              LOG_STR("error", kafka_library.event_error_string(event)));
    retire(producer);
}

static void take_event(struct producer *producer, rd_kafka_event_t *event)
{
    switch (kafka_library.event_type(event)) {
    case RD_KAFKA_EVENT_DR: take_reports(producer, event); break;
    case RD_KAFKA_EVENT_LOG: client_take_log(producer->kafka, event); break;
    case RD_KAFKA_EVENT_ERROR: take_error(producer, event); break;
    default:
        admin_take_result(event); /* takes the event */
        return;
    }
    kafka_library.event_destroy(event);
}

static void *run(void *data)
{
    struct producer *producer = data;

    while (!atomic_load(&producer->ending)) {
        rd_kafka_event_t *event = kafka_library.queue_poll(producer->queue, -1);
        if (event) take_event(producer, event);
    }
    return 0;
}

/* ---- its life ---- */

static struct status make(struct arena *arena, struct kafka *kafka, struct producer **ret)
{
    const struct client_role role = {0};
    struct producer *producer = calloc(1, sizeof(*producer));

    invariant(producer != 0);
    producer->kafka = kafka;
    struct status st = client_new(arena, kafka, &role, &producer->client);
    if (failed(st)) {
        free(producer);
        return st;
    }
    producer->queue = kafka_library.queue_get_main(producer->client);
    kafka_library.set_log_queue(producer->client, producer->queue);
    invariant(pthread_create(&producer->thread, 0, run, producer) == 0);
    *ret = producer;
    return st;
}

static void end_thread(struct producer *producer)
{
    atomic_store(&producer->ending, true);
    kafka_library.queue_yield(producer->queue);
    pthread_join(producer->thread, 0);
}

static void destroy(struct producer *producer)
{
    if (!atomic_load(&producer->ending)) end_thread(producer);
    kafka_library.queue_destroy(producer->queue);
    kafka_library.destroy(producer->client);
    free(producer);
}

/* Takes one that nobody uses any more off the list of the retired, or `any` of them. */
static struct producer *take_retired(struct kafka *kafka, bool any)
{
    struct producer **link, *found = 0;

    pthread_mutex_lock(&kafka->lock);
    for (link = &kafka->retired; *link && !found;) {
        if ((*link)->borrowed > 0 && !any) {
            link = &(*link)->next;
            continue;
        }
        found = *link;
        *link = found->next;
    }
    pthread_mutex_unlock(&kafka->lock);
    return found;
}

struct making {
    struct kafka *kafka;
    struct arena arena; /* not the call's, which belongs to its shard */
    struct status st;
};

/* Two calls may make one at the same time. */
static void make_in_lane(void *data)
{
    struct making *making = data;
    struct kafka *kafka = making->kafka;
    struct producer *unused, *made = 0;

    while ((unused = take_retired(kafka, false))) destroy(unused);
    making->st = make(&making->arena, kafka, &made);
    if (failed(making->st)) return;
    race_window("kafka: producer made");
    pthread_mutex_lock(&kafka->lock);
    bool is_first = !kafka->producer;
    if (is_first) kafka->producer = made;
    pthread_mutex_unlock(&kafka->lock);
    if (!is_first) destroy(made);
}

static struct producer *try_borrow(struct kafka *kafka)
{
    pthread_mutex_lock(&kafka->lock);
    struct producer *producer = kafka->producer;
    if (producer) producer->borrowed++;
    pthread_mutex_unlock(&kafka->lock);
    return producer;
}

struct status producer_borrow(struct call *call, struct kafka *kafka, struct producer **ret)
{
    struct making making = {.kafka = kafka};
    struct status st = status_ok();

    while (!(*ret = try_borrow(kafka)) && !failed(st)) {
        arena_init(&making.arena, 0);
        st = lane_run(call, kafka->lane, make_in_lane, &making);
        if (!failed(st)) st = making.st;
        if (failed(st)) st = status_dup(call->arena, st);
        arena_release(&making.arena);
    }
    return st;
}

void producer_give(struct kafka *kafka, struct producer *producer)
{
    pthread_mutex_lock(&kafka->lock);
    producer->borrowed--;
    pthread_mutex_unlock(&kafka->lock);
}

rd_kafka_t *producer_client(const struct producer *producer)
{
    return producer->client;
}

rd_kafka_queue_t *producer_queue(const struct producer *producer)
{
    return producer->queue;
}

void producer_close(struct kafka *kafka)
{
    struct producer *producer;

    if (kafka->producer) retire(kafka->producer);
    for (producer = kafka->retired; producer; producer = producer->next) end_thread(producer);
    ticket_free_all(kafka); /* they may hold answers, which are to be freed before their client */
    while ((producer = take_retired(kafka, true))) destroy(producer);
}

/* ---- lost answers, for tests ---- */

static _Atomic int fate_countdown;
static _Atomic enum kafka_fate fate_due;

void kafka_set_fate(enum kafka_fate fate, int nth)
{
    fate_due = fate;
    fate_countdown = nth;
}

static enum kafka_fate next_fate(void)
{
    if (fate_countdown == 0) return KAFKA_FATE_ANSWERED;
    return atomic_fetch_sub(&fate_countdown, 1) == 1 ? fate_due : KAFKA_FATE_ANSWERED;
}

void kafka_fail_producer(struct kafka *kafka)
{
    pthread_mutex_lock(&kafka->lock);
    if (kafka->producer)
        kafka_library.test_fatal_error(kafka->producer->client,
                                       RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "a test");
    pthread_mutex_unlock(&kafka->lock);
}

/* ---- producing ---- */

static size_t size_of(const struct kafka_record *record)
{
    size_t size = record->key.length + record->value.length;

    for (size_t i = 0; i < record->header_count; i++)
        size += strlen(record->headers[i].name) + record->headers[i].value.length;
    return size;
}

static void unreserve(struct kafka *kafka, size_t count, int64_t bytes)
{
    atomic_fetch_sub(&kafka->records, (int64_t)count);
    atomic_fetch_sub(&kafka->bytes, bytes);
}

/* Room for the records in the bounded queue. */
static struct status reserve(struct kafka *kafka, const struct kafka_record *records, size_t count,
                             int64_t *ret_bytes)
{
    int64_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        size_t size = size_of(&records[i]);
        if (size > KAFKA_RECORD_SIZE_MAX)
            return kafka_translate(kafka, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, false);
        bytes += (int64_t)size;
    }
    int64_t waiting = atomic_fetch_add(&kafka->records, (int64_t)count) + (int64_t)count;
    int64_t waiting_bytes = atomic_fetch_add(&kafka->bytes, bytes) + bytes;
    *ret_bytes = bytes;
    if (waiting <= KAFKA_RECORDS_MAX && waiting_bytes <= KAFKA_BYTES_MAX) return status_ok();
    unreserve(kafka, count, bytes);
    return kafka_translate(kafka, RD_KAFKA_RESP_ERR__QUEUE_FULL, false);
}

static rd_kafka_headers_t *headers_of(const struct kafka_record *record)
{
    rd_kafka_headers_t *headers = kafka_library.headers_new(record->header_count);

    for (size_t i = 0; i < record->header_count; i++) {
        const struct kafka_header *header = &record->headers[i];
        rd_kafka_resp_err_t error = kafka_library.header_add(
            headers, header->name, -1, header->value.data, (ssize_t)header->value.length);
        invariant(!error);
    }
    return headers;
}

static rd_kafka_resp_err_t queue_record(const struct call *call, struct kafka *kafka,
                                        rd_kafka_t *client, const struct kafka_record *record,
                                        struct place *place)
{
    rd_kafka_headers_t *headers = record->header_count > 0 ? headers_of(record) : 0;
    rd_kafka_vu_t values[VALUES_MAX] = {
        {RD_KAFKA_VTYPE_TOPIC, {.cstr = kafka_full_name(call->arena, kafka, record->topic)}},
        {RD_KAFKA_VTYPE_PARTITION, {.i32 = record->partition}},
        {RD_KAFKA_VTYPE_MSGFLAGS, {.i = RD_KAFKA_MSG_F_COPY}},
        {RD_KAFKA_VTYPE_KEY, {.mem = {(void *)(uintptr_t)record->key.data, record->key.length}}},
        {RD_KAFKA_VTYPE_VALUE,
         {.mem = {(void *)(uintptr_t)record->value.data, record->value.length}}},
        {RD_KAFKA_VTYPE_TIMESTAMP, {.i64 = record->timestamp_ms}},
        {RD_KAFKA_VTYPE_OPAQUE, {.ptr = place}},
        {RD_KAFKA_VTYPE_HEADERS, {.headers = headers}},
    };

    rd_kafka_error_t *error = kafka_library.produceva(client, values,
                                                      headers ? VALUES_MAX : VALUES_MAX - 1);
    if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = kafka_library.error_code(error);
    kafka_library.error_destroy(error);
    if (headers) kafka_library.headers_destroy(headers);
    return true_error(client, code);
}

/* After a record that librdkafka does not take, the later ones are not sent either. */
static void queue_records(const struct call *call, struct batch *batch, rd_kafka_t *client,
                          const struct kafka_record *records)
{
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;

    for (size_t i = 0; i < batch->count; i++) {
        struct place *place = &batch->places[i];
        *place = (struct place){.batch = batch, .offset = KAFKA_NO_OFFSET};
        if (!error) error = queue_record(call, batch->ticket.kafka, client, &records[i], place);
        if (!error) continue;
        place->error = error;
        place->status = RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
        finish_part(batch);
    }
    race_window("kafka: records queued");
    finish_part(batch); /* the fiber's own part */
}

static struct status status_of(const struct kafka *kafka, const struct place *place)
{
    return kafka_translate(kafka, place->error,
                           place->status == RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED);
}

static void give_receipts(struct kafka_receipt *receipts, size_t count, struct status st)
{
    for (size_t i = 0; i < count; i++) receipts[i] = (struct kafka_receipt){st, KAFKA_NO_OFFSET};
}

/* The first failure. */
static struct status read_answers(const struct batch *batch, struct kafka_receipt *receipts)
{
    struct status first = status_ok();

    for (size_t i = 0; i < batch->count; i++) {
        const struct place *place = &batch->places[i];
        struct status st = status_of(batch->ticket.kafka, place);
        receipts[i] = (struct kafka_receipt){st, failed(st) ? KAFKA_NO_OFFSET : place->offset};
        if (!failed(first)) first = st;
    }
    return first;
}

/* The outcomes, once all are known. */
static struct status wait_for_answers(struct call *call, struct batch *batch,
                                      struct kafka_receipt *receipts)
{
    size_t count = batch->count;

    struct status st = ticket_wait(call, &batch->ticket);
    if (failed(st)) {
        give_receipts(receipts, count, st);
        return st;
    }
    st = read_answers(batch, receipts);
    ticket_free(&batch->ticket);
    return st;
}

static struct status send_records(struct call *call, struct kafka *kafka,
                                  const struct kafka_record *records, size_t count,
                                  struct kafka_receipt *receipts)
{
    struct producer *producer;
    int64_t bytes;

    struct status st = reserve(kafka, records, count, &bytes);
    if (!failed(st)) {
        st = producer_borrow(call, kafka, &producer);
        if (failed(st)) unreserve(kafka, count, bytes);
    }
    if (failed(st)) {
        give_receipts(receipts, count, st);
        return st;
    }
    struct batch *batch = ticket_new(kafka, call->shard,
                                     sizeof(*batch) + count * sizeof(struct place), 0);
    batch->producer = producer;
    batch->count = count;
    batch->bytes = bytes;
    atomic_store(&batch->missing, count + 1);
    queue_records(call, batch, producer->client, records);
    return wait_for_answers(call, batch, receipts);
}

/* librdkafka remembers that a topic or partition is not there. It may have been made since. */
static void look_again(struct call *call, struct kafka *kafka, const struct kafka_record *records,
                       size_t count, const struct kafka_receipt *receipts)
{
    for (size_t i = 0; i < count; i++) {
        if (receipts[i].st.code != STATUS_NOT_FOUND) continue;
        kafka_look_at_topic(call, kafka, records[i].topic);
        return;
    }
}

struct status kafka_produce(struct call *call, struct kafka *kafka,
                            const struct kafka_record *records, size_t count,
                            struct kafka_receipt *receipts)
{
    int64_t begun_us = shard_now_us(call->shard);
    enum kafka_fate fate = next_fate();

    if (!receipts) receipts = arena_array(call->arena, struct kafka_receipt, count);
    struct status st = kafka_admit(call, kafka);
    give_receipts(receipts, count, st);
    if (failed(st)) return st;
    if (fate != KAFKA_FATE_UNMADE) st = send_records(call, kafka, records, count, receipts);
    st = kafka_report(call, kafka, begun_us, st);
    if (failed(st)) look_again(call, kafka, records, count, receipts);
    if (fate == KAFKA_FATE_ANSWERED || failed(st)) return st;
    st = kafka_translate(kafka, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, true);
    give_receipts(receipts, count, st);
    return st;
}
