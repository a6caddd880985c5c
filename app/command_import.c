/* SPDX-License-Identifier: Apache-2.0 */
/* argosy import: files into the catalogue, with progress, every refusal by its place, and a summary
 * of what was read otherwise than it may have been meant. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/exchange.h"
#include "base/clock.h"
#include "base/money.h"
#include "base/visible.h"
#include "base/wrap.h"

enum { PROGRESS_EVERY_US = 100000, REFUSALS_SHOWN_MAX = 20 };

struct import_file {
    const char *path;
    struct shopify_options options;
    bool dry_run;
    bool terminal; /* show progress */
    int64_t shown_us;
    uint64_t refused;
};

struct import_files {
    const struct command_line *line;
    struct shopify_options options;
    uint64_t failures; /* files that could not be read, and products that were refused */
};

/* ---- while it runs ---- */

static void clear_progress(const struct import_file *file)
{
    if (file->terminal) fputs("\r\033[K", stderr);
}

static void complain(const struct import_file *file, struct csv_place place, const char *what)
{
    clear_progress(file);
    if (place.column > 0)
        command_complain("%s:%lld:%lld: %s", file->path, (long long)place.line,
                         (long long)place.column, what);
    else
        command_complain("%s:%lld: %s", file->path, (long long)place.line, what);
}

/* How much of a handle a line of output shows; no character is cut. */
static int shown_length(const char *handle)
{
    enum { SHOWN_MAX = 80 };
    size_t length = strlen(handle);

    if (length <= SHOWN_MAX) return (int)length;
    for (length = SHOWN_MAX; length > 0 && ((uint8_t)handle[length] & 0xc0) == 0x80;) length--;
    return (int)length;
}

static void on_refused(void *data, struct csv_place place, const char *handle, const char *why)
{
    struct import_file *file = data;
    struct arena arena;

    if (file->refused++ >= REFUSALS_SHOWN_MAX) return;
    int length = shown_length(handle);
    arena_init(&arena, 0);
    complain(file, place,
             arena_printf(&arena, "%.*s%s%s%s", length, handle, handle[length] ? "..." : "",
                          length > 0 ? ": " : "", why));
    arena_release(&arena);
}

static void on_progress(void *data, uint64_t answered, int percent)
{
    struct import_file *file = data;
    int64_t now_us = clock_monotonic_us();

    if (!file->terminal || now_us - file->shown_us < PROGRESS_EVERY_US) return;
    file->shown_us = now_us;
    fprintf(stderr, "\r\033[K%s: %llu products, %d %%", file->path, (unsigned long long)answered,
            percent);
}

/* ---- the summary ---- */

static void print_notes(const struct shopify_notes *notes)
{
    static const char *const meanings[SHOPIFY_NOTES] = {
        [SHOPIFY_NOTE_UNTRACKED_QUANTITY] =
            "quantities that are not counted, because their Inventory Tracker is blank",
        [SHOPIFY_NOTE_NO_TRACKER] =
            "quantities that count only where stock is tracked: the file has no Inventory Tracker",
        [SHOPIFY_NOTE_CONTINUE] =
            "variants whose stock is not tracked, because they are sold when there is none left",
        [SHOPIFY_NOTE_NEGATIVE] = "negative quantities, read as 0",
        [SHOPIFY_NOTE_ROUNDED] = "weights that are rounded to whole grams",
    };

    for (int i = 0; i < SHOPIFY_NOTES; i++)
        if (notes->counts[i] > 0)
            command_print("  %s: %llu, the first in line %lld", meanings[i],
                          (unsigned long long)notes->counts[i], (long long)notes->first_lines[i]);
}

static void print_encoding(const struct csv_text *text)
{
    if (text->encoding == CSV_WINDOWS_1252)
        command_print("  read as Windows-1252, because line %lld is not UTF-8",
                      (long long)text->foreign_line);
    else if (text->encoding != CSV_UTF8)
        command_print("  read as %s", csv_encoding_name(text->encoding));
}

static void print_unused(const struct exchange_result *result)
{
    struct arena arena;

    arena_init(&arena, 0);
    int column = printf("  unused columns (%zu): ", result->unused_count);
    wrap_print(stdout, text_shown(&arena, result->unused), column, 4);
    arena_release(&arena);
}

static void print_result(const struct import_file *file, const struct csv_text *text,
                         const struct exchange_result *result, int64_t elapsed_us)
{
    const struct catalogue_result *counts = &result->counts;

    clear_progress(file);
    if (file->refused > REFUSALS_SHOWN_MAX)
        command_complain("%s: and %llu more", file->path,
                         (unsigned long long)(file->refused - REFUSALS_SHOWN_MAX));
    command_print("%s: %s%llu created, %llu updated, %llu unchanged, %llu refused in %.1f s",
                  file->path, file->dry_run ? "(dry run) " : "",
                  (unsigned long long)counts->created, (unsigned long long)counts->updated,
                  (unsigned long long)counts->unchanged, (unsigned long long)counts->refused,
                  (double)elapsed_us / 1e6);
    print_encoding(text);
    print_notes(&result->notes);
    if (result->unused_count > 0) print_unused(result);
}

