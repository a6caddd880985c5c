/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the document that others read too:
 *
 *     {"email":..,"items":[{"product_id":..,"category":..,"product_name":..,"price":19.99,
 *      "quantity":2,"image_url":..,"subtotal":39.98,"variant_id":..,"options":..,"currency":..,
 *      "unit_amount":1999,"since":..},..],"total_items":..,"subtotal":..,"created_at":"2026-..Z",
 *      "updated_at":"..","version":7,"owner_version":7,"changes":["..",..]}
 *
 * The existing system's members come first in each object, in its order. */
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/money.h"
#include "base/random.h"
#include "services/cart/cart_document.h"

enum { MARK_BYTES = 9 }; /* 12 letters in base64 */

const char *cart_mark_new(struct arena *arena)
{
    uint8_t bytes[MARK_BYTES];

    random_bytes(bytes, sizeof(bytes));
    return str_dup(arena, base64url_encode(arena, str_sized(bytes, sizeof(bytes))));
}

void cart_marks_add(struct cart_marks *marks, const char *mark)
{
    size_t kept = marks->count < CART_MARKS_MAX ? marks->count : CART_MARKS_MAX - 1;

    memmove(&marks->marks[1], &marks->marks[0], kept * sizeof(marks->marks[0]));
    marks->marks[0] = mark;
    marks->count = kept + 1;
}

bool cart_marks_have(const struct cart_marks *marks, const char *mark)
{
    for (size_t i = 0; i < marks->count; i++)
        if (strcmp(marks->marks[i], mark) == 0) return true;
    return false;
}

static void write_number(struct json_writer *json, const char *name, int64_t value)
{
    json_key(json, str_of(name));
    json_value_i64(json, value);
}

static void write_amount(struct json_writer *json, const char *name, double value)
{
    json_key(json, str_of(name));
    json_value_double(json, value);
}

static void write_time(struct json_writer *json, const char *name, int64_t time_us)
{
    char text[CLOCK_TEXT_SIZE];

    clock_format(time_us, text);
    json_member(json, name, str_of(text));
}

static void write_line(struct json_writer *json, const struct cart_line *line)
{
    json_object(json);
    json_member(json, "product_id", str_of(line->product_id));
    json_member(json, "category", str_of(line->category));
    json_member(json, "product_name", str_of(line->product_name));
    write_amount(json, "price", money_to_double(line->unit_amount, line->currency));
    write_number(json, "quantity", line->quantity);
    json_member(json, "image_url", str_of(line->image_url));
    write_amount(json, "subtotal", money_to_double(cart_line_total(line), line->currency));
    json_member(json, "variant_id", str_of(line->variant_id));
    json_member(json, "options", str_of(line->options));
    json_member(json, "currency", str_of(line->currency));
    write_number(json, "unit_amount", line->unit_amount);
    write_number(json, "since", line->since);
    json_object_end(json);
}

/* The sum of all lines in major units, whatever their currencies: the existing system knows only
 * one. The amounts of a currency are summed exactly. */
static double subtotal_of(const struct cart *cart)
{
    double subtotal = 0;

    for (size_t i = 0; i < cart->line_count; i++) {
        const char *currency = cart->lines[i].currency;
        int64_t total = 0;
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++)
            seen = strcmp(cart->lines[j].currency, currency) == 0;
        for (size_t j = i; j < cart->line_count && !seen; j++)
            if (strcmp(cart->lines[j].currency, currency) == 0)
                total += cart_line_total(&cart->lines[j]);
        subtotal += money_to_double(total, currency);
    }
    return subtotal;
}

static void write_cart(struct json_writer *json, const struct cart *cart,
                       const struct cart_marks *marks)
{
    json_object(json);
    json_member(json, "email", str_of(cart->email));
    json_key(json, STR("items"));
    json_array(json);
    for (size_t i = 0; i < cart->line_count; i++) write_line(json, &cart->lines[i]);
    json_array_end(json);
    write_number(json, "total_items", cart_total_items(cart));
    write_amount(json, "subtotal", subtotal_of(cart));
    write_time(json, "created_at", cart->created_us);
    write_time(json, "updated_at", cart->updated_us);
    write_number(json, "version", cart->version);
    write_number(json, "owner_version", cart->owner_version);
    json_key(json, STR("changes"));
    json_array(json);
    for (size_t i = 0; i < marks->count; i++) json_value_string(json, str_of(marks->marks[i]));
    json_array_end(json);
    json_object_end(json);
}

struct status cart_encode_shared(struct arena *arena, const struct cart *cart,
                                 const struct cart_marks *marks, struct str *ret_document)
{
    struct json_writer json;
    struct buffer out;

    buffer_init(&out, CART_DOCUMENT_SIZE_MAX);
    json_writer_init(&json, &out);
    write_cart(&json, cart, marks);
    return cart_document_finish(arena, &out, ret_document);
}
