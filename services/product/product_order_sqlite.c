/* SPDX-License-Identifier: Apache-2.0 */
/* Lists by terms in the order of names and prices.
 *
 * A set of up to SORTED_MAX is sorted. Of one that is large enough the members are met soon by
 * walking the index of the sort. Between the two the codes say which few come first (candidates),
 * and their names or amounts are read. Where too many codes are alike, the index is walked, but
 * only where the codes say that members are. What is not found so either is refused. */
#include <stdlib.h>
#include <strings.h>

#include "services/product/product_list_sqlite.h"

enum {
    SORTED_MAX = 256,      /* a larger set is not sorted */
    UNREFINED_MAX = 100,   /* more candidates are told apart by the lower halves of their codes */
    CANDIDATES_MAX = 4096, /* products that are told apart by their codes */
    WALK_EXPECTED = 1000,  /* entries of an index that are gladly looked at */
    WALK_FIRST_MAX = 3000, /* before something else is tried */
    WALKED_MAX = 8000,     /* in the end */
    JUMP_COST = 10,        /* entries that beginning anew elsewhere counts as */
    UPPER_CODES = 1 << 16,
};

static struct status read_name(struct product_selection *selection, int64_t key,
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

/* Names compare as the column does: ASCII letters without regard to case. */
static int compare_names(struct str left, struct str right)
{
    size_t shorter = left.length < right.length ? left.length : right.length;
    int order = shorter > 0 ? strncasecmp(left.data, right.data, shorter) : 0;

    if (order != 0) return order;
    return (left.length > right.length) - (left.length < right.length);
}

static int compare_positions(const void *a, const void *b)
{
    const struct product_position *left = a, *right = b;
    int order = compare_names(left->name, right->name);

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

static struct status read_position(struct product_selection *selection, int64_t key,
                                   struct product_position *ret_position)
{
    *ret_position = (struct product_position){.key = key};
    return selection->list->query->sort == PRODUCT_SORT_PRICE
               ? product_list_read_amount(selection, key, &ret_position->number)
               : read_name(selection, key, &ret_position->name);
}

static struct status sort_set(struct product_selection *selection, size_t count)
{
    const struct product_set *set = &selection->matches.all;
    struct product_position *all = arena_array(selection->arena, struct product_position, count);
    size_t read = 0;
    struct status st = status_ok();

    for (int64_t key = product_set_next(set, -1, false); key >= 0 && !failed(st);
         key = product_set_next(set, key, false))
        st = read_position(selection, key, &all[read++]);
    if (!failed(st)) find_among(selection->list, all, read);
    return st;
}

/* ---- candidates ---- */

/* A product that may be on the page. Codes are turned round where the order is. */
struct candidate {
    int64_t key;
    uint32_t code;
};

struct candidates {
    struct product_selection *selection;
    enum product_column column;
    uint32_t from;           /* the code of the position behind which the page begins */
    uint32_t most;           /* upper halves above it need not be looked at */
    size_t wanted;           /* so many behind `from` fill the page */
    struct candidate *items; /* CANDIDATES_MAX, by chunks */
    size_t count;
    uint32_t *alike; /* how many members have an upper half, from that of `from` on */
    bool crowded;    /* too many codes are alike: not all candidates are here */
    bool refined;    /* the codes are whole */
};

static uint32_t turned(const struct candidates *candidates, uint32_t code)
{
    return candidates->selection->list->query->descending ? ~code : code;
}

/* Drops what comes behind enough others. */
static void squeeze(struct candidates *candidates)
{
    uint32_t most = candidates->from >> 16;
    size_t behind = 0, kept = 0;

    while (most < candidates->most && behind < candidates->wanted)
        behind += candidates->alike[++most];
    candidates->most = most;
    for (size_t i = 0; i < candidates->count; i++)
        if (candidates->items[i].code >> 16 <= most)
            candidates->items[kept++] = candidates->items[i];
    candidates->count = kept;
    candidates->crowded = kept > CANDIDATES_MAX * 3 / 4;
}

static struct status add_chunk(struct candidates *candidates, size_t chunk)
{
    struct product_selection *selection = candidates->selection;
    const uint64_t *words = product_set_chunk(&selection->matches.all, chunk);
    uint32_t from = candidates->from >> 16;
    struct status st = product_matches_codes(&selection->matches, chunk, candidates->column, false,
                                             selection->upper);

    for (size_t i = 0; i < CHUNK_WORDS && !failed(st); i++) {
        for (uint64_t left = words[i]; left; left &= left - 1) {
            size_t at = i * 64 + (size_t)__builtin_ctzll(left);
            uint32_t code = turned(candidates, (uint32_t)selection->upper[at] << 16) >> 16;
            if (code < from) continue;
            candidates->alike[code]++;
            if (code > candidates->most || candidates->crowded) continue;
            candidates->items[candidates->count++] = (struct candidate){
                (int64_t)(chunk * CHUNK_SIZE + at), code << 16};
            if (candidates->count == CANDIDATES_MAX) squeeze(candidates);
        }
    }
    return st;
}

static struct status gather(struct candidates *candidates)
{
    const struct product_set *set = &candidates->selection->matches.all;
    struct status st = status_ok();

    for (size_t i = 0; i < set->chunk_count && !failed(st); i++)
        if (product_chunk_count(product_set_chunk(set, i)) > 0) st = add_chunk(candidates, i);
    if (!candidates->crowded) squeeze(candidates);
    return st;
}

static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;

    if (left->code != right->code) return left->code < right->code ? -1 : 1;
    return (left->key > right->key) - (left->key < right->key);
}

/* Reads the lower halves, and drops what comes behind enough others by them. */
static struct status refine(struct candidates *candidates)
{
    struct product_selection *selection = candidates->selection;
    size_t chunk = SIZE_MAX, behind = 0, kept = 0;
    struct candidate *items = candidates->items;

    for (size_t i = 0; i < candidates->count; i++) {
        size_t own = (size_t)items[i].key >> CHUNK_BITS;
        struct status st = own == chunk
                               ? status_ok()
                               : product_matches_codes(&selection->matches, own, candidates->column,
                                                       true, selection->lower);
        if (failed(st)) return st;
        chunk = own;
        items[i].code |= turned(candidates, selection->lower[items[i].key & (CHUNK_SIZE - 1)]) &
                         0xFFFF;
    }
    qsort(items, candidates->count, sizeof(*items), compare_candidates);
    for (size_t i = 0; i < candidates->count; i++) {
        if (items[i].code < candidates->from) continue;
        if (behind >= candidates->wanted && items[i].code != items[kept - 1].code) break;
        behind += items[i].code > candidates->from;
        items[kept++] = items[i];
    }
    candidates->count = kept;
    candidates->refined = true;
    return status_ok();
}

/* Names and amounts, but of codes that say the whole amount. */
static struct status read_candidates(struct candidates *candidates, bool *ret_done)
{
    struct product_selection *selection = candidates->selection;
    struct product_position *all = arena_array(selection->arena, struct product_position,
                                               candidates->count);
    bool amounts = candidates->refined && candidates->column == COLUMN_AMOUNT;

    for (size_t i = 0; i < candidates->count; i++) {
        const struct candidate *item = &candidates->items[i];
        uint32_t code = turned(candidates, item->code);
        struct status st;
        all[i] = (struct product_position){.key = item->key};
        if (amounts && product_amount_code_is_exact(code)) {
            all[i].number = product_amount_of_code(code);
            continue;
        }
        if (selection->looked_up >= PRODUCT_LOOKED_UP_MAX) return status_ok();
        st = read_position(selection, item->key, &all[i]);
        if (failed(st)) return st;
    }
    find_among(selection->list, all, candidates->count);
    *ret_done = true;
    return status_ok();
}

/* ---- walking the index ---- */

static uint32_t code_of(const struct product_position *position, enum product_column column)
{
    return column == COLUMN_AMOUNT ? product_amount_code(position->number)
                                   : product_name_code(position->name);
}

/* Is there a member between the position and the next one whose upper half has members? If not,
 * *ret_place is before that one; its key is -1, and *ret_found false if there is none. */
static bool find_gap(const struct candidates *candidates, const struct product_position *position,
                     struct product_position *ret_place, bool *ret_found)
{
    uint32_t group = turned(candidates, code_of(position, candidates->column)) >> 16, code;

    if (candidates->alike[group] > 0) return false;
    while (group < UPPER_CODES && candidates->alike[group] == 0) group++;
    *ret_found = group < UPPER_CODES;
    if (!*ret_found) return true;
    code = turned(candidates, group << 16);
    if (candidates->selection->list->query->descending) code++;
    *ret_place = (struct product_position){.key = -1};
    if (candidates->column == COLUMN_AMOUNT)
        ret_place->number = product_amount_of_code(code);
    else
        ret_place->name = str_of(product_name_of_code(candidates->selection->arena, code));
    return true;
}

struct walk {
    struct product_selection *selection;
    const struct candidates *candidates; /* NULL: nothing is known of where members are */
    struct product_position place;
    int left;   /* entries that may still be looked at */
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

/* From one place to the end, or to where the next members are far. */
static struct status walk_on(struct walk *walk)
{
    struct product_list *list = walk->selection->list;
    const struct product_query *query = list->query;
    const char *sql =
        list->statements->walk[product_list_source(query)][query->sort][query->descending];
    struct sqlite_rows rows;
    bool found = true, ended = false;
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
        if (product_set_has(&walk->selection->matches.all, entry.key))
            list->found[list->found_count++] = entry;
        else if (walk->candidates)
            walk->jumps = find_gap(walk->candidates, &entry, &walk->place, &found);
    }
    sqlite_end(&rows);
    walk->left -= JUMP_COST;
    walk->done = product_list_is_full(list) || ended || !found;
    return rows.status;
}

/* Members of a large set, by walking the index of the sort; *ret_done false if after `max` entries
 * the page is not full. */
static struct status walk_index(struct product_selection *selection,
                                const struct candidates *candidates, int max, bool *ret_done)
{
    struct walk walk = {selection, candidates, selection->list->from, max, false, true};

    selection->list->found_count = 0;
    while (walk.jumps && !walk.done && walk.left > 0) {
        struct status st = walk_on(&walk);
        if (failed(st)) return st;
    }
    *ret_done = walk.done;
    return status_ok();
}

static struct status select_by_codes(struct product_selection *selection)
{
    const struct product_list *list = selection->list;
    struct candidates candidates = {
        .selection = selection,
        .column = list->query->sort == PRODUCT_SORT_PRICE ? COLUMN_AMOUNT : COLUMN_NAME,
        .most = UPPER_CODES - 1,
        .wanted = (size_t)list->query->limit + 1,
        .items = arena_alloc(selection->arena, CANDIDATES_MAX * sizeof(struct candidate)),
        .alike = arena_array(selection->arena, uint32_t, UPPER_CODES),
    };
    bool done = false;
    struct status st;

    if (list->query->after.length > 0)
        candidates.from = turned(&candidates, code_of(&list->from, candidates.column));
    st = gather(&candidates);
    if (!candidates.crowded && candidates.count > UNREFINED_MAX && !failed(st))
        st = refine(&candidates);
    if (failed(st)) return st;
    if (!candidates.crowded &&
        (candidates.column == COLUMN_AMOUNT || candidates.count <= SORTED_MAX))
        st = read_candidates(&candidates, &done);
    if (failed(st) || done) return st;
    st = walk_index(selection, &candidates, WALK_FIRST_MAX, &done);
    if (failed(st) || done) return st;
    selection->list->found_count = 0;
    if (!candidates.crowded) st = read_candidates(&candidates, &done);
    if (failed(st) || done) return st;
    st = walk_index(selection, &candidates, WALKED_MAX, &done);
    if (failed(st) || done) return st;
    return product_list_too_broad(
        "too many of the products that fit have alike names or prices to"
        " be sorted so; ask for one more filter, or for the newest first");
}

struct status product_list_by_value(struct product_selection *selection, size_t count)
{
    const struct product_list *list = selection->list;
    int64_t scope = 0;
    bool done = false;
    struct status st;

    if (count <= SORTED_MAX) return sort_set(selection, count);
    st = product_list_scope(selection->tx, list->query, &scope);
    if (failed(st)) return st;
    if (scope * (list->query->limit + 1) <= WALK_EXPECTED * (int64_t)count)
        st = walk_index(selection, NULL, WALK_FIRST_MAX, &done);
    if (failed(st) || done) return st;
    selection->list->found_count = 0;
    return select_by_codes(selection);
}
