/* SPDX-License-Identifier: Apache-2.0 */
/* Lists: pages of products by source, filters and sort, and the full-text index.
 *
 * There is one statement for each source, sort and direction, made once, because the driver finds
 * prepared statements by the address of their text. A page begins behind the sort value and the row
 * number of the last product of the page before; the first page begins behind a value that sorts
 * before all others, so that the same statement can seek in the same index.
 *
 * All statements have the same parameters: ?1 category, ?2 status, ?3 and ?4 least and greatest
 * amount, ?5 tag, ?6 is_featured, ?7 seller, ?8 the full-text expression, ?9 and ?10 sort value and
 * row to begin behind, ?11 limit. */
#include "reasons.pb-c.h"
#include "services/product/product_store_sqlite.h"

/* What a list is read from: the narrowest of what it is asked for. */
enum list_source { LIST_ALL, LIST_CATEGORY, LIST_SELLER, LIST_TAG, LIST_SEARCH };
enum { LIST_SOURCE_COUNT = LIST_SEARCH + 1 };

struct product_list_statements {
    const char *page[LIST_SOURCE_COUNT][PRODUCT_SORT_COUNT][2]; /* ascending, descending */
    const char *count[LIST_SOURCE_COUNT];
};

/* The only filters that stay open in a source's statement are those which it does not fix itself.
 */
static const struct {
    const char *from;
    const char *where;
} sources[] = {
    [LIST_ALL] = {"products p", "(?1 = '' OR p.category = ?1) AND (?7 = '' OR p.created_by = ?7)"},
    [LIST_CATEGORY] = {"products p", "p.category = ?1 AND (?7 = '' OR p.created_by = ?7)"},
    [LIST_SELLER] = {"products p", "(?1 = '' OR p.category = ?1) AND p.created_by = ?7"},
    [LIST_TAG] = {"product_tags t CROSS JOIN products p ON p.key = t.product",
                  "t.tag = ?5 AND (?1 = '' OR p.category = ?1) AND (?7 = '' OR p.created_by = ?7)"},
    [LIST_SEARCH] = {"product_search CROSS JOIN products p ON p.key = product_search.rowid",
                     "product_search MATCH ?8 AND (?1 = '' OR p.category = ?1)"
                     " AND (?7 = '' OR p.created_by = ?7)"},
};

static const char filters[] =
    "(?5 = '' OR EXISTS (SELECT 1 FROM product_tags f WHERE f.tag = ?5 AND f.product = p.key))"
    " AND (?6 < 0 OR p.is_featured = ?6)";

static const char *const sort_columns[] = {
    [PRODUCT_SORT_CREATED] = "p.created_us",
    [PRODUCT_SORT_NAME] = "p.name",
    [PRODUCT_SORT_PRICE] = "p.unit_amount",
    [PRODUCT_SORT_RELEVANCE] = "product_search.rank",
};

static const char *page_statement(struct arena *arena, enum list_source source,
                                  enum product_sort sort, bool descending)
{
    const char *order = descending ? "DESC" : "ASC", *column = sort_columns[sort];
    /* A plus keeps the planner from an index by amount, which would cost it the one that is in the
     * right order. */
    const char *amount = sort == PRODUCT_SORT_PRICE ? "p.unit_amount" : "+p.unit_amount";

    return arena_printf(
        arena,
        "WITH page (key, sort) AS MATERIALIZED (SELECT p.key, %s FROM %s"
        " WHERE p.status = ?2 AND %s AND %s AND %s BETWEEN ?3 AND ?4"
        " AND (%s, p.key) %s (?9, ?10) ORDER BY %s %s, p.key %s LIMIT ?11)"
        " SELECT " PRODUCT_COLUMNS ", page.sort FROM page"
        " CROSS JOIN products p ON p.key = page.key CROSS JOIN variants v ON v.product = p.key"
        " ORDER BY page.sort %s, page.key %s, v.position",
        column, sources[source].from, sources[source].where, filters, amount, column,
        descending ? "<" : ">", column, order, order, order, order);
}

