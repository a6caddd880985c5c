/* SPDX-License-Identifier: Apache-2.0 */
/* A sequence: a collection whose _id are numbers without gaps, filled from arrays in the documents of
 * another collection. What a change of a document reports (events, say) is put into the document's
 * array by the same update, so that neither is there without the other, and is moved from there by
 * whoever reads or sweeps.
 *
 * Items are inserted with the numbers after the newest, in their order, and the unique _id gives each
 * number to one mover only; a mover looks for the newest before it inserts. So readers see the numbers
 * in order and none that is inserted later below one that they have seen. Then the items are removed
 * from their documents. A unique index on the item's `id` makes it harmless when two move the same item,
 * or one stops between the two steps. */
#ifndef STORE_MONGODB_SEQUENCE_H
#define STORE_MONGODB_SEQUENCE_H

#include <stdatomic.h>

#include "store/mongodb/mongodb.h"

struct mongodb_sequence {
    struct mongodb *db;
    const char *from;  /* the collection with the documents */
    const char *array; /* "argosy.outbox"; its items are documents with an `id` */
    const char *to;    /* the collection with the numbers */
    /* Called with `data` when there is something new; NULL: nobody. Any thread. */
    void (*on_append)(void *data);
    void *data;
    atomic_bool pending; /* this process has put items into documents that are not moved yet */
    atomic_bool moving;
    atomic_bool turned_away; /* a reader came while another call moved: it is to read again */
};

/* Makes the indexes. */
struct status mongodb_sequence_prepare(struct call *call, const struct mongodb_sequence *sequence);

/* After a change that put items into a document: they are to be moved, and on_append is called. */
void mongodb_sequence_tell(struct mongodb_sequence *sequence);

/* Moves the items of all documents, and calls on_append if some were there that this process did not
 * tell of. Does nothing if another call of this process is doing so, which then calls on_append. */
struct status mongodb_sequence_move(struct call *call, struct mongodb_sequence *sequence);

/* The same, if this process knows of items that wait. For readers. */
struct status mongodb_sequence_catch_up(struct call *call, struct mongodb_sequence *sequence);

/* The highest number that there ever was; 0: none. */
struct status mongodb_sequence_newest(struct call *call, const struct mongodb_sequence *sequence,
                                      int64_t *ret_number);

/* Removes these rows. The row with the newest number stays, without its members, until there is a newer
 * one: the next number follows from it. */
struct status mongodb_sequence_remove(struct call *call, const struct mongodb_sequence *sequence,
                                      const int64_t *numbers, size_t count);

#endif
