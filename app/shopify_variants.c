/* SPDX-License-Identifier: Apache-2.0 */
/* The variants in a product's rows: their options, prices and stock. */
#include "app/shopify_product.h"
#include "app/shopify_values.h"
#include "base/visible.h"
#include "reasons.pb-c.h"

#define PART(name) PRODUCT_SERVICE__IMPORT_PRODUCT_REQUEST__PART__##name
#define STOCK(name) PRODUCT_SERVICE__IMPORT_PRODUCT_REQUEST__STOCK__##name

enum { VARIANTS_MAX = 100 };

static enum shopify_column name_column(int option)
{
    return (enum shopify_column)(SHOPIFY_OPTION1_NAME + 2 * option);
}

static enum shopify_column value_column(int option)
{
    return (enum shopify_column)(SHOPIFY_OPTION1_VALUE + 2 * option);
}

/* ---- which rows have a variant ---- */

/* Columns that make a row one of a variant if they are filled. Weights and trackers do not:
 * spreadsheets fill them down, also into the rows of images. */
static const enum shopify_column marks[] = {
    SHOPIFY_OPTION1_VALUE, SHOPIFY_OPTION2_VALUE, SHOPIFY_OPTION3_VALUE,
    SHOPIFY_SKU,           SHOPIFY_PRICE,         SHOPIFY_COMPARE_AT,
    SHOPIFY_QUANTITY,      SHOPIFY_BARCODE,       SHOPIFY_VARIANT_IMAGE,
};
static const enum shopify_column others[] = {SHOPIFY_GRAMS, SHOPIFY_TRACKER, SHOPIFY_POLICY};

static bool has_variants(const struct shopify_product *product)
{
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (shopify_product_has(product, marks[i])) return true;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (shopify_product_has(product, others[i])) return true;
    return false;
}

static bool is_variant(const struct shopify_row *row)
{
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (shopify_cell(row, marks[i]).length > 0) return true;
    return false;
}

/* The rows of variants, the product's own if there are none. */
static size_t find_variants(struct shopify_product *product,
                            const struct shopify_row *ret_rows[VARIANTS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < product->reader->row_count; i++) {
        const struct shopify_row *row = product->reader->rows[i];
        if (!is_variant(row)) continue;
        if (count == VARIANTS_MAX) {
            shopify_refuse(product, row, SHOPIFY_OPTION1_VALUE,
                           "is one too many: a product has at most 100 variants");
            break;
        }
        ret_rows[count++] = row;
    }
    if (count == 0) ret_rows[count++] = product->own;
    return count;
}

/* ---- options ---- */

/* What the options are called, and which there are. */
struct options {
    struct str names[SHOPIFY_OPTIONS];
    bool used[SHOPIFY_OPTIONS];
};

/* The first row that names an option names it for all. */
static struct str read_option_name(struct shopify_product *product, int option)
{
    struct str name = {0};

    for (size_t i = 0; i < product->reader->row_count; i++) {
        const struct shopify_row *row = product->reader->rows[i];
        struct str other = row->cells[name_column(option)];
        if (str_trim(other).length == 0) continue;
        if (!name.data)
            name = other;
        else if (!str_equal(str_trim(other), str_trim(name)))
            shopify_refuse(product, row, name_column(option),
                           "differs from the name of this option in an earlier row of the product");
    }
    return name;
}

/* "Title: Default Title" is how the format says that a product has no options. */
static bool is_default_title(const struct options *options, const struct shopify_row *row)
{
    return !options->used[1] && !options->used[2] && str_is(options->names[0], "Title") &&
           str_is(row->cells[SHOPIFY_OPTION1_VALUE], "Default Title");
}

static struct options read_options(struct shopify_product *product,
                                   const struct shopify_row *const *rows, size_t count)
{
    struct options options = {0};

    for (int option = 0; option < SHOPIFY_OPTIONS; option++) {
        options.names[option] = read_option_name(product, option);
        for (size_t i = 0; i < count; i++)
            if (shopify_cell(rows[i], value_column(option)).length > 0) options.used[option] = true;
        for (size_t i = 0; i < count && options.used[option]; i++) {
            if (shopify_cell(rows[i], value_column(option)).length == 0)
                shopify_refuse(product, rows[i], value_column(option),
                               "is blank, but other variants of the product have a value");
            else if (!options.names[option].data)
                shopify_refuse(product, rows[i], value_column(option),
                               "is the value of an option without a name: give it one");
        }
    }
    if (count == 1 && is_default_title(&options, rows[0])) options.used[0] = false;
    return options;
}