/* ---- the files ---- */

static bool is_empty(const struct catalogue_result *counts)
{
    return counts->created + counts->updated + counts->unchanged + counts->refused == 0;
}

static struct status import_text(struct call *call, struct shop *shop, struct import_file *file,
                                 const struct csv_text *text, uint64_t *failures)
{
    struct exchange_import import = {
        .options = file->options,
        .dry_run = file->dry_run,
        .on_refused = on_refused,
        .on_progress = on_progress,
        .data = file,
    };
    int64_t started_us = clock_monotonic_us();
    struct exchange_result result;
    struct csv_place place;

    struct status st = exchange_import(call, shop, text, &import, &result, &place);
    if (st.code == STATUS_INVALID_ARGUMENT || st.code == STATUS_RESOURCE_EXHAUSTED) {
        complain(file, place, st.message);
        (*failures)++;
        return status_ok();
    }
    if (failed(st)) return st;
    print_result(file, text, &result, clock_monotonic_us() - started_us);
    *failures += result.counts.refused;
    if (!is_empty(&result.counts)) return status_ok();
    command_error("%s has no products: no row follows the names of the columns", file->path);
    (*failures)++;
    return status_ok();
}

/* A file that cannot be read does not keep others from being taken in. */
static struct status import_one(struct call *call, struct shop *shop, struct import_file *file,
                                uint64_t *failures)
{
    struct csv_text text;
    struct status st = csv_text_open(call->arena, file->path, &text);

    if (failed(st)) {
        command_error("%s: %s", file->path, st.message);
        (*failures)++;
        return status_ok();
    }
    st = import_text(call, shop, file, &text, failures);
    csv_text_close(&text);
    return st;
}

static struct status import_all(struct call *call, struct shop *shop, void *data)
{
    struct import_files *files = data;
    const struct command_line *line = files->line;

    for (int i = 0; i < line->argument_count; i++) {
        struct import_file file = {
            .path = line->arguments[i],
            .options = files->options,
            .dry_run = command_option(line, "check") || command_option(line, "dry-run"),
            .terminal = isatty(STDERR_FILENO),
        };
        struct status st = import_one(call, shop, &file, &files->failures);
        if (failed(st)) return st;
    }
    return status_ok();
}

/* False if the option is no currency: then nothing is read. */
static bool read_currency(const struct command_line *line, struct shopify_options *ret_options)
{
    const char *given = command_option(line, "currency");
    int exponent;

    ret_options->is_currency_given = given != NULL;
    ret_options->currency = given ? given : config_text(line->config, "PRODUCT_CURRENCY");
    if (!given || money_exponent(given, &exponent)) return true;
    command_error("--currency %s: must be a code of ISO 4217 in capitals, such as EUR", given);
    return false;
}

static int import(const struct command_line *line)
{
    struct shop_options options = {.only = "product", .shards = 1};
    struct import_files files = {.line = line};
    struct shop *shop;

    if (!read_currency(line, &files.options)) return EXIT_USAGE;
    struct status st = shop_new(line->arena, line->config, &options, &shop);
    if (!failed(st)) {
        st = shop_call(shop, import_all, &files);
        shop_free(shop);
    }
    if (failed(st)) command_error("%s", st.message);
    return failed(st) || files.failures ? EXIT_FAILED : EXIT_OK;
}

const struct command command_import = {
    .name = "import",
    .arguments = "FILE...",
    .summary = "Import products from Shopify's product CSV.",
    .description =
        "Imports products from files in Shopify's product CSV format, the current template or "
        "the classic one. A product is identified by its handle, so importing the same file a "
        "second time changes nothing. A column that is missing from the file leaves the "
        "products' values unchanged; a blank cell empties the value, except that a blank "
        "price keeps the present one. A new product without any price becomes a draft. The "
        "quantity is the number of pieces that can be bought; pieces reserved by orders are "
        "not included.\n"
        "\n"
        "Files are in UTF-8, in UTF-16 with a byte order mark, or in Windows-1252, separated "
        "by commas, semicolons, tabs or bars, with any line ends. The limits are 4,000,000 "
        "products, 1,024 columns, 1 MiB for a field, and 100 variants and 32 images for a "
        "product. docs/catalogue-files.md describes the columns.\n"
        "\n"
        "Each product is imported whole or not at all. The first 20 refusals are listed with "
        "file, line, column, and what to do. The exit status is 0 if everything was imported, "
        "1 if something was refused or there was nothing to import, and 2 for a wrong option.\n"
        "\n"
        "The shop may be running. Uses the store named by PRODUCT_STORE, or the service at "
        "PRODUCT_URL.",
    .arguments_min = 1,
    .arguments_max = COMMAND_ARGUMENTS_MAX,
    .options = {{"currency", "CODE",
                 "The files' currency (ISO 4217); without it a product keeps its own, and a new "
                 "one gets PRODUCT_CURRENCY."},
                {"dry-run", 0, "Only check the files; change nothing."},
                {"check", 0, "The same as --dry-run."}},
    .run = import,
};