const struct product_list_statements *product_list_statements_new(struct arena *arena)
{
    struct product_list_statements *made = arena_new(arena, struct product_list_statements);

    for (int source = 0; source < LIST_SOURCE_COUNT; source++) {
        for (int sort = 0; sort < PRODUCT_SORT_COUNT; sort++) {
            if (sort == PRODUCT_SORT_RELEVANCE && source != LIST_SEARCH) continue;
            for (int descending = 0; descending < 2; descending++)
                made->page[source][sort][descending] = page_statement(
                    arena, (enum list_source)source, (enum product_sort)sort, descending != 0);
        }
        made->count[source] = arena_printf(
            arena,
            "SELECT count(*) FROM %s WHERE p.status = ?2 AND %s AND %s"
            " AND p.unit_amount BETWEEN ?3 AND ?4",
            sources[source].from, sources[source].where, filters);
    }
    return made;
}

/* ---- the full-text index ---- */

/* The text between the marks of HTML: nobody searches for "strong". */
static const char *without_marks(struct arena *arena, const char *text)
{
    char *plain, *next;

    if (!strchr(text, '<')) return text;
    plain = next = arena_alloc(arena, strlen(text) + 1);
    for (bool mark = false; *text; text++) {
        if (*text == '<') mark = true;
        *next++ = mark ? ' ' : *text;
        if (*text == '>') mark = false;
    }
    *next = 0;
    return plain;
}

static const char *join_words(struct arena *arena, const char *const *items, size_t count)
{
    const char *joined = "";

    for (size_t i = 0; i < count; i++) joined = arena_printf(arena, "%s%s\n", joined, items[i]);
    return joined;
}

static const char *skus_of(struct arena *arena, const struct product *product)
{
    const char **skus = arena_array(arena, const char *, product->variant_count);
    size_t count = 0;

    for (size_t i = 0; i < product->variant_count; i++)
        if (*product->variants[i].sku) skus[count++] = product->variants[i].sku;
    return join_words(arena, skus, count);
}

struct status product_index_write(struct arena *arena, struct sqlite_tx *tx,
                                  const struct product_row *row, int sign)
{
    const struct product *product = &row->product;
    const char *sql =
        sign > 0 ? "INSERT INTO product_search (rowid, name, sku, tags, vendor, description)"
                   " VALUES (?, ?, ?, ?, ?, ?)"
                 : "INSERT INTO product_search (product_search, rowid, name, sku, tags, vendor,"
                   " description) VALUES ('delete', ?, ?, ?, ?, ?, ?)";

    return sqlite_exec(tx, 0, sql, "lttttt", row->key, product->name, skus_of(arena, product),
                       join_words(arena, product->tags.items, product->tags.count), product->vendor,
                       without_marks(arena, product->description));
}

static bool is_word_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (unsigned char)byte >= 0x80;
}

static bool has_word(struct str text)
{
    for (size_t i = 0; i < text.length; i++)
        if (is_word_byte(text.data[i])) return true;
    return false;
}

static void append_quoted(struct str word, char **next)
{
    *(*next)++ = '"';
    for (size_t i = 0; i < word.length; i++) {
        if (word.data[i] == '"') *(*next)++ = '"';
        *(*next)++ = word.data[i];
    }
    *(*next)++ = '"';
}

/* What the customer typed as an FTS5 expression: each word a quoted string, so that nothing in it
 * is syntax, and the last one a prefix. "" if there is no word in it. */
static const char *match_expression(struct arena *arena, const char *search)
{
    static const char spaces[] = " \t\r\n\f\v";
    char *expression = arena_alloc(arena, strlen(search) * 4 + 4), *next = expression;

    for (search += strspn(search, spaces); *search; search += strspn(search, spaces)) {
        struct str word = {search, strcspn(search, spaces)};
        search += word.length;
        if (!has_word(word)) continue;
        if (next != expression) *next++ = ' ';
        append_quoted(word, &next);
    }
    if (next != expression) *next++ = '*';
    *next = 0;
    return expression;
}

