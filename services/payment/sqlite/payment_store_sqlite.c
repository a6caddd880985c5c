/* SPDX-License-Identifier: Apache-2.0 */
/* The payment service's port on SQLite. A change is one job of the writer, so no other change comes
 * between its reading and its saving. An operation's row lives until the provider has answered, so
 * the table has only operations in progress. The ledger's rows stay for ever, guarded by
 * triggers. */
#include "services/payment/sqlite/payment_store_sqlite.h"

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
    /* Is an operation's next_us the end of a lease? */
    "ALTER TABLE operations ADD COLUMN leased INTEGER NOT NULL DEFAULT 0;",
    EVENTS_SQLITE_KEYS_COUNTED,
    0,
};

/* ---- changes ---- */

struct change_job {
    const struct payment_change *change;
    int64_t number; /* the payment's row number; 0: it has no row yet */
    struct payment_written written;
};

#define FIND_OPERATION                               \
    "SELECT " PAYMENT_COLUMNS ", " OPERATION_COLUMNS \
    " FROM operations AS o JOIN payments AS p USING (payment) WHERE o.operation_id = ?"
#define FIND "SELECT " PAYMENT_COLUMNS " FROM payments AS p WHERE payment_id = ?"
#define FIND_BY_ORDER "SELECT " PAYMENT_COLUMNS " FROM payments AS p WHERE order_id = ?"

/* Loads the operation and its payment; *ret_known is false if the operation has ended. */
static struct status load_by_operation(const struct call *call, struct sqlite_tx *tx,
                                       struct change_job *job, bool *ret_known)
{
    struct payment_operation *operation = arena_new(call->arena, struct payment_operation);
    struct payment_turn *turn = &job->written.turn;
    struct sqlite_rows rows;

    struct status st = sqlite_query(tx, &rows, FIND_OPERATION, "t", job->change->operation_id);
    if (failed(st)) return st;
    *ret_known = sqlite_next(&rows);
    if (!*ret_known) return rows.status;
    payment_row_read(&rows, &job->number, &turn->payment);
    payment_operation_read(&rows, PAYMENT_COLUMN_COUNT, turn->payment.payment_id, operation);
    sqlite_end(&rows);
    turn->operation = operation;
    return status_ok();
}

static struct status load_payment(struct sqlite_tx *tx, struct change_job *job)
{
    const struct payment_change *change = job->change;
    struct payment *payment = &job->written.turn.payment;
    struct sqlite_rows rows;
    struct status st;

    if (change->payment_id)
        st = sqlite_query(tx, &rows, FIND, "t", change->payment_id);
    else
        st = sqlite_query(tx, &rows, FIND_BY_ORDER, "t", change->order_id);
    if (failed(st)) return st;
    if (sqlite_next(&rows)) {
        payment_row_read(&rows, &job->number, payment);
        sqlite_end(&rows);
        return status_ok();
    }
    if (failed(rows.status)) return rows.status;
    if (change->payment_id) return payment_not_found();
    *payment = (struct payment){.state = PAYMENT_ABSENT, .order_id = change->order_id};
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
        job->written.turn.of_payer = (struct payment_failures){sqlite_column_i64(&rows, 0),
                                                               sqlite_column_i64(&rows, 1)};
    sqlite_end(&rows);
    return rows.status;
}

#define NEWEST_REFUNDS                                                                     \
    "SELECT * FROM (SELECT refund_id, amount_minor, status, reason, created_us, reference" \
    " FROM refunds WHERE payment = (SELECT payment FROM payments WHERE payment_id = ?)"    \
    " ORDER BY refund_id DESC LIMIT ?) ORDER BY refund_id"

static struct status read_refunds(struct arena *arena, struct sqlite_rows *rows, size_t max,
                                  struct payment_refund **ret_refunds, size_t *ret_count)
{
    struct payment_refund *refunds = arena_array(arena, struct payment_refund, max);
    size_t count = 0;

    while (sqlite_next(rows))
        refunds[count++] = (struct payment_refund){
            .refund_id = sqlite_column_text(rows, 0),
            .amount_minor = sqlite_column_i64(rows, 1),
            .status = sqlite_column_text(rows, 2),
            .reason = sqlite_column_text(rows, 3),
            .created_us = sqlite_column_i64(rows, 4),
            .reference = sqlite_column_text(rows, 5),
        };
    if (failed(rows->status)) return rows->status;
    *ret_refunds = refunds;
    *ret_count = count;
    return status_ok();
}

static struct status load_refunds(const struct call *call, struct sqlite_tx *tx,
                                  struct change_job *job)
{
    struct payment_turn *turn = &job->written.turn;
    struct payment_refund *refunds;
    struct sqlite_rows rows;

