/* SPDX-License-Identifier: Apache-2.0 */
/* Outbox, inbox and idempotency records in MongoDB, for services whose records are one document each.
 *
 * A change is one update of one document, and needs no transaction: what is recorded with it is in the
 * same document, in its member `argosy`:
 *
 *     version    of the document; each change increases it and names the one that it read
 *     marks      of the latest changes, by which a change whose answer was lost is found again
 *     outbox     events that have not been moved into the log yet
 *     inbox      ids of the events that took effect
 *     requests   idempotency records; a unique index over all documents makes a key's record the only one
 *
 *     struct status try(call, job, &done)
 *     {
 *         ... find the document ...
 *         st = change_mongodb_begin(call, document, &change->cause, mark, &fresh);
 *         if (failed(st) || !fresh) return st;                 has taken effect before
 *         ... decide ...
 *         pushes = change_mongodb_end(call, &change->cause, &record, mark);
 *         "{update: 'users', updates: [{q: {_id: %o, argosy.version: %l}, u: {$set: %d, $push: %d,
 *           $inc: {argosy.version: 1}}}]}"
 *     }
 *
 * The log is the collection `outbox`, whose _id is the offset: a sequence (store/mongodb/sequence.h), into
 * which events are moved by whoever reads or sweeps. */
#ifndef EVENTS_MONGODB_EVENTS_MONGODB_H
#define EVENTS_MONGODB_EVENTS_MONGODB_H

#include "events/change.h"
#include "events/events_store.h"
#include "store/mongodb/sequence.h"

enum {
    CHANGE_MONGODB_MARKS = 32,     /* kept in a document */
    CHANGE_MONGODB_INBOX = 256,    /* events kept in a document */
    CHANGE_MONGODB_REQUESTS = 100, /* idempotency records of a day in a document, of all callers */
};

/* The ports, in the arena; nothing to close. `collection` has the documents with outboxes. The sweeper
 * also moves events that a process left behind. */
struct events_store events_store_mongodb(struct arena *arena, struct mongodb *db,
                                         const char *collection);
/* Makes the indexes of log, requests and dead letters. */
struct status events_mongodb_prepare(struct call *call, struct mongodb *db, const char *collection);

/* Dead letters alone, for a service that only consumes; its sweeper is its own. */
struct dead_letters *dead_letters_mongodb(struct arena *arena, struct mongodb *db);
struct status dead_letters_mongodb_prepare(struct call *call, struct mongodb *db);
/* Removes letters that were replayed before `before_us`. */
struct status dead_letters_mongodb_sweep(struct call *call, struct mongodb *db, int64_t before_us,
                                         bool *ret_more);

/* The log alone, for the other files of this folder. */
struct events_log *events_log_mongodb(struct arena *arena, struct mongodb *db,
                                      const char *collection);
struct mongodb_sequence *events_log_mongodb_sequence(struct events_log *log);

/* After a change that published events: they are to be moved, and the bus is told. */
void events_mongodb_tell(struct events_log *log);

/* ---- a change ---- */

/* A change's own mark, in all of its attempts. Begins with `id` alone. */
struct change_mongodb_mark {
    struct mongodb_id id;
    bool lost;       /* the answer to one of its writes was lost ... */
    int64_t version; /* ... which named this version of the document; 0: a new document */
};

/* After each write of the change: `document` is what it was decided by, `st` what came of it. */
void change_mongodb_written(struct change_mongodb_mark *mark, struct str document,
                            struct status st);

/* Does the cause of a change take effect now? *ret_fresh is false if it took effect before: then
 * nothing may be changed, and the first answer to a request is in cause->request->replayed.
 * FAILED_PRECONDITION (IDEMPOTENCY_KEY_REUSED), ABORTED (IDEMPOTENCY_KEY_RUNNING), RESOURCE_EXHAUSTED
 * (IDEMPOTENCY_KEYS_FULL) for a new key if the document has keys_max or CHANGE_MONGODB_REQUESTS
 * already. Also false if the document has the mark: an earlier attempt took effect whose answer was
 * lost. If the mark may have been there, because more changes of others have come since than a
 * document keeps marks of, UNAVAILABLE (STORE_OUTCOME_UNKNOWN). */
struct status change_mongodb_begin(const struct call *call, struct str document,
                                   const struct change_cause *cause,
                                   const struct change_mongodb_mark *mark, bool *ret_fresh);

/* What a change records, for $push in its update. */
struct str change_mongodb_end(const struct call *call, const struct change_cause *cause,
                              const struct change_record *record, struct mongodb_id mark);

/* The same for a new document: the arrays of its member `argosy`, for %a; data NULL: none. */
struct change_mongodb_new {
    struct str marks, outbox, inbox, requests;
};
void change_mongodb_new(const struct call *call, const struct change_cause *cause,
                        const struct change_record *record, struct mongodb_id mark,
                        struct change_mongodb_new *ret_new);

/* Looks in all documents for the record of a request with a key. *ret_found: there is one that has not
 * expired, and request->replayed is set as by change_mongodb_begin. One that has expired is removed, so
 * that the key can be used again. */
struct status change_mongodb_find(struct call *call, struct mongodb *db, const char *collection,
                                  struct change_request *request, bool *ret_found);

#endif
