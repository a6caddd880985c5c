/* SPDX-License-Identifier: Apache-2.0 */
/* Moves items from documents into the numbered collection. */
#include "store/mongodb/sequence.h"

#include <string.h>

#include "reasons.pb-c.h"

enum {
    DOCUMENTS_MAX = 64, /* whose items are read at a time */
    ITEMS_MAX = 256,    /* moved by one command */
    NUMBER_TRIES_MAX = 100,
};

struct status mongodb_sequence_prepare(struct call *call, const struct mongodb_sequence *sequence)
{
    const char *id = arena_printf(call->arena, "%s.id", sequence->array);
    struct str key = mongodb_name(call->arena, id, mongodb_document(call->arena, "{v: 1}"), "v");
    struct str exists = mongodb_document(call->arena, "{v: {$exists: true}}");

    struct status st = mongodb_define(
        call, sequence->db,
        mongodb_document(call->arena,
                         "{createIndexes: %s, indexes: [{name: %s, key: %d,"
                         " partialFilterExpression: %d}]}",
                         sequence->from, arena_printf(call->arena, "argosy_%s", sequence->to), key,
                         mongodb_name(call->arena, id, exists, "v")));
    if (failed(st)) return st;
    return mongodb_define(
        call, sequence->db,
        mongodb_document(call->arena,
                         "{createIndexes: %s, indexes: [{name: 'argosy_id', key: {id: 1},"
                         " unique: true, partialFilterExpression: {id: {$exists: true}}}]}",
                         sequence->to));
}

static void tell(struct mongodb_sequence *sequence)
{
    if (sequence->on_append) sequence->on_append(sequence->data);
}

void mongodb_sequence_tell(struct mongodb_sequence *sequence)
{
    atomic_store(&sequence->pending, true);
    tell(sequence);
}

struct status mongodb_sequence_newest(struct call *call, const struct mongodb_sequence *sequence,
                                      int64_t *ret_number)
{
    struct str reply;

    struct status st = mongodb_read(
        call, sequence->db,
        mongodb_document(call->arena,
                         "{find: %s, sort: {_id: -1}, limit: 1, singleBatch: true,"
                         " projection: {_id: 1}}",
                         sequence->to),
        &reply);
    if (!failed(st)) *ret_number = mongodb_number(reply, "cursor.firstBatch.0._id");
    return st;
}

/* ---- moving ---- */

/* An item that waits in a document. */
struct item {
    struct str owner, item, id;
};

static bool is_among(struct str id, const struct str *rows, size_t count, struct arena *arena)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal(mongodb_member(arena, rows[i], "id"), id)) return true;
    return false;
}

/* Leaves those of the items that have no number yet. */
static struct status leave_unmoved(struct call *call, const struct mongodb_sequence *sequence,
                                   struct item *items, size_t *count)
{
    struct str *ids = arena_array(call->arena, struct str, *count), reply;
    size_t row_count, left = 0;

    for (size_t i = 0; i < *count; i++) ids[i] = items[i].id;
    struct status st = mongodb_read(
        call, sequence->db,
        mongodb_document(call->arena,
                         "{find: %s, filter: {$or: %a}, batchSize: %i, singleBatch: true,"
                         " projection: {id: 1}}",
                         sequence->to, mongodb_array(call->arena, ids, *count), (int)*count),
        &reply);
    if (failed(st)) return st;
    const struct str *rows = mongodb_items(call->arena, mongodb_part(reply, "cursor.firstBatch"),
                                           &row_count);
    for (size_t i = 0; i < *count; i++)
        if (!is_among(items[i].id, rows, row_count, call->arena)) items[left++] = items[i];
    *count = left;
    return st;
}

/* Inserts the items with the numbers after the newest, by one command, in which the server stops at the
 * first that it refuses: so there are no gaps. */
static struct status insert_all(struct call *call, const struct mongodb_sequence *sequence,
                                const struct item *items, size_t count)
{
    struct str *rows = arena_array(call->arena, struct str, count), reply;
    int64_t newest;

    struct status st = mongodb_sequence_newest(call, sequence, &newest);
    if (failed(st)) return st;
    for (size_t i = 0; i < count; i++) {
        struct str number = mongodb_document(call->arena, "{_id: %l}", newest + 1 + (int64_t)i);
        rows[i] = mongodb_join(call->arena, number, items[i].item);
    }
    return mongodb_write(call, sequence->db,
                         mongodb_document(call->arena, "{insert: %s, documents: %a, ordered: true}",
                                          sequence->to, mongodb_array(call->arena, rows, count)),
                         &reply);
}

/* Inserts the items that are not there. */
static struct status insert_items(struct call *call, const struct mongodb_sequence *sequence,
                                  const struct item *items, size_t count)
{
    struct item *left = arena_array(call->arena, struct item, count);

    memcpy(left, items, count * sizeof(*items));
    for (int i = 0; i < NUMBER_TRIES_MAX; i++) {
        struct status st = insert_all(call, sequence, left, count);
        if (st.code != STATUS_ALREADY_EXISTS) return st;
        /* Another mover has taken a number, or has moved an item. */
        st = leave_unmoved(call, sequence, left, &count);
        if (failed(st) || count == 0) return st;
    }
    return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_BUSY,
                       "others move items at the same time; trying again");
}

