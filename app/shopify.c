/* SPDX-License-Identifier: Apache-2.0 */
#include "app/shopify.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/money.h"
#include "reasons.pb-c.h"

enum column {
    HANDLE,
    TITLE,
    BODY,
    VENDOR,
    TYPE,
    TAGS,
    PUBLISHED,
    OPTION1_NAME,
    OPTION1_VALUE,
    OPTION2_NAME,
    OPTION2_VALUE,
    OPTION3_NAME,
    OPTION3_VALUE,
    SKU,
    GRAMS,
    TRACKER,
    QUANTITY,
    POLICY,
    PRICE,
    COMPARE_AT,
    BARCODE,
    IMAGE,
    IMAGE_POSITION,
    VARIANT_IMAGE,
    STATUS,
    FEATURED,
    CURRENCY,
    COLUMN_COUNT
};

static const char *const column_names[COLUMN_COUNT] = {
    "Handle",
    "Title",
    "Body (HTML)",
    "Vendor",
    "Type",
    "Tags",
    "Published",
    "Option1 Name",
    "Option1 Value",
    "Option2 Name",
    "Option2 Value",
    "Option3 Name",
    "Option3 Value",
    "Variant SKU",
    "Variant Grams",
    "Variant Inventory Tracker",
    "Variant Inventory Qty",
    "Variant Inventory Policy",
    "Variant Price",
    "Variant Compare At Price",
    "Variant Barcode",
    "Image Src",
    "Image Position",
    "Variant Image",
    "Status",
    "Featured",
    "Currency",
};

_Static_assert((int)COLUMN_COUNT <= (int)SHOPIFY_COLUMNS, "room for every column");

enum { VARIANTS_MAX = 100, IMAGES_MAX = 32, TAGS_MAX = 64, OPTIONS = 3 };
#define CATEGORY_DEFAULT "uncategorized"

/* ---- rows ---- */

static struct str cell(const struct shopify_reader *reader, enum column column)
{
    int index = reader->columns[column];

    if (index < 0 || (size_t)index >= reader->row.count) return STR("");
    return str_trim(reader->row.fields[index]);
}

/* As it stands there, white space at the ends and all. */
static struct str whole_cell(const struct shopify_reader *reader, enum column column)
{
    int index = reader->columns[column];

    if (index < 0 || (size_t)index >= reader->row.count) return STR("");
    return reader->row.fields[index];
}

static void read_ahead(struct shopify_reader *reader)
{
    arena_reset(&reader->row_arena);
    reader->ahead = csv_next(&reader->csv, &reader->row_arena, &reader->row);
}

struct status shopify_reader_init(struct arena *arena, struct str text, const char *currency,
                                  struct shopify_reader *ret_reader)
{
    struct shopify_reader *reader = ret_reader;

    csv_reader_init(&reader->csv, text);
    reader->currency = currency;
    reader->handles = NULL;
    reader->handle_count = reader->handle_capacity = 0;
    arena_init(&reader->row_arena, 0);
    for (int i = 0; i < COLUMN_COUNT; i++) reader->columns[i] = -1;

    read_ahead(reader);
    for (size_t i = 0; reader->ahead == CSV_ROW && i < reader->row.count; i++)
        for (int column = 0; column < COLUMN_COUNT; column++)
            if (str_is(str_trim(reader->row.fields[i]), column_names[column]))
                reader->columns[column] = (int)i;
    if (reader->columns[HANDLE] < 0 || reader->columns[TITLE] < 0) {
        arena_release(&reader->row_arena);
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__INVALID_FIELDS,
                           "the first line must name the columns, Handle and Title among them");
    }
    read_ahead(reader);
    return status_ok();
}

void shopify_reader_release(struct shopify_reader *reader)
{
    free(reader->handles);
    arena_release(&reader->row_arena);
}

/* ---- one product ---- */

