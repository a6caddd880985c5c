/* SPDX-License-Identifier: Apache-2.0 */
/* Lists by terms in the order of names and prices.
 *
 * Of a set that is large enough the members are met soon by walking the index of the sort. Of all
 * others the candidates for the page are found in one pass over all of them
 * (product_candidates_sqlite.h). By name, ranks tell their order; only fresh products, which have
 * no ranks yet, are compared by their names. Prices of up to 2^28 are told by their codes; of
 * greater ones those are read that have alike codes, or, where these are too many, the index is
 * walked where the candidates are. What is not found so either is refused. */
#include <stdlib.h>

#include "services/product/sqlite/product_candidates_sqlite.h"
#include "services/product/sqlite/product_ranks_sqlite.h"

enum {
    WALK_LEAST = 40,      /* entries, where members are expected at once */
    WALKED_MAX = 8000,    /* in the end */
    CHUNK_COST = 4,       /* entries that could be looked at instead of a chunk of few members */
    ENTRY_WORDS = 32,     /* words of the set that could be looked at instead of an entry */
    JUMP_COST = 10,       /* entries that beginning anew elsewhere counts as */
    READ_GLADLY_MAX = 50, /* prices, before the index is walked */
    READ_COST = 10,       /* entries that could be looked at instead of reading a price */
    GROUP_SHIFT = 16,     /* codes that are alike but for so many bits are near each other */
    NAME_KEY = 'n',       /* in the cache; terms begin with a digit */
};

static int compare_positions(const void *a, const void *b)
{
    const struct product_position *left = a, *right = b;
    int order = product_names_compare(left->name, right->name);

    if (order != 0) return order;
    if (left->number != right->number) return left->number < right->number ? -1 : 1;
    return (left->key > right->key) - (left->key < right->key);
}

/* Sorts what may be on the page. */
static void find_among(struct product_list *list, struct product_position *all, size_t count)
{
    const struct product_query *query = list->query;

    if (count > 1) qsort(all, count, sizeof(*all), compare_positions);
    for (size_t i = 0; i < count && !product_list_is_full(list); i++) {
        const struct product_position *next = &all[query->descending ? count - 1 - i : i];
        int order = compare_positions(next, &list->from);
        if (query->after.length > 0 && (query->descending ? order >= 0 : order <= 0)) continue;
        list->found[list->found_count++] = *next;
    }
}

/* ---- candidates by price ---- */

/* How many candidates from `first` on have the same code as this one. */
static size_t count_alike(const struct product_candidates *candidates, size_t first)
{
    size_t end = first + 1;

    while (end < candidates->count && candidates->items[end].code == candidates->items[first].code)
        end++;
    return end - first;
}

/* Do the codes leave open which of some candidates with one code are on the page, or in which
 * order? */
static bool is_open(const struct product_candidates *candidates, size_t first, size_t count)
{
    uint64_t code = candidates->items[first].code;

    if (product_candidates_are_exact(candidates, code)) return false;
    return count > 1 || (product_candidates_continue(candidates) && code == candidates->from);
}

/* Finds candidates with one code. */
static struct status read_alike(struct product_candidates *candidates, size_t first, size_t count)
{
    struct product_selection *selection = candidates->selection;
    struct product_list *list = selection->list;
    const struct product_candidate *items = candidates->items + first;
    struct product_position *all = arena_array(selection->arena, struct product_position, count);
    bool exact = product_candidates_are_exact(candidates, items->code),
         open = is_open(candidates, first, count);

    for (size_t i = 0; i < count; i++) {
        struct status st = status_ok();
        all[i] = (struct product_position){.key = items[i].key};
        if (exact)
            all[i].number = product_amount_of_code(
                (uint32_t)(product_candidates_turn(candidates, items->code) >> 32));
        else
            st = product_list_read_amount(selection, items[i].key, &all[i].number);
        if (failed(st)) return st;
    }
    if (exact || open)
        find_among(list, all, count);
    else
        list->found[list->found_count++] = all[0];
    return status_ok();
}

/* Amounts where codes don't tell enough. */
static struct status read_candidates(struct product_candidates *candidates)
{
    struct status st = status_ok();

    for (size_t i = 0, count; i < candidates->count && !failed(st); i += count) {
        if (product_list_is_full(candidates->selection->list)) break;
        count = count_alike(candidates, i);
        st = read_alike(candidates, i, count);
    }
    return st;
}

/* How many of them have to be read? */
static size_t count_unread(const struct product_candidates *candidates)
{
    size_t unread = 0;

    for (size_t i = 0, count; i < candidates->count; i += count) {
        count = count_alike(candidates, i);
        if (is_open(candidates, i, count)) unread += count;
    }
    return unread;
}

