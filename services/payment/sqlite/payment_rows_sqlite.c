/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes the SQLite rows of payments, operations, refunds and postings. */
#include "services/payment/sqlite/payment_store_sqlite.h"

/* ---- payments ---- */

void payment_row_read(const struct sqlite_rows *rows, int64_t *ret_number,
                      struct payment *ret_payment)
{
    *ret_number = sqlite_column_i64(rows, 0);
    *ret_payment = (struct payment){
        .payment_id = sqlite_column_text(rows, 1),
        .order_id = sqlite_column_text(rows, 2),
        .user_id = sqlite_column_text(rows, 3),
        .sellers = sqlite_column_text(rows, 4),
        .provider = sqlite_column_text(rows, 5),
        .reference = sqlite_column_text(rows, 6),
        .currency = sqlite_column_text(rows, 7),
        .state = (enum payment_state)sqlite_column_i64(rows, 8),
        .wishes = (unsigned)sqlite_column_i64(rows, 9),
        .amount_minor = sqlite_column_i64(rows, 10),
        .authorized_minor = sqlite_column_i64(rows, 11),
        .captured_minor = sqlite_column_i64(rows, 12),
        .refunded_minor = sqlite_column_i64(rows, 13),
        .refunding_minor = sqlite_column_i64(rows, 14),
        .reason = (int)sqlite_column_i64(rows, 15),
        .message = sqlite_column_text(rows, 16),
        .expires_us = sqlite_column_i64(rows, 17),
        .created_us = sqlite_column_i64(rows, 18),
        .updated_us = sqlite_column_i64(rows, 19),
        .client_secret = sqlite_column_text(rows, 20),
        .failures = (int)sqlite_column_i64(rows, 21),
        .failed_us = sqlite_column_i64(rows, 22),
    };
}

static struct status insert(struct sqlite_tx *tx, const struct payment *payment,
                            int64_t *ret_number)
{
    struct sqlite_rows rows;
    struct status st;

    st = sqlite_exec(
        tx, 0,
        "INSERT INTO payments (payment_id, order_id, user_id, user_key, sellers, provider,"
        " reference, currency, state, wishes, amount_minor, authorized_minor, captured_minor,"
        " refunded_minor, refunding_minor, reason, message, expires_us, created_us, updated_us,"
        " client_secret, failures, failed_us)"
        " VALUES (?1, ?2, ?3, lower(?3), ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
        " ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
        "tttttttiilllllitllltil", payment->payment_id, payment->order_id, payment->user_id,
        payment->sellers, payment->provider, payment->reference, payment->currency,
        (int)payment->state, (int)payment->wishes, payment->amount_minor, payment->authorized_minor,
        payment->captured_minor, payment->refunded_minor, payment->refunding_minor, payment->reason,
        payment->message, payment->expires_us, payment->created_us, payment->updated_us,
        payment->client_secret, payment->failures, payment->failed_us);
    if (failed(st)) return st;
    st = sqlite_query(tx, &rows, "SELECT last_insert_rowid()", "");
    if (failed(st)) return st;
    if (sqlite_next(&rows)) *ret_number = sqlite_column_i64(&rows, 0);
    sqlite_end(&rows);
    return rows.status;
}

static struct status update(struct sqlite_tx *tx, const struct payment *payment, int64_t number)
{
    return sqlite_exec(
        tx, 0,
        "UPDATE payments SET reference = ?, state = ?, wishes = ?, authorized_minor = ?,"
        " captured_minor = ?, refunded_minor = ?, refunding_minor = ?, reason = ?, message = ?,"
        " expires_us = ?, updated_us = ?, client_secret = ?, failures = ?, failed_us = ?"
        " WHERE payment = ?",
        "tiillllitlltill", payment->reference, (int)payment->state, (int)payment->wishes,
        payment->authorized_minor, payment->captured_minor, payment->refunded_minor,
        payment->refunding_minor, payment->reason, payment->message, payment->expires_us,
        payment->updated_us, payment->client_secret, payment->failures, payment->failed_us, number);
}

struct status payment_row_write(struct sqlite_tx *tx, const struct payment *payment,
                                int64_t *number)
{
    return *number ? update(tx, payment, *number) : insert(tx, payment, number);
}

/* ---- operations and refunds ---- */

void payment_operation_read(const struct sqlite_rows *rows, int first, const char *payment_id,
                            struct payment_operation *ret_operation)
{
    *ret_operation = (struct payment_operation){
        .payment_id = payment_id,
        .operation_id = sqlite_column_text(rows, first),
        .kind = (enum payment_operation_kind)sqlite_column_i64(rows, first + 1),
        .amount_minor = sqlite_column_i64(rows, first + 2),
        .method = sqlite_column_text(rows, first + 3),
        .note = sqlite_column_text(rows, first + 4),
        .attempts = (int)sqlite_column_i64(rows, first + 5),
        .processing = sqlite_column_i64(rows, first + 6) != 0,
        .next_us = sqlite_column_i64(rows, first + 7),
        .leased = sqlite_column_i64(rows, first + 8) != 0,
        .created_us = sqlite_column_i64(rows, first + 9),
        .scope = sqlite_column_text(rows, first + 10),
        .key = sqlite_column_text(rows, first + 11),
    };
}

struct status payment_operation_write(struct sqlite_tx *tx, int64_t number,
                                      const struct payment_operation *operation)
{
    return sqlite_exec(
        tx, 0,
        "INSERT INTO operations (operation_id, payment, kind, amount_minor, method, note, attempts,"
        " processing, next_us, created_us, scope, key, leased)"
        " VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?)",
        "tlilttlltti", operation->operation_id, number, (int)operation->kind,
        operation->amount_minor, operation->method, operation->note, operation->next_us,
        operation->created_us, operation->scope, operation->key, (int)operation->leased);
}

struct status payment_refund_write(struct sqlite_tx *tx, int64_t number,
                                   const struct payment_refund *refund)
{
    return sqlite_exec(
        tx, 0,
        "INSERT INTO refunds (refund_id, payment, amount_minor, status, reason, created_us,"
        " reference) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (refund_id) DO UPDATE SET status = excluded.status,"
        " reference = excluded.reference",
        "tllttlt", refund->refund_id, number, refund->amount_minor, refund->status, refund->reason,
        refund->created_us, refund->reference);
}

/* ---- postings ---- */

/* The entries refer to the row that was inserted last, the posting, because they have no rowids
 * themselves. */
struct status payment_posting_write(struct sqlite_tx *tx, int64_t number,
                                    const struct payment *payment,
                                    const struct payment_posting *posting)
{
    int64_t balance = 0;
    struct status st;

    st = sqlite_exec(tx, 0,
                     "INSERT INTO postings (payment, cause, currency, at_us) VALUES (?, ?, ?, ?)",
                     "lttl", number, posting->cause, payment->currency, payment->updated_us);
    for (size_t i = 0; i < posting->entry_count && !failed(st); i++) {
        const struct payment_entry *entry = &posting->entries[i];
        st = sqlite_exec(tx, 0,
                         "INSERT INTO entries (posting, line, account, debit_minor, credit_minor)"
                         " VALUES (last_insert_rowid(), ?, ?, ?, ?)",
                         "itll", (int)i, entry->account, entry->debit_minor, entry->credit_minor);
        balance += entry->debit_minor - entry->credit_minor;
    }
    invariant(failed(st) || balance == 0);
    return st;
}
