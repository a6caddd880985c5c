/* SPDX-License-Identifier: Apache-2.0 */
/* The payment service's port on SQLite. A change is one job of the writer, so no other change comes
 * between its reading and its saving. An operation's row lives until the provider has answered, so
 * the table has only operations in progress. The ledger's rows stay for ever, guarded by
 * triggers. */
#include "services/payment/payment_store_sqlite.h"

#include "base/clock.h"
#include "reasons.pb-c.h"

static const char *const migrations[] = {
    "CREATE TABLE payments ("
    "  payment INTEGER PRIMARY KEY,"
    "  payment_id TEXT NOT NULL UNIQUE,"
    "  order_id TEXT NOT NULL UNIQUE,"
    "  user_id TEXT NOT NULL,"
    "  user_key TEXT NOT NULL,"
    "  sellers TEXT NOT NULL,"
    "  provider TEXT NOT NULL,"
    "  reference TEXT NOT NULL,"
    "  currency TEXT NOT NULL,"
    "  state INTEGER NOT NULL,"
    "  wishes INTEGER NOT NULL,"
    "  amount_minor INTEGER NOT NULL CHECK (amount_minor >= 0),"
    "  authorized_minor INTEGER NOT NULL CHECK (authorized_minor IN (0, amount_minor)),"
    "  captured_minor INTEGER NOT NULL CHECK (captured_minor BETWEEN 0 AND authorized_minor),"
    "  refunded_minor INTEGER NOT NULL CHECK (refunded_minor >= 0),"
    "  refunding_minor INTEGER NOT NULL CHECK (refunding_minor >= 0),"
    "  reason INTEGER NOT NULL,"
    "  message TEXT NOT NULL,"
    "  expires_us INTEGER NOT NULL,"
    "  created_us INTEGER NOT NULL,"
    "  updated_us INTEGER NOT NULL,"
    "  CHECK (refunded_minor + refunding_minor <= captured_minor)) STRICT;"
    "CREATE INDEX payments_by_user ON payments (user_key, payment);"
    /* State 6 is PAYMENT_AUTHORIZED. */
    "CREATE INDEX payments_by_expiry ON payments (expires_us) WHERE state = 6;"

    "CREATE TABLE operations ("
    "  operation_id TEXT PRIMARY KEY,"
    "  payment INTEGER NOT NULL,"
    "  kind INTEGER NOT NULL,"
    "  amount_minor INTEGER NOT NULL,"
    "  method TEXT NOT NULL,"
    "  note TEXT NOT NULL,"
    "  attempts INTEGER NOT NULL,"
    "  processing INTEGER NOT NULL,"
    "  next_us INTEGER NOT NULL,"
    "  created_us INTEGER NOT NULL,"
    "  scope TEXT NOT NULL,"
    "  key TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX operations_by_time ON operations (next_us);"

    "CREATE TABLE refunds ("
    "  refund_id TEXT NOT NULL,"
    "  payment INTEGER NOT NULL,"
    "  amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),"
    "  status TEXT NOT NULL,"
    "  reason TEXT NOT NULL,"
    "  created_us INTEGER NOT NULL,"
    "  PRIMARY KEY (refund_id)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX refunds_by_payment ON refunds (payment);"

    "CREATE TABLE postings ("
    "  posting INTEGER PRIMARY KEY,"
    "  payment INTEGER NOT NULL,"
    "  cause TEXT NOT NULL CHECK (cause <> ''),"
    "  currency TEXT NOT NULL CHECK (currency <> ''),"
    "  at_us INTEGER NOT NULL) STRICT;"
    "CREATE INDEX postings_by_payment ON postings (payment);"
    "CREATE TABLE entries ("
    "  posting INTEGER NOT NULL,"
    "  line INTEGER NOT NULL,"
    "  account TEXT NOT NULL CHECK (account <> ''),"
    "  debit_minor INTEGER NOT NULL,"
    "  credit_minor INTEGER NOT NULL,"
    "  CHECK ((debit_minor > 0 AND credit_minor = 0) OR (debit_minor = 0 AND credit_minor > 0)),"
    "  PRIMARY KEY (posting, line)) STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER postings_kept BEFORE DELETE ON postings"
    "  BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;"
    "CREATE TRIGGER postings_fixed BEFORE UPDATE ON postings"
    "  BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;"
    "CREATE TRIGGER entries_kept BEFORE DELETE ON entries"
    "  BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;"
    "CREATE TRIGGER entries_fixed BEFORE UPDATE ON entries"
    "  BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;",
    EVENTS_SQLITE_SCHEMA,
    "ALTER TABLE payments ADD COLUMN client_secret TEXT NOT NULL DEFAULT '';",
    /* For each payment the audit looks whether an operation is in progress. */
    "CREATE INDEX operations_by_payment ON operations (payment);",
    /* Failed attempts are limited, for a payment and for a customer. */
    "ALTER TABLE payments ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE payments ADD COLUMN failed_us INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX payments_failed_by_user ON payments (user_key, failed_us) WHERE failures > 0;",
    /* The provider's own id of a refund. */
    "ALTER TABLE refunds ADD COLUMN reference TEXT NOT NULL DEFAULT '';",
    0,
};