/* ---- walking the index ---- */

/* Where the index is entered to meet all with a code, or more: the last bits don't count. The key
 * is -1, which is before all others and behind all of lesser amounts. */
static struct product_position place_of(const struct product_candidates *candidates, uint64_t code)
{
    bool descending = candidates->selection->list->query->descending;
    struct product_position place = {.key = -1};

    code = product_candidates_turn(candidates, code) >> GROUP_SHIFT << GROUP_SHIFT;
    if (descending && code >> 32 == UINT32_MAX)
        return (struct product_position){INT64_MAX, INT64_MAX, {0}};
    place.number = product_amount_of_code((uint32_t)(code >> 32) + descending);
    return place;
}

/* Is the next candidate farther away than the next entries? If so, *ret_place is before it, and
 * *ret_found false if there is none. */
static bool find_gap(const struct product_candidates *candidates,
                     const struct product_position *position, struct product_position *ret_place,
                     bool *ret_found)
{
    uint64_t group = product_candidates_code(candidates, position) >> GROUP_SHIFT;
    size_t least = 0, most = candidates->count;

    while (least < most) {
        size_t middle = (least + most) / 2;
        if (candidates->items[middle].code >> GROUP_SHIFT < group)
            least = middle + 1;
        else
            most = middle;
    }
    *ret_found = least < candidates->count;
    if (!*ret_found && candidates->crowded) return false;
    if (*ret_found && candidates->items[least].code >> GROUP_SHIFT == group) return false;
    if (*ret_found) *ret_place = place_of(candidates, candidates->items[least].code);
    return true;
}

enum {
    PROBE_SHARE = 6, /* after such a share of its entries a walk may be given up */
    PROBE_LEAST = 12 /* if not such a share of the page is found */
};

struct walk {
    struct product_selection *selection;
    const struct product_candidates *candidates; /* NULL: nothing is known of where members are */
    struct product_position place;
    int left;   /* entries that may still be looked at */
    int probe;  /* where so many are left, members turn out to be rare here or not */
    bool done;  /* the page is full, or the end was met */
    bool jumps; /* goes on at `place` */
};

static struct product_position read_entry(const struct sqlite_rows *rows, enum product_sort sort)
{
    struct product_position entry = {.key = sqlite_column_i64(rows, 0)};

    if (sort == PRODUCT_SORT_NAME) entry.name = str_of(sqlite_column_text(rows, 1));
    if (sort == PRODUCT_SORT_PRICE) entry.number = sqlite_column_i64(rows, 1);
    return entry;
}

/* Members are much rarer than expected. */
static bool is_hopeless(const struct product_list *list)
{
    return list->found_count * PROBE_LEAST < (size_t)list->query->limit;
}

/* From one place to the end, or to where the next members are far. */
static struct status walk_on(struct walk *walk)
{
    struct product_list *list = walk->selection->list;
    const struct product_query *query = list->query;
    const char *sql =
        list->statements->walk[product_list_source(query)][query->sort][query->descending];
    struct sqlite_rows rows;
    bool found = true, ended = false, has;
    struct status st = product_list_run(walk->selection->tx, query, sql, &walk->place, walk->left,
                                        &rows);

    if (failed(st)) return st;
    walk->jumps = false;
    while (!product_list_is_full(list) && !walk->jumps && walk->left > 0) {
        struct product_position entry;
        ended = !sqlite_next(&rows);
        if (ended) break;
        entry = read_entry(&rows, query->sort);
        walk->left--;
        list->walked++;
        if (walk->left == walk->probe && is_hopeless(list)) break;
        st = product_list_has(walk->selection, entry.key, &has);
        if (failed(st)) break;
        if (has)
            list->found[list->found_count++] = entry;
        else if (walk->candidates)
            walk->jumps = find_gap(walk->candidates, &entry, &walk->place, &found);
    }
    sqlite_end(&rows);
    walk->left -= JUMP_COST;
    walk->done = product_list_is_full(list) || ended || !found;
    return failed(st) ? st : rows.status;
}

/* Members of a large set, by walking the index of the sort; *ret_done false if after `max` entries
 * the page is not full. */
