/* SPDX-License-Identifier: Apache-2.0 */
/* The product service's port on SQLite: the schema, and the port's functions for single products.
 *
 * Each fact is stored once: texts and flags in `products`, price and stock in `variants`. Values
 * that are derived from them for queries are written in the same transaction, by
 * product_rows_sqlite.c alone: the cheapest price (products.unit_amount), the index of lists
 * (product_postings_sqlite.h), and product_counts.
 *
 * A product's description is the last column of its row, because it may fill pages of its own. */
#include "services/product/sqlite/product_store_sqlite.h"

#include "base/clock.h"
#include "events/events_sqlite.h"
#include "reasons.pb-c.h"
#include "services/product/sqlite/product_ranks_sqlite.h"

static const char *const migrations[] = {
    "CREATE TABLE products ("
    "  key INTEGER PRIMARY KEY,"
    "  product_id TEXT NOT NULL UNIQUE,"
    "  category TEXT NOT NULL,"
    "  handle TEXT NOT NULL UNIQUE,"
    "  name TEXT NOT NULL COLLATE NOCASE,"
    "  vendor TEXT NOT NULL,"
    "  created_by TEXT NOT NULL COLLATE NOCASE,"
    "  currency TEXT NOT NULL,"
    "  status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 2),"
    "  is_featured INTEGER NOT NULL CHECK (is_featured IN (0, 1)),"
    "  image_urls TEXT NOT NULL,"
    "  tags TEXT NOT NULL,"
    "  unit_amount INTEGER NOT NULL CHECK (unit_amount >= 0),"
    "  version INTEGER NOT NULL CHECK (version > 0),"
    "  created_us INTEGER NOT NULL,"
    "  updated_us INTEGER NOT NULL,"
    "  description TEXT NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX products_place ON products (category, product_id);"
    "CREATE INDEX products_created ON products (status, created_us);"
    "CREATE INDEX products_name ON products (status, name);"
    "CREATE INDEX products_price ON products (status, unit_amount);"
    "CREATE INDEX products_category_created ON products (category, status, created_us);"
    "CREATE INDEX products_category_name ON products (category, status, name);"
    "CREATE INDEX products_category_price ON products (category, status, unit_amount);"
    "CREATE INDEX products_seller ON products (created_by, status, created_us);"

    "CREATE TABLE variants ("
    "  product INTEGER NOT NULL REFERENCES products (key),"
    "  position INTEGER NOT NULL,"
    "  variant_id TEXT NOT NULL,"
    "  sku TEXT NOT NULL,"
    "  image_url TEXT NOT NULL,"
    "  barcode TEXT NOT NULL,"
    "  options TEXT NOT NULL,"
    "  unit_amount INTEGER NOT NULL CHECK (unit_amount >= 0),"
    "  compare_at_unit_amount INTEGER NOT NULL CHECK (compare_at_unit_amount >= 0),"
    "  grams INTEGER NOT NULL CHECK (grams >= 0),"
    "  tracked INTEGER NOT NULL CHECK (tracked IN (0, 1)),"
    "  on_hand INTEGER NOT NULL,"
    "  reserved INTEGER NOT NULL CHECK (reserved >= 0),"
    "  received INTEGER NOT NULL,"
    "  sold INTEGER NOT NULL CHECK (sold >= 0),"
    "  imported INTEGER NOT NULL CHECK (imported >= -1),"
    "  PRIMARY KEY (product, position),"
    "  CHECK (on_hand >= reserved),"
    "  CHECK (received = on_hand + sold),"
    "  CHECK (tracked = 1 OR (on_hand = 0 AND sold = 0))) STRICT, WITHOUT ROWID;"

    "CREATE TABLE stock_entries ("
    "  entry_id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  product_id TEXT NOT NULL,"
    "  variant_id TEXT NOT NULL,"
    "  cause TEXT NOT NULL CHECK (cause <> ''),"
    "  on_hand_delta INTEGER NOT NULL,"
    "  reserved_delta INTEGER NOT NULL,"
    "  reference TEXT NOT NULL,"
    "  created_by TEXT NOT NULL,"
    "  created_us INTEGER NOT NULL) STRICT;"
    "CREATE INDEX stock_entries_product ON stock_entries (product_id);"
    "CREATE UNIQUE INDEX stock_entries_reference ON stock_entries (variant_id, reference) WHERE "
    "reference <> '';"
    "CREATE TRIGGER stock_entries_kept BEFORE DELETE ON stock_entries"
    "  BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;"
    "CREATE TRIGGER stock_entries_fixed BEFORE UPDATE ON stock_entries"
    "  BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;"

    "CREATE TABLE product_tags ("
    "  tag TEXT NOT NULL COLLATE NOCASE,"
    "  product INTEGER NOT NULL,"
    "  PRIMARY KEY (tag, product)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE product_counts ("
    "  category TEXT NOT NULL,"
    "  status INTEGER NOT NULL,"
    "  count INTEGER NOT NULL CHECK (count >= 0),"
    "  PRIMARY KEY (category, status)) STRICT, WITHOUT ROWID;"

    /* Contentless: product_index_write inserts and deletes what product_search_sqlite.c makes of a
       product. */
    "CREATE VIRTUAL TABLE product_search USING fts5 (name, sku, tags, vendor, description,"
    "  content = '', tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3');"
    "INSERT INTO product_search (product_search, rank) VALUES ('rank', 'bm25(10.0, 8.0, 5.0, 3.0, "
    "1.0)');",

    EVENTS_SQLITE_SCHEMA,

    /* Reservations and sales of orders: one row for an order with the state of all its lines (enum
       product_reservation_state), and one for each of its variants. */
    "ALTER TABLE variants ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE reservations ("
    "  order_id TEXT PRIMARY KEY,"
    "  state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 6),"
    "  expires_us INTEGER NOT NULL,"
    "  updated_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX reservations_open ON reservations (expires_us) WHERE state = 1;"
    "CREATE TABLE reservation_lines ("
    "  order_id TEXT NOT NULL,"
    "  variant_id TEXT NOT NULL,"
    "  product_id TEXT NOT NULL,"
    "  quantity INTEGER NOT NULL CHECK (quantity > 0),"
    "  counted INTEGER NOT NULL CHECK (counted IN (0, 1)),"
    "  epoch INTEGER NOT NULL,"
    "  PRIMARY KEY (order_id, variant_id)) STRICT, WITHOUT ROWID;",

    /* Indexes for the ledger of one variant, and for the reservations of one product. */
    "DROP INDEX stock_entries_product;"
    "CREATE INDEX stock_entries_product ON stock_entries (product_id, variant_id);"
    "CREATE INDEX reservation_lines_product ON reservation_lines (product_id);",

    /* One index for searches and all filters (product_postings_sqlite.h) instead of the full-text
       index and two others. The service removes product_search and product_tags after the start
       (product_obsolete_sqlite.h). Existing products wait in the backlog until repeated calls of the
       port's `index` have indexed them. */
    "DROP INDEX products_seller;"
    "CREATE TABLE product_backlog (next INTEGER NOT NULL, last INTEGER NOT NULL) STRICT;"
    "INSERT INTO product_backlog SELECT 1, coalesce(max(key), 0) FROM products;" PRODUCT_POSTINGS_SCHEMA,

    PRODUCT_POSTINGS_SCHEMA_2,
    PRODUCT_POSTINGS_SCHEMA_3,
    EVENTS_SQLITE_KEYS_COUNTED,
    PRODUCT_RANKS_SCHEMA,
    PRODUCT_POSTINGS_SCHEMA_4 PRODUCT_RANKS_SCHEMA_2,

    /* By reference first: those of orders, which are nearly all, begin with ids that grow with time.
       So entries that are written together are in the same few pages of the index, whatever their
       variants. */
    "DROP INDEX stock_entries_reference;"
    "CREATE UNIQUE INDEX stock_entries_reference ON stock_entries (reference, variant_id)"
    "  WHERE reference <> '';",
    NULL,
};

