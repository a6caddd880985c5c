/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and searches: pages of products by filters, words and sort, each for a bounded amount of
 * work.
 *
 * A plain list (all products of a status, or those of a category; by price also a range of it) is a
 * range of an index of `products`, and this file reads it.
 *
 * All others are lists by terms. A term stands for a filter or a word (product_terms.h), and the
 * products are found through three structures, all of which are divided into chunks of 32,768 row
 * numbers (product_postings_sqlite.h):
 *
 *   rows of terms    for each term and chunk the set of products that have the term, as a bitmap
 *                    or, if few have it, a list of numbers. Filters and words are in a table each.
 *   codes            for each chunk, columns of numbers that are in the order of names and prices.
 *                    They tell the order without reading products: a price's code is the price
 *                    itself; by name each product has a rank (product_ranks_sqlite.h).
 *   fresh products   the terms and names of up to 512 products that have changed lately, which have
 *                    not been written into the other two yet (product_fold_sqlite.c,
 *                    product_fresh_sqlite.c).
 *
 * What is used often of all three stays in memory for all readers (product_chunk_cache.h). A list
 *
 *   1. intersects the rows of its terms chunk by chunk, drops products whose code is outside of the
 *      range of prices, and looks at the fresh products one by one (product_select_sqlite.c);
 *   2. is in the order of row numbers if it is sorted by age or relevance, and then it needs only
 *      as many chunks as fill the page and the total. Otherwise codes or an index of the sort tell
 *      which members come next (product_order_sqlite.c);
 *   3. reads the products of the page.
 *
 * The statements of plain lists are made once, because the driver finds prepared statements by the
 * address of their text: ?1 category, ?2 status, ?3 and ?4 least and greatest amount, ?5 and ?6
 * sort value and row to begin behind, ?7 limit. The first page begins behind a value that sorts
 * before all others, so that the same statement can seek in the same index.
 *
 * Relevance: products with all words in their names first, the newest first among each. */
#include <stdatomic.h>

#include "reasons.pb-c.h"
#include "services/product/sqlite/product_list_sqlite.h"
#include "services/product/sqlite/product_obsolete_sqlite.h"
#include "services/product/sqlite/product_ranks_sqlite.h"

struct product_search_sqlite {
    struct product_search port; /* first, so that one is the other */
    struct sqlite *db;
    struct product_chunk_cache *cache;
    struct product_list_statements statements;
    _Atomic int64_t walked;
};

static struct product_search_sqlite *search_sqlite(struct product_search *search)
{
    return (struct product_search_sqlite *)search;
}

static const char *const sources[] = {
    [LIST_ALL] = "p.status = ?2 AND ?1 = ''",
    [LIST_CATEGORY] = "p.category = ?1 AND p.status = ?2",
};

static const char *const sort_columns[] = {
    [PRODUCT_SORT_CREATED] = "p.created_us",
    [PRODUCT_SORT_NAME] = "p.name",
    [PRODUCT_SORT_PRICE] = "p.unit_amount",
};

static const char *walk_statement(struct arena *arena, enum list_source source,
                                  enum product_sort sort, bool descending)
{
    const char *order = descending ? "DESC" : "ASC", *column = sort_columns[sort];
    /* Only a list by price has a range of it. The end where it begins is where the first page
     * begins: were it a condition, too, SQLite would seek to it for every page. */
    const char *range = sort != PRODUCT_SORT_PRICE ? "?3 <= ?4"
                        : descending               ? "p.unit_amount >= ?3 AND ?4 >= 0"
                                                   : "p.unit_amount <= ?4 AND ?3 >= 0";

    return arena_printf(arena,
                        "SELECT p.key, %s AS sort FROM products p WHERE %s AND %s"
                        " AND (%s, p.key) %s (?5, ?6) ORDER BY %s %s, p.key %s LIMIT ?7",
                        column, sources[source], range, column, descending ? "<" : ">", column,
                        order, order);
}

static const char *page_statement(struct arena *arena, const char *walk, bool descending)
{
    const char *order = descending ? "DESC" : "ASC";

    return arena_printf(
        arena,
        "WITH page (key, sort) AS MATERIALIZED (%s)"
        " SELECT " PRODUCT_COLUMNS ", page.sort FROM page"
        " CROSS JOIN products p ON p.key = page.key CROSS JOIN variants v ON v.product = p.key"
        " ORDER BY page.sort %s, page.key %s, v.position",
        walk, order, order);
}

