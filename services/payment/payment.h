/* SPDX-License-Identifier: Apache-2.0 */
/* A payment: what may happen to it, and what follows. Plain values, no I/O.
 *
 *     new <=> authorizing --> authorized --> capturing --> captured -- refund, refund, ...
 *      |            \            |   \          |
 *      |           action --> confirming       (refused: back to authorized)
 *      |              \         |
 *      +------------- voiding --+--> canceled
 *
 * One try to pay that fails (declined, or given up by the customer) leads back to new, and another
 * method may be tried; what the provider still has open of it is voided first. Only the order ends
 * a payment that was never authorized. The failed tries are counted, and bounded.
 *
 * A state that ends in -ing has an operation under way: the provider is asked until it answers,
 * whatever else happens. What the order wants meanwhile (its money taken, or given back) is kept as
 * a flag, and done as soon as the state allows: those are the duties. Refunds go on side by side,
 * in the state captured; what they may still give back is counted when they begin. A payment of
 * nothing is captured from the beginning.
 *
 *     payment_take(arena, &payment, PAYMENT_GOT_AUTHORIZED, &input, &effects)
 *
 * changes the payment and says what else belongs into the same transaction: postings of the ledger,
 * news for others, and the operation that begins now. */
#ifndef SERVICES_PAYMENT_PAYMENT_H
#define SERVICES_PAYMENT_PAYMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

/* Kept in stores: numbers never change. */
enum payment_state {
    PAYMENT_ABSENT = 0, /* nothing is known of the order */
    PAYMENT_BURIED = 1, /* the order was cancelled before it was validated: nothing will come */
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
    /* Somebody asks for it. */
    PAYMENT_ASK_AUTHORIZE,
    PAYMENT_ASK_ABANDON, /* what the customer was asked to confirm, for another method */
    PAYMENT_ASK_CONFIRM,
    PAYMENT_ASK_CAPTURE,
    PAYMENT_ASK_VOID,
    PAYMENT_ASK_REFUND,
    /* The order tells. */
    PAYMENT_ORDER_VALIDATED,
    PAYMENT_ORDER_CONFIRMED,  /* the money is taken later */
    PAYMENT_ORDER_TO_CAPTURE, /* the money is to be taken now */
    PAYMENT_ORDER_TO_DELIVER, /* likewise, and the order waits to hear of it */
    PAYMENT_ORDER_CANCELLED,
    /* Time tells. */
    PAYMENT_EXPIRED, /* the authorization */
    PAYMENT_DELAYED, /* the provider does not answer; it is asked again */
    /* The order brings a method, and its customer's payments have failed too often of late. */
    PAYMENT_TRY_DENIED,
    /* The provider answers. */
    PAYMENT_GOT_AUTHORIZED,
    PAYMENT_GOT_ACTION,
    PAYMENT_GOT_FAILED, /* declined, or it is certain that nothing was done */
    PAYMENT_GOT_CAPTURED,
    PAYMENT_GOT_VOIDED,
    PAYMENT_GOT_REFUNDED,
    PAYMENT_GOT_REFUSED, /* an operation that is no refund, for good */
    PAYMENT_GOT_REFUND_REFUSED,
    PAYMENT_GOT_REFUND_REVERSED, /* one that had succeeded has failed after all */
};
enum { PAYMENT_STEP_COUNT = PAYMENT_GOT_REFUND_REVERSED + 1 };

/* What is wanted, mostly by the order: bits of `wishes`. Kept in stores. */
enum payment_wish {
    PAYMENT_WISH_CONFIRMED = 1, /* it is confirmed */
    PAYMENT_WISH_CAPTURE = 2,   /* take the money */
    PAYMENT_WISH_UNDO = 4,      /* give back what there is; stronger than taking it */
    PAYMENT_WISH_ENDED = 8,     /* it is cancelled */
    PAYMENT_WISH_CLOSE = 16,    /* the try that has failed, so that another one may follow */
};

struct payment {
    const char *payment_id, *order_id;
    const char *user_id;       /* the customer's address */
    const char *sellers;       /* whose products they are, one a line */
    const char *provider;      /* "test", "stripe" */
    const char *reference;     /* the provider's own id; "" before its first answer */
    const char *client_secret; /* lets the customer confirm; only while that may be needed */
    const char *currency;
    enum payment_state state;
    unsigned wishes; /* enum payment_wish */
    int64_t amount_minor;
    int64_t authorized_minor; /* 0, or all of it once it has been */
    int64_t captured_minor;
    int64_t refunded_minor;
    int64_t refunding_minor; /* of refunds that are under way */
    int reason;              /* of the last failure that nothing has made good; 0: none */
    const char *message;     /* in words */
    int failures;            /* tries to pay that came to nothing: declined, refused, given up */
    int64_t failed_us;       /* when the last of them did; 0: none */
    int64_t expires_us;      /* of the authorization; 0: none */
    int64_t created_us, updated_us;
};

/* Kept in stores. */
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

/* The provider holds what the customer has promised. */
void payment_post_authorize(int64_t amount_minor, struct payment_posting *ret_posting);
/* Of what was held, so much is ours now. */
void payment_post_capture(int64_t amount_minor, struct payment_posting *ret_posting);
/* So much is held no longer: cause "release" after a capture of less, "void" of all. */
void payment_post_release(const char *cause, int64_t amount_minor,
                          struct payment_posting *ret_posting);
void payment_post_refund(int64_t amount_minor, struct payment_posting *ret_posting);
/* A refund came back: what payment_post_refund did is undone. */
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
    int64_t expires_us;   /* when an authorization of now ends */
    int64_t amount_minor; /* asked for (0: all that is left), or what the provider moved */
    int failures_max;     /* of the payment, before no other try is made; 0: any number */
    int reason;           /* of what fails, expires or is cancelled */
    const char *message;
};

struct payment_effects {
    bool changed; /* the payment itself */
    struct {
        enum payment_operation_kind kind; /* that begins now; mostly none */
        int64_t amount_minor;
        int64_t delay_us; /* it was refused just now, and waits so long */
    } operation;
    struct payment_posting postings[PAYMENT_POSTINGS_MAX];
    size_t posting_count;
    enum payment_news news[PAYMENT_NEWS_MAX];
    size_t news_count;
    int64_t refunded_minor; /* of PAYMENT_NEWS_REFUNDED: this time */
    int64_t reversed_minor; /* of a refund that had succeeded and has failed */
};

/* Fills *ret_effects. What is asked for and not allowed is refused, and nothing has changed:
 * FAILED_PRECONDITION (PAYMENT_STATE, PAYMENT_TRIES_MAX, PAYMENT_ABOVE_AUTHORIZED,
 * PAYMENT_ABOVE_CAPTURED) or ABORTED (PAYMENT_BUSY). What is told and comes late, twice or out of order changes nothing. */
struct status payment_take(struct arena *arena, struct payment *payment, enum payment_step step,
                           const struct payment_input *input, struct payment_effects *ret_effects);

/* As on the wire: "requires_payment_method" and so on; static. */
const char *payment_state_name(enum payment_state state);
/* Of its own: "authorizing"; static. */
const char *payment_state_own_name(enum payment_state state);
const char *payment_operation_name(enum payment_operation_kind kind);

/* Has it an operation under way that is no refund? */
bool payment_is_busy(const struct payment *payment);

/* Is the address the only seller, or one of them? */
bool payment_is_only_seller(const struct payment *payment, const char *email);
bool payment_is_seller(const struct payment *payment, const char *email);

#endif
