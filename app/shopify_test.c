/* SPDX-License-Identifier: Apache-2.0 */
/* Reading files as Shopify writes them, and as people leave them behind. */
#include "app/shopify.h"

#include "base/test.h"

#define PART(name) PRODUCT_SERVICE__IMPORT_PRODUCT_REQUEST__PART__##name
#define STOCK(name) PRODUCT_SERVICE__IMPORT_PRODUCT_REQUEST__STOCK__##name

#define HEADER                                                                                 \
    "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,"          \
    "Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty,Variant Price," \
    "Variant Compare At Price,Image Src,Gift Card\n"

static struct arena arena;
static struct csv_text text;
static struct shopify_reader reader;
static ProductService__ImportProductRequest *request;
static const ProductService__CreateProductRequest *product;
static struct csv_place place;

static struct status try_open(struct str bytes, const char *currency, bool is_given)
{
    struct shopify_options options = {currency, is_given};

    arena_init(&arena, 0);
    CHECK_OK(csv_text_read(&arena, bytes, &text));
    return shopify_reader_init(&arena, &text, &options, &reader, &place);
}

static void open_text(const char *bytes)
{
    CHECK_OK(try_open(str_of(bytes), "USD", false));
}

static struct status next(void)
{
    struct status st = shopify_next(&reader, &arena, &request, &place);

    product = !failed(st) && request ? request->product : NULL;
    return st;
}

