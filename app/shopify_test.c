/* SPDX-License-Identifier: Apache-2.0 */
#include "app/shopify.h"

#include "base/test.h"

#define HEADER                                                                                 \
    "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,"          \
    "Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Price," \
    "Variant Compare At Price,Image Src,Gift Card\n"

static struct arena arena;
static struct shopify_reader reader;
static ProductService__ImportProductRequest *request;
static int64_t line;

static void open_text(const char *text)
{
    arena_init(&arena, 0);
    CHECK_OK(shopify_reader_init(&arena, str_of(text), "USD", &reader));
}

static struct status next(void)
{
    return shopify_next(&reader, &arena, &request, &line);
}

static void close_text(void)
{
    shopify_reader_release(&reader);
    arena_release(&arena);
}

TEST(rows_of_one_handle_are_one_product)
{
    open_text(
        HEADER
        "mug,Mug,<p>Holds tea</p>,Pots,kitchen,\"tea, clay,\",true,Colour,Blue,M-B,300,shopify,4,"
        "12.50,15,https://x/1.jpg,false\n"
        "mug,,,,,,,,Red,M-R,300,,,13,,https://x/2.jpg,\n"
        "mug,,,,,,,,,,,,,,,https://x/3.jpg,\n"
        "spoon,Spoon,,,,,false,Title,Default Title,,0.0,,,1,,,\n");
    CHECK_OK(next());
    const ProductService__CreateProductRequest *mug = request->product;
    CHECK_STR(request->handle, "mug");
    CHECK_INT(request->line, ==, 2);
    CHECK_STR(mug->name, "Mug");
    CHECK_STR(mug->category, "kitchen");
    CHECK_STR(mug->status, "active");
    CHECK_INT(mug->n_tags, ==, 2);
    CHECK_STR(mug->tags[1], "clay");
    CHECK_INT(mug->n_image_urls, ==, 3);
    CHECK_INT(mug->n_variants, ==, 2);
    CHECK_INT(mug->variants[0]->unit_amount, ==, 1250);
    CHECK_INT(mug->variants[0]->compare_at_unit_amount, ==, 1500);
    CHECK_INT(mug->variants[0]->grams, ==, 300);
    CHECK_INT(mug->variants[0]->stock, ==, 4);
    CHECK_STR(mug->variants[0]->options[0]->name, "Colour");
    CHECK_STR(mug->variants[1]->options[0]->value, "Red");
    CHECK_INT(mug->variants[1]->stock_given_case, ==, 0);

    CHECK_OK(next());
    CHECK_INT(request->line, ==, 5);
    CHECK_STR(request->product->status, "draft");
    CHECK_STR(request->product->category, "uncategorized");
    CHECK_INT(request->product->variants[0]->n_options, ==, 0);
    CHECK_OK(next());
    CHECK(request == 0);
    close_text();
}

TEST(a_bad_product_is_refused_by_its_line_and_the_next_is_read)
{
    open_text(HEADER "a,A,,,,,true,Size,S,,,,,1.00,,,\n"
                     "a,,,,,,,,M,,,,,1.005,,,\n"
                     ",Nameless,,,,,true,,,,,,,1,,,\n"
                     "c,,,,,,true,,,,,,,1,,,\n"
                     "d,D,,,,,true,,,,,,,much,,,\n"
                     "e,E,,,,,true,,,,,shopify,four,1,,,\n"
                     "f,F,,,,,true,,,,,,,1,,,\n");
    static const int64_t bad_lines[] = {3, 4, 5, 6, 7};
    for (size_t i = 0; i < 5; i++) {
        CHECK_INT(next().code, ==, STATUS_INVALID_ARGUMENT);
        CHECK_INT(line, ==, bad_lines[i]);
    }
    CHECK_OK(next());
    CHECK_STR(request->handle, "f");
    close_text();
}

TEST(a_file_without_the_needed_columns_is_refused)
{
    arena_init(&arena, 0);
    CHECK_INT(shopify_reader_init(&arena, STR("Name,Price\na,1\n"), "USD", &reader).code, ==,
              STATUS_INVALID_ARGUMENT);
    CHECK_INT(shopify_reader_init(&arena, STR(""), "USD", &reader).code, ==,
              STATUS_INVALID_ARGUMENT);
    arena_release(&arena);
}

TEST(decimals_are_the_currencys)
{
    arena_init(&arena, 0);
    CHECK_OK(shopify_reader_init(&arena,
                                 STR(HEADER "a,A,,,,,true,,,,,,,1200,,,\n"
                                            "b,B,,,,,true,,,,,,,1.5,,,\n"),
                                 "JPY", &reader));
    CHECK_OK(next());
    CHECK_INT(request->product->variants[0]->unit_amount, ==, 1200);
    CHECK_INT(next().code, ==, STATUS_INVALID_ARGUMENT);
    close_text();
}

