/* SPDX-License-Identifier: Apache-2.0 */
/* Requests about topics and groups. Each is a ticket with librdkafka; its answer is an event, which
 * arrives at the producer's thread. */
#include "store/kafka/admin.h"

#include <stdio.h>
#include <stdlib.h>

#include "reasons.pb-c.h"
#include "store/kafka/kafka_admin.h"

enum { US_PER_MS = 1000, TIMEOUT_MS = 10000, ERROR_SIZE = 512 };

static void release(struct ticket *ticket)
{
    struct admin_request *request = (struct admin_request *)ticket;

    if (request->event) kafka_library.event_destroy(request->event);
    producer_give(ticket->kafka, request->producer);
}

void admin_take_result(rd_kafka_event_t *event)
{
    struct admin_request *request = kafka_library.event_opaque(event);

    request->event = event;
    ticket_finish(&request->ticket);
}

static rd_kafka_AdminOptions_t *options_new(const struct call *call, struct admin_request *request,
                                            rd_kafka_t *client)
{
    int64_t left_ms = call_remaining_us(call) / US_PER_MS;
    char error[ERROR_SIZE];
    rd_kafka_AdminOptions_t *options = kafka_library.AdminOptions_new(client,
                                                                      RD_KAFKA_ADMIN_OP_ANY);

    if (left_ms > TIMEOUT_MS) left_ms = TIMEOUT_MS;
    rd_kafka_resp_err_t refused = kafka_library.AdminOptions_set_request_timeout(
        options, left_ms > 1 ? (int)left_ms : 1, error, sizeof(error));
    invariant(!refused);
    kafka_library.AdminOptions_set_opaque(options, request);
    return options;
}

static struct status run(struct call *call, struct kafka *kafka, admin_start *start, void *data,
                         struct admin_request **ret_request)
{
    struct producer *producer;

    struct status st = producer_borrow(call, kafka, &producer);
    if (failed(st)) return st;
    struct admin_request *request = ticket_new(kafka, call->shard, sizeof(*request), release);
    request->producer = producer;
    rd_kafka_t *client = producer_client(producer);
    rd_kafka_AdminOptions_t *options = options_new(call, request, client);
    start(client, data, options, producer_queue(producer));
    kafka_library.AdminOptions_destroy(options);
    st = ticket_wait(call, &request->ticket);
    if (failed(st)) return st;
    st = kafka_translate(kafka, kafka_library.event_error(request->event), false);
    if (failed(st)) {
        ticket_free(&request->ticket);
        return st;
    }
    *ret_request = request;
    return st;
}

struct status admin_run(struct call *call, struct kafka *kafka, admin_start *start, void *data,
                        struct admin_request **ret_request)
{
    int64_t begun_us = shard_now_us(call->shard);

    struct status st = kafka_admit(call, kafka);
    if (failed(st)) return st;
    st = run(call, kafka, start, data, ret_request);
    return kafka_report(call, kafka, begun_us, st);
}

/* ---- topics ---- */

struct status admin_translate(const struct call *call, const struct kafka *kafka,
                              rd_kafka_resp_err_t error, const char *text)
{
    struct status st = kafka_translate(kafka, error, false);

    if (st.code == STATUS_INTERNAL && text)
        st.message = arena_printf(call->arena, "a broker of %s refuses: %s", kafka->name, text);
    return st;
}

static struct status topic_result(const struct call *call, const struct kafka *kafka,
                                  const rd_kafka_topic_result_t **topics, size_t count)
{
    if (count == 0) return status_make(STATUS_INTERNAL, 0, "a broker's answer has no topic");
    return admin_translate(call, kafka, kafka_library.topic_result_error(topics[0]),
                           kafka_library.topic_result_error_string(topics[0]));
}

static void start_creating(rd_kafka_t *client, void *data, rd_kafka_AdminOptions_t *options,
                           rd_kafka_queue_t *queue)
{
    rd_kafka_NewTopic_t *topic = data;

    kafka_library.CreateTopics(client, &topic, 1, options, queue);
}

struct status kafka_create_topic(struct call *call, struct kafka *kafka,
                                 const struct kafka_topic_plan *plan)
{
    struct admin_request *request;
    char error[ERROR_SIZE] = "";
    size_t count;

    rd_kafka_NewTopic_t *topic = kafka_library.NewTopic_new(
        kafka_full_name(call->arena, kafka, plan->name), plan->partitions,
        plan->replication > 0 ? plan->replication : -1, error, sizeof(error));
    if (!topic)
        return status_printf(call->arena, STATUS_INTERNAL, 0, "librdkafka refuses: %s", error);
    for (size_t i = 0; i < plan->config_count; i++)
        kafka_library.NewTopic_set_config(topic, plan->configs[i].name, plan->configs[i].value);
    struct status st = admin_run(call, kafka, start_creating, topic, &request);
    kafka_library.NewTopic_destroy(topic);
    if (failed(st)) return st;
    const rd_kafka_topic_result_t **topics = kafka_library.CreateTopics_result_topics(
        kafka_library.event_CreateTopics_result(request->event), &count);
    st = topic_result(call, kafka, topics, count);
    ticket_free(&request->ticket);
    return st;
}

