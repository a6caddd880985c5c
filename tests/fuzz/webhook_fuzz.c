/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes Stripe's webhooks: no generated input may be accepted. The first line is the signature's
 * header, the rest the body; the body is read again under a valid signature, so that its parser is
 * reached. */
#include "base/encode.h"
#include "base/hmac.h"
#include "services/payment/payment_stripe.h"
#include "tests/fuzz/fuzz.h"

enum { NOW_S = 1492774577 };

static const char secret[] = "whsec_fuzz";

static struct str sign(struct arena *arena, struct str body)
{
    uint8_t mac[HMAC_SHA256_SIZE];
    const char *head = arena_printf(arena, "%d.", NOW_S);
    size_t size = strlen(head) + body.length;
    char *text = arena_alloc(arena, size);

    memcpy(text, head, strlen(head));
    if (body.length > 0) memcpy(text + strlen(head), body.data, body.length);
    hmac_sha256(str_of(secret), str_sized(text, size), mac);
    struct str hex = hex_encode(arena, str_sized(mac, sizeof(mac)));
    return str_of(arena_printf(arena, "t=%d,v1=%.*s", NOW_S, STR_ARGS(hex)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stripe_webhook webhook = {.secret = STR(secret), .tolerance_s = 300, .now_s = NOW_S};
    struct str body = str_sized(data, size), header;
    struct provider_event event;
    struct stripe_intent intent, intents[4];
    struct stripe_refund refund;
    struct stripe_error error;
    struct arena arena;
    size_t count;

    arena_init(&arena, 0);
    if (!str_split(&body, '\n', &header)) header = STR("");
    if (!body.data) body = STR("");
    struct status st = stripe_webhook_read(&arena, &webhook, header, body, &event);
    invariant(st.code == STATUS_UNAUTHENTICATED);

    st = stripe_webhook_read(&arena, &webhook, sign(&arena, body), body, &event);
    invariant(st.code == STATUS_INVALID_ARGUMENT || (!failed(st) && event.event_id[0]));
    /* Stripe's responses are parsed in the same way. */
    (void)stripe_read_intent(&arena, body, &intent);
    (void)stripe_read_refund(&arena, body, &refund);
    (void)stripe_read_error(&arena, body, &error, &intent);
    (void)stripe_read_list(&arena, body, 4, intents, &count);
    arena_release(&arena);
    return 0;
}
