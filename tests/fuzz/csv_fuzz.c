/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the import of a file: bytes, encoding, rows, products. Every row must end, written rows
 * must read back, every product must be complete or refused at a place inside the file, and a
 * written product must read back the same. */
#include "app/shopify.h"
#include "tests/fuzz/fuzz.h"

/* ---- rows ---- */

static void check_row(struct arena *arena, const struct csv_row *row)
{
    static struct csv_row again;
    struct csv_reader back;
    struct buffer out;

    buffer_init(&out, 1 << 24);
    for (size_t i = 0; i < row->count; i++) csv_write(&out, i == 0, row->fields[i]);
    csv_write_end(&out);
    csv_reader_init(&back, buffer_str(&out));
    /* A row of one blank field is a blank line, and a first field may look like a mark. */
    if (csv_next(&back, arena, &again) == CSV_ROW) {
        invariant(again.count == row->count);
        for (size_t i = 1; i < row->count; i++)
            invariant(str_equal(again.fields[i], row->fields[i]));
    }
    buffer_release(&out);
}

static void read_rows(struct arena *arena, const struct csv_text *text)
{
    static const char separators[] = {',', ';', '\t', '|'};
    static struct csv_row row;
    struct csv_reader reader;
    enum csv_result result;

    for (size_t i = 0; i < sizeof(separators); i++) {
        const char *before;
        csv_reader_init(&reader, text->text);
        reader.is_clean = text->is_clean;
        reader.separator = separators[i];
        before = reader.next;
        while ((result = csv_next(&reader, arena, &row)) != CSV_END) {
            invariant(reader.next > before && reader.next <= reader.end);
            before = reader.next;
            invariant(result == CSV_ROW || (reader.error && reader.at.line >= row.line));
            if (result == CSV_ROW) check_row(arena, &row);
        }
    }
}

/* ---- products ---- */

/* The product as the service would store and export it. */
static ProductService__Product *exported(struct arena *arena,
                                         const ProductService__ImportProductRequest *request)
{
    const ProductService__CreateProductRequest *input = request->product;
    ProductService__Product *product = arena_new(arena, ProductService__Product);

    product_service__product__init(product);
    product->handle = request->handle;
    product->name = input->name;
    product->description = input->description;
    product->vendor = input->vendor;
    product->category = input->category;
    product->currency = input->currency;
    product->status = input->status;
    product->is_featured = input->is_featured;
    product->tags = input->tags;
    product->n_tags = input->n_tags;
    product->image_urls = input->image_urls;
    product->n_image_urls = input->n_image_urls;
    product->n_variants = input->n_variants;
    product->variants = arena_array(arena, ProductService__Variant *, input->n_variants);
    for (size_t i = 0; i < input->n_variants; i++) {
        const ProductService__VariantInput *from = input->variants[i];
        ProductService__Variant *variant = arena_new(arena, ProductService__Variant);
        product_service__variant__init(variant);
        variant->sku = from->sku;
        variant->barcode = from->barcode;
        variant->image_url = from->image_url;
        variant->options = from->options;
        variant->n_options = from->n_options;
        variant->unit_amount = from->unit_amount_given_case ? from->unit_amount : 0;
        variant->compare_at_unit_amount = from->compare_at_unit_amount;
        variant->grams = from->grams;
        product->variants[i] = variant;
    }
    return product;
}

static void check_same(const ProductService__ImportProductRequest *a,
                       const ProductService__ImportProductRequest *b)
{
    const ProductService__CreateProductRequest *one = a->product, *two = b->product;

    invariant(strcmp(a->handle, b->handle) == 0 && b->n_keep == 0);
    invariant(strcmp(one->name, two->name) == 0);
    invariant(strcmp(one->description, two->description) == 0);
    invariant(strcmp(one->vendor, two->vendor) == 0);
    invariant(strcmp(one->category, two->category) == 0);
    invariant(strcmp(one->currency, two->currency) == 0);
    invariant(strcmp(one->status, two->status) == 0 && one->is_featured == two->is_featured);
    invariant(one->n_tags == two->n_tags && one->n_image_urls == two->n_image_urls);
    for (size_t i = 0; i < one->n_tags; i++) invariant(strcmp(one->tags[i], two->tags[i]) == 0);
    for (size_t i = 0; i < one->n_image_urls; i++)
        invariant(strcmp(one->image_urls[i], two->image_urls[i]) == 0);
    invariant(one->n_variants == two->n_variants);
    for (size_t i = 0; i < one->n_variants; i++) {
        const ProductService__VariantInput *from = one->variants[i], *to = two->variants[i];
        invariant(strcmp(from->sku, to->sku) == 0 && strcmp(from->barcode, to->barcode) == 0);
        invariant(from->n_options == to->n_options && from->grams == to->grams);
        for (size_t j = 0; j < from->n_options; j++)
            invariant(strcmp(from->options[j]->name, to->options[j]->name) == 0 &&
                      strcmp(from->options[j]->value, to->options[j]->value) == 0);
    }
}

static void check_written(struct arena *arena, const ProductService__ImportProductRequest *request)
{
    static struct shopify_reader reader;
    struct shopify_options options = {"USD", false};
    ProductService__ImportProductRequest *again = 0;
    struct csv_text text = {.is_clean = true};
    struct csv_place place;
    struct buffer out;

    buffer_init(&out, 1 << 24);
    shopify_write_header(&out);
    shopify_write_product(arena, &out, exported(arena, request));
    text.text = buffer_str(&out);
    invariant(!failed(shopify_reader_init(arena, &text, &options, &reader, &place)));
    invariant(!failed(shopify_next(&reader, arena, &again, &place)) && again);
    check_same(request, again);
    invariant(!failed(shopify_next(&reader, arena, &again, &place)) && !again);
    shopify_reader_release(&reader);
    buffer_release(&out);
}

static void check_product(struct arena *arena, const ProductService__ImportProductRequest *request)
{
    const ProductService__CreateProductRequest *product = request->product;

    invariant(product && request->handle[0] && request->line >= 1 && product->name[0]);
    invariant(product->n_variants <= 100 && product->n_image_urls <= 32 && product->n_tags <= 64);
    invariant(request->n_stock == 0 || request->n_stock == product->n_variants);
    invariant(request->n_taken == 0 || request->n_taken == product->n_variants);
    invariant(request->n_taken_from == request->n_taken);
    invariant(str_is_utf8(str_of(product->name)) && str_is_utf8(str_of(product->description)));
    if (product->n_variants > 0) check_written(arena, request);
}

static void read_products(struct arena *arena, const struct csv_text *text)
{
    static struct shopify_reader reader;
    struct shopify_options options = {"USD", text->text.length % 2 == 0};
    ProductService__ImportProductRequest *request = 0;
    struct csv_place place;

    if (failed(shopify_reader_init(arena, text, &options, &reader, &place))) return;
    for (;;) {
        struct status st = shopify_next(&reader, arena, &request, &place);
        invariant(!failed(st) || (place.line >= 1 && st.message[0]));
        if (failed(st)) continue;
        if (!request) break;
        check_product(arena, request);
    }
    shopify_reader_release(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct csv_text text;
    struct arena arena;

    arena_init(&arena, 0);
    if (!failed(csv_text_read(&arena, str_sized(data, size), &text))) {
        read_rows(&arena, &text);
        read_products(&arena, &text);
        csv_text_close(&text);
    }
    arena_release(&arena);
    return 0;
}
