/* SPDX-License-Identifier: Apache-2.0 */
/* Reads Stripe's objects from JSON in one pass, and only the members that are needed. */
#include "base/json.h"
#include "services/payment/payment_stripe.h"

/* Longer texts are truncated, because they go into events and answers, which have limits. */
enum { DEPTH_MAX = 40, TEXT_MAX = 2000 };

struct answer_reader {
    struct arena *arena;
    struct json_reader json;
};

/* Reads the member's value, whose first token is `token`. False for malformed JSON. */
typedef bool take_member(struct answer_reader *reader, struct str key, enum json_token token,
                         void *into);

/* Reads the members of an object; skips a value of another shape. */
static bool read_object(struct answer_reader *reader, enum json_token token, take_member *take,
                        void *into)
{
    if (token != JSON_OBJECT) return json_skip(&reader->json, token);
    while ((token = json_next(&reader->json)) == JSON_KEY) {
        struct str key = json_string(&reader->json, reader->arena);
        token = json_next(&reader->json);
        if (token == JSON_ERROR || !take(reader, key, token, into)) return false;
    }
    return token == JSON_OBJECT_END;
}

static bool read_text(struct answer_reader *reader, enum json_token token, const char **ret_text)
{
    if (token != JSON_STRING) return json_skip(&reader->json, token);
    struct str text = json_string(&reader->json, reader->arena);
    if (text.length > TEXT_MAX) text.length = TEXT_MAX;
    while (text.length > 0 && !str_is_utf8(text)) text.length--;
    *ret_text = str_dup(reader->arena, text);
    return true;
}

static bool read_number(struct answer_reader *reader, enum json_token token, int64_t *ret_number)
{
    int64_t number;

    if (token != JSON_NUMBER) return json_skip(&reader->json, token);
    if (str_to_i64(reader->json.raw, &number)) *ret_number = number;
    return true;
}

/* Reads a text that consists of one object. */
static bool read_document(struct arena *arena, struct str text, take_member *take, void *into)
{
    struct answer_reader reader = {.arena = arena};

    json_reader_init(&reader.json, text, DEPTH_MAX);
    enum json_token token = json_next(&reader.json);
    return token == JSON_OBJECT && read_object(&reader, token, take, into) &&
           json_next(&reader.json) == JSON_END;
}

/* ---- payments ---- */

static const struct stripe_error no_error = {"", "", "", "", ""};
static const struct stripe_intent no_intent = {.id = "",
                                               .status = "",
                                               .currency = "",
                                               .order_id = "",
                                               .payment_id = "",
                                               .client_secret = "",
                                               .failure = {"", "", "", "", ""}};

static bool take_of_error(struct answer_reader *reader, struct str key, enum json_token token,
                          void *into)
{
    struct stripe_error *error = into;

    if (str_is(key, "type")) return read_text(reader, token, &error->type);
    if (str_is(key, "code")) return read_text(reader, token, &error->code);
    if (str_is(key, "decline_code")) return read_text(reader, token, &error->decline_code);
    if (str_is(key, "message")) return read_text(reader, token, &error->message);
    if (str_is(key, "param")) return read_text(reader, token, &error->param);
    return json_skip(&reader->json, token);
}

static bool take_of_metadata(struct answer_reader *reader, struct str key, enum json_token token,
                             void *into)
{
    struct stripe_intent *intent = into;

    if (str_is(key, "order_id")) return read_text(reader, token, &intent->order_id);
    if (str_is(key, "payment_id")) return read_text(reader, token, &intent->payment_id);
    return json_skip(&reader->json, token);
}

struct charge {
    int64_t amount, captured, refunded;
};

static bool take_of_charge(struct answer_reader *reader, struct str key, enum json_token token,
                           void *into)
{
    struct charge *charge = into;

    if (str_is(key, "amount")) return read_number(reader, token, &charge->amount);
    if (str_is(key, "amount_captured")) return read_number(reader, token, &charge->captured);
    if (str_is(key, "amount_refunded")) return read_number(reader, token, &charge->refunded);
    return json_skip(&reader->json, token);
}

static bool read_charge(struct answer_reader *reader, enum json_token token,
                        struct stripe_intent *intent)
{
    struct charge charge = {.captured = -1};

    if (!read_object(reader, token, take_of_charge, &charge)) return false;
    intent->refunded = charge.refunded;
    if (charge.captured >= 0) intent->released = charge.amount - charge.captured;
    return true;
}