static void make_statements(struct arena *arena, struct product_list_statements *made)
{
    for (int source = 0; source < LIST_SOURCE_COUNT; source++) {
        for (int sort = 0; sort < PRODUCT_SORT_RELEVANCE; sort++) {
            for (int descending = 0; descending < 2; descending++) {
                const char *walk = walk_statement(arena, (enum list_source)source,
                                                  (enum product_sort)sort, descending != 0);
                made->walk[source][sort][descending] = walk;
                made->page[source][sort][descending] = page_statement(arena, walk, descending != 0);
            }
        }
        made->range[source] = arena_printf(arena,
                                           "SELECT p.key FROM products p WHERE %s"
                                           " AND p.unit_amount BETWEEN ?3 AND ?4"
                                           " LIMIT ?5 OFFSET ?6",
                                           sources[source]);
        made->count[source] = arena_printf(arena,
                                           "SELECT count(*) FROM (SELECT 1 FROM products p WHERE %s"
                                           " AND p.unit_amount BETWEEN ?3 AND ?4 LIMIT ?5)",
                                           sources[source]);
    }
}

/* ---- the index ---- */

struct status product_index_update(struct arena *arena, struct sqlite_tx *tx, int64_t key,
                                   const struct product *before, const struct product *after)
{
    struct product_terms lost = {0}, got = {0};

    if (before) lost = product_terms_of(arena, before);
    if (after) got = product_terms_of(arena, after);
    return product_postings_write(tx, key, &lost, &got);
}

/* Products that an older program has left: first all are indexed, then all get their ranks. */
static struct status read_left(struct sqlite_tx *tx, int64_t *ret_unindexed, int64_t *ret_left)
{
    struct sqlite_rows rows;
    int64_t unindexed = 0, unranked = 0;
    struct status st = sqlite_query(tx, &rows,
                                    "SELECT max(last + 1 - next, 0) FROM product_backlog", "");

    if (failed(st)) return st;
    if (sqlite_next(&rows)) unindexed = sqlite_column_i64(&rows, 0);
    sqlite_end(&rows);
    if (failed(rows.status)) return rows.status;
    st = product_ranks_left(tx, &unranked);
    if (failed(st)) return st;
    *ret_unindexed = unindexed;
    *ret_left = unindexed + unranked;
    return st;
}

/* The next rows of the backlog. */
static struct status index_some(struct arena *arena, struct sqlite_tx *tx, int limit)
{
    struct product_row *found = arena_array(arena, struct product_row, (size_t)limit);
    struct sqlite_rows rows;
    size_t count;
    struct status st;

    st = sqlite_query(tx, &rows,
                      "SELECT " PRODUCT_COLUMNS ", 0.0 FROM (SELECT key FROM products"
                      " WHERE key BETWEEN (SELECT next FROM product_backlog)"
                      " AND (SELECT last FROM product_backlog) ORDER BY key LIMIT ?) page"
                      " CROSS JOIN products p ON p.key = page.key"
                      " CROSS JOIN variants v ON v.product = p.key ORDER BY p.key, v.position",
                      "i", limit);
    if (failed(st)) return st;
    st = product_rows_read(&rows, (size_t)limit, found, &count);
    for (size_t i = 0; i < count && !failed(st); i++)
        st = product_index_update(arena, tx, found[i].key, NULL, &found[i].product);
    if (failed(st)) return st;
    return sqlite_exec(tx, 0,
                       "UPDATE product_backlog SET next = iif(?1 > 0, ?1, last) + 1"
                       " WHERE next <= last",
                       "l", count > 0 ? found[count - 1].key : (int64_t)0);
}

/* No product is fresh while others get ranks, so all that have a rank stand where it says. */
static struct status rank_some(struct arena *arena, struct sqlite_tx *tx, int limit)
{
    struct status st = product_postings_fold(tx);

    return failed(st) ? st : product_ranks_step(arena, tx, limit);
}

struct index_work {
    int limit;
    int64_t left;
};

static struct status index_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct index_work *work = data;
    int64_t unindexed, left;
    struct status st = read_left(tx, &unindexed, &left);

    if (failed(st)) return st;
    st = unindexed > 0 ? index_some(call->arena, tx, work->limit)
                       : rank_some(call->arena, tx, work->limit);
    return failed(st) ? st : read_left(tx, &unindexed, &work->left);
}

