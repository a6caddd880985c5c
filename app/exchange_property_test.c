/* SPDX-License-Identifier: Apache-2.0 */
/* Random catalogues, out and in again: an export changes nothing in the shop that it comes from, and
 * an empty shop that takes it in exports the same bytes. EXCHANGE_SEED and EXCHANGE_ROUNDS in the
 * environment try others. */
#include "app/exchange.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/test.h"
#include "product.rpc.h"
#include "reasons.pb-c.h"

enum { PRODUCTS = 40, OUT_MAX = 16 * 1024 * 1024 };

/* ---- chance ---- */

static uint64_t chance_state;

static uint32_t draw(uint32_t below)
{
    chance_state = chance_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)((chance_state >> 33) % below);
}

/* A text of some of these pieces, with something to see in it. */
static char *text_of(struct arena *arena, const char *const *pieces, uint32_t count, uint32_t most)
{
    const char *text = "";
    uint32_t parts = 1 + draw(most);

    for (uint32_t i = 0; i < parts; i++)
        text = arena_printf(arena, "%s%s", text, pieces[draw(count)]);
    return arena_printf(arena, "%s%c%s", draw(4) ? "" : text, 'a' + draw(26), text);
}

static char *line(struct arena *arena)
{
    static const char *const pieces[] = {",",
                                         "\"",
                                         ";",
                                         " ",
                                         "  ",
                                         "=",
                                         "'",
                                         "-1",
                                         "@",
                                         "+",
                                         "|",
                                         "\xc3\xa9",
                                         "\xe2\x82\xac",
                                         "\xf0\x9f\x98\x80",
                                         "x",
                                         "Z"};

    return text_of(arena, pieces, sizeof(pieces) / sizeof(pieces[0]), 4);
}

/* The same, but beginning with whatever is odd. */
static char *odd_line(struct arena *arena)
{
    static const char *const starts[] = {"", " ", "  ", "=", "'", "'=", "+", "-", "@", "\"", ","};

    return arena_printf(arena, "%s%s%s", starts[draw(11)], line(arena), draw(3) ? "" : " ");
}

static char *paragraphs(struct arena *arena)
{
    static const char *const pieces[] = {"\n", "\r\n", "\r", "\t", "<p>",
                                         "\"", ",",    "=1", " ",  "word"};

    return draw(5) ? text_of(arena, pieces, sizeof(pieces) / sizeof(pieces[0]), 12) : (char *)"";
}

/* ---- products ---- */

static ProductService__VariantInput *variant(struct arena *arena, int number, int options)
{
    static const char *const names[] = {"Size", " Colour ", "Title"};
    ProductService__VariantInput *input = arena_new(arena, ProductService__VariantInput);

    product_service__variant_input__init(input);
    input->options = arena_array(arena, ProductService__VariantOption *, 3);
    for (int i = 0; i < options; i++) {
        ProductService__VariantOption *option = arena_new(arena, ProductService__VariantOption);
        product_service__variant_option__init(option);
        option->name = (char *)names[i];
        option->value = i == 0 ? arena_printf(arena, "%s%d", odd_line(arena), number)
                               : (draw(4) ? odd_line(arena) : (char *)"Default Title");
        input->options[input->n_options++] = option;
    }
    if (draw(2)) input->sku = arena_printf(arena, "%s-%d", odd_line(arena), number);
    if (draw(3) == 0) input->barcode = line(arena);
    if (draw(3) == 0) input->image_url = arena_printf(arena, "https://x.example/%u,.jpg", draw(99));
    input->grams = draw(3) ? 0 : (int32_t)draw(INT32_MAX);
    if (draw(2)) input->compare_at_unit_amount = draw(1000000);
    if (draw(3)) {
        input->stock_given_case = PRODUCT_SERVICE__VARIANT_INPUT__STOCK_GIVEN_STOCK;
        input->stock = draw(3) ? draw(100) : 0;
    }
    return input;
}

