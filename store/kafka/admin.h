/* SPDX-License-Identifier: Apache-2.0 */
/* Admin requests on their way through librdkafka. Private to store/kafka. */
#ifndef STORE_KAFKA_ADMIN_H
#define STORE_KAFKA_ADMIN_H

#include "store/kafka/ticket.h"

struct admin_request {
    struct ticket ticket; /* first */
    struct producer *producer;
    rd_kafka_event_t *event; /* the answer */
};

/* Hands a request to librdkafka, which copies `data`. */
typedef void admin_start(rd_kafka_t *client, void *data, rd_kafka_AdminOptions_t *options,
                         rd_kafka_queue_t *queue);

/* Runs a request. On success its answer is read, and then its ticket freed by the caller. */
struct status admin_run(struct call *call, struct kafka *kafka, admin_start *start, void *data,
                        struct admin_request **ret_request);

/* As kafka_translate; an INTERNAL says what the broker said. */
struct status admin_translate(const struct call *call, const struct kafka *kafka,
                              rd_kafka_resp_err_t error, const char *text);

#endif
