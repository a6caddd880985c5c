/* SPDX-License-Identifier: Apache-2.0 */
/* What topics and brokers are like: partitions, replicas and settings, and which of these lose
 * acknowledged records. */
#include <stdio.h>
#include <stdlib.h>

#include "reasons.pb-c.h"
#include "store/kafka/admin.h"
#include "store/kafka/kafka_admin.h"

/* ---- settings ---- */

struct inquiry {
    rd_kafka_ResourceType_t type;
    const char *name;
};

static void start_inquiry(rd_kafka_t *client, void *data, rd_kafka_AdminOptions_t *options,
                          rd_kafka_queue_t *queue)
{
    const struct inquiry *inquiry = data;
    rd_kafka_ConfigResource_t *resource = kafka_library.ConfigResource_new(inquiry->type,
                                                                           inquiry->name);

    kafka_library.DescribeConfigs(client, &resource, 1, options, queue);
    kafka_library.ConfigResource_destroy(resource);
}

static const struct kafka_config *copy_configs(struct arena *arena,
                                               const rd_kafka_ConfigEntry_t **entries, size_t count,
                                               rd_kafka_ConfigSource_t own)
{
    struct kafka_config *configs = arena_array(arena, struct kafka_config, count);

    for (size_t i = 0; i < count; i++) {
        const char *value = kafka_library.ConfigEntry_value(entries[i]);
        configs[i] = (struct kafka_config){
            arena_strdup(arena, kafka_library.ConfigEntry_name(entries[i])),
            arena_strdup(arena, value ? value : ""),
            kafka_library.ConfigEntry_source(entries[i]) == own,
        };
    }
    return configs;
}

/* All settings of a topic or broker; into the call's arena. */
static struct status read_configs(struct call *call, struct kafka *kafka,
                                  const struct inquiry *inquiry,
                                  const struct kafka_config **ret_configs, size_t *ret_count)
{
    struct inquiry copy = *inquiry;
    struct admin_request *request;
    size_t resources, count;

    struct status st = admin_run(call, kafka, start_inquiry, &copy, &request);
    if (failed(st)) return st;
    const rd_kafka_ConfigResource_t **found = kafka_library.DescribeConfigs_result_resources(
        kafka_library.event_DescribeConfigs_result(request->event), &resources);
    st = resources == 0 ? status_make(STATUS_INTERNAL, 0, "a broker's answer has no settings")
                        : admin_translate(call, kafka, kafka_library.ConfigResource_error(found[0]),
                                          kafka_library.ConfigResource_error_string(found[0]));
    if (!failed(st)) {
        const rd_kafka_ConfigEntry_t **entries = kafka_library.ConfigResource_configs(found[0],
                                                                                      &count);
        *ret_configs = copy_configs(call->arena, entries, count,
                                    RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG);
        *ret_count = count;
    }
    ticket_free(&request->ticket);
    return st;
}

static const char *value_of(const struct kafka_config *configs, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(configs[i].name, name) == 0) return configs[i].value;
    return 0;
}

const char *kafka_topic_config(const struct kafka_topic *topic, const char *name)
{
    return value_of(topic->configs, topic->config_count, name);
}

static void start_altering(rd_kafka_t *client, void *data, rd_kafka_AdminOptions_t *options,
                           rd_kafka_queue_t *queue)
{
    rd_kafka_ConfigResource_t *resource = data;

    kafka_library.AlterConfigs(client, &resource, 1, options, queue);
}