static void fill_options(struct shopify_product *product, const struct shopify_row *row,
                         const struct options *options, ProductService__VariantInput *variant)
{
    variant->options = arena_array(product->arena, ProductService__VariantOption *,
                                   SHOPIFY_OPTIONS);
    for (int i = 0; i < SHOPIFY_OPTIONS; i++) {
        if (!options->used[i]) continue;
        ProductService__VariantOption *option = arena_new(product->arena,
                                                          ProductService__VariantOption);
        product_service__variant_option__init(option);
        option->name = str_dup(product->arena, options->names[i]);
        option->value = str_dup(product->arena, row->cells[value_column(i)]);
        variant->options[variant->n_options++] = option;
    }
}

static bool same_cells(const struct shopify_row *a, const struct shopify_row *b,
                       enum shopify_column column)
{
    return str_equal(a->cells[column], b->cells[column]);
}

/* Two rows for one variant, or two variants with one SKU. */
static void check_pair(struct shopify_product *product, const struct shopify_row *first,
                       const struct shopify_row *second)
{
    bool same_options = same_cells(first, second, SHOPIFY_OPTION1_VALUE) &&
                        same_cells(first, second, SHOPIFY_OPTION2_VALUE) &&
                        same_cells(first, second, SHOPIFY_OPTION3_VALUE);
    bool same_sku = same_cells(first, second, SHOPIFY_SKU) &&
                    shopify_cell(first, SHOPIFY_SKU).length > 0;

    if (same_options && shopify_product_has(product, SHOPIFY_OPTION1_VALUE))
        shopify_refuse(product, second, SHOPIFY_OPTION1_VALUE,
                       arena_printf(product->arena,
                                    "makes the same variant as line %lld: give the variants of a "
                                    "product different option values",
                                    (long long)first->line));
    else if (same_options && (same_sku || shopify_cell(first, SHOPIFY_SKU).length == 0))
        shopify_refuse(product, second, SHOPIFY_PRICE,
                       arena_printf(product->arena,
                                    "is of a second variant, and nothing tells it from that of "
                                    "line %lld: add the columns Option1 Name and Option1 Value",
                                    (long long)first->line));
    else if (same_sku)
        shopify_refuse(
            product, second, SHOPIFY_SKU,
            arena_printf(product->arena, "is the SKU of line %lld too", (long long)first->line));
}

/* ---- prices ---- */

static bool read_amount(struct shopify_product *product, const struct shopify_row *row,
                        enum shopify_column column, int64_t *ret_amount)
{
    struct str cell = shopify_cell(row, column);

    if (cell.length == 0) return false;
    const char *why = shopify_read_amount(product->arena, cell, product->exponent,
                                          product->product->currency, ret_amount);
    if (why) shopify_refuse(product, row, column, why);
    return !why;
}

/* ---- stock ---- */

static bool is_continued(struct shopify_product *product, const struct shopify_row *row)
{
    struct str policy = shopify_cell(row, SHOPIFY_POLICY);
    bool continued = str_equal_nocase(policy, STR("continue"));

    if (policy.length == 0 || continued || str_equal_nocase(policy, STR("deny"))) return continued;
    if (shopify_read_flag(policy, &continued))
        shopify_refuse(product, row, SHOPIFY_POLICY, "must be deny or continue");
    return continued;
}

/* False if the cell is blank. Oversold where it comes from: there is nothing to buy. */
static bool read_quantity(struct shopify_product *product, const struct shopify_row *row,
                          int64_t *ret_pieces)
{
    struct str cell = shopify_cell(row, SHOPIFY_QUANTITY);
    int64_t pieces = 0;

    if (cell.length == 0) return false;
    const char *why = shopify_read_pieces(cell, &pieces);
    if (why) shopify_refuse(product, row, SHOPIFY_QUANTITY, why);
    if (pieces < 0) shopify_note(product, row, SHOPIFY_NOTE_NEGATIVE);
    *ret_pieces = pieces > 0 ? pieces : 0;
    return true;
}

static ProductService__ImportProductRequest__Stock read_stock(struct shopify_product *product,
                                                              const struct shopify_row *row,
                                                              ProductService__VariantInput *variant)
{
    bool has_tracker = shopify_product_has(product, SHOPIFY_TRACKER);
    bool tracked = shopify_cell(row, SHOPIFY_TRACKER).length > 0;
    bool continued = is_continued(product, row);
    int64_t pieces = 0;
    bool counted = read_quantity(product, row, &pieces);

    if (continued && (tracked || !has_tracker)) {
        shopify_note(product, row, SHOPIFY_NOTE_CONTINUE);
        return STOCK(UNTRACKED);
    }
    if (has_tracker && !tracked) {
        if (pieces > 0) shopify_note(product, row, SHOPIFY_NOTE_UNTRACKED_QUANTITY);
        return STOCK(UNTRACKED);
    }
    if (!counted) return has_tracker ? STOCK(TRACKED) : STOCK(AVAILABLE);
    variant->stock_given_case = PRODUCT_SERVICE__VARIANT_INPUT__STOCK_GIVEN_STOCK;
    variant->stock = pieces;
    if (has_tracker) return STOCK(AVAILABLE);
    shopify_note(product, row, SHOPIFY_NOTE_NO_TRACKER);
    return STOCK(AVAILABLE_IF_TRACKED);
}

