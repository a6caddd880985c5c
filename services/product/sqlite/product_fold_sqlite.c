/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the index of the catalogue: changes are kept as they come, and folded into the rows of
 * terms many at a time. */
#include <stdlib.h>

#include "base/hash.h"
#include "services/product/sqlite/product_ranks_sqlite.h"

enum {
    FRESH_MAX = 512,
    FRESH_BYTES_MAX = 256 * 1024,
    SLOTS_FIRST = 4096,
};

/* ---- changes by term ---- */

/* A product has got the term or lost it; by key, what is lost before what is got. */
struct change {
    struct change *next;
    int64_t key;
    bool added;
};

/* All changes of one row of a table. */
struct group {
    struct str term;
    int64_t chunk;
    uint64_t beginning; /* the term's first bytes, in their order */
    struct change *first, *last;
    size_t count;
};

/* A table by hash, kept at most half full. */
struct groups {
    struct arena *arena;
    struct group **slots;
    size_t slot_count, count;
};

static uint64_t beginning_of(struct str term)
{
    uint64_t beginning = 0;

    for (size_t i = 0; i < sizeof(beginning); i++)
        beginning = beginning << 8 | (i < term.length ? (unsigned char)term.data[i] : 0);
    return beginning;
}

/* Where the term's group is, or would be. */
static struct group **find_slot(const struct groups *groups, int64_t chunk, struct str term)
{
    uint64_t hash = hash_fold(hash_bytes(HASH_START ^ (uint64_t)chunk, term));
    size_t at = (size_t)hash & (groups->slot_count - 1);

    while (groups->slots[at] &&
           (groups->slots[at]->chunk != chunk || !str_equal(groups->slots[at]->term, term)))
        at = (at + 1) & (groups->slot_count - 1);
    return &groups->slots[at];
}

static void grow(struct groups *groups)
{
    struct group **slots = groups->slots;
    size_t count = groups->slot_count;

    groups->slot_count = count ? count * 2 : SLOTS_FIRST;
    groups->slots = arena_array(groups->arena, struct group *, groups->slot_count);
    for (size_t i = 0; i < count; i++)
        if (slots[i]) *find_slot(groups, slots[i]->chunk, slots[i]->term) = slots[i];
}

static void add_change(struct groups *groups, int64_t key, struct str term, bool added)
{
    struct change *change = arena_new(groups->arena, struct change);
    struct group **slot, *group;

    if (groups->count * 2 >= groups->slot_count) grow(groups);
    slot = find_slot(groups, key >> CHUNK_BITS, term);
    group = *slot;
    if (!group) {
        *slot = group = arena_new(groups->arena, struct group);
        *group = (struct group){
            .term = term, .chunk = key >> CHUNK_BITS, .beginning = beginning_of(term)};
        groups->count++;
    }
    *change = (struct change){.key = key, .added = added};
    if (group->last)
        group->last->next = change;
    else
        group->first = change;
    group->last = change;
    group->count++;
}

static void add_changes(struct groups *groups, int64_t key, struct str joined, bool added)
{
    struct product_terms terms = product_terms_parse(groups->arena, joined);

    terms = product_terms_complete(groups->arena, &terms);
    for (size_t i = 0; i < terms.count; i++) {
        if (product_term_is_set(terms.items[i])) add_change(groups, key, terms.items[i], added);
    }
}

static struct status read_fresh(struct sqlite_tx *tx, struct groups *groups,
                                struct product_fresh *ret_fresh, size_t *ret_count)
{
    struct sqlite_rows rows;
    size_t count = 0;
    struct status st;

    st = sqlite_query(tx, &rows,
                      "SELECT product, before, after FROM product_fresh ORDER BY product", "");
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        int64_t key = sqlite_column_i64(&rows, 0);
        struct str before = sqlite_column_blob(&rows, 1), after = sqlite_column_blob(&rows, 2);
        add_changes(groups, key, before, false);
        add_changes(groups, key, after, true);
        ret_fresh[count] = (struct product_fresh){.key = key, .before = before, .terms = after};
        count += product_terms_amount_code(after, &ret_fresh[count].amount_code);
    }
    *ret_count = count;
    return rows.status;
}

/* ---- folding ---- */

static struct status write_rows(struct sqlite_tx *tx, const struct group *group, struct str rows)
{
    bool filter = product_term_is_filter(group->term);

    if (rows.length == 0)
        return sqlite_exec(tx, 0,
                           filter ? "DELETE FROM product_filters WHERE chunk = ? AND term = ?"
                                  : "DELETE FROM product_postings WHERE chunk = ? AND term = ?",
                           "lb", group->chunk, group->term);
    return sqlite_exec(tx, 0,
                       filter ? "INSERT INTO product_filters (chunk, term, rows) VALUES (?, ?, ?)"
                                " ON CONFLICT DO UPDATE SET rows = excluded.rows"
                              : "INSERT INTO product_postings (chunk, term, rows) VALUES (?, ?, ?)"
                                " ON CONFLICT DO UPDATE SET rows = excluded.rows",
                       "lbb", group->chunk, group->term, rows);
}

static struct str fold_bitmap(const struct group *group, struct str rows, uint16_t *room,
                              uint64_t words[CHUNK_WORDS])
{
    product_rows_add(rows, words);
    for (const struct change *change = group->first; change; change = change->next) {
        size_t bit = (size_t)change->key & (CHUNK_SIZE - 1);
        if (change->added)
            words[bit >> 6] |= 1ull << (bit & 63);
        else
            words[bit >> 6] &= ~(1ull << (bit & 63));
    }
    return product_rows_pack(words, room);
}