static void add_variants(struct arena *arena, ProductService__CreateProductRequest *product,
                         bool priced)
{
    int options = (int)draw(4), count = options ? 1 + (int)draw(5) : 1;

    product->variants = arena_array(arena, ProductService__VariantInput *, 5);
    for (int i = 0; i < count; i++) {
        ProductService__VariantInput *input = variant(arena, i, options);
        if (priced) {
            input->unit_amount_given_case =
                PRODUCT_SERVICE__VARIANT_INPUT__UNIT_AMOUNT_GIVEN_UNIT_AMOUNT;
            input->unit_amount = draw(5) ? draw(10000000) : 0;
        }
        product->variants[product->n_variants++] = input;
    }
}

static ProductService__CreateProductRequest *random_product(struct arena *arena)
{
    static const char *const currencies[] = {"USD", "JPY", "KWD", "CLF"};
    static const char *const categories[] = {"uncategorized", "tea & mugs", "=b, \"c\"", "d"};
    static const char *const statuses[] = {"active", "draft", "archived"};
    ProductService__CreateProductRequest *product = arena_new(arena,
                                                              ProductService__CreateProductRequest);
    bool priced = draw(8) != 0;

    product_service__create_product_request__init(product);
    product->name = odd_line(arena);
    product->description = paragraphs(arena);
    if (draw(2)) product->vendor = odd_line(arena);
    product->category = (char *)categories[draw(4)];
    product->currency = (char *)currencies[draw(4)];
    product->status = (char *)(priced ? statuses[draw(3)] : statuses[1 + draw(2)]);
    product->is_featured = draw(4) == 0;
    product->tags = arena_array(arena, char *, 4);
    for (uint32_t i = draw(5); i > 0; i--) product->tags[product->n_tags++] = odd_line(arena);
    product->image_urls = arena_array(arena, char *, 4);
    for (uint32_t i = draw(5); i > 0; i--)
        product->image_urls[product->n_image_urls++] = arena_printf(
            arena, "https://x.example/%u.jpg?a=1,2", draw(4));
    add_variants(arena, product, priced);
    return product;
}

/* ---- shops ---- */

struct shop_folder {
    char path[64];
    struct arena arena;
    struct config *config;
    struct shop *shop;
};

static void open_shop(struct shop_folder *folder)
{
    struct shop_options options = {.only = "product", .shards = 1};
    const char *errors;

    snprintf(folder->path, sizeof(folder->path), "/tmp/exchange_test_XXXXXX");
    CHECK(mkdtemp(folder->path));
    arena_init(&folder->arena, 0);
    folder->config = config_new();
    shop_declare_settings(folder->config);
    CHECK(config_set(folder->config,
                     arena_printf(&folder->arena, "ARGOSY_DATA_DIR=%s", folder->path), &errors));
    CHECK(config_check(folder->config, &errors));
    CHECK_OK(shop_new(&folder->arena, folder->config, &options, &folder->shop));
}

static void close_shop(struct shop_folder *folder)
{
    shop_free(folder->shop);
    config_free(folder->config);
    CHECK_INT(system(arena_printf(&folder->arena, "rm -r '%s'", folder->path)), ==, 0);
    arena_release(&folder->arena);
}

static struct status create_all(struct call *call, struct shop *shop, void *data)
{
    for (int i = 0; i < PRODUCTS; i++) {
        ProductService__StandardResponse *response;
        ProductService__CreateProductRequest *product = random_product(call->arena);
        struct status st = product_service_create_product(call, shop_channel(shop, "product"),
                                                          product, &response);
        /* Two variants or tags that happen to be the same are refused; others are made instead. */
        if (failed(st) && st.reason != ARGOSY__REASON__INVALID_FIELDS) return st;
    }
    return status_ok();
}

static struct status append_piece(struct call *call, void *data, struct str piece)
{
    buffer_append_str(data, piece);
    return status_ok();
}

static struct status export_all(struct call *call, struct shop *shop, void *data)
{
    uint64_t count;

    return exchange_export(call, shop, "", append_piece, data, &count);
}

struct import {
    struct str bytes;
    struct exchange_result result;
};

static void print_refusal(void *data, struct csv_place place, const char *handle, const char *why)
{
    printf("  %lld:%lld: %s: %s\n", (long long)place.line, (long long)place.column, handle, why);
}

static struct status import_all(struct call *call, struct shop *shop, void *data)
{
    struct import *import = data;
    struct exchange_import options = {.options = {"USD", false}, .on_refused = print_refusal};
    struct csv_text text;
    struct csv_place place;