/* The request replaces all of the topic's own settings, so it names those that stay as well. */
struct status kafka_alter_topic(struct call *call, struct kafka *kafka, const char *name,
                                const struct kafka_config *configs, size_t count)
{
    const char *full_name = kafka_full_name(call->arena, kafka, name);
    const struct kafka_config *old;
    struct admin_request *request;
    size_t old_count, resources;

    struct status st = read_configs(
        call, kafka, &(struct inquiry){RD_KAFKA_RESOURCE_TOPIC, full_name}, &old, &old_count);
    if (failed(st)) return st;
    rd_kafka_ConfigResource_t *resource = kafka_library.ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC,
                                                                           full_name);
    for (size_t i = 0; i < old_count; i++)
        if (old[i].is_own && !value_of(configs, count, old[i].name))
            kafka_library.ConfigResource_set_config(resource, old[i].name, old[i].value);
    for (size_t i = 0; i < count; i++)
        kafka_library.ConfigResource_set_config(resource, configs[i].name, configs[i].value);
    st = admin_run(call, kafka, start_altering, resource, &request);
    kafka_library.ConfigResource_destroy(resource);
    if (failed(st)) return st;
    const rd_kafka_ConfigResource_t **found = kafka_library.AlterConfigs_result_resources(
        kafka_library.event_AlterConfigs_result(request->event), &resources);
    st = resources == 0 ? status_make(STATUS_INTERNAL, 0, "a broker's answer has no topic")
                        : admin_translate(call, kafka, kafka_library.ConfigResource_error(found[0]),
                                          kafka_library.ConfigResource_error_string(found[0]));
    ticket_free(&request->ticket);
    return st;
}

/* ---- partitions and replicas ---- */

struct survey {
    const char *topic; /* NULL: of the brokers alone */
    struct kafka_topic found;
    int brokers;
    int32_t broker; /* the number of one of them */
};

static int least(int one, int other)
{
    return one < other ? one : other;
}

