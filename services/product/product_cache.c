/* SPDX-License-Identifier: Apache-2.0 */
/* A set-associative table: a product is in one of the WAYS slots of its set, and evicts the least
 * recently used one there. An entry is one block of memory: its head, then the message with all its
 * texts. */
#include "services/product/product_cache.h"

#include "base/clock.h"
#include "base/hash.h"

enum { WAYS = 4 };

struct entry {
    size_t holders; /* the slot and the calls that use it */
    const ProductService__Product *message;
    max_align_t memory[];
};

struct slot {
    struct entry *entry; /* NULL: free */
    uint64_t hash;
    uint64_t generation;
    int64_t since_us; /* when it was cached, if entries age */
    uint64_t used;    /* the cache's clock at the last use */
};

struct product_cache {
    size_t set_count; /* a power of two; 0: caches nothing */
    int64_t age_max_us;
    uint64_t clock;
    struct slot slots[];
};

struct product_cache *product_cache_new(size_t entries_max, int64_t age_max_us)
{
    struct product_cache *cache;
    size_t set_count = 0;

    if (entries_max > 0 && age_max_us > 0)
        for (set_count = 1; set_count * WAYS < entries_max;) set_count *= 2;
    cache = calloc(1, sizeof(*cache) + set_count * WAYS * sizeof(struct slot));
    invariant(cache != 0);
    cache->set_count = set_count;
    cache->age_max_us = age_max_us;
    return cache;
}

static void let_go(void *data)
{
    struct entry *entry = data;

    if (--entry->holders == 0) free(entry);
}

void product_cache_free(struct product_cache *cache)
{
    if (!cache) return;
    for (size_t i = 0; i < cache->set_count * WAYS; i++)
        if (cache->slots[i].entry) let_go(cache->slots[i].entry);
    free(cache);
}

/* Hashes the id, which alone identifies the product. */
static uint64_t hash_of(const char *product_id)
{
    return hash_fold(hash_text(HASH_START, product_id));
}

static struct slot *set_of(struct product_cache *cache, uint64_t hash)
{
    return &cache->slots[(hash & (cache->set_count - 1)) * WAYS];
}

static bool is_at(const struct slot *slot, uint64_t hash, const char *product_id)
{
    return slot->entry && slot->hash == hash &&
           strcmp(slot->entry->message->product_id, product_id) == 0;
}

static int64_t now_us(const struct product_cache *cache)
{
    return cache->age_max_us == INT64_MAX ? 0 : clock_monotonic_us();
}

static bool is_valid(const struct product_cache *cache, const struct slot *slot,
                     uint64_t generation)
{
    return slot->generation == generation && now_us(cache) - slot->since_us < cache->age_max_us;
}

const ProductService__Product *product_cache_find(const struct call *call,
                                                  struct product_cache *cache,
                                                  const struct product_key *key,
                                                  uint64_t generation)
{
    uint64_t hash = hash_of(key->product_id);
    struct slot *set;

    if (cache->set_count == 0) return 0;
    set = set_of(cache, hash);
    for (size_t i = 0; i < WAYS; i++) {
        struct slot *slot = &set[i];
        if (!is_at(slot, hash, key->product_id)) continue;
        if (!is_valid(cache, slot, generation)) return 0;
        slot->used = ++cache->clock;
        slot->entry->holders++;
        arena_defer(call->arena, let_go, slot->entry);
        return slot->entry->message;
    }
    return 0;
}

/* ---- copying ---- */

/* Allocates pieces of one block in sequence; without a block it only adds up their sizes. */
struct packer {
    char *block;
    size_t size;
};

