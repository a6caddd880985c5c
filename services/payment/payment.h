/* SPDX-License-Identifier: Apache-2.0 */
/* A payment: its states and steps, and their effects. Plain values, no I/O.
 *
 *     new <=> authorizing --> authorized --> capturing --> captured -- refund, refund, ...
 *      |            \            |   \          |
 *      |           action --> confirming       (refused: back to authorized)
 *      |              \         |
 *      +------------- voiding --+--> canceled
 *
 * An attempt to pay that fails (declined, or abandoned by the customer) leads back to new, and
 * another method may be tried; what the provider still has open of it is voided first. A payment
 * that was never authorized ends only with its order. Failed attempts are counted and limited.
 *
 * A state that ends in -ing has an operation in progress: the provider is called until it answers,
 * whatever else happens. What the order requests meanwhile (a capture, or its money back) is stored
 * as a flag, and done as soon as the state allows: those are the duties. Refunds may be in progress
 * side by side, in the state captured; their amounts are reserved when they begin. A payment of 0
 * is captured from the beginning.
 *
 *     payment_take(arena, &payment, PAYMENT_GOT_AUTHORIZED, &input, &effects)
 *
 * changes the payment and says what else belongs into the same transaction: postings of the ledger,
 * news (events to publish), and the operation that begins now. */
#ifndef SERVICES_PAYMENT_PAYMENT_H
#define SERVICES_PAYMENT_PAYMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

/* Stored, so the numbers must not change. */
enum payment_state {
    PAYMENT_ABSENT = 0, /* the order is unknown */
    PAYMENT_BURIED = 1, /* a tombstone: the order was cancelled before it was validated */
    PAYMENT_NEW = 2,
    PAYMENT_AUTHORIZING = 3,
    PAYMENT_ACTION = 4, /* the customer has to confirm */
    PAYMENT_CONFIRMING = 5,
    PAYMENT_AUTHORIZED = 6,
    PAYMENT_CAPTURING = 7,
    PAYMENT_CAPTURED = 8,
    PAYMENT_VOIDING = 9,
    PAYMENT_CANCELED = 10,
};
enum { PAYMENT_STATE_COUNT = 11 };

enum payment_step {
    /* Requests. */
    PAYMENT_ASK_AUTHORIZE,
    PAYMENT_ASK_ABANDON, /* the method that the customer was asked to confirm, for another one */
    PAYMENT_ASK_CONFIRM,
    PAYMENT_ASK_CAPTURE,
    PAYMENT_ASK_VOID,
    PAYMENT_ASK_REFUND,
    /* Events of the order. */
    PAYMENT_ORDER_VALIDATED,
    PAYMENT_ORDER_CONFIRMED,  /* capture later */
    PAYMENT_ORDER_TO_CAPTURE, /* capture now */
    PAYMENT_ORDER_TO_DELIVER, /* capture now, and publish the result in any case */
    PAYMENT_ORDER_CANCELLED,
    /* Time. */
    PAYMENT_EXPIRED, /* the authorization */
    PAYMENT_DELAYED, /* the provider does not answer; the call is retried */
    /* The order came with a method, but its customer has too many failed attempts. */
    PAYMENT_TRY_DENIED,
    /* Answers of the provider. */
    PAYMENT_GOT_AUTHORIZED,
    PAYMENT_GOT_ACTION,
    PAYMENT_GOT_FAILED, /* declined, or certainly without effect */
    PAYMENT_GOT_CAPTURED,
    PAYMENT_GOT_VOIDED,
    PAYMENT_GOT_REFUNDED,
    PAYMENT_GOT_REFUSED, /* any operation but a refund was refused for good */
    PAYMENT_GOT_REFUND_REFUSED,
    PAYMENT_GOT_REFUND_REVERSED, /* a refund has failed after it had succeeded */
};
enum { PAYMENT_STEP_COUNT = PAYMENT_GOT_REFUND_REVERSED + 1 };

/* What was requested, mostly by the order: bits of `wishes`. Stored. */
enum payment_wish {
    PAYMENT_WISH_CONFIRMED = 1, /* the order is confirmed */
    PAYMENT_WISH_CAPTURE = 2,   /* capture */
    PAYMENT_WISH_UNDO = 4,      /* void or refund everything; overrides capture */
    PAYMENT_WISH_ENDED = 8,     /* the order is cancelled */
    PAYMENT_WISH_CLOSE = 16,    /* void the failed attempt, so that another one may follow */
};

struct payment {
    const char *payment_id, *order_id;
    const char *user_id;       /* the customer's address */
    const char *sellers;       /* the sellers of the products, one on each line */
    const char *provider;      /* "test", "stripe" */
    const char *reference;     /* the provider's own id; "" before its first answer */
    const char *client_secret; /* lets the customer confirm; only while that may be needed */
    const char *currency;
    enum payment_state state;
    unsigned wishes; /* enum payment_wish */
    int64_t amount_minor;
    int64_t authorized_minor; /* 0, or amount_minor once it was authorized */
    int64_t captured_minor;
    int64_t refunded_minor;
    int64_t refunding_minor; /* of refunds in progress */
    int reason;              /* of the last failure, until a later success; 0: none */
    const char *message;     /* the same in words */
    int failures;            /* failed attempts to pay: declined, refused, abandoned */
    int64_t failed_us;       /* when the last of them failed; 0: none */
    int64_t expires_us;      /* of the authorization; 0: none */
    int64_t created_us, updated_us;
};

