/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the ledger in SQLite: postings, and the sums of each payment's postings. */
#include "reasons.pb-c.h"
#include "services/payment/sqlite/payment_store_sqlite.h"

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

const char payment_audit_statement[] =
    "SELECT " PAYMENT_COLUMNS ","
    " EXISTS (SELECT 1 FROM operations WHERE operations.payment = p.payment)"
    " FROM payments AS p WHERE payment > ? AND payment <= ? AND state <> ?"
    " ORDER BY payment LIMIT ?";

/* All entries of the payments of a page, those of a posting one after the other; one row without an
 * account for a posting without entries. Read once for a page, because five sums for each payment
 * cost three times as much. */
const char payment_audit_entries_statement[] =
    "SELECT payment, posting, account, debit_minor, credit_minor"
    " FROM postings LEFT JOIN entries USING (posting)"
    " WHERE payment >= ? AND payment <= ? ORDER BY payment, posting";

/* The posting whose entries are being read. */
struct open_posting {
    int64_t number;
    int64_t balance_minor;
    bool has_entries;
    struct payment_audit *audit; /* NULL: of a payment that is not on the page, or none */
};

static void end_posting(struct open_posting *posting)
{
    if (!posting->audit) return;
    if (!posting->has_entries || posting->balance_minor != 0) posting->audit->unbalanced++;
    posting->audit = 0;
}

/* Adds an entry to the balances of the payment's accounts. */
static void add_entry(struct open_posting *posting, struct str account, int64_t debit_minor,
                      int64_t credit_minor)
{
    struct payment_audit *audit = posting->audit;

    posting->has_entries = true;
    posting->balance_minor += debit_minor - credit_minor;
    if (str_is(account, PAYMENT_ACCOUNT_HELD)) audit->held_minor += debit_minor - credit_minor;
    if (str_is(account, PAYMENT_ACCOUNT_SALES)) audit->captured_minor += credit_minor - debit_minor;
    if (str_is(account, PAYMENT_ACCOUNT_REFUNDS))
        audit->refunded_minor += debit_minor - credit_minor;
}

/* Sums the entries of the page's payments, which are in the order of their numbers. */
static struct status sum_entries(struct sqlite_tx *tx, struct audit_page *page)
{
    struct payment_audit *audit = page->audits, *end = page->audits + page->count;
    struct open_posting posting = {0};
    struct sqlite_rows rows;

    if (page->count == 0) return status_ok();
    struct status st = sqlite_query(tx, &rows, payment_audit_entries_statement, "ll", audit->number,
                                    end[-1].number);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        int64_t payment = sqlite_column_i64(&rows, 0), number = sqlite_column_i64(&rows, 1);
        if (posting.number != number) {
            end_posting(&posting);
            while (audit < end && audit->number < payment) audit++;
            bool is_here = audit < end && audit->number == payment;
            posting = (struct open_posting){.number = number, .audit = is_here ? audit : 0};
        }
        struct str account = sqlite_column_view(&rows, 2);
        if (posting.audit && account.length > 0)
            add_entry(&posting, account, sqlite_column_i64(&rows, 3), sqlite_column_i64(&rows, 4));
    }
    end_posting(&posting);
    return rows.status;
}

static struct status audit_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct audit_page *page = data;
    struct sqlite_rows rows;

    page->audits = arena_array(call->arena, struct payment_audit, page->max);
    page->count = 0;
    struct status st = sqlite_query(tx, &rows, payment_audit_statement, "llil", page->after,
                                    page->to, (int)PAYMENT_BURIED, (int64_t)page->max);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        struct payment_audit *audit = &page->audits[page->count++];
        payment_row_read(&rows, &audit->number, &audit->payment);
        audit->busy = sqlite_column_i64(&rows, PAYMENT_COLUMN_COUNT) != 0;
    }
    if (failed(rows.status)) return rows.status;
    return sum_entries(tx, page);
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

/* ---- the payments of orders ---- */

struct references {
    const char *const *order_ids;
    size_t count;
    const char **found;
};

static struct status references_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct references *references = data;
    struct sqlite_rows rows;

    references->found = arena_array(call->arena, const char *, references->count);
    struct status st = sqlite_query(
        tx, &rows,
        "SELECT wanted.key, reference FROM json_each(?) AS wanted"
        " JOIN payments ON order_id = wanted.value",
        "t", sqlite_list(call->arena, references->order_ids, references->count));
    if (failed(st)) return st;
    while (sqlite_next(&rows))
        references->found[sqlite_column_i64(&rows, 0)] = sqlite_column_text(&rows, 1);
    return rows.status;
}

struct status payment_sqlite_find_references(struct call *call, struct payment_store *port,
                                             const char *const *order_ids, size_t count,
                                             const char ***ret_references)
{
    struct references *job = arena_new(call->arena, struct references);

    *job = (struct references){.order_ids = order_ids, .count = count};
    struct status st = sqlite_audit(call, payment_db(port), references_job, job);
    if (failed(st)) return st;
    *ret_references = job->found;
    return status_ok();
}
