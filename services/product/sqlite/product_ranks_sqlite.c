/* SPDX-License-Identifier: Apache-2.0 */
/* Giving ranks, and reading them. */
#include "services/product/sqlite/product_ranks_sqlite.h"

#include <stdlib.h>
#include <strings.h>

enum {
    BLOCK_SIZE = 64, /* ranks in a row of the table */
    BLOCKS_IN_CHUNK = CHUNK_SIZE / BLOCK_SIZE,
    BUCKETS = 512,
    STATUS_COUNT = PRODUCT_ARCHIVED + 1,
    REACH_FIRST = 32, /* neighbours on each side that get new ranks, at first */
    REACH_FACTOR = 4, /* and so many times more where that isn't enough */
    OPEN_SHARE = 8,   /* before the first and behind the last the room is used in such shares */
    NEW_DISTANCE_MAX = 1 << 20,
};
#define RANK_MAX INT64_MAX
#define OPEN_STEP (INT64_C(1) << 43) /* at most, from the last to the next that comes behind it */

int product_names_compare(struct str left, struct str right)
{
    size_t shorter = left.length < right.length ? left.length : right.length;
    int order = shorter > 0 ? strncasecmp(left.data, right.data, shorter) : 0;

    if (order != 0) return order;
    return (left.length > right.length) - (left.length < right.length);
}

/* A product's place in the order. */
struct place {
    int status;
    struct str name;
    int64_t key;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    int order;

    if (left->status != right->status) return left->status < right->status ? -1 : 1;
    order = product_names_compare(left->name, right->name);
    return order != 0 ? order : (left->key > right->key) - (left->key < right->key);
}

/* ---- ranks that are being changed ---- */

struct block {
    struct block *next;
    int64_t number;
    bool changed;
    int64_t ranks[BLOCK_SIZE];
};

struct ranking {
    struct arena *arena;
    struct sqlite_tx *tx;
    struct block *buckets[BUCKETS];
    size_t block_count;
    struct place end; /* products behind it have no ranks yet */
    int64_t last;     /* the rank of what is there */
    int64_t step, left;
    size_t unranked; /* products that wait for their ranks, at most */
    int64_t *keys;   /* room for one more */
};

static struct status read_block(struct sqlite_tx *tx, struct block *block)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(tx, &rows, "SELECT ranks FROM product_ranks WHERE block = ?",
                                    "l", block->number);

    if (failed(st)) return st;
    if (sqlite_next(&rows)) {
        struct str found = sqlite_column_view(&rows, 0);
        if (found.length == sizeof(block->ranks))
            memcpy(block->ranks, found.data, sizeof(block->ranks));
    }
    sqlite_end(&rows);
    return rows.status;
}

static struct status find_block(struct ranking *ranking, int64_t key, struct block **ret_block)
{
    int64_t number = key / BLOCK_SIZE;
    struct block **bucket = &ranking->buckets[number % BUCKETS], *block = *bucket;
    struct status st;

    while (block && block->number != number) block = block->next;
    if (!block) {
        block = arena_new(ranking->arena, struct block);
        block->number = number;
        st = read_block(ranking->tx, block);
        if (failed(st)) return st;
        block->next = *bucket;
        *bucket = block;
        ranking->block_count++;
    }
    *ret_block = block;
    return status_ok();
}

static struct status get_rank(struct ranking *ranking, int64_t key, int64_t *ret_rank)
{
    struct block *block;
    struct status st = find_block(ranking, key, &block);

    if (!failed(st)) *ret_rank = block->ranks[key % BLOCK_SIZE];
    return st;
}

static struct status set_rank(struct ranking *ranking, int64_t key, int64_t rank)
{
    struct block *block;
    struct status st = find_block(ranking, key, &block);

    if (failed(st) || block->ranks[key % BLOCK_SIZE] == rank) return st;
    block->ranks[key % BLOCK_SIZE] = rank;
    block->changed = true;
    return st;
}

static int compare_blocks(const void *a, const void *b)
{
    const struct block *left = *(struct block *const *)a, *right = *(struct block *const *)b;

    return (left->number > right->number) - (left->number < right->number);
}

/* Ranks of the chunk that are kept in memory are now those of the past. */
static struct status renew_version(struct sqlite_tx *tx, int64_t chunk)
{
    return sqlite_exec(tx, 0,
                       "INSERT INTO product_chunks VALUES (?, 1)"
                       " ON CONFLICT DO UPDATE SET version = version + 1",
                       "l", chunk);
}

static struct status write_blocks(struct ranking *ranking)
{
    struct block **changed = arena_array(ranking->arena, struct block *, ranking->block_count);
    size_t count = 0;
    int64_t renewed = -1;
    struct status st = status_ok();

