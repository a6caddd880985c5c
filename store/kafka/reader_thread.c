/* SPDX-License-Identifier: Apache-2.0 */
/* A reader's thread. It waits in one of two places, and commands wake it in both:
 *
 *     reading    at the queue of the consumer, for everything
 *     holding    at the side queue, which gets only the answers to commits: both batches wait for the
 *                shard, or a revocation waits for the owner. While it reads, the side queue flows into
 *                the consumer's
 *
 * A message to the shard is a batch or a notice, and the thread sends them in the order in which
 * librdkafka had them. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/race_window.h"
#include "observe/log.h"
#include "store/kafka/reader.h"

enum { US_PER_MS = 1000, CLOSE_MS = 5000, CLOSE_SLICE_MS = 50 };

/* ---- notices ---- */

/* Takes the list. */
static struct notice *notice_new(struct kafka_reader *reader, enum notice_kind kind,
                                 rd_kafka_topic_partition_list_t *list)
{
    struct notice *notice = calloc(1, sizeof(*notice));

    invariant(notice != 0);
    notice->reader = reader;
    notice->kind = kind;
    notice->list = list;
    return notice;
}

static void post_notice(struct notice *notice)
{
    race_window("kafka: notice");
    notice->message.fn = reader_show_notice;
    notice->message.data = notice;
    shard_post_message(notice->reader->shard, &notice->message);
}

static void tell_trouble(struct kafka_reader *reader, rd_kafka_resp_err_t error)
{
    struct notice *notice = notice_new(reader, NOTICE_TROUBLE, 0);

    notice->st = kafka_translate(reader->kafka, error, false);
    metric_add(reader->kafka->metrics.errors[store_outcome_of(notice->st)], 1);
    post_notice(notice);
}

/* ---- batches ---- */

static struct batch *find_free(struct kafka_reader *reader)
{
    for (int i = 0; i < KAFKA_BATCHES_MAX; i++)
        if (!atomic_load(&reader->batches[i].is_busy)) return &reader->batches[i];
    return 0;
}

static bool all_free(struct kafka_reader *reader)
{
    for (int i = 0; i < KAFKA_BATCHES_MAX; i++)
        if (atomic_load(&reader->batches[i].is_busy)) return false;
    return true;
}

static void send_batch(struct kafka_reader *reader)
{
    struct batch *batch = reader->filling;

    if (!batch) return;
    reader->filling = 0;
    batch->reader = reader;
    batch->message.fn = reader_hand_over;
    batch->message.data = batch;
    shard_post_message(reader->shard, &batch->message);
}

/* There is a free one, or the thread would not be reading. Takes the event. */
static void take_record(struct kafka_reader *reader, rd_kafka_event_t *event)
{
    if (!reader->filling) {
        reader->filling = find_free(reader);
        atomic_store(&reader->filling->is_busy, true);
    }
    batch_add(reader->filling, reader->kafka, event);
    if (batch_is_full(reader->filling)) send_batch(reader);
}

/* ---- rebalances ---- */

static void adopt(struct kafka_reader *reader, const rd_kafka_topic_partition_list_t *list)
{
    bool cooperates = strcmp(kafka_library.rebalance_protocol(reader->client), "COOPERATIVE") == 0;

    post_notice(notice_new(reader, NOTICE_ASSIGNED, kafka_library.topic_partition_list_copy(list)));
    if (!cooperates)
        kafka_library.assign(reader->client, list);
    else
        kafka_library.error_destroy(kafka_library.incremental_assign(reader->client, list));
}

static void abandon_revoked(struct kafka_reader *reader)
{
    bool cooperates = strcmp(kafka_library.rebalance_protocol(reader->client), "COOPERATIVE") == 0;

    if (!cooperates)
        kafka_library.assign(reader->client, 0);
    else
        kafka_library.error_destroy(
            kafka_library.incremental_unassign(reader->client, reader->revoked));
    kafka_library.topic_partition_list_destroy(reader->revoked);
    reader->revoked = 0;
}

static void begin_revoking(struct kafka_reader *reader, const rd_kafka_topic_partition_list_t *list)
{
    struct notice *notice = notice_new(reader, NOTICE_REVOKED,
                                       kafka_library.topic_partition_list_copy(list));

    notice->lost = kafka_library.assignment_lost(reader->client);
    reader->revoked = kafka_library.topic_partition_list_copy(list);
    reader->patience_us = clock_monotonic_us() +
                          reader->kafka->url.patience_ms * (int64_t)US_PER_MS;
    post_notice(notice);
}

/* The other members wait for nobody for ever. */
static void lose_patience(struct kafka_reader *reader)
{
    log_warn(0, "kafka: revoked partitions were not given back in time, and are taken",
             LOG_STR("store", reader->kafka->name), LOG_STR("group", reader->group));
    abandon_revoked(reader);
    reader->late_releases++;
    tell_trouble(reader, RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST);
}