static struct status walk_index(struct product_selection *selection,
                                const struct product_candidates *candidates, int max,
                                bool *ret_done)
{
    struct walk walk = {
        .selection = selection,
        .candidates = candidates,
        .place = selection->list->from,
        .left = max,
        .probe = candidates ? -1 : max - max / PROBE_SHARE,
        .jumps = true,
    };
    struct product_position first;
    bool found;

    selection->list->found_count = 0;
    if (candidates && !product_candidates_continue(candidates))
        walk.place = place_of(candidates, candidates->items[0].code);
    else if (candidates && find_gap(candidates, &walk.place, &first, &found) && found)
        walk.place = first;
    while (walk.jumps && !walk.done && walk.left > 0) {
        struct status st = walk_on(&walk);
        if (failed(st)) return st;
    }
    *ret_done = walk.done;
    if (!walk.done) selection->list->found_count = 0;
    return status_ok();
}

static struct status too_alike(void)
{
    return product_list_too_broad(
        "too many of the products that fit have enormous prices that hardly differ;"
        " ask for one more filter, or for the newest first");
}

/* How many entries of the index are likely to fill the page, if members are everywhere alike. */
static struct status expect_entries(struct product_selection *selection, int64_t members,
                                    int64_t *ret_entries)
{
    const struct product_list *list = selection->list;
    int64_t scope = 0;
    struct status st = product_list_scope(selection->tx, list->query, &scope);

    if (failed(st)) return st;
    *ret_entries = members > 0 ? scope * (list->query->limit + 1) / members : INT64_MAX;
    return st;
}

/* If so many entries are expected to fill the page. */
static int walk_max(int64_t entries)
{
    return entries < WALKED_MAX / 4 ? (int)entries * 2 + WALK_LEAST : WALKED_MAX;
}

static struct status select_by_price(struct product_selection *selection, size_t count)
{
    const struct product_list *list = selection->list;
    struct product_candidates candidates = {
        .selection = selection,
        .column = COLUMN_AMOUNT,
        .most = UINT64_MAX,
        .wanted = (size_t)list->query->limit + 1,
    };
    int64_t entries;
    size_t unread;
    bool done = false;
    struct status st;

    if (product_candidates_continue(&candidates))
        candidates.from = product_candidates_code(&candidates, &list->from);
    st = product_candidates_gather(&candidates);
    if (failed(st)) return st;
    unread = candidates.crowded ? SIZE_MAX : count_unread(&candidates);
    if (unread <= READ_GLADLY_MAX) return read_candidates(&candidates);
    st = expect_entries(selection, (int64_t)count, &entries);
    if (!failed(st) && (size_t)entries / READ_COST < unread)
        st = walk_index(selection, &candidates, walk_max(entries), &done);
    if (failed(st) || done) return st;
    if (unread <= PRODUCT_LOOKED_UP_MAX) return read_candidates(&candidates);
    st = walk_index(selection, &candidates, WALKED_MAX, &done);
    return failed(st) || done ? st : too_alike();
}

/* ---- by name ---- */

static struct status query_name(struct product_selection *selection, int64_t key,
                                struct str *ret_name)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(selection->tx, &rows, "SELECT name FROM products WHERE key = ?",
                                    "l", key);

    if (failed(st)) return st;
    selection->looked_up++;
    *ret_name = str_of(sqlite_next(&rows) ? sqlite_column_text(&rows, 0) : "");
    sqlite_end(&rows);
    return rows.status;
}

/* Names that are often compared stay in memory, for each is in a page of its own. */
static struct status read_name(struct product_selection *selection, int64_t key,
                               struct str *ret_name)
{
    struct product_matches *matches = &selection->matches;
    const char kept_by[] = {NAME_KEY, (char)(key & 0xFF), (char)(key >> 8 & 0x7F)};
    struct str kept = str_sized(kept_by, sizeof(kept_by));
    size_t chunk = (size_t)key >> CHUNK_BITS;
    const struct product_chunk_row *row;
    struct status st;

    if (product_matches_is_fresh(matches, key)) return query_name(selection, key, ret_name);
    row = product_matches_find(matches, chunk, kept);
    if (row) {
        *ret_name = str_sized(arena_memdup(selection->arena, row->bytes.data, row->bytes.length),
                              row->bytes.length);
        return status_ok();
    }
    st = query_name(selection, key, ret_name);
    if (!failed(st)) product_matches_keep(matches, chunk, kept, *ret_name);
    return st;
}

/* Fresh members behind the position, in their order. */
static void find_fresh(const struct product_selection *selection,
                       struct product_position **ret_found, size_t *ret_count)
{
    const struct product_matches *matches = &selection->matches;
    const struct product_list *list = selection->list;
    struct product_position *found = arena_array(selection->arena, struct product_position,
                                                 matches->fresh_count);
    bool descending = list->query->descending;
    size_t count = 0;