struct product_reading {
    struct arena *arena;
    struct shopify_reader *reader;
    ProductService__CreateProductRequest *product;
    int exponent;
    const char *option_names[OPTIONS]; /* from the first row; NULL: no such option */
    struct status status;              /* the first thing that was wrong */
    int64_t line;
};

static void refuse(struct product_reading *reading, const char *what, struct str value)
{
    if (failed(reading->status)) return;
    reading->status = status_printf(reading->arena, STATUS_INVALID_ARGUMENT,
                                    ARGOSY__REASON__INVALID_FIELDS, "%s: '%.*s'", what,
                                    (int)(value.length < 60 ? value.length : 60), value.data);
    reading->line = reading->reader->row.line;
}

static char *text_of(struct product_reading *reading, enum column column)
{
    return str_dup(reading->arena, cell(reading->reader, column));
}

static bool is_true(struct str value)
{
    return str_equal_nocase(value, STR("true")) || str_is(value, "1");
}

static const char *status_of(const struct shopify_reader *reader)
{
    struct str status = cell(reader, STATUS);

    if (str_equal_nocase(status, STR("archived"))) return "archived";
    if (str_equal_nocase(status, STR("draft"))) return "draft";
    if (reader->columns[PUBLISHED] >= 0 && !is_true(cell(reader, PUBLISHED))) return "draft";
    return "active";
}

static void read_tags(struct product_reading *reading)
{
    ProductService__CreateProductRequest *product = reading->product;
    struct str rest = cell(reading->reader, TAGS), tag;

    product->tags = arena_array(reading->arena, char *, TAGS_MAX);
    while (str_split(&rest, ',', &tag)) {
        tag = str_trim(tag);
        if (tag.length == 0) continue;
        if (product->n_tags == TAGS_MAX) {
            refuse(reading, "more than 64 tags", tag);
            return;
        }
        product->tags[product->n_tags++] = str_dup(reading->arena, tag);
    }
}

static int64_t read_money(struct product_reading *reading, enum column column)
{
    struct str text = cell(reading->reader, column);
    int64_t minor = 0;
    double amount;

    if (text.length == 0) return 0;
    if (!str_to_double(text, &amount) || !money_from_double(amount, reading->exponent, &minor))
        refuse(reading,
               column == PRICE ? "Variant Price is no amount of the currency"
                               : "Variant Compare At Price is no amount of the currency",
               text);
    return minor;
}

static int64_t read_number(struct product_reading *reading, enum column column,
                           const char *complaint)
{
    struct str text = cell(reading->reader, column);
    int64_t whole = 0;
    double value;

    if (text.length == 0 || str_to_i64(text, &whole)) return whole;
    if (str_to_double(text, &value) && value > -1e9 && value < 1e9 &&
        (double)(int64_t)value == value)
        return (int64_t)value; /* "0.0", as spreadsheets write it */
    refuse(reading, complaint, text);
    return 0;
}

/* "Title: Default Title" is how the format says that a product has no options. */
static bool is_default_title(struct str name, struct str value)
{
    return str_is(name, "Title") && str_is(value, "Default Title");
}

static void read_options(struct product_reading *reading, ProductService__VariantInput *variant)
{
    variant->options = arena_array(reading->arena, ProductService__VariantOption *, OPTIONS);
    for (int i = 0; i < OPTIONS; i++) {
        struct str value = cell(reading->reader, (enum column)(OPTION1_VALUE + 2 * i));
        const char *name = reading->option_names[i];
        if (!name || value.length == 0 || is_default_title(str_of(name), value)) continue;
        ProductService__VariantOption *option = arena_new(reading->arena,
                                                          ProductService__VariantOption);
        product_service__variant_option__init(option);
        option->name = (char *)name;
        option->value = str_dup(reading->arena, value);
        variant->options[variant->n_options++] = option;
    }
}

static int32_t read_grams(struct product_reading *reading)
{
    int64_t grams = read_number(reading, GRAMS, "Variant Grams is no whole number");

    if (grams >= 0 && grams <= INT32_MAX) return (int32_t)grams;
    refuse(reading, "Variant Grams is out of range", cell(reading->reader, GRAMS));
    return 0;
}

