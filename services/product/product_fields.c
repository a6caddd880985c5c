/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and checks the fields of product requests: texts, tags, prices, variants. */
#include "services/product/product_fields.h"

#include "base/money.h"
#include "reasons.pb-c.h"

/* ---- texts ---- */

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F) return true;
    return false;
}

/* Line feeds separate items in the store, so a text must not have any. */
struct status product_check_line(struct arena *arena, const char *field, const char *text)
{
    if (!has_control(text)) return status_ok();
    return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, field,
                        "must be one line without control characters");
}

struct status product_check_name(struct arena *arena, const char *name)
{
    if (str_trim(str_of(name)).length == 0)
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "name",
                            "must have a visible character");
    return product_check_line(arena, "name", name);
}

/* A category is one segment of a path, and must not be mistaken for another. */
struct status product_check_category(struct arena *arena, const char *field, const char *category)
{
    struct str text = str_of(category);
    bool padded = str_trim(text).length != text.length;
    bool dots = strcmp(category, ".") == 0 || strcmp(category, "..") == 0;

    if (text.length > 0 && !padded && !dots && !has_control(category) && !strchr(category, '/'))
        return status_ok();
    return status_field(arena, ARGOSY__REASON__CATEGORY_INVALID, field,
                        "must not have slashes, control characters, or spaces at its ends");
}

/* A scheme, if there is one, must be http or https, because pages show these images. */
static bool is_web_url(const char *url)
{
    size_t scheme = strspn(url,
                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

    if (has_control(url) || strchr(url, ' ')) return false;
    if (url[scheme] != ':') return true;
    return str_equal_nocase(str_sized(url, scheme), STR("http")) ||
           str_equal_nocase(str_sized(url, scheme), STR("https"));
}

static struct status check_url(struct arena *arena, const char *field, const char *url)
{
    if (is_web_url(url)) return status_ok();
    return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, field,
                        "must be an http or https address without spaces");
}

struct status product_read_image_urls(struct arena *arena, char *const *items, size_t count,
                                      struct product_texts *ret_texts)
{
    struct product_texts texts = {arena_array(arena, const char *, count), count};
    struct status st;

    for (size_t i = 0; i < count; i++) {
        st = check_url(arena, arena_printf(arena, "image_urls[%zu]", i), items[i]);
        if (failed(st)) return st;
        texts.items[i] = arena_strdup(arena, items[i]);
    }
    *ret_texts = texts;
    return status_ok();
}

static bool has_text(const struct product_texts *texts, struct str text)
{
    for (size_t i = 0; i < texts->count; i++)
        if (str_equal_nocase(str_of(texts->items[i]), text)) return true;
    return false;
}

/* Tags are a set that ignores case; the first spelling is kept. */
struct status product_read_tags(struct arena *arena, char *const *items, size_t count,
                                struct product_texts *ret_texts)
{
    struct product_texts texts = {arena_array(arena, const char *, count), 0};
    struct status st;

    for (size_t i = 0; i < count; i++) {
        struct str tag = str_trim(str_of(items[i]));
        st = product_check_line(arena, arena_printf(arena, "tags[%zu]", i), items[i]);
        if (failed(st)) return st;
        if (tag.length > 0 && !has_text(&texts, tag))
            texts.items[texts.count++] = str_dup(arena, tag);
    }
    *ret_texts = texts;
    return status_ok();
}

/* ---- prices ---- */

struct status product_read_currency(struct arena *arena, const char *currency,
                                    struct product_pricing *ret_pricing)
{
    int exponent;

    if (!money_exponent(currency, &exponent))
        return status_field(arena, ARGOSY__REASON__CURRENCY_UNKNOWN, "currency",
                            "%s is not a currency of ISO 4217", currency);
    ret_pricing->exponent = exponent;
    ret_pricing->currency = arena_strdup(arena, currency);
    return status_ok();
}

struct status product_check_currency(struct arena *arena, const char *currency)
{
    const char *successor = money_successor(currency);

    if (!successor) return status_ok();
    return status_field(arena, ARGOSY__REASON__CURRENCY_UNKNOWN, "currency",
                        "%s was withdrawn from ISO 4217; use %s instead", currency, successor);
}

struct status product_read_price(struct arena *arena, const struct product_price_input *input,
                                 const struct product_pricing *pricing, const char *prefix,
                                 int64_t *ret_amount)
{
    int64_t minor;

    if (!input->has_price) {
        *ret_amount = input->unit_amount;
        return status_ok();
    }
    if (!money_from_double(input->price, pricing->exponent, &minor))
        return status_field(arena, ARGOSY__REASON__PRICE_TOO_PRECISE,
                            arena_printf(arena, "%sprice", prefix), "%s has %d decimals",
                            pricing->currency, pricing->exponent);
    if (minor > PRODUCT_UNIT_AMOUNT_MAX)
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS,
                            arena_printf(arena, "%sprice", prefix),
                            "must be at most %lld in minor units", PRODUCT_UNIT_AMOUNT_MAX);
    if (input->has_unit_amount && minor != input->unit_amount)
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS,
                            arena_printf(arena, "%sprice", prefix),
                            "is %lld in minor units, but unit_amount is %lld; give one of them",
                            (long long)minor, (long long)input->unit_amount);
    *ret_amount = minor;
    return status_ok();
}

/* ---- variants ---- */