static struct status not_found(void)
{
    return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__PAYMENT_NOT_FOUND,
                       "there is no such payment; an order has one once its stock is reserved");
}

/* ---- changes ---- */

/* One change, with what was read for it. */
struct change_job {
    const struct payment_change *change;
    struct payment_outcome *outcome;
    int64_t number; /* the payment's row number; 0: it has no row yet */
    struct payment payment;
    struct payment_operation operation;
    struct payment_write write;
};

/* Loads the operation and its payment; *ret_known is false if the operation has ended. */
static struct status load_by_operation(struct sqlite_tx *tx, struct change_job *job,
                                       bool *ret_known)
{
    struct sqlite_rows rows;

    struct status st = sqlite_query(
        tx, &rows,
        "SELECT " PAYMENT_COLUMNS ", " OPERATION_COLUMNS
        " FROM operations AS o JOIN payments AS p USING (payment) WHERE o.operation_id = ?",
        "t", job->change->operation_id);
    if (failed(st)) return st;
    *ret_known = sqlite_next(&rows);
    if (!*ret_known) return rows.status;
    payment_row_read(&rows, &job->number, &job->payment);
    payment_operation_read(&rows, PAYMENT_COLUMN_COUNT, job->payment.payment_id, &job->operation);
    sqlite_end(&rows);
    return status_ok();
}

static struct status load_payment(struct sqlite_tx *tx, struct change_job *job)
{
    const struct payment_change *change = job->change;
    struct sqlite_rows rows;
    struct status st;

    if (change->payment_id)
        st = sqlite_query(tx, &rows,
                          "SELECT " PAYMENT_COLUMNS " FROM payments AS p WHERE payment_id = ?", "t",
                          change->payment_id);
    else
        st = sqlite_query(tx, &rows,
                          "SELECT " PAYMENT_COLUMNS " FROM payments AS p WHERE order_id = ?", "t",
                          change->order_id);
    if (failed(st)) return st;
    if (sqlite_next(&rows)) {
        payment_row_read(&rows, &job->number, &job->payment);
        sqlite_end(&rows);
        return status_ok();
    }
    if (failed(rows.status)) return rows.status;
    if (change->payment_id) return not_found();
    job->payment = (struct payment){.state = PAYMENT_ABSENT, .order_id = change->order_id};
    return status_ok();
}

const char payment_failures_statement[] =
    "SELECT total(failures), min(failed_us) FROM payments"
    " WHERE user_key = lower(?) AND failed_us > ? AND failures > 0";

static struct status load_failures(struct sqlite_tx *tx, struct change_job *job)
{
    const struct payment_change *change = job->change;
    struct sqlite_rows rows;

    if (!change->payer) return status_ok();
    struct status st = sqlite_query(tx, &rows, payment_failures_statement, "tl", change->payer,
                                    change->failures_after_us);
    if (failed(st)) return st;
    if (sqlite_next(&rows))
        job->write.of_payer = (struct payment_failures){sqlite_column_i64(&rows, 0),
                                                        sqlite_column_i64(&rows, 1)};
    sqlite_end(&rows);
    return rows.status;
}

/* Reads everything; *ret_go_on is false if the cause took effect before or the operation has
 * ended. */
static struct status begin(struct sqlite_tx *tx, struct change_job *job, bool *ret_go_on)
{
    const struct payment_change *change = job->change;

