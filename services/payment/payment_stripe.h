/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the Stripe provider; private to services/payment/.
 *
 *     payment_provider_stripe.c   the provider: authorize, confirm, capture, void, refund, find,
 *                                 list
 *     payment_stripe_read.c       reads payments and refunds, for the provider and reconciliation
 *     payment_stripe_call.c       a request, and the meaning of its failures
 *     payment_stripe_form.c       forms and amounts in Stripe's format
 *     payment_stripe_answer.c     reads Stripe's JSON
 *     payment_stripe_webhook.c    signed events */
#ifndef SERVICES_PAYMENT_PAYMENT_STRIPE_H
#define SERVICES_PAYMENT_PAYMENT_STRIPE_H

#include "base/config.h"
#include "http/https_client.h"
#include "rpc/service.h"
#include "services/payment/payment_provider.h"

/* The provider's settings, as rows of the payment service's table. */
#define PAYMENT_STRIPE_SETTINGS                                                                 \
    {"STRIPE_API_KEY",                                                                          \
     SETTING_SECRET,                                                                            \
     "",                                                                                        \
     "The secret key of the Stripe account, for PAYMENT_PROVIDER=stripe.",                      \
     0,                                                                                         \
     0},                                                                                        \
        {"STRIPE_API_URL",                                                                      \
         SETTING_URL,                                                                           \
         "https://api.stripe.com",                                                              \
         "Address of Stripe's API; http:// is accepted for this machine's own addresses only.", \
         0,                                                                                     \
         0},                                                                                    \
        {"STRIPE_WEBHOOK_SECRET",                                                               \
         SETTING_SECRET,                                                                        \
         "",                                                                                    \
         "The signing secret of the webhook endpoint; without it every webhook is refused.",    \
         0,                                                                                     \
         0},                                                                                    \
    {                                                                                           \
        "STRIPE_WEBHOOK_TOLERANCE", SETTING_DURATION, "5m",                                     \
            "How old a webhook's signature may be, or how far ahead of this machine's clock.",  \
            1000, 86400000                                                                      \
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

/* Convert between our minor units (ISO 4217) and Stripe's, which uses other decimals for some
 * currencies. False for an amount that can't be expressed: Stripe's amounts of currencies with
 * three decimals are multiples of ten. */
bool stripe_amount_from_minor(const char *currency, int64_t minor, int64_t *ret_amount);
bool stripe_amount_to_minor(const char *currency, int64_t amount, int64_t *ret_minor);

/* ---- Stripe's JSON ---- */

/* Missing texts are "". Everything is in the arena. */
struct stripe_error {
    const char *type; /* "card_error" */
    const char *code; /* "card_declined" */
    const char *decline_code;
    const char *message;
    const char *param; /* the invalid parameter */
};

struct stripe_intent {
    const char *id;
    const char *status;
    const char *currency; /* lower case */
    const char *order_id;
    const char *payment_id; /* our own, in the metadata that we gave it */
    const char *client_secret;
    int64_t amount, received;
    int64_t released; /* the part of the amount that a partial capture released; 0 if unknown */
    int64_t refunded; /* Stripe also counts the released part as refunded */
    struct stripe_error failure; /* of the last attempt to pay */
};

struct stripe_refund {
    const char *id;
    const char *status;
    const char *failure_reason;
    const char *operation_id; /* ours, from its metadata */
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

/* Each is false unless the text is a JSON object with an id (an error: with a type). Unexpected
 * members and shapes are skipped, because Stripe extends its objects at any time. */
bool stripe_read_intent(struct arena *arena, struct str json, struct stripe_intent *ret_intent);
bool stripe_read_refund(struct arena *arena, struct str json, struct stripe_refund *ret_refund);
bool stripe_read_event(struct arena *arena, struct str json, struct stripe_event *ret_event);
/* *ret_intent is the payment after the error, if the answer has it; else all texts are "". */
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
    bool refused;                /* Stripe, or the bank behind it, has declined (402) */
    struct str body;             /* unless refused */
    struct stripe_error error;   /* of a refusal */
    struct stripe_intent intent; /* of a refusal: the payment after it, if the answer has it */
};

/* Fails as payment_provider.h describes. */
struct status stripe_call(struct call *call, const struct stripe *stripe,
                          const struct stripe_request *request, struct stripe_answer *ret_answer);

/* ---- webhooks ---- */

enum { STRIPE_SIGNATURES_MAX = 16 };

struct stripe_webhook {
    struct str secret; /* empty: every webhook is refused */
    int64_t tolerance_s;
    int64_t now_s; /* since 1970 */
};

/* Checks the signature and reads the event. UNAUTHENTICATED (WEBHOOK_SIGNATURE), INVALID_ARGUMENT
 * (MALFORMED_JSON). */
struct status stripe_webhook_read(struct arena *arena, const struct stripe_webhook *webhook,
                                  struct str signature, struct str body,
                                  struct provider_event *ret_event);

#endif
