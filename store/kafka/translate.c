/* SPDX-License-Identifier: Apache-2.0 */
/* Which of our statuses an error of librdkafka or of a broker is. */
#include "reasons.pb-c.h"
#include "store/kafka/cluster.h"

static struct status unavailable(const struct kafka *kafka, bool is_sent)
{
    return is_sent ? status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_OUTCOME_UNKNOWN,
                                 kafka->unknown)
                   : status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE,
                                 kafka->unreachable);
}

static struct status refused(const struct kafka *kafka)
{
    return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_REFUSED, kafka->refused);
}

struct status kafka_translate(const struct kafka *kafka, rd_kafka_resp_err_t error, bool is_sent)
{
    switch ((int)error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR: return status_ok();
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
    case RD_KAFKA_RESP_ERR__DESTROY:
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR: return unavailable(kafka, is_sent);
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__TOPIC_NOT_FOUND, kafka->no_topic);
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED: return refused(kafka);
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__BODY_TOO_LARGE,
                           kafka->too_large);
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__QUEUE_FULL,
                           kafka->queue_full);
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
        return status_make(STATUS_ABORTED, ARGOSY__REASON__STORE_BUSY, kafka->fenced);
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
        return status_make(STATUS_ALREADY_EXISTS, 0, "the topic exists already");
    default: return status_make(STATUS_INTERNAL, 0, kafka_library.err2str(error));
    }
}