static void start_adding(rd_kafka_t *client, void *data, rd_kafka_AdminOptions_t *options,
                         rd_kafka_queue_t *queue)
{
    rd_kafka_NewPartitions_t *partitions = data;

    kafka_library.CreatePartitions(client, &partitions, 1, options, queue);
}

struct status kafka_add_partitions(struct call *call, struct kafka *kafka, const char *name,
                                   int total)
{
    struct admin_request *request;
    char error[ERROR_SIZE] = "";
    size_t count;

    rd_kafka_NewPartitions_t *partitions = kafka_library.NewPartitions_new(
        kafka_full_name(call->arena, kafka, name), (size_t)total, error, sizeof(error));
    if (!partitions)
        return status_printf(call->arena, STATUS_INTERNAL, 0, "librdkafka refuses: %s", error);
    struct status st = admin_run(call, kafka, start_adding, partitions, &request);
    kafka_library.NewPartitions_destroy(partitions);
    if (failed(st)) return st;
    const rd_kafka_topic_result_t **topics = kafka_library.CreatePartitions_result_topics(
        kafka_library.event_CreatePartitions_result(request->event), &count);
    st = topic_result(call, kafka, topics, count);
    ticket_free(&request->ticket);
    return st;
}

static void start_deleting(rd_kafka_t *client, void *data, rd_kafka_AdminOptions_t *options,
                           rd_kafka_queue_t *queue)
{
    rd_kafka_DeleteTopic_t *topic = data;

    kafka_library.DeleteTopics(client, &topic, 1, options, queue);
}

struct status kafka_delete_topic(struct call *call, struct kafka *kafka, const char *name)
{
    struct admin_request *request;
    size_t count;

    rd_kafka_DeleteTopic_t *topic = kafka_library.DeleteTopic_new(
        kafka_full_name(call->arena, kafka, name));
    struct status st = admin_run(call, kafka, start_deleting, topic, &request);
    kafka_library.DeleteTopic_destroy(topic);
    if (failed(st)) return st;
    const rd_kafka_topic_result_t **topics = kafka_library.DeleteTopics_result_topics(
        kafka_library.event_DeleteTopics_result(request->event), &count);
    st = topic_result(call, kafka, topics, count);
    ticket_free(&request->ticket);
    return st;
}

/* ---- groups ---- */

static void start_listing(rd_kafka_t *client, void *data, rd_kafka_AdminOptions_t *options,
                          rd_kafka_queue_t *queue)
{
    rd_kafka_ListConsumerGroupOffsets_t *group = data;

    kafka_library.ListConsumerGroupOffsets(client, &group, 1, options, queue);
}

/* librdkafka answers in an order of its own, so each is found by its name. */
static rd_kafka_resp_err_t find_offsets(const struct kafka *kafka,
                                        const rd_kafka_group_result_t *group,
                                        struct kafka_position *positions, size_t count)
{
    const rd_kafka_topic_partition_list_t *list = kafka_library.group_result_partitions(group);
    const rd_kafka_error_t *error = kafka_library.group_result_error(group);

    if (error) return kafka_library.error_code(error);
    for (size_t i = 0; i < count; i++) {
        positions[i].offset = KAFKA_NO_OFFSET;
        for (int at = 0; list && at < list->cnt; at++) {
            const rd_kafka_topic_partition_t *one = &list->elems[at];
            if (one->partition != positions[i].partition ||
                strcmp(kafka_short_name(kafka, one->topic), positions[i].topic) != 0)
                continue;
            if (one->err) return one->err;
            positions[i].offset = one->offset;
        }
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

struct status kafka_group_positions(struct call *call, struct kafka *kafka, const char *group,
                                    struct kafka_position *positions, size_t count)
{
    rd_kafka_topic_partition_list_t *list = client_list_new(kafka, positions, count);
    struct admin_request *request;
    size_t groups;

    rd_kafka_ListConsumerGroupOffsets_t *asked = kafka_library.ListConsumerGroupOffsets_new(
        kafka_full_name(call->arena, kafka, group), list);
    kafka_library.topic_partition_list_destroy(list);
    struct status st = admin_run(call, kafka, start_listing, asked, &request);
    kafka_library.ListConsumerGroupOffsets_destroy(asked);
    if (failed(st)) return st;
    const rd_kafka_group_result_t **results = kafka_library.ListConsumerGroupOffsets_result_groups(
        kafka_library.event_ListConsumerGroupOffsets_result(request->event), &groups);
    st = groups == 0
             ? status_make(STATUS_INTERNAL, 0, "a broker's answer has no group")
             : kafka_translate(kafka, find_offsets(kafka, results[0], positions, count), false);
    ticket_free(&request->ticket);
    return st;
}
