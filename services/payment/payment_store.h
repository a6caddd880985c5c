/* SPDX-License-Identifier: Apache-2.0 */
/* The port: what the payment service needs of its storage. An adapter fills the table;
 * payment_store_test.c holds each adapter to it.
 *
 * A change of a payment is one transaction with everything that belongs to it: the operation that
 * begins or ends, the postings of the ledger, the published events, and the record of its cause:
 * the event or the request. */
#ifndef SERVICES_PAYMENT_PAYMENT_STORE_H
#define SERVICES_PAYMENT_PAYMENT_STORE_H

#include "events/change.h"
#include "events/events_store.h"
#include "rpc/service.h"
#include "services/payment/payment.h"

struct payment_store;

/* A call of the provider. It is stored before the provider is called, and until it has answered.
 * Its id is the idempotency key for the provider, and the id of a refund. */
struct payment_operation {
    const char *operation_id, *payment_id;
    enum payment_operation_kind kind;
    int64_t amount_minor;
    const char *method; /* for authorize: the provider's token */
    const char *note;   /* for a refund: why */
    int attempts;       /* the unanswered attempts */
    bool processing;    /* the provider has answered that it does not know yet */
    int64_t next_us;    /* no attempt begins before: one is in progress, or it waits */
    int64_t created_us;
    /* The request that began it: its caller, and its key if it has one, whose record is finished
     * with the operation. "": no request, it follows from something else. */
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

/* A customer's payments with recent failed attempts. */
struct payment_failures {
    int64_t count;    /* all failed attempts of these payments */
    int64_t first_us; /* the earliest of the payments' last failures */
};

/* What a change writes in addition to the payment. */
struct payment_write {
    struct payment_failures of_payer; /* read before the change, if it has a `payer` */
    enum payment_state from;          /* before the change */
    struct payment_effects effects;
    struct payment_operation begun; /* the operation that begins, if effects.operation says so */
    bool ended;                     /* the change's operation has ended */
    bool refund_failed;             /* it was a refund that did not succeed */
    const char *refund_reference;   /* the provider's own id of the refund; NULL: it gives none */
    /* A refund that was found to have succeeded, or to have failed after it had. Without a row: one
     * made in the provider's own dashboard gets a row if its `reference` is known; for a failed one
     * the newest of the amount counts. */
    struct payment_refund found;
    bool is_found;               /* `found` has succeeded */
    struct change_record record; /* its answer is for the request of the change, or for the one that
                                    began its operation */
};
_Static_assert((int)PAYMENT_NEWS_MAX <= (int)CHANGE_EVENTS_MAX,
               "one record holds the news of a step");

struct payment_change {
    /* The payment, by one of the three. An order without one gets one in PAYMENT_ABSENT. */
    const char *payment_id, *order_id, *operation_id;
    struct change_cause cause;
    /* The customer whose failed attempts are counted for the change, over payments whose last
     * failure came after `failures_after_us`; NULL: none. */
    const char *payer;
    int64_t failures_after_us;
    /* Changes the payment (and gives a new one its ids). `operation` is NULL if the change belongs
     * to none. A failed status leaves everything as it was. Runs on another thread while the call
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

/* A payment, with the sums of its postings. */
struct payment_audit {
    struct payment payment;
    bool busy;                                          /* an operation or refund is in progress */
    int64_t number;                                     /* the payment's, for the next page */
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

    /* PAYMENT_NOT_FOUND, also for a tombstone (PAYMENT_BURIED). */
    struct status (*find)(struct call *call, struct payment_store *store, const char *payment_id,
                          struct payment *ret_payment);
    struct status (*find_by_order)(struct call *call, struct payment_store *store,
                                   const char *order_id, struct payment *ret_payment);
    /* A customer's payments, newest first. *before is 0 for the first page, and is set for the next
     * one, to 0 at the end. */
    struct status (*list)(struct call *call, struct payment_store *store, const char *user_id,
                          int64_t *before, size_t max, struct payment **ret_payments,
                          size_t *ret_count);
    /* The newest refunds, the oldest of them first. */
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
    /* Stores attempts, processing and next_us of an operation, and the provider's id of its payment
     * unless `reference` is NULL or "". OK also if the operation has ended. */
    struct status (*postpone)(struct call *call, struct payment_store *store,
                              const struct payment_operation *operation, const char *reference);
    /* Makes the operations of a payment due now; of all payments if it is NULL. */
    struct status (*hasten)(struct call *call, struct payment_store *store, const char *payment_id,
                            int64_t now_us);
    /* Leases at most `max` operations that are due: nobody else gets them before `until_us`. */
    struct status (*claim)(struct call *call, struct payment_store *store, int64_t now_us,
                           int64_t until_us, size_t max, const char ***ret_operation_ids,
                           size_t *ret_count);
    struct status (*count_operations)(struct call *call, struct payment_store *store,
                                      int64_t *ret_count);

    /* ---- time and audit ---- */

    /* Payments whose authorization has expired, oldest first. */
    struct status (*expired)(struct call *call, struct payment_store *store, int64_t now_us,
                             size_t max, const char ***ret_payment_ids, size_t *ret_count);
    /* Payments after a number, oldest first. */
    struct status (*audit)(struct call *call, struct payment_store *store, int64_t after,
                           size_t max, struct payment_audit **ret_audits, size_t *ret_count);
    /* Which of these orders have no payment, not even one that was cancelled before it began. */
    struct status (*find_unpaid)(struct call *call, struct payment_store *store,
                                 const char *const *order_ids, size_t count, bool **ret_unpaid);
    /* One payment, as it is now. */
    struct status (*audit_one)(struct call *call, struct payment_store *store, int64_t number,
                               struct payment_audit *ret_audit);

    void (*close)(struct payment_store *store);
};

/* Opens the embedded adapter on a file. */
struct status payment_store_sqlite(const struct service_context *context, const char *path,
                                   struct payment_store **ret_store);

#endif
