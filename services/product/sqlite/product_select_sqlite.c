/* SPDX-License-Identifier: Apache-2.0 */
/* Lists by terms: which products are on a page, for a bounded amount of work.
 *
 * The set of those that fit is made chunk by chunk (product_postings_sqlite.h); a range of prices
 * that few products are in comes from the index of prices, of a wider one the codes of amounts
 * tell. Newest first and relevance are orders of row numbers: chunks are looked at until the page
 * is full and PRODUCT_TOTAL_EXACT_MAX are counted. By name and price product_order_sqlite.c goes
 * on. */
#include "services/product/sqlite/product_list_sqlite.h"

enum {
    NARROW_MAX = 250, /* products in a range of prices that the index of prices tells */
};

struct status product_list_read_amount(struct product_selection *selection, int64_t key,
                                       int64_t *ret_amount)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(selection->tx, &rows,
                                    "SELECT unit_amount FROM products WHERE key = ?", "l", key);

    if (failed(st)) return st;
    selection->looked_up++;
    *ret_amount = sqlite_next(&rows) ? sqlite_column_i64(&rows, 0) : -1;
    sqlite_end(&rows);
    return rows.status;
}

/* ---- ranges of prices ---- */

static bool in_range(const struct product_query *query, int64_t amount)
{
    return amount >= query->unit_amount_min && amount <= query->unit_amount_max;
}

/* Products in the range, but for the first ones. */
static struct status query_range(struct product_selection *selection, int limit, int skipped,
                                 struct sqlite_rows *rows)
{
    const struct product_list *list = selection->list;
    const struct product_query *query = list->query;

    return sqlite_query(selection->tx, rows, list->statements->range[product_list_source(query)],
                        "tillii", query->category, (int)query->status, query->unit_amount_min,
                        query->unit_amount_max, limit, skipped);
}

/* SQLite skips rows in half the time that it takes to hand them over. */
static struct status check_narrow(struct product_selection *selection)
{
    struct sqlite_rows rows;
    struct status st = query_range(selection, 1, NARROW_MAX, &rows);

    if (failed(st)) return st;
    selection->narrow = !sqlite_next(&rows);
    sqlite_end(&rows);
    return rows.status;
}

/* Takes the range from the index of prices if few products are in it. */
static struct status read_narrow(struct product_selection *selection)
{
    size_t chunk_count = selection->matches.all.chunk_count;
    struct sqlite_rows rows;
    struct status st = check_narrow(selection);

    if (failed(st) || !selection->narrow) return st;
    selection->range = (struct product_set){
        arena_array(selection->arena, uint64_t, chunk_count * CHUNK_WORDS), chunk_count};
    st = query_range(selection, NARROW_MAX, 0, &rows);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) product_set_add(&selection->range, sqlite_column_i64(&rows, 0));
    return rows.status;
}

/* Is a product with this code in the range? It is read if the code alone doesn't tell. */
static struct status check_amount(struct product_selection *selection, int64_t key, uint32_t code,
                                  bool *ret_inside)
{
    const struct product_query *query = selection->list->query;
    int64_t amount = product_amount_of_code(code);
    struct status st = status_ok();

    if (!product_amount_code_is_exact(code) &&
        (code == product_amount_code(query->unit_amount_min) ||
         code == product_amount_code(query->unit_amount_max))) {
        if (selection->looked_up >= PRODUCT_LOOKED_UP_MAX)
            return product_list_too_broad(
                "too many prices are near an end of the range; ask for another one");
        st = product_list_read_amount(selection, key, &amount);
    }
    if (!failed(st)) *ret_inside = in_range(query, amount);
    return st;
}

