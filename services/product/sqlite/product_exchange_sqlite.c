/* SPDX-License-Identifier: Apache-2.0 */
/* Imports and exports. An import's products share one job of the writer, and so one commit;
 * whatever can refuse a product is asked before its first row is written, so that a refused one
 * leaves nothing behind. */
#include "base/clock.h"
#include "services/product/sqlite/product_store_sqlite.h"

#define OUTCOME(name) PRODUCT_SERVICE__IMPORT_PRODUCT_RESULT__OUTCOME__##name

struct imports {
    struct product_import *items;
    size_t count;
};

static struct status import_new(struct arena *arena, struct sqlite_tx *tx,
                                struct product_import *item)
{
    struct product_cause cause = {"import", item->product.created_by};

    item->status = product_import_first(arena, &item->product);
    item->outcome = failed(item->status) ? OUTCOME(REFUSED) : OUTCOME(CREATED);
    if (failed(item->status)) return status_ok();
    return item->dry_run ? status_ok() : product_row_insert(arena, tx, &item->product, &cause);
}

/* Remembers what the file gave, and changes nothing that anybody sees. */
static struct status note_imported(struct sqlite_tx *tx, int64_t key, const struct product *product)
{
    struct status st = status_ok();

    for (size_t i = 0; i < product->variant_count && !failed(st); i++)
        st = sqlite_exec(tx, 0,
                         "UPDATE variants SET imported = ? WHERE product = ? AND position = ?",
                         "lli", product->variants[i].stock.imported, key, (int)i);
    return st;
}

static struct status import_existing(struct arena *arena, struct sqlite_tx *tx,
                                     struct product_import *item, const struct product_row *row)
{
    struct product_cause cause = {"import", item->product.created_by};
    enum product_import_effect effect;
    struct product after;

    item->status = product_import_merge(arena, &row->product, &item->product, clock_now_us(),
                                        &after, &effect);
    if (failed(item->status)) {
        item->outcome = OUTCOME(REFUSED);
        return status_ok();
    }
    item->outcome = effect == PRODUCT_IMPORT_CHANGE ? OUTCOME(UPDATED) : OUTCOME(UNCHANGED);
    if (item->dry_run || effect == PRODUCT_IMPORT_NOTHING) return status_ok();
    return effect == PRODUCT_IMPORT_CHANGE ? product_row_update(arena, tx, row, &after, &cause)
                                           : note_imported(tx, row->key, &after);
}

static struct status import_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct imports *imports = data;

    for (size_t i = 0; i < imports->count; i++) {
        struct product_import *item = &imports->items[i];
        struct product_row row;
        item->status = status_ok();
        struct status st = product_row_find_by_handle(tx, item->product.handle, &row);
        if (!failed(st))
            st = import_existing(call->arena, tx, item, &row);
        else if (st.code == STATUS_NOT_FOUND)
            st = import_new(call->arena, tx, item);
        if (failed(st)) return st;
    }
    return status_ok();
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
