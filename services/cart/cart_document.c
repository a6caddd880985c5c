/* SPDX-License-Identifier: Apache-2.0 */
/* The cart as one JSON document:
 *
 *     {"email":..,"created_us":..,"updated_us":..,"owner_version":..,"items":[{..},..]}
 *
 * and the reader of both this document and the one that is shared with others, which is written in
 * cart_document_shared.c. */
#include <string.h>

#include "base/json.h"
#include "base/money.h"
#include "base/time_text.h"
#include "reasons.pb-c.h"
#include "services/cart/cart_document.h"

enum { DEPTH_MAX = 8 };

static void write_line(struct json_writer *json, const struct cart_line *line)
{
    json_object(json);
    json_member(json, "product_id", str_of(line->product_id));
    json_member(json, "variant_id", str_of(line->variant_id));
    json_member(json, "category", str_of(line->category));
    json_member(json, "product_name", str_of(line->product_name));
    json_member(json, "options", str_of(line->options));
    json_member(json, "image_url", str_of(line->image_url));
    json_member(json, "currency", str_of(line->currency));
    json_key(json, STR("unit_amount"));
    json_value_i64(json, line->unit_amount);
    json_key(json, STR("quantity"));
    json_value_i64(json, line->quantity);
    json_key(json, STR("since"));
    json_value_i64(json, line->since);
    json_object_end(json);
}

struct status cart_document_finish(struct arena *arena, struct buffer *out,
                                   struct str *ret_document)
{
    bool fits = !out->overflow;

    if (fits) *ret_document = str_sized(arena_memdup(arena, out->data, out->length), out->length);
    buffer_release(out);
    if (fits) return status_ok();
    return status_make(STATUS_FAILED_PRECONDITION, ARGOSY__REASON__CART_LINES_MAX,
                       "the cart is full; remove a product first");
}

struct status cart_encode(struct arena *arena, const struct cart *cart, struct str *ret_document)
{
    struct json_writer json;
    struct buffer out;

    buffer_init(&out, CART_DOCUMENT_SIZE_MAX);
    json_writer_init(&json, &out);
    json_object(&json);
    json_member(&json, "email", str_of(cart->email));
    json_key(&json, STR("created_us"));
    json_value_i64(&json, cart->created_us);
    json_key(&json, STR("updated_us"));
    json_value_i64(&json, cart->updated_us);
    json_key(&json, STR("owner_version"));
    json_value_i64(&json, cart->owner_version);
    json_key(&json, STR("items"));
    json_array(&json);
    for (size_t i = 0; i < cart->line_count; i++) write_line(&json, &cart->lines[i]);
    json_array_end(&json);
    json_object_end(&json);

    return cart_document_finish(arena, &out, ret_document);
}

/* ---- reading ---- */

enum { US_PER_S = 1000000, NS_PER_US = 1000 };

struct document_reader {
    struct json_reader json;
    struct arena *arena;
    struct cart *cart;
    struct cart_marks *marks; /* NULL: the document is not shared */
};

/* What a line says in the members of the existing system alone. */
struct shared_line {
    double price;
    bool priced;  /* has a price */
    bool exact;   /* has an amount in minor units */
    bool useless; /* can't be sold */
};

static bool read_text(struct document_reader *reader, const char **ret_text)
{
    if (json_next(&reader->json) != JSON_STRING) return false;
    *ret_text = str_dup(reader->arena, json_string(&reader->json, reader->arena));
    return true;
}

static bool read_integer(struct document_reader *reader, int64_t *ret_value)
{
    return json_next(&reader->json) == JSON_NUMBER && str_to_i64(reader->json.raw, ret_value);
}

/* The text fields of a line, by name. */
static const struct {
    const char *name;
    size_t offset;
} line_texts[] = {
    {"product_id", offsetof(struct cart_line, product_id)},
    {"variant_id", offsetof(struct cart_line, variant_id)},
    {"category", offsetof(struct cart_line, category)},
    {"product_name", offsetof(struct cart_line, product_name)},
    {"options", offsetof(struct cart_line, options)},
    {"image_url", offsetof(struct cart_line, image_url)},
    {"currency", offsetof(struct cart_line, currency)},
};

static bool read_amount(struct document_reader *reader, struct cart_line *line)
{
    return read_integer(reader, &line->unit_amount) && line->unit_amount >= 0 &&
           line->unit_amount <= CART_UNIT_AMOUNT_MAX;
}

static bool read_quantity(struct document_reader *reader, struct cart_line *line,
                          struct shared_line *shared)
{
    int64_t number;

    if (!read_integer(reader, &number)) return false;
    bool fits = number >= 1 && number <= CART_QUANTITY_CAPACITY;
    if (!fits && !reader->marks) return false;
    shared->useless = shared->useless || number < 1;
    line->quantity = (int)(fits ? number : CART_QUANTITY_CAPACITY);
    return true;
}

static bool read_price(struct document_reader *reader, struct shared_line *shared)
{
    shared->priced = true;
    return json_next(&reader->json) == JSON_NUMBER &&
           str_to_double(reader->json.raw, &shared->price);
}

static bool read_line_member(struct document_reader *reader, struct cart_line *line,
                             struct shared_line *shared)
{
    struct str key = json_string(&reader->json, reader->arena);

    for (size_t i = 0; i < sizeof(line_texts) / sizeof(line_texts[0]); i++)
        if (str_is(key, line_texts[i].name))
            return read_text(reader, (const char **)((char *)line + line_texts[i].offset));
    if (str_is(key, "unit_amount")) {
        shared->exact = true;
        return read_amount(reader, line);
    }
    if (str_is(key, "since")) return read_integer(reader, &line->since);
    if (str_is(key, "quantity")) return read_quantity(reader, line, shared);
    if (str_is(key, "price") && reader->marks) return read_price(reader, shared);
    return json_skip(&reader->json, json_next(&reader->json));
}