static void read_variant(struct product_reading *reading)
{
    ProductService__CreateProductRequest *product = reading->product;

    if (product->n_variants == VARIANTS_MAX) {
        refuse(reading, "more than 100 variants", cell(reading->reader, HANDLE));
        return;
    }
    ProductService__VariantInput *variant = arena_new(reading->arena, ProductService__VariantInput);
    product_service__variant_input__init(variant);
    product->variants[product->n_variants++] = variant;

    read_options(reading, variant);
    variant->sku = text_of(reading, SKU);
    variant->barcode = text_of(reading, BARCODE);
    variant->image_url = text_of(reading, VARIANT_IMAGE);
    variant->grams = read_grams(reading);
    variant->unit_amount_given_case = PRODUCT_SERVICE__VARIANT_INPUT__UNIT_AMOUNT_GIVEN_UNIT_AMOUNT;
    variant->unit_amount = read_money(reading, PRICE);
    variant->compare_at_unit_amount = read_money(reading, COMPARE_AT);
    if (cell(reading->reader, TRACKER).length == 0) return;
    variant->stock_given_case = PRODUCT_SERVICE__VARIANT_INPUT__STOCK_GIVEN_STOCK;
    variant->stock = read_number(reading, QUANTITY, "Variant Inventory Qty is no whole number");
    if (variant->stock < 0) variant->stock = 0; /* oversold where it comes from: nothing on hand */
}

static void read_image(struct product_reading *reading)
{
    ProductService__CreateProductRequest *product = reading->product;
    struct str image = cell(reading->reader, IMAGE);

    if (image.length == 0) return;
    for (size_t i = 0; i < product->n_image_urls; i++)
        if (str_is(image, product->image_urls[i])) return;
    if (product->n_image_urls == IMAGES_MAX)
        refuse(reading, "more than 32 images", image);
    else
        product->image_urls[product->n_image_urls++] = str_dup(reading->arena, image);
}

static char *read_currency(struct product_reading *reading)
{
    struct str given = cell(reading->reader, CURRENCY);
    char *currency = given.length ? str_dup(reading->arena, given)
                                  : (char *)reading->reader->currency;

    if (!money_exponent(currency, &reading->exponent)) refuse(reading, "Currency is none", given);
    return currency;
}

static void read_first_row(struct product_reading *reading)
{
    ProductService__CreateProductRequest *product = reading->product;
    struct str type = cell(reading->reader, TYPE);

    product->name = text_of(reading, TITLE);
    if (!product->name[0])
        refuse(reading, "the first row of a product has no Title", cell(reading->reader, HANDLE));
    product->description = str_dup(reading->arena, whole_cell(reading->reader, BODY));
    product->vendor = str_dup(reading->arena, whole_cell(reading->reader, VENDOR));
    product->category = type.length ? str_dup(reading->arena, type) : (char *)CATEGORY_DEFAULT;
    product->currency = read_currency(reading);
    product->status = (char *)status_of(reading->reader);
    product->is_featured = is_true(cell(reading->reader, FEATURED));
    product->image_urls = arena_array(reading->arena, char *, IMAGES_MAX);
    product->variants = arena_array(reading->arena, ProductService__VariantInput *, VARIANTS_MAX);
    read_tags(reading);
    for (int i = 0; i < OPTIONS; i++) {
        struct str name = cell(reading->reader, (enum column)(OPTION1_NAME + 2 * i));
        if (name.length) reading->option_names[i] = str_dup(reading->arena, name);
    }
    read_variant(reading);
    read_image(reading);
}

static void read_later_row(struct product_reading *reading)
{
    bool variant = cell(reading->reader, OPTION1_VALUE).length > 0 ||
                   cell(reading->reader, PRICE).length > 0;

    if (variant) read_variant(reading);
    read_image(reading);
}