/* Leaves those of `word` that are in the range, of whose codes the upper halves are at its ends. */
static struct status check_ends(struct product_selection *selection, size_t word_number,
                                const struct product_codes *codes, uint64_t ends, uint64_t *word)
{
    size_t word_in_chunk = word_number & (CHUNK_WORDS - 1);
    const uint16_t *upper = product_codes_of_word(codes->parts[0], word_in_chunk);
    const uint16_t *lower = product_codes_of_word(codes->parts[1], word_in_chunk);

    for (; ends; ends &= ends - 1) {
        int bit = __builtin_ctzll(ends);
        uint32_t code = (uint32_t)upper[bit] << 16 | lower[bit];
        bool inside;
        struct status st = check_amount(selection, (int64_t)(word_number << 6) + bit, code,
                                        &inside);
        if (failed(st)) return st;
        if (inside) *word |= 1ull << bit;
    }
    return status_ok();
}

/* Leaves those of a chunk whose amount is in the range. */
static struct status keep_range(struct product_selection *selection, size_t chunk)
{
    const struct product_query *query = selection->list->query;
    uint16_t least = (uint16_t)(product_amount_code(query->unit_amount_min) >> 16);
    uint16_t most = (uint16_t)(product_amount_code(query->unit_amount_max) >> 16);
    uint64_t *words = product_set_chunk(&selection->matches.all, chunk), ends[CHUNK_WORDS];
    struct product_codes codes;
    struct status st = product_matches_codes(&selection->matches, chunk, COLUMN_AMOUNT, &codes);

    if (failed(st)) return st;
    product_codes_narrow(codes.parts[0], least, most, words, ends);
    for (size_t i = 0; i < CHUNK_WORDS && !failed(st); i++) {
        if (!ends[i]) continue;
        words[i] &= ~ends[i];
        st = check_ends(selection, chunk * CHUNK_WORDS + i, &codes, ends[i], words + i);
    }
    return st;
}

/* ---- the set, chunk by chunk ---- */

/* Products that have changed since the last folding are looked at one by one. */
static struct status add_fresh(struct product_selection *selection, size_t chunk)
{
    struct product_matches *matches = &selection->matches;
    bool ranged = product_list_has_range(selection->list->query);
    size_t count;
    struct product_fresh *fresh = product_matches_fresh(matches, chunk, &count);

    for (size_t i = 0; i < count; i++) {
        bool named = false, inside = true;
        struct status st = status_ok();
        if (!product_fresh_fits(matches, &fresh[i], &named)) continue;
        if (ranged) st = check_amount(selection, fresh[i].key, fresh[i].amount_code, &inside);
        if (failed(st)) return st;
        if (inside) product_set_add(&matches->all, fresh[i].key);
        if (inside && named && matches->names) product_set_add(&matches->named, fresh[i].key);
    }
    return status_ok();
}

/* Of fresh members that the index of prices has told. */
static void read_fresh_codes(struct product_selection *selection, size_t chunk)
{
    struct product_matches *matches = &selection->matches;
    size_t count;
    struct product_fresh *fresh = product_matches_fresh(matches, chunk, &count);

    for (size_t i = 0; i < count; i++)
        if (product_set_has(&matches->all, fresh[i].key))
            product_terms_amount_code(fresh[i].terms, &fresh[i].amount_code);
}

/* After a range has taken some away. */
static void keep_named(struct product_selection *selection, size_t chunk)
{
    const uint64_t *all = product_set_chunk(&selection->matches.all, chunk);
    uint64_t *named = product_set_chunk(&selection->matches.named, chunk);

    for (size_t i = 0; i < CHUNK_WORDS; i++) named[i] &= all[i];
}

/* Intersects the terms; the range and fresh products are still to come. */
static struct status read_terms(struct product_selection *selection, size_t chunk)
{
    uint64_t *all = product_set_chunk(&selection->matches.all, chunk);
    const uint64_t *range = selection->narrow ? product_set_chunk(&selection->range, chunk) : 0;
    struct status st;

    if (selection->read[chunk]) return status_ok();
    selection->read[chunk] = true;
    if (range && product_chunk_count(range) == 0) return status_ok();
    if (selection->ranged_only) {
        memcpy(all, range, CHUNK_BYTES);
        return status_ok();
    }
    st = product_matches_read(&selection->matches, chunk);
    for (size_t i = 0; range && i < CHUNK_WORDS; i++) all[i] &= range[i];
    return st;
}

