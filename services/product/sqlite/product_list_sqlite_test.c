/* SPDX-License-Identifier: Apache-2.0 */
/* What SQLite alone promises of lists: their plans, and what becomes of an older program's index. */
#include "services/product/sqlite/product_sqlite_testing.h"

/* ---- an older program's index ---- */

static const char *search(struct call *call, const char *text, int64_t total)
{
    struct product_query query = everything();

    query.search = text;
    query.sort = PRODUCT_SORT_RELEVANCE;
    query.descending = false;
    query.limit = 1;
    return names(call, query, total);
}

static struct status forget_index(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct status st;

    st = sqlite_exec(tx, 0, "DELETE FROM product_postings", "");
    if (failed(st)) return st;
    st = sqlite_exec(tx, 0, "DELETE FROM product_fresh", "");
    if (failed(st)) return st;
    st = sqlite_exec(tx, 0, "DELETE FROM product_ranks", "");
    if (failed(st)) return st;
    st = sqlite_exec(tx, 0, "UPDATE product_ranking SET status = 0, name = '', key = -1", "");
    if (failed(st)) return st;
    return sqlite_exec(
        tx, 0, "UPDATE product_backlog SET next = 1, last = (SELECT max(key) FROM products)", "");
}

static struct status allow_all(const struct call *call, const struct product *product, void *data)
{
    return status_ok();
}

static void check_backlog(struct call *call, int number)
{
    struct product changed = keep_simple(call, "Old chair", "one", 1), after;
    struct product removed = keep_simple(call, "Gone chair", "one", 1);
    struct product_key changed_key = key_of(&changed), removed_key = key_of(&removed);
    struct product_change change = {rename_to, (void *)(uintptr_t) "New chair", "me"};
    struct product_check check = {.allow = allow_all, .created_by = "me"};
    struct product_query query = everything();
    struct product_page page;
    int64_t left = 1;

    keep_simple(call, "Third chair", "one", 1);
    EXPECT_OK(sqlite_write(call, product_sqlite(store)->db, forget_index, NULL));
    query.search = "chair";
    query.sort = PRODUCT_SORT_RELEVANCE;
    EXPECT_REASON(store->search->list(call, store->search, &query, &page),
                  ARGOSY__REASON__LIST_INDEX_BUILDING);
    keep_simple(call, "Fresh chair", "one", 1);
    EXPECT_OK(store->update(call, store, &changed_key, &change, &after));
    EXPECT_OK(store->remove(call, store, &removed_key, &check, &after));
    for (int rounds = 0; left > 0 && rounds < 20; rounds++)
        EXPECT_OK(store->search->index(call, store->search, 1, &left));
    EXPECT_INT(left, 0);
    EXPECT_STR(search(call, "new chair", 1), "New chair");
    EXPECT_STR(search(call, "old", 0), "");
    EXPECT_STR(search(call, "gone", 0), "");
    EXPECT_STR(search(call, "third", 1), "Third chair");
    EXPECT_STR(search(call, "fresh", 1), "Fresh chair");
    EXPECT_OK(store->remove(call, store, &changed_key, &check, &after));
    EXPECT_STR(search(call, "new", 0), "");
}

TEST(sqlite_indexes_what_an_older_program_has_left)
{
    on_sqlite(check_backlog);
}

enum { OLD_ROWS = 5000 };

static struct status fill_old_tables(const struct call *call, struct sqlite_tx *tx, void *data)
{
    static const char *const statements[] = {
        "INSERT INTO product_tags VALUES (?2, ?1)",
        "INSERT INTO product_search (rowid, name) VALUES (?1, ?2)",
        "INSERT INTO product_postings_old VALUES (?1, CAST(?2 AS BLOB), x'')",
    };
    enum { TABLES = sizeof(statements) / sizeof(statements[0]) };
    struct status st = status_ok();

    for (size_t i = 0; i < OLD_ROWS * TABLES && !failed(st); i++)
        st = sqlite_exec(tx, 0, statements[i % TABLES], "lt", (int64_t)i + 1,
                         arena_printf(call->arena, "word%zu", i));
    return st;
}

