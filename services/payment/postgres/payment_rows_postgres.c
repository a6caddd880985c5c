/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the rows of payments, operations and refunds from PostgreSQL, and queues what a change
 * writes. */
#include "services/payment/postgres/payment_store_postgres.h"

/* ---- reading ---- */

void payment_postgres_read(const struct postgres_rows *rows, int64_t *ret_number,
                           struct payment *ret_payment)
{
    *ret_number = postgres_column_i64(rows, 0);
    *ret_payment = (struct payment){
        .payment_id = postgres_column_text(rows, 1),
        .order_id = postgres_column_text(rows, 2),
        .user_id = postgres_column_text(rows, 3),
        .sellers = postgres_column_text(rows, 4),
        .provider = postgres_column_text(rows, 5),
        .reference = postgres_column_text(rows, 6),
        .currency = postgres_column_text(rows, 7),
        .state = (enum payment_state)postgres_column_i64(rows, 8),
        .wishes = (unsigned)postgres_column_i64(rows, 9),
        .amount_minor = postgres_column_i64(rows, 10),
        .authorized_minor = postgres_column_i64(rows, 11),
        .captured_minor = postgres_column_i64(rows, 12),
        .refunded_minor = postgres_column_i64(rows, 13),
        .refunding_minor = postgres_column_i64(rows, 14),
        .reason = (int)postgres_column_i64(rows, 15),
        .message = postgres_column_text(rows, 16),
        .expires_us = postgres_column_i64(rows, 17),
        .created_us = postgres_column_i64(rows, 18),
        .updated_us = postgres_column_i64(rows, 19),
        .client_secret = postgres_column_text(rows, 20),
        .failures = (int)postgres_column_i64(rows, 21),
        .failed_us = postgres_column_i64(rows, 22),
    };
}

void payment_postgres_read_operation(const struct postgres_rows *rows, const char *payment_id,
                                     struct payment_operation *ret_operation)
{
    int first = PAYMENT_COLUMN_COUNT;

    *ret_operation = (struct payment_operation){
        .payment_id = payment_id,
        .operation_id = postgres_column_text(rows, first),
        .kind = (enum payment_operation_kind)postgres_column_i64(rows, first + 1),
        .amount_minor = postgres_column_i64(rows, first + 2),
        .method = postgres_column_text(rows, first + 3),
        .note = postgres_column_text(rows, first + 4),
        .attempts = (int)postgres_column_i64(rows, first + 5),
        .processing = postgres_column_i64(rows, first + 6) != 0,
        .next_us = postgres_column_i64(rows, first + 7),
        .leased = postgres_column_i64(rows, first + 8) != 0,
        .created_us = postgres_column_i64(rows, first + 9),
        .scope = postgres_column_text(rows, first + 10),
        .key = postgres_column_text(rows, first + 11),
    };
}

struct status payment_postgres_read_refunds(struct call *call, struct postgres_rows *rows,
                                            struct payment_refund **ret_refunds, size_t *ret_count)
{
    struct payment_refund *refunds = 0;
    size_t count = 0;

    while (postgres_next(call, rows)) {
        if (!refunds)
            refunds = arena_array(call->arena, struct payment_refund,
                                  (size_t)postgres_row_count(rows));
        refunds[count++] = (struct payment_refund){
            .refund_id = postgres_column_text(rows, 0),
            .amount_minor = postgres_column_i64(rows, 1),
            .status = postgres_column_text(rows, 2),
            .reason = postgres_column_text(rows, 3),
            .created_us = postgres_column_i64(rows, 4),
            .reference = postgres_column_text(rows, 5),
        };
    }
    if (failed(rows->status)) return rows->status;
    *ret_refunds = refunds;
    *ret_count = count;
    return status_ok();
}

/* ---- writing ---- */

const char *payment_postgres_key(struct arena *arena, const char *user_id)
{
    return str_lower(arena, str_of(user_id));
}

static void insert_payment(struct arena *arena, struct postgres_tx *tx,
                           const struct payment *payment)
{
    postgres_exec(
        tx,
        "INSERT INTO payments (payment_id, order_id, user_id, user_key, sellers, provider,"
        " reference, currency, state, wishes, amount_minor, authorized_minor, captured_minor,"
        " refunded_minor, refunding_minor, reason, message, expires_us, created_us, updated_us,"
        " client_secret, failures, failed_us)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,"
        " $19, $20, $21, $22, $23)",
        "ttttttttiilllllitllltil", payment->payment_id, payment->order_id, payment->user_id,
        payment_postgres_key(arena, payment->user_id), payment->sellers, payment->provider,
        payment->reference, payment->currency, (int)payment->state, (int)payment->wishes,
        payment->amount_minor, payment->authorized_minor, payment->captured_minor,
        payment->refunded_minor, payment->refunding_minor, payment->reason, payment->message,
        payment->expires_us, payment->created_us, payment->updated_us, payment->client_secret,
        payment->failures, payment->failed_us);
}