/* "5 of STOCK", or only "5". */
static int64_t read_taken(struct shopify_product *product, const struct shopify_row *row,
                          char **ret_stock)
{
    struct str cell = shopify_cell(row, SHOPIFY_TAKEN), number = cell, stock = STR("");
    const char *of = cell.length ? memmem(cell.data, cell.length, SHOPIFY_TAKEN_OF,
                                          strlen(SHOPIFY_TAKEN_OF))
                                 : NULL;
    int64_t taken = 0;

    if (of) {
        const char *name = of + strlen(SHOPIFY_TAKEN_OF);
        number = str_sized(cell.data, (size_t)(of - cell.data));
        stock = str_sized(name, (size_t)(cell.data + cell.length - name));
    }
    const char *why = cell.length ? shopify_read_pieces(number, &taken) : NULL;
    if (why || taken < 0)
        shopify_refuse(product, row, SHOPIFY_TAKEN, why ? why : "must not be less than 0");
    *ret_stock = str_dup(product->arena, stock);
    return taken;
}

/* ---- all of it ---- */

static ProductService__VariantInput *read_variant(struct shopify_product *product,
                                                  const struct shopify_row *row,
                                                  const struct options *options)
{
    ProductService__VariantInput *variant = arena_new(product->arena, ProductService__VariantInput);
    struct str grams = shopify_cell(row, SHOPIFY_GRAMS);
    bool rounded = false;

    product_service__variant_input__init(variant);
    fill_options(product, row, options, variant);
    variant->sku = str_dup(product->arena, row->cells[SHOPIFY_SKU]);
    variant->barcode = str_dup(product->arena, row->cells[SHOPIFY_BARCODE]);
    variant->image_url = str_dup(product->arena, shopify_cell(row, SHOPIFY_VARIANT_IMAGE));
    const char *why = grams.length ? shopify_read_grams(grams, &variant->grams, &rounded) : NULL;
    if (why) shopify_refuse(product, row, SHOPIFY_GRAMS, why);
    if (rounded) shopify_note(product, row, SHOPIFY_NOTE_ROUNDED);
    if (read_amount(product, row, SHOPIFY_PRICE, &variant->unit_amount))
        variant->unit_amount_given_case =
            PRODUCT_SERVICE__VARIANT_INPUT__UNIT_AMOUNT_GIVEN_UNIT_AMOUNT;
    read_amount(product, row, SHOPIFY_COMPARE_AT, &variant->compare_at_unit_amount);
    return variant;
}

static void keep_parts(struct shopify_product *product)
{
    static const struct {
        enum shopify_column column;
        ProductService__ImportProductRequest__Part part;
    } parts[] = {
        {SHOPIFY_OPTION1_VALUE, PART(OPTIONS)}, {SHOPIFY_SKU, PART(SKU)},
        {SHOPIFY_BARCODE, PART(BARCODE)},       {SHOPIFY_GRAMS, PART(GRAMS)},
        {SHOPIFY_COMPARE_AT, PART(COMPARE_AT)}, {SHOPIFY_VARIANT_IMAGE, PART(VARIANT_IMAGE_URL)},
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (!shopify_product_has(product, parts[i].column)) shopify_keep(product, parts[i].part);
}

void shopify_read_variants(struct shopify_product *product)
{
    ProductService__ImportProductRequest *request = product->request;
    const struct shopify_row *rows[VARIANTS_MAX];
    bool plain = true;

    if (!has_variants(product)) {
        shopify_keep(product, PART(VARIANTS));
        return;
    }
    keep_parts(product);
    size_t count = find_variants(product, rows);
    struct options options = read_options(product, rows, count);
    product->product->variants = arena_array(product->arena, ProductService__VariantInput *, count);
    request->stock = arena_array(product->arena, ProductService__ImportProductRequest__Stock,
                                 count);
    request->taken = arena_array(product->arena, int64_t, count);
    request->taken_from = arena_array(product->arena, char *, count);
    request->variant_lines = arena_array(product->arena, int64_t, count);
    for (size_t i = 0; i < count; i++) {
        ProductService__VariantInput *variant = read_variant(product, rows[i], &options);
        product->product->variants[product->product->n_variants++] = variant;
        request->variant_lines[request->n_variant_lines++] = rows[i]->line;
        request->stock[i] = read_stock(product, rows[i], variant);
        request->taken[i] = read_taken(product, rows[i], &request->taken_from[i]);
        plain = plain && request->stock[i] == STOCK(AVAILABLE);
        for (size_t j = 0; j < i; j++) check_pair(product, rows[j], rows[i]);
    }
    request->n_stock = plain ? 0 : count;
    request->n_taken = shopify_product_has(product, SHOPIFY_TAKEN) ? count : 0;
    request->n_taken_from = request->n_taken;
}
