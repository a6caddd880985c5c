/* SPDX-License-Identifier: Apache-2.0 */
/* Operations in the embedded store: which are under way, and who may try them when. */
#include "reasons.pb-c.h"
#include "services/payment/payment_store_sqlite.h"

struct status payment_sqlite_find_operation(struct call *call, struct payment_store *port,
                                            const char *operation_id,
                                            struct payment_operation *ret_operation,
                                            struct payment *ret_payment)
{
    struct sqlite_rows rows;
    int64_t number;

    struct status st = sqlite_read(
        call, payment_db(port), &rows,
        "SELECT " PAYMENT_COLUMNS ", " OPERATION_COLUMNS
        " FROM operations AS o JOIN payments AS p USING (payment) WHERE o.operation_id = ?",
        "t", operation_id);
    if (failed(st)) return st;
    if (!sqlite_next(&rows)) {
        if (failed(rows.status)) return rows.status;
        return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__PAYMENT_NOT_FOUND,
                           "the operation has ended");
    }
    payment_row_read(&rows, &number, ret_payment);
    payment_operation_read(&rows, PAYMENT_COLUMN_COUNT, ret_payment->payment_id, ret_operation);
    sqlite_end(&rows);
    return status_ok();
}

struct postponing {
    const struct payment_operation *operation;
    const char *reference;
};

static struct status postpone_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct postponing *postponing = data;
    const struct payment_operation *operation = postponing->operation;
    struct status st;
    int changes;

    st = sqlite_exec(
        tx, &changes,
        "UPDATE operations SET attempts = ?, processing = ?, next_us = ? WHERE operation_id = ?",
        "iilt", operation->attempts, (int)operation->processing, operation->next_us,
        operation->operation_id);
    if (failed(st) || changes == 0 || !postponing->reference[0]) return st;
    return sqlite_exec(tx, 0, "UPDATE payments SET reference = ? WHERE payment_id = ?", "tt",
                       postponing->reference, operation->payment_id);
}

struct status payment_sqlite_postpone(struct call *call, struct payment_store *port,
                                      const struct payment_operation *operation,
                                      const char *reference)
{
    struct postponing *job = arena_new(call->arena, struct postponing);

    *job = (struct postponing){operation, reference};
    return sqlite_write(call, payment_db(port), postpone_job, job);
}

struct hastening {
    const char *payment_id;
    int64_t now_us;
};

static struct status hasten_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct hastening *hastening = data;

    if (!hastening->payment_id)
        return sqlite_exec(tx, 0, "UPDATE operations SET next_us = ?1 WHERE next_us > ?1", "l",
                           hastening->now_us);
    return sqlite_exec(tx, 0,
                       "UPDATE operations SET next_us = ? WHERE payment ="
                       " (SELECT payment FROM payments WHERE payment_id = ?)",
                       "lt", hastening->now_us, hastening->payment_id);
}

struct status payment_sqlite_hasten(struct call *call, struct payment_store *port,
                                    const char *payment_id, int64_t now_us)
{
    struct hastening *job = arena_new(call->arena, struct hastening);

    *job = (struct hastening){payment_id, now_us};
    return sqlite_write(call, payment_db(port), hasten_job, job);
}

struct claiming {
    int64_t now_us, until_us;
    size_t max;
    const char **ids;
    size_t count;
};

static struct status claim_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct claiming *claiming = data;
    struct sqlite_rows rows;
    struct status st;

    claiming->count = 0;
    claiming->ids = arena_array(call->arena, const char *, claiming->max);
    st = sqlite_query(tx, &rows,
                      "SELECT operation_id FROM operations WHERE next_us <= ? ORDER BY next_us"
                      " LIMIT ?",
                      "ll", claiming->now_us, (int64_t)claiming->max);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) claiming->ids[claiming->count++] = sqlite_column_text(&rows, 0);
    st = rows.status;
    for (size_t i = 0; i < claiming->count && !failed(st); i++)
        st = sqlite_exec(tx, 0, "UPDATE operations SET next_us = ? WHERE operation_id = ?", "lt",
                         claiming->until_us, claiming->ids[i]);
    return st;
}

/* Is there anything to claim? Asked of the shard's own connection, so that idling writes nothing.
 */
static struct status any_due(struct call *call, struct payment_store *port, int64_t now_us,
                             bool *ret_due)
{
    struct sqlite_rows rows;

    struct status st = sqlite_read(call, payment_db(port), &rows,
                                   "SELECT 1 FROM operations WHERE next_us <= ? LIMIT 1", "l",
                                   now_us);
    if (failed(st)) return st;
    *ret_due = sqlite_next(&rows);
    sqlite_end(&rows);
    return rows.status;
}

struct status payment_sqlite_claim(struct call *call, struct payment_store *port, int64_t now_us,
                                   int64_t until_us, size_t max, const char ***ret_operation_ids,
                                   size_t *ret_count)
{
    struct claiming *job = arena_new(call->arena, struct claiming);
    struct status st;
    bool due;

    *job = (struct claiming){.now_us = now_us, .until_us = until_us, .max = max};
    st = any_due(call, port, now_us, &due);
    if (!failed(st) && due) st = sqlite_write(call, payment_db(port), claim_job, job);
    if (failed(st)) return st;
    *ret_operation_ids = job->ids;
    *ret_count = job->count;
    return status_ok();
}

struct status payment_sqlite_count_operations(struct call *call, struct payment_store *port,
                                              int64_t *ret_count)
{
    struct sqlite_rows rows;

    struct status st = sqlite_read(call, payment_db(port), &rows, "SELECT count(*) FROM operations",
                                   "");
    if (failed(st)) return st;
    if (sqlite_next(&rows)) *ret_count = sqlite_column_i64(&rows, 0);
    sqlite_end(&rows);
    return rows.status;
}
