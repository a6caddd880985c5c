/* SPDX-License-Identifier: Apache-2.0 */
/* See shopify_columns.h. */
#include "app/shopify_columns.h"

#include "base/visible.h"
#include "reasons.pb-c.h"

/* The classic name, and that of the current template where it is another. */
static const char *const names[SHOPIFY_COLUMNS][2] = {
    [SHOPIFY_HANDLE] = {"Handle", "URL handle"},
    [SHOPIFY_TITLE] = {"Title"},
    [SHOPIFY_BODY] = {"Body (HTML)", "Description"},
    [SHOPIFY_VENDOR] = {"Vendor"},
    [SHOPIFY_TYPE] = {"Type"},
    [SHOPIFY_TAGS] = {"Tags"},
    [SHOPIFY_PUBLISHED] = {"Published", "Published on online store"},
    [SHOPIFY_OPTION1_NAME] = {"Option1 Name"},
    [SHOPIFY_OPTION1_VALUE] = {"Option1 Value"},
    [SHOPIFY_OPTION2_NAME] = {"Option2 Name"},
    [SHOPIFY_OPTION2_VALUE] = {"Option2 Value"},
    [SHOPIFY_OPTION3_NAME] = {"Option3 Name"},
    [SHOPIFY_OPTION3_VALUE] = {"Option3 Value"},
    [SHOPIFY_SKU] = {"Variant SKU", "SKU"},
    [SHOPIFY_GRAMS] = {"Variant Grams", "Weight value (grams)"},
    [SHOPIFY_TRACKER] = {"Variant Inventory Tracker", "Inventory tracker"},
    [SHOPIFY_QUANTITY] = {"Variant Inventory Qty", "Inventory quantity"},
    [SHOPIFY_POLICY] = {"Variant Inventory Policy", "Continue selling when out of stock"},
    [SHOPIFY_PRICE] = {"Variant Price", "Price"},
    [SHOPIFY_COMPARE_AT] = {"Variant Compare At Price", "Compare-at price"},
    [SHOPIFY_BARCODE] = {"Variant Barcode", "Barcode"},
    [SHOPIFY_IMAGE] = {"Image Src", "Product image URL"},
    [SHOPIFY_IMAGE_POSITION] = {"Image Position"},
    [SHOPIFY_VARIANT_IMAGE] = {"Variant Image", "Variant image URL"},
    [SHOPIFY_STATUS] = {"Status"},
    [SHOPIFY_FEATURED] = {"Featured"},
    [SHOPIFY_CURRENCY] = {"Currency"},
    [SHOPIFY_TAKEN] = {"Variant Inventory Taken"},
};

const char *shopify_column_name(enum shopify_column column)
{
    return names[column][0];
}

/* SHOPIFY_COLUMNS if it is not understood. */
static enum shopify_column find(struct str name)
{
    for (int column = 0; column < SHOPIFY_COLUMNS; column++)
        for (int form = 0; form < 2; form++)
            if (names[column][form] && str_equal_nocase(name, str_of(names[column][form])))
                return (enum shopify_column)column;
    return SHOPIFY_COLUMNS;
}

size_t shopify_header_known(const struct csv_row *row)
{
    size_t known = 0;

    for (size_t i = 0; i < row->count; i++)
        known += find(str_trim(row->fields[i])) != SHOPIFY_COLUMNS;
    return known;
}

static struct status refuse(struct arena *arena, const char *before, struct str name,
                            const char *after)
{
    return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__INVALID_FIELDS, "%s'%s'%s",
                         before, text_shown(arena, str_dup(arena, name)), after);
}

/* Names one more column that is not used, as long as the line is not too long. */
static void add_unused(struct arena *arena, struct str name, struct shopify_header *header)
{
    enum { UNUSED_SIZE_MAX = 1000 };

    header->unused_count++;
    if (strlen(header->unused) + name.length > UNUSED_SIZE_MAX) return;
    header->unused = arena_printf(arena, "%s%s%s", header->unused,
                                  header->unused_count > 1 ? ", " : "", str_dup(arena, name));
}

static struct status read_name(struct arena *arena, const struct csv_row *row, size_t index,
                               struct shopify_header *header)
{
    struct str name = str_trim(row->fields[index]);

    if (name.length == 0) return status_ok();
    for (size_t i = 0; i < index; i++)
        if (str_equal_nocase(name, str_trim(row->fields[i])))
            return refuse(arena, "the column ", name, " is there twice: remove one of them");
    enum shopify_column column = find(name);
    if (column == SHOPIFY_COLUMNS) {
        add_unused(arena, name, header);
        return status_ok();
    }
    if (header->columns[column] >= 0)
        return refuse(arena, "the column ", name,
                      " means the same as an earlier one: remove one of them");
    header->columns[column] = (int)index;
    header->names[column] = str_dup(arena, name);
    return status_ok();
}

struct status shopify_header_read(struct arena *arena, const struct csv_row *row,
                                  struct shopify_header *ret_header, struct csv_place *ret_place)
{
    struct shopify_header header = {.count = row->count, .unused = ""};
    struct status st;

    for (int i = 0; i < SHOPIFY_COLUMNS; i++) header.columns[i] = -1;
    for (size_t i = 0; i < row->count; i++) {
        *ret_place = csv_place_at(row->start, row->line, row->starts[i]);
        st = read_name(arena, row, i, &header);
        if (failed(st)) return st;
    }
    *ret_place = (struct csv_place){row->line, 0};
    if (header.columns[SHOPIFY_HANDLE] < 0)
        return refuse(arena,
                      "the first line must name the columns, and Handle (or URL handle) must be "
                      "among them; it begins with ",
                      str_trim(row->fields[0]), "");
    if (shopify_header_known(row) < 2)
        return refuse(arena, "", str_of(header.names[SHOPIFY_HANDLE]),
                      " is the only column that is understood: name others as Shopify's product "
                      "CSV does");
    *ret_header = header;
    return status_ok();
}
