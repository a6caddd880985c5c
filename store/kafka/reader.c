/* SPDX-License-Identifier: Apache-2.0 */
/* A reader on its shard: what its thread sends becomes callbacks of the owner, and the owner's calls
 * become commands to the thread. */
#include "store/kafka/kafka_reader.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/race_window.h"
#include "store/kafka/reader.h"

static void wake_thread(struct kafka_reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    if (reader->side) kafka_library.queue_yield(reader->side);
    pthread_mutex_unlock(&reader->lock);
}

/* ---- notices, on the shard ---- */

static void free_reader(struct kafka_reader *reader)
{
    for (int i = 0; i < KAFKA_BATCHES_MAX; i++) batch_release(&reader->batches[i]);
    kafka_library.topic_partition_list_destroy(reader->topics);
    pthread_mutex_destroy(&reader->lock);
    free(reader->group);
    free(reader);
}

static void end_reader(struct kafka_reader *reader)
{
    void (*on_closed)(void *owner) = reader->events->on_closed;
    void *owner = reader->owner;

    shard_hook_remove(&reader->hook);
    pthread_join(reader->thread, 0); /* it has nothing left to do */
    free_reader(reader);
    if (on_closed) on_closed(owner);
}

static void tell_owner(const struct notice *notice, const struct kafka_position *positions)
{
    struct kafka_reader *reader = notice->reader;
    const struct kafka_reader_events *events = reader->events;
    size_t count = notice->list ? (size_t)notice->list->cnt : 0;

    switch (notice->kind) {
    case NOTICE_ASSIGNED:
        if (events->on_assigned) events->on_assigned(reader->owner, positions, count);
        return;
    case NOTICE_REVOKED:
        if (events->on_revoked)
            events->on_revoked(reader->owner, positions, count, notice->lost);
        else
            kafka_reader_release(reader);
        return;
    case NOTICE_END:
        if (events->on_end) events->on_end(reader->owner, positions);
        return;
    case NOTICE_TROUBLE:
        if (events->on_trouble) events->on_trouble(reader->owner, notice->st);
        return;
    case NOTICE_CLOSED: end_reader(reader); return;
    }
}

void reader_show_notice(struct shard *shard, void *data)
{
    struct notice *notice = data;
    struct kafka_position *positions =
        notice->list ? client_positions_new(notice->reader->kafka, notice->list) : 0;

    (void)shard;
    tell_owner(notice, positions);
    free(positions);
    if (notice->list) kafka_library.topic_partition_list_destroy(notice->list);
    free(notice);
}

void reader_hand_over(struct shard *shard, void *data)
{
    struct batch *batch = data;
    struct kafka_reader *reader = batch->reader;

    (void)shard;
    reader->events->on_records(reader->owner, batch->records, batch->count);
    batch_clear(batch);
    race_window("kafka: batch handed over");
    wake_thread(reader);
}

/* ---- commands ---- */

struct command *reader_next_command(struct kafka_reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    struct command *command = reader->commands;
    if (command) reader->commands = command->next;
    if (!reader->commands) reader->commands_last = 0;
    pthread_mutex_unlock(&reader->lock);
    return command;
}

void reader_free_command(struct command *command)
{
    if (command->list) kafka_library.topic_partition_list_destroy(command->list);
    free(command);
}

/* ---- the owner's calls, on the shard ---- */

static struct status make_client(struct arena *arena, struct kafka_reader *reader)
{
    const struct client_role role = {
        .group = reader->group ? reader->group : "argosy-without-a-group",
        .tells_ends = reader->events->on_end,
    };

    struct status st = client_new(arena, reader->kafka, &role, &reader->client);
    if (failed(st)) return st;
    kafka_library.poll_set_consumer(reader->client);
    reader->queue = kafka_library.queue_get_consumer(reader->client);
    reader->side = kafka_library.queue_new(reader->client);
    kafka_library.set_log_queue(reader->client, reader->queue);
    rd_kafka_resp_err_t error = reader->group
                                    ? kafka_library.subscribe(reader->client, reader->topics)
                                    : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!error) return st;
    reader_end_client(reader);
    return kafka_translate(reader->kafka, error, false);
}

static void close_on_stop(void *data)
{
    kafka_reader_close(data);
}

static char *group_name_new(const struct kafka_reader_plan *plan)
{
    size_t size = strlen(plan->kafka->url.prefix) + strlen(plan->group) + 1;
    char *name = malloc(size);

    invariant(name != 0);
    (void)snprintf(name, size, "%s%s", plan->kafka->url.prefix, plan->group);
    return name;
}

static struct kafka_reader *reader_new(const struct kafka_reader_plan *plan)
{
    struct kafka_position topics[KAFKA_READER_TOPICS_MAX] = {0};
    struct kafka_reader *reader = calloc(1, sizeof(*reader));

