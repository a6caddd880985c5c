/* SPDX-License-Identifier: Apache-2.0 */
/* Imports and exports. An import's products share one job of the writer, and so one commit; a
 * refused one writes nothing. */
#include "services/product/sqlite/product_store_sqlite.h"

struct imports {
    struct product_import *items;
    size_t count;
};

static struct status import_one(const struct call *call, struct sqlite_tx *tx,
                                struct product_import *item)
{
    struct product_row row;
    struct product_write write;
    struct status st = product_row_find_by_handle(tx, item->product.handle, &row);
    bool is_there = !failed(st);

    if (failed(st) && st.code != STATUS_NOT_FOUND) return st;
    product_decide_import(call, item, is_there ? &row.product : NULL, &write);
    return product_row_write(call->arena, tx, is_there ? &row : NULL, &write);
}

static struct status import_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct imports *imports = data;
    struct status st = status_ok();

    for (size_t i = 0; i < imports->count && !failed(st); i++)
        st = import_one(call, tx, &imports->items[i]);
    return st;
}

struct status product_sqlite_import(struct call *call, struct product_store *store,
                                    struct product_import *imports, size_t count)
{
    struct imports job = {imports, count};

    return sqlite_write(call, product_sqlite(store)->db, import_job, &job);
}

struct export
{
    const char *category;
    const struct product_key *after;
    int limit;
    struct product_page page;
};

/* By place: all that stands behind `after`, or with a category, in it alone. */
#define EXPORT_PAGE(condition)                                                              \
    "SELECT " PRODUCT_COLUMNS                                                               \
    ", 0.0 FROM (SELECT key, category, product_id FROM products WHERE " condition           \
    " ORDER BY category, product_id LIMIT ?3) page"                                         \
    " CROSS JOIN products p ON p.key = page.key CROSS JOIN variants v ON v.product = p.key" \
    " ORDER BY page.category, page.product_id, v.position"

static struct status export_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct export *export = data;
    const char *category = *export->category ? export->category : export->after->category;
    size_t max = (size_t) export->limit;
    struct product_row *found = arena_array(call->arena, struct product_row, max);
    struct sqlite_rows rows;
    struct status st;

    st = sqlite_query(tx, &rows,
                      *export->category ? EXPORT_PAGE("category = ?1 AND product_id > ?2")
                                        : EXPORT_PAGE("(category, product_id) > (?1, ?2)"),
                      "tti", category, export->after->product_id, export->limit);
    if (failed(st)) return st;
    st = product_rows_read(&rows, max, found, &export->page.count);
    if (failed(st)) return st;
    export->page.products = arena_array(call->arena, struct product, export->page.count);
    for (size_t i = 0; i < export->page.count; i++) export->page.products[i] = found[i].product;
    return status_ok();
}

struct status product_sqlite_export(struct call *call, struct product_store *store,
                                    const char *category, const struct product_key *after,
                                    int limit, struct product_page *ret_page)
{
    struct export job = {.category = category, .after = after, .limit = limit};
    struct status st = sqlite_scan(call, product_sqlite(store)->db, export_job, &job);

    if (!failed(st)) *ret_page = job.page;
    return st;
}