static struct status drop_items(struct call *call, const struct mongodb_sequence *sequence,
                                const struct item *items, size_t count)
{
    struct str *updates = arena_array(call->arena, struct str, count), reply;

    for (size_t i = 0; i < count; i++) {
        struct str id = mongodb_document(call->arena, "{v: %d}", items[i].id);
        struct str pull = mongodb_name(call->arena, sequence->array, id, "v");
        updates[i] = mongodb_document(call->arena, "{q: %d, u: {$pull: %d}}", items[i].owner, pull);
    }
    return mongodb_write(call, sequence->db,
                         mongodb_document(call->arena, "{update: %s, updates: %a}", sequence->from,
                                          mongodb_array(call->arena, updates, count)),
                         &reply);
}

/* The items of these documents, in their order. */
static struct item *collect(struct arena *arena, const struct mongodb_sequence *sequence,
                            const struct str *documents, size_t document_count, size_t *ret_count)
{
    struct str **waiting = arena_array(arena, struct str *, document_count + 1);
    size_t *counts = arena_array(arena, size_t, document_count + 1), total = 0;

    for (size_t i = 0; i < document_count; i++) {
        waiting[i] = mongodb_items(arena, mongodb_part(documents[i], sequence->array), &counts[i]);
        total += counts[i];
    }
    struct item *items = arena_array(arena, struct item, total + 1);
    *ret_count = 0;
    for (size_t i = 0; i < document_count; i++) {
        struct str owner = mongodb_member(arena, documents[i], "_id");
        for (size_t j = 0; j < counts[i]; j++)
            items[(*ret_count)++] = (struct item){owner, waiting[i][j],
                                                  mongodb_member(arena, waiting[i][j], "id")};
    }
    return items;
}

static struct status move_some(struct call *call, const struct mongodb_sequence *sequence,
                               size_t *ret_count)
{
    const char *id = arena_printf(call->arena, "%s.id", sequence->array);
    struct str one = mongodb_document(call->arena, "{v: 1}");
    struct str exists = mongodb_document(call->arena, "{v: {$exists: true}}");
    struct str reply;
    size_t count;

    struct status st = mongodb_read(
        call, sequence->db,
        mongodb_document(call->arena,
                         "{find: %s, filter: %d, limit: %i, singleBatch: true, projection: %d}",
                         sequence->from, mongodb_name(call->arena, id, exists, "v"), DOCUMENTS_MAX,
                         mongodb_name(call->arena, sequence->array, one, "v")),
        &reply);
    if (failed(st)) return st;
    const struct str *documents = mongodb_items(
        call->arena, mongodb_part(reply, "cursor.firstBatch"), ret_count);
    const struct item *items = collect(call->arena, sequence, documents, *ret_count, &count);
    for (size_t i = 0; i < count && !failed(st); i += ITEMS_MAX) {
        size_t some = count - i < ITEMS_MAX ? count - i : ITEMS_MAX;
        st = insert_items(call, sequence, items + i, some);
        if (!failed(st)) st = drop_items(call, sequence, items + i, some);
    }
    return st;
}

/* *ret_moved: the documents whose items were moved. */
static struct status move_all(struct call *call, struct mongodb_sequence *sequence,
                              size_t *ret_moved)
{
    size_t count = 0;
    struct status st;

    do {
        atomic_store(&sequence->pending, false);
        st = move_some(call, sequence, &count);
        *ret_moved += count;
    } while (!failed(st) && (count == DOCUMENTS_MAX || atomic_load(&sequence->pending)));
    if (failed(st)) atomic_store(&sequence->pending, true);
    return st;
}

struct status mongodb_sequence_move(struct call *call, struct mongodb_sequence *sequence)
{
    bool known = atomic_load(&sequence->pending);
    size_t moved = 0;

    if (atomic_exchange(&sequence->moving, true)) {
        atomic_store(&sequence->turned_away, true);
        /* The other call may have looked at the mark just before it was set. */
        if (!atomic_load(&sequence->moving)) tell(sequence);
        return status_ok();
    }
    struct status st = move_all(call, sequence, &moved);
    atomic_store(&sequence->moving, false);
    /* Whoever put these items there has told already, unless it was another process; but a reader that
     * came meanwhile has not seen them. */
    if (atomic_exchange(&sequence->turned_away, false) || (moved > 0 && !known)) tell(sequence);
    return st;
}

struct status mongodb_sequence_catch_up(struct call *call, struct mongodb_sequence *sequence)
{
    bool waits = atomic_load(&sequence->pending) || atomic_load(&sequence->moving);

    return waits ? mongodb_sequence_move(call, sequence) : status_ok();
}

/* ---- removing ---- */

static struct status empty_row(struct call *call, const struct mongodb_sequence *sequence,
                               int64_t number)
{
    struct str reply;

    return mongodb_write(
        call, sequence->db,
        mongodb_document(call->arena, "{update: %s, updates: [{q: {_id: %l}, u: {removed: true}}]}",
                         sequence->to, number),
        &reply);
}

struct status mongodb_sequence_remove(struct call *call, const struct mongodb_sequence *sequence,
                                      const int64_t *numbers, size_t count)
{
    struct str *deletes = arena_array(call->arena, struct str, count + 1), reply;
    size_t delete_count = 0;
    bool has_newest = false;
    int64_t newest;

    struct status st = mongodb_sequence_newest(call, sequence, &newest);
    if (failed(st)) return st;
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] == newest)
            has_newest = true;
        else
            deletes[delete_count++] = mongodb_document(call->arena, "{q: {_id: %l}, limit: 1}",
                                                       numbers[i]);
    }
    if (has_newest) st = empty_row(call, sequence, newest);
    if (failed(st) || delete_count == 0) return st;
    return mongodb_write(call, sequence->db,
                         mongodb_document(call->arena, "{delete: %s, deletes: %a}", sequence->to,
                                          mongodb_array(call->arena, deletes, delete_count)),
                         &reply);
}