static rd_kafka_resp_err_t survey_topic(const struct rd_kafka_metadata_topic *topic,
                                        struct kafka_topic *found)
{
    if (topic->err && topic->err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) return topic->err;
    *found = (struct kafka_topic){
        .partitions = topic->partition_cnt, .replication = INT32_MAX, .in_sync = INT32_MAX};
    for (int i = 0; i < topic->partition_cnt; i++) {
        const struct rd_kafka_metadata_partition *partition = &topic->partitions[i];
        found->replication = least(found->replication, partition->replica_cnt);
        found->in_sync = least(found->in_sync, partition->isr_cnt);
        if (partition->leader < 0) found->leaderless++;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t survey(rd_kafka_t *client, void *data, int timeout_ms)
{
    struct survey *asked = data;
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = asked->topic ? kafka_library.topic_new(client, asked->topic, 0) : 0;

    rd_kafka_resp_err_t error = kafka_library.metadata(client, 0, topic, &metadata, timeout_ms);
    if (topic) kafka_library.topic_destroy(topic);
    if (error) return error;
    asked->brokers = metadata->broker_cnt;
    if (metadata->broker_cnt > 0) asked->broker = metadata->brokers[0].id;
    if (asked->topic)
        error = metadata->topic_cnt > 0 ? survey_topic(&metadata->topics[0], &asked->found)
                                        : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    kafka_library.metadata_destroy(metadata);
    return error;
}

struct status kafka_describe_topic(struct call *call, struct kafka *kafka, const char *name,
                                   struct kafka_topic *ret_topic)
{
    struct survey asked = {.topic = kafka_full_name(call->arena, kafka, name)};
    const struct inquiry inquiry = {RD_KAFKA_RESOURCE_TOPIC, asked.topic};

    struct status st = read_configs(call, kafka, &inquiry, &asked.found.configs,
                                    &asked.found.config_count);
    if (failed(st)) return st;
    struct kafka_topic configs = asked.found;
    st = kafka_ask(call, kafka, survey, &asked);
    if (failed(st)) return st;
    asked.found.configs = configs.configs;
    asked.found.config_count = configs.config_count;
    *ret_topic = asked.found;
    return st;
}

void kafka_look_at_topic(struct call *call, struct kafka *kafka, const char *topic)
{
    struct survey asked = {.topic = kafka_full_name(call->arena, kafka, topic)};

    (void)!failed(kafka_ask(call, kafka, survey, &asked)); /* or it is looked for again next time */
}

/* ---- findings ---- */

static bool is_value(const char *value, const char *wanted)
{
    return value && strcmp(value, wanted) == 0;
}

static void check_brokers(const struct survey *asked, const struct kafka_config *configs,
                          size_t count, struct store_findings *findings)
{
    store_find(findings, false, "the cluster has %d broker%s", asked->brokers,
               asked->brokers == 1 ? "" : "s");
    if (asked->brokers < 3)
        store_find(findings, true,
                   "with fewer than 3 brokers, records are lost or refused when one fails");
    if (is_value(value_of(configs, count, "auto.create.topics.enable"), "true"))
        store_find(
            findings, true,
            "auto.create.topics.enable=true: a misspelt topic is made with default settings; "
            "set it to false");
    if (is_value(value_of(configs, count, "default.replication.factor"), "1"))
        store_find(
            findings, true,
            "default.replication.factor=1: a topic made without a number of replicas is lost "
            "with its broker; set it to 3");
    if (is_value(value_of(configs, count, "offsets.topic.replication.factor"), "1"))
        store_find(findings, true,
                   "offsets.topic.replication.factor=1: the positions of groups are lost with a "
                   "broker; set it to 3");
    if (is_value(value_of(configs, count, "min.insync.replicas"), "1"))
        store_find(findings, true,
                   "min.insync.replicas=1: a record is acknowledged when one broker has it; set it "
                   "to 2");
    if (is_value(value_of(configs, count, "unclean.leader.election.enable"), "true"))
        store_find(findings, true,
                   "unclean.leader.election.enable=true: a replica that lacks acknowledged records "
                   "may become the leader; set it to false");
}

static void show_warnings(const struct kafka *kafka, const struct store_findings *findings,
                          size_t from)
{
    int warnings = 0;

    for (size_t i = from; i < findings->count; i++) warnings += findings->items[i].is_warning;
    metric_set(kafka->metrics.unsafe_settings, warnings);
}

struct status kafka_check(struct call *call, struct kafka *kafka, struct store_findings *findings)
{
    const struct kafka_config *configs;
    struct survey asked = {0};
    char broker[16];
    size_t count;

    struct status st = kafka_ask(call, kafka, survey, &asked);
    if (failed(st)) return st;
    snprintf(broker, sizeof(broker), "%d", (int)asked.broker);
    st = read_configs(call, kafka, &(struct inquiry){RD_KAFKA_RESOURCE_BROKER, broker}, &configs,
                      &count);
    if (failed(st)) return st;
    size_t before = findings->count;
    check_brokers(&asked, configs, count, findings);
    show_warnings(kafka, findings, before);
    return st;
}

struct status kafka_check_topic(struct call *call, struct kafka *kafka, const char *name,
                                struct store_findings *findings)
{
    struct kafka_topic topic;

    struct status st = kafka_describe_topic(call, kafka, name, &topic);
    if (failed(st)) return st;
    if (topic.replication < 2)
        store_find(findings, true,
                   "topic %s has partitions on one broker only, and is lost with it; give it 3 "
                   "replicas",
                   name);
    if (topic.replication > 1 && is_value(kafka_topic_config(&topic, "min.insync.replicas"), "1"))
        store_find(findings, true,
                   "topic %s has min.insync.replicas=1: a record is acknowledged when one broker "
                   "has it; set it to 2",
                   name);
    if (is_value(kafka_topic_config(&topic, "unclean.leader.election.enable"), "true"))
        store_find(findings, true,
                   "topic %s has unclean.leader.election.enable=true: a replica that lacks "
                   "acknowledged records may become the leader; set it to false",
                   name);
    if (topic.in_sync < topic.replication)
        store_find(findings, true, "topic %s has partitions whose replicas are behind", name);
    return st;
}
