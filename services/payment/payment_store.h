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
    int64_t next_us;    /* no attempt begins before */
    bool leased;        /* because one is in progress; else it waits */
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

/* A change in the making: what the store has read for it, and what `apply` makes of that. */
struct payment_turn {
    /* The payment as it was read; of an order without one in PAYMENT_ABSENT, with the order's id
     * alone. `apply` changes it, and gives a new one its ids. */
    struct payment payment;
    const struct payment_operation *operation; /* the change's; NULL: it belongs to none */
    struct payment_failures of_payer;          /* if the change has a `payer` */
    const struct payment_refund *refunds;      /* if the change reads them; the oldest first */
    size_t refund_count;

    /* Filled in by `apply`. */
    struct payment_effects effects;
    struct payment_operation begun; /* the operation that begins, if effects.operation says so */
    bool ended;                     /* the change's operation has ended */
    bool refund_failed;             /* it was a refund that did not succeed */
    const char *refund_reference;   /* the provider's own id of the refund; NULL: it gives none */
    /* A refund that was found to have succeeded, or to have failed after it had. Without an id, for
     * a failed one, the newest of the amount counts. */
    struct payment_refund found;
    bool is_found;               /* `found` has succeeded */
    struct change_record record; /* its answer is for the request of the change, or for the one that
                                    began its operation */
};
_Static_assert((int)PAYMENT_NEWS_MAX <= (int)CHANGE_EVENTS_MAX,
               "one record holds the news of a step");

struct payment_change {
    /* The payment, by one of the three. */
    const char *payment_id, *order_id, *operation_id;
    struct change_cause cause;
    /* The customer whose failed attempts are counted for the change, over payments whose last
     * failure came after `failures_after_us`; NULL: none. */
    const char *payer;
    int64_t failures_after_us;
    /* The change may itself be a failed attempt of the payer. Changes of a payer that are take
     * turns, in all processes, so that each counts those before it. */
    bool fails_attempt;
    bool reads_refunds; /* the change needs the payment's refunds */
    /* A failed status leaves everything as it was. May run more than once, and on another thread
     * while the call waits. */
    struct status (*apply)(const struct call *call, struct payment_turn *turn, void *data);
    void *data;
};

/* The refunds of one payment that a change reads, and those that it writes. */
enum { PAYMENT_REFUNDS_READ = 1000, PAYMENT_REFUNDS_WRITTEN = 3 };

/* All that a change writes, and what its caller gets. */
struct payment_written {
    bool applied; /* false: the cause took effect before, or the operation has ended; then nothing
                     else is set */
    struct payment_turn turn;
    enum payment_state from; /* the state before the change */
    bool saves; /* the payment's row is written: a new one if `from` is PAYMENT_ABSENT */
    /* Rows of refunds: new ones, or those of which status and reference change. */
    struct payment_refund refunds[PAYMENT_REFUNDS_WRITTEN];
    size_t refund_count;
    const char *ended;         /* the operation whose row is deleted; NULL: none */
    bool begins;               /* the row of turn.begun is inserted */
    struct change_cause cause; /* what the record belongs to */
};

/* For adapters: an adapter reads into written->turn, has this function decide, and writes the parts
 * of `written` that are there, the postings of the turn's effects, and the turn's record for the
 * cause. Pure, and may be called more than once. */
struct status payment_decide_change(const struct call *call, const struct payment_change *change,
                                    struct payment_written *written);

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
                            struct payment_written *ret_written);

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
    /* Stores attempts, processing, next_us and leased of an operation, and the provider's id of its
     * payment unless `reference` is NULL or "". OK also if the operation has ended. */
    struct status (*postpone)(struct call *call, struct payment_store *store,
                              const struct payment_operation *operation, const char *reference);
    /* Makes the operations of a payment due now; of all payments if it is NULL. One that is leased
     * is left alone, unless its lease ends after `until_us`, which no lease that began by `now_us`
     * does: then it began before the clock was set back. */
    struct status (*hasten)(struct call *call, struct payment_store *store, const char *payment_id,
                            int64_t now_us, int64_t until_us);
    /* When the process begins to serve: makes all operations due, because whoever leased them has
     * ended. NULL: other processes may have leased them, so the leases end by themselves. */
    struct status (*take_over)(struct call *call, struct payment_store *store, int64_t now_us);
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
    /* The provider's id of each of these orders' payments, "" if it has none yet; NULL for an order
     * without a payment, even one that was cancelled before it began. */
    struct status (*find_references)(struct call *call, struct payment_store *store,
                                     const char *const *order_ids, size_t count,
                                     const char ***ret_references);
    /* One payment, as it is now. */
    struct status (*audit_one)(struct call *call, struct payment_store *store, int64_t number,
                               struct payment_audit *ret_audit);

    /* Calls fn(data) after changes that other processes may have made; on any thread. Set once,
     * before the shards run. NULL: the store is this process's alone. */
    void (*on_change)(struct payment_store *store, void (*fn)(void *data), void *data);

    /* Connects to an engine that is another process, as struct service_module says of `open`; NULL
     * for the embedded store. */
    struct status (*open)(struct call *call, struct payment_store *store);
    /* Likewise, of `check`; NULL: there is nothing to say. */
    struct status (*check)(struct call *call, struct payment_store *store,
                           struct store_findings *findings);
    void (*close)(struct payment_store *store);
};

/* Opens the embedded adapter on a file. */
struct status payment_store_sqlite(const struct service_context *context, const char *path,
                                   struct payment_store **ret_store);
/* Makes the adapter on PostgreSQL; it reaches the server in `open`. */
struct status payment_store_postgres(const struct service_context *context, const char *url,
                                     struct payment_store **ret_store);

/* ---- for adapters ---- */

/* PAYMENT_NOT_FOUND. */
struct status payment_not_found(void);

/* In the SQL stores every statement that reads payments begins with these columns of
 * `payments AS p`; those of `operations AS o` may follow. */
#define PAYMENT_COLUMNS                                                                      \
    "p.payment, p.payment_id, p.order_id, p.user_id, p.sellers, p.provider, p.reference,"    \
    " p.currency, p.state, p.wishes, p.amount_minor, p.authorized_minor, p.captured_minor,"  \
    " p.refunded_minor, p.refunding_minor, p.reason, p.message, p.expires_us, p.created_us," \
    " p.updated_us, p.client_secret, p.failures, p.failed_us"
enum { PAYMENT_COLUMN_COUNT = 23 };
#define OPERATION_COLUMNS                                                                 \
    "o.operation_id, o.kind, o.amount_minor, o.method, o.note, o.attempts, o.processing," \
    " o.next_us, o.leased, o.created_us, o.scope, o.key"

#endif
