/* SPDX-License-Identifier: Apache-2.0 */
/* What every change of a store has besides its rows: what causes it, and what is recorded with it
 * in the same transaction. All services' stores take it in this form, so that each engine needs it
 * once:
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
 * What decides has one signature everywhere: apply(call, x, data). It changes what was read, or
 * fails and leaves everything as it was. It has no effect but in `x` and `data`, because it may run
 * more than once, and on another thread while the call waits. */
#ifndef EVENTS_CHANGE_H
#define EVENTS_CHANGE_H

#include "events/event.h"
#include "events/idempotency.h"

/* A request that may come twice. */
struct change_request {
    struct idempotency idempotency; /* all zeros: nobody's; without a key: never repeated */
    struct str replayed;            /* set by the store: data: the request was here before, this
                                       was its answer, and nothing was changed */
};

/* What causes a change, so that it takes effect once. All zeros: nothing that comes twice. */
struct change_cause {
    const struct event *event;      /* takes effect by this change; NULL: no event */
    struct change_request *request; /* asks for it; NULL: nobody */
};

/* Events of one change. */
enum { CHANGE_EVENTS_MAX = 4 };

/* What is recorded with a change. */
struct change_record {
    struct event events[CHANGE_EVENTS_MAX]; /* what tells of it */
    size_t event_count;
    struct str answer; /* to be kept for the request; data NULL: none yet, the key stays taken */
    bool forget;       /* instead: the request had no effect, and its key may be used again */
};

/* Must the change leave an answer? It is asked for by a request with a key. */
bool change_wants_answer(const struct change_cause *cause);

/* Adds an event to the record, made as by event_make; there is room for CHANGE_EVENTS_MAX. */
void change_tell(const struct call *call, struct change_record *record, const char *topic,
                 const char *key, const ProtobufCMessage *message);

#endif