    struct status st = change_sqlite_begin(tx, &change->cause, ret_go_on);
    if (failed(st) || !*ret_go_on) return st;
    if (change->operation_id) return load_by_operation(tx, job, ret_go_on);
    return load_payment(tx, job);
}

/* Stores the answer for the request of the change, or for the one that began its operation. */
static struct status save_record(struct sqlite_tx *tx, const struct change_job *job)
{
    const struct payment_operation *operation = &job->operation;
    struct change_request asked = {.idempotency = {operation->scope, operation->key}};
    struct change_cause cause = job->change->cause;

    if (!cause.request) cause.request = &asked;
    return change_sqlite_end(tx, &cause, &job->write.record);
}

static struct status save(struct sqlite_tx *tx, struct change_job *job)
{
    struct payment_write *write = &job->write;
    const struct payment_effects *effects = &write->effects;
    struct status st = status_ok();

    if (effects->changed) st = payment_row_write(tx, &job->payment, &job->number);
    for (size_t i = 0; i < effects->posting_count && !failed(st); i++)
        st = payment_posting_write(tx, job->number, &job->payment, &effects->postings[i]);
    if (!failed(st) && effects->reversed_minor > 0)
        st = payment_refund_reverse(tx, job->number, write);
    if (!failed(st) && write->is_found) st = payment_refund_found(tx, job->number, write);
    if (!failed(st) && write->ended) st = payment_operation_end(tx, &job->operation, write);
    if (!failed(st) && write->begun.kind != PAYMENT_NO_OPERATION)
        st = payment_operation_write(tx, job->number, &write->begun);
    if (failed(st)) return st;
    return save_record(tx, job);
}

static struct status update_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct change_job *job = data;
    const struct payment_change *change = job->change;
    struct status st;
    bool go_on;

    *job = (struct change_job){.change = change, .outcome = job->outcome};
    *job->outcome = (struct payment_outcome){0};
    st = begin(tx, job, &go_on);
    if (!failed(st) && go_on) st = load_failures(tx, job);
    if (failed(st) || !go_on) return st;

    st = change->apply(call, &job->payment, change->operation_id ? &job->operation : 0, &job->write,
                       change->data);
    if (failed(st)) return st;

    st = save(tx, job);
    if (failed(st)) return st;
    job->outcome->applied = true;
    job->outcome->payment = job->payment;
    job->outcome->write = job->write;
    return status_ok();
}

static struct status update(struct call *call, struct payment_store *port,
                            const struct payment_change *change,
                            struct payment_outcome *ret_outcome)
{
    struct change_job *job = arena_new(call->arena, struct change_job);

    job->change = change;
    job->outcome = arena_new(call->arena, struct payment_outcome);
    struct status st = sqlite_write(call, payment_db(port), update_job, job);
    if (failed(st)) return st;
    *ret_outcome = *job->outcome;
    return status_ok();
}

/* ---- reading ---- */

static struct status one_payment(struct sqlite_rows *rows, struct payment *ret_payment)
{
    int64_t number;

    if (!sqlite_next(rows)) return failed(rows->status) ? rows->status : not_found();
    payment_row_read(rows, &number, ret_payment);
    sqlite_end(rows);
    return ret_payment->state == PAYMENT_BURIED ? not_found() : status_ok();
}

static struct status find(struct call *call, struct payment_store *port, const char *payment_id,
                          struct payment *ret_payment)
{
    struct sqlite_rows rows;

    struct status st = sqlite_read(
        call, payment_db(port), &rows,
        "SELECT " PAYMENT_COLUMNS " FROM payments AS p WHERE payment_id = ?", "t", payment_id);
    return failed(st) ? st : one_payment(&rows, ret_payment);
}

static struct status find_by_order(struct call *call, struct payment_store *port,
                                   const char *order_id, struct payment *ret_payment)
{
    struct sqlite_rows rows;

    struct status st = sqlite_read(
        call, payment_db(port), &rows,
        "SELECT " PAYMENT_COLUMNS " FROM payments AS p WHERE order_id = ?", "t", order_id);
    return failed(st) ? st : one_payment(&rows, ret_payment);
}

const char payment_list_statement[] =
    "SELECT " PAYMENT_COLUMNS " FROM payments AS p WHERE user_key = lower(?) AND payment < ?"
    " AND state <> ? ORDER BY payment DESC LIMIT ?";

