/* SPDX-License-Identifier: Apache-2.0 */
/* Topics of a Kafka cluster and positions of groups: looks at them, makes and changes them.
 *
 *     st = kafka_describe_topic(call, kafka, "orders", &topic);        NOT_FOUND: make it
 *     st = kafka_create_topic(call, kafka, &plan);
 *     st = kafka_alter_topic(call, kafka, "orders", configs, count);
 *
 * Names are without the URL's prefix. The errors are those of kafka.h. A change is known to the broker
 * that is asked when OK is returned, and to the others a moment later. */
#ifndef STORE_KAFKA_KAFKA_ADMIN_H
#define STORE_KAFKA_KAFKA_ADMIN_H

#include "store/findings.h"
#include "store/kafka/kafka.h"

/* A setting of a topic or broker, such as `retention.ms`. */
struct kafka_config {
    const char *name;
    const char *value;
    bool
        is_own; /* given for this topic itself, rather than a default; set by kafka_describe_topic */
};

struct kafka_topic {
    int partitions;
    int replication;                    /* the least of all partitions */
    int in_sync;                        /* the same: replicas that have everything */
    int leaderless;                     /* partitions that nobody serves now */
    const struct kafka_config *configs; /* all that it has */
    size_t config_count;
};

/* The value of a setting; NULL if it has none of that name. */
const char *kafka_topic_config(const struct kafka_topic *topic, const char *name);

/* NOT_FOUND (TOPIC_NOT_FOUND). In the call's arena. */
struct status kafka_describe_topic(struct call *call, struct kafka *kafka, const char *name,
                                   struct kafka_topic *ret_topic);

struct kafka_topic_plan {
    const char *name;
    int partitions;
    int replication; /* 0: as many copies as the brokers make by default */
    const struct kafka_config *configs;
    size_t config_count;
};

/* ALREADY_EXISTS; then nothing of it was changed. */
struct status kafka_create_topic(struct call *call, struct kafka *kafka,
                                 const struct kafka_topic_plan *plan);

/* Sets these and keeps the topic's others. Two that change one topic at the same moment may undo one
 * another's change, because all of a topic's own settings are written together. */
struct status kafka_alter_topic(struct call *call, struct kafka *kafka, const char *name,
                                const struct kafka_config *configs, size_t count);

/* `total` partitions from now on. A key's records then go to other partitions than before, if whoever
 * produces chooses by the number of partitions. */
struct status kafka_add_partitions(struct call *call, struct kafka *kafka, const char *name,
                                   int total);

struct status kafka_delete_topic(struct call *call, struct kafka *kafka, const char *name);

/* The committed offset of each position; KAFKA_NO_OFFSET if the group has committed none. */
struct status kafka_group_positions(struct call *call, struct kafka *kafka, const char *group,
                                    struct kafka_position *positions, size_t count);

/* Adds how many brokers there are, and a warning for each of their settings with which acknowledged
 * records may be lost or topics appear by themselves; argosy_store_unsafe_settings counts these. */
struct status kafka_check(struct call *call, struct kafka *kafka, struct store_findings *findings);

/* Adds a warning for each setting of the topic with which acknowledged records may be lost. */
struct status kafka_check_topic(struct call *call, struct kafka *kafka, const char *name,
                                struct store_findings *findings);

#endif