/* ---- requests that come twice ---- */

struct status product_request_begin(struct sqlite_tx *tx, const struct product_request *request,
                                    bool *ret_fresh)
{
    const struct change_cause none = {0};

    return change_sqlite_begin(tx, request ? &request->cause : &none, ret_fresh);
}

struct status product_request_end(struct sqlite_tx *tx, const struct product_request *request,
                                  const struct product_write *write)
{
    return request ? change_sqlite_end(tx, &request->cause, &write->record) : status_ok();
}

static struct status replay(struct call *call, struct product_store *store,
                            struct change_request *request)
{
    return change_sqlite_find(call, product_sqlite(store)->db, request);
}

/* ---- single products ---- */

static struct status find(struct call *call, struct product_store *store,
                          const struct product_key *key, struct product *ret_product)
{
    struct product_row row;
    struct sqlite_rows rows;
    struct status st;

    st = sqlite_read(call, product_sqlite(store)->db, &rows, PRODUCT_BY_ID, "t", key->product_id);
    if (failed(st)) return st;
    st = product_row_read(&rows, &row);
    if (failed(st)) return st;
    *ret_product = row.product;
    return st;
}

static struct status find_many(struct call *call, struct product_store *store,
                               const struct product_key *keys, size_t count,
                               struct product **ret_products, size_t *ret_count)
{
    struct product *products = arena_array(call->arena, struct product, count);
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        struct status st = find(call, store, &keys[i], &products[found]);
        if (st.code == STATUS_NOT_FOUND) continue;
        if (failed(st)) return st;
        found++;
    }
    *ret_products = products;
    *ret_count = found;
    return status_ok();
}

static struct status handle_is_taken(struct sqlite_tx *tx, const char *handle, bool *ret_taken)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(tx, &rows, "SELECT 1 FROM products WHERE handle = ?", "t",
                                    handle);

    if (failed(st)) return st;
    *ret_taken = sqlite_next(&rows);
    sqlite_end(&rows);
    return rows.status;
}

struct insertion {
    const struct product *product;
    const struct product_request *request;
    const char *handle; /* as stored */
};

