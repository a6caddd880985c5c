/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/shop.h"
#include "app/shopify.h"
#include "product.rpc.h"

enum { ROWS_SIZE_MAX = 64 * 1024 * 1024, FLUSH_SIZE = 64 * 1024 };

struct exporting {
    const struct command_line *line;
    FILE *out;
    uint64_t products;
};

static struct status flush(struct call *call, struct exporting *exporting, struct buffer *rows)
{
    bool written = fwrite(rows->data, 1, rows->length, exporting->out) == rows->length;

    if (!written || rows->overflow)
        return status_errno(call->arena, errno, "cannot write the export");
    buffer_clear(rows);
    return status_ok();
}

static struct status receive_products(struct call *call, struct exporting *exporting,
                                      struct rpc_stream *stream, struct buffer *rows)
{
    struct arena arena;
    struct status st;

    arena_init(&arena, 0);
    for (;;) {
        ProductService__Product *product;
        st = product_service_export_products_receive(call, stream, &product);
        if (failed(st) || !product) break;
        shopify_write_product(&arena, rows, product);
        arena_reset(&arena);
        exporting->products++;
        if (rows->length >= FLUSH_SIZE) st = flush(call, exporting, rows);
        if (failed(st)) break;
    }
    arena_release(&arena);
    return failed(st) ? st : flush(call, exporting, rows);
}

static struct status export_products(struct call *call, struct shop *shop, void *data)
{
    struct exporting *exporting = data;
    const char *category = command_option(exporting->line, "category");
    ProductService__ExportProductsRequest request = PRODUCT_SERVICE__EXPORT_PRODUCTS_REQUEST__INIT;
    struct rpc_stream *stream;
    struct buffer rows;

    if (category) request.category = (char *)category;
    struct status st = product_service_export_products_open(call, shop_channel(shop, "product"),
                                                            &request, 0, &stream);
    if (failed(st)) return st;

    buffer_init(&rows, ROWS_SIZE_MAX);
    shopify_write_header(&rows);
    st = receive_products(call, exporting, stream, &rows);
    buffer_release(&rows);
    struct status finished = rpc_stream_finish(call, stream);
    return failed(finished) ? finished : st;
}

/* Into a file beside it first, so that a broken export never stands under the name of a whole one.
 */
static int export_to(const struct command_line *line, struct exporting *exporting)
{
    struct shop_options options = {.only = "product", .existing = true, .shards = 1};
    struct shop *shop;

    struct status st = shop_new(line->arena, line->config, &options, &shop);
    if (!failed(st)) {
        st = shop_call(shop, export_products, exporting);
        shop_free(shop);
    }
    if (!failed(st)) return EXIT_OK;
    command_error("%s", st.message);
    return EXIT_FAILED;
}

static int export(const struct command_line *line)
{
    struct exporting exporting = {.line = line, .out = stdout};
    const char *path = line->argument_count ? line->arguments[0] : 0;

    if (!path) {
        int code = export_to(line, &exporting);
        if (code != EXIT_OK || fflush(stdout) == 0) return code;
        command_error("cannot write the export: %s", strerror(errno));
        return EXIT_FAILED;
    }

    const char *temporary = arena_printf(line->arena, "%s.part", path);
    exporting.out = fopen(temporary, "we");
    if (!exporting.out) {
        command_error("cannot write %s: %s", temporary, strerror(errno));
        return EXIT_FAILED;
    }
    int code = export_to(line, &exporting);
    bool kept = fflush(exporting.out) == 0 && fsync(fileno(exporting.out)) == 0;
    if (fclose(exporting.out) != 0 || !kept || (code == EXIT_OK && rename(temporary, path) != 0)) {
        command_error("cannot write %s: %s", path, strerror(errno));
        code = EXIT_FAILED;
    }
    if (code != EXIT_OK) unlink(temporary);
    if (code == EXIT_OK)
        printf("%s: %llu products\n", path, (unsigned long long)exporting.products);
    return code;
}

const struct command command_export = {
    .name = "export",
    .arguments = "[FILE]",
    .summary = "Export products as Shopify's product CSV.",
    .description = "Writes all products, by category and id, in Shopify's product CSV format: to "
                   "FILE, or to standard\n"
                   "output. What it writes `argosy import` reads.",
    .arguments_max = 1,
    .options = {{"category", "NAME", "Only products of this category."}},
    .run = export,
};