/* ---- where a page begins ---- */

/* A sort value and a row; the value's kind follows from the sort. */
struct position {
    int64_t key;
    int64_t number;
    double score;
    struct str name;
};

enum { POSITION_NUMBERS_SIZE = 2 * sizeof(int64_t) };

/* Before all products, in the order of the query. An empty blob sorts behind every text. */
static struct position first_position(const struct product_query *query)
{
    if (query->descending) return (struct position){INT64_MAX, INT64_MAX, 1e300, {0}};
    return (struct position){INT64_MIN, INT64_MIN, -1e300, {0}};
}

static struct str position_encode(struct arena *arena, const struct product_query *query,
                                  const struct product_row *row)
{
    size_t length = query->sort == PRODUCT_SORT_NAME ? strlen(row->product.name) : 0;
    char *bytes = arena_alloc(arena, POSITION_NUMBERS_SIZE + length);
    int64_t number = query->sort == PRODUCT_SORT_PRICE ? product_unit_amount(&row->product)
                                                       : row->product.created_us;

    memcpy(bytes, &row->key, sizeof(row->key));
    if (query->sort == PRODUCT_SORT_RELEVANCE)
        memcpy(bytes + sizeof(row->key), &row->score, sizeof(row->score));
    else
        memcpy(bytes + sizeof(row->key), &number, sizeof(number));
    if (length > 0) memcpy(bytes + POSITION_NUMBERS_SIZE, row->product.name, length);
    return str_sized(bytes, POSITION_NUMBERS_SIZE + length);
}

static struct status position_decode(const struct product_query *query,
                                     struct position *ret_position)
{
    struct position position = {0};
    struct str bytes = query->after;

    if (bytes.length == 0) {
        *ret_position = first_position(query);
        return status_ok();
    }
    if (bytes.length < POSITION_NUMBERS_SIZE ||
        (query->sort == PRODUCT_SORT_NAME) != (bytes.length > POSITION_NUMBERS_SIZE))
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__PAGE_CURSOR_INVALID,
                           "the cursor is none of this list; begin again without one");
    memcpy(&position.key, bytes.data, sizeof(position.key));
    memcpy(&position.number, bytes.data + sizeof(position.key), sizeof(position.number));
    memcpy(&position.score, bytes.data + sizeof(position.key), sizeof(position.score));
    position.name = str_sized(bytes.data + POSITION_NUMBERS_SIZE,
                              bytes.length - POSITION_NUMBERS_SIZE);
    *ret_position = position;
    return status_ok();
}

/* ---- lists ---- */

struct list {
    const struct product_list_statements *statements;
    const struct product_query *query;
    const char *match;
    struct position position;
    struct product_page page;
};

static enum list_source source_of(const struct product_query *query)
{
    if (*query->search) return LIST_SEARCH;
    if (*query->tag) return LIST_TAG;
    if (*query->created_by) return LIST_SELLER;
    return *query->category ? LIST_CATEGORY : LIST_ALL;
}

const char *product_list_statement(const struct product_list_statements *statements,
                                   const struct product_query *query)
{
    return statements->page[source_of(query)][query->sort][query->descending];
}

/* The two lists that everybody asks for are counted already. */
static bool is_counted(const struct product_query *query)
{
    return !*query->search && !*query->tag && !*query->created_by && query->is_featured < 0 &&
           query->unit_amount_min == 0 && query->unit_amount_max == INT64_MAX;
}

static struct status query_count(struct sqlite_tx *tx, const struct list *list,
                                 struct sqlite_rows *rows)
{
    const struct product_query *query = list->query;
    enum list_source source = source_of(query);
    const char *sql = list->statements->count[source];
    int status = (int)query->status;

