/* SPDX-License-Identifier: Apache-2.0 */
/* Reads products from rows, and writes them with everything that is derived from them.
 *
 * Lists of texts (image addresses, tags, options) are stored as lines, so the domain allows no line
 * break in them. */
#include "reasons.pb-c.h"
#include "services/product/sqlite/product_store_sqlite.h"

/* ---- reading ---- */

enum { VARIANTS_FIRST = 4 }; /* room for variants before it is doubled */

/* Splits what join_lines made; writes into `text`. */
static struct product_texts split_lines(struct arena *arena, char *text)
{
    struct product_texts texts = {0};
    size_t count = 1;

    if (!*text) return texts;
    for (const char *next = text; (next = strchr(next, '\n')); next++) count++;
    texts.items = arena_array(arena, const char *, count);
    for (char *line = text; line;) {
        char *end = strchr(line, '\n');
        if (end) *end++ = 0;
        texts.items[texts.count++] = line;
        line = end;
    }
    return texts;
}

static void read_options(const struct sqlite_rows *rows, int column,
                         struct product_variant *variant)
{
    struct product_texts lines = split_lines(rows->arena, sqlite_column_text(rows, column));

    for (size_t i = 0; i + 1 < lines.count && variant->option_count < PRODUCT_OPTIONS_MAX; i += 2)
        variant->options[variant->option_count++] = (struct product_option){lines.items[i],
                                                                            lines.items[i + 1]};
}

static void read_variant(const struct sqlite_rows *rows, struct product_variant *ret_variant)
{
    struct product_variant variant = {
        .variant_id = sqlite_column_text(rows, 16),
        .sku = sqlite_column_text(rows, 17),
        .image_url = sqlite_column_text(rows, 18),
        .barcode = sqlite_column_text(rows, 19),
        .unit_amount = sqlite_column_i64(rows, 21),
        .compare_at_unit_amount = sqlite_column_i64(rows, 22),
        .grams = (int32_t)sqlite_column_i64(rows, 23),
        .stock =
            {
                .tracked = sqlite_column_i64(rows, 24) != 0,
                .on_hand = sqlite_column_i64(rows, 25),
                .reserved = sqlite_column_i64(rows, 26),
                .received = sqlite_column_i64(rows, 27),
                .sold = sqlite_column_i64(rows, 28),
                .imported = sqlite_column_i64(rows, 29),
                .epoch = sqlite_column_i64(rows, 30),
            },
    };

    read_options(rows, 20, &variant);
    *ret_variant = variant;
}

static void read_product(const struct sqlite_rows *rows, struct product_row *ret_row)
{
    *ret_row = (struct product_row){
        .key = sqlite_column_i64(rows, 0),
        .score = sqlite_column_double(rows, 31),
        .product =
            {
                .product_id = sqlite_column_text(rows, 1),
                .category = sqlite_column_text(rows, 2),
                .handle = sqlite_column_text(rows, 3),
                .name = sqlite_column_text(rows, 4),
                .vendor = sqlite_column_text(rows, 5),
                .created_by = sqlite_column_text(rows, 6),
                .currency = sqlite_column_text(rows, 7),
                .status = (enum product_status)sqlite_column_i64(rows, 8),
                .is_featured = sqlite_column_i64(rows, 9) != 0,
                .image_urls = split_lines(rows->arena, sqlite_column_text(rows, 10)),
                .tags = split_lines(rows->arena, sqlite_column_text(rows, 11)),
                .version = sqlite_column_i64(rows, 12),
                .created_us = sqlite_column_i64(rows, 13),
                .updated_us = sqlite_column_i64(rows, 14),
                .description = sqlite_column_text(rows, 15),
                .variants = arena_array(rows->arena, struct product_variant, VARIANTS_FIRST),
            },
    };
}

/* Appends a variant; the array is full at every power of two from VARIANTS_FIRST on. */
static struct product_variant *add_variant(struct arena *arena, struct product *product)
{
    size_t count = product->variant_count;

    if (count >= VARIANTS_FIRST && (count & (count - 1)) == 0) {
        struct product_variant *larger = arena_array(arena, struct product_variant, count * 2);
        memcpy(larger, product->variants, count * sizeof(*larger));
        product->variants = larger;
    }
    return &product->variants[product->variant_count++];
}

struct status product_rows_read(struct sqlite_rows *rows, size_t max,
                                struct product_row *ret_products, size_t *ret_count)
{
    size_t count = 0;

    while (sqlite_next(rows)) {
        if (count == 0 || ret_products[count - 1].key != sqlite_column_i64(rows, 0)) {
            if (count == max) break;
            read_product(rows, &ret_products[count++]);
        }
        read_variant(rows, add_variant(rows->arena, &ret_products[count - 1].product));
    }
    sqlite_end(rows);
    *ret_count = count;
    return rows->status;
}

