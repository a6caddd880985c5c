/* SPDX-License-Identifier: Apache-2.0 */
/* Converts products, variants, stock and entries of the ledger to messages. */
#include "services/product/product_message.h"

#include "base/clock.h"
#include "base/money.h"
#include "rpc/timestamp.h"

static ProductService__VariantOption **options_message(struct arena *arena,
                                                       const struct product_variant *variant)
{
    ProductService__VariantOption **messages = arena_array(arena, ProductService__VariantOption *,
                                                           variant->option_count);

    for (size_t i = 0; i < variant->option_count; i++) {
        messages[i] = arena_alloc(arena, sizeof(*messages[i]));
        product_service__variant_option__init(messages[i]);
        messages[i]->name = (char *)variant->options[i].name;
        messages[i]->value = (char *)variant->options[i].value;
    }
    return messages;
}

static ProductService__Variant *
variant_message(struct arena *arena, const struct product_variant *variant, const char *currency)
{
    ProductService__Variant *message = arena_alloc(arena, sizeof(*message));

    product_service__variant__init(message);
    message->variant_id = (char *)variant->variant_id;
    message->sku = (char *)variant->sku;
    message->n_options = variant->option_count;
    message->options = options_message(arena, variant);
    message->unit_amount = variant->unit_amount;
    message->price = money_to_double(variant->unit_amount, currency);
    message->image_url = (char *)variant->image_url;
    message->barcode = (char *)variant->barcode;
    message->compare_at_unit_amount = variant->compare_at_unit_amount;
    message->grams = variant->grams;
    if (variant->stock.tracked) {
        message->available_given_case = PRODUCT_SERVICE__VARIANT__AVAILABLE_GIVEN_AVAILABLE;
        message->available = product_stock_available(&variant->stock);
    }
    return message;
}

static ProductService__Variant **variant_messages(struct arena *arena,
                                                  const struct product *product)
{
    ProductService__Variant **messages = arena_array(arena, ProductService__Variant *,
                                                     product->variant_count);

    for (size_t i = 0; i < product->variant_count; i++)
        messages[i] = variant_message(arena, &product->variants[i], product->currency);
    return messages;
}

/* The fields that the three messages of a product have in common, under the same names. */
#define FILL_PRODUCT(arena, product, message)                                            \
    do {                                                                                 \
        (message)->product_id = (char *)(product)->product_id;                           \
        (message)->name = (char *)(product)->name;                                       \
        (message)->description = (char *)(product)->description;                         \
        (message)->category = (char *)(product)->category;                               \
        (message)->unit_amount = product_unit_amount(product);                           \
        (message)->price = money_to_double((message)->unit_amount, (product)->currency); \
        (message)->n_image_urls = (product)->image_urls.count;                           \
        (message)->image_urls = (char **)(product)->image_urls.items;                    \
        (message)->status = (char *)product_status_name((product)->status);              \
        (message)->is_featured = (product)->is_featured;                                 \
        (message)->n_tags = (product)->tags.count;                                       \
        (message)->tags = (char **)(product)->tags.items;                                \
        (message)->currency = (char *)(product)->currency;                               \
        (message)->version = (product)->version;                                         \
        (message)->n_variants = (product)->variant_count;                                \
        (message)->variants = variant_messages((arena), (product));                      \
        (message)->handle = (char *)(product)->handle;                                   \
        (message)->vendor = (char *)(product)->vendor;                                   \
    } while (0)

ProductService__Product *product_message(struct arena *arena, const struct product *product)
{
    ProductService__Product *message = arena_alloc(arena, sizeof(*message));

    product_service__product__init(message);
    FILL_PRODUCT(arena, product, message);
    message->created_by = (char *)product->created_by;
    message->created_at = rpc_timestamp(arena, product->created_us);
    message->updated_at = rpc_timestamp(arena, product->updated_us);
    return message;
}

ProductService__Product *product_message_export(struct arena *arena, const struct product *product)
{
    ProductService__Product *message = product_message(arena, product);

    for (size_t i = 0; i < product->variant_count; i++) {
        if (!product->variants[i].stock.tracked) continue;
        message->variants[i]->on_hand_given_case = PRODUCT_SERVICE__VARIANT__ON_HAND_GIVEN_ON_HAND;
        message->variants[i]->on_hand = product->variants[i].stock.on_hand;
        message->variants[i]->sold = product->variants[i].stock.sold;
        message->variants[i]->stock_id = product_stock_id(arena, &product->variants[i]);
    }
    return message;
}

ProductService__ProductData *product_message_data(struct arena *arena,
                                                  const struct product *product)
{
    ProductService__ProductData *message = arena_alloc(arena, sizeof(*message));

    product_service__product_data__init(message);
    FILL_PRODUCT(arena, product, message);
    message->created_by = (char *)product->created_by;
    return message;
}

ProductService__UpdatedProductData *product_message_updated(struct arena *arena,
                                                            const struct product *product)
{
    ProductService__UpdatedProductData *message = arena_alloc(arena, sizeof(*message));
    char *updated_at = arena_alloc(arena, CLOCK_TEXT_SIZE);

    product_service__updated_product_data__init(message);
    FILL_PRODUCT(arena, product, message);
    clock_format(product->updated_us, updated_at);
    message->updated_at = updated_at;
    return message;
}

static ProductService__VariantStock *stock_message(struct arena *arena,
                                                   const struct product_variant *variant, bool full)
{
    ProductService__VariantStock *message = arena_alloc(arena, sizeof(*message));
    const struct product_stock *stock = &variant->stock;

    product_service__variant_stock__init(message);
    message->variant_id = (char *)variant->variant_id;
    message->sku = (char *)variant->sku;
    message->tracked = stock->tracked;
    message->available = product_stock_available(stock);
    if (!full) return message;
    message->on_hand = stock->on_hand;
    message->reserved = stock->reserved;
    message->received = stock->received;
    message->sold = stock->sold;
    return message;
}

ProductService__StockData *product_message_stock(struct arena *arena, const struct product *product,
                                                 bool full)
{
    ProductService__StockData *message = arena_alloc(arena, sizeof(*message));

    product_service__stock_data__init(message);
    message->n_variants = product->variant_count;
    message->variants = arena_array(arena, ProductService__VariantStock *, product->variant_count);
    for (size_t i = 0; i < product->variant_count; i++)
        message->variants[i] = stock_message(arena, &product->variants[i], full);
    return message;
}

ProductService__StockEntry *product_message_entry(struct arena *arena,
                                                  const struct product_stock_entry *entry)
{
    ProductService__StockEntry *message = arena_alloc(arena, sizeof(*message));

    product_service__stock_entry__init(message);
    message->entry_id = entry->entry_id;
    message->variant_id = (char *)entry->variant_id;
    message->cause = (char *)entry->cause;
    message->on_hand_delta = entry->on_hand_delta;
    message->reserved_delta = entry->reserved_delta;
    message->reference = (char *)entry->reference;
    message->created_by = (char *)entry->created_by;
    message->created_at = rpc_timestamp(arena, entry->created_us);
    return message;
}

bool product_message_is_visible(const ProductService__Product *message,
                                const struct product_actor *actor)
{
    struct product product = {.created_by = message->created_by};

    return product_status_parse(message->status, &product.status) &&
           product_is_visible(&product, actor);
}
