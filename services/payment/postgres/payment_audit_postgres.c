/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the ledger in PostgreSQL: postings, and the sums of each payment's postings. */
#include "reasons.pb-c.h"
#include "services/payment/postgres/payment_store_postgres.h"

/* ---- postings ---- */

static struct payment_ledger_posting *add_posting(const struct postgres_rows *rows, int64_t number,
                                                  struct payment_ledger_posting *posting)
{
    *posting = (struct payment_ledger_posting){
        .number = number,
        .currency = postgres_column_text(rows, 2),
        .at_us = postgres_column_i64(rows, 3),
        .posting = {.cause = postgres_column_text(rows, 1)},
    };
    return posting;
}

static struct status list_postings(struct call *call, struct payment_store *port,
                                   const char *payment_id, size_t max,
                                   struct payment_ledger_posting **ret_postings, size_t *ret_count)
{
    struct payment_ledger_posting *postings, *last = 0;
    struct postgres_rows rows;
    size_t count = 0;

    postings = arena_array(call->arena, struct payment_ledger_posting, max);
    struct status st = postgres_read(
        call, payment_postgres(port), &rows,
        "SELECT posting, cause, currency, at_us, account, debit_minor, credit_minor"
        " FROM postings JOIN entries USING (posting) WHERE payment_id = $1"
        " ORDER BY posting, line LIMIT $2",
        "tl", payment_id, (int64_t)max * PAYMENT_ENTRIES_MAX);
    if (failed(st)) return st;
    while (postgres_next(call, &rows)) {
        int64_t number = postgres_column_i64(&rows, 0);
        bool is_new = !last || last->number != number;
        if (is_new && count == max) break;
        if (is_new) last = add_posting(&rows, number, &postings[count++]);
        if (last->posting.entry_count == PAYMENT_ENTRIES_MAX) continue;
        last->posting.entries[last->posting.entry_count++] = (struct payment_entry){
            .account = postgres_column_text(&rows, 4),
            .debit_minor = postgres_column_i64(&rows, 5),
            .credit_minor = postgres_column_i64(&rows, 6),
        };
    }
    if (failed(rows.status)) return rows.status;
    *ret_postings = postings;
    *ret_count = count;
    return status_ok();
}

/* ---- audit ---- */

/* The balance of one of a payment's accounts: what is held, earned or refunded. */
#define BALANCE(plus, minus, account_name)                                                  \
    "coalesce((SELECT sum(" plus " - " minus ") FROM postings JOIN entries USING (posting)" \
    " WHERE postings.payment_id = p.payment_id AND account = '" account_name "'), 0)::int8"

#define HELD BALANCE("debit_minor", "credit_minor", PAYMENT_ACCOUNT_HELD)
#define SALES BALANCE("credit_minor", "debit_minor", PAYMENT_ACCOUNT_SALES)
#define REFUNDS BALANCE("debit_minor", "credit_minor", PAYMENT_ACCOUNT_REFUNDS)

static const char audit_text[] =
    "SELECT " PAYMENT_COLUMNS ","
    " EXISTS (SELECT 1 FROM operations WHERE operations.payment_id = p.payment_id),"
    " " HELD ", " SALES ", " REFUNDS ","
    " (SELECT count(*) FROM postings WHERE postings.payment_id = p.payment_id"
    "  AND (SELECT sum(debit_minor) - sum(credit_minor) FROM entries"
    "       WHERE entries.posting = postings.posting) IS DISTINCT FROM 0)"
    " FROM payments AS p WHERE payment > $1 AND payment <= $2 AND state <> $3"
    " ORDER BY payment LIMIT $4";

/* Payments with after < payment <= to. */
static struct status read_audits(struct call *call, struct payment_store *port, int64_t after,
                                 int64_t to, size_t max, struct payment_audit *audits,
                                 size_t *ret_count)
{
    struct postgres_rows rows;
    size_t count = 0;

    struct status st = postgres_read(call, payment_postgres(port), &rows, audit_text, "llil", after,
                                     to, (int)PAYMENT_BURIED, (int64_t)max);
    if (failed(st)) return st;
    while (count < max && postgres_next(call, &rows)) {
        struct payment_audit *audit = &audits[count++];
        payment_postgres_read(&rows, &audit->number, &audit->payment);
        audit->busy = postgres_column_i64(&rows, PAYMENT_COLUMN_COUNT) != 0;
        audit->held_minor = postgres_column_i64(&rows, PAYMENT_COLUMN_COUNT + 1);
        audit->captured_minor = postgres_column_i64(&rows, PAYMENT_COLUMN_COUNT + 2);
        audit->refunded_minor = postgres_column_i64(&rows, PAYMENT_COLUMN_COUNT + 3);
        audit->unbalanced = postgres_column_i64(&rows, PAYMENT_COLUMN_COUNT + 4);
    }
    if (failed(rows.status)) return rows.status;
    *ret_count = count;
    return status_ok();
}

static struct status audit(struct call *call, struct payment_store *port, int64_t after, size_t max,
                           struct payment_audit **ret_audits, size_t *ret_count)
{
    struct payment_audit *audits = arena_array(call->arena, struct payment_audit, max);

    struct status st = read_audits(call, port, after, INT64_MAX, max, audits, ret_count);
    if (!failed(st)) *ret_audits = audits;
    return st;
}

static struct status audit_one(struct call *call, struct payment_store *port, int64_t number,
                               struct payment_audit *ret_audit)
{
    size_t count;

    struct status st = read_audits(call, port, number - 1, number, 1, ret_audit, &count);
    if (failed(st)) return st;
    return count == 1 ? status_ok() : payment_not_found();
}

/* ---- the payments of orders ---- */

enum { IDS_MAX = 1024 * 1024 }; /* bytes of all ids that are looked for at once */

static struct status find_references(struct call *call, struct payment_store *port,
                                     const char *const *order_ids, size_t count,
                                     const char ***ret_references)
{
    const char **references = arena_array(call->arena, const char *, count);
    struct buffer ids;
    struct postgres_rows rows;
    size_t found = 0;

    buffer_init(&ids, IDS_MAX);
    for (size_t i = 0; i < count; i++) buffer_printf(&ids, "%s%s", i > 0 ? "\n" : "", order_ids[i]);
    const char *lines = str_dup(call->arena, buffer_str(&ids));
    buffer_release(&ids);
    struct status st = postgres_read(
        call, payment_postgres(port), &rows,
        "SELECT payments.order_id IS NOT NULL, coalesce(payments.reference, '')"
        " FROM unnest(string_to_array($1, chr(10))) WITH ORDINALITY AS asked (id, place)"
        " LEFT JOIN payments ON payments.order_id = asked.id ORDER BY place",
        "t", lines);
    if (failed(st)) return st;
    while (found < count && postgres_next(call, &rows)) {
        bool has_payment = postgres_column_i64(&rows, 0) != 0;
        references[found++] = has_payment ? postgres_column_text(&rows, 1) : 0;
    }
    if (failed(rows.status)) return rows.status;
    if (found < count)
        return status_make(STATUS_INTERNAL, 0, "fewer orders were looked for than asked");
    *ret_references = references;
    return status_ok();
}

void payment_postgres_add_audit(struct payment_store *port)
{
    port->list_postings = list_postings;
    port->audit = audit;
    port->audit_one = audit_one;
    port->find_references = find_references;
}