struct status product_row_read(struct sqlite_rows *rows, struct product_row *ret_row)
{
    size_t count;
    struct status st = product_rows_read(rows, 1, ret_row, &count);

    if (failed(st)) return st;
    return count == 1 ? st : product_not_found();
}

struct status product_row_find(struct sqlite_tx *tx, const struct product_key *key,
                               struct product_row *ret_row)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(tx, &rows, PRODUCT_BY_ID, "t", key->product_id);

    return failed(st) ? st : product_row_read(&rows, ret_row);
}

struct status product_row_find_by_handle(struct sqlite_tx *tx, const char *handle,
                                         struct product_row *ret_row)
{
    struct sqlite_rows rows;
    struct status st;

    st = sqlite_query(
        tx, &rows,
        "SELECT " PRODUCT_COLUMNS ", 0.0 FROM products p"
        " CROSS JOIN variants v ON v.product = p.key WHERE p.handle = ? ORDER BY v.position",
        "t", handle);
    return failed(st) ? st : product_row_read(&rows, ret_row);
}

/* ---- writing ---- */

static char *join_lines(struct arena *arena, const char *const *items, size_t count)
{
    size_t size = 1;
    char *text, *next;

    for (size_t i = 0; i < count; i++) size += strlen(items[i]) + 1;
    text = next = arena_alloc(arena, size);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(items[i]);
        if (i > 0) *next++ = '\n';
        memcpy(next, items[i], length);
        next += length;
    }
    *next = 0;
    return text;
}

static char *join_options(struct arena *arena, const struct product_variant *variant)
{
    const char *lines[PRODUCT_OPTIONS_MAX * 2];

    for (size_t i = 0; i < variant->option_count; i++) {
        lines[i * 2] = variant->options[i].name;
        lines[i * 2 + 1] = variant->options[i].value;
    }
    return join_lines(arena, lines, variant->option_count * 2);
}

static struct status write_variant(struct arena *arena, struct sqlite_tx *tx, int64_t key,
                                   int position, const struct product_variant *variant)
{
    const struct product_stock *stock = &variant->stock;

    invariant(product_stock_is_sound(stock));
    return sqlite_exec(
        tx, 0, "INSERT INTO variants VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "litttttlllillllll", key, position, variant->variant_id, variant->sku, variant->image_url,
        variant->barcode, join_options(arena, variant), variant->unit_amount,
        variant->compare_at_unit_amount, (int64_t)variant->grams, (int)stock->tracked,
        stock->on_hand, stock->reserved, stock->received, stock->sold, stock->imported,
        stock->epoch);
}

static struct status write_variants(struct arena *arena, struct sqlite_tx *tx, int64_t key,
                                    const struct product *product)
{
    struct status st = status_ok();

    invariant(product->variant_count > 0);
    for (size_t i = 0; i < product->variant_count && !failed(st); i++)
        st = write_variant(arena, tx, key, (int)i, &product->variants[i]);
    return st;
}

struct status product_stock_entry_write(struct sqlite_tx *tx, const char *product_id,
                                        const struct product_stock_entry *entry)
{
    return sqlite_exec(
        tx, 0,
        "INSERT INTO stock_entries (product_id, variant_id, cause, on_hand_delta,"
        " reserved_delta, reference, created_by, created_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        "tttllttl", product_id, entry->variant_id, entry->cause, entry->on_hand_delta,
        entry->reserved_delta, entry->reference, entry->created_by, entry->created_us);
}

/* Adds `change` to the count of products in a category. */
static struct status write_count(struct sqlite_tx *tx, const struct product *product, int change)
{
    return sqlite_exec(tx, 0,
                       "INSERT INTO product_counts VALUES (?1, ?2, max(?3, 0))"
                       " ON CONFLICT DO UPDATE SET count = count + ?3",
                       "tii", product->category, (int)product->status, change);
}

static struct status move_count(struct sqlite_tx *tx, const struct product *before,
                                const struct product *after)
{
    struct status st;

    if (before->status == after->status && strcmp(before->category, after->category) == 0)
        return status_ok();
    st = write_count(tx, before, -1);
    return failed(st) ? st : write_count(tx, after, 1);
}

static struct status last_key(struct sqlite_tx *tx, int64_t *ret_key)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(tx, &rows, "SELECT last_insert_rowid()", "");

    if (failed(st)) return st;
    if (sqlite_next(&rows)) *ret_key = sqlite_column_i64(&rows, 0);
    sqlite_end(&rows);
    return rows.status;
}

