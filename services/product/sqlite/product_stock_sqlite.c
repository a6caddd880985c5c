/* SPDX-License-Identifier: Apache-2.0 */
/* The stock ledger in SQLite. A variant's figures and the entry that explains them are written
 * together; a reference that is already in the variant's ledger changes nothing. */
#include "services/product/sqlite/product_store_sqlite.h"

struct adjust_job {
    const struct product_key *key;
    const struct product_adjustment *adjustment;
    struct product_row row;
    struct product_write write;
};

static struct status reference_is_known(struct sqlite_tx *tx, const char *variant_id,
                                        const char *reference, bool *ret_known)
{
    struct sqlite_rows rows;
    struct status st;

    st = sqlite_query(
        tx, &rows,
        "SELECT 1 FROM stock_entries WHERE variant_id = ? AND reference = ? AND reference <> ''",
        "tt", variant_id, reference);
    if (failed(st)) return st;
    *ret_known = sqlite_next(&rows);
    sqlite_end(&rows);
    return rows.status;
}

static struct status decide(const struct call *call, struct sqlite_tx *tx,
                            const struct adjust_job *job, struct product_write *ret_write)
{
    const struct product_adjustment *adjustment = job->adjustment;
    const struct product *product = &job->row.product;
    const char *reference = adjustment->change->reference;
    struct product_variant *variant;
    bool known = false;
    struct status st = status_ok();

    if (*reference) {
        st = product_adjusted_variant(call, adjustment, product, &variant);
        if (!failed(st)) st = reference_is_known(tx, variant->variant_id, reference, &known);
    }
    if (failed(st)) return st;
    return product_decide_adjustment(call, adjustment, product, known, ret_write);
}

static struct status adjust_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct adjust_job *job = data;
    const struct product_request *request = job->adjustment->request;
    struct status st;
    bool fresh;

    st = product_request_begin(tx, request, &fresh);
    if (failed(st) || !fresh) return st;
    st = product_row_find(tx, job->key, &job->row);
    if (failed(st)) return st;
    st = decide(call, tx, job, &job->write);
    if (failed(st)) return st;
    st = product_row_write(call->arena, tx, &job->row, &job->write);
    if (failed(st)) return st;
    return product_request_end(tx, request, &job->write);
}

struct status product_sqlite_adjust_stock(struct call *call, struct product_store *store,
                                          const struct product_key *key,
                                          const struct product_adjustment *adjustment,
                                          struct product *ret_product)
{
    struct adjust_job job = {.key = key, .adjustment = adjustment};
    struct status st = sqlite_write(call, product_sqlite(store)->db, adjust_job, &job);

    if (!failed(st)) *ret_product = job.write.product;
    return st;
}

struct list_job {
    const char *product_id;
    const char *variant_id;
    int64_t before;
    int limit;
    struct product_stock_page page;
};

static void read_entry(const struct sqlite_rows *rows, struct product_stock_entry *ret_entry)
{
    *ret_entry = (struct product_stock_entry){
        .entry_id = sqlite_column_i64(rows, 0),
        .variant_id = sqlite_column_text(rows, 1),
        .cause = sqlite_column_text(rows, 2),
        .on_hand_delta = sqlite_column_i64(rows, 3),
        .reserved_delta = sqlite_column_i64(rows, 4),
        .reference = sqlite_column_text(rows, 5),
        .created_by = sqlite_column_text(rows, 6),
        .created_us = sqlite_column_i64(rows, 7),
    };
}

/* ---- the ledger ----
 *
 * The index has the entries of a product by variant, the newest last. A page of one variant is a
 * range of it. A page of all variants takes, once it is full, only entries that are newer than its
 * oldest one. */

#define NUMBERS                                                                    \
    "SELECT entry_id FROM stock_entries WHERE product_id = ?1 AND variant_id = ?2" \
    " AND entry_id < ?3 AND entry_id > ?4 ORDER BY entry_id DESC LIMIT ?5"

