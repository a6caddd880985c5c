/* SPDX-License-Identifier: Apache-2.0 */
/* What audits read, in the lane that gives way to all others: states, and no documents. */
#include "services/order/sqlite/order_store_sqlite.h"

struct states {
    const char *const *order_ids;
    size_t count;
    enum order_state *found;
};

static struct status states_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct states *states = data;
    struct sqlite_rows rows;

    states->found = arena_array(call->arena, enum order_state, states->count);
    for (size_t i = 0; i < states->count; i++) states->found[i] = ORDER_NONE;
    struct status st = sqlite_query(tx, &rows,
                                    "SELECT wanted.key, state FROM json_each(?) AS wanted"
                                    " JOIN orders ON order_id = wanted.value",
                                    "t",
                                    sqlite_list(call->arena, states->order_ids, states->count));
    if (failed(st)) return st;
    while (sqlite_next(&rows))
        states->found[sqlite_column_i64(&rows, 0)] = order_state_of(sqlite_column_i64(&rows, 1));
    return rows.status;
}

struct status order_sqlite_states(struct call *call, struct order_store *port,
                                  const char *const *order_ids, size_t count,
                                  enum order_state **ret_states)
{
    struct states *job = arena_new(call->arena, struct states);

    *job = (struct states){.order_ids = order_ids, .count = count};
    struct status st = sqlite_audit(call, order_sqlite(port)->db, states_job, job);
    if (failed(st)) return st;
    *ret_states = job->found;
    return status_ok();
}

struct briefs {
    int64_t after;
    size_t max;
    struct order_brief *briefs;
    size_t count;
};

static struct status briefs_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct briefs *page = data;
    struct sqlite_rows rows;

    page->count = 0;
    page->briefs = arena_array(call->arena, struct order_brief, page->max);
    struct status st = sqlite_query(tx, &rows,
                                    "SELECT number, order_id, state, total_minor FROM orders"
                                    " WHERE number > ? ORDER BY number LIMIT ?",
                                    "ll", page->after, (int64_t)page->max);
    if (failed(st)) return st;
    while (sqlite_next(&rows))
        page->briefs[page->count++] = (struct order_brief){
            .number = sqlite_column_i64(&rows, 0),
            .order_id = sqlite_column_text(&rows, 1),
            .state = order_state_of(sqlite_column_i64(&rows, 2)),
            .total_minor = sqlite_column_i64(&rows, 3),
        };
    return rows.status;
}

struct status order_sqlite_briefs(struct call *call, struct order_store *port, int64_t after,
                                  size_t max, struct order_brief **ret_briefs, size_t *ret_count)
{
    struct briefs *job = arena_new(call->arena, struct briefs);

    *job = (struct briefs){.after = after, .max = max};
    struct status st = sqlite_audit(call, order_sqlite(port)->db, briefs_job, job);
    if (failed(st)) return st;
    *ret_briefs = job->briefs;
    *ret_count = job->count;
    return status_ok();
}