    struct status st = csv_text_read(call->arena, import->bytes, &text);
    if (failed(st)) return st;
    st = exchange_import(call, shop, &text, &options, &import->result, &place);
    csv_text_close(&text);
    return st;
}

/* Ids, versions and times of all products, as one text. */
static struct status read_versions(struct call *call, struct shop *shop, void *data)
{
    ProductService__ExportProductsRequest request = PRODUCT_SERVICE__EXPORT_PRODUCTS_REQUEST__INIT;
    ProductService__Product *product;
    struct rpc_stream *stream;

    struct status st = product_service_export_products_open(call, shop_channel(shop, "product"),
                                                            &request, 0, &stream);
    if (failed(st)) return st;
    for (;;) {
        st = product_service_export_products_receive(call, stream, &product);
        if (failed(st) || !product) break;
        buffer_printf(data, "%s %lld %lld.%d\n", product->product_id, (long long)product->version,
                      (long long)product->updated_at->seconds, product->updated_at->nanos);
    }
    struct status finished = rpc_stream_finish(call, stream);
    return failed(st) ? st : finished;
}

/* ---- the property ---- */

/* What a round keeps: the first shop's export, ids with versions before and after it is read back,
 * and the second shop's export. */
struct round {
    struct buffer out, versions, again, moved;
    struct import import;
};

static struct status in_first_shop(struct call *call, struct shop *shop, void *data)
{
    struct round *round = data;
    struct status st = create_all(call, shop, NULL);

    if (!failed(st)) st = export_all(call, shop, &round->out);
    if (!failed(st)) st = read_versions(call, shop, &round->versions);
    round->import.bytes = buffer_str(&round->out);
    if (!failed(st)) st = import_all(call, shop, &round->import);
    return failed(st) ? st : read_versions(call, shop, &round->again);
}

static struct status in_second_shop(struct call *call, struct shop *shop, void *data)
{
    struct round *round = data;
    struct status st = import_all(call, shop, &round->import);

    return failed(st) ? st : export_all(call, shop, &round->moved);
}

static void play(struct status (*fn)(struct call *call, struct shop *shop, void *data),
                 struct round *round)
{
    struct shop_folder folder;

    open_shop(&folder);
    CHECK_OK(shop_call(folder.shop, fn, round));
    close_shop(&folder);
}

static void check_same(const struct buffer *a, const struct buffer *b)
{
    bool same = str_equal(buffer_str(a), buffer_str(b));

    CHECK(!a->overflow && !b->overflow && a->length > 0);
    if (!same)
        printf("  first:\n%.*s\n  then:\n%.*s\n", STR_ARGS(buffer_str(a)), STR_ARGS(buffer_str(b)));
    CHECK(same);
}

static void play_round(void)
{
    struct round round = {0};
    const struct catalogue_result *counts = &round.import.result.counts;
    struct buffer *const buffers[] = {&round.out, &round.versions, &round.again, &round.moved};

    for (size_t i = 0; i < 4; i++) buffer_init(buffers[i], OUT_MAX);
    play(in_first_shop, &round);
    CHECK_INT(counts->unchanged, >, PRODUCTS / 2);
    CHECK_INT(counts->created + counts->updated + counts->refused, ==, 0);
    check_same(&round.versions, &round.again);

    uint64_t products = counts->unchanged;
    play(in_second_shop, &round);
    CHECK_INT(counts->created, ==, products);
    check_same(&round.out, &round.moved);
    for (size_t i = 0; i < 4; i++) buffer_release(buffers[i]);
}

static uint64_t setting(const char *name, uint64_t fallback)
{
    const char *value = getenv(name);

    return value ? strtoull(value, NULL, 10) : fallback;
}

TEST(an_export_reads_back_without_a_change_and_moves_a_catalogue_whole)
{
    uint64_t seed = setting("EXCHANGE_SEED", 1), rounds = setting("EXCHANGE_ROUNDS", 3);

    for (uint64_t i = 0; i < rounds; i++) {
        chance_state = seed + i;
        printf("  seed %llu\n", (unsigned long long)(seed + i));
        play_round();
    }
}
