/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the books of the stock: the ledger page by page, and the audit of all of it. */
#include "services/product/product_store_testing.h"

static struct status allow(const struct call *call, const struct product *product, void *data)
{
    return status_ok();
}

static void receive(struct call *call, const struct product *product, const char *variant_id)
{
    struct product_key key = key_of(product);
    struct product_stock_change change = {STOCK_DELTA, 1, "received", "", "me", 7};
    struct product_check check = {allow, 0, "me"};
    struct product_adjustment adjustment = {variant_id, &change, &check, NULL};
    struct product after;

    EXPECT_OK(store->adjust_stock(call, store, &key, &adjustment, &after));
}

/* Reads all pages of `limit`: each entry once, the newest first. */
static int count_entries(struct call *call, const char *product_id, const char *variant_id,
                         int limit)
{
    int64_t before = 0, last = INT64_MAX;
    int count = 0;

    do {
        struct product_stock_page page = {0};
        EXPECT_OK(store->list_entries(call, store, product_id, variant_id, before, limit, &page));
        EXPECT(page.count <= (size_t)limit && (page.next == 0 || page.count == (size_t)limit));
        for (size_t i = 0; i < page.count; i++) {
            EXPECT(page.entries[i].entry_id < last);
            if (*variant_id) EXPECT_STR(page.entries[i].variant_id, variant_id);
            last = page.entries[i].entry_id;
            count++;
        }
        before = page.next;
    } while (before > 0 && count < 1000);
    return count;
}

enum { RECEIPTS = 41 };

static void check_pages(struct call *call, int number)
{
    struct product product = keep_rich(call),
                   other = keep_rich(call); /* two initial entries each */
    int counts[3] = {1, 1, 0};

    for (int i = 0; i < RECEIPTS; i++) {
        /* Now one variant's turn, now another's, and a long time nothing of the first. */
        int variant = i < 5 ? 0 : 1 + i % 2;
        receive(call, &product, product.variants[variant].variant_id);
        receive(call, &other, other.variants[0].variant_id);
        counts[variant]++;
    }
    for (int limit = 1; limit <= RECEIPTS + 3; limit += 7) {
        EXPECT_INT(count_entries(call, product.product_id, "", limit), RECEIPTS + 2);
        for (int i = 0; i < 3; i++)
            EXPECT_INT(
                count_entries(call, product.product_id, product.variants[i].variant_id, limit),
                counts[i]);
    }
    EXPECT_INT(count_entries(call, "nothing", "", 3), 0);
}

TEST(the_ledger_is_read_in_pages_of_one_variant_or_all)
{
    on_every_store(1, check_pages);
}

/* More than a page of SQLite's has. */
enum { PRODUCTS = 600 };

static int64_t audit_all(struct call *call, size_t max, int *ret_pages, int64_t *ret_variants)
{
    struct product_audit audit = {.next = ""};
    int64_t differences = 0;

    *ret_pages = 0;
    *ret_variants = 0;
    while (audit.next && *ret_pages < PRODUCTS) {
        EXPECT_OK(store->audit(call, store, audit.next, max, &audit));
        EXPECT(audit.named_count <= max);
        differences += audit.difference_count;
        *ret_variants += audit.variant_count;
        ++*ret_pages;
    }
    return differences;
}

static void check_audit(struct call *call, int number)
{
    int64_t variants;
    int pages;

    for (int i = 0; i < PRODUCTS; i++) keep_simple(call, "P", "c", 1);
    struct product rich = keep_rich(call);
    EXPECT_INT(audit_all(call, 10, &pages, &variants), 0);
    EXPECT_INT(variants, PRODUCTS + 3);
    EXPECT(pages < PRODUCTS / 10);

    EXPECT_INT(audit_all(call, 0, &pages, &variants), 0);
    EXPECT_INT(found(call, &rich).variant_count, 3);
}

TEST(the_audit_goes_through_all_products_page_by_page)
{
    on_every_store(1, check_audit);
}