#define NEXT_VARIANT                                                                 \
    "SELECT variant_id FROM stock_entries WHERE product_id = ?1 AND variant_id > ?2" \
    " ORDER BY variant_id LIMIT 1"

#define ENTRY                                                                                   \
    "SELECT entry_id, variant_id, cause, on_hand_delta, reserved_delta, reference, created_by," \
    " created_us FROM stock_entries WHERE entry_id = ?"

const char *const product_stock_statements[] = {NUMBERS, NEXT_VARIANT, ENTRY, NULL};

/* The numbers of the newest entries, the newest first, at most `max`. */
struct newest {
    int64_t *numbers;
    size_t count, max;
};

/* Inserts a number in order; drops the oldest one of a full page. */
static void keep(struct newest *newest, int64_t number)
{
    size_t place = newest->count < newest->max ? newest->count++ : newest->max - 1;

    for (; place > 0 && newest->numbers[place - 1] < number; place--)
        newest->numbers[place] = newest->numbers[place - 1];
    newest->numbers[place] = number;
}

static struct status read_variant(struct sqlite_tx *tx, const struct list_job *job,
                                  const char *variant_id, struct newest *newest)
{
    int64_t before = job->before > 0 ? job->before : INT64_MAX;
    int64_t oldest = newest->count == newest->max ? newest->numbers[newest->max - 1] : 0;
    struct sqlite_rows rows;
    struct status st = sqlite_query(tx, &rows, NUMBERS, "ttlll", job->product_id, variant_id,
                                    before, oldest, (int64_t)newest->max);

    if (failed(st)) return st;
    while (sqlite_next(&rows)) keep(newest, sqlite_column_i64(&rows, 0));
    return rows.status;
}

static struct status read_variants(struct sqlite_tx *tx, const struct list_job *job,
                                   struct newest *newest)
{
    const char *variant_id = "";
    struct sqlite_rows rows;
    struct status st;

    for (;;) {
        st = sqlite_query(tx, &rows, NEXT_VARIANT, "tt", job->product_id, variant_id);
        if (failed(st)) return st;
        if (!sqlite_next(&rows)) return rows.status;
        variant_id = sqlite_column_text(&rows, 0);
        sqlite_end(&rows);
        st = read_variant(tx, job, variant_id, newest);
        if (failed(st)) return st;
    }
}

static struct status find_entry(struct sqlite_tx *tx, int64_t number,
                                struct product_stock_entry *ret_entry)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(tx, &rows, ENTRY, "l", number);

    if (failed(st)) return st;
    if (sqlite_next(&rows)) read_entry(&rows, ret_entry);
    sqlite_end(&rows);
    return rows.status;
}

/* Reads a page; one number more than it has tells whether there is a next page. */
static struct status list_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct list_job *job = data;
    size_t limit = (size_t)job->limit;
    struct newest newest = {arena_array(call->arena, int64_t, limit + 1), 0, limit + 1};
    struct product_stock_page page = {.count = 0};
    struct status st;

    st = *job->variant_id ? read_variant(tx, job, job->variant_id, &newest)
                          : read_variants(tx, job, &newest);
    if (failed(st)) return st;
    page.entries = arena_array(call->arena, struct product_stock_entry, limit);
    while (page.count < newest.count && page.count < limit) {
        st = find_entry(tx, newest.numbers[page.count], &page.entries[page.count]);
        if (failed(st)) return st;
        page.count++;
    }
    if (page.count < newest.count) page.next = newest.numbers[page.count - 1];
    job->page = page;
    return status_ok();
}

struct status product_sqlite_list_entries(struct call *call, struct product_store *store,
                                          const char *product_id, const char *variant_id,
                                          int64_t before, int limit,
                                          struct product_stock_page *ret_page)
{
    struct list_job job = {product_id, variant_id, before, limit, {0}};
    struct status st = sqlite_scan(call, product_sqlite(store)->db, list_job, &job);

    if (!failed(st)) *ret_page = job.page;
    return st;
}