static void check_refused(int64_t line, int64_t column)
{
    CHECK_INT(next().code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(place.line, ==, line);
    CHECK_INT(place.column, ==, column);
}

static void check_next(const char *handle)
{
    struct status st = next();

    if (failed(st)) printf("  %lld: %s\n", (long long)place.line, st.message);
    CHECK(!failed(st) && request != 0);
    CHECK_STR(request->handle, handle);
}

static void check_end(void)
{
    CHECK_OK(next());
    CHECK(request == 0);
}

static void close_text(void)
{
    shopify_reader_release(&reader);
    csv_text_close(&text);
    arena_release(&arena);
}

static bool keeps(ProductService__ImportProductRequest__Part part)
{
    for (size_t i = 0; i < request->n_keep; i++)
        if (request->keep[i] == part) return true;
    return false;
}

/* ---- products ---- */

TEST(rows_of_one_handle_are_one_product)
{
    open_text(
        HEADER
        "mug,Mug,<p>Holds tea</p>,Pots,kitchen,\"tea, clay,\",true,Colour,Blue,M-B,300,shopify,4,"
        "12.50,15,https://x/1.jpg,false\n"
        "mug,,,,,,,,Red,M-R,300,,,13,,https://x/2.jpg,\n"
        "mug,,,,,,,,,,,,,,,https://x/3.jpg,\n"
        "spoon,Spoon,,,,,false,Title,Default Title,,0.0,,,1,,,\n");
    check_next("mug");
    CHECK_INT(request->line, ==, 2);
    CHECK_STR(product->name, "Mug");
    CHECK_STR(product->category, "kitchen");
    CHECK_STR(product->status, "active");
    CHECK_INT(product->n_tags, ==, 2);
    CHECK_STR(product->tags[1], "clay");
    CHECK_INT(product->n_image_urls, ==, 3);
    CHECK_INT(product->n_variants, ==, 2);
    CHECK_INT(product->variants[0]->unit_amount, ==, 1250);
    CHECK_INT(product->variants[0]->compare_at_unit_amount, ==, 1500);
    CHECK_INT(product->variants[0]->grams, ==, 300);
    CHECK_INT(product->variants[0]->stock, ==, 4);
    CHECK_STR(product->variants[0]->options[0]->name, "Colour");
    CHECK_STR(product->variants[1]->options[0]->value, "Red");
    CHECK_INT(product->variants[1]->stock_given_case, ==, 0);
    CHECK_INT(request->n_stock, ==, 2);
    CHECK_INT(request->stock[0], ==, STOCK(AVAILABLE));
    CHECK_INT(request->stock[1], ==, STOCK(UNTRACKED));

    check_next("spoon");
    CHECK_INT(request->line, ==, 5);
    CHECK_STR(product->status, "draft");
    CHECK_STR(product->category, "uncategorized");
    CHECK_INT(product->variants[0]->n_options, ==, 0);
    check_end();
    CHECK_INT(reader.header.unused_count, ==, 1);
    CHECK_STR(reader.header.unused, "Gift Card");
    close_text();
}

TEST(rows_of_one_handle_need_not_stand_together)
{
    open_text("Handle,Title,Option1 Name,Option1 Value,Variant Price\n"
              "a,A,Size,S,1\n"
              "b,B,Size,S,2\n"
              "a,,,M,3\n"
              "c,C,Size,S,4\n"
              "b,,,M,5\n"
              "b,,,L,6\n"
              "a,,,L,7\n");
    check_next("a");
    CHECK_INT(product->n_variants, ==, 3);
    CHECK_INT(product->variants[2]->unit_amount, ==, 700);
    check_next("b");
    CHECK_INT(product->n_variants, ==, 3);
    CHECK_STR(product->variants[2]->options[0]->value, "L");
    check_next("c");
    CHECK_INT(product->n_variants, ==, 1);
    check_end();
    close_text();
}

TEST(the_row_with_the_title_is_the_products_own)
{
    open_text("Handle,Title,Vendor,Option1 Name,Option1 Value,Variant Price\n"
              "a,,,,S,1\n"
              "a,A,Mill,Size,M,2\n");
    check_next("a");
    CHECK_STR(product->name, "A");
    CHECK_STR(product->vendor, "Mill");
    CHECK_STR(product->variants[0]->options[0]->name, "Size");
    check_end();
    close_text();
}

TEST(two_titles_under_one_handle_are_two_products_and_refused)
{
    open_text("Handle,Title,Option1 Name,Option1 Value,Variant Price\n"
              "a,A,Size,S,1\n"
              "b,B,Size,S,1\n"
              "a,Other,,M,2\n");
    check_refused(4, 3);
    check_next("b");
    check_end();
    close_text();
}

TEST(one_variant_in_two_rows_is_refused)
{
    open_text("Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price\n"
              "a,A,Size,S,1,1\na,,,S,2,2\n"
              "b,B,Size,S,1,1\nb,,,M,1,2\n"
              "c,C,,,,1\nc,,,,,2\n");
    check_refused(3, 5);
    check_refused(5, 7);
    check_refused(7, 5);
    check_end();
    close_text();
}

/* ---- refusals ---- */

TEST(a_bad_product_is_refused_by_its_place_and_the_next_is_read)
{
    open_text(HEADER "a,A,,,,,true,Size,S,,,,,1.00,,,\n"
                     "a,,,,,,,,M,,,,,1.005,,,\n"
                     ",Nameless,,,,,true,,,,,,,1,,,\n"
                     "c,,,,,,true,,,,,,,1,,,\n"
                     "d,D,,,,,true,,,,,,,much,,,\n"
                     "e,E,,,,,true,,,,,shopify,four,1,,,\n"
                     "g,G,,,,,maybe,,,,,,,1,,,\n"
                     "h,H,,,,,,,,,-1,,,1,,,\n"
                     "i,I,,,,,true,,,,4294967297,,,1,,,\n"
                     "j,J,,,,,true,,S,,,,,1,,,\n"
                     "f,F,,,,,true,,,,,,,1,,,\n");
    static const int64_t places[][2] = {{3, 16}, {4, 0},  {5, 3},   {6, 20}, {7, 26},
                                        {8, 9},  {9, 13}, {10, 17}, {11, 15}};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        check_refused(places[i][0], places[i][1]);
    check_next("f");
    close_text();
}

TEST(a_refusal_names_the_column_and_what_is_in_it)
{
    open_text("URL handle,Title,Price\na,A,$3\n");
    struct status st = next();
    CHECK(strstr(st.message, "Price '$3' must be digits") == st.message);
    close_text();
}

TEST(a_broken_row_refuses_the_whole_of_its_product)
{
    open_text(HEADER "a,A,,,,,true,Size,S,,,,,1,,,\n"
                     "a,,,,,,,,\"M\"x,,,,,1,,,\n"
                     "a,,,,,,,,L,,,,,1,,,\n"
                     "b,B,,,,,true,,,,,,,1,,,\n"
                     "\"c\"x,C,,,,,true,,,,,,,1,,,\n"
                     "d,D,,,,,true,,,,,,,1,,,\n"
                     "e,E, with a comma,,,,,true,,,,,,,1,,,\n");
    check_refused(3, 10);
    check_refused(6, 1); /* it may be one of b's */
    check_next("d");
    CHECK_OK(next());
    close_text();
}

TEST(a_row_with_too_many_fields_is_refused_where_they_begin)
{
    open_text("Handle,Title,Variant Price\na,A, b,1\nb,B,1,,\nc,C\n");
    check_refused(2, 8);
    check_next("b"); /* blank ones say nothing */
    check_next("c");
    CHECK_INT(product->variants[0]->unit_amount_given_case, ==, 0);
    check_end();
    close_text();
}

TEST(bytes_that_are_no_text_refuse_their_product_alone)
{
    static const char bytes[] = "Handle,Title,Variant Price\n"
                                "a,\xc3\x84,1\nb,B\xff,1\nc,\xc3\x84\xc3\x84,1\nd,D\0,1\n";

    CHECK_OK(try_open(str_sized(bytes, sizeof(bytes) - 1), "USD", false));
    check_next("a");
    check_refused(3, 4);
    check_next("c");
    check_refused(5, 4);
    check_end();
    close_text();
}

TEST(a_product_has_at_most_so_many_variants_images_and_rows)
{
    struct buffer out;

    buffer_init(&out, 1 << 20);
    buffer_printf(&out, "Handle,Title,Option1 Name,Option1 Value,Image Src\n");
    for (int i = 0; i < 101; i++) buffer_printf(&out, "v,V,Size,%d,\n", i);
    for (int i = 0; i < 33; i++) buffer_printf(&out, "i,I,,,https://x/%d.jpg\n", i);
    for (int i = 0; i < 1001; i++) buffer_printf(&out, "r,R,,,https://x/1.jpg\n");
    buffer_printf(&out, "x,X,,,\n");
    CHECK_OK(try_open(buffer_str(&out), "USD", false));
    check_refused(102, 10);
    check_refused(135, 7);
    check_refused(1136, 0);
    check_next("x");
    close_text();
    buffer_release(&out);
}

/* ---- the first line ---- */

static void check_header_refused(const char *bytes, int64_t line, int64_t column)
{
    CHECK_INT(try_open(str_of(bytes), "USD", false).code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(place.line, ==, line);
    CHECK_INT(place.column, ==, column);
    csv_text_close(&text);
    arena_release(&arena);
}

TEST(a_first_line_that_names_no_columns_is_refused)
{
    check_header_refused("Name,Price\na,1\n", 1, 0);
    check_header_refused("mug,Teapot,1\n", 1, 0);
    check_header_refused("Handle,Colour\na,red\n", 1, 0);
    check_header_refused("\n\n", 1, 0);
    check_header_refused("Handle,\"Title\n", 1, 8);
}

TEST(a_file_of_nothing_but_names_has_no_products)
{
    open_text("Handle,Title");
    check_end();
    close_text();
    open_text("Handle,Title\n\n,\n");
    check_end();
    close_text();
}

TEST(a_column_that_is_there_twice_is_refused)
{
    check_header_refused("Handle,Title,Price,title \na,A,1,B\n", 1, 20);
    check_header_refused("Handle,Title,URL handle\na,A,b\n", 1, 14);
    check_header_refused("Handle,Title,Colour,colour\na,A,b,c\n", 1, 21);
}

TEST(columns_are_found_by_their_names_in_any_case)
{
    open_text("\"handle\" , TITLE,Variant Price,,\na,A,1,,\n");
    check_next("a");
    CHECK_STR(product->name, "A");
    CHECK_INT(product->variants[0]->unit_amount, ==, 100);
    close_text();
}

TEST(the_separator_is_that_of_the_first_line)
{
    static const char *const files[] = {
        "Handle;Title;Tags;Variant Price\na;A;b, c;12,50\n",
        "Handle\tTitle\tTags\tVariant Price\na\tA\tb, c\t12.50\n",
        "sep=;\r\nHandle;Title;Tags;Variant Price\r\na;A;b, c;12,50\r\n",
        "SEP=\t\nHandle\tTitle\tTags\tVariant Price\na\tA\tb, c\t12.50\n",
        "\"Handle\";\"Title\";\"Colour, size; or so\";Tags;Variant Price\na;A;;b, c;12,50\n",
        "Handle|Title|Tags|Variant Price\ra|A|b, c|12.50\r",
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        open_text(files[i]);
        check_next("a");
        CHECK_INT(product->n_tags, ==, 2);
        CHECK_INT(product->variants[0]->unit_amount, ==, 1250);
        check_end();
        close_text();
    }
}

TEST(the_current_template_reads_as_the_classic_one)
{
    open_text(
        "Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,"
        "Status,SKU,Barcode,Option1 name,Option1 value,Option1 Linked To,Option2 name,"
        "Option2 value,Option2 Linked To,Option3 name,Option3 value,Option3 Linked To,Price,"
        "Compare-at price,Cost per item,Charge tax,Tax code,Inventory tracker,Inventory quantity,"
        "Continue selling when out of stock,Weight value (grams),Weight unit for display,"
        "Requires shipping,Fulfillment service,Product image URL,Image position,Image alt text,"
        "Variant image URL,Gift card,SEO title,SEO description\n"
        "Mug,mug,<p>Tea</p>,Pots,Home,kitchen,\"tea, clay\",TRUE,Active,M-B,400123,Colour,Blue,,"
        "Size,S,,,,,12.50,15,6,TRUE,,shopify,4,DENY,300,g,TRUE,manual,https://x/1.jpg,1,,"
        "https://x/b.jpg,FALSE,,\n"
        ",mug,,,,,,,,M-R,,,Red,,,S,,,,,13,,,,,shopify,7,CONTINUE,300,,,,https://x/2.jpg,2,,,,,\n");
    check_next("mug");
    CHECK_STR(product->name, "Mug");
    CHECK_STR(product->description, "<p>Tea</p>");
    CHECK_STR(product->category, "kitchen");
    CHECK_STR(product->status, "active");
    CHECK_INT(product->n_tags, ==, 2);
    CHECK_INT(product->n_image_urls, ==, 2);
    CHECK_INT(product->n_variants, ==, 2);
    CHECK_INT(product->variants[0]->n_options, ==, 2);
    CHECK_STR(product->variants[0]->barcode, "400123");
    CHECK_STR(product->variants[0]->image_url, "https://x/b.jpg");
    CHECK_INT(product->variants[0]->unit_amount, ==, 1250);
    CHECK_INT(product->variants[0]->compare_at_unit_amount, ==, 1500);
    CHECK_INT(product->variants[0]->grams, ==, 300);
    CHECK_INT(product->variants[0]->stock, ==, 4);
    CHECK_INT(request->stock[1], ==, STOCK(UNTRACKED));
    CHECK_INT(reader.notes.counts[SHOPIFY_NOTE_CONTINUE], ==, 1);
    CHECK_INT(reader.notes.first_lines[SHOPIFY_NOTE_CONTINUE], ==, 3);
    CHECK_INT(reader.header.unused_count, ==, 14);
    CHECK(keeps(PART(FEATURED)) && keeps(PART(CURRENCY)));
    CHECK_INT(request->n_keep, ==, 2);
    close_text();
}

/* ---- what is not there ---- */

TEST(columns_that_are_not_there_are_kept)
{
    static const ProductService__ImportProductRequest__Part parts[] = {
        PART(NAME),     PART(DESCRIPTION), PART(CATEGORY), PART(IMAGE_URLS), PART(STATUS),
        PART(FEATURED), PART(TAGS),        PART(VENDOR),   PART(CURRENCY)};

    open_text("Handle,Variant Inventory Policy\na,deny\n");
    check_next("a");
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) CHECK(keeps(parts[i]));
    CHECK(keeps(PART(OPTIONS)) && keeps(PART(SKU)) && keeps(PART(BARCODE)));
    CHECK(keeps(PART(GRAMS)) && keeps(PART(COMPARE_AT)) && keeps(PART(VARIANT_IMAGE_URL)));
    CHECK(!keeps(PART(VARIANTS)));
    CHECK_INT(product->variants[0]->unit_amount_given_case, ==, 0);
    CHECK_INT(product->variants[0]->stock_given_case, ==, 0);
    CHECK_INT(request->n_stock, ==, 0);
    close_text();

    open_text("Handle,Tags\na,\"b,c\"\n");
    check_next("a");
    CHECK(keeps(PART(VARIANTS)) && !keeps(PART(TAGS)) && !keeps(PART(OPTIONS)));
    CHECK_INT(product->n_variants, ==, 0);
    close_text();
}

TEST(published_and_status)
{
    static const char *const rows[][2] = {
        {"a,A,,", "active"},
        {"b,B,true,", "active"},
        {"c,C,FALSE,", "draft"},
        {"d,D,true,Draft", "draft"},
        {"e,E,,archived", "archived"},
        {"f,F,false,active", "draft"},
        {"g,G,false,ARCHIVED", "archived"},
    };
    struct buffer out;

    buffer_init(&out, 4096);
    buffer_printf(&out, "Handle,Title,Published,Status\n");
    for (size_t i = 0; i < 7; i++) buffer_printf(&out, "%s\n", rows[i][0]);
    buffer_printf(&out, "h,H,,unlisted\n");
    CHECK_OK(try_open(buffer_str(&out), "USD", false));
    for (size_t i = 0; i < 7; i++) {
        CHECK_OK(next());
        CHECK_STR(product->status, rows[i][1]);
        CHECK_INT(keeps(PART(ARCHIVED)), ==, i < 3);
        CHECK(!keeps(PART(STATUS)));
    }
    check_refused(9, 6);
    close_text();
    buffer_release(&out);
}

/* ---- images ---- */

TEST(images_stand_in_the_order_of_their_positions)
{
    open_text("Handle,Title,Image Src,Image Position\n"
              "a,A,https://x/3.jpg,3\n"
              "a,,https://x/1.jpg,1\n"
              "a,,https://x/2.jpg,\n"
              "a,,https://x/1.jpg,1\n"
              "a,,https://x/3.jpg,7\n"
              "b,B,https://x/1.jpg,second\n"
              "c,C,,\n");
    check_next("a");
    static const char *const urls[] = {"https://x/1.jpg", "https://x/2.jpg", "https://x/3.jpg",
                                       "https://x/3.jpg"};
    CHECK_INT(product->n_image_urls, ==, 4);
    for (size_t i = 0; i < 4; i++) CHECK_STR(product->image_urls[i], urls[i]);
    check_refused(7, 21);
    check_next("c");
    CHECK(!keeps(PART(IMAGE_URLS)));
    CHECK_INT(product->n_image_urls, ==, 0);
    close_text();
}

/* ---- stock ---- */

TEST(quantities_count_where_stock_is_tracked)
{
    open_text("Handle,Title,Variant Inventory Tracker,Variant Inventory Qty\n"
              "a,A,shopify,-4\n"
              "b,B,,7\n"
              "c,C,shopify,\n"
              "d,D,,\n"
              "e,E,shopify,1e9\n");
    check_next("a");
    CHECK_INT(product->variants[0]->stock, ==, 0);
    check_next("b");
    CHECK_INT(request->stock[0], ==, STOCK(UNTRACKED));
    check_next("c");
    CHECK_INT(request->stock[0], ==, STOCK(TRACKED));
    check_next("d");
    CHECK_INT(request->stock[0], ==, STOCK(UNTRACKED));
    check_refused(6, 13);
    CHECK_INT(reader.notes.counts[SHOPIFY_NOTE_NEGATIVE], ==, 1);
    CHECK_INT(reader.notes.counts[SHOPIFY_NOTE_UNTRACKED_QUANTITY], ==, 1);
    CHECK_INT(reader.notes.first_lines[SHOPIFY_NOTE_UNTRACKED_QUANTITY], ==, 3);
    close_text();

    open_text("Handle,Title,Variant Inventory Qty\na,A,7\n");
    check_next("a");
    CHECK_INT(request->stock[0], ==, STOCK(AVAILABLE_IF_TRACKED));
    CHECK_INT(product->variants[0]->stock, ==, 7);
    CHECK_INT(reader.notes.counts[SHOPIFY_NOTE_NO_TRACKER], ==, 1);
    close_text();

    open_text(
        "Handle,Title,Variant Inventory Policy,Variant Price\na,A,sometimes,1\nb,B,continue,1\n");
    check_refused(2, 5);
    check_next("b");
    CHECK_INT(request->stock[0], ==, STOCK(UNTRACKED));
    close_text();
}

/* ---- prices ---- */

TEST(a_blank_price_is_none_and_not_zero)
{
    open_text("Handle,Title,Variant Price,Variant Compare At Price\na,A,,\nb,B,0,0\n");
    check_next("a");
    CHECK_INT(product->variants[0]->unit_amount_given_case, ==, 0);
    check_next("b");
    CHECK(product->variants[0]->unit_amount_given_case != 0);
    CHECK_INT(product->variants[0]->unit_amount, ==, 0);
    close_text();
}

TEST(a_currency_column_goes_before_the_given_currency)
{
    open_text("Handle,Title,Variant Price,Currency\na,A,1000,JPY\nb,B,1.50,\nc,C,1,XXX\n");
    check_next("a");
    CHECK_STR(product->currency, "JPY");
    CHECK_INT(product->variants[0]->unit_amount, ==, 1000);
    CHECK(!keeps(PART(CURRENCY)));
    check_next("b");
    CHECK_STR(product->currency, "USD");
    CHECK_INT(product->variants[0]->unit_amount, ==, 150);
    CHECK(keeps(PART(CURRENCY)));
    check_refused(4, 7);
    close_text();
}

TEST(a_given_currency_is_that_of_the_amounts)
{
    CHECK_OK(try_open(STR("Handle,Title,Variant Price\na,A,1200\nb,B,1.5\nc,C,\n"), "JPY", true));
    check_next("a");
    CHECK_INT(product->variants[0]->unit_amount, ==, 1200);
    CHECK(!keeps(PART(CURRENCY)));
    check_refused(3, 5);
    check_next("c");
    CHECK(keeps(PART(CURRENCY))); /* no amount is in it */
    close_text();
}

/* ---- options ---- */

TEST(option_values_keep_their_spaces_between_quotes)
{
    open_text("Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value\n"
              "a,A,Size,\" Extra  large\",Colour,Red\n"
              "a,,, S ,,Red\n"
              "b,B,Title,Default Title,,\n"
              "c,C,Title,Default Title,,\n"
              "c,,,Second Title,,\n"
              "d,D,Size,\" S\",,\n"
              "d,,,S,,\n"
              "e,E,Title,\" Default Title\",,\n");
    check_next("a");
    CHECK_STR(product->variants[0]->options[0]->value, " Extra  large");
    CHECK_STR(product->variants[1]->options[0]->value, "S");
    CHECK_STR(product->variants[1]->options[1]->name, "Colour");
    check_next("b");
    CHECK_INT(product->variants[0]->n_options, ==, 0);
    check_next("c");
    CHECK_STR(product->variants[0]->options[0]->value, "Default Title");
    check_next("d");
    CHECK_INT(product->n_variants, ==, 2);
    check_next("e");
    CHECK_STR(product->variants[0]->options[0]->value, " Default Title");
    close_text();
}

TEST(options_must_fit_together)
{
    open_text("Handle,Title,Option1 Name,Option1 Value,Variant Price\n"
              "a,A,Size,S,1\na,,Length,M,1\n"
              "b,B,Size,S,1\nb,,,,2\n"
              "c,C,,S,1\n");
    check_refused(3, 4);
    check_refused(5, 5);
    check_refused(6, 6);
    close_text();
}