/* The existing system knows no currencies and no variants: a product is its own only one. */
static void complete_line(struct document_reader *reader, struct cart_line *line,
                          const struct shared_line *shared)
{
    bool useless = shared->useless;

    if (!line->currency[0]) line->currency = "USD";
    if (!line->variant_id[0]) line->variant_id = line->product_id;
    if (!shared->exact && shared->priced)
        line->unit_amount = money_nearest(shared->price, line->currency);
    if (line->unit_amount < 0 || line->unit_amount > CART_UNIT_AMOUNT_MAX) useless = true;
    if (useless) reader->cart->line_count--;
}

static bool read_line(struct document_reader *reader)
{
    struct cart *cart = reader->cart;
    struct shared_line shared = {0};
    enum json_token token;

    if (cart->line_count >= CART_LINES_CAPACITY) return false;
    struct cart_line *line = cart_append(reader->arena, cart);
    *line = (struct cart_line){"", "", "", "", "", "", "", 0, 1, 0};
    while ((token = json_next(&reader->json)) == JSON_KEY)
        if (!read_line_member(reader, line, &shared)) return false;
    if (reader->marks) complete_line(reader, line, &shared);
    return token == JSON_OBJECT_END;
}

static bool read_lines(struct document_reader *reader)
{
    enum json_token token;

    token = json_next(&reader->json);
    if (token == JSON_NULL && reader->marks) return true; /* an empty list of the existing system */
    if (token != JSON_ARRAY) return false;
    while ((token = json_next(&reader->json)) == JSON_OBJECT)
        if (!read_line(reader)) return false;
    return token == JSON_ARRAY_END;
}

static bool read_time(struct document_reader *reader, int64_t *ret_us)
{
    int64_t seconds;
    int32_t nanos;

    if (json_next(&reader->json) != JSON_STRING ||
        !timestamp_parse(json_string(&reader->json, reader->arena), &seconds, &nanos))
        return false;
    *ret_us = seconds * US_PER_S + nanos / NS_PER_US;
    return true;
}

static bool read_marks(struct document_reader *reader)
{
    struct cart_marks *marks = reader->marks;
    enum json_token token;

    if (json_next(&reader->json) != JSON_ARRAY) return false;
    while ((token = json_next(&reader->json)) == JSON_STRING)
        if (marks->count < CART_MARKS_MAX)
            marks->marks[marks->count++] = str_dup(reader->arena,
                                                   json_string(&reader->json, reader->arena));
    return token == JSON_ARRAY_END;
}

static bool read_shared_member(struct document_reader *reader, struct str key)
{
    struct cart *cart = reader->cart;

    if (str_is(key, "created_at")) return read_time(reader, &cart->created_us);
    if (str_is(key, "updated_at")) return read_time(reader, &cart->updated_us);
    if (str_is(key, "version")) return read_integer(reader, &cart->version) && cart->version > 0;
    if (str_is(key, "changes")) return read_marks(reader);
    return json_skip(&reader->json, json_next(&reader->json));
}

static bool read_member(struct document_reader *reader)
{
    struct str key = json_string(&reader->json, reader->arena);

    if (str_is(key, "email")) return read_text(reader, &reader->cart->email);
    if (str_is(key, "items")) return read_lines(reader);
    if (str_is(key, "owner_version"))
        return read_integer(reader, &reader->cart->owner_version) &&
               reader->cart->owner_version >= 0;
    if (reader->marks) return read_shared_member(reader, key);
    if (str_is(key, "created_us")) return read_integer(reader, &reader->cart->created_us);
    if (str_is(key, "updated_us")) return read_integer(reader, &reader->cart->updated_us);
    return json_skip(&reader->json, json_next(&reader->json));
}

static bool read_cart(struct document_reader *reader)
{
    enum json_token token;

    if (json_next(&reader->json) != JSON_OBJECT) return false;
    while ((token = json_next(&reader->json)) == JSON_KEY)
        if (!read_member(reader)) return false;
    return token == JSON_OBJECT_END && json_next(&reader->json) == JSON_END;
}

static struct status read_document(struct document_reader *reader, struct str document)
{
    cart_init("", 0, reader->cart);
    json_reader_init(&reader->json, document, DEPTH_MAX);
    if (read_cart(reader)) return status_ok();
    return status_printf(reader->arena, STATUS_DATA_LOSS, ARGOSY__REASON__STORE_DAMAGED,
                         "a stored cart cannot be read (at byte %zu)", json_offset(&reader->json));
}

struct status cart_decode(struct arena *arena, struct str document, struct cart *ret_cart)
{
    struct document_reader reader = {.arena = arena, .cart = ret_cart};

    return read_document(&reader, document);
}

/* A writer that knows no versions leaves none: then the time of its change is the version, which
 * is higher than any that was counted. The existing system gives the year 1 as the time of
 * creation. */
struct status cart_decode_shared(struct arena *arena, struct str document, struct cart *ret_cart,
                                 struct cart_marks *ret_marks)
{
    struct document_reader reader = {.arena = arena, .cart = ret_cart, .marks = ret_marks};

    *ret_marks = (struct cart_marks){0};
    struct status st = read_document(&reader, document);
    if (failed(st)) return st;
    if (ret_cart->updated_us < 0) ret_cart->updated_us = 0;
    if (ret_cart->created_us <= 0) ret_cart->created_us = ret_cart->updated_us;
    if (ret_cart->version == 0)
        ret_cart->version = ret_cart->updated_us > 0 ? ret_cart->updated_us : 1;
    return st;
}
