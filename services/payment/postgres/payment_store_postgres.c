/* SPDX-License-Identifier: Apache-2.0 */
/* The payment service's port on PostgreSQL. Everything of a payment names it by its id. E-mail
 * addresses are compared by a key column in lower case (ASCII), whatever the database's collation
 * is.
 *
 * A change locks the payment's row, after the operation's if it belongs to one. An order that may
 * not have a payment yet has no row to lock, so a change by its order takes an advisory lock first,
 * which ends with the transaction. The ledger's rows stay for ever, guarded by triggers.
 *
 * Operations are in payment_operations_postgres.c, the ledger and audits in
 * payment_audit_postgres.c. */
#include "services/payment/postgres/payment_store_postgres.h"

#include "reasons.pb-c.h"

static const char *const migrations[] = {
    "CREATE TABLE payments ("
    "  payment int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    "  payment_id text NOT NULL UNIQUE,"
    "  order_id text NOT NULL UNIQUE,"
    "  user_id text NOT NULL,"
    "  user_key text NOT NULL,"
    "  sellers text NOT NULL,"
    "  provider text NOT NULL,"
    "  reference text NOT NULL,"
    "  currency text NOT NULL,"
    "  state int4 NOT NULL,"
    "  wishes int4 NOT NULL,"
    "  amount_minor int8 NOT NULL CHECK (amount_minor >= 0),"
    "  authorized_minor int8 NOT NULL CHECK (authorized_minor IN (0, amount_minor)),"
    "  captured_minor int8 NOT NULL CHECK (captured_minor BETWEEN 0 AND authorized_minor),"
    "  refunded_minor int8 NOT NULL CHECK (refunded_minor >= 0),"
    "  refunding_minor int8 NOT NULL CHECK (refunding_minor >= 0),"
    "  reason int4 NOT NULL,"
    "  message text NOT NULL,"
    "  expires_us int8 NOT NULL,"
    "  created_us int8 NOT NULL,"
    "  updated_us int8 NOT NULL,"
    "  client_secret text NOT NULL,"
    "  failures int4 NOT NULL,"
    "  failed_us int8 NOT NULL,"
    "  CHECK (refunded_minor + refunding_minor <= captured_minor));"
    "CREATE INDEX payments_by_user ON payments (user_key, payment);"
    "CREATE INDEX payments_failed_by_user ON payments (user_key, failed_us) WHERE failures > 0;"
    /* State 6 is PAYMENT_AUTHORIZED. */
    "CREATE INDEX payments_by_expiry ON payments (expires_us) WHERE state = 6;"

    /* An operation's row lives until the provider has answered. It changes often, and the few rows
     * there are should find room on their pages. */
    "CREATE TABLE operations ("
    "  operation_id text PRIMARY KEY,"
    "  payment_id text NOT NULL,"
    "  kind int4 NOT NULL,"
    "  amount_minor int8 NOT NULL,"
    "  method text NOT NULL,"
    "  note text NOT NULL,"
    "  attempts int4 NOT NULL,"
    "  processing bool NOT NULL,"
    "  next_us int8 NOT NULL,"
    "  leased bool NOT NULL,"
    "  created_us int8 NOT NULL,"
    "  scope text NOT NULL,"
    "  key text NOT NULL) WITH (fillfactor = 50);"
    "CREATE INDEX operations_by_time ON operations (next_us);"
    "CREATE INDEX operations_by_payment ON operations (payment_id);"

    "CREATE TABLE refunds ("
    "  refund_id text PRIMARY KEY,"
    "  payment_id text NOT NULL,"
    "  amount_minor int8 NOT NULL CHECK (amount_minor > 0),"
    "  status text NOT NULL,"
    "  reason text NOT NULL,"
    "  created_us int8 NOT NULL,"
    "  reference text NOT NULL);"
    "CREATE INDEX refunds_by_payment ON refunds (payment_id, refund_id);"

    "CREATE TABLE postings ("
    "  posting int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    "  payment_id text NOT NULL,"
    "  cause text NOT NULL CHECK (cause <> ''),"
    "  currency text NOT NULL CHECK (currency <> ''),"
    "  at_us int8 NOT NULL);"
    "CREATE INDEX postings_by_payment ON postings (payment_id, posting);"
    "CREATE TABLE entries ("
    "  posting int8 NOT NULL,"
    "  line int4 NOT NULL,"
    "  account text NOT NULL CHECK (account <> ''),"
    "  debit_minor int8 NOT NULL,"
    "  credit_minor int8 NOT NULL,"
    "  CHECK ((debit_minor > 0 AND credit_minor = 0) OR (debit_minor = 0 AND credit_minor > 0)),"
    "  PRIMARY KEY (posting, line));"
    "CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    "  RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'check_violation';"
    " END $$;"
    "CREATE TRIGGER postings_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON postings"
    "  FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();"
    "CREATE TRIGGER entries_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON entries"
    "  FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();",
    EVENTS_POSTGRES_SCHEMA,
    NULL,
};

#define FIND "SELECT " PAYMENT_COLUMNS " FROM payments AS p WHERE payment_id = $1"
#define FIND_BY_ORDER "SELECT " PAYMENT_COLUMNS " FROM payments AS p WHERE order_id = $1"