/* Merges two sorted lists. */
static struct str fold_array(const struct group *group, struct str rows, uint16_t *room)
{
    size_t old_count = rows.length / sizeof(uint16_t), at = 0, count = 0;
    uint16_t old[ARRAY_MAX];

    if (rows.length > 0) memcpy(old, rows.data, rows.length);
    for (const struct change *change = group->first; change; change = change->next) {
        uint16_t bit = (uint16_t)(change->key & (CHUNK_SIZE - 1));
        if (change->next && change->next->key == change->key) continue; /* the last one counts */
        while (at < old_count && old[at] < bit) room[count++] = old[at++];
        if (at < old_count && old[at] == bit) at++;
        if (change->added) room[count++] = bit;
    }
    while (at < old_count) room[count++] = old[at++];
    return str_sized(room, count * sizeof(*room));
}

static struct status fold_group(struct sqlite_tx *tx, const struct group *group)
{
    uint16_t room[CHUNK_SIZE / 16];
    uint64_t words[CHUNK_WORDS];
    struct sqlite_rows rows;
    struct str found = {0}, folded;
    struct status st = product_rows_query(tx, &rows, group->chunk, group->term);

    if (failed(st)) return st;
    if (sqlite_next(&rows)) found = sqlite_column_view(&rows, 0);
    if (found.length / sizeof(uint16_t) + group->count <= ARRAY_MAX) {
        folded = fold_array(group, found, room);
    } else {
        memset(words, 0, sizeof(words));
        folded = fold_bitmap(group, found, room, words);
    }
    sqlite_end(&rows);
    if (failed(rows.status)) return rows.status;
    return write_rows(tx, group, folded);
}

/* In the order of the tables. */
static int compare_groups(const void *a, const void *b)
{
    const struct group *left = *(struct group *const *)a, *right = *(struct group *const *)b;

    if (left->chunk != right->chunk) return left->chunk < right->chunk ? -1 : 1;
    if (left->beginning != right->beginning) return left->beginning < right->beginning ? -1 : 1;
    return str_compare(left->term, right->term);
}

static struct status fold_groups(struct sqlite_tx *tx, struct groups *groups)
{
    size_t count = 0;
    struct status st = status_ok();

    for (size_t i = 0; i < groups->slot_count; i++)
        if (groups->slots[i]) groups->slots[count++] = groups->slots[i];
    if (count > 1) qsort(groups->slots, count, sizeof(struct group *), compare_groups);
    for (size_t i = 0; i < count && !failed(st); i++) st = fold_group(tx, groups->slots[i]);
    return st;
}

/* Rows of these chunks that are kept in memory are now those of the past. */
static struct status renew_versions(struct sqlite_tx *tx)
{
    return sqlite_exec(tx, 0,
                       "INSERT INTO product_chunks SELECT DISTINCT product / ?, 1"
                       " FROM product_fresh WHERE true"
                       " ON CONFLICT DO UPDATE SET version = version + 1",
                       "i", (int)CHUNK_SIZE);
}

static struct status fold(struct sqlite_tx *tx, size_t count)
{
    struct product_fresh *fresh;
    struct arena arena;
    struct groups groups = {.arena = &arena};
    struct status st;

    arena_init(&arena, 0);
    fresh = arena_array(&arena, struct product_fresh, count);
    st = read_fresh(tx, &groups, fresh, &count);
    if (!failed(st)) st = fold_groups(tx, &groups);
    if (!failed(st)) st = product_codes_write(&arena, tx, fresh, count);
    if (!failed(st)) st = product_ranks_fold(&arena, tx, fresh, count);
    if (!failed(st)) st = renew_versions(tx);
    if (!failed(st)) st = sqlite_exec(tx, 0, "DELETE FROM product_fresh", "");
    if (!failed(st))
        st = sqlite_exec(tx, 0, "UPDATE product_fresh_size SET count = 0, bytes = 0", "");
    arena_release(&arena);
    return st;
}

static struct status fold_from(struct sqlite_tx *tx, int64_t count_least, int64_t bytes_least)
{
    struct sqlite_rows rows;
    int64_t count = 0, bytes = 0;
    struct status st;

    st = sqlite_query(tx, &rows, "SELECT count, bytes FROM product_fresh_size", "");
    if (failed(st)) return st;
    if (sqlite_next(&rows)) {
        count = sqlite_column_i64(&rows, 0);
        bytes = sqlite_column_i64(&rows, 1);
    }
    sqlite_end(&rows);
    if (failed(rows.status) || (count < count_least && bytes < bytes_least)) return rows.status;
    return fold(tx, (size_t)count);
}

struct status product_postings_fold(struct sqlite_tx *tx)
{
    return fold_from(tx, 1, 1);
}

struct status product_postings_write(struct sqlite_tx *tx, int64_t key,
                                     const struct product_terms *before,
                                     const struct product_terms *after)
{
    static const struct product_terms none;
    struct status st;

    if (!before) before = &none;
    if (!after) after = &none;
    if (product_terms_equal(before, after)) return status_ok();
    st = sqlite_exec(tx, 0,
                     "INSERT INTO product_fresh VALUES (?, ?, ?)"
                     " ON CONFLICT DO UPDATE SET after = excluded.after",
                     "lbb", key, before->joined, after->joined);
    if (failed(st)) return st;
    st = sqlite_exec(tx, 0, "UPDATE product_fresh_size SET count = count + 1, bytes = bytes + ?",
                     "l", (int64_t)(before->joined.length + after->joined.length));
    if (failed(st)) return st;
    return fold_from(tx, FRESH_MAX, FRESH_BYTES_MAX);
}