static struct status count_old_tables(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(
        tx, &rows,
        "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'product_search%'"
        " OR name LIKE '%product_tags%' OR name = 'product_postings_old'",
        "");

    if (failed(st)) return st;
    if (sqlite_next(&rows)) *(int64_t *)data = sqlite_column_i64(&rows, 0);
    sqlite_end(&rows);
    return rows.status;
}

static void fill_old(struct call *call, int number)
{
    (void)number;
    EXPECT_OK(sqlite_write(call, product_sqlite(store)->db, fill_old_tables, NULL));
}

static void check_tidying(struct call *call, int number)
{
    struct sqlite *db = product_sqlite(store)->db;
    int64_t count = -1;
    bool more = true;
    int rounds = 0;

    for (; more && rounds < 1000; rounds++)
        EXPECT_OK(store->search->tidy(call, store->search, &more));
    EXPECT(!more);
    EXPECT(rounds > 4); /* not all at once */
    EXPECT_OK(sqlite_scan(call, db, count_old_tables, &count));
    EXPECT_INT(count, 0);
    EXPECT_OK(store->search->tidy(call, store->search, &more));
    EXPECT(!more);
}

TEST(tables_of_an_older_program_are_removed_some_rows_at_a_time)
{
    folder_make(folder);
    open_store();
    play(1, 1, fill_old);
    close_store(); /* the program that removes them has never used them */
    open_store();
    play(1, 1, check_tidying);
    close_store();
    folder_remove(folder);
}

static void check_tidying_new(struct call *call, int number)
{
    int64_t count = -1;
    bool more = true;

    (void)number;
    EXPECT_OK(store->search->tidy(call, store->search, &more));
    EXPECT(!more);
    EXPECT_OK(sqlite_scan(call, product_sqlite(store)->db, count_old_tables, &count));
    EXPECT_INT(count, 0);
}

/* The migrations of a new store make them, too. */
TEST(empty_tables_of_an_older_program_are_removed_at_once)
{
    folder_make(folder);
    open_store();
    close_store();
    open_store();
    play(1, 1, check_tidying_new);
    close_store();
    folder_remove(folder);
}

/* The page is a range of an index, already in order: no scan, no sort. (What stands outside of the
 * page sorts the page's few products.) */
static struct status explain(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const char *sql = arena_printf(call->arena, "EXPLAIN QUERY PLAN %s", (const char *)data);
    int64_t page = -1, zero = 0;
    struct sqlite_rows rows;
    bool ranged = false;
    struct status st;

    st = sqlite_query(tx, &rows, sql, "tilllli", "a", 0, zero, INT64_MAX, zero, zero, 50);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        const char *detail = sqlite_column_text(&rows, 3);
        if (strcmp(detail, "MATERIALIZE page") == 0) page = sqlite_column_i64(&rows, 0);
        if (sqlite_column_i64(&rows, 1) != page) continue;
        EXPECT(strncmp(detail, "SCAN", 4) != 0);
        EXPECT(!strstr(detail, "TEMP B-TREE"));
        ranged = ranged || strstr(detail, "INDEX products_") != NULL;
    }
    EXPECT(ranged);
    return rows.status;
}

static void check_plans(struct call *call, int number)
{
    const struct product_store_sqlite *sqlite = product_sqlite(store);
    struct product_query query = everything();

    for (int sort = PRODUCT_SORT_CREATED; sort <= PRODUCT_SORT_PRICE; sort++) {
        for (int turn = 0; turn < 4; turn++) {
            query.sort = (enum product_sort)sort;
            query.descending = turn & 1;
            query.category = turn & 2 ? "a" : "";
            EXPECT_OK(
                sqlite_scan(call, sqlite->db, explain,
                            (void *)(uintptr_t)product_list_statement(store->search, &query)));
        }
    }
}

TEST(sqlite_pages_are_ranges_of_an_index)
{
    on_sqlite(check_plans);
}
