/* SPDX-License-Identifier: Apache-2.0 */
/* What is written, and that it reads as the same. */
#include "app/shopify.h"

#include "base/test.h"

static const ProductService__Product *sample(void)
{
    static ProductService__VariantOption size = PRODUCT_SERVICE__VARIANT_OPTION__INIT,
                                         other = PRODUCT_SERVICE__VARIANT_OPTION__INIT;
    static ProductService__Variant small = PRODUCT_SERVICE__VARIANT__INIT,
                                   large = PRODUCT_SERVICE__VARIANT__INIT;
    static ProductService__VariantOption *sizes[] = {&size}, *others[] = {&other};
    static ProductService__Variant *variants[] = {&small, &large};
    static char *tags[] = {(char *)"one, or two", (char *)"\"three\""};
    static char *images[] = {(char *)"https://x/1.jpg", (char *)"https://x/1.jpg"};
    static ProductService__Product message = PRODUCT_SERVICE__PRODUCT__INIT;

    size.name = other.name = (char *)"Size";
    size.value = (char *)"S, \"small\"";
    other.value = (char *)" L  ";
    small.options = sizes;
    large.options = others;
    small.n_options = large.n_options = 1;
    small.unit_amount = 5;
    large.unit_amount = 123456;
    large.available_given_case = PRODUCT_SERVICE__VARIANT__AVAILABLE_GIVEN_AVAILABLE;
    large.available = 4; /* three are reserved, which nobody else can buy */
    large.on_hand_given_case = PRODUCT_SERVICE__VARIANT__ON_HAND_GIVEN_ON_HAND;
    large.on_hand = 7;
    large.sold = 2;
    large.stock_id = (char *)"0197-ab.3";
    message.handle = (char *)"sample";
    message.name = (char *)"Sample, the \"first\"";
    message.description = (char *)"=two\r\nlines\n";
    message.category = (char *)"things";
    message.currency = (char *)"USD";
    message.status = (char *)"archived";
    message.is_featured = true;
    message.tags = tags;
    message.n_tags = 2;
    message.image_urls = images;
    message.n_image_urls = 2;
    message.variants = variants;
    message.n_variants = 2;
    return &message;
}

TEST(what_is_exported_imports_as_the_same)
{
    static struct shopify_reader reader;
    struct shopify_options options = {"USD", false};
    ProductService__ImportProductRequest *request = NULL;
    struct csv_text text = {.is_clean = true};
    struct csv_place place;
    struct arena arena;
    struct buffer out;

    arena_init(&arena, 0);
    buffer_init(&out, 65536);
    shopify_write_header(&out);
    shopify_write_product(&arena, &out, sample());
    text.text = buffer_str(&out);
    CHECK_OK(shopify_reader_init(&arena, &text, &options, &reader, &place));
    CHECK_OK(shopify_next(&reader, &arena, &request, &place));
    const ProductService__CreateProductRequest *product = request->product;
    CHECK_STR(request->handle, "sample");
    CHECK_STR(product->name, "Sample, the \"first\"");
    CHECK_STR(product->description, "=two\r\nlines\n");
    CHECK_STR(product->status, "archived");
    CHECK(product->is_featured);
    CHECK_INT(product->n_tags, ==, 2);
    CHECK_STR(product->tags[0], "one, or two");
    CHECK_STR(product->tags[1], "\"three\"");
    CHECK_INT(product->n_image_urls, ==, 2);
    CHECK_INT(product->n_variants, ==, 2);
    CHECK_INT(product->variants[0]->unit_amount, ==, 5);
    CHECK_STR(product->variants[0]->options[0]->value, "S, \"small\"");
    CHECK_STR(product->variants[1]->options[0]->value, " L  ");
    CHECK_INT(product->variants[1]->unit_amount, ==, 123456);
    CHECK_INT(product->variants[1]->stock, ==, 4);
    CHECK_INT(request->n_keep, ==, 0);
    CHECK_INT(request->n_taken, ==, 2);
    CHECK_INT(request->taken[0], ==, 0);
    CHECK_INT(request->taken[1], ==, 5);
    CHECK_INT(request->n_taken_from, ==, 2);
    CHECK_STR(request->taken_from[0], "");
    CHECK_STR(request->taken_from[1], "0197-ab.3");
    CHECK_OK(shopify_next(&reader, &arena, &request, &place));
    CHECK(request == NULL);
    shopify_reader_release(&reader);
    buffer_release(&out);
    arena_release(&arena);
}