static struct status make_ready(struct product_selection *selection, size_t chunk)
{
    struct status st = read_terms(selection, chunk);

    if (failed(st) || selection->ready[chunk]) return st;
    selection->ready[chunk] = true;
    if (!selection->ranged_only && !selection->narrow &&
        product_list_has_range(selection->list->query))
        st = keep_range(selection, chunk);
    if (failed(st)) return st;
    if (selection->matches.names) keep_named(selection, chunk);
    if (selection->ranged_only)
        read_fresh_codes(selection, chunk);
    else
        st = add_fresh(selection, chunk);
    selection->counts[chunk] = product_chunk_count(
        product_set_chunk(&selection->matches.all, chunk));
    return st;
}

struct status product_list_complete(struct product_selection *selection, size_t *ret_count)
{
    size_t count = 0;
    struct status st = status_ok();

    for (size_t i = 0; i < selection->matches.all.chunk_count && !failed(st); i++) {
        st = make_ready(selection, i);
        count += selection->counts[i];
    }
    *ret_count = count;
    return st;
}

/* Of a chunk that is not ready, only this product is compared with the range. */
struct status product_list_has(struct product_selection *selection, int64_t key, bool *ret_has)
{
    struct product_matches *matches = &selection->matches;
    size_t chunk = (size_t)key >> CHUNK_BITS;
    uint32_t code;
    struct status st;

    *ret_has = false;
    if (chunk >= matches->all.chunk_count) return status_ok();
    st = product_matches_is_fresh(matches, key) ? make_ready(selection, chunk)
                                                : read_terms(selection, chunk);
    if (failed(st) || !product_set_has(&matches->all, key)) return st;
    *ret_has = true;
    if (selection->ready[chunk] || selection->narrow ||
        !product_list_has_range(selection->list->query))
        return st;
    st = product_matches_amount_code(matches, key, &code);
    return failed(st) ? st : check_amount(selection, key, code, ret_has);
}

void product_list_set_total(struct product_list *list, size_t count)
{
    list->page.total_is_at_least = count > PRODUCT_TOTAL_EXACT_MAX;
    list->page.total = (int64_t)(count > PRODUCT_TOTAL_EXACT_MAX ? PRODUCT_TOTAL_EXACT_MAX : count);
}

/* What is known already first. */
static struct status count_members(struct product_selection *selection)
{
    size_t chunk_count = selection->matches.all.chunk_count, count = 0;
    struct status st = status_ok();

    for (size_t i = 0; i < chunk_count; i++) count += selection->counts[i];
    for (size_t i = chunk_count; i-- > 0 && count <= PRODUCT_TOTAL_EXACT_MAX && !failed(st);) {
        if (selection->ready[i]) continue;
        st = make_ready(selection, i);
        count += selection->counts[i];
    }
    product_list_set_total(selection->list, count);
    selection->counted = count;
    return st;
}

/* ---- by row numbers ---- */

enum members { MEMBERS_ALL, MEMBERS_NAMED, MEMBERS_OTHERS };

/* Members of a chunk in the order of their numbers, behind a position. */
static void walk_chunk(struct product_selection *selection, enum members members, size_t chunk,
                       struct product_position from, bool descending)
{
    struct product_list *list = selection->list;
    const uint64_t *all = product_set_chunk(&selection->matches.all, chunk);
    const uint64_t *named = members == MEMBERS_ALL
                                ? all
                                : product_set_chunk(&selection->matches.named, chunk);
    int64_t first = (int64_t)chunk * CHUNK_SIZE, key = from.key - first;
    uint64_t words[CHUNK_WORDS];
    struct product_set set = {words, 1};

