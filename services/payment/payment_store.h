/* SPDX-License-Identifier: Apache-2.0 */
/* The port: what the payment service wants kept. An adapter fills the table; payment_store_test.c
 * holds each one to it.
 *
 * A change of a payment is one transaction with all that belongs to it: the operation that begins
 * or ends, the postings of the ledger, the events that tell of it, the event or the request that it
 * comes from. */
#ifndef SERVICES_PAYMENT_PAYMENT_STORE_H
#define SERVICES_PAYMENT_PAYMENT_STORE_H

#include "events/change.h"
#include "events/events_store.h"
#include "rpc/service.h"
#include "services/payment/payment.h"

struct payment_store;

/* Something that the provider is to do; it is kept before the provider is asked, and until it has
 * answered. Its id is the provider's idempotency key, and a refund's id. */
struct payment_operation {
    const char *operation_id, *payment_id;
    enum payment_operation_kind kind;
    int64_t amount_minor;
    const char *method; /* of authorize: the provider's token */
    const char *note;   /* of a refund: why */
    int attempts;       /* that were not answered */
    bool processing;    /* the provider has said that it does not know yet */
    int64_t next_us;    /* nobody tries it before: somebody does now, or it waits */
    int64_t created_us;
    /* The request that asked for it: its caller, and its key if it has one, whose record ends with
     * the operation. "" : nobody has, it follows from something else. */
    const char *scope, *key;
};

struct payment_refund {
    const char *refund_id;
    int64_t amount_minor;
    const char *status; /* processing, succeeded, failed */
    const char *reason;
    int64_t created_us;
    const char *reference; /* the provider's own id of it; "": not told */
};

/* Payments of a customer that have failed of late. */
struct payment_failures {
    int64_t count;    /* of all tries of these payments that came to nothing */
    int64_t first_us; /* when the longest ago of their last ones did */
};

/* What a change writes besides the payment. */
struct payment_write {
    struct payment_failures of_payer; /* read before the change, if it has a `payer` */
    enum payment_state from;          /* before the change */
    struct payment_effects effects;
    struct payment_operation begun; /* if effects.operation says so: the rest of it */
    bool ended;                     /* the change's operation */
    bool refund_failed;             /* it was a refund, and has not succeeded */
    const char *refund_reference;   /* the provider's own id of it; NULL: it gives none */
    /* A refund that is found to have succeeded, or to have failed after it had: its row. Without a
     * row: one that was made at the provider's own desk gets one if its `reference` is known; of
     * those that failed, the newest of the amount is taken. */
    struct payment_refund found;
    bool is_found;               /* and has succeeded */
    struct change_record record; /* its answer is for the request of the change, or for the one
                                       that asked for its operation */
};
_Static_assert((int)PAYMENT_NEWS_MAX <= (int)CHANGE_EVENTS_MAX,
               "one record holds the news of a step");

struct payment_change {
    /* Whose: one of the three. An order without a payment has one in the state PAYMENT_ABSENT. */
    const char *payment_id, *order_id, *operation_id;
    struct change_cause cause;
    /* Whose failed tries are counted for the change, of payments whose last one came after
     * `failures_after_us`; NULL: nobody's. */
    const char *payer;
    int64_t failures_after_us;
    /* Changes the payment (and gives a new one its ids). `operation` is NULL if the change is of no
     * operation. A failed status leaves everything as it was. Runs on another thread while the call
     * waits. */
    struct status (*apply)(const struct call *call, struct payment *payment,
                           const struct payment_operation *operation, struct payment_write *write,
                           void *data);
    void *data;
};

struct payment_outcome {
    bool applied; /* false: the cause took effect before, or the operation has ended */
    /* If applied. */
    struct payment payment;
    struct payment_write write;
};

/* A payment as the ledger has it, beside the payment itself. */
struct payment_audit {
    struct payment payment;
    bool busy;                                          /* an operation is under way, refunds too */
    int64_t number;                                     /* of the payment, for the next page */
    int64_t held_minor, captured_minor, refunded_minor; /* by the ledger */
    int64_t unbalanced; /* postings whose debits and credits differ */
};

struct payment_ledger_posting {
    int64_t number;
    const char *currency;
    int64_t at_us;
    struct payment_posting posting;
};

struct payment_store {
    struct events_store events;

    struct status (*update)(struct call *call, struct payment_store *store,
                            const struct payment_change *change,
                            struct payment_outcome *ret_outcome);

    /* PAYMENT_NOT_FOUND. One of an order that was cancelled before is not found either. */
    struct status (*find)(struct call *call, struct payment_store *store, const char *payment_id,
                          struct payment *ret_payment);
    struct status (*find_by_order)(struct call *call, struct payment_store *store,
                                   const char *order_id, struct payment *ret_payment);
    /* A customer's, newest first; *before is 0 for the first page, and is set to where the next one
     * goes on, 0 at the end. */
    struct status (*list)(struct call *call, struct payment_store *store, const char *user_id,
                          int64_t *before, size_t max, struct payment **ret_payments,
                          size_t *ret_count);
    /* The newest ones, the oldest of them first. */
    struct status (*list_refunds)(struct call *call, struct payment_store *store,
                                  const char *payment_id, size_t max,
                                  struct payment_refund **ret_refunds, size_t *ret_count);
    struct status (*list_postings)(struct call *call, struct payment_store *store,
                                   const char *payment_id, size_t max,
                                   struct payment_ledger_posting **ret_postings, size_t *ret_count);

    /* ---- operations ---- */

    /* NOT_FOUND if it has ended. */
    struct status (*find_operation)(struct call *call, struct payment_store *store,
                                    const char *operation_id,
                                    struct payment_operation *ret_operation,
                                    struct payment *ret_payment);
    /* Keeps attempts, processing and next_us of an operation, and the provider's id of its payment
     * if `reference` is one and not ""; fine if it has ended. */
    struct status (*postpone)(struct call *call, struct payment_store *store,
                              const struct payment_operation *operation, const char *reference);
    /* Lets those of a payment be due now; of all payments if it is NULL. */
    struct status (*hasten)(struct call *call, struct payment_store *store, const char *payment_id,
                            int64_t now_us);
    /* Takes at most `max` that are due: nobody else gets them before `until_us`. */
    struct status (*claim)(struct call *call, struct payment_store *store, int64_t now_us,
                           int64_t until_us, size_t max, const char ***ret_operation_ids,
                           size_t *ret_count);
    struct status (*count_operations)(struct call *call, struct payment_store *store,
                                      int64_t *ret_count);

    /* ---- time and audit ---- */

    /* Payments whose authorization has ended, oldest first. */
    struct status (*expired)(struct call *call, struct payment_store *store, int64_t now_us,
                             size_t max, const char ***ret_payment_ids, size_t *ret_count);
    /* Payments after a number, oldest first. */
    struct status (*audit)(struct call *call, struct payment_store *store, int64_t after,
                           size_t max, struct payment_audit **ret_audits, size_t *ret_count);
    /* Which of these orders have no payment, not even one that was cancelled before it began. */
    struct status (*find_unpaid)(struct call *call, struct payment_store *store,
                                 const char *const *order_ids, size_t count, bool **ret_unpaid);
    /* One, as it is now. */
    struct status (*audit_one)(struct call *call, struct payment_store *store, int64_t number,
                               struct payment_audit *ret_audit);

    void (*close)(struct payment_store *store);
};

/* Opens the embedded adapter on a file. */
struct status payment_store_sqlite(const struct service_context *context, const char *path,
                                   struct payment_store **ret_store);

#endif