static struct status index_backlog(struct call *call, struct product_search *search, int limit,
                                   int64_t *ret_left)
{
    struct index_work work = {.limit = limit};
    struct sqlite *db = search_sqlite(search)->db;
    struct sqlite_rows rows;
    struct status st;

    st = sqlite_read(call, db, &rows,
                     "SELECT 1 FROM product_backlog, product_ranking"
                     " WHERE next <= last OR status < 3",
                     "");
    if (failed(st)) return st;
    if (sqlite_next(&rows)) {
        sqlite_end(&rows);
        st = sqlite_write(call, db, index_job, &work);
        if (failed(st)) return st;
    }
    *ret_left = work.left;
    return rows.status;
}

static struct status tidy_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    (void)call;
    return product_obsolete_step(tx, data);
}

static struct status tidy(struct call *call, struct product_search *search, bool *ret_more)
{
    struct sqlite *db = search_sqlite(search)->db;
    struct sqlite_rows rows;
    bool more = false;
    struct status st = sqlite_read(
        call, db, &rows,
        "SELECT 1 FROM sqlite_schema"
        " WHERE name IN ('product_tags', 'product_search', 'product_postings_old')",
        "");

    if (failed(st)) return st;
    if (sqlite_next(&rows)) {
        sqlite_end(&rows);
        st = sqlite_write(call, db, tidy_job, &more);
        if (failed(st)) return st;
    }
    if (!failed(rows.status)) *ret_more = more;
    return rows.status;
}

/* ---- where a page begins ---- */

enum { POSITION_NUMBERS_SIZE = 2 * sizeof(int64_t) };

/* Before all products, in the order of the query. An empty blob sorts behind every text. */
static struct product_position first_position(const struct product_query *query)
{
    if (query->sort == PRODUCT_SORT_RELEVANCE) return (struct product_position){INT64_MAX, 0, {0}};
    if (query->sort == PRODUCT_SORT_PRICE)
        return query->descending ? (struct product_position){INT64_MAX, query->unit_amount_max, {0}}
                                 : (struct product_position){-1, query->unit_amount_min, {0}};
    if (query->descending) return (struct product_position){INT64_MAX, INT64_MAX, {0}};
    return (struct product_position){-1, INT64_MIN, {0}};
}

static struct str position_encode(struct arena *arena, const struct product_position *position)
{
    size_t length = position->name.length;
    char *bytes = arena_alloc(arena, POSITION_NUMBERS_SIZE + length);

    memcpy(bytes, &position->key, sizeof(position->key));
    memcpy(bytes + sizeof(position->key), &position->number, sizeof(position->number));
    if (length > 0) memcpy(bytes + POSITION_NUMBERS_SIZE, position->name.data, length);
    return str_sized(bytes, POSITION_NUMBERS_SIZE + length);
}

static struct status position_decode(const struct product_query *query,
                                     struct product_position *ret_position)
{
    struct product_position position = {0};
    struct str bytes = query->after;

    if (bytes.length == 0) {
        *ret_position = first_position(query);
        return status_ok();
    }
    if (bytes.length < POSITION_NUMBERS_SIZE ||
        (query->sort == PRODUCT_SORT_NAME) != (bytes.length > POSITION_NUMBERS_SIZE))
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__PAGE_CURSOR_INVALID,
                           "the cursor does not belong to this list; start again without one");
    memcpy(&position.key, bytes.data, sizeof(position.key));
    memcpy(&position.number, bytes.data + sizeof(position.key), sizeof(position.number));
    if (position.key < 0)
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__PAGE_CURSOR_INVALID,
                           "the cursor does not belong to this list; start again without one");
    position.name = str_sized(bytes.data + POSITION_NUMBERS_SIZE,
                              bytes.length - POSITION_NUMBERS_SIZE);
    *ret_position = position;
    return status_ok();
}

/* ---- plain lists ---- */

enum { COUNT_GLADLY_MAX = 500 }; /* rows of an index of prices */

static bool is_plain(const struct product_query *query)
{
    return !*query->search && !*query->tag && !*query->created_by && query->is_featured < 0 &&
           (query->sort == PRODUCT_SORT_PRICE || !product_list_has_range(query));
}

static const char *page_of(const struct product_list_statements *statements,
                           const struct product_query *query)
{
    return statements->page[product_list_source(query)][query->sort][query->descending];
}

const char *product_list_statement(struct product_search *search, const struct product_query *query)
{
    return page_of(&search_sqlite(search)->statements, query);
}