    if (!job->change->reads_refunds || job->number == 0) return status_ok();
    struct status st = sqlite_query(tx, &rows, NEWEST_REFUNDS, "tl", turn->payment.payment_id,
                                    (int64_t)PAYMENT_REFUNDS_READ);
    if (failed(st)) return st;
    st = read_refunds(call->arena, &rows, PAYMENT_REFUNDS_READ, &refunds, &turn->refund_count);
    if (!failed(st)) turn->refunds = refunds;
    return st;
}

/* Reads everything; *ret_go_on is false if the cause took effect before or the operation has
 * ended. */
static struct status load(const struct call *call, struct sqlite_tx *tx, struct change_job *job,
                          bool *ret_go_on)
{
    const struct payment_change *change = job->change;

    struct status st = change_sqlite_begin(tx, &change->cause, ret_go_on);
    if (failed(st) || !*ret_go_on) return st;
    st = change->operation_id ? load_by_operation(call, tx, job, ret_go_on) : load_payment(tx, job);
    if (failed(st) || !*ret_go_on) return st;
    st = load_failures(tx, job);
    return failed(st) ? st : load_refunds(call, tx, job);
}

static struct status save(struct sqlite_tx *tx, struct change_job *job)
{
    const struct payment_written *written = &job->written;
    const struct payment_turn *turn = &written->turn;
    struct status st = status_ok();

    if (written->saves) st = payment_row_write(tx, &turn->payment, &job->number);
    for (size_t i = 0; i < turn->effects.posting_count && !failed(st); i++)
        st = payment_posting_write(tx, job->number, &turn->payment, &turn->effects.postings[i]);
    for (size_t i = 0; i < written->refund_count && !failed(st); i++)
        st = payment_refund_write(tx, job->number, &written->refunds[i]);
    if (!failed(st) && written->ended)
        st = sqlite_exec(tx, 0, "DELETE FROM operations WHERE operation_id = ?", "t",
                         written->ended);
    if (!failed(st) && written->begins) st = payment_operation_write(tx, job->number, &turn->begun);
    if (failed(st)) return st;
    return change_sqlite_end(tx, &written->cause, &turn->record);
}

static struct status update_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct change_job *job = data;
    struct status st;
    bool go_on;

    *job = (struct change_job){.change = job->change};
    st = load(call, tx, job, &go_on);
    if (failed(st) || !go_on) return st;
    st = payment_decide_change(call, job->change, &job->written);
    return failed(st) ? st : save(tx, job);
}

static struct status update(struct call *call, struct payment_store *port,
                            const struct payment_change *change,
                            struct payment_written *ret_written)
{
    struct change_job *job = arena_new(call->arena, struct change_job);

    job->change = change;
    struct status st = sqlite_write(call, payment_db(port), update_job, job);
    if (failed(st)) return st;
    *ret_written = job->written;
    return status_ok();
}

/* ---- reading ---- */

static struct status one_payment(struct sqlite_rows *rows, struct payment *ret_payment)
{
    int64_t number;

    if (!sqlite_next(rows)) return failed(rows->status) ? rows->status : payment_not_found();
    payment_row_read(rows, &number, ret_payment);
    sqlite_end(rows);
    return ret_payment->state == PAYMENT_BURIED ? payment_not_found() : status_ok();
}

static struct status find(struct call *call, struct payment_store *port, const char *payment_id,
                          struct payment *ret_payment)
{
    struct sqlite_rows rows;

    struct status st = sqlite_read(call, payment_db(port), &rows, FIND, "t", payment_id);
    return failed(st) ? st : one_payment(&rows, ret_payment);
}

static struct status find_by_order(struct call *call, struct payment_store *port,
                                   const char *order_id, struct payment *ret_payment)
{
    struct sqlite_rows rows;

    struct status st = sqlite_read(call, payment_db(port), &rows, FIND_BY_ORDER, "t", order_id);
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
    struct sqlite_rows rows;

    struct status st = sqlite_read(call, payment_db(port), &rows, NEWEST_REFUNDS, "tl", payment_id,
                                   (int64_t)max);
    return failed(st) ? st : read_refunds(call->arena, &rows, max, ret_refunds, ret_count);
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
        .take_over = payment_sqlite_take_over,
        .claim = payment_sqlite_claim,
        .count_operations = payment_sqlite_count_operations,
        .expired = expired,
        .audit = payment_sqlite_audit,
        .audit_one = payment_sqlite_audit_one,
        .find_references = payment_sqlite_find_references,
        .close = close_store,
    };
    *ret_store = &store->port;
    return status_ok();
}
