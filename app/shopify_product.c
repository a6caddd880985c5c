/* SPDX-License-Identifier: Apache-2.0 */
/* The product's own cells, and its images. */
#include "app/shopify_product.h"

#include "app/shopify_values.h"
#include "base/money.h"
#include "base/visible.h"
#include "reasons.pb-c.h"

#define PART(name) PRODUCT_SERVICE__IMPORT_PRODUCT_REQUEST__PART__##name

enum { IMAGES_MAX = 32, TAGS_MAX = 64, PARTS_MAX = 17 };
#define CATEGORY_DEFAULT "uncategorized"

void shopify_refuse(struct shopify_product *product, const struct shopify_row *row,
                    enum shopify_column column, const char *why)
{
    enum { SHOWN_MAX = 60 };
    const char *name = product->reader->header.names[column];
    struct str cell = shopify_cell(row, column);
    size_t shown = cell.length;

    if (failed(product->status)) return;
    if (shown > SHOWN_MAX)
        for (shown = SHOWN_MAX; shown > 0 && ((uint8_t)cell.data[shown] & 0xc0) == 0x80;) shown--;
    product->place = csv_place_at(row->start, row->line, row->starts[column]);
    product->status = status_printf(
        product->arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__INVALID_FIELDS, "%s '%s%s' %s",
        name ? name : shopify_column_name(column),
        text_shown(product->arena, str_dup(product->arena, str_sized(cell.data, shown))),
        shown < cell.length ? "..." : "", why);
}

void shopify_note(struct shopify_product *product, const struct shopify_row *row,
                  enum shopify_note note)
{
    if (product->notes.counts[note]++ == 0) product->notes.first_lines[note] = row->line;
}

void shopify_keep(struct shopify_product *product, ProductService__ImportProductRequest__Part part)
{
    ProductService__ImportProductRequest *request = product->request;

    if (!request->keep)
        request->keep = arena_array(product->arena, ProductService__ImportProductRequest__Part,
                                    PARTS_MAX);
    invariant(request->n_keep < PARTS_MAX);
    request->keep[request->n_keep++] = part;
}

/* The text of a cell; if there is no such column, "" and the product keeps its own. */
static char *read_text(struct shopify_product *product, enum shopify_column column,
                       ProductService__ImportProductRequest__Part part)
{
    if (!shopify_product_has(product, column)) shopify_keep(product, part);
    return str_dup(product->arena, product->own->cells[column]);
}

/* ---- the product's own cells ---- */

/* The row with the Title is the product's; in a file without that column the first is. */
static const struct shopify_row *find_own(const struct shopify_reader *reader)
{
    for (size_t i = 0; i < reader->row_count; i++)
        if (shopify_cell(reader->rows[i], SHOPIFY_TITLE).length > 0) return reader->rows[i];
    return reader->rows[0];
}

static void read_name(struct shopify_product *product)
{
    struct str title = shopify_cell(product->own, SHOPIFY_TITLE);

    if (!shopify_product_has(product, SHOPIFY_TITLE)) {
        shopify_keep(product, PART(NAME));
        product->product->name = (char *)"-"; /* of a new product: the service refuses it */
        return;
    }
    product->product->name = str_dup(product->arena, product->own->cells[SHOPIFY_TITLE]);
    if (title.length == 0)
        shopify_refuse(product, product->own, SHOPIFY_TITLE,
                       "is blank in all rows of the product: give it one");
    for (size_t i = 0; i < product->reader->row_count; i++) {
        const struct shopify_row *row = product->reader->rows[i];
        struct str other = shopify_cell(row, SHOPIFY_TITLE);
        if (other.length > 0 && !str_equal(other, title))
            shopify_refuse(product, row, SHOPIFY_TITLE,
                           "differs from the Title in an earlier row with this Handle: two "
                           "products need two handles");
    }
}

static void read_category(struct shopify_product *product)
{
    struct str type = shopify_cell(product->own, SHOPIFY_TYPE);

    if (!shopify_product_has(product, SHOPIFY_TYPE)) shopify_keep(product, PART(CATEGORY));
    product->product->category = type.length ? str_dup(product->arena, type)
                                             : (char *)CATEGORY_DEFAULT;
}

static void read_tags(struct shopify_product *product)
{
    if (!shopify_product_has(product, SHOPIFY_TAGS)) {
        shopify_keep(product, PART(TAGS));
        return;
    }
    product->product->tags = arena_array(product->arena, char *, TAGS_MAX);
    if (!shopify_read_tags(product->arena, product->own->cells[SHOPIFY_TAGS], TAGS_MAX,
                           product->product->tags, &product->product->n_tags))
        shopify_refuse(product, product->own, SHOPIFY_TAGS, "must be at most 64 tags");
}

/* `fallback` where the cell is blank. */
static bool read_flag(struct shopify_product *product, enum shopify_column column, bool fallback)
{
    struct str cell = shopify_cell(product->own, column);
    bool flag = fallback;
    const char *why = cell.length ? shopify_read_flag(cell, &flag) : NULL;

    if (why) shopify_refuse(product, product->own, column, why);
    return flag;
}

/* What is not published is a draft here. Without a status, publishing neither archives nor takes
 * out of the archive. */
static void read_status(struct shopify_product *product)
{
    static const char *const names[] = {"active", "draft", "archived"};
    struct str status = shopify_cell(product->own, SHOPIFY_STATUS);
    bool published = read_flag(product, SHOPIFY_PUBLISHED, true);
    const char *name = NULL;

    for (size_t i = 0; i < 3; i++)
        if (str_equal_nocase(status, str_of(names[i]))) name = names[i];
    if (status.length > 0 && !name)
        shopify_refuse(product, product->own, SHOPIFY_STATUS, "must be active, draft or archived");
    if (!name)
        shopify_keep(product, shopify_product_has(product, SHOPIFY_PUBLISHED) ? PART(ARCHIVED)
                                                                              : PART(STATUS));
    if (!name) name = "active";
    if (!published && strcmp(name, "active") == 0) name = "draft";
    product->product->status = (char *)name;
}

