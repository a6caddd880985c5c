/* SPDX-License-Identifier: Apache-2.0 */
/* librdkafka, loaded when the first kafka:// URL is read: a shop that uses no Kafka does not pay for
 * it. Private to this folder. */
#ifndef STORE_KAFKA_LIBRARY_H
#define STORE_KAFKA_LIBRARY_H

#include <librdkafka/rdkafka.h>

#include "base/arena.h"
#include "base/status.h"

/* Its functions, named without `rd_kafka_`: X(name). */
#define KAFKA_LIBRARY(X)                      \
    X(AdminOptions_destroy)                   \
    X(AdminOptions_new)                       \
    X(AdminOptions_set_opaque)                \
    X(AdminOptions_set_request_timeout)       \
    X(AlterConfigs)                           \
    X(AlterConfigs_result_resources)          \
    X(assign)                                 \
    X(assignment)                             \
    X(assignment_lost)                        \
    X(commit_queue)                           \
    X(conf_destroy)                           \
    X(conf_new)                               \
    X(conf_set)                               \
    X(conf_set_events)                        \
    X(ConfigEntry_name)                       \
    X(ConfigEntry_source)                     \
    X(ConfigEntry_value)                      \
    X(ConfigResource_configs)                 \
    X(ConfigResource_destroy)                 \
    X(ConfigResource_error)                   \
    X(ConfigResource_error_string)            \
    X(ConfigResource_new)                     \
    X(ConfigResource_set_config)              \
    X(consumer_close_queue)                   \
    X(consumer_closed)                        \
    X(CreatePartitions)                       \
    X(CreatePartitions_result_topics)         \
    X(CreateTopics)                           \
    X(CreateTopics_result_topics)             \
    X(DeleteTopic_destroy)                    \
    X(DeleteTopic_new)                        \
    X(DeleteTopics)                           \
    X(DeleteTopics_result_topics)             \
    X(DescribeConfigs)                        \
    X(DescribeConfigs_result_resources)       \
    X(destroy)                                \
    X(err2str)                                \
    X(error_code)                             \
    X(error_destroy)                          \
    X(event_AlterConfigs_result)              \
    X(event_CreatePartitions_result)          \
    X(event_CreateTopics_result)              \
    X(event_DeleteTopics_result)              \
    X(event_DescribeConfigs_result)           \
    X(event_destroy)                          \
    X(event_error)                            \
    X(event_error_is_fatal)                   \
    X(event_error_string)                     \
    X(event_ListConsumerGroupOffsets_result)  \
    X(event_log)                              \
    X(event_message_next)                     \
    X(event_opaque)                           \
    X(event_topic_partition)                  \
    X(event_topic_partition_list)             \
    X(event_type)                             \
    X(fatal_error)                            \
    X(group_result_error)                     \
    X(group_result_partitions)                \
    X(header_add)                             \
    X(header_cnt)                             \
    X(header_get_all)                         \
    X(headers_destroy)                        \
    X(headers_new)                            \
    X(incremental_assign)                     \
    X(incremental_unassign)                   \
    X(ListConsumerGroupOffsets)               \
    X(ListConsumerGroupOffsets_destroy)       \
    X(ListConsumerGroupOffsets_new)           \
    X(ListConsumerGroupOffsets_result_groups) \
    X(message_headers)                        \
    X(message_status)                         \
    X(message_timestamp)                      \
    X(metadata)                               \
    X(metadata_destroy)                       \
    X(name)                                   \
    X(new)                                    \
    X(NewPartitions_destroy)                  \
    X(NewPartitions_new)                      \
    X(NewTopic_destroy)                       \
    X(NewTopic_new)                           \
    X(NewTopic_set_config)                    \
    X(offsets_for_times)                      \
    X(pause_partitions)                       \
    X(poll_set_consumer)                      \
    X(produceva)                              \
    X(query_watermark_offsets)                \
    X(queue_destroy)                          \
    X(queue_forward)                          \
    X(queue_get_consumer)                     \
    X(queue_get_main)                         \
    X(queue_new)                              \
    X(queue_poll)                             \
    X(queue_yield)                            \
    X(rebalance_protocol)                     \
    X(resume_partitions)                      \
    X(seek_partitions)                        \
    X(set_log_queue)                          \
    X(subscribe)                              \
    X(test_fatal_error)                       \
    X(topic_destroy)                          \
    X(topic_name)                             \
    X(topic_new)                              \
    X(topic_partition_destroy)                \
    X(topic_partition_list_add)               \
    X(topic_partition_list_copy)              \
    X(topic_partition_list_destroy)           \
    X(topic_partition_list_find)              \
    X(topic_partition_list_new)               \
    X(topic_result_error)                     \
    X(topic_result_error_string)

struct kafka_library {
#define KAFKA_LIBRARY_MEMBER(name) __typeof__(rd_kafka_##name) *name;
    KAFKA_LIBRARY(KAFKA_LIBRARY_MEMBER)
#undef KAFKA_LIBRARY_MEMBER
};

/* Valid after kafka_library_load has succeeded. */
extern struct kafka_library kafka_library;

/* Any thread; blocks. The library stays loaded until the process ends. FAILED_PRECONDITION
 * (SETTING_INVALID), which names the package, if it is not installed. */
struct status kafka_library_load(struct arena *arena);

#endif