/* ---- handles that were there already ---- */

static uint64_t hash_handle(struct str handle)
{
    uint64_t hash = hash_bytes(HASH_START, handle);

    return hash ? hash : 1;
}

/* Puts a hash into a table with room; false if it is there already. */
static bool put_hash(uint64_t *slots, size_t capacity, uint64_t hash)
{
    size_t slot = hash & (capacity - 1);

    while (slots[slot] && slots[slot] != hash) slot = (slot + 1) & (capacity - 1);
    if (slots[slot]) return false;
    slots[slot] = hash;
    return true;
}

static void grow_handles(struct shopify_reader *reader)
{
    size_t capacity = reader->handle_capacity ? reader->handle_capacity * 2 : 1024;
    uint64_t *slots = calloc(capacity, sizeof(*slots));

    invariant(slots);
    for (size_t i = 0; i < reader->handle_capacity; i++)
        if (reader->handles[i]) put_hash(slots, capacity, reader->handles[i]);
    free(reader->handles);
    reader->handles = slots;
    reader->handle_capacity = capacity;
}

/* A handle in two places of one file would be two products that overwrite each other. */
static bool is_new_handle(struct shopify_reader *reader, struct str handle)
{
    if (reader->handle_count * 2 >= reader->handle_capacity) grow_handles(reader);
    if (!put_hash(reader->handles, reader->handle_capacity, hash_handle(handle))) return false;
    reader->handle_count++;
    return true;
}

/* A broken row amid a product may be one of its variants: all of the product or nothing. */
static void refuse_broken_row(struct product_reading *reading)
{
    if (failed(reading->status)) return;
    reading->status = status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__INVALID_FIELDS,
                                  reading->reader->csv.error);
    reading->line = reading->reader->row.line;
}

static struct status read_product(struct product_reading *reading,
                                  ProductService__ImportProductRequest *request)
{
    struct shopify_reader *reader = reading->reader;

    if (!request->handle[0]) {
        refuse(reading, "the row has no Handle", cell(reader, TITLE));
        read_ahead(reader);
        return reading->status;
    }
    if (!is_new_handle(reader, str_of(request->handle)))
        refuse(reading, "the file has this Handle in an earlier place", str_of(request->handle));
    read_first_row(reading);
    for (read_ahead(reader); reader->ahead != CSV_END; read_ahead(reader)) {
        if (reader->ahead == CSV_BROKEN)
            refuse_broken_row(reading);
        else if (str_is(cell(reader, HANDLE), request->handle))
            read_later_row(reading);
        else
            break;
    }
    return reading->status;
}

struct status shopify_next(struct shopify_reader *reader, struct arena *arena,
                           ProductService__ImportProductRequest **ret_request, int64_t *ret_line)
{
    struct product_reading reading = {.arena = arena, .reader = reader, .exponent = 2};

    if (reader->ahead == CSV_END) {
        *ret_request = 0;
        return status_ok();
    }
    if (reader->ahead == CSV_BROKEN) {
        *ret_line = reader->row.line;
        struct status st = status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__INVALID_FIELDS,
                                       reader->csv.error);
        read_ahead(reader);
        return st;
    }

    ProductService__ImportProductRequest *request = arena_new(arena,
                                                              ProductService__ImportProductRequest);
    product_service__import_product_request__init(request);
    reading.product = arena_new(arena, ProductService__CreateProductRequest);
    product_service__create_product_request__init(reading.product);
    request->product = reading.product;
    request->line = reader->row.line;
    request->handle = str_dup(arena, cell(reader, HANDLE));

    struct status st = read_product(&reading, request);
    *ret_line = failed(st) ? reading.line : request->line;
    if (failed(st)) return st;
    *ret_request = request;
    return status_ok();
}

/* ---- writing ---- */

void shopify_write_header(struct buffer *out)
{
    for (int i = 0; i < COLUMN_COUNT; i++) csv_write(out, i == 0, str_of(column_names[i]));
    csv_write_end(out);
}

