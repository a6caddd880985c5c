/* SPDX-License-Identifier: Apache-2.0 */
/* Lists by terms: which products are on a page, for a bounded amount of work.
 *
 * The set of those that fit is made chunk by chunk (product_postings_sqlite.h); a range of prices
 * that few products are in comes from the index of prices, of a wider one the codes of amounts
 * tell. Newest first and relevance are orders of row numbers: chunks are looked at until the page
 * is full and PRODUCT_TOTAL_EXACT_MAX are counted. By name and price all chunks are looked at, and
 * product_order_sqlite.c goes on. */
#include "services/product/product_list_sqlite.h"

enum {
    NARROW_MAX = 1000,   /* products in a range of prices that the index of prices tells */
    FEW = 20,            /* of 64: looked at one by one */
    ENDS_READ_MAX = 200, /* products near the ends of a range that are read */
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

/* Takes the range from the index of prices if few products are in it. */
static struct status read_narrow(struct product_selection *selection)
{
    const struct product_list *list = selection->list;
    const struct product_query *query = list->query;
    size_t chunk_count = selection->matches.all.chunk_count;
    struct sqlite_rows rows;
    int count = 0;
    struct status st = sqlite_query(selection->tx, &rows,
                                    list->statements->range[product_list_source(query)], "tilli",
                                    query->category, (int)query->status, query->unit_amount_min,
                                    query->unit_amount_max, NARROW_MAX + 1);

    if (failed(st)) return st;
    selection->range = (struct product_set){
        arena_array(selection->arena, uint64_t, chunk_count * CHUNK_WORDS), chunk_count};
    for (; sqlite_next(&rows); count++)
        product_set_add(&selection->range, sqlite_column_i64(&rows, 0));
    selection->narrow = count <= NARROW_MAX;
    return rows.status;
}

/* A product whose code has the upper half of one of the range's ends. A few are read; of more, the
 * lower halves of the codes are. */
static struct status keep_at_end(struct product_selection *selection, int64_t key, bool *lower_read,
                                 bool *ret_kept)
{
    const struct product_query *query = selection->list->query;
    size_t chunk = (size_t)key >> CHUNK_BITS, at = (size_t)key & (CHUNK_SIZE - 1);
    uint32_t code = (uint32_t)selection->upper[at] << 16;
    bool known = false;
    int64_t amount = 0;
    struct status st = status_ok();

    if (selection->looked_up >= ENDS_READ_MAX) {
        if (!*lower_read)
            st = product_matches_codes(&selection->matches, chunk, COLUMN_AMOUNT, true,
                                       selection->lower);
        if (failed(st)) return st;
        *lower_read = true;
        code |= selection->lower[at];
        amount = product_amount_of_code(code);
        known = product_amount_code_is_exact(code) ||
                (code != product_amount_code(query->unit_amount_min) &&
                 code != product_amount_code(query->unit_amount_max));
    }
    if (!known && selection->looked_up >= PRODUCT_LOOKED_UP_MAX)
        return product_list_too_broad(
            "too many prices are near an end of the range; ask for another one");
    if (!known) st = product_list_read_amount(selection, key, &amount);
    if (failed(st)) return st;
    *ret_kept = in_range(query, amount);
    return status_ok();
}

static struct status keep_ends(struct product_selection *selection, size_t chunk, size_t word,
                               uint64_t ends, bool *lower_read)
{
    uint64_t *words = product_set_chunk(&selection->matches.all, chunk);

    for (; ends; ends &= ends - 1) {
        int64_t key = (int64_t)((chunk * CHUNK_WORDS + word) << 6) + __builtin_ctzll(ends);
        bool kept;
        struct status st = keep_at_end(selection, key, lower_read, &kept);
        if (failed(st)) return st;
        if (kept) words[word] |= 1ull << (key & 63);
    }
    return status_ok();
}

/* Of 64 products, leaves those between two codes, and says which of them have one of the two. */
static void compare_codes(const uint16_t codes[64], uint32_t least, uint32_t most, uint64_t *word,
                          uint64_t *ret_ends)
{
    uint64_t inside = 0, ends = 0;

    if (__builtin_popcountll(*word) < FEW) {
        for (uint64_t left = *word; left; left &= left - 1) {
            uint32_t code = codes[__builtin_ctzll(left)];
            inside |= code > least && code < most ? left & -left : 0;
            ends |= code == least || code == most ? left & -left : 0;
        }
    } else {
        /* Without a branch for each. */
        for (size_t i = 0; i < 64; i++) {
            uint32_t code = codes[i];
            inside |= (uint64_t)((code > least) & (code < most)) << i;
            ends |= (uint64_t)((code == least) | (code == most)) << i;
        }
    }
    *ret_ends = *word & ends;
    *word &= inside;
}

/* Leaves those of a chunk whose amount is in the range. */
static struct status keep_range(struct product_selection *selection, size_t chunk)
{
    const struct product_query *query = selection->list->query;
    uint32_t least = product_amount_code(query->unit_amount_min) >> 16;
    uint32_t most = product_amount_code(query->unit_amount_max) >> 16;
    uint64_t *words = product_set_chunk(&selection->matches.all, chunk);
    bool lower_read = false;
    struct status st = product_matches_codes(&selection->matches, chunk, COLUMN_AMOUNT, false,
                                             selection->upper);

