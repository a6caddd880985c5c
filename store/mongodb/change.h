/* SPDX-License-Identifier: Apache-2.0 */
/* A compare-and-set on one document, repeated until it is known whether it took effect.
 *
 *     static struct status try_change(struct call *call, void *data, bool *ret_done)
 *     {
 *         read the document; if it has the change's own mark, it is done: an earlier attempt took effect
 *         decide; write with the version that was read; it is done if a document was found
 *     }
 *
 *     st = mongodb_change(call, db, key, try_change, &job);
 *
 * A write whose answer was lost may still arrive later; its version and its mark make that harmless. */
#ifndef STORE_MONGODB_CHANGE_H
#define STORE_MONGODB_CHANGE_H

#include "store/mongodb/mongodb.h"
#include "store/turns.h"

enum {
    MONGODB_TRIES_MAX = 200,    /* because of concurrent changes */
    MONGODB_FIND_OUT_MS = 2000, /* how long a lost answer is looked for */
};

/* OK with *ret_done false: another change came first. */
typedef struct status mongodb_try(struct call *call, void *data, bool *ret_done);

/* Changes of the same key (the document's) take turns within a shard. Tries again after conflicts with
 * others, and while it is not known whether a write took effect. Otherwise fails as the attempt does, or
 * with UNAVAILABLE (STORE_BUSY) if concurrent changes go on, UNAVAILABLE (STORE_OUTCOME_UNKNOWN) if an
 * answer was lost and the store can't be asked about it, RESOURCE_EXHAUSTED (QUEUE_FULL). */
struct status mongodb_change(struct call *call, struct mongodb *db, const char *key,
                             mongodb_try *attempt, void *data);

/* The turns of the call's shard; for the driver. */
struct turns *mongodb_turns_of(struct mongodb *db, const struct call *call);

#endif