static void *pack(struct packer *packer, const void *data, size_t size)
{
    void *place = packer->block ? packer->block + packer->size : 0;

    if (place && size > 0) memcpy(place, data, size);
    packer->size += (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    return place;
}

static char *pack_text(struct packer *packer, const char *text)
{
    return *text ? pack(packer, text, strlen(text) + 1) : (char *)protobuf_c_empty_string;
}

static char **pack_texts(struct packer *packer, char *const *texts, size_t count)
{
    char **copies = pack(packer, texts, count * sizeof(*texts));

    for (size_t i = 0; i < count; i++) {
        char *copy = pack_text(packer, texts[i]);
        if (copies) copies[i] = copy;
    }
    return copies;
}

static ProductService__VariantOption *pack_option(struct packer *packer,
                                                  const ProductService__VariantOption *option)
{
    ProductService__VariantOption copy = *option;

    copy.name = pack_text(packer, option->name);
    copy.value = pack_text(packer, option->value);
    return pack(packer, &copy, sizeof(copy));
}

static ProductService__Variant *pack_variant(struct packer *packer,
                                             const ProductService__Variant *variant)
{
    ProductService__Variant copy = *variant;

    copy.variant_id = pack_text(packer, variant->variant_id);
    copy.sku = pack_text(packer, variant->sku);
    copy.image_url = pack_text(packer, variant->image_url);
    copy.barcode = pack_text(packer, variant->barcode);
    copy.options = pack(packer, variant->options, variant->n_options * sizeof(*variant->options));
    for (size_t i = 0; i < variant->n_options; i++) {
        ProductService__VariantOption *option = pack_option(packer, variant->options[i]);
        if (copy.options) copy.options[i] = option;
    }
    return pack(packer, &copy, sizeof(copy));
}

static ProductService__Product *pack_product(struct packer *packer,
                                             const ProductService__Product *product)
{
    ProductService__Product copy = *product;

    copy.product_id = pack_text(packer, product->product_id);
    copy.name = pack_text(packer, product->name);
    copy.description = pack_text(packer, product->description);
    copy.category = pack_text(packer, product->category);
    copy.status = pack_text(packer, product->status);
    copy.created_by = pack_text(packer, product->created_by);
    copy.currency = pack_text(packer, product->currency);
    copy.handle = pack_text(packer, product->handle);
    copy.vendor = pack_text(packer, product->vendor);
    copy.image_urls = pack_texts(packer, product->image_urls, product->n_image_urls);
    copy.tags = pack_texts(packer, product->tags, product->n_tags);
    copy.created_at = pack(packer, product->created_at, sizeof(*product->created_at));
    copy.updated_at = pack(packer, product->updated_at, sizeof(*product->updated_at));
    copy.variants = pack(packer, product->variants,
                         product->n_variants * sizeof(*product->variants));
    for (size_t i = 0; i < product->n_variants; i++) {
        ProductService__Variant *variant = pack_variant(packer, product->variants[i]);
        if (copy.variants) copy.variants[i] = variant;
    }
    return pack(packer, &copy, sizeof(copy));
}

/* NULL if it is too long. */
static struct entry *entry_new(const ProductService__Product *message)
{
    struct packer packer = {0};
    struct entry *entry;

    pack_product(&packer, message);
    if (packer.size > PRODUCT_CACHE_ENTRY_SIZE_MAX) return 0;
    entry = malloc(sizeof(*entry) + packer.size);
    invariant(entry != 0);
    packer = (struct packer){.block = (char *)entry->memory};
    entry->holders = 1;
    entry->message = pack_product(&packer, message);
    return entry;
}

void product_cache_put(struct product_cache *cache, const ProductService__Product *message,
                       uint64_t generation)
{
    uint64_t hash = hash_of(message->product_id);
    struct slot *set, *victim;

    if (cache->set_count == 0 || generation == 0) return;
    set = victim = set_of(cache, hash);
    for (size_t i = 0; i < WAYS; i++) {
        if (is_at(&set[i], hash, message->product_id)) {
            victim = &set[i];
            break;
        }
        if (set[i].used < victim->used) victim = &set[i];
    }
    if (victim->entry) let_go(victim->entry);
    *victim = (struct slot){.entry = entry_new(message),
                            .hash = hash,
                            .generation = generation,
                            .since_us = now_us(cache),
                            .used = ++cache->clock};
    if (!victim->entry) *victim = (struct slot){0};
}