    for (size_t i = 0; i < matches->fresh_count; i++) {
        struct product_position next = {.key = matches->fresh[i].key};
        int order;
        if (!product_set_has(&matches->all, next.key) ||
            !product_terms_name(matches->fresh[i].terms, &next.name))
            continue;
        order = compare_positions(&next, &list->from);
        if (list->query->after.length == 0 || (descending ? order < 0 : order > 0))
            found[count++] = next;
    }
    if (count > 1) qsort(found, count, sizeof(*found), compare_positions);
    for (size_t i = 0; descending && i < count / 2; i++) {
        struct product_position moved = found[i];
        found[i] = found[count - 1 - i];
        found[count - 1 - i] = moved;
    }
    *ret_found = found;
    *ret_count = count;
}

/* Fills the page from both. The names of candidates are read only to compare them. Those that are
 * found come with their products, for the terms of fresh ones are let go of before. */
static struct status merge(const struct product_candidates *candidates,
                           const struct product_position *fresh, size_t fresh_count)
{
    struct product_selection *selection = candidates->selection;
    struct product_list *list = selection->list;
    struct product_position next = {0};
    size_t at = 0, fresh_at = 0;

    while (!product_list_is_full(list) && (at < candidates->count || fresh_at < fresh_count)) {
        bool takes_fresh = at == candidates->count;
        if (!takes_fresh && next.key != candidates->items[at].key) {
            next = (struct product_position){.key = candidates->items[at].key};
            struct status st = fresh_at < fresh_count ? read_name(selection, next.key, &next.name)
                                                      : status_ok();
            if (failed(st)) return st;
        }
        if (!takes_fresh && fresh_at < fresh_count)
            takes_fresh = (compare_positions(&fresh[fresh_at], &next) < 0) !=
                          list->query->descending;
        list->found[list->found_count++].key = takes_fresh ? fresh[fresh_at].key : next.key;
        if (takes_fresh)
            fresh_at++;
        else
            at++;
    }
    return status_ok();
}

static struct status select_by_name(struct product_selection *selection)
{
    struct product_list *list = selection->list;
    struct product_candidates candidates = {
        .selection = selection,
        .column = COLUMN_NAME,
        .most = UINT64_MAX,
        .wanted = (size_t)list->query->limit + 1,
    };
    struct product_position *fresh;
    size_t fresh_count;
    int64_t rank;
    bool found = false;
    struct status st = status_ok();

    if (product_candidates_continue(&candidates))
        st = product_ranks_find(&selection->matches, list->query, list->from.name, list->from.key,
                                &rank, &found);
    if (failed(st)) return st;
    if (found) candidates.from = product_candidates_turn(&candidates, (uint64_t)rank) + 1;
    st = product_candidates_gather(&candidates);
    if (failed(st)) return st;
    find_fresh(selection, &fresh, &fresh_count);
    return merge(&candidates, fresh, fresh_count);
}

/* ---- walking or not ---- */

/* How many members there are, by the chunks that are ready. */
static int64_t estimate(const struct product_selection *selection)
{
    size_t chunk_count = selection->matches.all.chunk_count, ready = 0;

    for (size_t i = 0; i < chunk_count; i++) ready += selection->ready[i];
    return ready > 0 ? (int64_t)(selection->counted * chunk_count / ready) : 0;
}

/* So many entries could be looked at while all members are. */
static int64_t gathering_cost(const struct product_selection *selection, int64_t members)
{
    int64_t chunks = (int64_t)selection->matches.all.chunk_count, words = chunks * CHUNK_WORDS;

    return chunks * CHUNK_COST + (members < words ? members : words) / ENTRY_WORDS;
}

/* Walks the index of the sort if that is likely to take less time than looking at all members. It
 * is given up after that time, because members may be rarer here than elsewhere. */
static struct status walk_at_first(struct product_selection *selection, bool *ret_done)
{
    int64_t members = estimate(selection), entries;
    int64_t most = gathering_cost(selection, members) + WALK_LEAST;
    struct status st = expect_entries(selection, members, &entries);

    *ret_done = false;
    if (failed(st) || entries > most * 2 / 3) return st;
    if (most > walk_max(entries)) most = walk_max(entries);
    return walk_index(selection, NULL, (int)most, ret_done);
}

struct status product_list_by_value(struct product_selection *selection)
{
    size_t count = 0;
    bool done = false;
    struct status st;

    if (selection->counted == 0) return status_ok();
    st = walk_at_first(selection, &done);
    if (failed(st) || done) return st;
    st = product_list_complete(selection, &count);
    if (failed(st)) return st;
    return selection->list->query->sort == PRODUCT_SORT_NAME ? select_by_name(selection)
                                                             : select_by_price(selection, count);
}
