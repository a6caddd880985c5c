/* SPDX-License-Identifier: Apache-2.0 */
/* The parts that every change of a store has in addition to its rows: its cause, and what is
 * recorded with it in the same transaction. All services' stores use this form, so that each
 * engine implements it once:
 *
 *     struct change_request once = {0};
 *     st = idempotency_of_call(call, &user, &request->base, &once.idempotency);
 *     st = store->update(call, store, id, &(struct x_change){.apply = apply, .data = &asked,
 *                                                            .cause = {.request = &once}}, &x);
 *     if (once.replayed.data) return idempotency_replay(call, once.replayed, &response->base);
 *
 * An adapter begins its transaction with the cause, reads, has the service's domain decide, writes
 * the rows, and ends with the record. Over SQLite these are change_sqlite_begin and
 * change_sqlite_end (events_sqlite.h).
 *
 * The deciding function has one signature everywhere: apply(call, x, data), where `x` is what was
 * read: an account, a session, a cart, a product, or where more follows from a change than the new
 * state, that together with what is read and written beside it (order_written, payment_turn). It
 * changes what was read, or fails and leaves everything as it was. It has no effect except on `x`
 * and `data`, because it may run more than once, and on another thread while the call waits. */
#ifndef EVENTS_CHANGE_H
#define EVENTS_CHANGE_H

#include "events/event.h"
#include "events/idempotency.h"

/* A request that may be repeated. */
struct change_request {
    struct idempotency idempotency; /* without a key, or all zeros: never counts as repeated */
    struct str replayed;            /* set by the store for a repeated request: its first answer
                                       (nothing was changed); else data is NULL */
};

/* The cause of a change, which takes effect once. All zeros: a cause that is never repeated. */
struct change_cause {
    const struct event *event;      /* the event that causes it; NULL: none */
    struct change_request *request; /* the request that causes it; NULL: none */
};

/* Events of one change. */
enum { CHANGE_EVENTS_MAX = 4 };

/* What is recorded with a change. */
struct change_record {
    struct event events[CHANGE_EVENTS_MAX]; /* the events that it publishes */
    size_t event_count;
    struct str answer; /* to store for the request; data NULL: none yet, the key stays taken */
    bool forget;       /* instead: the request had no effect, and its key may be used again */
};

/* Must the change record an answer? True if a request with a key causes it. */
bool change_wants_answer(const struct change_cause *cause);

/* Adds an event to the record, made by event_make; there is room for CHANGE_EVENTS_MAX. */
void change_tell(const struct call *call, struct change_record *record, const char *topic,
                 const char *key, const ProtobufCMessage *message);

#endif
