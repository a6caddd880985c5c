/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the ledger in SQLite: postings, and the sums of each payment's postings. */
#include "reasons.pb-c.h"
#include "services/payment/payment_store_sqlite.h"

/* ---- postings ---- */

struct posting_list {
    const char *payment_id;
    size_t max;
    struct payment_ledger_posting *postings;
    size_t count;
};

static struct status list_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct posting_list *list = data;
    struct payment_ledger_posting *last = 0;
    struct sqlite_rows rows;

    list->postings = arena_array(call->arena, struct payment_ledger_posting, list->max);
    struct status st = sqlite_query(
        tx, &rows,
        "SELECT posting, cause, currency, at_us, account, debit_minor, credit_minor"
        " FROM postings JOIN entries USING (posting)"
        " WHERE payment = (SELECT payment FROM payments WHERE payment_id = ?)"
        " ORDER BY posting, line",
        "t", list->payment_id);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        int64_t number = sqlite_column_i64(&rows, 0);
        if (!last || last->number != number) {
            if (list->count == list->max) break;
            last = &list->postings[list->count++];
            last->number = number;
            last->posting.cause = sqlite_column_text(&rows, 1);
            last->currency = sqlite_column_text(&rows, 2);
            last->at_us = sqlite_column_i64(&rows, 3);
        }
        if (last->posting.entry_count == PAYMENT_ENTRIES_MAX) continue;
        last->posting.entries[last->posting.entry_count++] = (struct payment_entry){
            .account = sqlite_column_text(&rows, 4),
            .debit_minor = sqlite_column_i64(&rows, 5),
            .credit_minor = sqlite_column_i64(&rows, 6),
        };
    }
    sqlite_end(&rows);
    return rows.status;
}

struct status payment_sqlite_list_postings(struct call *call, struct payment_store *port,
                                           const char *payment_id, size_t max,
                                           struct payment_ledger_posting **ret_postings,
                                           size_t *ret_count)
{
    struct posting_list *job = arena_new(call->arena, struct posting_list);

    job->payment_id = payment_id;
    job->max = max;
    struct status st = sqlite_scan(call, payment_db(port), list_job, job);
    if (failed(st)) return st;
    *ret_postings = job->postings;
    *ret_count = job->count;
    return status_ok();
}

/* ---- audit ---- */

struct audit_page {
    int64_t after, to; /* numbers: after < payment <= to */
    size_t max;
    struct payment_audit *audits;
    size_t count;
};

/* The balance of one of a payment's accounts: what is held, earned or refunded. */
#define BALANCE(plus, minus, account_name)                                                  \
    "coalesce((SELECT sum(" plus " - " minus ") FROM postings JOIN entries USING (posting)" \
    " WHERE postings.payment = p.payment AND account = '" account_name "'), 0)"

#define HELD BALANCE("debit_minor", "credit_minor", PAYMENT_ACCOUNT_HELD)
#define SALES BALANCE("credit_minor", "debit_minor", PAYMENT_ACCOUNT_SALES)
#define REFUNDS BALANCE("debit_minor", "credit_minor", PAYMENT_ACCOUNT_REFUNDS)

const char payment_audit_statement[] =
    "SELECT " PAYMENT_COLUMNS ","
    " EXISTS (SELECT 1 FROM operations WHERE operations.payment = p.payment),"
    " " HELD ", " SALES ", " REFUNDS ","
    " (SELECT count(*) FROM postings WHERE postings.payment = p.payment"
    "  AND (SELECT sum(debit_minor) - sum(credit_minor) FROM entries"
    "       WHERE entries.posting = postings.posting) IS NOT 0)"
    " FROM payments AS p WHERE payment > ? AND payment <= ? AND state <> ?"
    " ORDER BY payment LIMIT ?";

static struct status audit_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct audit_page *page = data;
    struct sqlite_rows rows;

    page->audits = arena_array(call->arena, struct payment_audit, page->max);
    struct status st = sqlite_query(tx, &rows, payment_audit_statement, "llil", page->after,
                                    page->to, (int)PAYMENT_BURIED, (int64_t)page->max);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        struct payment_audit *audit = &page->audits[page->count++];
        payment_row_read(&rows, &audit->number, &audit->payment);
        audit->busy = sqlite_column_i64(&rows, PAYMENT_COLUMN_COUNT) != 0;
        audit->held_minor = sqlite_column_i64(&rows, PAYMENT_COLUMN_COUNT + 1);
        audit->captured_minor = sqlite_column_i64(&rows, PAYMENT_COLUMN_COUNT + 2);
        audit->refunded_minor = sqlite_column_i64(&rows, PAYMENT_COLUMN_COUNT + 3);
        audit->unbalanced = sqlite_column_i64(&rows, PAYMENT_COLUMN_COUNT + 4);
    }
    return rows.status;
}

struct status payment_sqlite_audit(struct call *call, struct payment_store *port, int64_t after,
                                   size_t max, struct payment_audit **ret_audits, size_t *ret_count)
{
    struct audit_page *job = arena_new(call->arena, struct audit_page);

    *job = (struct audit_page){.after = after, .to = INT64_MAX, .max = max};
    struct status st = sqlite_audit(call, payment_db(port), audit_job, job);
    if (failed(st)) return st;
    *ret_audits = job->audits;
    *ret_count = job->count;
    return status_ok();
}

struct status payment_sqlite_audit_one(struct call *call, struct payment_store *port,
                                       int64_t number, struct payment_audit *ret_audit)
{
    struct audit_page *job = arena_new(call->arena, struct audit_page);

    *job = (struct audit_page){.after = number - 1, .to = number, .max = 1};
    struct status st = sqlite_scan(call, payment_db(port), audit_job, job);
    if (failed(st)) return st;
    if (job->count == 0)
        return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__PAYMENT_NOT_FOUND,
                           "there is no such payment");
    *ret_audit = job->audits[0];
    return status_ok();
}

/* ---- orders without a payment ---- */

struct unpaid {
    const char *const *order_ids;
    size_t count;
    bool *found;
};

static struct status unpaid_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct unpaid *unpaid = data;
    struct sqlite_rows rows;
    struct status st;

    unpaid->found = arena_array(call->arena, bool, unpaid->count);
    for (size_t i = 0; i < unpaid->count; i++) {
        st = sqlite_query(tx, &rows, "SELECT 1 FROM payments WHERE order_id = ?", "t",
                          unpaid->order_ids[i]);
        if (failed(st)) return st;
        unpaid->found[i] = !sqlite_next(&rows);
        sqlite_end(&rows);
        if (failed(rows.status)) return rows.status;
    }
    return status_ok();
}

struct status payment_sqlite_find_unpaid(struct call *call, struct payment_store *port,
                                         const char *const *order_ids, size_t count,
                                         bool **ret_unpaid)
{
    struct unpaid *job = arena_new(call->arena, struct unpaid);

    *job = (struct unpaid){.order_ids = order_ids, .count = count};
    struct status st = sqlite_audit(call, payment_db(port), unpaid_job, job);
    if (failed(st)) return st;
    *ret_unpaid = job->found;
    return status_ok();
}
