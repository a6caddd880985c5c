/* SPDX-License-Identifier: Apache-2.0 */
/* The port of a payment provider, which moves the money. An adapter fills the table:
 * payment_provider_bank.c calls the bank service, payment_provider_stripe.c calls Stripe.
 *
 * Every call carries an idempotency key: repeating it with the same key gets the first call's
 * result, so a call whose answer was lost is simply repeated. An adapter answers
 *   - OK: the provider has answered, even if it declined; `outcome` says what;
 *   - INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION: the call had no effect and will have none
 *     under this key;
 *   - anything else: the outcome is unknown; retry with the same key.
 * INTERNAL needs people (for a wrong secret key, say), and is logged. */
#ifndef SERVICES_PAYMENT_PAYMENT_PROVIDER_H
#define SERVICES_PAYMENT_PAYMENT_PROVIDER_H

#include "fiber/call.h"

enum provider_outcome {
    PROVIDER_AUTHORIZED,      /* the amount is held */
    PROVIDER_REQUIRES_ACTION, /* the customer has to confirm */
    PROVIDER_DECLINED,
    PROVIDER_CAPTURED,
    PROVIDER_VOIDED,
    PROVIDER_REFUNDED,
    PROVIDER_PROCESSING, /* the provider itself does not know yet; look again later */
};

struct provider_request {
    const char *idempotency_key;
    const char *payment_id; /* ours, for its records */
    const char *order_id;
    const char *reference;      /* the provider's own id; "" before the first answer */
    const char *payment_method; /* for authorize: the token */
    int64_t amount_minor;       /* for authorize, capture, refund */
    const char *currency;
    int64_t begun_us; /* when the key was first used, as providers forget keys; 0: now */
};

struct provider_answer {
    enum provider_outcome outcome;
    const char *reference;    /* arena */
    const char *decline_code; /* of a decline: "card_declined", or "" */
    const char *message;      /* of a decline, for people, or "" */
    /* Of requires_action: with it the customer's browser continues; NULL or "": not needed. */
    const char *client_secret;
    const char *refund; /* of a refund: the provider's own id of it; NULL or "": it gives none */
};

/* A payment as the provider has it, for reconciliation. */
struct provider_charge {
    const char *reference;
    const char *order_id; /* "": of another application on the same account */
    const char *status;   /* authorized, requires_action, declined, captured, voided, processing */
    int64_t amount_minor, captured_minor, refunded_minor;
    const char *currency;
    const char *client_secret; /* as in provider_answer */
};

/* A refund as the provider has it. */
struct provider_refund {
    const char *reference;       /* the provider's own id of it */
    const char *idempotency_key; /* that we asked for it with; "": somebody else did */
    int64_t amount_minor;
    bool has_failed; /* the customer does not get it */
};

/* A webhook. */
struct provider_event {
    const char *event_id;  /* for deduplication */
    const char *reference; /* the payment's */
    const char *type;      /* the provider's own name */
    bool known;            /* false: of a type that is ignored */
};

struct payment_provider {
    const char *name; /* "test", "stripe" */

    struct status (*authorize)(struct call *call, struct payment_provider *provider,
                               const struct provider_request *request,
                               struct provider_answer *ret_answer);
    /* After requires_action. */
    struct status (*confirm)(struct call *call, struct payment_provider *provider,
                             const struct provider_request *request,
                             struct provider_answer *ret_answer);
    struct status (*capture)(struct call *call, struct payment_provider *provider,
                             const struct provider_request *request,
                             struct provider_answer *ret_answer);
    struct status (*void_)(struct call *call, struct payment_provider *provider,
                           const struct provider_request *request,
                           struct provider_answer *ret_answer);
    struct status (*refund)(struct call *call, struct payment_provider *provider,
                            const struct provider_request *request,
                            struct provider_answer *ret_answer);

    /* One payment by its reference. NOT_FOUND (CHARGE_NOT_FOUND). */
    struct status (*find)(struct call *call, struct payment_provider *provider,
                          const char *reference, struct provider_charge *ret_charge);
    /* Several payments at once: puts each into ret_charges[i], with a NULL reference if the provider
     * does not have it. NULL: they are found one by one. */
    struct status (*find_several)(struct call *call, struct payment_provider *provider,
                                  const char *const *references, size_t count,
                                  struct provider_charge *ret_charges);
    /* All payments, in pages, in the provider's own sequence (Stripe's newest come first). `after`
     * is the previous page's last reference, "" for the first page; the last page has fewer than
     * `max`. */
    struct status (*list)(struct call *call, struct payment_provider *provider, const char *after,
                          size_t max, struct provider_charge **ret_charges, size_t *ret_count);

    /* The refunds of a payment that was found, in any order; fewer than `max` if these are all.
     * NULL: the provider can't say. */
    struct status (*list_refunds)(struct call *call, struct payment_provider *provider,
                                  const struct provider_charge *charge, size_t max,
                                  struct provider_refund **ret_refunds, size_t *ret_count);

    /* The result of authorize under this key. NOT_FOUND (CHARGE_NOT_FOUND): it had no effect, and
     * will have none unless it is called again. NULL: the provider can't say. */
    struct status (*find_by_key)(struct call *call, struct payment_provider *provider,
                                 const char *idempotency_key, struct provider_charge *ret_charge);

    /* Checks a webhook's signature over its bytes and reads it. UNAUTHENTICATED
     * (WEBHOOK_SIGNATURE). NULL: the provider sends no webhooks. */
    struct status (*read_webhook)(const struct call *call, struct payment_provider *provider,
                                  struct str signature, struct str body,
                                  struct provider_event *ret_event);

    /* After the shards have been joined; may be NULL. */
    void (*close)(struct payment_provider *provider);
};

struct service_context;

/* The test provider: a client of the bank service. */
struct status payment_provider_test(const struct service_context *context,
                                    struct payment_provider **ret_provider);
/* Stripe: PaymentIntents with manual capture, over HTTPS (STRIPE_API_KEY, STRIPE_API_URL,
 * STRIPE_WEBHOOK_SECRET). */
struct status payment_provider_stripe(const struct service_context *context,
                                      struct payment_provider **ret_provider);

#endif
