/* SPDX-License-Identifier: Apache-2.0 */
/* Stripe's objects out of its JSON: one pass, only the members that we want. */
#include "base/json.h"
#include "services/payment/payment_stripe.h"

/* Texts that are longer are cut: they go into events and answers, which have limits. */
enum { DEPTH_MAX = 40, TEXT_MAX = 2000 };

struct reading {
    struct arena *arena;
    struct json_reader json;
};

/* Takes the member's value, whose first token is `token`. False on broken JSON. */
typedef bool take_member(struct reading *reading, struct str key, enum json_token token,
                         void *into);

/* The members of an object; a value of another shape is passed over. */
static bool read_object(struct reading *reading, enum json_token token, take_member *take,
                        void *into)
{
    if (token != JSON_OBJECT) return json_skip(&reading->json, token);
    while ((token = json_next(&reading->json)) == JSON_KEY) {
        struct str key = json_string(&reading->json, reading->arena);
        token = json_next(&reading->json);
        if (token == JSON_ERROR || !take(reading, key, token, into)) return false;
    }
    return token == JSON_OBJECT_END;
}

static bool read_text(struct reading *reading, enum json_token token, const char **ret_text)
{
    if (token != JSON_STRING) return json_skip(&reading->json, token);
    struct str text = json_string(&reading->json, reading->arena);
    if (text.length > TEXT_MAX) text.length = TEXT_MAX;
    while (text.length > 0 && !str_is_utf8(text)) text.length--;
    *ret_text = str_dup(reading->arena, text);
    return true;
}

static bool read_number(struct reading *reading, enum json_token token, int64_t *ret_number)
{
    int64_t number;

    if (token != JSON_NUMBER) return json_skip(&reading->json, token);
    if (str_to_i64(reading->json.raw, &number)) *ret_number = number;
    return true;
}

/* The whole text is one object. */
static bool read_document(struct arena *arena, struct str text, take_member *take, void *into)
{
    struct reading reading = {.arena = arena};

    json_reader_init(&reading.json, text, DEPTH_MAX);
    enum json_token token = json_next(&reading.json);
    return token == JSON_OBJECT && read_object(&reading, token, take, into) &&
           json_next(&reading.json) == JSON_END;
}

/* ---- payments ---- */

static const struct stripe_error no_error = {"", "", "", "", ""};
static const struct stripe_intent no_intent = {.id = "",
                                               .status = "",
                                               .currency = "",
                                               .order_id = "",
                                               .client_secret = "",
                                               .failure = {"", "", "", "", ""}};

static bool take_of_error(struct reading *reading, struct str key, enum json_token token,
                          void *into)
{
    struct stripe_error *error = into;

    if (str_is(key, "type")) return read_text(reading, token, &error->type);
    if (str_is(key, "code")) return read_text(reading, token, &error->code);
    if (str_is(key, "decline_code")) return read_text(reading, token, &error->decline_code);
    if (str_is(key, "message")) return read_text(reading, token, &error->message);
    if (str_is(key, "param")) return read_text(reading, token, &error->param);
    return json_skip(&reading->json, token);
}

static bool take_of_metadata(struct reading *reading, struct str key, enum json_token token,
                             void *into)
{
    struct stripe_intent *intent = into;

    if (str_is(key, "order_id")) return read_text(reading, token, &intent->order_id);
    return json_skip(&reading->json, token);
}

struct charge {
    int64_t amount, captured, refunded;
};

static bool take_of_charge(struct reading *reading, struct str key, enum json_token token,
                           void *into)
{
    struct charge *charge = into;

    if (str_is(key, "amount")) return read_number(reading, token, &charge->amount);
    if (str_is(key, "amount_captured")) return read_number(reading, token, &charge->captured);
    if (str_is(key, "amount_refunded")) return read_number(reading, token, &charge->refunded);
    return json_skip(&reading->json, token);
}

static bool read_charge(struct reading *reading, enum json_token token,
                        struct stripe_intent *intent)
{
    struct charge charge = {.captured = -1};

    if (!read_object(reading, token, take_of_charge, &charge)) return false;
    intent->refunded = charge.refunded;
    if (charge.captured >= 0) intent->released = charge.amount - charge.captured;
    return true;
}

static bool take_of_intent(struct reading *reading, struct str key, enum json_token token,
                           void *into)
{
    struct stripe_intent *intent = into;

    if (str_is(key, "id")) return read_text(reading, token, &intent->id);
    if (str_is(key, "status")) return read_text(reading, token, &intent->status);
    if (str_is(key, "currency")) return read_text(reading, token, &intent->currency);
    if (str_is(key, "client_secret")) return read_text(reading, token, &intent->client_secret);
    if (str_is(key, "amount")) return read_number(reading, token, &intent->amount);
    if (str_is(key, "amount_received")) return read_number(reading, token, &intent->received);
    if (str_is(key, "metadata")) return read_object(reading, token, take_of_metadata, intent);
    if (str_is(key, "latest_charge")) return read_charge(reading, token, intent);
    if (str_is(key, "last_payment_error"))
        return read_object(reading, token, take_of_error, &intent->failure);
    return json_skip(&reading->json, token);
}

bool stripe_read_intent(struct arena *arena, struct str json, struct stripe_intent *ret_intent)
{
    struct stripe_intent intent = no_intent;

    if (!read_document(arena, json, take_of_intent, &intent) || !intent.id[0]) return false;
    *ret_intent = intent;
    return true;
}

/* ---- errors ---- */

struct failure {
    struct stripe_error error;
    struct stripe_intent intent;
};