static struct status read_options(struct arena *arena, const ProductService__VariantInput *input,
                                  const char *prefix, struct product_variant *variant)
{
    if (input->n_options > PRODUCT_OPTIONS_MAX)
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS,
                            arena_printf(arena, "%soptions", prefix), "at most %d",
                            PRODUCT_OPTIONS_MAX);
    variant->option_count = input->n_options;
    for (size_t i = 0; i < input->n_options; i++) {
        const char *field = arena_printf(arena, "%soptions[%zu]", prefix, i);
        struct status st = product_check_line(arena, field, input->options[i]->name);
        if (!failed(st)) st = product_check_line(arena, field, input->options[i]->value);
        if (failed(st)) return st;
        variant->options[i].name = arena_strdup(arena, input->options[i]->name);
        variant->options[i].value = arena_strdup(arena, input->options[i]->value);
    }
    return status_ok();
}

static struct status read_variant_texts(struct arena *arena,
                                        const ProductService__VariantInput *input,
                                        const char *prefix, struct product_variant *variant)
{
    struct status st;

    st = product_check_line(arena, arena_printf(arena, "%ssku", prefix), input->sku);
    if (failed(st)) return st;
    st = product_check_line(arena, arena_printf(arena, "%sbarcode", prefix), input->barcode);
    if (failed(st)) return st;
    st = check_url(arena, arena_printf(arena, "%simage_url", prefix), input->image_url);
    if (failed(st)) return st;
    variant->sku = arena_strdup(arena, input->sku);
    variant->barcode = arena_strdup(arena, input->barcode);
    variant->image_url = arena_strdup(arena, input->image_url);
    return read_options(arena, input, prefix, variant);
}

/* `current` is the variant that the input changes; NULL for a new one. */
struct status product_read_variant(struct arena *arena, const ProductService__VariantInput *input,
                                   size_t index, const struct product_pricing *pricing,
                                   const struct product_variant *current,
                                   struct product_variant *ret_variant)
{
    const char *prefix = arena_printf(arena, "variants[%zu].", index);
    struct product_price_input price = {
        .has_unit_amount = input->unit_amount_given_case != 0,
        .unit_amount = input->unit_amount_given_case != 0 ? input->unit_amount : 0,
        .has_price = input->price_given_case != 0,
        .price = input->price_given_case != 0 ? input->price : 0,
    };
    struct product_variant variant = {
        .variant_id = current ? current->variant_id : "",
        .unit_amount = current && !pricing->given ? current->unit_amount : pricing->fallback,
        .compare_at_unit_amount = input->compare_at_unit_amount,
        .grams = input->grams,
        .stock = current ? current->stock
                         : product_stock_initial(input->stock_given_case != 0,
                                                 input->stock_given_case != 0 ? input->stock : 0),
    };
    struct status st;

    if (current && input->stock_given_case != 0)
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS,
                            arena_printf(arena, "%sstock", prefix),
                            "of an existing variant can only be changed with AdjustStock");
    if (price.has_unit_amount || price.has_price) {
        st = product_read_price(arena, &price, pricing, prefix, &variant.unit_amount);
        if (failed(st)) return st;
    } else if (!current && !pricing->known) {
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS,
                            arena_printf(arena, "%sprice", prefix),
                            "must be given, here or for the product");
    }
    st = read_variant_texts(arena, input, prefix, &variant);
    if (failed(st)) return st;
    *ret_variant = variant;
    return status_ok();
}

bool product_same_options(const struct product_variant *a, const struct product_variant *b)
{
    if (a->option_count != b->option_count) return false;
    for (size_t i = 0; i < a->option_count; i++) {
        if (strcmp(a->options[i].name, b->options[i].name) != 0) return false;
        if (strcmp(a->options[i].value, b->options[i].value) != 0) return false;
    }
    return true;
}

static bool same_option_names(const struct product_variant *a, const struct product_variant *b)
{
    if (a->option_count != b->option_count) return false;
    for (size_t i = 0; i < a->option_count; i++)
        if (strcmp(a->options[i].name, b->options[i].name) != 0) return false;
    return true;
}

static struct status check_pair(struct arena *arena, const struct product *product, size_t i,
                                size_t j)
{
    const struct product_variant *a = &product->variants[i], *b = &product->variants[j];

    if (!same_option_names(a, b))
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS,
                            arena_printf(arena, "variants[%zu].options", j),
                            "all variants must name the same options in the same order");
    if (product_same_options(a, b))
        return status_field(arena, ARGOSY__REASON__INVALID_FIELDS,
                            arena_printf(arena, "variants[%zu].options", j),
                            "are the same as those of variants[%zu]", i);
    if (*a->sku && strcmp(a->sku, b->sku) == 0)
        return status_field(arena, ARGOSY__REASON__SKU_EXISTS,
                            arena_printf(arena, "variants[%zu].sku", j),
                            "is the same as that of variants[%zu]", i);
    return status_ok();
}

/* Checks variants against one another. */
struct status product_check_variants(struct arena *arena, const struct product *product)
{
    const struct product_variant *first = &product->variants[0];
    struct status st;

    if (first->option_count > 1) {
        const struct product_option *options = first->options;
        bool twice = strcmp(options[0].name, options[1].name) == 0;
        if (first->option_count > 2)
            twice = twice || strcmp(options[0].name, options[2].name) == 0 ||
                    strcmp(options[1].name, options[2].name) == 0;
        if (twice)
            return status_field(arena, ARGOSY__REASON__INVALID_FIELDS, "variants[0].options",
                                "must not name an option twice");
    }
    for (size_t i = 0; i < product->variant_count; i++) {
        for (size_t j = i + 1; j < product->variant_count; j++) {
            st = check_pair(arena, product, i, j);
            if (failed(st)) return st;
        }
    }
    return status_ok();
}

struct status product_check_variant_count(size_t count)
{
    if (count <= PRODUCT_VARIANTS_MAX) return status_ok();
    return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__VARIANTS_TOO_MANY,
                       "a product has at most 100 variants");
}