    for (size_t i = 0; i < CHUNK_WORDS; i++)
        words[i] = members == MEMBERS_ALL     ? all[i]
                   : members == MEMBERS_NAMED ? named[i]
                                              : all[i] & ~named[i];
    if (from.key < first) key = -1;
    if (from.key > first + CHUNK_SIZE) key = CHUNK_SIZE;
    for (key = product_set_next(&set, key, descending); key >= 0 && !product_list_is_full(list);
         key = product_set_next(&set, key, descending))
        list->found[list->found_count++] = (struct product_position){first + key, from.number, {0}};
}

static struct status walk_set(struct product_selection *selection, enum members members,
                              struct product_position from, bool descending)
{
    int64_t count = (int64_t)selection->matches.all.chunk_count, chunk = from.key >> CHUNK_BITS;

    if (from.key < 0) chunk = 0;
    if (chunk >= count && !descending) return status_ok();
    if (chunk >= count) chunk = count - 1;
    for (; chunk >= 0 && chunk < count && !product_list_is_full(selection->list);
         chunk += descending ? -1 : 1) {
        struct status st = make_ready(selection, (size_t)chunk);
        if (failed(st)) return st;
        walk_chunk(selection, members, (size_t)chunk, from, descending);
    }
    return status_ok();
}

/* Those with all words in their names, then the others. */
static struct status walk_relevance(struct product_selection *selection)
{
    struct product_position from = selection->list->from;

    if (from.number == 0) {
        struct status st = walk_set(selection, MEMBERS_NAMED, from, true);
        if (failed(st) || product_list_is_full(selection->list)) return st;
        from = (struct product_position){INT64_MAX, 1, {0}};
    }
    return walk_set(selection, MEMBERS_OTHERS, from, true);
}

static struct status select_by_number(struct product_selection *selection)
{
    const struct product_list *list = selection->list;
    struct status st;

    if (list->query->sort == PRODUCT_SORT_RELEVANCE)
        st = walk_relevance(selection);
    else
        st = walk_set(selection, MEMBERS_ALL, list->from, list->query->descending);
    return failed(st) ? st : count_members(selection);
}

static struct status find_page(struct product_selection *selection)
{
    const struct product_query *query = selection->list->query;
    struct status st = status_ok();

    if (product_list_has_range(query)) st = read_narrow(selection);
    if (failed(st)) return st;
    selection->ranged_only = selection->narrow && selection->list->asked.words == 0 &&
                             !*query->tag && !*query->created_by && query->is_featured < 0;
    if (query->sort == PRODUCT_SORT_CREATED || query->sort == PRODUCT_SORT_RELEVANCE)
        return select_by_number(selection);
    st = count_members(selection);
    return failed(st) ? st : product_list_by_value(selection);
}

/* Opens a selection, lets `find` work on it, and closes it. */
static struct status with_selection(struct arena *arena, struct sqlite_tx *tx,
                                    struct product_list *list,
                                    struct status find(struct product_selection *selection))
{
    struct product_selection selection = {
        .arena = arena,
        .tx = tx,
        .list = list,
        .matches = {.arena = arena,
                    .tx = tx,
                    .cache = list->cache,
                    .asked = &list->asked,
                    .names = list->query->sort == PRODUCT_SORT_RELEVANCE},
    };
    struct status st = product_matches_begin(&selection.matches);
    size_t chunk_count = selection.matches.all.chunk_count;

    if (!failed(st)) {
        selection.read = arena_array(arena, bool, chunk_count);
        selection.ready = arena_array(arena, bool, chunk_count);
        selection.counts = arena_array(arena, size_t, chunk_count);
        st = find(&selection);
    }
    product_matches_end(&selection.matches);
    return st;
}

struct status product_list_select(struct arena *arena, struct sqlite_tx *tx,
                                  struct product_list *list)
{
    return with_selection(arena, tx, list, find_page);
}

struct status product_list_count(struct arena *arena, struct sqlite_tx *tx,
                                 struct product_list *list)
{
    return with_selection(arena, tx, list, count_members);
}
