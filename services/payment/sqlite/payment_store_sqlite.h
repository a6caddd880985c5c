/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of the SQLite adapter: the reading and writing of rows. */
#ifndef SERVICES_PAYMENT_PAYMENT_STORE_SQLITE_H
#define SERVICES_PAYMENT_PAYMENT_STORE_SQLITE_H

#include "events/events_sqlite.h"
#include "services/payment/payment_store.h"

struct sqlite_payment_store {
    struct payment_store port;
    struct sqlite *db;
};

static inline struct sqlite *payment_db(struct payment_store *store)
{
    return ((struct sqlite_payment_store *)store)->db;
}

/* Reads the current row. *ret_number is the payment's row number. */
void payment_row_read(const struct sqlite_rows *rows, int64_t *ret_number,
                      struct payment *ret_payment);
/* `first` is the first of the operation's columns. */
void payment_operation_read(const struct sqlite_rows *rows, int first, const char *payment_id,
                            struct payment_operation *ret_operation);

/* Inserts the payment if *number is 0, and sets it; else updates what may change. */
struct status payment_row_write(struct sqlite_tx *tx, const struct payment *payment,
                                int64_t *number);
struct status payment_operation_write(struct sqlite_tx *tx, int64_t number,
                                      const struct payment_operation *operation);
/* Inserts the refund; of one that there is, status and reference change. */
struct status payment_refund_write(struct sqlite_tx *tx, int64_t number,
                                   const struct payment_refund *refund);
struct status payment_posting_write(struct sqlite_tx *tx, int64_t number,
                                    const struct payment *payment,
                                    const struct payment_posting *posting);

/* The statements of a customer's payments, of the failed ones, and of the audit; for the test that
 * checks their query plans. */
extern const char payment_list_statement[];
extern const char payment_failures_statement[];
extern const char payment_audit_statement[], payment_audit_entries_statement[];

struct status payment_sqlite_list_postings(struct call *call, struct payment_store *store,
                                           const char *payment_id, size_t max,
                                           struct payment_ledger_posting **ret_postings,
                                           size_t *ret_count);
struct status payment_sqlite_audit(struct call *call, struct payment_store *store, int64_t after,
                                   size_t max, struct payment_audit **ret_audits,
                                   size_t *ret_count);
struct status payment_sqlite_find_references(struct call *call, struct payment_store *store,
                                             const char *const *order_ids, size_t count,
                                             const char ***ret_references);
struct status payment_sqlite_audit_one(struct call *call, struct payment_store *store,
                                       int64_t number, struct payment_audit *ret_audit);

struct status payment_sqlite_find_operation(struct call *call, struct payment_store *store,
                                            const char *operation_id,
                                            struct payment_operation *ret_operation,
                                            struct payment *ret_payment);
struct status payment_sqlite_postpone(struct call *call, struct payment_store *store,
                                      const struct payment_operation *operation,
                                      const char *reference);
struct status payment_sqlite_hasten(struct call *call, struct payment_store *store,
                                    const char *payment_id, int64_t now_us, int64_t until_us);
struct status payment_sqlite_take_over(struct call *call, struct payment_store *store,
                                       int64_t now_us);
struct status payment_sqlite_claim(struct call *call, struct payment_store *store, int64_t now_us,
                                   int64_t until_us, size_t max, const char ***ret_operation_ids,
                                   size_t *ret_count);
struct status payment_sqlite_count_operations(struct call *call, struct payment_store *store,
                                              int64_t *ret_count);

#endif