static void write_row(struct buffer *out, const struct str cells[COLUMN_COUNT])
{
    for (int i = 0; i < COLUMN_COUNT; i++) csv_write(out, i == 0, cells[i]);
    csv_write_end(out);
}

static struct str money_text(struct arena *arena, int64_t minor, const char *currency)
{
    int exponent = 2;
    int64_t scale = 1;

    money_exponent(currency, &exponent);
    for (int i = 0; i < exponent; i++) scale *= 10;
    if (exponent == 0) return str_of(arena_printf(arena, "%lld", (long long)minor));
    return str_of(arena_printf(arena, "%lld.%0*lld", (long long)(minor / scale), exponent,
                               (long long)(minor % scale)));
}

static void fill_variant(struct arena *arena, const ProductService__Product *product,
                         const ProductService__Variant *variant, struct str cells[COLUMN_COUNT])
{
    for (size_t i = 0; i < variant->n_options && i < OPTIONS; i++) {
        cells[OPTION1_NAME + 2 * i] = str_of(variant->options[i]->name);
        cells[OPTION1_VALUE + 2 * i] = str_of(variant->options[i]->value);
    }
    if (variant->n_options == 0) {
        cells[OPTION1_NAME] = STR("Title");
        cells[OPTION1_VALUE] = STR("Default Title");
    }
    cells[SKU] = str_of(variant->sku);
    cells[GRAMS] = str_of(arena_printf(arena, "%d", variant->grams));
    cells[POLICY] = STR("deny");
    cells[PRICE] = money_text(arena, variant->unit_amount, product->currency);
    if (variant->compare_at_unit_amount)
        cells[COMPARE_AT] = money_text(arena, variant->compare_at_unit_amount, product->currency);
    cells[BARCODE] = str_of(variant->barcode);
    cells[VARIANT_IMAGE] = str_of(variant->image_url);
    if (!variant->available_given_case) return; /* not tracked */
    cells[TRACKER] = STR("shopify");
    cells[QUANTITY] = str_of(arena_printf(arena, "%lld", (long long)variant->available));
}

static struct str join_tags(struct arena *arena, const ProductService__Product *product)
{
    const char *joined = "";

    for (size_t i = 0; i < product->n_tags; i++)
        joined = arena_printf(arena, "%s%s%s", joined, i ? ", " : "", product->tags[i]);
    return str_of(joined);
}

static void fill_product(struct arena *arena, const ProductService__Product *product,
                         struct str cells[COLUMN_COUNT])
{
    bool uncategorized = str_is(str_of(product->category), CATEGORY_DEFAULT);

    cells[TITLE] = str_of(product->name);
    cells[BODY] = str_of(product->description);
    cells[VENDOR] = str_of(product->vendor);
    cells[TYPE] = uncategorized ? STR("") : str_of(product->category);
    cells[TAGS] = join_tags(arena, product);
    cells[PUBLISHED] = str_is(str_of(product->status), "active") ? STR("true") : STR("false");
    cells[STATUS] = str_of(product->status);
    cells[CURRENCY] = str_of(product->currency);
    cells[FEATURED] = product->is_featured ? STR("true") : STR("false");
}

void shopify_write_product(struct arena *arena, struct buffer *out,
                           const ProductService__Product *product)
{
    size_t rows = product->n_variants > product->n_image_urls ? product->n_variants
                                                              : product->n_image_urls;

    for (size_t i = 0; i < rows; i++) {
        struct str cells[COLUMN_COUNT] = {0};
        cells[HANDLE] = str_of(product->handle);
        if (i == 0) fill_product(arena, product, cells);
        if (i < product->n_variants) fill_variant(arena, product, product->variants[i], cells);
        if (i < product->n_image_urls) {
            cells[IMAGE] = str_of(product->image_urls[i]);
            cells[IMAGE_POSITION] = str_of(arena_printf(arena, "%zu", i + 1));
        }
        write_row(out, cells);
    }
}
