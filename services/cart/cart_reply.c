/* SPDX-License-Identifier: Apache-2.0 */
/* Fills the cart service's answers, with a total for each currency, and compares them with the
 * products as the shop has them now. */
#include "services/cart/cart_reply.h"

#include <string.h>

#include "base/money.h"
#include "rpc/timestamp.h"
#include "rpc/existing_system.h"

static const char *join_options(struct arena *arena, const ProductService__Variant *variant)
{
    const char *joined = "";

    for (size_t i = 0; i < variant->n_options; i++)
        joined = arena_printf(arena, "%s%s%s", joined, i ? " / " : "", variant->options[i]->value);
    return joined;
}

bool cart_product_is_active(const ProductService__Product *product)
{
    return existing_status_for_sale(product->status);
}

/* The existing system's product service names no currency. */
static const char *currency_of(const ProductService__Product *product)
{
    return product->currency[0] ? product->currency : "USD";
}

static int64_t price_of(const ProductService__Product *product,
                        const ProductService__Variant *variant)
{
    return variant ? variant->unit_amount : money_nearest(product->price, currency_of(product));
}

void cart_line_of(struct arena *arena, const ProductService__Product *product,
                  const ProductService__Variant *variant, int quantity, struct cart_line *ret_line)
{
    struct cart_line line = {
        .product_id = product->product_id,
        .variant_id = variant ? variant->variant_id : product->product_id,
        .category = product->category,
        .product_name = product->name,
        .options = variant ? join_options(arena, variant) : "",
        .image_url = product->n_image_urls ? product->image_urls[0] : "",
        .currency = currency_of(product),
        .unit_amount = price_of(product, variant),
        .quantity = quantity,
    };

    if (variant && variant->image_url[0]) line.image_url = variant->image_url;
    *ret_line = line;
}

static CartService__CartItem *item_of(const struct call *call, const struct cart_line *line)
{
    CartService__CartItem *item = arena_new(call->arena, CartService__CartItem);

    cart_service__cart_item__init(item);
    item->product_id = (char *)line->product_id;
    item->variant_id = (char *)line->variant_id;
    item->category = (char *)line->category;
    item->product_name = (char *)line->product_name;
    item->image_url = (char *)line->image_url;
    item->currency = (char *)line->currency;
    item->unit_amount = line->unit_amount;
    item->price = money_to_double(line->unit_amount, line->currency);
    item->quantity = line->quantity;
    item->subtotal_minor = cart_line_total(line);
    item->subtotal = money_to_double(item->subtotal_minor, line->currency);
    if (line->options[0]) {
        item->options = arena_array(call->arena, char *, 1);
        item->options[item->n_options++] = (char *)line->options;
    }
    return item;
}

/* Adds to the total of the line's currency. */
static void add_total(const struct call *call, CartService__CartData *data,
                      const struct cart_line *line)
{
    for (size_t i = 0; i < data->n_totals; i++) {
        if (strcmp(data->totals[i]->currency, line->currency) != 0) continue;
        data->totals[i]->amount_minor += cart_line_total(line);
        return;
    }
    CartService__CurrencyTotal *total = arena_new(call->arena, CartService__CurrencyTotal);
    cart_service__currency_total__init(total);
    total->currency = (char *)line->currency;
    total->amount_minor = cart_line_total(line);
    data->totals[data->n_totals++] = total;
}

void cart_reply(const struct call *call, const struct cart *cart, const char *message,
                CartService__CartStandardResponse *response)
{
    CartService__CartData *data = arena_new(call->arena, CartService__CartData);

    cart_service__cart_data__init(data);
    data->email = (char *)cart->email;
    data->items = arena_array(call->arena, CartService__CartItem *, cart->line_count + 1);
    data->totals = arena_array(call->arena, CartService__CurrencyTotal *, cart->line_count + 1);
    for (size_t i = 0; i < cart->line_count; i++) {
        data->items[data->n_items++] = item_of(call, &cart->lines[i]);
        add_total(call, data, &cart->lines[i]);
    }
    for (size_t i = 0; i < data->n_totals; i++)
        data->subtotal += money_to_double(data->totals[i]->amount_minor, data->totals[i]->currency);
    data->total_items = cart_total_items(cart);
    data->version = cart->version;
    data->state = (char *)cart_state(call->arena, cart);
    data->created_at = rpc_timestamp(call->arena, cart->created_us);
    data->updated_at = rpc_timestamp(call->arena, cart->updated_us);

    response->success = true;
    response->message = (char *)message;
    response->status_code = 200;
    response->result_case = CART_SERVICE__CART_STANDARD_RESPONSE__RESULT_CART_DATA;
    response->cart_data = data;
}

static const ProductService__Product *
find_product(const ProductService__BatchGetProductsResponse *products,
             const CartService__CartItem *item)
{
    for (size_t i = 0; i < products->n_products; i++)
        if (strcmp(products->products[i]->product_id, item->product_id) == 0)
            return products->products[i];
    return 0;
}

/* False if the product does not (or no longer) have such a variant. *ret_variant is NULL for a
 * product without variants, as in cart_line_of. */
static bool find_variant(const ProductService__Product *product, const CartService__CartItem *item,
                         const ProductService__Variant **ret_variant)
{
    *ret_variant = 0;
    if (product->n_variants == 0) return strcmp(item->variant_id, product->product_id) == 0;
    for (size_t i = 0; i < product->n_variants && !*ret_variant; i++)
        if (strcmp(product->variants[i]->variant_id, item->variant_id) == 0)
            *ret_variant = product->variants[i];
    return *ret_variant != 0;
}

static bool has_enough(const ProductService__Variant *variant, int quantity)
{
    return !variant || variant->available_given_case == 0 || variant->available >= quantity;
}

void cart_reply_compare(CartService__CartData *data, size_t from, size_t count,
                        const ProductService__BatchGetProductsResponse *products)
{
    for (size_t i = from; i < from + count; i++) {
        CartService__CartItem *item = data->items[i];
        const ProductService__Product *product = find_product(products, item);
        const ProductService__Variant *variant;

        if (!product || !cart_product_is_active(product) ||
            !find_variant(product, item, &variant)) {
            item->unavailable = true;
            continue;
        }
        item->category = product->category; /* it may have moved since */
        item->unavailable = !has_enough(variant, item->quantity);
        if (price_of(product, variant) == item->unit_amount &&
            strcmp(currency_of(product), item->currency) == 0)
            continue;
        item->price_changed = true;
        item->current_unit_amount = price_of(product, variant);
        data->price_changed = true;
    }
}