static void update_payment(struct postgres_tx *tx, const struct payment *payment)
{
    postgres_exec(
        tx,
        "UPDATE payments SET reference = $1, state = $2, wishes = $3, authorized_minor = $4,"
        " captured_minor = $5, refunded_minor = $6, refunding_minor = $7, reason = $8,"
        " message = $9, expires_us = $10, updated_us = $11, client_secret = $12, failures = $13,"
        " failed_us = $14 WHERE payment_id = $15",
        "tiillllitlltilt", payment->reference, (int)payment->state, (int)payment->wishes,
        payment->authorized_minor, payment->captured_minor, payment->refunded_minor,
        payment->refunding_minor, payment->reason, payment->message, payment->expires_us,
        payment->updated_us, payment->client_secret, payment->failures, payment->failed_us,
        payment->payment_id);
}

/* The entries belong to the posting that this transaction has inserted last. */
static void insert_posting(struct postgres_tx *tx, const struct payment *payment,
                           const struct payment_posting *posting)
{
    int64_t balance = 0;

    postgres_exec(tx,
                  "INSERT INTO postings (payment_id, cause, currency, at_us)"
                  " VALUES ($1, $2, $3, $4)",
                  "tttl", payment->payment_id, posting->cause, payment->currency,
                  payment->updated_us);
    for (size_t i = 0; i < posting->entry_count; i++) {
        const struct payment_entry *entry = &posting->entries[i];
        postgres_exec(tx,
                      "INSERT INTO entries (posting, line, account, debit_minor, credit_minor)"
                      " VALUES (currval('postings_posting_seq'), $1, $2, $3, $4)",
                      "itll", (int)i, entry->account, entry->debit_minor, entry->credit_minor);
        balance += entry->debit_minor - entry->credit_minor;
    }
    invariant(balance == 0);
}

static void put_refund(struct postgres_tx *tx, const char *payment_id,
                       const struct payment_refund *refund)
{
    postgres_exec(tx,
                  "INSERT INTO refunds (refund_id, payment_id, amount_minor, status, reason,"
                  " created_us, reference) VALUES ($1, $2, $3, $4, $5, $6, $7)"
                  " ON CONFLICT (refund_id) DO UPDATE SET status = excluded.status,"
                  " reference = excluded.reference",
                  "ttlttlt", refund->refund_id, payment_id, refund->amount_minor, refund->status,
                  refund->reason, refund->created_us, refund->reference);
}

static void insert_operation(struct postgres_tx *tx, const struct payment_operation *operation)
{
    postgres_exec(tx,
                  "INSERT INTO operations (operation_id, payment_id, kind, amount_minor, method,"
                  " note, attempts, processing, next_us, leased, created_us, scope, key)"
                  " VALUES ($1, $2, $3, $4, $5, $6, 0, false, $7, $8 <> 0, $9, $10, $11)",
                  "ttilttliltt", operation->operation_id, operation->payment_id,
                  (int)operation->kind, operation->amount_minor, operation->method, operation->note,
                  operation->next_us, (int)operation->leased, operation->created_us,
                  operation->scope, operation->key);
}

void payment_postgres_save(struct arena *arena, struct postgres_tx *tx,
                           const struct payment_written *written)
{
    const struct payment_turn *turn = &written->turn;
    const struct payment *payment = &turn->payment;

    if (written->saves && written->from == PAYMENT_ABSENT)
        insert_payment(arena, tx, payment);
    else if (written->saves)
        update_payment(tx, payment);
    for (size_t i = 0; i < turn->effects.posting_count; i++)
        insert_posting(tx, payment, &turn->effects.postings[i]);
    for (size_t i = 0; i < written->refund_count; i++)
        put_refund(tx, payment->payment_id, &written->refunds[i]);
    if (written->ended)
        postgres_exec(tx, "DELETE FROM operations WHERE operation_id = $1", "t", written->ended);
    if (written->begins) insert_operation(tx, &turn->begun);
    change_postgres_end(tx, &written->cause, &turn->record);
}