    for (size_t i = 0; i < BUCKETS; i++)
        for (struct block *block = ranking->buckets[i]; block; block = block->next)
            if (block->changed) changed[count++] = block;
    if (count > 1) qsort(changed, count, sizeof(*changed), compare_blocks);
    for (size_t i = 0; i < count && !failed(st); i++) {
        int64_t chunk = changed[i]->number / BLOCKS_IN_CHUNK;
        st = sqlite_exec(ranking->tx, 0,
                         "INSERT INTO product_ranks VALUES (?, ?)"
                         " ON CONFLICT DO UPDATE SET ranks = excluded.ranks",
                         "lb", changed[i]->number,
                         str_sized(changed[i]->ranks, sizeof(changed[i]->ranks)));
        if (!failed(st) && chunk != renewed) st = renew_version(ranking->tx, chunk);
        renewed = chunk;
    }
    return st;
}

/* ---- neighbours in the index of names ---- */

/* Entries behind a place, from the nearest on; or before it. */
static struct status query_neighbours(struct sqlite_tx *tx, const struct place *place, bool before,
                                      size_t limit, struct sqlite_rows *rows)
{
    return sqlite_query(tx, rows,
                        before ? "SELECT key, name FROM products WHERE status = ?1"
                                 " AND (name, key) < (?2, ?3) ORDER BY name DESC, key DESC LIMIT ?4"
                               : "SELECT key, name FROM products WHERE status = ?1"
                                 " AND (name, key) > (?2, ?3) ORDER BY name, key LIMIT ?4",
                        "isll", place->status, place->name, place->key, (int64_t)limit);
}

/* Products that get ranks together, in their order, and what is around them: ranks of others, or
 * where nothing is, an open end. */
struct gap {
    int64_t *keys;
    size_t count;
    int64_t below, above;
    bool open_below, open_above;
};

static struct status read_below(struct ranking *ranking, const struct place *place, struct gap *gap)
{
    struct sqlite_rows rows;
    struct status st = query_neighbours(ranking->tx, place, true, 1, &rows);

    if (failed(st)) return st;
    gap->below = 0;
    gap->open_below = !sqlite_next(&rows);
    if (!gap->open_below) st = get_rank(ranking, sqlite_column_i64(&rows, 0), &gap->below);
    sqlite_end(&rows);
    return failed(st) ? st : rows.status;
}

/* Adds products from behind a place on: those without a rank, and at least `least`. */
static struct status read_above(struct ranking *ranking, const struct place *place, size_t least,
                                struct gap *gap)
{
    size_t read = 0;
    struct sqlite_rows rows;
    struct status st = query_neighbours(ranking->tx, place, false, least + ranking->unranked + 1,
                                        &rows);

    if (failed(st)) return st;
    gap->above = RANK_MAX;
    gap->open_above = true;
    while (gap->open_above && !failed(st) && sqlite_next(&rows)) {
        struct place next = {place->status, sqlite_column_view(&rows, 1),
                             sqlite_column_i64(&rows, 0)};
        int64_t rank = ranking->last + ranking->step;
        bool ends = compare_places(&next, &ranking->end) > 0;
        if (!ends) {
            st = get_rank(ranking, next.key, &rank);
            ends = rank != 0 && read >= least;
        }
        if (ends) {
            gap->above = rank;
            gap->open_above = false;
        } else {
            gap->keys[gap->count++] = next.key;
            read++;
        }
    }
    sqlite_end(&rows);
    return failed(st) ? st : rows.status;
}

/* Adds so many products before a place, the first one first. */
static struct status read_before(struct ranking *ranking, const struct place *place, size_t most,
                                 struct gap *gap)
{
    struct sqlite_rows rows;
    struct status st = query_neighbours(ranking->tx, place, true, most + 1, &rows);

    if (failed(st)) return st;
    gap->below = 0;
    gap->open_below = true;
    while (gap->open_below && !failed(st) && sqlite_next(&rows)) {
        int64_t key = sqlite_column_i64(&rows, 0);
        if (gap->count < most) {
            gap->keys[gap->count++] = key;
            continue;
        }
        st = get_rank(ranking, key, &gap->below);
        gap->open_below = false;
    }
    sqlite_end(&rows);
    for (size_t i = 0; i < gap->count / 2; i++) {
        int64_t key = gap->keys[i];
        gap->keys[i] = gap->keys[gap->count - 1 - i];
        gap->keys[gap->count - 1 - i] = key;
    }
    return failed(st) ? st : rows.status;
}

/* ---- giving ranks ---- */

/* The distance of the ranks that fit in; 0 if there is not enough room. */
static int64_t distance_in(const struct gap *gap)
{
    int64_t distance = (gap->above - gap->below) / (int64_t)(gap->count + 1);

    if (gap->open_below == gap->open_above) return distance;
    distance /= OPEN_SHARE;
    return distance < OPEN_STEP ? distance : OPEN_STEP;
}

