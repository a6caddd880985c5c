/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of the PostgreSQL adapter: the reading and queueing of rows. */
#ifndef SERVICES_PAYMENT_POSTGRES_PAYMENT_STORE_POSTGRES_H
#define SERVICES_PAYMENT_POSTGRES_PAYMENT_STORE_POSTGRES_H

#include "events/postgres/events_postgres.h"
#include "services/payment/payment_store.h"

struct postgres_payment_store {
    struct payment_store port; /* first */
    struct postgres *db;
    bool prepares;
};

static inline struct postgres *payment_postgres(struct payment_store *store)
{
    return ((struct postgres_payment_store *)store)->db;
}

#define FIND_OPERATION                               \
    "SELECT " PAYMENT_COLUMNS ", " OPERATION_COLUMNS \
    " FROM operations AS o JOIN payments AS p USING (payment_id) WHERE o.operation_id = $1"
#define NEWEST_REFUNDS                                                                     \
    "SELECT * FROM (SELECT refund_id, amount_minor, status, reason, created_us, reference" \
    " FROM refunds WHERE payment_id = $1 ORDER BY refund_id DESC LIMIT $2) AS newest"      \
    " ORDER BY refund_id"

/* Read the present row. *ret_number is the payment's number. */
void payment_postgres_read(const struct postgres_rows *rows, int64_t *ret_number,
                           struct payment *ret_payment);
/* The operation's columns follow the payment's. */
void payment_postgres_read_operation(const struct postgres_rows *rows, const char *payment_id,
                                     struct payment_operation *ret_operation);
/* Reads all rows of NEWEST_REFUNDS. */
struct status payment_postgres_read_refunds(struct call *call, struct postgres_rows *rows,
                                            struct payment_refund **ret_refunds, size_t *ret_count);

/* Queues all that a change writes. */
void payment_postgres_save(struct arena *arena, struct postgres_tx *tx,
                           const struct payment_written *written);

/* A customer's address as it is compared: ASCII letters without case. */
const char *payment_postgres_key(struct arena *arena, const char *user_id);

/* Functions of the port in files of their own. */
void payment_postgres_add_operations(struct payment_store *port);
void payment_postgres_add_audit(struct payment_store *port);

#endif
