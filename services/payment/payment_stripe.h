/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the Stripe provider. Private to services/payment/.
 *
 *     payment_provider_stripe.c   the provider: authorize, confirm, capture, void, refund, find, list
 *     payment_stripe_call.c       a request, and what its failure means
 *     payment_stripe_form.c       forms and amounts, as Stripe wants them
 *     payment_stripe_answer.c     what its JSON says
 *     payment_stripe_webhook.c    signed events */
#ifndef SERVICES_PAYMENT_PAYMENT_STRIPE_H
#define SERVICES_PAYMENT_PAYMENT_STRIPE_H

#include "base/config.h"
#include "http/https_client.h"
#include "rpc/service.h"
#include "services/payment/payment_provider.h"

/* The provider's settings, as rows of the payment service's table. */
#define PAYMENT_STRIPE_SETTINGS                                                                    \
    {"STRIPE_API_KEY",                                                                             \
     SETTING_SECRET,                                                                               \
     "",                                                                                           \
     "The secret key of the Stripe account, for PAYMENT_PROVIDER=stripe.",                         \
     0,                                                                                            \
     0},                                                                                           \
        {"STRIPE_API_URL",                                                                         \
         SETTING_URL,                                                                              \
         "https://api.stripe.com",                                                                 \
         "Where Stripe's API is; http:// is taken for this machine's own addresses only.",         \
         0,                                                                                        \
         0},                                                                                       \
        {"STRIPE_WEBHOOK_SECRET",                                                                  \
         SETTING_SECRET,                                                                           \
         "",                                                                                       \
         "The signing secret of the webhook endpoint; without it every webhook is refused.",       \
         0,                                                                                        \
         0},                                                                                       \
    {                                                                                              \
        "STRIPE_WEBHOOK_TOLERANCE", SETTING_DURATION, "5m",                                        \
            "How old a webhook's signature may be, or how far ahead of our clock.", 1000, 86400000 \
    }

struct stripe {
    struct payment_provider provider;
    struct https_client *client;
    const char *url; /* without a slash at its end */
    const char *key;
    const char *webhook_secret;
    int64_t webhook_tolerance_s;
};

/* ---- forms and amounts ---- */

/* application/x-www-form-urlencoded. */
struct stripe_form {
    struct arena *arena;
    const char *text; /* "" is empty */
};

void stripe_form_init(struct stripe_form *form, struct arena *arena);
void stripe_form_add(struct stripe_form *form, const char *name, const char *value);
void stripe_form_add_number(struct stripe_form *form, const char *name, int64_t value);

/* Between our minor units (ISO 4217) and Stripe's, which has other decimals for some currencies.
 * False for what Stripe cannot express: its amounts of currencies with three decimals are multiples
 * of ten. */
bool stripe_amount_from_minor(const char *currency, int64_t minor, int64_t *ret_amount);
bool stripe_amount_to_minor(const char *currency, int64_t amount, int64_t *ret_minor);

/* ---- what its JSON says ---- */

/* Texts that are missing are "". All is in the arena. */
struct stripe_error {
    const char *type; /* "card_error" */
    const char *code; /* "card_declined" */
    const char *decline_code;
    const char *message;
    const char *param; /* the parameter that is wrong */
};

struct stripe_intent {
    const char *id;
    const char *status;
    const char *currency; /* lower case */
    const char *order_id;
    const char *client_secret;
    int64_t amount, received;
    int64_t released; /* of the amount: what a capture of a part has let go; 0 if it does not say */
    int64_t refunded; /* what was released counts as refunded at Stripe */
    struct stripe_error failure; /* of the last try to pay */
};

struct stripe_refund {
    const char *id;
    const char *status;
    const char *failure_reason;
    const char *operation_id; /* ours, of its metadata */
    const char *intent;       /* the payment that it is of */
    int64_t amount;
};

struct stripe_event {
    const char *id;
    const char *type;
    const char *object;  /* "payment_intent", "charge", "refund" */
    const char *subject; /* the object's id */
    const char *intent;  /* the payment that the object belongs to */
};

/* Each is false for what is no JSON object with an id (an error: with a type). Members of a shape
 * that is not expected are passed over: Stripe adds to its objects as it likes. */
bool stripe_read_intent(struct arena *arena, struct str json, struct stripe_intent *ret_intent);
bool stripe_read_refund(struct arena *arena, struct str json, struct stripe_refund *ret_refund);
bool stripe_read_event(struct arena *arena, struct str json, struct stripe_event *ret_event);
/* ret_intent: the payment as it is after the error, if it says so; else all texts are "". */
bool stripe_read_error(struct arena *arena, struct str json, struct stripe_error *ret_error,
                       struct stripe_intent *ret_intent);
/* A page; at most `max` of them. */
bool stripe_read_list(struct arena *arena, struct str json, size_t max,
                      struct stripe_intent *ret_intents, size_t *ret_count);
bool stripe_read_refunds(struct arena *arena, struct str json, size_t max,
                         struct stripe_refund *ret_refunds, size_t *ret_count);

/* ---- requests ---- */

struct stripe_request {
    const char *path;               /* "/v1/payment_intents" */
    const struct stripe_form *form; /* of a POST; NULL: GET */
    const char *idempotency_key;    /* of a POST */
};

struct stripe_answer {
    bool refused;                /* Stripe, or the bank behind it, says no (402) */
    struct str body;             /* unless it is refused */
    struct stripe_error error;   /* of a refusal */
    struct stripe_intent intent; /* of a refusal: the payment after it, if it says so */
};

/* Errors as payment_provider.h has them. */
struct status stripe_call(struct call *call, const struct stripe *stripe,
                          const struct stripe_request *request, struct stripe_answer *ret_answer);

/* ---- webhooks ---- */

enum { STRIPE_SIGNATURES_MAX = 16 };

struct stripe_webhook {
    struct str secret; /* empty: nothing is believed */
    int64_t tolerance_s;
    int64_t now_s; /* since 1970 */
};

/* Checks the signature and reads the event. UNAUTHENTICATED (WEBHOOK_SIGNATURE), INVALID_ARGUMENT
 * (MALFORMED_JSON). */
struct status stripe_webhook_read(struct arena *arena, const struct stripe_webhook *webhook,
                                  struct str signature, struct str body,
                                  struct provider_event *ret_event);

#endif