static struct status decide_insert(const struct call *call, struct sqlite_tx *tx,
                                   const struct insertion *insertion,
                                   struct product_write *ret_write)
{
    struct status st = status_ok();
    bool taken = true;

    for (size_t count = 0; taken && !failed(st); count++) {
        st = product_decide_insert(call, insertion->product, insertion->request, count, ret_write);
        if (!failed(st)) st = handle_is_taken(tx, ret_write->product.handle, &taken);
    }
    return st;
}

static struct status insert_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct insertion *insertion = data;
    const struct product_request *request = insertion->request;
    struct product_write write;
    struct status st;
    bool fresh;

    st = product_request_begin(tx, request, &fresh);
    if (failed(st) || !fresh) return st;
    st = decide_insert(call, tx, insertion, &write);
    if (failed(st)) return st;
    insertion->handle = write.product.handle;
    st = product_row_write(call->arena, tx, NULL, &write);
    if (failed(st)) return st;
    return product_request_end(tx, request, &write);
}

static struct status insert(struct call *call, struct product_store *store, struct product *product,
                            const struct product_request *request)
{
    struct insertion job = {product, request, product->handle};
    struct status st = sqlite_write(call, product_sqlite(store)->db, insert_job, &job);

    if (!failed(st)) product->handle = job.handle;
    return st;
}

struct update {
    const struct product_key *key;
    const struct product_change *change;
    struct product_row row;
    struct product_write write;
};

static struct status update_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct update *update = data;
    struct status st = product_row_find(tx, update->key, &update->row);

    if (failed(st)) return st;
    st = product_decide_update(call, update->change, &update->row.product, &update->write);
    if (failed(st)) return st;
    return product_row_write(call->arena, tx, &update->row, &update->write);
}

static struct status update(struct call *call, struct product_store *store,
                            const struct product_key *key, const struct product_change *change,
                            struct product *ret_product)
{
    struct update job = {.key = key, .change = change};
    struct status st = sqlite_write(call, product_sqlite(store)->db, update_job, &job);

    if (!failed(st)) *ret_product = job.write.product;
    return st;
}

struct removal {
    const struct product_key *key;
    const struct product_check *check;
    struct product_row row;
};

static struct status remove_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct removal *removal = data;
    struct product_write write;
    struct status st = product_row_find(tx, removal->key, &removal->row);

    if (failed(st)) return st;
    st = product_decide_removal(call, removal->check, &removal->row.product, &write);
    if (failed(st)) return st;
    return product_row_write(call->arena, tx, &removal->row, &write);
}

static struct status remove_product(struct call *call, struct product_store *store,
                                    const struct product_key *key,
                                    const struct product_check *check, struct product *ret_product)
{
    struct removal job = {.key = key, .check = check};
    struct status st = sqlite_write(call, product_sqlite(store)->db, remove_job, &job);

    if (!failed(st)) *ret_product = job.row.product;
    return st;
}

static uint64_t generation(const struct call *call, struct product_store *store,
                           const struct product_key *key)
{
    return sqlite_generation(call, product_sqlite(store)->db);
}

static void close_store(struct product_store *store)
{
    product_search_sqlite_close(store->search);
    sqlite_close(product_sqlite(store)->db);
}

/* The migrations, after one that a projection's file has besides (NULL: none). It is the first, so
 * that others can be appended. */
static const char *const *migrations_after(struct arena *arena, const char *first)
{
    const char **all;

    if (!first) return migrations;
    all = arena_array(arena, const char *, sizeof(migrations) / sizeof(migrations[0]) + 1);
    all[0] = first;
    memcpy(all + 1, migrations, sizeof(migrations));
    return all;
}

struct status product_store_sqlite_with(const struct service_context *context, const char *path,
                                        size_t cache_bytes, const char *first,
                                        struct product_store **ret_store)
{
    struct arena *arena = context->arena;
    struct product_store_sqlite *sqlite = arena_new(arena, struct product_store_sqlite);
    struct status st = events_sqlite_open(context, path, migrations_after(arena, first),
                                          &sqlite->db);

    if (failed(st)) return st;
    sqlite->port = (struct product_store){
        .find = find,
        .find_many = find_many,
        .insert = insert,
        .replay = replay,
        .update = update,
        .remove = remove_product,
        .adjust_stock = product_sqlite_adjust_stock,
        .list_entries = product_sqlite_list_entries,
        .apply_order = product_sqlite_apply_order,
        .expire_orders = product_sqlite_expire_orders,
        .open_orders = product_sqlite_open_orders,
        .audit = product_sqlite_audit,
        .import = product_sqlite_import,
        .export = product_sqlite_export,
        .generation = generation,
        .cache_us = INT64_MAX,
        .close = close_store,
        .search = product_search_sqlite_new(arena, sqlite->db, cache_bytes),
        .events = events_store_sqlite(arena, sqlite->db),
    };
    *ret_store = &sqlite->port;
    return status_ok();
}

struct status product_store_sqlite(const struct service_context *context, const char *path,
                                   size_t cache_bytes, struct product_store **ret_store)
{
    return product_store_sqlite_with(context, path, cache_bytes, NULL, ret_store);
}