    for (size_t i = 0; i < CHUNK_WORDS && !failed(st); i++) {
        uint64_t ends = 0;
        if (!words[i]) continue;
        compare_codes(selection->upper + i * 64, least, most, words + i, &ends);
        if (ends) st = keep_ends(selection, chunk, i, ends, &lower_read);
    }
    return st;
}

/* ---- the set, chunk by chunk ---- */

static struct status make_ready(struct product_selection *selection, size_t chunk)
{
    uint64_t *all = product_set_chunk(&selection->matches.all, chunk);
    uint64_t *named = product_set_chunk(&selection->matches.named, chunk);
    const uint64_t *range = selection->narrow ? product_set_chunk(&selection->range, chunk) : 0;
    struct status st;

    if (selection->ready[chunk]) return status_ok();
    selection->ready[chunk] = true;
    if (range && product_chunk_count(range) == 0) return status_ok();
    if (selection->ranged_only) {
        memcpy(all, range, CHUNK_BYTES);
        return status_ok();
    }
    st = product_matches_read(&selection->matches, chunk);
    if (failed(st)) return st;
    for (size_t i = 0; range && i < CHUNK_WORDS; i++) all[i] &= range[i];
    if (!range && product_list_has_range(selection->list->query) && product_chunk_count(all) > 0)
        st = keep_range(selection, chunk);
    for (size_t i = 0; i < CHUNK_WORDS; i++) named[i] &= all[i];
    return st;
}

static void set_total(struct product_list *list, size_t count)
{
    list->page.total_is_at_least = count > PRODUCT_TOTAL_EXACT_MAX;
    list->page.total = (int64_t)(count > PRODUCT_TOTAL_EXACT_MAX ? PRODUCT_TOTAL_EXACT_MAX : count);
}

/* What is known already first. */
static struct status count_members(struct product_selection *selection)
{
    const struct product_set *all = &selection->matches.all;
    size_t count = 0;
    struct status st = status_ok();

    for (size_t i = 0; i < all->chunk_count; i++)
        if (selection->ready[i]) count += product_chunk_count(product_set_chunk(all, i));
    for (size_t i = all->chunk_count; i-- > 0 && count <= PRODUCT_TOTAL_EXACT_MAX && !failed(st);) {
        if (selection->ready[i]) continue;
        st = make_ready(selection, i);
        count += product_chunk_count(product_set_chunk(all, i));
    }
    set_total(selection->list, count);
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
    const uint64_t *named = product_set_chunk(&selection->matches.named, chunk);
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

static struct status select_by_value(struct product_selection *selection)
{
    size_t count;
    struct status st = status_ok();

    for (size_t i = 0; i < selection->matches.all.chunk_count && !failed(st); i++)
        st = make_ready(selection, i);
    if (failed(st)) return st;
    count = product_set_count(&selection->matches.all);
    set_total(selection->list, count);
    return product_list_by_value(selection, count);
}

struct status product_list_select(struct arena *arena, struct sqlite_tx *tx,
                                  struct product_list *list)
{
    const struct product_query *query = list->query;
    struct product_selection selection = {
        .arena = arena,
        .tx = tx,
        .list = list,
        .matches = {.arena = arena,
                    .tx = tx,
                    .asked = &list->asked,
                    .names = query->sort == PRODUCT_SORT_RELEVANCE},
    };
    struct status st = product_matches_begin(&selection.matches);

    if (failed(st)) return st;
    selection.ready = arena_array(arena, bool, selection.matches.all.chunk_count);
    selection.upper = arena_alloc(arena, CHUNK_SIZE * sizeof(*selection.upper));
    selection.lower = arena_alloc(arena, CHUNK_SIZE * sizeof(*selection.lower));
    if (product_list_has_range(query)) st = read_narrow(&selection);
    if (failed(st)) return st;
    selection.ranged_only = selection.narrow && list->asked.words == 0 && !*query->tag &&
                            !*query->created_by && query->is_featured < 0;
    return query->sort == PRODUCT_SORT_CREATED || query->sort == PRODUCT_SORT_RELEVANCE
               ? select_by_number(&selection)
               : select_by_value(&selection);
}