static struct status list(struct call *call, struct payment_store *port, const char *user_id,
                          int64_t *before, size_t max, struct payment **ret_payments,
                          size_t *ret_count)
{
    struct payment *payments = arena_array(call->arena, struct payment, max);
    struct sqlite_rows rows;
    int64_t number = 0, next = 0;
    size_t count = 0;

    struct status st = sqlite_read(call, payment_db(port), &rows, payment_list_statement, "tlil",
                                   user_id, *before ? *before : INT64_MAX, (int)PAYMENT_BURIED,
                                   (int64_t)max + 1);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        if (count == max) {
            next = number;
            break;
        }
        payment_row_read(&rows, &number, &payments[count++]);
    }
    sqlite_end(&rows);
    if (failed(rows.status)) return rows.status;
    *before = next;
    *ret_payments = payments;
    *ret_count = count;
    return status_ok();
}

static struct status list_refunds(struct call *call, struct payment_store *port,
                                  const char *payment_id, size_t max,
                                  struct payment_refund **ret_refunds, size_t *ret_count)
{
    struct payment_refund *refunds = arena_array(call->arena, struct payment_refund, max);
    struct sqlite_rows rows;
    size_t count = 0;

    struct status st = sqlite_read(
        call, payment_db(port), &rows,
        "SELECT * FROM (SELECT refund_id, amount_minor, status, reason, created_us, reference"
        " FROM refunds"
        " WHERE payment = (SELECT payment FROM payments WHERE payment_id = ?)"
        " ORDER BY refund_id DESC LIMIT ?) ORDER BY refund_id",
        "tl", payment_id, (int64_t)max);
    if (failed(st)) return st;
    while (sqlite_next(&rows))
        refunds[count++] = (struct payment_refund){
            .refund_id = sqlite_column_text(&rows, 0),
            .amount_minor = sqlite_column_i64(&rows, 1),
            .status = sqlite_column_text(&rows, 2),
            .reason = sqlite_column_text(&rows, 3),
            .created_us = sqlite_column_i64(&rows, 4),
            .reference = sqlite_column_text(&rows, 5),
        };
    if (failed(rows.status)) return rows.status;
    *ret_refunds = refunds;
    *ret_count = count;
    return status_ok();
}

static struct status expired(struct call *call, struct payment_store *port, int64_t now_us,
                             size_t max, const char ***ret_payment_ids, size_t *ret_count)
{
    const char **ids = arena_array(call->arena, const char *, max);
    struct sqlite_rows rows;
    size_t count = 0;

    struct status st = sqlite_read(call, payment_db(port), &rows,
                                   "SELECT payment_id FROM payments WHERE state = 6"
                                   " AND expires_us <= ? ORDER BY expires_us LIMIT ?",
                                   "ll", now_us, (int64_t)max);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) ids[count++] = sqlite_column_text(&rows, 0);
    if (failed(rows.status)) return rows.status;
    *ret_payment_ids = ids;
    *ret_count = count;
    return status_ok();
}

/* ---- opening ---- */

static void close_store(struct payment_store *port)
{
    sqlite_close(payment_db(port));
}

struct status payment_store_sqlite(const struct service_context *context, const char *path,
                                   struct payment_store **ret_store)
{
    struct sqlite_payment_store *store = arena_new(context->arena, struct sqlite_payment_store);

    _Static_assert(PAYMENT_AUTHORIZED == 6, "the index by expiry has this state");
    struct status st = events_sqlite_open(context, path, migrations, &store->db);
    if (failed(st)) return st;
    store->port = (struct payment_store){
        .events = events_store_sqlite(context->arena, store->db),
        .update = update,
        .find = find,
        .find_by_order = find_by_order,
        .list = list,
        .list_refunds = list_refunds,
        .list_postings = payment_sqlite_list_postings,
        .find_operation = payment_sqlite_find_operation,
        .postpone = payment_sqlite_postpone,
        .hasten = payment_sqlite_hasten,
        .claim = payment_sqlite_claim,
        .count_operations = payment_sqlite_count_operations,
        .expired = expired,
        .audit = payment_sqlite_audit,
        .audit_one = payment_sqlite_audit_one,
        .find_unpaid = payment_sqlite_find_unpaid,
        .close = close_store,
    };
    *ret_store = &store->port;
    return status_ok();
}