static bool take_of_intent(struct answer_reader *reader, struct str key, enum json_token token,
                           void *into)
{
    struct stripe_intent *intent = into;

    if (str_is(key, "id")) return read_text(reader, token, &intent->id);
    if (str_is(key, "status")) return read_text(reader, token, &intent->status);
    if (str_is(key, "currency")) return read_text(reader, token, &intent->currency);
    if (str_is(key, "client_secret")) return read_text(reader, token, &intent->client_secret);
    if (str_is(key, "amount")) return read_number(reader, token, &intent->amount);
    if (str_is(key, "amount_received")) return read_number(reader, token, &intent->received);
    if (str_is(key, "metadata")) return read_object(reader, token, take_of_metadata, intent);
    if (str_is(key, "latest_charge")) return read_charge(reader, token, intent);
    if (str_is(key, "last_payment_error"))
        return read_object(reader, token, take_of_error, &intent->failure);
    return json_skip(&reader->json, token);
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

static bool take_of_failure(struct answer_reader *reader, struct str key, enum json_token token,
                            void *into)
{
    struct failure *failure = into;

    if (str_is(key, "payment_intent"))
        return read_object(reader, token, take_of_intent, &failure->intent);
    return take_of_error(reader, key, token, &failure->error);
}

static bool take_failure(struct answer_reader *reader, struct str key, enum json_token token,
                         void *into)
{
    if (str_is(key, "error")) return read_object(reader, token, take_of_failure, into);
    return json_skip(&reader->json, token);
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

static bool take_of_refund_metadata(struct answer_reader *reader, struct str key,
                                    enum json_token token, void *into)
{
    struct stripe_refund *refund = into;

    if (str_is(key, "operation_id")) return read_text(reader, token, &refund->operation_id);
    return json_skip(&reader->json, token);
}

static bool take_of_refund(struct answer_reader *reader, struct str key, enum json_token token,
                           void *into)
{
    struct stripe_refund *refund = into;

    if (str_is(key, "id")) return read_text(reader, token, &refund->id);
    if (str_is(key, "status")) return read_text(reader, token, &refund->status);
    if (str_is(key, "payment_intent")) return read_text(reader, token, &refund->intent);
    if (str_is(key, "amount")) return read_number(reader, token, &refund->amount);
    if (str_is(key, "failure_reason")) return read_text(reader, token, &refund->failure_reason);
    if (str_is(key, "metadata")) return read_object(reader, token, take_of_refund_metadata, refund);
    return json_skip(&reader->json, token);
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
    struct stripe_intent *intents; /* NULL: a list of refunds */
    struct stripe_refund *refunds;
    size_t count, max;
    bool present;
};

static bool read_element(struct answer_reader *reader, enum json_token token, struct list *list)
{
    struct stripe_intent intent = no_intent;
    struct stripe_refund refund = no_refund;

    if (!(list->intents ? read_object(reader, token, take_of_intent, &intent)
                        : read_object(reader, token, take_of_refund, &refund)))
        return false;
    if ((!intent.id[0] && !refund.id[0]) || list->count == list->max) return true;
    if (list->intents)
        list->intents[list->count++] = intent;
    else
        list->refunds[list->count++] = refund;
    return true;
}

static bool take_of_list(struct answer_reader *reader, struct str key, enum json_token token,
                         void *into)
{
    struct list *list = into;

    if (!str_is(key, "data") || token != JSON_ARRAY) return json_skip(&reader->json, token);
    list->present = true;
    while ((token = json_next(&reader->json)) != JSON_ARRAY_END)
        if (token == JSON_ERROR || !read_element(reader, token, list)) return false;
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

static bool take_of_subject(struct answer_reader *reader, struct str key, enum json_token token,
                            void *into)
{
    struct stripe_event *event = into;

    if (str_is(key, "id")) return read_text(reader, token, &event->subject);
    if (str_is(key, "object")) return read_text(reader, token, &event->object);
    if (str_is(key, "payment_intent")) return read_text(reader, token, &event->intent);
    return json_skip(&reader->json, token);
}

static bool take_of_data(struct answer_reader *reader, struct str key, enum json_token token,
                         void *into)
{
    if (str_is(key, "object")) return read_object(reader, token, take_of_subject, into);
    return json_skip(&reader->json, token);
}

static bool take_of_event(struct answer_reader *reader, struct str key, enum json_token token,
                          void *into)
{
    struct stripe_event *event = into;

    if (str_is(key, "id")) return read_text(reader, token, &event->id);
    if (str_is(key, "type")) return read_text(reader, token, &event->type);
    if (str_is(key, "data")) return read_object(reader, token, take_of_data, event);
    return json_skip(&reader->json, token);
}

bool stripe_read_event(struct arena *arena, struct str json, struct stripe_event *ret_event)
{
    struct stripe_event event = {"", "", "", "", ""};

    if (!read_document(arena, json, take_of_event, &event) || !event.id[0]) return false;
    if (strcmp(event.object, "payment_intent") == 0) event.intent = event.subject;
    *ret_event = event;
    return true;
}