/* Stored, so the numbers must not change. */
enum payment_operation_kind {
    PAYMENT_NO_OPERATION = 0,
    PAYMENT_AUTHORIZE = 1,
    PAYMENT_CONFIRM = 2,
    PAYMENT_CAPTURE = 3,
    PAYMENT_VOID = 4,
    PAYMENT_REFUND = 5,
};

/* ---- the ledger ---- */

enum { PAYMENT_ENTRIES_MAX = 4, PAYMENT_POSTINGS_MAX = 2, PAYMENT_NEWS_MAX = 2 };

struct payment_entry {
    const char *account;
    int64_t debit_minor, credit_minor; /* one of the two is 0 */
};

/* One movement of money: its debits and credits are equal. */
struct payment_posting {
    const char *cause; /* authorize, capture, release, void, refund */
    struct payment_entry entries[PAYMENT_ENTRIES_MAX];
    size_t entry_count;
};

/* The provider holds an amount that the customer has promised. */
void payment_post_authorize(int64_t amount_minor, struct payment_posting *ret_posting);
/* An amount of what was held has been earned. */
void payment_post_capture(int64_t amount_minor, struct payment_posting *ret_posting);
/* An amount is no longer held: cause "release" after a partial capture, else "void". */
void payment_post_release(const char *cause, int64_t amount_minor,
                          struct payment_posting *ret_posting);
void payment_post_refund(int64_t amount_minor, struct payment_posting *ret_posting);
/* A refund has failed: reverses payment_post_refund. */
void payment_post_refund_reversed(int64_t amount_minor, struct payment_posting *ret_posting);

#define PAYMENT_ACCOUNT_HELD "provider:held"
#define PAYMENT_ACCOUNT_PROMISED "customer:promised"
#define PAYMENT_ACCOUNT_RECEIVABLE "provider:receivable"
#define PAYMENT_ACCOUNT_SALES "sales"
#define PAYMENT_ACCOUNT_REFUNDS "refunds"

/* ---- steps ---- */

enum payment_news {
    PAYMENT_NEWS_AUTHORIZED,
    PAYMENT_NEWS_FAILED,
    PAYMENT_NEWS_ACTION,
    PAYMENT_NEWS_CAPTURED,
    PAYMENT_NEWS_VOIDED,
    PAYMENT_NEWS_REFUNDED,
    PAYMENT_NEWS_CAPTURE_FAILED,
    PAYMENT_NEWS_DELAYED,
};

struct payment_input {
    int64_t now_us;
    int64_t expires_us;         /* when an authorization that begins now expires */
    int64_t amount_minor;       /* the requested amount (0: all that is left), or the one moved */
    int failures_max;           /* the most failed attempts of the payment; 0: no limit */
    int64_t payer_failures_max; /* and of its customer, over all recent payments; 0: no limit */
    int64_t payer_failures;     /* the latter, before the step */
    int64_t payer_first_us;     /* the time of the first of them */
    int64_t payer_within_us;    /* how long one counts */
    int reason;                 /* of a failure, expiry or cancellation */
    const char *message;        /* the same in words */
};

struct payment_effects {
    bool changed; /* the payment itself was changed */
    struct {
        enum payment_operation_kind kind; /* the operation that begins now; mostly none */
        int64_t amount_minor;
        int64_t delay_us; /* its pause before the first call, after a refusal */
    } operation;
    struct payment_posting postings[PAYMENT_POSTINGS_MAX];
    size_t posting_count;
    enum payment_news news[PAYMENT_NEWS_MAX];
    size_t news_count;
    int64_t refunded_minor; /* for PAYMENT_NEWS_REFUNDED: by this refund */
    int64_t reversed_minor; /* of a refund that failed after it had succeeded */
};

/* Takes a step and fills *ret_effects. A request that the state does not allow is refused and
 * changes nothing: FAILED_PRECONDITION (PAYMENT_STATE, PAYMENT_TRIES_MAX, PAYMENT_ABOVE_AUTHORIZED,
 * PAYMENT_ABOVE_CAPTURED), RESOURCE_EXHAUSTED (PAYMENT_TRIES_RATE) or ABORTED (PAYMENT_BUSY).
 * Events and answers that come late, twice or out of order change nothing. */
struct status payment_take(struct arena *arena, struct payment *payment, enum payment_step step,
                           const struct payment_input *input, struct payment_effects *ret_effects);

/* May another attempt to pay begin? Limits the failed ones of the payment (PAYMENT_TRIES_MAX) and
 * of its customer (PAYMENT_TRIES_RATE, with the time to retry), against people who test stolen
 * cards. `failures` have happened in this step, and input->payer_failures does not have them. */
struct status payment_check_tries(struct arena *arena, const struct payment *payment,
                                  const struct payment_input *input, int failures);

/* The name on the wire: "requires_payment_method" and so on; static. */
const char *payment_state_name(enum payment_state state);
/* The internal name: "authorizing"; static. */
const char *payment_state_own_name(enum payment_state state);
const char *payment_operation_name(enum payment_operation_kind kind);

/* Is an operation other than a refund in progress? */
bool payment_is_busy(const struct payment *payment);

/* Is the address the only seller, or one of them? */
bool payment_is_only_seller(const struct payment *payment, const char *email);
bool payment_is_seller(const struct payment *payment, const char *email);

#endif
