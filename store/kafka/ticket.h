/* SPDX-License-Identifier: Apache-2.0 */
/* A request that librdkafka has, and the fiber that waits for its answer.
 *
 *     struct ask *ask = ticket_new(kafka, call->shard, sizeof(*ask), free_ask);    ticket is its first member
 *     ... hands it to librdkafka ...
 *     st = ticket_wait(call, &ask->ticket);
 *     if (failed(st)) return st;                   given up: it frees itself once it is answered
 *     ... reads the answer ...
 *     ticket_free(&ask->ticket);
 *
 *     ticket_finish(&ask->ticket);                 once, on the thread that has the answer
 *
 * What the answer needs is in the ticket, never on the fiber's stack or in its arena. Tickets that are
 * never answered are freed with the driver. Private to store/kafka. */
#ifndef STORE_KAFKA_TICKET_H
#define STORE_KAFKA_TICKET_H

#include "fiber/fiber.h"
#include "store/kafka/cluster.h"

struct ticket {
    struct kafka *kafka;
    struct shard *shard;
    struct shard_message message;
    struct fiber_wait wait;
    bool finished, abandoned; /* on the shard's thread */
    void (*release)(struct ticket *ticket);
    struct ticket *next, *previous;
};

/* `size` bytes of zeros that begin with a ticket; `release` (may be NULL) frees what it owns. */
void *ticket_new(struct kafka *kafka, struct shard *shard, size_t size,
                 void (*release)(struct ticket *ticket));
void ticket_free(struct ticket *ticket);
/* Nobody waits for it: it is freed once it is finished. */
void ticket_abandon(struct ticket *ticket);
struct status ticket_wait(struct call *call, struct ticket *ticket);
void ticket_finish(struct ticket *ticket);

/* Frees all, after the threads that answer them and the shards have ended. */
void ticket_free_all(struct kafka *kafka);

#endif
