/* SPDX-License-Identifier: Apache-2.0 */
/* The changes of a cart and their limits; and what an order, once confirmed, takes out of it. */
#include "services/cart/cart.h"

#include <string.h>

#include "reasons.pb-c.h"

enum { LINES_FIRST = 8 };

void cart_init(const char *email, int64_t now_us, struct cart *ret_cart)
{
    *ret_cart = (struct cart){.email = email, .created_us = now_us, .updated_us = now_us};
}

struct cart_line *cart_append(struct arena *arena, struct cart *cart)
{
    invariant(cart->line_count < CART_LINES_CAPACITY);
    if (cart->line_count == cart->line_capacity) {
        size_t capacity = cart->line_capacity ? 2 * cart->line_capacity : LINES_FIRST;
        struct cart_line *lines = arena_array(arena, struct cart_line, capacity);
        if (cart->line_count) memcpy(lines, cart->lines, cart->line_count * sizeof(*lines));
        cart->lines = lines;
        cart->line_capacity = capacity;
    }
    return &cart->lines[cart->line_count++];
}

static void copy_line(struct arena *arena, struct cart_line *line)
{
    const char **texts[] = {&line->product_id,   &line->variant_id, &line->category,
                            &line->product_name, &line->options,    &line->image_url,
                            &line->currency};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (*texts[i]) *texts[i] = arena_strdup(arena, *texts[i]);
}

void cart_copy(struct arena *arena, const struct cart *cart, struct cart *ret_copy)
{
    size_t count = cart->line_count;

    *ret_copy = *cart;
    ret_copy->email = arena_strdup(arena, cart->email);
    ret_copy->lines = 0;
    ret_copy->line_capacity = count;
    if (count == 0) return;
    ret_copy->lines = arena_array(arena, struct cart_line, count + 1); /* room for one more */
    ret_copy->line_capacity = count + 1;
    memcpy(ret_copy->lines, cart->lines, count * sizeof(*cart->lines));
    for (size_t i = 0; i < count; i++) copy_line(arena, &ret_copy->lines[i]);
}

static struct cart_line *find_line(struct cart *cart, const char *product_id,
                                   const char *variant_id)
{
    for (size_t i = 0; i < cart->line_count; i++) {
        struct cart_line *line = &cart->lines[i];
        if (strcmp(line->product_id, product_id) == 0 && strcmp(line->variant_id, variant_id) == 0)
            return line;
    }
    return 0;
}

static struct status check_quantity(struct arena *arena, int64_t quantity,
                                    const struct cart_limits *limits)
{
    if (quantity <= limits->quantity_max) return status_ok();
    return status_printf(
        arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__CART_QUANTITY_MAX,
        "a cart takes at most %d of one product, and this would make %lld; ask for "
        "fewer",
        limits->quantity_max, (long long)quantity);
}

struct status cart_add(struct arena *arena, struct cart *cart, const struct cart_line *added,
                       const struct cart_limits *limits)
{
    struct cart_line *line = find_line(cart, added->product_id, added->variant_id);
    int64_t quantity = (int64_t)added->quantity + (line ? line->quantity : 0);

    if (added->unit_amount < 0 || added->unit_amount > CART_UNIT_AMOUNT_MAX)
        return status_printf(arena, STATUS_INTERNAL, 0, "product %s has the price %lld",
                             added->product_id, (long long)added->unit_amount);
    struct status st = check_quantity(arena, quantity, limits);
    if (failed(st)) return st;
    if (!line && cart->line_count >= (size_t)limits->lines_max)
        return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__CART_LINES_MAX,
                             "a cart takes at most %d different products; remove one first",
                             limits->lines_max);
    int64_t since = line ? line->since : cart->version + 1;
    if (!line) line = cart_append(arena, cart);
    *line = *added;
    line->quantity = (int)quantity;
    line->since = since;
    cart->changed = true;
    return status_ok();
}

static struct status line_not_found(void)
{
    return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__CART_LINE_NOT_FOUND,
                       "the cart has no such product; add it first");
}

