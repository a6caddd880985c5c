/* SPDX-License-Identifier: Apache-2.0 */
/* See exchange.h. */
#include "app/exchange.h"

#include <stdlib.h>

#include "product.rpc.h"

/* ---- importing ---- */

struct source {
    struct shopify_reader *reader;
    const struct exchange_import *import;
};

static struct status next_product(void *data, struct arena *arena,
                                  ProductService__ImportProductRequest **ret_request,
                                  struct csv_place *ret_place)
{
    struct source *source = data;

    struct status st = shopify_next(source->reader, arena, ret_request, ret_place);
    if (!failed(st) && *ret_request) (*ret_request)->dry_run = source->import->dry_run;
    return st;
}

static void on_refused(void *data, struct csv_place place, const char *handle, const char *why)
{
    const struct source *source = data;

    if (source->import->on_refused)
        source->import->on_refused(source->import->data, place, handle, why);
}

static void on_progress(void *data, uint64_t answered)
{
    const struct source *source = data;

    if (source->import->on_progress)
        source->import->on_progress(source->import->data, answered,
                                    shopify_progress(source->reader));
}

/* As the service's, whatever its code: the file's own have been said already. */
static struct status import_products(struct call *call, struct shop *shop,
                                     struct shopify_reader *reader,
                                     const struct exchange_import *import,
                                     struct exchange_result *ret_result)
{
    struct source data = {reader, import};
    struct catalogue_source source = {next_product, on_refused, on_progress, &data};
    struct exchange_result result;

    struct status st = catalogue_import(call, shop, &source, &result.counts);
    if (st.code == STATUS_INVALID_ARGUMENT || st.code == STATUS_RESOURCE_EXHAUSTED)
        st.code = STATUS_UNAVAILABLE;
    if (failed(st)) return st;
    result.notes = reader->notes;
    result.unused_count = reader->header.unused_count;
    result.unused = reader->header.unused;
    *ret_result = result;
    return status_ok();
}

struct status exchange_import(struct call *call, struct shop *shop, const struct csv_text *text,
                              const struct exchange_import *import,
                              struct exchange_result *ret_result, struct csv_place *ret_place)
{
    struct shopify_reader *reader = malloc(sizeof(*reader)); /* more than a fiber's stack has */

    invariant(reader);
    struct status st = shopify_reader_init(call->arena, text, &import->options, reader, ret_place);
    if (!failed(st)) {
        st = import_products(call, shop, reader, import, ret_result);
        shopify_reader_release(reader);
    }
    free(reader);
    return st;
}

/* ---- exporting ---- */

enum { ROWS_SIZE_MAX = 64 * 1024 * 1024, FLUSH_SIZE = 64 * 1024 };

struct export
{
    struct status (*write)(struct call * call, void *data, struct str piece);
    void *data;
    struct buffer rows; /* that are not written yet */
    uint64_t count;
};

static struct status flush(struct call *call, struct export *export)
{
    if (export->rows.overflow)
        return status_make(STATUS_RESOURCE_EXHAUSTED, 0, "a product has more than 64 MiB of rows");
    struct status st = export->write(call, export->data, buffer_str(&export->rows));
    buffer_clear(&export->rows);
    return st;
}

static struct status receive_products(struct call *call, struct rpc_stream *stream,
                                      struct export *export)
{
    struct arena arena;
    struct status st;

    arena_init(&arena, 0);
    for (;;) {
        ProductService__Product *product;
        st = product_service_export_products_receive(call, stream, &product);
        if (failed(st) || !product) break;
        shopify_write_product(&arena, &export->rows, product);
        arena_reset(&arena);
        export->count++;
        if (export->rows.length >= FLUSH_SIZE) st = flush(call, export);
        if (failed(st)) break;
    }
    arena_release(&arena);
    return failed(st) ? st : flush(call, export);
}

struct status exchange_export(struct call *call, struct shop *shop, const char *category,
                              struct status (*write)(struct call *call, void *data,
                                                     struct str piece),
                              void *data, uint64_t *ret_count)
{
    ProductService__ExportProductsRequest request = PRODUCT_SERVICE__EXPORT_PRODUCTS_REQUEST__INIT;
    struct export export = {.write = write, .data = data};
    struct rpc_stream *stream;

    request.category = (char *)category;
    struct status st = product_service_export_products_open(call, shop_channel(shop, "product"),
                                                            &request, 0, &stream);
    if (failed(st)) return st;
    buffer_init(&export.rows, ROWS_SIZE_MAX);
    shopify_write_header(&export.rows);
    st = receive_products(call, stream, &export);
    buffer_release(&export.rows);
    struct status finished = rpc_stream_finish(call, stream);
    if (failed(finished)) return finished;
    if (!failed(st)) *ret_count = export.count;
    return st;
}
