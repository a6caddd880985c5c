/* SPDX-License-Identifier: Apache-2.0 */
/* A projection in SQLite: a file like that of the embedded store, with its index, in which only the
 * products are written, by the feed. A copy's handle is its id: two products may have had the same
 * handle one after the other, while the feed brings each as it is now. */
#include "services/product/product_projection.h"

#include "services/product/sqlite/product_store_sqlite.h"

static const char followed[] = "CREATE TABLE product_followed ("
                               "  key INTEGER PRIMARY KEY CHECK (key = 1),"
                               "  position TEXT NOT NULL) STRICT;";

struct projection_sqlite {
    struct product_projection port; /* first, so that it can be cast */
    struct product_store *copies;
};

static struct sqlite *db_of(struct product_projection *projection)
{
    return product_sqlite(((struct projection_sqlite *)projection)->copies)->db;
}

static struct status position(struct call *call, struct product_projection *projection,
                              const char **ret_position)
{
    struct sqlite_rows rows;
    struct status st = sqlite_read(call, db_of(projection), &rows,
                                   "SELECT position FROM product_followed", "");

    if (failed(st)) return st;
    *ret_position = sqlite_next(&rows) ? sqlite_column_text(&rows, 0) : "";
    sqlite_end(&rows);
    return rows.status;
}

/* ---- following ---- */

struct feed {
    const struct product_news *news;
    size_t count;
    const char *position;
};

static struct status take_in(const struct call *call, struct sqlite_tx *tx,
                             const struct product_news *news)
{
    const struct product_key key = {"", news->product_id};
    struct product_write write = {.kind = PRODUCT_WRITE_NEW};
    struct product_row row;
    struct status st = product_row_find(tx, &key, &row);
    bool is_there = !failed(st);

    if (failed(st) && st.code != STATUS_NOT_FOUND) return st;
    if (is_there) {
        if (news->product && news->product->version <= row.product.version) return status_ok();
        write.kind = news->product ? PRODUCT_WRITE_EDIT : PRODUCT_WRITE_REMOVAL;
        write.before = &row.product;
    } else if (!news->product) {
        return status_ok();
    }
    write.product = news->product ? *news->product : row.product;
    write.product.handle = news->product_id;
    return product_row_write(call->arena, tx, is_there ? &row : NULL, &write);
}

static struct status follow_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const struct feed *feed = data;
    struct status st = status_ok();

    for (size_t i = 0; i < feed->count && !failed(st); i++) st = take_in(call, tx, &feed->news[i]);
    if (failed(st)) return st;
    return sqlite_exec(tx, 0,
                       "INSERT INTO product_followed VALUES (1, ?1)"
                       " ON CONFLICT (key) DO UPDATE SET position = ?1",
                       "t", feed->position);
}

static struct status follow(struct call *call, struct product_projection *projection,
                            const struct product_news *news, size_t count, const char *next)
{
    struct feed feed = {news, count, next};

    return sqlite_write(call, db_of(projection), follow_job, &feed);
}

/* ---- opening ---- */

static void close_projection(struct product_projection *projection)
{
    struct product_store *copies = ((struct projection_sqlite *)projection)->copies;

    copies->close(copies);
}

struct status product_projection_sqlite(const struct service_context *context, const char *path,
                                        size_t cache_bytes,
                                        struct product_projection **ret_projection)
{
    struct projection_sqlite *projection = arena_new(context->arena, struct projection_sqlite);
    struct status st = product_store_sqlite_with(context, path, cache_bytes, followed,
                                                 &projection->copies);

    if (failed(st)) return st;
    projection->port = (struct product_projection){
        .search = projection->copies->search,
        .position = position,
        .follow = follow,
        .close = close_projection,
    };
    *ret_projection = &projection->port;
    return st;
}