static struct status write_new(struct arena *arena, struct sqlite_tx *tx,
                               const struct product *product)
{
    int64_t key;
    struct status st;

    st = sqlite_exec(
        tx, 0, "INSERT INTO products VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "tttttttiittllllt", product->product_id, product->category, product->handle, product->name,
        product->vendor, product->created_by, product->currency, (int)product->status,
        (int)product->is_featured,
        join_lines(arena, product->image_urls.items, product->image_urls.count),
        join_lines(arena, product->tags.items, product->tags.count), product_unit_amount(product),
        product->version, product->created_us, product->updated_us, product->description);
    if (st.code == STATUS_ALREADY_EXISTS) st.reason = ARGOSY__REASON__PRODUCT_EXISTS;
    if (failed(st)) return st;
    st = last_key(tx, &key);
    if (failed(st)) return st;
    st = write_count(tx, product, 1);
    if (failed(st)) return st;
    st = write_variants(arena, tx, key, product);
    if (failed(st)) return st;
    return product_index_update(arena, tx, key, NULL, product);
}

static struct status write_edit(struct arena *arena, struct sqlite_tx *tx, int64_t key,
                                const struct product *before, const struct product *after)
{
    struct status st;

    st = sqlite_exec(
        tx, 0,
        "UPDATE products SET category = ?, name = ?, vendor = ?, created_by = ?, currency = ?,"
        " status = ?, is_featured = ?, image_urls = ?, tags = ?, unit_amount = ?, version = ?,"
        " updated_us = ?, description = ? WHERE key = ?",
        "tttttiittllltl", after->category, after->name, after->vendor, after->created_by,
        after->currency, (int)after->status, (int)after->is_featured,
        join_lines(arena, after->image_urls.items, after->image_urls.count),
        join_lines(arena, after->tags.items, after->tags.count), product_unit_amount(after),
        after->version, after->updated_us, after->description, key);
    if (failed(st)) return st;
    st = move_count(tx, before, after);
    if (failed(st)) return st;
    st = sqlite_exec(tx, 0, "DELETE FROM variants WHERE product = ?", "l", key);
    if (failed(st)) return st;
    st = write_variants(arena, tx, key, after);
    if (failed(st)) return st;
    return product_index_update(arena, tx, key, before, after);
}

static struct status write_removal(struct arena *arena, struct sqlite_tx *tx, int64_t key,
                                   const struct product *product)
{
    struct status st;

    st = write_count(tx, product, -1);
    if (failed(st)) return st;
    st = sqlite_exec(tx, 0, "DELETE FROM variants WHERE product = ?", "l", key);
    if (failed(st)) return st;
    st = sqlite_exec(tx, 0, "DELETE FROM products WHERE key = ?", "l", key);
    if (failed(st)) return st;
    return product_index_update(arena, tx, key, product, NULL);
}

static struct status write_stocks(struct sqlite_tx *tx, int64_t key,
                                  const struct product_write *write)
{
    struct status st = status_ok();

    for (size_t i = 0; i < write->stock_count && !failed(st); i++) {
        const struct product_stock *stock = write->stocks[i].after;
        st = sqlite_exec(
            tx, 0,
            "UPDATE variants SET tracked = ?, on_hand = ?, reserved = ?, received = ?, sold = ?,"
            " imported = ?, epoch = ? WHERE product = ? AND position = ?",
            "illllllli", (int)stock->tracked, stock->on_hand, stock->reserved, stock->received,
            stock->sold, stock->imported, stock->epoch, key, (int)write->stocks[i].position);
    }
    return st;
}

static struct status write_product(struct arena *arena, struct sqlite_tx *tx, int64_t key,
                                   const struct product_write *write)
{
    switch (write->kind) {
    case PRODUCT_WRITE_NONE: return status_ok();
    case PRODUCT_WRITE_NEW: return write_new(arena, tx, &write->product);
    case PRODUCT_WRITE_EDIT: return write_edit(arena, tx, key, write->before, &write->product);
    case PRODUCT_WRITE_STOCK: return write_stocks(tx, key, write);
    case PRODUCT_WRITE_REMOVAL: return write_removal(arena, tx, key, write->before);
    }
    return status_ok();
}

struct status product_row_write(struct arena *arena, struct sqlite_tx *tx,
                                const struct product_row *row, const struct product_write *write)
{
    struct status st = write_product(arena, tx, row ? row->key : 0, write);

    for (size_t i = 0; i < write->stock_count && !failed(st); i++)
        if (*write->stocks[i].entry.cause)
            st = product_stock_entry_write(tx, write->product.product_id, &write->stocks[i].entry);
    return st;
}