    if (is_counted(query) && *query->category)
        return sqlite_query(
            tx, rows,
            "SELECT coalesce(sum(count), 0) FROM product_counts WHERE category = ? AND status = ?",
            "ti", query->category, status);
    if (is_counted(query))
        return sqlite_query(tx, rows,
                            "SELECT coalesce(sum(count), 0) FROM product_counts WHERE status = ?",
                            "i", status);
    if (source == LIST_SEARCH)
        return sqlite_query(tx, rows, sql, "tilltitt", query->category, status,
                            query->unit_amount_min, query->unit_amount_max, query->tag,
                            query->is_featured, query->created_by, list->match);
    return sqlite_query(tx, rows, sql, "tilltit", query->category, status, query->unit_amount_min,
                        query->unit_amount_max, query->tag, query->is_featured, query->created_by);
}

static struct status read_count(struct sqlite_tx *tx, struct list *list)
{
    struct sqlite_rows rows;
    struct status st = query_count(tx, list, &rows);

    if (failed(st)) return st;
    if (sqlite_next(&rows)) list->page.total = sqlite_column_i64(&rows, 0);
    sqlite_end(&rows);
    return rows.status;
}

/* The sort value's type is the only difference between the sorts. */
static struct status query_page(struct sqlite_tx *tx, const struct list *list,
                                struct sqlite_rows *rows)
{
    const struct product_query *query = list->query;
    const struct position *from = &list->position;
    const char *sql = product_list_statement(list->statements, query);
    int status = (int)query->status, limit = query->limit + 1;
    bool behind_texts = query->descending && from->name.length == 0;

    switch (query->sort) {
    case PRODUCT_SORT_NAME:
        return sqlite_query(tx, rows, sql, behind_texts ? "tilltittbli" : "tilltittsli",
                            query->category, status, query->unit_amount_min, query->unit_amount_max,
                            query->tag, query->is_featured, query->created_by, list->match,
                            from->name, from->key, limit);
    case PRODUCT_SORT_RELEVANCE:
        return sqlite_query(tx, rows, sql, "tilltittdli", query->category, status,
                            query->unit_amount_min, query->unit_amount_max, query->tag,
                            query->is_featured, query->created_by, list->match, from->score,
                            from->key, limit);
    case PRODUCT_SORT_CREATED:
    case PRODUCT_SORT_PRICE: break;
    }
    return sqlite_query(tx, rows, sql, "tilltittlli", query->category, status,
                        query->unit_amount_min, query->unit_amount_max, query->tag,
                        query->is_featured, query->created_by, list->match, from->number, from->key,
                        limit);
}

static struct status read_page(struct arena *arena, struct sqlite_tx *tx, struct list *list)
{
    size_t limit = (size_t)list->query->limit, count;
    struct product_row *found = arena_array(arena, struct product_row, limit + 1);
    struct sqlite_rows rows;
    struct status st;

    st = query_page(tx, list, &rows);
    if (failed(st)) return st;
    st = product_rows_read(&rows, limit + 1, found, &count);
    if (failed(st)) return st;
    if (count > limit) {
        count = limit;
        list->page.next = position_encode(arena, list->query, &found[count - 1]);
    }
    list->page.count = count;
    list->page.products = arena_array(arena, struct product, count);
    for (size_t i = 0; i < count; i++) list->page.products[i] = found[i].product;
    return status_ok();
}

static struct status list_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct list *list = data;
    struct status st = read_page(call->arena, tx, list);

    return failed(st) ? st : read_count(tx, list);
}

struct status product_sqlite_list(struct call *call, struct product_store *store,
                                  const struct product_query *query, struct product_page *ret_page)
{
    struct product_store_sqlite *sqlite = product_sqlite(store);
    struct list list = {.statements = sqlite->lists, .query = query, .match = ""};
    struct status st = position_decode(query, &list.position);

    if (failed(st)) return st;
    if (*query->search) {
        list.match = match_expression(call->arena, query->search);
        if (!*list.match) { /* no word is found nowhere */
            *ret_page = list.page;
            return status_ok();
        }
    }
    st = sqlite_scan(call, sqlite->db, list_job, &list);
    if (failed(st)) return st;
    *ret_page = list.page;
    return st;
}
