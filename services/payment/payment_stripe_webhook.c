/* SPDX-License-Identifier: Apache-2.0 */
/* Signed events (docs.stripe.com/webhooks#verify-manually). The header is
 *
 *     Stripe-Signature: t=1492774577,v1=5257a869...,v1=...,v0=...
 *
 * and each v1 is an HMAC-SHA256 of "<t>.<body>" with a secret of the endpoint: while the secret is
 * being rotated there is one for the old and one for the new. Other schemes are ignored. */
#include "base/encode.h"
#include "base/hmac.h"
#include "services/payment/payment_stripe.h"

#include "reasons.pb-c.h"

struct signature {
    struct str time_text;
    int64_t time_s;
    struct str candidates[STRIPE_SIGNATURES_MAX]; /* in hexadecimal */
    int count;
};

/* Ignores candidates beyond STRIPE_SIGNATURES_MAX. */
static bool parse_signature(struct str header, struct signature *ret_signature)
{
    struct signature signature = {.count = 0};
    struct str part;

    while (str_split(&header, ',', &part)) {
        size_t equals = str_find(part, '=');
        if (equals == part.length) continue;
        struct str name = str_trim(str_sized(part.data, equals));
        struct str value = str_trim(str_sized(part.data + equals + 1, part.length - equals - 1));
        if (str_is(name, "t") && !signature.time_text.data)
            signature.time_text = value;
        else if (str_is(name, "v1") && signature.count < STRIPE_SIGNATURES_MAX)
            signature.candidates[signature.count++] = value;
    }
    *ret_signature = signature;
    return str_to_i64(signature.time_text, &ret_signature->time_s) && signature.count > 0;
}

static bool is_signed(struct arena *arena, struct str secret, const struct signature *signature,
                      struct str body)
{
    size_t size = signature->time_text.length + 1 + body.length;
    char *text = arena_alloc(arena, size);
    uint8_t mac[HMAC_SHA256_SIZE];
    bool found = false;

    memcpy(text, signature->time_text.data, signature->time_text.length);
    text[signature->time_text.length] = '.';
    if (body.length > 0) memcpy(text + signature->time_text.length + 1, body.data, body.length);
    hmac_sha256(secret, str_sized(text, size), mac);
    struct str expected = hex_encode(arena, str_sized(mac, sizeof(mac)));
    for (int i = 0; i < signature->count; i++)
        found |= signature->candidates[i].length == expected.length &&
                 str_equal_secret(signature->candidates[i], expected);
    return found;
}

static struct status refuse(const char *why)
{
    return status_make(STATUS_UNAUTHENTICATED, ARGOSY__REASON__WEBHOOK_SIGNATURE, why);
}

static struct status check_signature(struct arena *arena, const struct stripe_webhook *webhook,
                                     struct str header, struct str body)
{
    struct signature signature;

    if (webhook->secret.length == 0)
        return refuse("webhooks are refused until STRIPE_WEBHOOK_SECRET is set");
    if (!parse_signature(header, &signature))
        return refuse("the webhook has no Stripe-Signature with t and v1");
    if (!is_signed(arena, webhook->secret, &signature, body))
        return refuse("the webhook's signature is wrong");
    /* Checked after the signature, so that the time is the signer's. It keeps old webhooks from
     * being replayed. */
    if (signature.time_s < webhook->now_s - webhook->tolerance_s ||
        signature.time_s > webhook->now_s + webhook->tolerance_s)
        return refuse("the webhook's signature is too old, or ahead of this machine's clock");
    return status_ok();
}

/* The types of events after which a payment may have changed. */
static bool is_known(const char *type)
{
    static const char *const types[] = {"payment_intent.amount_capturable_updated",
                                        "payment_intent.canceled",
                                        "payment_intent.payment_failed",
                                        "payment_intent.processing",
                                        "payment_intent.requires_action",
                                        "payment_intent.succeeded",
                                        "charge.captured",
                                        "charge.expired",
                                        "charge.refunded",
                                        "charge.refund.updated",
                                        "refund.created",
                                        "refund.updated",
                                        "refund.failed"};

    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        if (strcmp(types[i], type) == 0) return true;
    return false;
}

struct status stripe_webhook_read(struct arena *arena, const struct stripe_webhook *webhook,
                                  struct str signature, struct str body,
                                  struct provider_event *ret_event)
{
    struct status st = check_signature(arena, webhook, signature, body);
    struct stripe_event event;

    if (failed(st)) return st;
    if (!stripe_read_event(arena, body, &event))
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__MALFORMED_JSON,
                           "the webhook is not a Stripe event");
    *ret_event = (struct provider_event){
        .event_id = event.id,
        .reference = event.intent,
        .type = event.type,
        .known = event.intent[0] && is_known(event.type),
    };
    return st;
}