static struct status fill(struct ranking *ranking, const struct gap *gap)
{
    int64_t distance = distance_in(gap), rank = gap->below;
    struct status st = status_ok();

    if (gap->open_below && !gap->open_above)
        rank = gap->above - distance * (int64_t)(gap->count + 1);
    for (size_t i = 0; i < gap->count && !failed(st); i++) {
        rank += distance;
        st = set_rank(ranking, gap->keys[i], rank);
    }
    return st;
}

/* Gives new ranks to so many neighbours of a place that their distance becomes large. The more
 * there are, the larger it has to be, so that it does not happen again soon. */
static struct status widen(struct ranking *ranking, const struct place *place)
{
    for (size_t reach = REACH_FIRST;; reach *= REACH_FACTOR) {
        struct gap gap = {
            .keys = arena_array(ranking->arena, int64_t, 2 * reach + ranking->unranked + 1)};
        struct place from = *place;
        int64_t distance, wanted = (int64_t)(reach * reach);
        struct status st = read_before(ranking, &from, reach, &gap);
        if (failed(st)) return st;
        from.key--; /* with the place itself */
        st = read_above(ranking, &from, reach, &gap);
        if (failed(st)) return st;
        distance = distance_in(&gap);
        if (wanted > NEW_DISTANCE_MAX) wanted = NEW_DISTANCE_MAX;
        if (distance >= wanted || (gap.open_below && gap.open_above)) return fill(ranking, &gap);
    }
}

/* Gives ranks to a product, and to those without one that follow it at once. */
static struct status rank_next(struct ranking *ranking, const struct place *place)
{
    struct gap gap = {.keys = ranking->keys};
    struct place from = *place;
    int64_t rank;
    struct status st = get_rank(ranking, place->key, &rank);

    if (failed(st) || rank != 0) return st;
    st = read_below(ranking, place, &gap);
    if (failed(st)) return st;
    from.key--;
    st = read_above(ranking, &from, 0, &gap);
    if (failed(st)) return st;
    return distance_in(&gap) > 0 ? fill(ranking, &gap) : widen(ranking, place);
}

static struct status read_state(struct ranking *ranking)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(
        ranking->tx, &rows, "SELECT status, name, key, rank, step, waiting FROM product_ranking",
        "");

    if (failed(st)) return st;
    if (sqlite_next(&rows)) {
        ranking->end.status = (int)sqlite_column_i64(&rows, 0);
        ranking->end.name = str_of(sqlite_column_text(&rows, 1));
        ranking->end.key = sqlite_column_i64(&rows, 2);
        ranking->last = sqlite_column_i64(&rows, 3);
        ranking->step = sqlite_column_i64(&rows, 4);
        ranking->left = sqlite_column_i64(&rows, 5);
    }
    sqlite_end(&rows);
    return rows.status;
}

/* False if it is where it was before. An older program has not written the name. */
static bool has_moved(const struct product_fresh *fresh, struct place *ret_place)
{
    struct str before;

    *ret_place = (struct place){product_terms_status(fresh->terms), {0}, fresh->key};
    if (!product_terms_name(fresh->terms, &ret_place->name)) {
        ret_place->status = STATUS_COUNT;
        return true;
    }
    return fresh->before.length == 0 || !product_terms_name(fresh->before, &before) ||
           product_terms_status(fresh->before) != ret_place->status ||
           product_names_compare(before, ret_place->name) != 0;
}

struct status product_ranks_fold(struct arena *arena, struct sqlite_tx *tx,
                                 const struct product_fresh *fresh, size_t count)
{
    struct place *places = arena_array(arena, struct place, count);
    struct ranking ranking = {.arena = arena, .tx = tx};
    struct status st = read_state(&ranking);

    for (size_t i = 0; i < count && !failed(st); i++) {
        struct place place;
        if (!has_moved(&fresh[i], &place)) continue;
        st = set_rank(&ranking, place.key, 0);
        if (compare_places(&place, &ranking.end) <= 0) places[ranking.unranked++] = place;
    }
    if (ranking.unranked > 1) qsort(places, ranking.unranked, sizeof(*places), compare_places);
    ranking.keys = arena_array(arena, int64_t, ranking.unranked + 1);
    for (size_t i = 0; i < ranking.unranked && !failed(st); i++)
        st = rank_next(&ranking, &places[i]);
    return failed(st) ? st : write_blocks(&ranking);
}

/* ---- products that have none yet ---- */

struct status product_ranks_left(struct sqlite_tx *tx, int64_t *ret_left)
{
    struct ranking ranking = {.tx = tx};
    struct status st = read_state(&ranking);

    if (failed(st)) return st;
    *ret_left = 0;
    if (ranking.end.status < STATUS_COUNT) *ret_left = ranking.left > 0 ? ranking.left : 1;
    return st;
}