static bool take_of_failure(struct reading *reading, struct str key, enum json_token token,
                            void *into)
{
    struct failure *failure = into;

    if (str_is(key, "payment_intent"))
        return read_object(reading, token, take_of_intent, &failure->intent);
    return take_of_error(reading, key, token, &failure->error);
}

static bool take_failure(struct reading *reading, struct str key, enum json_token token, void *into)
{
    if (str_is(key, "error")) return read_object(reading, token, take_of_failure, into);
    return json_skip(&reading->json, token);
}

bool stripe_read_error(struct arena *arena, struct str json, struct stripe_error *ret_error,
                       struct stripe_intent *ret_intent)
{
    struct failure failure = {no_error, no_intent};

    if (!read_document(arena, json, take_failure, &failure) || !failure.error.type[0]) return false;
    *ret_error = failure.error;
    *ret_intent = failure.intent;
    return true;
}

/* ---- refunds ---- */

static const struct stripe_refund no_refund = {"", "", "", "", "", 0};

static bool take_of_refund_metadata(struct reading *reading, struct str key, enum json_token token,
                                    void *into)
{
    struct stripe_refund *refund = into;

    if (str_is(key, "operation_id")) return read_text(reading, token, &refund->operation_id);
    return json_skip(&reading->json, token);
}

static bool take_of_refund(struct reading *reading, struct str key, enum json_token token,
                           void *into)
{
    struct stripe_refund *refund = into;

    if (str_is(key, "id")) return read_text(reading, token, &refund->id);
    if (str_is(key, "status")) return read_text(reading, token, &refund->status);
    if (str_is(key, "payment_intent")) return read_text(reading, token, &refund->intent);
    if (str_is(key, "amount")) return read_number(reading, token, &refund->amount);
    if (str_is(key, "failure_reason")) return read_text(reading, token, &refund->failure_reason);
    if (str_is(key, "metadata"))
        return read_object(reading, token, take_of_refund_metadata, refund);
    return json_skip(&reading->json, token);
}

bool stripe_read_refund(struct arena *arena, struct str json, struct stripe_refund *ret_refund)
{
    struct stripe_refund refund = no_refund;

    if (!read_document(arena, json, take_of_refund, &refund) || !refund.id[0]) return false;
    *ret_refund = refund;
    return true;
}

/* ---- lists ---- */

struct list {
    struct stripe_intent *intents; /* NULL: it is of refunds */
    struct stripe_refund *refunds;
    size_t count, max;
    bool present;
};

static bool read_element(struct reading *reading, enum json_token token, struct list *list)
{
    struct stripe_intent intent = no_intent;
    struct stripe_refund refund = no_refund;

    if (!(list->intents ? read_object(reading, token, take_of_intent, &intent)
                        : read_object(reading, token, take_of_refund, &refund)))
        return false;
    if ((!intent.id[0] && !refund.id[0]) || list->count == list->max) return true;
    if (list->intents)
        list->intents[list->count++] = intent;
    else
        list->refunds[list->count++] = refund;
    return true;
}

static bool take_of_list(struct reading *reading, struct str key, enum json_token token, void *into)
{
    struct list *list = into;

    if (!str_is(key, "data") || token != JSON_ARRAY) return json_skip(&reading->json, token);
    list->present = true;
    while ((token = json_next(&reading->json)) != JSON_ARRAY_END)
        if (token == JSON_ERROR || !read_element(reading, token, list)) return false;
    return true;
}

bool stripe_read_list(struct arena *arena, struct str json, size_t max,
                      struct stripe_intent *ret_intents, size_t *ret_count)
{
    struct list list = {.intents = ret_intents, .max = max};

    if (!read_document(arena, json, take_of_list, &list) || !list.present) return false;
    *ret_count = list.count;
    return true;
}

bool stripe_read_refunds(struct arena *arena, struct str json, size_t max,
                         struct stripe_refund *ret_refunds, size_t *ret_count)
{
    struct list list = {.refunds = ret_refunds, .max = max};

    if (!read_document(arena, json, take_of_list, &list) || !list.present) return false;
    *ret_count = list.count;
    return true;
}

/* ---- events ---- */

static bool take_of_subject(struct reading *reading, struct str key, enum json_token token,
                            void *into)
{
    struct stripe_event *event = into;

    if (str_is(key, "id")) return read_text(reading, token, &event->subject);
    if (str_is(key, "object")) return read_text(reading, token, &event->object);
    if (str_is(key, "payment_intent")) return read_text(reading, token, &event->intent);
    return json_skip(&reading->json, token);
}

static bool take_of_data(struct reading *reading, struct str key, enum json_token token, void *into)
{
    if (str_is(key, "object")) return read_object(reading, token, take_of_subject, into);
    return json_skip(&reading->json, token);
}

static bool take_of_event(struct reading *reading, struct str key, enum json_token token,
                          void *into)
{
    struct stripe_event *event = into;

    if (str_is(key, "id")) return read_text(reading, token, &event->id);
    if (str_is(key, "type")) return read_text(reading, token, &event->type);
    if (str_is(key, "data")) return read_object(reading, token, take_of_data, event);
    return json_skip(&reading->json, token);
}

bool stripe_read_event(struct arena *arena, struct str json, struct stripe_event *ret_event)
{
    struct stripe_event event = {"", "", "", "", ""};

    if (!read_document(arena, json, take_of_event, &event) || !event.id[0]) return false;
    if (strcmp(event.object, "payment_intent") == 0) event.intent = event.subject;
    *ret_event = event;
    return true;
}
