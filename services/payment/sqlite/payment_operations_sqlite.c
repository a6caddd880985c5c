/* SPDX-License-Identifier: Apache-2.0 */
/* Operations in SQLite: which are in progress, and the leases under which they are attempted. */
#include "reasons.pb-c.h"
#include "services/payment/sqlite/payment_store_sqlite.h"

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

struct postpone_job {
    const struct payment_operation *operation;
    const char *reference;
};

static struct status postpone_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct postpone_job *job = data;
    const struct payment_operation *operation = job->operation;
    struct status st;
    int changes;

    st = sqlite_exec(tx, &changes,
                     "UPDATE operations SET attempts = ?, processing = ?, next_us = ?, leased = ?"
                     " WHERE operation_id = ?",
                     "iilit", operation->attempts, (int)operation->processing, operation->next_us,
                     (int)operation->leased, operation->operation_id);
    if (failed(st) || changes == 0 || !job->reference[0]) return st;
    return sqlite_exec(tx, 0, "UPDATE payments SET reference = ? WHERE payment_id = ?", "tt",
                       job->reference, operation->payment_id);
}

struct status payment_sqlite_postpone(struct call *call, struct payment_store *port,
                                      const struct payment_operation *operation,
                                      const char *reference)
{
    struct postpone_job *job = arena_new(call->arena, struct postpone_job);

    *job = (struct postpone_job){operation, reference};
    return sqlite_write(call, payment_db(port), postpone_job, job);
}

struct hasten_job {
    const char *payment_id;
    int64_t now_us, until_us;
};

#define HASTEN                                                                          \
    "UPDATE operations SET next_us = ?1, leased = 0 WHERE next_us > ?1 AND (leased = 0" \
    " OR next_us > ?2)"

static struct status hasten_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct hasten_job *job = data;

    if (!job->payment_id) return sqlite_exec(tx, 0, HASTEN, "ll", job->now_us, job->until_us);
    return sqlite_exec(tx, 0,
                       HASTEN " AND payment = (SELECT payment FROM payments WHERE payment_id = ?3)",
                       "llt", job->now_us, job->until_us, job->payment_id);
}

struct status payment_sqlite_hasten(struct call *call, struct payment_store *port,
                                    const char *payment_id, int64_t now_us, int64_t until_us)
{
    struct hasten_job *job = arena_new(call->arena, struct hasten_job);

    *job = (struct hasten_job){payment_id, now_us, until_us};
    return sqlite_write(call, payment_db(port), hasten_job, job);
}

/* One process has the database, so whoever leased an operation before has ended. */
struct status payment_sqlite_take_over(struct call *call, struct payment_store *port,
                                       int64_t now_us)
{
    return payment_sqlite_hasten(call, port, 0, now_us, now_us);
}

struct claim_job {
    int64_t now_us, until_us;
    size_t max;
    const char **ids;
    size_t count;
};

static struct status claim_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct claim_job *job = data;
    struct sqlite_rows rows;
    struct status st;

    job->count = 0;
    job->ids = arena_array(call->arena, const char *, job->max);
    st = sqlite_query(tx, &rows,
                      "SELECT operation_id FROM operations WHERE next_us <= ? ORDER BY next_us"
                      " LIMIT ?",
                      "ll", job->now_us, (int64_t)job->max);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) job->ids[job->count++] = sqlite_column_text(&rows, 0);
    st = rows.status;
    for (size_t i = 0; i < job->count && !failed(st); i++)
        st = sqlite_exec(tx, 0,
                         "UPDATE operations SET next_us = ?, leased = 1 WHERE operation_id = ?",
                         "lt", job->until_us, job->ids[i]);
    return st;
}

/* Is there anything to claim? Reads on the shard's own connection, so that an idle process writes
 * nothing. */
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
    struct claim_job *job = arena_new(call->arena, struct claim_job);
    struct status st;
    bool due;

    *job = (struct claim_job){.now_us = now_us, .until_us = until_us, .max = max};
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