int64_t product_list_walked(const struct product_search *search)
{
    const struct product_search_sqlite *sqlite = (const struct product_search_sqlite *)search;

    return atomic_load_explicit(&sqlite->walked, memory_order_relaxed);
}

struct status product_list_scope(struct sqlite_tx *tx, const struct product_query *query,
                                 int64_t *ret_count)
{
    int status = (int)query->status;
    struct sqlite_rows rows;
    struct status st;

    if (*query->category)
        st = sqlite_query(
            tx, &rows,
            "SELECT coalesce(sum(count), 0) FROM product_counts WHERE category = ? AND status = ?",
            "ti", query->category, status);
    else
        st = sqlite_query(tx, &rows,
                          "SELECT coalesce(sum(count), 0) FROM product_counts WHERE status = ?",
                          "i", status);
    if (failed(st)) return st;
    *ret_count = sqlite_next(&rows) ? sqlite_column_i64(&rows, 0) : 0;
    sqlite_end(&rows);
    return rows.status;
}

/* Counts rows of an index of prices, one more than `most` at most. */
static struct status count_rows(struct sqlite_tx *tx, const struct product_list *list, int most,
                                int64_t *ret_count)
{
    const struct product_query *query = list->query;
    struct sqlite_rows rows;
    struct status st = sqlite_query(tx, &rows, list->statements->count[product_list_source(query)],
                                    "tilli", query->category, (int)query->status,
                                    query->unit_amount_min, query->unit_amount_max, most + 1);

    if (failed(st)) return st;
    *ret_count = sqlite_next(&rows) ? sqlite_column_i64(&rows, 0) : 0;
    sqlite_end(&rows);
    return rows.status;
}

/* Do codes tell on which side of a bound each price is? */
static bool is_exact_bound(int64_t amount)
{
    return amount == INT64_MAX || product_amount_code_is_exact(product_amount_code(amount));
}

/* Plain lists without a range are counted already. How many products are in a wide range the codes
 * of prices tell sooner than an index of prices, unless they are still being made. */
static struct status read_count(struct arena *arena, struct sqlite_tx *tx,
                                struct product_list *list)
{
    const struct product_query *query = list->query;
    int64_t count = 0, unindexed, left = 0;
    struct status st;

    if (!product_list_has_range(query)) return product_list_scope(tx, query, &list->page.total);
    st = count_rows(tx, list, COUNT_GLADLY_MAX, &count);
    if (!failed(st) && count > COUNT_GLADLY_MAX) st = read_left(tx, &unindexed, &left);
    if (failed(st)) return st;
    if (count > COUNT_GLADLY_MAX && left == 0 && is_exact_bound(query->unit_amount_min) &&
        is_exact_bound(query->unit_amount_max)) {
        st = product_list_count(arena, tx, list);
        if (st.reason != ARGOSY__REASON__LIST_TOO_BROAD) return st;
    }
    if (count > COUNT_GLADLY_MAX) st = count_rows(tx, list, PRODUCT_TOTAL_EXACT_MAX, &count);
    if (!failed(st)) product_list_set_total(list, (size_t)count);
    return st;
}

struct status product_list_run(struct sqlite_tx *tx, const struct product_query *query,
                               const char *sql, const struct product_position *from, int limit,
                               struct sqlite_rows *rows)
{
    int status = (int)query->status;
    bool behind_texts = query->descending && from->name.length == 0;

    if (query->sort == PRODUCT_SORT_NAME)
        return sqlite_query(tx, rows, sql, behind_texts ? "tillbli" : "tillsli", query->category,
                            status, query->unit_amount_min, query->unit_amount_max, from->name,
                            from->key, limit);
    return sqlite_query(tx, rows, sql, "tilllli", query->category, status, query->unit_amount_min,
                        query->unit_amount_max, from->number, from->key, limit);
}

static struct product_position position_of(const struct product_query *query,
                                           const struct product_row *row)
{
    struct product_position position = {.key = row->key};

    if (query->sort == PRODUCT_SORT_NAME) position.name = str_of(row->product.name);
    if (query->sort == PRODUCT_SORT_PRICE) position.number = product_unit_amount(&row->product);
    if (query->sort == PRODUCT_SORT_CREATED) position.number = row->product.created_us;
    return position;
}

static struct status list_plain(struct arena *arena, struct sqlite_tx *tx,
                                struct product_list *list)
{
    size_t limit = (size_t)list->query->limit, count;
    struct product_row *found = arena_array(arena, struct product_row, limit + 1);
    struct sqlite_rows rows;
    struct status st;

