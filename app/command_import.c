/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/catalogue.h"
#include "app/commands.h"
#include "app/shopify.h"
#include "base/clock.h"

enum { PROGRESS_EVERY_US = 100000 };

/* A file's text, mapped. */
static struct status map_file(struct arena *arena, const char *path, struct str *ret_text)
{
    struct stat info;
    int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0) return status_errno(arena, errno, arena_printf(arena, "cannot read %s", path));
    if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) {
        close(file);
        return status_printf(arena, STATUS_INVALID_ARGUMENT, 0, "%s is no file with products in it",
                             path);
    }
    void *text = mmap(0, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    int error = errno;
    close(file);
    if (text == MAP_FAILED)
        return status_errno(arena, error, arena_printf(arena, "cannot read %s", path));
    *ret_text = str_sized(text, (size_t)info.st_size);
    return status_ok();
}

struct import_file {
    const char *path;
    struct shopify_reader reader;
    bool dry_run;
    bool terminal; /* show progress */
    int64_t shown_us;
};

static struct status next_product(void *data, struct arena *arena,
                                  ProductService__ImportProductRequest **ret_request,
                                  int64_t *ret_line)
{
    struct import_file *file = data;

    struct status st = shopify_next(&file->reader, arena, ret_request, ret_line);
    if (!failed(st) && *ret_request) (*ret_request)->dry_run = file->dry_run;
    return st;
}

static void on_refused(void *data, int64_t line, const char *handle, const char *why)
{
    const struct import_file *file = data;

    if (file->terminal) fputs("\r\033[K", stderr);
    command_complain("%s:%lld: %s%s%s", file->path, (long long)line, handle, handle[0] ? ": " : "",
                     why);
}

static void on_progress(void *data, uint64_t answered)
{
    struct import_file *file = data;
    int64_t now_us = clock_monotonic_us();

    if (!file->terminal || now_us - file->shown_us < PROGRESS_EVERY_US) return;
    file->shown_us = now_us;
    size_t whole = (size_t)(file->reader.csv.end - file->reader.csv.start);
    size_t done = (size_t)(file->reader.csv.next - file->reader.csv.start);
    fprintf(stderr, "\r\033[K%s: %llu products, %zu %%", file->path, (unsigned long long)answered,
            done * 100 / whole);
}

static void print_result(const struct import_file *file, const struct catalogue_result *result,
                         int64_t elapsed_us)
{
    if (file->terminal) fputs("\r\033[K", stderr);
    printf("%s: %s%llu created, %llu updated, %llu unchanged, %llu refused in %.1f s\n", file->path,
           file->dry_run ? "(nothing changed) " : "", (unsigned long long)result->created,
           (unsigned long long)result->updated, (unsigned long long)result->unchanged,
           (unsigned long long)result->refused, (double)elapsed_us / 1e6);
}

static struct status import_one(struct call *call, struct shop *shop, struct import_file *file,
                                const char *currency, uint64_t *refused)
{
    int64_t started_us = clock_monotonic_us();
    struct catalogue_result result;
    struct str text;
    struct status st;

    st = map_file(call->arena, file->path, &text);
    if (failed(st)) return st;
    st = shopify_reader_init(call->arena, text, currency, &file->reader);
    if (failed(st)) {
        munmap((void *)text.data, text.length);
        return status_printf(call->arena, st.code, st.reason, "%s: %s", file->path, st.message);
    }

    struct catalogue_source source = {next_product, on_refused, on_progress, file};
    st = catalogue_import(call, shop, &source, &result);
    shopify_reader_release(&file->reader);
    munmap((void *)text.data, text.length);
    if (failed(st)) return st;
    print_result(file, &result, clock_monotonic_us() - started_us);
    *refused += result.refused;
    return status_ok();
}

struct import_files {
    const struct command_line *line;
    uint64_t refused;
};

static struct status import_all(struct call *call, struct shop *shop, void *data)
{
    struct import_files *import = data;
    const char *currency = command_option(import->line, "currency");

    if (!currency) currency = config_text(import->line->config, "PRODUCT_CURRENCY");
    for (int i = 0; i < import->line->argument_count; i++) {
        struct import_file file = {
            .path = import->line->arguments[i],
            .dry_run = command_option(import->line, "check") != 0,
            .terminal = isatty(STDERR_FILENO),
        };
        struct status st = import_one(call, shop, &file, currency, &import->refused);
        if (failed(st)) return st;
    }
    return status_ok();
}

static int import(const struct command_line *line)
{
    struct shop_options options = {.only = "product", .shards = 1};
    struct import_files files = {.line = line};
    struct shop *shop;

    struct status st = shop_new(line->arena, line->config, &options, &shop);
    if (!failed(st)) {
        st = shop_call(shop, import_all, &files);
        shop_free(shop);
    }
    if (failed(st)) command_error("%s", st.message);
    return failed(st) || files.refused ? EXIT_FAILED : EXIT_OK;
}

const struct command command_import = {
    .name = "import",
    .arguments = "FILE...",
    .summary = "Import products from Shopify's product CSV.",
    .description = "Imports products from files in Shopify's product CSV format. A product is "
                   "found again by its handle: the same\n"
                   "file a second time changes nothing. Each product goes in whole or not at all; "
                   "each refused one is named with\n"
                   "its line and the reason, and the exit status is then 1.\n"
                   "\n"
                   "Works beside a running shop, on the store that PRODUCT_STORE names, or over "
                   "the network when PRODUCT_URL does.",
    .arguments_min = 1,
    .arguments_max = COMMAND_ARGUMENTS_MAX,
    .options = {{"currency", "CODE",
                 "The files' currency (ISO 4217); without it PRODUCT_CURRENCY."},
                {"check", 0, "Only check the files; change nothing."}},
    .run = import,
};