    invariant(reader != 0 && plan->topic_count <= KAFKA_READER_TOPICS_MAX);
    invariant(plan->events->on_records && !plan->group == (plan->topic_count == 0));
    reader->kafka = plan->kafka;
    reader->shard = plan->shard;
    reader->events = plan->events;
    reader->owner = plan->owner;
    if (plan->group) reader->group = group_name_new(plan);
    for (size_t i = 0; i < plan->topic_count; i++)
        topics[i] = (struct kafka_position){plan->topics[i], RD_KAFKA_PARTITION_UA, 0};
    reader->topics = client_list_new(plan->kafka, topics, plan->topic_count);
    pthread_mutex_init(&reader->lock, 0);
    for (int i = 0; i < KAFKA_BATCHES_MAX; i++) batch_init(&reader->batches[i]);
    return reader;
}

struct status kafka_reader_new(struct arena *arena, const struct kafka_reader_plan *plan,
                               struct kafka_reader **ret_reader)
{
    struct kafka_reader *reader = reader_new(plan);

    struct status st = make_client(arena, reader);
    if (failed(st)) {
        free_reader(reader);
        return st;
    }
    invariant(pthread_create(&reader->thread, 0, reader_run, reader) == 0);
    shard_on_stop(reader->shard, &reader->hook, close_on_stop, reader);
    *ret_reader = reader;
    return st;
}

/* Takes the list. */
static void push_command(struct kafka_reader *reader, enum command_kind kind,
                         rd_kafka_topic_partition_list_t *list, struct commit *commit)
{
    struct command *command = calloc(1, sizeof(*command));

    invariant(command != 0);
    *command = (struct command){kind, list, commit, 0};
    pthread_mutex_lock(&reader->lock);
    if (reader->commands_last)
        reader->commands_last->next = command;
    else
        reader->commands = command;
    reader->commands_last = command;
    pthread_mutex_unlock(&reader->lock);
    race_window("kafka: command queued");
    wake_thread(reader);
}

void kafka_reader_close(struct kafka_reader *reader)
{
    if (reader->is_closing) return;
    reader->is_closing = true;
    push_command(reader, COMMAND_CLOSE, 0, 0);
}

void kafka_reader_release(struct kafka_reader *reader)
{
    push_command(reader, COMMAND_RELEASE, 0, 0);
}

static void push_positions(struct kafka_reader *reader, enum command_kind kind,
                           const struct kafka_position *positions, size_t count)
{
    push_command(reader, kind, client_list_new(reader->kafka, positions, count), 0);
}

void kafka_reader_assign(struct kafka_reader *reader, const struct kafka_position *positions,
                         size_t count)
{
    invariant(!reader->group);
    push_positions(reader, COMMAND_ASSIGN, positions, count);
}

void kafka_reader_pause(struct kafka_reader *reader, const struct kafka_position *partitions,
                        size_t count)
{
    push_positions(reader, COMMAND_PAUSE, partitions, count);
}

void kafka_reader_resume(struct kafka_reader *reader, const struct kafka_position *partitions,
                         size_t count)
{
    push_positions(reader, COMMAND_RESUME, partitions, count);
}

void kafka_reader_seek(struct kafka_reader *reader, const struct kafka_position *positions,
                       size_t count)
{
    push_positions(reader, COMMAND_SEEK, positions, count);
}

static struct commit *push_commit(struct kafka_reader *reader,
                                  const struct kafka_position *positions, size_t count,
                                  bool is_later)
{
    struct commit *commit = ticket_new(reader->kafka, reader->shard, sizeof(*commit), 0);

    invariant(reader->group);
    commit->is_later = is_later;
    push_command(reader, COMMAND_COMMIT, client_list_new(reader->kafka, positions, count), commit);
    return commit;
}

struct status kafka_commit(struct call *call, struct kafka_reader *reader,
                           const struct kafka_position *positions, size_t count)
{
    struct kafka *kafka = reader->kafka;
    int64_t begun_us = shard_now_us(call->shard);

    invariant(call->shard == reader->shard);
    struct commit *commit = push_commit(reader, positions, count, false);
    struct status st = ticket_wait(call, &commit->ticket);
    if (!failed(st)) {
        st = kafka_translate(kafka, commit->error, true);
        ticket_free(&commit->ticket);
    }
    store_metrics_request(&kafka->metrics, shard_now_us(call->shard) - begun_us,
                          store_outcome_of(st));
    return st;
}

void kafka_commit_later(struct kafka_reader *reader, const struct kafka_position *positions,
                        size_t count)
{
    push_commit(reader, positions, count, true);
}
