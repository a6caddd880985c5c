/* SPDX-License-Identifier: Apache-2.0 */
/* Operations in PostgreSQL: which are in progress, and the leases under which the processes of the
 * service attempt them. Each process claims operations that no other one is claiming. What locks
 * both an operation and its payment locks the operation first. */
#include "reasons.pb-c.h"
#include "services/payment/postgres/payment_store_postgres.h"

static struct status find_operation(struct call *call, struct payment_store *port,
                                    const char *operation_id,
                                    struct payment_operation *ret_operation,
                                    struct payment *ret_payment)
{
    struct postgres_rows rows;
    int64_t number;

    struct status st = postgres_read(call, payment_postgres(port), &rows, FIND_OPERATION, "t",
                                     operation_id);
    if (failed(st)) return st;
    if (!postgres_next(call, &rows)) {
        if (failed(rows.status)) return rows.status;
        return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__PAYMENT_NOT_FOUND,
                           "the operation has ended");
    }
    payment_postgres_read(&rows, &number, ret_payment);
    payment_postgres_read_operation(&rows, ret_payment->payment_id, ret_operation);
    return status_ok();
}

/* ---- postponing and hastening ---- */

struct postpone_job {
    const struct payment_operation *operation;
    const char *reference;
};

static struct status postpone_job(struct call *call, struct postgres_tx *tx, void *data)
{
    const struct postpone_job *job = data;
    const struct payment_operation *operation = job->operation;

    postgres_exec(tx,
                  "WITH postponed AS (UPDATE operations SET attempts = $1, processing = $2 <> 0,"
                  "  next_us = $3, leased = $4 <> 0 WHERE operation_id = $5 RETURNING payment_id)"
                  " UPDATE payments SET reference = $6 FROM postponed"
                  " WHERE payments.payment_id = postponed.payment_id AND $6 <> ''",
                  "iilitt", operation->attempts, (int)operation->processing, operation->next_us,
                  (int)operation->leased, operation->operation_id, job->reference);
    return status_ok();
}

static struct status postpone(struct call *call, struct payment_store *port,
                              const struct payment_operation *operation, const char *reference)
{
    struct postpone_job job = {operation, reference ? reference : ""};

    return postgres_write(call, payment_postgres(port), postpone_job, &job);
}

struct hasten_job {
    const char *payment_id;
    int64_t now_us, until_us;
};

#define HASTEN                                                                              \
    "UPDATE operations SET next_us = $1, leased = false WHERE next_us > $1 AND (NOT leased" \
    " OR next_us > $2)"

static struct status hasten_job(struct call *call, struct postgres_tx *tx, void *data)
{
    const struct hasten_job *job = data;

    if (job->payment_id)
        postgres_exec(tx, HASTEN " AND payment_id = $3", "llt", job->now_us, job->until_us,
                      job->payment_id);
    else
        postgres_exec(tx, HASTEN, "ll", job->now_us, job->until_us);
    return status_ok();
}

static struct status hasten(struct call *call, struct payment_store *port, const char *payment_id,
                            int64_t now_us, int64_t until_us)
{
    struct hasten_job job = {payment_id, now_us, until_us};

    return postgres_write(call, payment_postgres(port), hasten_job, &job);
}

/* ---- claiming ---- */

struct claim_job {
    int64_t now_us, until_us;
    size_t max;
    const char **ids;
    size_t count;
};

static struct status claim_job(struct call *call, struct postgres_tx *tx, void *data)
{
    struct claim_job *job = data;
    struct postgres_rows rows;

    job->count = 0;
    job->ids = arena_array(call->arena, const char *, job->max);
    postgres_query(tx, &rows,
                   "UPDATE operations SET next_us = $1, leased = true WHERE operation_id IN"
                   " (SELECT operation_id FROM operations WHERE next_us <= $2 ORDER BY next_us"
                   "  LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING operation_id",
                   "lll", job->until_us, job->now_us, (int64_t)job->max);
    while (job->count < job->max && postgres_next(call, &rows))
        job->ids[job->count++] = postgres_column_text(&rows, 0);
    return rows.status;
}

/* Looks first whether there is anything to claim, so that an idle process writes nothing. */
static struct status claim(struct call *call, struct payment_store *port, int64_t now_us,
                           int64_t until_us, size_t max, const char ***ret_operation_ids,
                           size_t *ret_count)
{
    struct claim_job job = {.now_us = now_us, .until_us = until_us, .max = max};
    struct postgres_rows rows;
    struct status st;

    st = postgres_read(call, payment_postgres(port), &rows,
                       "SELECT 1 FROM operations WHERE next_us <= $1 LIMIT 1", "l", now_us);
    if (failed(st)) return st;
    if (postgres_next(call, &rows))
        st = postgres_write(call, payment_postgres(port), claim_job, &job);
    else
        st = rows.status;
    if (failed(st)) return st;
    *ret_operation_ids = job.ids;
    *ret_count = job.count;
    return status_ok();
}

static struct status count_operations(struct call *call, struct payment_store *port,
                                      int64_t *ret_count)
{
    struct postgres_rows rows;

    struct status st = postgres_read(call, payment_postgres(port), &rows,
                                     "SELECT count(*) FROM operations", "");
    if (failed(st)) return st;
    if (!postgres_next(call, &rows)) return rows.status;
    *ret_count = postgres_column_i64(&rows, 0);
    return status_ok();
}

void payment_postgres_add_operations(struct payment_store *port)
{
    port->find_operation = find_operation;
    port->postpone = postpone;
    port->hasten = hasten;
    port->claim = claim;
    port->count_operations = count_operations;
}