TEST(a_broken_row_refuses_the_whole_of_its_product)
{
    open_text(HEADER "a,A,,,,,true,Size,S,,,,,1,,,\n"
                     "a,,,,,,,,\"M\"x,,,,,1,,,\n"
                     "a,,,,,,,,L,,,,,1,,,\n"
                     "b,B,,,,,true,,,,,,,1,,,\n");
    CHECK_INT(next().code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(line, ==, 3);
    CHECK_OK(next());
    CHECK_STR(request->handle, "b");
    CHECK_OK(next());
    CHECK(request == 0);
    close_text();
}

TEST(a_handle_in_two_places_of_a_file_is_refused)
{
    open_text(HEADER "a,A,,,,,true,,,,,,,1,,,\n"
                     "b,B,,,,,true,,,,,,,1,,,\n"
                     "a,A,,,,,true,,,,,,,2,,,\n");
    CHECK_OK(next());
    CHECK_OK(next());
    CHECK_INT(next().code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(line, ==, 4);
    close_text();
}

TEST(a_currency_column_goes_before_the_given_currency)
{
    open_text("Handle,Title,Variant Price,Currency\na,A,1000,JPY\nb,B,1.50,\nc,C,1,XXX\n");
    CHECK_OK(next());
    CHECK_STR(request->product->currency, "JPY");
    CHECK_INT(request->product->variants[0]->unit_amount, ==, 1000);
    CHECK_OK(next());
    CHECK_STR(request->product->currency, "USD");
    CHECK_INT(request->product->variants[0]->unit_amount, ==, 150);
    CHECK_INT(next().code, ==, STATUS_INVALID_ARGUMENT);
    close_text();
}

TEST(weights_out_of_range_are_refused)
{
    open_text("Handle,Title,Variant Price,Variant Grams\na,A,1,4294967297\nb,B,1,-1\n");
    CHECK_INT(next().code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(next().code, ==, STATUS_INVALID_ARGUMENT);
    close_text();
}

static const ProductService__Product *sample(void)
{
    static ProductService__VariantOption size = PRODUCT_SERVICE__VARIANT_OPTION__INIT;
    static ProductService__Variant small = PRODUCT_SERVICE__VARIANT__INIT,
                                   large = PRODUCT_SERVICE__VARIANT__INIT;
    static ProductService__VariantOption *sizes[] = {&size};
    static ProductService__Variant *variants[] = {&small, &large};
    static char *tags[] = {(char *)"one", (char *)"two"};
    static char *images[] = {(char *)"https://x/1.jpg"};
    static ProductService__Product product = PRODUCT_SERVICE__PRODUCT__INIT;

    size.name = (char *)"Size";
    size.value = (char *)"S, \"small\"";
    small.options = large.options = sizes;
    small.n_options = large.n_options = 1;
    small.unit_amount = 5;
    large.unit_amount = 123456;
    large.available_given_case = PRODUCT_SERVICE__VARIANT__AVAILABLE_GIVEN_AVAILABLE;
    large.available = 4; /* three are reserved, which nobody else can buy */
    large.on_hand_given_case = PRODUCT_SERVICE__VARIANT__ON_HAND_GIVEN_ON_HAND;
    large.on_hand = 7;
    product.handle = (char *)"sample";
    product.name = (char *)"Sample, the \"first\"";
    product.description = (char *)"two\nlines";
    product.category = (char *)"things";
    product.currency = (char *)"USD";
    product.status = (char *)"archived";
    product.is_featured = true;
    product.tags = tags;
    product.n_tags = 2;
    product.image_urls = images;
    product.n_image_urls = 1;
    product.variants = variants;
    product.n_variants = 2;
    return &product;
}

TEST(what_is_exported_imports_as_the_same)
{
    struct buffer out;

    arena_init(&arena, 0);
    buffer_init(&out, 65536);
    shopify_write_header(&out);
    shopify_write_product(&arena, &out, sample());
    CHECK_OK(shopify_reader_init(&arena, buffer_str(&out), "USD", &reader));
    CHECK_OK(next());
    const ProductService__CreateProductRequest *product = request->product;
    CHECK_STR(request->handle, "sample");
    CHECK_STR(product->name, "Sample, the \"first\"");
    CHECK_STR(product->description, "two\nlines");
    CHECK_STR(product->status, "archived");
    CHECK(product->is_featured);
    CHECK_INT(product->n_tags, ==, 2);
    CHECK_INT(product->n_image_urls, ==, 1);
    CHECK_INT(product->n_variants, ==, 2);
    CHECK_INT(product->variants[0]->unit_amount, ==, 5);
    CHECK_STR(product->variants[0]->options[0]->value, "S, \"small\"");
    CHECK_INT(product->variants[1]->unit_amount, ==, 123456);
    CHECK_INT(product->variants[1]->stock, ==, 4);
    buffer_release(&out);
    close_text();
}