static void release_revoked(struct kafka_reader *reader)
{
    if (reader->late_releases > 0)
        reader->late_releases--;
    else if (reader->revoked)
        abandon_revoked(reader);
}

static void take_rebalance(struct kafka_reader *reader, rd_kafka_event_t *event)
{
    const rd_kafka_topic_partition_list_t *list = kafka_library.event_topic_partition_list(event);

    if (reader->is_left)
        kafka_library.assign(reader->client, 0); /* everything was revoked before */
    else if (kafka_library.event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        adopt(reader, list);
    else
        begin_revoking(reader, list);
}

/* ---- other events ---- */

static void take_end(struct kafka_reader *reader, rd_kafka_event_t *event)
{
    rd_kafka_topic_partition_t *at = kafka_library.event_topic_partition(event);
    rd_kafka_topic_partition_list_t *list = kafka_library.topic_partition_list_new(1);

    kafka_library.topic_partition_list_add(list, at->topic, at->partition)->offset = at->offset;
    kafka_library.topic_partition_destroy(at);
    post_notice(notice_new(reader, NOTICE_END, list));
}

static void take_error(struct kafka_reader *reader, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t error = kafka_library.event_error(event);

    if (error == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        take_end(reader, event);
        return;
    }
    /* Without a group nothing is asked of one, so it does not matter whether the user might. */
    if (!reader->group && error == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) return;
    log_warn(0, "kafka: reading has failed for now", LOG_STR("store", reader->kafka->name),
             LOG_STR("error", kafka_library.event_error_string(event)));
    tell_trouble(reader, error);
}

static void finish_commit(struct kafka_reader *reader, struct commit *commit,
                          rd_kafka_resp_err_t error)
{
    commit->error = error;
    if (!commit->is_later) {
        ticket_finish(&commit->ticket);
        return;
    }
    if (error) tell_trouble(reader, error);
    ticket_free(&commit->ticket);
}

static void take_commit(struct kafka_reader *reader, rd_kafka_event_t *event)
{
    const rd_kafka_topic_partition_list_t *list = kafka_library.event_topic_partition_list(event);
    rd_kafka_resp_err_t error = kafka_library.event_error(event);

    for (int i = 0; list && i < list->cnt && !error; i++) error = list->elems[i].err;
    reader->commits--;
    finish_commit(reader, kafka_library.event_opaque(event), error);
}

/* Takes the event. What is not a record comes after the records that were before it. */
static void take_event(struct kafka_reader *reader, rd_kafka_event_t *event)
{
    rd_kafka_event_type_t type = kafka_library.event_type(event);

    if (type == RD_KAFKA_EVENT_FETCH) {
        take_record(reader, event);
        return;
    }
    if (type == RD_KAFKA_EVENT_LOG) {
        client_take_log(reader->kafka, event);
    } else if (type == RD_KAFKA_EVENT_OFFSET_COMMIT) {
        take_commit(reader, event);
    } else {
        send_batch(reader);
        if (type == RD_KAFKA_EVENT_REBALANCE)
            take_rebalance(reader, event);
        else if (type == RD_KAFKA_EVENT_ERROR)
            take_error(reader, event);
    }
    kafka_library.event_destroy(event);
}

/* ---- commands, on the thread ---- */

/* Brokers take a member's commit of any partition, also of one that another member has by now. */
static rd_kafka_resp_err_t check_owned(struct kafka_reader *reader,
                                       const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_topic_partition_list_t *owned;

    rd_kafka_resp_err_t error = kafka_library.assignment(reader->client, &owned);
    if (error) return error;
    for (int i = 0; i < list->cnt && !error; i++)
        if (!kafka_library.topic_partition_list_find(owned, list->elems[i].topic,
                                                     list->elems[i].partition))
            error = RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST;
    kafka_library.topic_partition_list_destroy(owned);
    return error;
}

static void start_commit(struct kafka_reader *reader, struct command *command)
{
    rd_kafka_resp_err_t error = check_owned(reader, command->list);

    if (!error)
        error = kafka_library.commit_queue(reader->client, command->list, reader->side, 0,
                                           command->commit);

    if (error)
        finish_commit(reader, command->commit, error);
    else
        reader->commits++;
}

static void run_command(struct kafka_reader *reader, struct command *command)
{
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;

    switch (command->kind) {
    case COMMAND_ASSIGN: error = kafka_library.assign(reader->client, command->list); break;
    case COMMAND_PAUSE:
        error = kafka_library.pause_partitions(reader->client, command->list);
        break;
    case COMMAND_RESUME:
        error = kafka_library.resume_partitions(reader->client, command->list);
        break;
    case COMMAND_SEEK:
        kafka_library.error_destroy(
            kafka_library.seek_partitions(reader->client, command->list, 0));
        break;
    case COMMAND_COMMIT: start_commit(reader, command); break;
    case COMMAND_RELEASE: release_revoked(reader); break;
    case COMMAND_CLOSE: reader->closes = true; break;
    }
    if (error) tell_trouble(reader, error);
}

static void run_commands(struct kafka_reader *reader)
{
    struct command *command;

    while ((command = reader_next_command(reader))) {
        run_command(reader, command);
        reader_free_command(command);
    }
}

/* ---- the thread ---- */

static void turn_to(struct kafka_reader *reader, bool reading)
{
    if (reader->is_reading == reading) return;
    reader->is_reading = reading;
    kafka_library.queue_forward(reader->side, reading ? reader->queue : 0);
}

static void wait_for_event(struct kafka_reader *reader, int timeout_ms)
{
    rd_kafka_event_t *event = kafka_library.queue_poll(
        reader->is_reading ? reader->queue : reader->side, timeout_ms);

    if (event)
        take_event(reader, event);
    else
        send_batch(reader); /* nothing more is there for now */
}

/* How long the thread may wait: until something happens, or until its patience ends. */
static int wait_ms(const struct kafka_reader *reader)
{
    if (reader->filling) return 0;
    if (!reader->revoked) return -1;
    int64_t left_us = reader->patience_us - clock_monotonic_us();
    return left_us > 0 ? (int)(left_us / US_PER_MS) + 1 : 0;
}

static bool has_patience(const struct kafka_reader *reader)
{
    return !reader->revoked || clock_monotonic_us() < reader->patience_us;
}

static bool may_read(struct kafka_reader *reader)
{
    return !reader->revoked && (reader->filling || find_free(reader));
}

/* First the queue is chosen, then it is looked whether anything has happened: what happens later wakes
 * the queue that was chosen. */
static void read_records(struct kafka_reader *reader)
{
    for (;;) {
        bool reading = may_read(reader);
        turn_to(reader, reading);
        race_window("kafka: queue chosen");
        run_commands(reader);
        if (!has_patience(reader)) lose_patience(reader);
        if (reader->closes) return;
        if (may_read(reader) == reading) wait_for_event(reader, wait_ms(reader));
    }
}

/* The owner gets everything that is on its way, and gives back what it has. */
static void settle(struct kafka_reader *reader)
{
    int64_t end_us = clock_monotonic_us() + CLOSE_MS * (int64_t)US_PER_MS;

    send_batch(reader);
    turn_to(reader, false);
    for (;;) {
        run_commands(reader);
        if (!has_patience(reader)) lose_patience(reader);
        bool owner_is_busy = reader->revoked || !all_free(reader);
        bool late = clock_monotonic_us() >= end_us;
        if (!owner_is_busy && (reader->commits == 0 || late)) return;
        wait_for_event(reader, owner_is_busy ? wait_ms(reader) : CLOSE_SLICE_MS);
    }
}

static void give_up_partitions(struct kafka_reader *reader)
{
    rd_kafka_topic_partition_list_t *list;

    if (!reader->group || kafka_library.assignment(reader->client, &list)) return;
    if (list->cnt > 0) begin_revoking(reader, list);
    kafka_library.topic_partition_list_destroy(list);
}

/* Commands that came too late. */
static void drop_commands(struct kafka_reader *reader)
{
    struct command *command;

    while ((command = reader_next_command(reader))) {
        if (command->commit)
            finish_commit(reader, command->commit, RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST);
        reader_free_command(command);
    }
}

/* Nobody wakes the thread from here on. */
void reader_end_client(struct kafka_reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    rd_kafka_queue_t *side = reader->side;
    reader->side = 0;
    pthread_mutex_unlock(&reader->lock);
    kafka_library.queue_destroy(side);
    kafka_library.queue_destroy(reader->queue);
    kafka_library.destroy(reader->client);
}

static void leave_group(struct kafka_reader *reader)
{
    rd_kafka_error_t *error = kafka_library.consumer_close_queue(reader->client, reader->side);

    if (error) kafka_library.error_destroy(error);
    while (!error && !kafka_library.consumer_closed(reader->client))
        wait_for_event(reader, CLOSE_SLICE_MS);
}

void *reader_run(void *data)
{
    struct kafka_reader *reader = data;

    read_records(reader);
    settle(reader);
    give_up_partitions(reader);
    settle(reader);
    reader->is_left = true;
    leave_group(reader);
    drop_commands(reader);
    reader_end_client(reader);
    post_notice(notice_new(reader, NOTICE_CLOSED, 0));
    return 0;
}
