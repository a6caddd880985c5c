/* SPDX-License-Identifier: Apache-2.0 */
/* A table by hash under one mutex. All rows that are kept are in a ring, in which a hand looks for
 * those to drop: it takes one use from each row that it passes, and drops a row without any. */
#include "services/product/sqlite/product_chunk_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/budget.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/status.h"

enum {
    SLOTS = 1 << 14,
    USES_MAX = 3,
    PROCESS_PART = 8,
    ALIGNMENT = 16,
};

struct kept_row {
    struct product_chunk_row row;     /* first, so that one is the other */
    struct kept_row *next;            /* in its slot */
    struct kept_row *before, *behind; /* in the ring */
    int64_t chunk, version;
    struct str key;
    size_t slot, size;
    int uses, references;
    bool kept;
};

struct product_chunk_cache {
    pthread_mutex_t mutex;
    size_t size, size_max;
    uint64_t secret;       /* so that nobody can choose keys of one slot */
    struct kept_row *hand; /* NULL: the ring is empty */
    struct kept_row *slots[SLOTS];
};

struct product_chunk_cache *product_chunk_cache_new(size_t bytes_max)
{
    struct product_chunk_cache *cache = calloc(1, sizeof(*cache));

    invariant(cache);
    pthread_mutex_init(&cache->mutex, 0);
    cache->size_max = bytes_max;
    random_bytes(&cache->secret, sizeof(cache->secret));
    return cache;
}

static size_t slot_of(const struct product_chunk_cache *cache, int64_t chunk, struct str key)
{
    return (size_t)hash_fold(hash_bytes(cache->secret ^ (uint64_t)chunk, key)) & (SLOTS - 1);
}

static struct kept_row *find_row(struct product_chunk_cache *cache, size_t slot, int64_t chunk,
                                 struct str key)
{
    struct kept_row *row = cache->slots[slot];

    while (row && (row->chunk != chunk || !str_equal(row->key, key))) row = row->next;
    return row;
}

static void keep(struct product_chunk_cache *cache, struct kept_row *row)
{
    row->kept = true;
    row->references++;
    row->next = cache->slots[row->slot];
    cache->slots[row->slot] = row;
    row->before = row->behind = row;
    if (cache->hand) {
        row->behind = cache->hand;
        row->before = cache->hand->before;
        row->before->behind = row->behind->before = row;
    } else {
        cache->hand = row;
    }
    cache->size += row->size;
}

static void let_go(struct kept_row *row)
{
    if (--row->references > 0) return;
    budget_refund_process(row->size);
    free(row);
}

static void drop(struct product_chunk_cache *cache, struct kept_row *row)
{
    struct kept_row **place = &cache->slots[row->slot];

    while (*place != row) place = &(*place)->next;
    *place = row->next;
    row->before->behind = row->behind;
    row->behind->before = row->before;
    if (cache->hand == row) cache->hand = row->behind == row ? NULL : row->behind;
    cache->size -= row->size;
    row->kept = false;
    let_go(row);
}

static size_t size_max_of(const struct product_chunk_cache *cache)
{
    size_t part = budget_part(PROCESS_PART);

    return cache->size_max < part ? cache->size_max : part;
}

static void make_room(struct product_chunk_cache *cache, size_t size)
{
    size_t size_max = size_max_of(cache);

    while (cache->hand && cache->size + size > size_max) {
        struct kept_row *row = cache->hand;
        cache->hand = row->behind;
        if (row->uses-- == 0) drop(cache, row);
    }
}

void product_chunk_cache_free(struct product_chunk_cache *cache)
{
    if (!cache) return;
    while (cache->hand) drop(cache, cache->hand);
    pthread_mutex_destroy(&cache->mutex);
    free(cache);
}

const struct product_chunk_row *product_chunk_cache_find(struct product_chunk_cache *cache,
                                                         int64_t chunk, int64_t version,
                                                         struct str key)
{
    size_t slot = slot_of(cache, chunk, key);
    struct kept_row *row;

    pthread_mutex_lock(&cache->mutex);
    row = find_row(cache, slot, chunk, key);
    if (row && row->version != version) row = NULL;
    if (row) {
        row->references++;
        if (row->uses < USES_MAX) row->uses++;
    }
    pthread_mutex_unlock(&cache->mutex);
    return row ? &row->row : NULL;
}

static struct kept_row *made_row(int64_t chunk, int64_t version, struct str key, struct str bytes)
{
    size_t room = (bytes.length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    size_t head = (sizeof(struct kept_row) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    size_t size = head + room + key.length;
    char *memory = malloc(size);
    struct kept_row *row = (struct kept_row *)(void *)memory;

    invariant(row);
    budget_charge_process(size);
    *row = (struct kept_row){
        .row = {str_sized(memory + head, bytes.length)},
        .chunk = chunk,
        .version = version,
        .key = str_sized(memory + head + room, key.length),
        .size = size,
        .references = 1,
    };
    if (bytes.length > 0) memcpy(memory + head, bytes.data, bytes.length);
    memcpy(memory + head + room, key.data, key.length);
    return row;
}

const struct product_chunk_row *product_chunk_cache_add(struct product_chunk_cache *cache,
                                                        int64_t chunk, int64_t version,
                                                        struct str key, struct str bytes)
{
    struct kept_row *row = made_row(chunk, version, key, bytes), *other;

    row->slot = slot_of(cache, chunk, key);
    pthread_mutex_lock(&cache->mutex);
    other = find_row(cache, row->slot, chunk, key);
    if (other && other->version < version) {
        drop(cache, other);
        other = NULL;
    }
    if (!other && row->size <= size_max_of(cache)) {
        make_room(cache, row->size);
        keep(cache, row);
    }
    pthread_mutex_unlock(&cache->mutex);
    return &row->row;
}

void product_chunk_cache_release(struct product_chunk_cache *cache,
                                 const struct product_chunk_row *const *rows, size_t count)
{
    pthread_mutex_lock(&cache->mutex);
    for (size_t i = 0; i < count; i++) let_go((struct kept_row *)(uintptr_t)rows[i]);
    pthread_mutex_unlock(&cache->mutex);
}

size_t product_chunk_cache_size(struct product_chunk_cache *cache)
{
    size_t size;

    pthread_mutex_lock(&cache->mutex);
    size = cache->size;
    pthread_mutex_unlock(&cache->mutex);
    return size;
}
