/* SPDX-License-Identifier: Apache-2.0 */
/* The cache: generations, bounds, and entries that are held while they are replaced. */
#include "services/product/product_cache.h"

#include "base/clock.h"
#include "base/test.h"
#include "services/product/product_message.h"

static struct arena arena = {.limit = ARENA_LIMIT_DEFAULT}; /* of the test */

/* A message of a product with everything in it. */
static ProductService__Product *message_of(const char *product_id, const char *name)
{
    static const char *urls[] = {"/1.jpg", "/2.jpg"}, *tags[] = {"tag"};
    struct product_variant variants[2] = {
        {.variant_id = "v1", .sku = "one", .image_url = "", .barcode = "", .option_count = 1},
        {.variant_id = "v2",
         .sku = "two",
         .image_url = "",
         .barcode = "",
         .stock = {.tracked = true}},
    };
    struct product product = {
        .product_id = product_id,
        .category = "category",
        .handle = "handle",
        .name = name,
        .description = "",
        .vendor = "",
        .created_by = "seller@example.com",
        .currency = "USD",
        .image_urls = {urls, 2},
        .tags = {tags, 1},
        .variants = variants,
        .variant_count = 2,
        .version = 3,
        .created_us = 1000000,
        .updated_us = 2000000,
    };

    variants[0].options[0] = (struct product_option){"Size", "S"};
    return product_message(&arena, &product);
}

static const ProductService__Product *find(struct product_cache *cache, struct arena *holder,
                                           const char *product_id, uint64_t generation)
{
    struct call call = {.arena = holder};
    struct product_key key = {"category", product_id};

    return product_cache_find(&call, cache, &key, generation);
}

TEST(an_entry_is_a_complete_copy)
{
    struct product_cache *cache = product_cache_new(16, INT64_MAX);
    ProductService__Product *message = message_of("a", "Name");
    const ProductService__Product *found;
    uint8_t before[1024], after[1024];
    size_t size;

    product_cache_put(cache, message, 1);
    size = protobuf_c_message_pack(&message->base, before);
    memset(message->variants[0], 0xAA, sizeof(*message->variants[0]));
    memset(message, 0xAA, sizeof(*message));
    found = find(cache, &arena, "a", 1);
    CHECK(found);
    CHECK_INT(protobuf_c_message_pack(&found->base, after), ==, size);
    CHECK(memcmp(before, after, size) == 0);
    CHECK(!find(cache, &arena, "b", 1));
    arena_release(&arena);
    product_cache_free(cache);
}

TEST(an_entry_is_valid_under_its_generation_only)
{
    struct product_cache *cache = product_cache_new(16, INT64_MAX);

    product_cache_put(cache, message_of("a", "Old"), 1);
    CHECK(!find(cache, &arena, "a", 2));
    product_cache_put(cache, message_of("a", "New"), 2);
    CHECK_STR(find(cache, &arena, "a", 2)->name, "New");
    CHECK(!find(cache, &arena, "a", 1));
    product_cache_put(cache, message_of("b", "None"), 0);
    CHECK(!find(cache, &arena, "b", 0));
    arena_release(&arena);
    product_cache_free(cache);
}

TEST(an_entry_that_a_call_holds_survives_eviction_and_the_cache)
{
    struct product_cache *cache = product_cache_new(4, INT64_MAX);
    const ProductService__Product *held;
    struct arena holder = {.limit = ARENA_LIMIT_DEFAULT};

    product_cache_put(cache, message_of("a", "Old"), 1);
    held = find(cache, &holder, "a", 1);
    product_cache_put(cache, message_of("a", "New"), 2);
    CHECK_STR(held->name, "Old");
    product_cache_free(cache);
    CHECK_STR(held->name, "Old");
    CHECK_STR(held->variants[0]->options[0]->value, "S");
    arena_release(&holder);
    arena_release(&arena);
}

TEST(the_least_recently_used_entry_is_evicted)
{
    static const char *const ids[] = {"a", "b", "c", "d"};
    struct product_cache *cache = product_cache_new(4, INT64_MAX); /* one set */

    for (size_t i = 0; i < 4; i++) product_cache_put(cache, message_of(ids[i], "x"), 1);
    for (size_t i = 0; i < 4; i++) CHECK(find(cache, &arena, ids[i], 1));
    CHECK(find(cache, &arena, "a", 1));
    product_cache_put(cache, message_of("e", "x"), 1);
    CHECK(find(cache, &arena, "a", 1));
    CHECK(!find(cache, &arena, "b", 1));
    CHECK(find(cache, &arena, "e", 1));
    arena_release(&arena);
    product_cache_free(cache);
}

static int64_t time_us = 1000000;

static int64_t read_time(void)
{
    return time_us;
}

TEST(an_entry_ends_with_its_age_or_before_with_its_generation)
{
    enum { AGE_US = 50000 };

    clock_set_source(read_time, read_time);
    struct product_cache *cache = product_cache_new(4, AGE_US), *none = product_cache_new(4, 0);
    product_cache_put(cache, message_of("a", "Old"), 1);
    product_cache_put(none, message_of("a", "Old"), 1);
    CHECK(!find(none, &arena, "a", 1));
    time_us += AGE_US - 1;
    CHECK(find(cache, &arena, "a", 1));
    CHECK(!find(cache, &arena, "a", 2));
    time_us++;
    CHECK(!find(cache, &arena, "a", 1));
    product_cache_put(cache, message_of("a", "New"), 1);
    CHECK(find(cache, &arena, "a", 1));
    clock_set_source(NULL, NULL);
    arena_release(&arena);
    product_cache_free(cache);
    product_cache_free(none);
}

TEST(long_products_are_not_cached_and_a_cache_of_size_0_caches_nothing)
{
    struct product_cache *cache = product_cache_new(4, INT64_MAX),
                         *none = product_cache_new(0, INT64_MAX);
    ProductService__Product *message = message_of("a", "x");

    message->description = arena_calloc(&arena, 1, PRODUCT_CACHE_ENTRY_SIZE_MAX + 1);
    memset(message->description, 'x', PRODUCT_CACHE_ENTRY_SIZE_MAX);
    product_cache_put(cache, message_of("a", "old"), 1);
    product_cache_put(cache, message, 2);
    CHECK(!find(cache, &arena, "a", 2));
    CHECK(!find(cache, &arena, "a", 1));
    product_cache_put(none, message, 1);
    CHECK(!find(none, &arena, "a", 1));
    arena_release(&arena);
    product_cache_free(cache);
    product_cache_free(none);
}
