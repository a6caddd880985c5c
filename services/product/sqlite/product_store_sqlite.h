/* SPDX-License-Identifier: Apache-2.0 */
/* The product service's port on SQLite: what its files share.
 *
 * product_store_sqlite.c has the schema and the port for single products, product_rows_sqlite.c
 * reads and writes their rows, product_stock_sqlite.c has the ledger, product_reservation_sqlite.c
 * the reservations, product_audit_sqlite.c checks both, product_exchange_sqlite.c imports and
 * exports. Lists are product_search_sqlite.c, product_select_sqlite.c and product_order_sqlite.c,
 * their index product_fold_sqlite.c, product_postings_sqlite.c, product_ranks_sqlite.c and
 * product_codes_sqlite.c. */
#ifndef SERVICES_PRODUCT_PRODUCT_STORE_SQLITE_H
#define SERVICES_PRODUCT_PRODUCT_STORE_SQLITE_H

#include "fiber/shard.h"
#include "rpc/service.h"
#include "services/product/product_store.h"
#include "store/sqlite/sqlite.h"

struct product_store_sqlite {
    struct product_store port; /* first, so that it can be cast */
    struct sqlite *db;
};

static inline struct product_store_sqlite *product_sqlite(struct product_store *store)
{
    return (struct product_store_sqlite *)store;
}

/* Opens the store with one more migration, before all others. */
struct status product_store_sqlite_with(const struct service_context *context, const char *path,
                                        size_t cache_bytes, const char *first,
                                        struct product_store **ret_store);

/* A product with the number of its row. */
struct product_row {
    int64_t key;
    double score; /* the query's last column; of searches the rank */
    struct product product;
};

/* The columns of every query that reads products: `p` is products, `v` its variants, in the order
 * of their position. One number follows them. */
#define PRODUCT_COLUMNS                                                                           \
    "p.key, p.product_id, p.category, p.handle, p.name, p.vendor, p.created_by, p.currency, "     \
    "p.status, "                                                                                  \
    "p.is_featured, p.image_urls, p.tags, p.version, p.created_us, p.updated_us, p.description, " \
    "v.variant_id, v.sku, v.image_url, v.barcode, v.options, v.unit_amount, "                     \
    "v.compare_at_unit_amount, v.grams, "                                                         \
    "v.tracked, v.on_hand, v.reserved, v.received, v.sold, v.imported, v.epoch"

/* Reads products from the rows, which have one row for each variant and a product's rows together,
 * until their end; at most `max`. */
struct status product_rows_read(struct sqlite_rows *rows, size_t max,
                                struct product_row *ret_products, size_t *ret_count);

#define PRODUCT_BY_ID                                                                            \
    "SELECT " PRODUCT_COLUMNS ", 0.0 FROM products p CROSS JOIN variants v ON v.product = p.key" \
    " WHERE p.product_id = ? ORDER BY v.position"

/* Reads the only product of the rows. NOT_FOUND if there are none. */
struct status product_row_read(struct sqlite_rows *rows, struct product_row *ret_row);

/* Inside a transaction. NOT_FOUND. */
struct status product_row_find(struct sqlite_tx *tx, const struct product_key *key,
                               struct product_row *ret_row);
struct status product_row_find_by_handle(struct sqlite_tx *tx, const char *handle,
                                         struct product_row *ret_row);

/* Writes what the domain has decided: rows, index, counts and the ledger's entries. `row` is what
 * was read; NULL for a new product. PRODUCT_EXISTS. */
struct status product_row_write(struct arena *arena, struct sqlite_tx *tx,
                                const struct product_row *row, const struct product_write *write);

/* Inside a transaction, around the effect of a request. *ret_fresh is false for a repeated request,
 * which must have no effect. `request` may be NULL. */
struct status product_request_begin(struct sqlite_tx *tx, const struct product_request *request,
                                    bool *ret_fresh);
struct status product_request_end(struct sqlite_tx *tx, const struct product_request *request,
                                  const struct product_write *write);

/* Updates the index for a changed product; NULL before for a new one, after for a deleted one. */
struct status product_index_update(struct arena *arena, struct sqlite_tx *tx, int64_t key,
                                   const struct product *before, const struct product *after);

struct status product_stock_entry_write(struct sqlite_tx *tx, const char *product_id,
                                        const struct product_stock_entry *entry);

/* The statements that list the ledger, ended by NULL; for the test that checks their query
 * plans. */
extern const char *const product_stock_statements[];

/* The port of lists and searches, over the same database; in the arena. `cache_bytes` of the index
 * are kept in memory (product_chunk_cache.h). */
struct product_search *product_search_sqlite_new(struct arena *arena, struct sqlite *db,
                                                 size_t cache_bytes);
void product_search_sqlite_close(struct product_search *search);

/* The statement for a page of a plain list, for the test that checks its query plan. */
const char *product_list_statement(struct product_search *search,
                                   const struct product_query *query);
/* How many entries of indexes all lists by terms have walked over, for the test that bounds it. */
int64_t product_list_walked(const struct product_search *search);

/* The functions of the port that are not in product_store_sqlite.c. */
struct status product_sqlite_adjust_stock(struct call *call, struct product_store *store,
                                          const struct product_key *key,
                                          const struct product_adjustment *adjustment,
                                          struct product *ret_product);
struct status product_sqlite_list_entries(struct call *call, struct product_store *store,
                                          const char *product_id, const char *variant_id,
                                          int64_t before, int limit,
                                          struct product_stock_page *ret_page);
struct status product_sqlite_apply_order(struct call *call, struct product_store *store,
                                         const struct event *event,
                                         const struct product_order *order,
                                         struct product_reservation_outcome *ret_outcome);
struct status product_sqlite_expire_orders(struct call *call, struct product_store *store,
                                           int64_t now_us, int limit, int *ret_count);
struct status product_sqlite_open_orders(struct call *call, struct product_store *store,
                                         int64_t *ret_count, int64_t *ret_first_us);
struct status product_sqlite_audit(struct call *call, struct product_store *store,
                                   const char *after, size_t max, struct product_audit *ret_audit);
struct status product_sqlite_import(struct call *call, struct product_store *store,
                                    struct product_import *imports, size_t count);
struct status product_sqlite_export(struct call *call, struct product_store *store,
                                    const char *category, const struct product_key *after,
                                    int limit, struct product_page *ret_page);

#endif