static void read_currency(struct shopify_product *product)
{
    const struct shopify_options *options = &product->reader->options;
    struct str given = shopify_cell(product->own, SHOPIFY_CURRENCY);
    const char *currency = given.length ? str_dup(product->arena, given) : options->currency;

    if (!money_exponent(currency, &product->exponent))
        shopify_refuse(product, product->own, SHOPIFY_CURRENCY,
                       "must be a code of ISO 4217, such as EUR");
    product->product->currency = (char *)currency;
}

static bool has_amounts(const struct shopify_reader *reader)
{
    for (size_t i = 0; i < reader->row_count; i++)
        if (shopify_cell(reader->rows[i], SHOPIFY_PRICE).length > 0 ||
            shopify_cell(reader->rows[i], SHOPIFY_COMPARE_AT).length > 0)
            return true;
    return false;
}

/* A currency that nobody named, or that no amount is in, says nothing of a product that has one. */
static void keep_currency(struct shopify_product *product)
{
    if (shopify_cell(product->own, SHOPIFY_CURRENCY).length > 0) return;
    if (product->reader->options.is_currency_given && has_amounts(product->reader)) return;
    shopify_keep(product, PART(CURRENCY));
}

/* ---- images ---- */

struct image {
    struct str url;
    int position;
    bool is_placed; /* the file says where */
};

static bool is_repeated(const struct image *images, size_t count, const struct image *image)
{
    for (size_t i = 0; i < count; i++) {
        if (!str_equal(images[i].url, image->url)) continue;
        if (!image->is_placed || !images[i].is_placed || images[i].position == image->position)
            return true;
    }
    return false;
}

/* One without a place stands behind the one before. */
static struct image read_image(struct shopify_product *product, const struct shopify_row *row,
                               int position_before)
{
    struct str place = shopify_cell(row, SHOPIFY_IMAGE_POSITION);
    struct image image = {.url = shopify_cell(row, SHOPIFY_IMAGE), .position = position_before};

    if (image.url.length == 0 || place.length == 0) return image;
    const char *why = shopify_read_position(place, &image.position);
    if (why) shopify_refuse(product, row, SHOPIFY_IMAGE_POSITION, why);
    image.is_placed = true;
    return image;
}

static void read_images(struct shopify_product *product)
{
    struct image images[IMAGES_MAX];
    size_t count = 0;
    int position = 0;

    if (!shopify_product_has(product, SHOPIFY_IMAGE)) {
        shopify_keep(product, PART(IMAGE_URLS));
        return;
    }
    for (size_t i = 0; i < product->reader->row_count; i++) {
        const struct shopify_row *row = product->reader->rows[i];
        struct image image = read_image(product, row, position);
        if (image.url.length == 0 || is_repeated(images, count, &image)) continue;
        if (count == IMAGES_MAX) {
            shopify_refuse(product, row, SHOPIFY_IMAGE,
                           "is one too many: a product has at most 32 "
                           "images");
            return;
        }
        position = image.position;
        size_t at = count++;
        for (; at > 0 && images[at - 1].position > image.position; at--)
            images[at] = images[at - 1];
        images[at] = image;
    }
    product->product->image_urls = arena_array(product->arena, char *, count);
    product->product->n_image_urls = count;
    for (size_t i = 0; i < count; i++)
        product->product->image_urls[i] = str_dup(product->arena, images[i].url);
}

/* ---- all of it ---- */

static void read_product(struct shopify_product *product)
{
    read_currency(product);
    keep_currency(product);
    read_name(product);
    product->product->description = read_text(product, SHOPIFY_BODY, PART(DESCRIPTION));
    product->product->vendor = read_text(product, SHOPIFY_VENDOR, PART(VENDOR));
    read_category(product);
    read_tags(product);
    read_status(product);
    if (!shopify_product_has(product, SHOPIFY_FEATURED)) shopify_keep(product, PART(FEATURED));
    product->product->is_featured = read_flag(product, SHOPIFY_FEATURED, false);
    read_images(product);
    shopify_read_variants(product);
}

static void add_notes(const struct shopify_notes *from, struct shopify_notes *to)
{
    for (int i = 0; i < SHOPIFY_NOTES; i++) {
        if (to->counts[i] == 0) to->first_lines[i] = from->first_lines[i];
        to->counts[i] += from->counts[i];
    }
}

struct status shopify_product_read(struct shopify_reader *reader, struct arena *arena,
                                   ProductService__ImportProductRequest **ret_request,
                                   struct csv_place *ret_place)
{
    struct shopify_product product = {
        .arena = arena,
        .reader = reader,
        .own = find_own(reader),
        .request = arena_new(arena, ProductService__ImportProductRequest),
        .product = arena_new(arena, ProductService__CreateProductRequest),
        .exponent = 2,
    };

    product_service__import_product_request__init(product.request);
    product_service__create_product_request__init(product.product);
    product.request->product = product.product;
    product.request->line = reader->rows[0]->line;
    product.request->handle = str_dup(arena, shopify_cell(reader->rows[0], SHOPIFY_HANDLE));
    read_product(&product);
    if (failed(product.status)) {
        *ret_place = product.place;
        return product.status;
    }
    add_notes(&product.notes, &reader->notes);
    *ret_place = (struct csv_place){product.request->line, 0};
    *ret_request = product.request;
    return status_ok();
}