/* ---- changes ---- */

struct change_job {
    const struct payment_change *change;
    struct payment_written written;
};

/* What a change has asked for. */
struct change_rows {
    struct postgres_rows payment; /* with its operation, if the change belongs to one */
    struct postgres_rows failures, refunds;
};

/* A statement sees what was committed before it began, so the lock comes before the read. Of a
 * payment and its payer, the payment is always locked first. */
static void lock(struct postgres_tx *tx, const char *what)
{
    postgres_exec(tx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", "t", what);
}

static void query_by_order(struct call *call, struct postgres_tx *tx, const char *order_id,
                           struct postgres_rows *rows)
{
    lock(tx, arena_printf(call->arena, "payment of order %s", order_id));
    postgres_query(tx, rows, FIND_BY_ORDER " FOR UPDATE", "t", order_id);
}

static void query_failures(struct call *call, struct postgres_tx *tx,
                           const struct payment_change *change, struct postgres_rows *rows)
{
    const char *payer = payment_postgres_key(call->arena, change->payer);

    if (change->fails_attempt) lock(tx, arena_printf(call->arena, "attempts of payer %s", payer));
    postgres_query(tx, rows,
                   "SELECT coalesce(sum(failures), 0)::int8, coalesce(min(failed_us), 0)"
                   " FROM payments WHERE user_key = $1 AND failed_us > $2 AND failures > 0",
                   "tl", payer, change->failures_after_us);
}

static void query(struct call *call, struct postgres_tx *tx, const struct payment_change *change,
                  struct change_rows *rows)
{
    if (change->operation_id)
        postgres_query(tx, &rows->payment, FIND_OPERATION " FOR UPDATE", "t", change->operation_id);
    else if (change->payment_id)
        postgres_query(tx, &rows->payment, FIND " FOR UPDATE", "t", change->payment_id);
    else
        query_by_order(call, tx, change->order_id, &rows->payment);
    if (change->payer) query_failures(call, tx, change, &rows->failures);
}

/* Reads the payment and its operation; *ret_known is false if the operation has ended. */
static struct status load_payment(struct call *call, const struct payment_change *change,
                                  struct postgres_rows *rows, struct payment_turn *turn,
                                  bool *ret_known)
{
    int64_t number;

    *ret_known = true;
    if (!postgres_next(call, rows)) {
        if (failed(rows->status)) return rows->status;
        if (change->payment_id) return payment_not_found();
        *ret_known = !change->operation_id;
        turn->payment = (struct payment){.state = PAYMENT_ABSENT, .order_id = change->order_id};
        return status_ok();
    }
    payment_postgres_read(rows, &number, &turn->payment);
    if (!change->operation_id) return status_ok();
    struct payment_operation *operation = arena_new(call->arena, struct payment_operation);
    payment_postgres_read_operation(rows, turn->payment.payment_id, operation);
    turn->operation = operation;
    return status_ok();
}

static struct status load_refunds(struct call *call, struct postgres_tx *tx,
                                  struct payment_turn *turn)
{
    struct payment_refund *refunds;
    struct postgres_rows rows;

    postgres_query(tx, &rows, NEWEST_REFUNDS, "tl", turn->payment.payment_id,
                   (int64_t)PAYMENT_REFUNDS_READ);
    struct status st = payment_postgres_read_refunds(call, &rows, &refunds, &turn->refund_count);
    if (!failed(st)) turn->refunds = refunds;
    return st;
}

static struct status load(struct call *call, struct postgres_tx *tx,
                          const struct payment_change *change, struct change_rows *rows,
                          struct payment_turn *turn, bool *ret_known)
{
    struct status st = load_payment(call, change, &rows->payment, turn, ret_known);

    if (failed(st) || !*ret_known) return st;
    if (change->payer) {
        if (!postgres_next(call, &rows->failures)) return rows->failures.status;
        turn->of_payer = (struct payment_failures){postgres_column_i64(&rows->failures, 0),
                                                   postgres_column_i64(&rows->failures, 1)};
    }
    if (!change->reads_refunds || turn->payment.state == PAYMENT_ABSENT) return st;
    return load_refunds(call, tx, turn);
}

static struct status update_job(struct call *call, struct postgres_tx *tx, void *data)
{
    struct change_job *job = data;
    struct payment_written *written = &job->written;
    struct change_postgres begun;
    struct change_rows rows;
    bool go_on;

    *written = (struct payment_written){0};
    change_postgres_begin(tx, &job->change->cause, &begun);
    query(call, tx, job->change, &rows);
    struct status st = change_postgres_fresh(call, &begun, &go_on);
    if (failed(st) || !go_on) return st;
    st = load(call, tx, job->change, &rows, &written->turn, &go_on);
    if (failed(st) || !go_on) return st;
    st = payment_decide_change(call, job->change, written);
    if (failed(st)) return st;
    if (written->saves || written->ended) postgres_tell_commit(tx);
    payment_postgres_save(call->arena, tx, written);
    return st;
}

static struct status update(struct call *call, struct payment_store *port,
                            const struct payment_change *change,
                            struct payment_written *ret_written)
{
    struct change_job *job = arena_new(call->arena, struct change_job);

    job->change = change;
    struct status st = postgres_write(call, payment_postgres(port), update_job, job);
    if (!failed(st)) *ret_written = job->written;
    return st;
}

/* ---- reading ---- */

static struct status one_payment(struct call *call, struct postgres_rows *rows,
                                 struct payment *ret_payment)
{
    int64_t number;

    if (!postgres_next(call, rows))
        return failed(rows->status) ? rows->status : payment_not_found();
    payment_postgres_read(rows, &number, ret_payment);
    return ret_payment->state == PAYMENT_BURIED ? payment_not_found() : status_ok();
}

static struct status find(struct call *call, struct payment_store *port, const char *payment_id,
                          struct payment *ret_payment)
{
    struct postgres_rows rows;

    struct status st = postgres_read(call, payment_postgres(port), &rows, FIND, "t", payment_id);
    return failed(st) ? st : one_payment(call, &rows, ret_payment);
}

static struct status find_by_order(struct call *call, struct payment_store *port,
                                   const char *order_id, struct payment *ret_payment)
{
    struct postgres_rows rows;

    struct status st = postgres_read(call, payment_postgres(port), &rows, FIND_BY_ORDER, "t",
                                     order_id);
    return failed(st) ? st : one_payment(call, &rows, ret_payment);
}

static struct status list(struct call *call, struct payment_store *port, const char *user_id,
                          int64_t *before, size_t max, struct payment **ret_payments,
                          size_t *ret_count)
{
    struct payment *payments = arena_array(call->arena, struct payment, max);
    int64_t number = 0, next = 0;
    struct postgres_rows rows;
    size_t count = 0;

    struct status st = postgres_read(
        call, payment_postgres(port), &rows,
        "SELECT " PAYMENT_COLUMNS " FROM payments AS p WHERE user_key = $1 AND payment < $2"
        " AND state <> $3 ORDER BY payment DESC LIMIT $4",
        "tlil", payment_postgres_key(call->arena, user_id), *before ? *before : INT64_MAX,
        (int)PAYMENT_BURIED, (int64_t)max + 1);
    if (failed(st)) return st;
    while (postgres_next(call, &rows)) {
        if (count == max) {
            next = number;
            break;
        }
        payment_postgres_read(&rows, &number, &payments[count++]);
    }
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
    struct postgres_rows rows;

    struct status st = postgres_read(call, payment_postgres(port), &rows, NEWEST_REFUNDS, "tl",
                                     payment_id, (int64_t)max);
    return failed(st) ? st : payment_postgres_read_refunds(call, &rows, ret_refunds, ret_count);
}

static struct status expired(struct call *call, struct payment_store *port, int64_t now_us,
                             size_t max, const char ***ret_payment_ids, size_t *ret_count)
{
    const char **ids = arena_array(call->arena, const char *, max);
    struct postgres_rows rows;
    size_t count = 0;

    struct status st = postgres_read(call, payment_postgres(port), &rows,
                                     "SELECT payment_id FROM payments WHERE state = 6"
                                     " AND expires_us <= $1 ORDER BY expires_us LIMIT $2",
                                     "ll", now_us, (int64_t)max);
    if (failed(st)) return st;
    while (count < max && postgres_next(call, &rows)) ids[count++] = postgres_column_text(&rows, 0);
    if (failed(rows.status)) return rows.status;
    *ret_payment_ids = ids;
    *ret_count = count;
    return status_ok();
}

/* ---- opening ---- */

static struct status open_store(struct call *call, struct payment_store *port)
{
    const struct postgres_payment_store *store = (struct postgres_payment_store *)port;

    return events_postgres_open(call, store->db, migrations, store->prepares);
}

static struct status check_store(struct call *call, struct payment_store *port,
                                 struct store_findings *findings)
{
    return postgres_check(call, payment_postgres(port), findings);
}

static void on_change(struct payment_store *port, void (*fn)(void *data), void *data)
{
    postgres_on_commit(payment_postgres(port), fn, data);
}

static void close_store(struct payment_store *port)
{
    postgres_close(payment_postgres(port));
}

struct status payment_store_postgres(const struct service_context *context, const char *url,
                                     struct payment_store **ret_store)
{
    struct postgres_payment_store *store = arena_new(context->arena, struct postgres_payment_store);

    _Static_assert(PAYMENT_AUTHORIZED == 6, "the index by expiry has this state");
    struct status st = postgres_new(context->arena, context->shards, url, "payment", &store->db);
    if (failed(st)) return st;
    store->prepares = context->prepares;
    store->port = (struct payment_store){
        .events = events_store_postgres(context->arena, context->shards, store->db),
        .update = update,
        .find = find,
        .find_by_order = find_by_order,
        .list = list,
        .list_refunds = list_refunds,
        .expired = expired,
        .on_change = on_change,
        .open = open_store,
        .check = check_store,
        .close = close_store,
    };
    payment_postgres_add_operations(&store->port);
    payment_postgres_add_audit(&store->port);
    *ret_store = &store->port;
    return st;
}
