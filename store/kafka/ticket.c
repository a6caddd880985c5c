/* SPDX-License-Identifier: Apache-2.0 */
/* Requests on their way through librdkafka. */
#include "store/kafka/ticket.h"

#include <stdlib.h>

#include "base/race_window.h"

void *ticket_new(struct kafka *kafka, struct shard *shard, size_t size,
                 void (*release)(struct ticket *ticket))
{
    struct ticket *ticket = calloc(1, size);

    invariant(ticket != 0);
    ticket->kafka = kafka;
    ticket->shard = shard;
    ticket->release = release;
    pthread_mutex_lock(&kafka->lock);
    ticket->next = kafka->tickets;
    if (ticket->next) ticket->next->previous = ticket;
    kafka->tickets = ticket;
    pthread_mutex_unlock(&kafka->lock);
    return ticket;
}

void ticket_free(struct ticket *ticket)
{
    struct kafka *kafka = ticket->kafka;

    pthread_mutex_lock(&kafka->lock);
    if (ticket->next) ticket->next->previous = ticket->previous;
    if (ticket->previous)
        ticket->previous->next = ticket->next;
    else
        kafka->tickets = ticket->next;
    pthread_mutex_unlock(&kafka->lock);
    if (ticket->release) ticket->release(ticket);
    free(ticket);
}

void ticket_abandon(struct ticket *ticket)
{
    if (ticket->finished)
        ticket_free(ticket);
    else
        ticket->abandoned = true;
}

struct status ticket_wait(struct call *call, struct ticket *ticket)
{
    struct status st = status_ok();

    while (!ticket->finished && !failed(st)) st = fiber_suspend(call, &ticket->wait);
    if (ticket->finished) return status_ok();
    ticket_abandon(ticket);
    return st;
}

static void arrive(struct shard *shard, void *data)
{
    struct ticket *ticket = data;

    ticket->finished = true;
    if (ticket->abandoned)
        ticket_free(ticket);
    else
        fiber_wake(shard, &ticket->wait);
}

void ticket_finish(struct ticket *ticket)
{
    race_window("kafka: answered");
    ticket->message.fn = arrive;
    ticket->message.data = ticket;
    shard_post_message(ticket->shard, &ticket->message);
}

void ticket_free_all(struct kafka *kafka)
{
    struct ticket *next;

    for (struct ticket *ticket = kafka->tickets; ticket; ticket = next) {
        next = ticket->next;
        ticket_free(ticket);
    }
}