/* Half of the numbers remain for products that come in the meantime, and behind all. */
static struct status begin_status(struct ranking *ranking)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(
        ranking->tx, &rows, "SELECT coalesce(sum(count), 0) FROM product_counts WHERE status = ?",
        "i", ranking->end.status);

    if (failed(st)) return st;
    ranking->last = 0;
    if (sqlite_next(&rows)) ranking->step = RANK_MAX / 2 / (sqlite_column_i64(&rows, 0) + 1);
    sqlite_end(&rows);
    return rows.status;
}

static struct status rank_some(struct ranking *ranking, int limit)
{
    int count = 0;
    struct sqlite_rows rows;
    struct status st = query_neighbours(ranking->tx, &ranking->end, false, (size_t)limit, &rows);

    if (failed(st)) return st;
    while (!failed(st) && sqlite_next(&rows)) {
        ranking->end.key = sqlite_column_i64(&rows, 0);
        ranking->end.name = str_of(sqlite_column_text(&rows, 1));
        ranking->last += ranking->step;
        st = set_rank(ranking, ranking->end.key, ranking->last);
        count++;
    }
    sqlite_end(&rows);
    ranking->left -= count;
    if (count < limit) ranking->end = (struct place){ranking->end.status + 1, str_of(""), -1};
    return failed(st) ? st : rows.status;
}

/* Older programs kept codes of names. */
static struct status delete_old_codes(struct sqlite_tx *tx)
{
    return sqlite_exec(tx, 0,
                       "DELETE FROM product_codes WHERE (chunk, half) IN"
                       " (SELECT chunk, half FROM product_codes WHERE half NOT IN (2, 3) LIMIT 4)",
                       "");
}

struct status product_ranks_step(struct arena *arena, struct sqlite_tx *tx, int limit)
{
    struct ranking ranking = {.arena = arena, .tx = tx};
    struct status st = read_state(&ranking);

    if (failed(st) || ranking.end.status == STATUS_COUNT) return st;
    if (ranking.end.key < 0) st = begin_status(&ranking);
    if (!failed(st)) st = rank_some(&ranking, limit);
    if (!failed(st)) st = write_blocks(&ranking);
    if (!failed(st)) st = delete_old_codes(tx);
    if (failed(st)) return st;
    return sqlite_exec(tx, 0,
                       "UPDATE product_ranking SET status = ?, name = ?, key = ?, rank = ?,"
                       " step = ?, waiting = ?",
                       "isllll", ranking.end.status, ranking.end.name, ranking.end.key,
                       ranking.last, ranking.step, ranking.left);
}

/* ---- reading ---- */

struct status product_ranks_read(struct sqlite_tx *tx, size_t chunk, int64_t ret_ranks[CHUNK_SIZE],
                                 size_t *ret_count)
{
    int64_t first = (int64_t)chunk * BLOCKS_IN_CHUNK;
    struct sqlite_rows rows;
    struct status st = sqlite_query(
        tx, &rows, "SELECT block, ranks FROM product_ranks WHERE block BETWEEN ? AND ?", "ll",
        first, first + BLOCKS_IN_CHUNK - 1);

    if (failed(st)) return st;
    memset(ret_ranks, 0, CHUNK_SIZE * sizeof(*ret_ranks));
    *ret_count = 0;
    while (sqlite_next(&rows)) {
        size_t at = (size_t)(sqlite_column_i64(&rows, 0) - first) * BLOCK_SIZE;
        struct str found = sqlite_column_view(&rows, 1);
        if (found.length != BLOCK_SIZE * sizeof(*ret_ranks)) continue;
        memcpy(ret_ranks + at, found.data, found.length);
        *ret_count = at + BLOCK_SIZE;
    }
    return rows.status;
}

/* A fresh product may be somewhere else than its rank. */
struct status product_ranks_find(struct product_matches *matches, const struct product_query *query,
                                 struct str name, int64_t key, int64_t *ret_rank, bool *ret_found)
{
    struct place place = {(int)query->status, name, query->descending ? key - 1 : key + 1};
    struct ranking ranking = {.arena = matches->arena, .tx = matches->tx};
    struct sqlite_rows rows;
    struct status st = query_neighbours(matches->tx, &place, !query->descending,
                                        matches->fresh_count + 1, &rows);

    if (failed(st)) return st;
    *ret_found = false;
    while (!*ret_found && !failed(st) && sqlite_next(&rows)) {
        int64_t next = sqlite_column_i64(&rows, 0);
        if (product_matches_is_fresh(matches, next)) continue;
        st = get_rank(&ranking, next, ret_rank);
        *ret_found = true;
    }
    sqlite_end(&rows);
    return failed(st) ? st : rows.status;
}