    st = product_list_run(tx, list->query, page_of(list->statements, list->query), &list->from,
                          list->query->limit + 1, &rows);
    if (failed(st)) return st;
    st = product_rows_read(&rows, limit + 1, found, &count);
    if (failed(st)) return st;
    if (count > limit) {
        struct product_position last = position_of(list->query, &found[limit - 1]);
        count = limit;
        list->page.next = position_encode(arena, &last);
    }
    list->page.count = count;
    list->page.products = arena_array(arena, struct product, count);
    for (size_t i = 0; i < count; i++) list->page.products[i] = found[i].product;
    return read_count(arena, tx, list);
}

/* ---- lists by terms ---- */

static struct status read_members(struct arena *arena, struct sqlite_tx *tx,
                                  struct product_list *list)
{
    size_t limit = (size_t)list->query->limit;

    size_t count = list->found_count < limit ? list->found_count : limit;

    list->page.products = arena_array(arena, struct product, count);
    for (size_t i = 0; i < count; i++) {
        struct sqlite_rows rows;
        struct product_row row;
        struct status st;
        st = sqlite_query(tx, &rows,
                          "SELECT " PRODUCT_COLUMNS ", 0.0 FROM products p"
                          " CROSS JOIN variants v ON v.product = p.key WHERE p.key = ?"
                          " ORDER BY v.position",
                          "l", list->found[i].key);
        if (!failed(st)) st = product_row_read(&rows, &row);
        if (failed(st)) return st;
        list->page.products[list->page.count++] = row.product;
        /* Not all names had to be read to find the page. */
        if (list->query->sort == PRODUCT_SORT_NAME) list->found[i].name = str_of(row.product.name);
    }
    if (list->found_count > limit)
        list->page.next = position_encode(arena, &list->found[limit - 1]);
    return status_ok();
}

static struct status check_backlog(struct arena *arena, struct sqlite_tx *tx)
{
    int64_t unindexed, left = 0;
    struct status st = read_left(tx, &unindexed, &left);

    if (failed(st) || left == 0) return st;
    return status_printf(arena, STATUS_UNAVAILABLE, ARGOSY__REASON__LIST_INDEX_BUILDING,
                         "searches and filters wait for their index, which has %lld products to "
                         "go; try again later",
                         (long long)left);
}

static struct status list_by_terms(struct arena *arena, struct sqlite_tx *tx,
                                   struct product_list *list)
{
    struct status st = check_backlog(arena, tx);

    if (failed(st)) return st;
    list->found = arena_array(arena, struct product_position, (size_t)list->query->limit + 1);
    st = product_list_select(arena, tx, list);
    return failed(st) ? st : read_members(arena, tx, list);
}

static struct status list_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct product_list *list = data;

    return is_plain(list->query) ? list_plain(call->arena, tx, list)
                                 : list_by_terms(call->arena, tx, list);
}

static struct status list_products(struct call *call, struct product_search *search,
                                   const struct product_query *query, struct product_page *ret_page)
{
    struct product_search_sqlite *sqlite = search_sqlite(search);
    struct product_list list = {
        .statements = &sqlite->statements, .cache = sqlite->cache, .query = query};
    struct status st = position_decode(query, &list.from);

    if (failed(st)) return st;
    st = product_terms_ask(call->arena, query, &list.asked);
    if (failed(st)) return st;
    if (*query->search && list.asked.words == 0) { /* no word is found nowhere */
        *ret_page = list.page;
        return st;
    }
    st = sqlite_scan(call, sqlite->db, list_job, &list);
    atomic_fetch_add_explicit(&sqlite->walked, list.walked, memory_order_relaxed);
    if (failed(st)) return st;
    *ret_page = list.page;
    return st;
}

struct product_search *product_search_sqlite_new(struct arena *arena, struct sqlite *db,
                                                 size_t cache_bytes)
{
    struct product_search_sqlite *search = arena_new(arena, struct product_search_sqlite);

    search->port = (struct product_search){
        .list = list_products, .index = index_backlog, .tidy = tidy};
    search->db = db;
    search->cache = product_chunk_cache_new(cache_bytes);
    make_statements(arena, &search->statements);
    return &search->port;
}

void product_search_sqlite_close(struct product_search *search)
{
    product_chunk_cache_free(search_sqlite(search)->cache);
}
