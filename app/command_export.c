/* SPDX-License-Identifier: Apache-2.0 */
/* argosy export: the catalogue into a file, or to standard output. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/exchange.h"

struct export_file {
    const struct command_line *line;
    FILE *out;
    uint64_t products;
};

static struct status write_piece(struct call *call, void *data, struct str piece)
{
    const struct export_file *file = data;

    if (fwrite(piece.data, 1, piece.length, file->out) == piece.length) return status_ok();
    return status_errno(call->arena, errno, "cannot write the export");
}

static struct status export_products(struct call *call, struct shop *shop, void *data)
{
    struct export_file *file = data;
    const char *category = command_option(file->line, "category");

    return exchange_export(call, shop, category ? category : "", write_piece, file,
                           &file->products);
}

static int export_to(const struct command_line *line, struct export_file *file)
{
    struct shop_options options = {.only = "product", .existing = true, .shards = 1};
    struct shop *shop;

    struct status st = shop_new(line->arena, line->config, &options, &shop);
    if (!failed(st)) {
        st = shop_call(shop, export_products, file);
        shop_free(shop);
    }
    if (!failed(st)) return EXIT_OK;
    command_error("%s", st.message);
    return EXIT_FAILED;
}

/* Into a file beside it first, so that a broken export never stands under the name of a whole one.
 */
static int export_to_path(const struct command_line *line, const char *path)
{
    const char *temporary = arena_printf(line->arena, "%s.part", path);
    struct export_file file = {.line = line, .out = fopen(temporary, "we")};

    if (!file.out) {
        command_error("cannot write %s: %s", temporary, strerror(errno));
        return EXIT_FAILED;
    }
    int code = export_to(line, &file);
    bool kept = fflush(file.out) == 0 && fsync(fileno(file.out)) == 0;
    if (fclose(file.out) != 0 || !kept || (code == EXIT_OK && rename(temporary, path) != 0)) {
        command_error("cannot write %s: %s", path, strerror(errno));
        code = EXIT_FAILED;
    }
    if (code != EXIT_OK) unlink(temporary);
    if (code == EXIT_OK)
        command_print("%s: %llu products", path, (unsigned long long)file.products);
    return code;
}

static int export(const struct command_line *line)
{
    struct export_file file = {.line = line, .out = stdout};

    if (line->argument_count) return export_to_path(line, line->arguments[0]);
    int code = export_to(line, &file);
    if (code != EXIT_OK || fflush(stdout) == 0) return code;
    command_error("cannot write the export: %s", strerror(errno));
    return EXIT_FAILED;
}

const struct command command_export = {
    .name = "export",
    .arguments = "[FILE]",
    .summary = "Export products as Shopify's product CSV.",
    .description =
        "Writes all products, ordered by category and id, in Shopify's product CSV format "
        "(UTF-8, the classic template), to FILE or to standard output. Importing such a file "
        "with `argosy import` changes nothing, even if orders have taken pieces in the "
        "meantime: these are not put back. Three columns are added for this, and for what "
        "Shopify has no columns for: Featured, Currency and Variant Inventory Taken. The "
        "quantity is the number of pieces that can be bought, as Shopify expects.\n"
        "\n"
        "The shop may be running. Reads the store named by PRODUCT_STORE, or asks the service "
        "at PRODUCT_URL.",
    .arguments_max = 1,
    .options = {{"category", "NAME", "Only products of this category."}},
    .run = export,
};