/* Finds the line that a request names; without a variant it must be the product's only line. */
static struct status choose_line(struct arena *arena, struct cart *cart, const char *product_id,
                                 const char *variant_id, struct cart_line **ret_line)
{
    struct cart_line *found = 0;

    for (size_t i = 0; i < cart->line_count; i++) {
        struct cart_line *line = &cart->lines[i];
        if (strcmp(line->product_id, product_id) != 0) continue;
        if (variant_id[0] && strcmp(line->variant_id, variant_id) != 0) continue;
        if (found)
            return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "variant_id",
                                "must be given, as the cart has several variants of this product");
        found = line;
    }
    if (!found) return line_not_found();
    *ret_line = found;
    return status_ok();
}

static void remove_line(struct cart *cart, struct cart_line *line)
{
    size_t after = cart->line_count - (size_t)(line - cart->lines) - 1;

    cart->changed = true;
    memmove(line, line + 1, after * sizeof(*line));
    cart->line_count--;
}

struct status cart_set(struct arena *arena, struct cart *cart, const char *product_id,
                       const char *variant_id, int quantity, const struct cart_limits *limits)
{
    struct cart_line *line;
    struct status st;

    st = choose_line(arena, cart, product_id, variant_id, &line);
    if (failed(st)) return st;

    st = check_quantity(arena, quantity, limits);
    if (failed(st)) return st;

    if (line->quantity == quantity) return status_ok();
    if (quantity == 0)
        remove_line(cart, line);
    else
        line->quantity = quantity;
    cart->changed = true;
    return status_ok();
}

struct status cart_remove(struct arena *arena, struct cart *cart, const char *product_id,
                          const char *variant_id)
{
    size_t before = cart->line_count;

    for (size_t i = cart->line_count; i-- > 0;) {
        struct cart_line *line = &cart->lines[i];
        if (strcmp(line->product_id, product_id) != 0) continue;
        if (!variant_id[0] || strcmp(line->variant_id, variant_id) == 0) remove_line(cart, line);
    }
    return cart->line_count == before ? line_not_found() : status_ok();
}

void cart_clear(struct cart *cart)
{
    cart->changed = cart->changed || cart->line_count > 0;
    cart->line_count = 0;
}

/* ---- states of a cart, and what was ordered ----
 *
 * After a cart has expired, the next one begins with version 1 again, so the name of a state holds
 * the time of creation too. */

const char *cart_state(struct arena *arena, const struct cart *cart)
{
    int64_t version = cart->owner_version ? cart->owner_version : cart->version;

    return arena_printf(arena, "%lld.%lld", (long long)cart->created_us, (long long)version);
}

/* The version of this cart that the state names; 0 for a state of another (earlier) cart, INT64_MAX
 * for an unknown state. */
static int64_t version_of(const struct cart *cart, const char *state)
{
    struct str text = str_of(state);
    size_t dot = str_find(text, '.');
    int64_t created_us, version;

    if (dot >= text.length || !str_to_i64(str_sized(text.data, dot), &created_us) ||
        !str_to_i64(str_sized(text.data + dot + 1, text.length - dot - 1), &version))
        return INT64_MAX;
    return created_us == cart->created_us ? version : 0;
}

/* Finds the line of an ordered item. If either side names no variant, the product has only one, so
 * the cart's only line of the product is meant. */
static struct cart_line *find_ordered(struct cart *cart, const struct cart_ordered *item)
{
    struct cart_line *line = find_line(cart, item->product_id, item->variant_id);
    struct cart_line *only = 0;

    if (line) return line;
    for (size_t i = 0; i < cart->line_count; i++) {
        line = &cart->lines[i];
        if (strcmp(line->product_id, item->product_id) != 0) continue;
        if (only || (item->variant_id[0] && line->variant_id[0])) return 0;
        only = line;
    }
    return only;
}

void cart_take_ordered(struct cart *cart, const char *state, const struct cart_ordered *items,
                       size_t count)
{
    int64_t ordered = version_of(cart, state);

    for (size_t i = 0; i < count; i++) {
        struct cart_line *line = find_ordered(cart, &items[i]);
        if (!line || line->since > ordered || items[i].quantity <= 0) continue;
        if (line->quantity <= items[i].quantity)
            remove_line(cart, line);
        else
            line->quantity -= items[i].quantity;
        cart->changed = true;
    }
}

int cart_total_items(const struct cart *cart)
{
    int total = 0;

    for (size_t i = 0; i < cart->line_count; i++) total += cart->lines[i].quantity;
    return total;
}

int64_t cart_line_total(const struct cart_line *line)
{
    return line->unit_amount * line->quantity;
}
