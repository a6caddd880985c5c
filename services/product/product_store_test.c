/* SPDX-License-Identifier: Apache-2.0 */
/* The port's contract: one suite, which every adapter passes. */
#include "services/product/product_testing.h"

#include "base/clock.h"
#include "reasons.pb-c.h"
#include "services/product/product_store_sqlite.h"

/* ---- adapters ---- */

static struct status open_sqlite(struct arena *arena, struct shards *shards, const char *folder,
                                 struct product_store **ret_store)
{
    return product_store_sqlite_open(arena, shards, arena_printf(arena, "%s/product.db", folder),
                                     ret_store);
}

static const struct adapter {
    const char *name;
    struct status (*open)(struct arena *arena, struct shards *shards, const char *folder,
                          struct product_store **ret_store);
} adapters[] = {
    {"sqlite", open_sqlite},
};

enum { SHARDS = 2 };

static struct product_store *store;
static struct arena scene;
static char folder[64];

static void open_store(const struct adapter *adapter)
{
    struct shards *shards = shards_new(SHARDS);

    invariant(shards);
    arena_init(&scene, 0);
    CHECK_OK(adapter->open(&scene, shards, folder, &store));
    shards_free(shards);
}

static void close_store(void)
{
    store->close(store);
    arena_release(&scene);
}

/* Plays on a fresh store of every adapter. */
static void on_every_store(int fibers, void (*fn)(struct call *call, int number))
{
    for (size_t i = 0; i < sizeof(adapters) / sizeof(adapters[0]); i++) {
        folder_make(folder);
        open_store(&adapters[i]);
        play(SHARDS, fibers, fn);
        close_store();
        folder_remove(folder);
    }
}

/* ---- products to begin with ---- */

static struct product draft_of(struct arena *arena,
                               const ProductService__CreateProductRequest *request)
{
    static _Atomic int64_t ticks = 1000000;
    struct product_context context = {"USD", "seller@example.com", atomic_fetch_add(&ticks, 1)};
    struct product product = {0};

    EXPECT_OK(product_draft(arena, request, &context, &product));
    return product;
}

static struct product keep(struct call *call, const ProductService__CreateProductRequest *request)
{
    struct product product = draft_of(call->arena, request);

    EXPECT_OK(store->insert(call, store, &product));
    return product;
}

static struct product keep_simple(struct call *call, const char *name, const char *category,
                                  double price)
{
    return keep(call, create_request(call->arena, name, category, price));
}

static struct product_key key_of(const struct product *product)
{
    return (struct product_key){product->category, product->product_id};
}

static struct product found(struct call *call, const struct product *product)
{
    struct product_key key = key_of(product);
    struct product again = {0};

    EXPECT_OK(store->find(call, store, &key, &again));
    return again;
}

/* A product with three variants, lists and stock. */
static struct product keep_rich(struct call *call)
{
    static const char *const sizes[] = {"S", "M", "L"};
    struct arena *arena = call->arena;
    ProductService__CreateProductRequest *request = create_request(arena, "Rich", "apparel", 10);
    char *urls[] = {(char *)"https://example.com/1.jpg", (char *)"/2.jpg"};
    char *tags[] = {(char *)"Summer", (char *)"cotton"};
    ProductService__VariantInput inputs[3], *variants[3];
    ProductService__VariantOption options[3], *option_lists[3];

    for (size_t i = 0; i < 3; i++) {
        product_service__variant_input__init(&inputs[i]);
        product_service__variant_option__init(&options[i]);
        variants[i] = &inputs[i];
        option_lists[i] = &options[i];
        options[i].name = (char *)"Size";
        options[i].value = (char *)sizes[i];
        inputs[i].n_options = 1;
        inputs[i].options = &option_lists[i];
        inputs[i].sku = arena_printf(arena, "R-%s", sizes[i]);
        inputs[i].barcode = (char *)"4006381333931";
        inputs[i].image_url = (char *)"https://example.com/v.jpg";
        inputs[i].grams = 150;
        inputs[i].compare_at_unit_amount = 2000;
        inputs[i].unit_amount_given_case =
            PRODUCT_SERVICE__VARIANT_INPUT__UNIT_AMOUNT_GIVEN_UNIT_AMOUNT;
        inputs[i].unit_amount = 1200 - (int64_t)i * 100;
        inputs[i].stock_given_case = i < 2 ? PRODUCT_SERVICE__VARIANT_INPUT__STOCK_GIVEN_STOCK
                                           : PRODUCT_SERVICE__VARIANT_INPUT__STOCK_GIVEN__NOT_SET;
        inputs[i].stock = i < 2 ? 5 : 0;
    }
    request->description = (char *)"Lines\nand \"quotes\" and <b>marks</b>, Ærø";
    request->vendor = (char *)"Vendor";
    request->is_featured = true;
    request->n_image_urls = request->n_tags = 2;
    request->image_urls = urls;
    request->tags = tags;
    request->n_variants = 3;
    request->variants = variants;
    return keep(call, request);
}

static struct product_query everything(void)
{
    return (struct product_query){.category = "",
                                  .search = "",
                                  .tag = "",
                                  .created_by = "",
                                  .unit_amount_max = INT64_MAX,
                                  .is_featured = -1,
                                  .sort = PRODUCT_SORT_CREATED,
                                  .descending = true,
                                  .limit = 50};
}

/* The names of all pages, joined by spaces. */
static const char *names(struct call *call, struct product_query query, int64_t total)
{
    const char *joined = "";

    for (int pages = 0; pages < 100; pages++) {
        struct product_page page = {0};
        EXPECT_OK(store->list(call, store, &query, &page));
        EXPECT_INT(page.total, total);
        EXPECT(page.count <= (size_t)query.limit);
        for (size_t i = 0; i < page.count; i++)
            joined = arena_printf(call->arena, "%s%s%s", joined, *joined ? " " : "",
                                  page.products[i].name);
        if (page.next.length == 0) break;
        EXPECT(page.count == (size_t)query.limit);
        query.after = page.next;
    }
    return joined;
}

/* The sums of the ledger are what is on hand and reserved. */
static void expect_ledger(struct call *call, const struct product *product)
{
    struct product now = found(call, product);

    for (size_t i = 0; i < now.variant_count; i++) {
        const struct product_variant *variant = &now.variants[i];
        struct product_stock_page page = {0};
        int64_t on_hand = 0, reserved = 0;
        EXPECT_OK(
            store->list_entries(call, store, now.product_id, variant->variant_id, 0, 200, &page));
        for (size_t entry = 0; entry < page.count; entry++) {
            on_hand += page.entries[entry].on_hand_delta;
            reserved += page.entries[entry].reserved_delta;
        }
        EXPECT_INT(on_hand, variant->stock.on_hand);
        EXPECT_INT(reserved, variant->stock.reserved);
        EXPECT(product_stock_is_sound(&variant->stock));
    }
}

/* ---- single products ---- */

static void check_round_trip(struct call *call, int number)
{
    struct product product = keep_rich(call), again = found(call, &product);

    EXPECT(product_same_content(&product, &again));
    EXPECT_STR(again.product_id, product.product_id);
    EXPECT_STR(again.handle, "rich");
    EXPECT_STR(again.created_by, "seller@example.com");
    EXPECT_INT(again.version, 1);
    EXPECT_INT(again.created_us, product.created_us);
    EXPECT_INT(again.updated_us, product.updated_us);
    EXPECT_INT(again.variant_count, 3);
    EXPECT_STR(again.variants[2].options[0].value, "L");
    EXPECT_INT(again.variants[0].stock.on_hand, 5);
    EXPECT(!again.variants[2].stock.tracked);
    EXPECT_INT(product_unit_amount(&again), 1000);
    expect_ledger(call, &product);
}

TEST(a_product_comes_back_as_it_was_kept)
{
    on_every_store(1, check_round_trip);
}

static void check_not_found(struct call *call, int number)
{
    struct product product = keep_simple(call, "A", "one", 1), again;
    struct product_key wrong_place = {"two", product.product_id}, nowhere = {"one", "none"};

    EXPECT_REASON(store->find(call, store, &wrong_place, &again),
                  ARGOSY__REASON__PRODUCT_NOT_FOUND);
    EXPECT_REASON(store->find(call, store, &nowhere, &again), ARGOSY__REASON__PRODUCT_NOT_FOUND);
    EXPECT_REASON(store->insert(call, store, &product), ARGOSY__REASON__PRODUCT_EXISTS);
}

TEST(a_product_is_found_at_its_place_only)
{
    on_every_store(1, check_not_found);
}

static void check_handles(struct call *call, int number)
{
    struct product first = keep_simple(call, "Shirt", "one", 1),
                   second = keep_simple(call, "Shirt", "one", 1);

    EXPECT_STR(first.handle, "shirt");
    EXPECT(strncmp(second.handle, "shirt-", 6) == 0);
    EXPECT_INT(strlen(second.handle), 12);
    EXPECT_STR(found(call, &second).handle, second.handle);
}

TEST(a_taken_handle_gets_a_suffix)
{
    on_every_store(1, check_handles);
}

static void check_find_many(struct call *call, int number)
{
    struct product a = keep_simple(call, "A", "one", 1), b = keep_simple(call, "B", "two", 2);
    struct product_key keys[] = {key_of(&b), {"one", "none"}, key_of(&a), key_of(&b)};
    struct product *products;
    size_t count = 0;

    EXPECT_OK(store->find_many(call, store, keys, 4, &products, &count));
    EXPECT_INT(count, 3);
    EXPECT_STR(products[0].name, "B");
    EXPECT_STR(products[1].name, "A");
    EXPECT_STR(products[2].name, "B");
    EXPECT_OK(store->find_many(call, store, keys, 0, &products, &count));
    EXPECT_INT(count, 0);
}

TEST(many_are_found_in_the_order_asked)
{
    on_every_store(1, check_find_many);
}

/* ---- changes ---- */

static struct status rename_to(struct arena *arena, const struct product *product, void *data,
                               struct product *ret_product)
{
    ret_product->name = data;
    ret_product->version = product->version + 1;
    return status_ok();
}

static struct status move_to(struct arena *arena, const struct product *product, void *data,
                             struct product *ret_product)
{
    ret_product->category = data;
    ret_product->version = product->version + 1;
    return status_ok();
}

static struct status refuse(struct arena *arena, const struct product *product, void *data,
                            struct product *ret_product)
{
    ret_product->name = "never";
    return status_make(STATUS_PERMISSION_DENIED, ARGOSY__REASON__NOT_OWNER, "no");
}

static void check_update(struct call *call, int number)
{
    struct product product = keep_rich(call), after = {0};
    struct product_key key = key_of(&product), moved = {"sale", product.product_id};
    struct product_change rename = {rename_to, (void *)(uintptr_t) "Renamed", "me"};
    struct product_change move = {move_to, (void *)(uintptr_t) "sale", "me"},
                          refused = {refuse, 0, "me"};
    struct product_query query = everything();

    EXPECT_OK(store->update(call, store, &key, &rename, &after));
    EXPECT_STR(after.name, "Renamed");
    EXPECT_INT(found(call, &product).version, 2);
    EXPECT_REASON(store->update(call, store, &key, &refused, &after), ARGOSY__REASON__NOT_OWNER);
    EXPECT_STR(found(call, &product).name, "Renamed");

    EXPECT_OK(store->update(call, store, &key, &move, &after));
    EXPECT_REASON(store->find(call, store, &key, &after), ARGOSY__REASON__PRODUCT_NOT_FOUND);
    EXPECT_OK(store->find(call, store, &moved, &after));
    EXPECT_INT(after.variant_count, 3);
    EXPECT_INT(after.variants[1].stock.on_hand, 5);
    query.category = "sale";
    EXPECT_STR(names(call, query, 1), "Renamed");
    query.category = "apparel";
    EXPECT_STR(names(call, query, 0), "");
    EXPECT_REASON(store->update(call, store, &key, &move, &after),
                  ARGOSY__REASON__PRODUCT_NOT_FOUND);
}

TEST(a_change_is_whole_or_not_at_all_and_may_move)
{
    on_every_store(1, check_update);
}

static struct status drop_first_variant(struct arena *arena, const struct product *product,
                                        void *data, struct product *ret_product)
{
    ret_product->variants = product->variants + 1;
    ret_product->variant_count--;
    ret_product->version++;
    return status_ok();
}

static void check_variants(struct call *call, int number)
{
    struct product product = keep_rich(call), after = {0};
    struct product_key key = key_of(&product);
    struct product_change change = {drop_first_variant, 0, "me"};
    struct product_stock_page page = {0};

    EXPECT_OK(store->update(call, store, &key, &change, &after));
    after = found(call, &product);
    EXPECT_INT(after.variant_count, 2);
    EXPECT_STR(after.variants[0].variant_id, product.variants[1].variant_id);
    EXPECT_INT(after.variants[0].stock.on_hand, 5);
    expect_ledger(call, &product);
    EXPECT_OK(store->list_entries(call, store, product.product_id, product.variants[0].variant_id,
                                  0, 10, &page));
    EXPECT_INT(page.count, 2);
    EXPECT_STR(page.entries[0].cause, "removed");
    EXPECT_INT(page.entries[0].on_hand_delta, -5);
    EXPECT_STR(page.entries[0].created_by, "me");
    EXPECT_STR(page.entries[1].cause, "initial");
}

TEST(a_removed_variant_leaves_the_ledger_balanced)
{
    on_every_store(1, check_variants);
}

static struct status allow(struct arena *arena, const struct product *product, void *data)
{
    return data ? *(struct status *)data : status_ok();
}

static void check_remove(struct call *call, int number)
{
    struct product product = keep_rich(call), removed = {0};
    struct product_key key = key_of(&product);
    struct status no = status_make(STATUS_ABORTED, ARGOSY__REASON__VERSION_STALE, "no");
    struct product_check refused = {allow, &no, "me"}, allowed = {allow, 0, "me"};
    struct product_stock_page page = {0};
    struct product_query query = everything();
    int64_t sum = 0;

    EXPECT_REASON(store->remove(call, store, &key, &refused, &removed),
                  ARGOSY__REASON__VERSION_STALE);
    EXPECT_OK(store->remove(call, store, &key, &allowed, &removed));
    EXPECT_STR(removed.name, "Rich");
    EXPECT_REASON(store->remove(call, store, &key, &allowed, &removed),
                  ARGOSY__REASON__PRODUCT_NOT_FOUND);
    EXPECT_STR(names(call, query, 0), "");
    query.search = "rich";
    EXPECT_STR(names(call, query, 0), "");
    query = everything();
    query.tag = "summer";
    EXPECT_STR(names(call, query, 0), "");

    EXPECT_OK(store->list_entries(call, store, product.product_id, "", 0, 50, &page));
    for (size_t i = 0; i < page.count; i++) sum += page.entries[i].on_hand_delta;
    EXPECT_INT(page.count, 4);
    EXPECT_INT(sum, 0);
}

TEST(a_removed_product_is_nowhere_but_in_the_ledger)
{
    on_every_store(1, check_remove);
}

/* ---- races ---- */

static struct product raced;
static _Atomic int winners, losers;

static struct status win_at_version_1(struct arena *arena, const struct product *product,
                                      void *data, struct product *ret_product)
{
    struct status st = product_check_version(arena, product, 1);

    if (failed(st)) return st;
    ret_product->version = product->version + 1;
    ret_product->name = data;
    return st;
}

static void race(struct call *call, int number)
{
    struct product_key key = key_of(&raced);
    struct product_change change = {win_at_version_1,
                                    arena_printf(call->arena, "winner %d", number), "me"};
    struct product after;
    struct status st = store->update(call, store, &key, &change, &after);

    if (st.reason == ARGOSY__REASON__VERSION_STALE)
        losers++;
    else if (!failed(st))
        winners++;
}

static void begin_race(struct call *call, int number)
{
    raced = keep_simple(call, "Raced", "one", 1);
    raced.product_id = arena_strdup(&scene, raced.product_id);
    raced.category = "one";
}

static void check_race(struct call *call, int number)
{
    struct product after = found(call, &raced);

    EXPECT_INT(after.version, 2);
    EXPECT(strncmp(after.name, "winner", 6) == 0);
}

TEST(of_fifty_stale_changes_exactly_one_wins)
{
    for (size_t i = 0; i < sizeof(adapters) / sizeof(adapters[0]); i++) {
        winners = losers = 0;
        folder_make(folder);
        open_store(&adapters[i]);
        play(1, 1, begin_race);
        play(SHARDS, 50, race);
        play(1, 1, check_race);
        close_store();
        folder_remove(folder);
        CHECK_INT(winners, ==, 1);
        CHECK_INT(losers, ==, 49);
    }
}

static void take_one(struct call *call, int number)
{
    struct product_key key = key_of(&raced);
    struct product_stock_change change = {STOCK_DELTA, -1, "correction", "", "me", 1};
    struct product_check check = {allow, 0, "me"};
    struct product after;
    struct status st = store->adjust_stock(call, store, &key, "", &change, &check, &after);

    if (!failed(st))
        winners++;
    else if (st.reason == ARGOSY__REASON__STOCK_INSUFFICIENT)
        losers++;
}

static void begin_with_stock(struct call *call, int number)
{
    ProductService__CreateProductRequest *request = create_request(call->arena, "Raced", "one", 1);

    set_stock(request, 20);
    raced = keep(call, request);
    raced.product_id = arena_strdup(&scene, raced.product_id);
    raced.category = "one";
}

static void check_empty(struct call *call, int number)
{
    EXPECT_INT(found(call, &raced).variants[0].stock.on_hand, 0);
    expect_ledger(call, &raced);
}

TEST(fifty_who_take_one_each_of_twenty_take_twenty)
{
    for (size_t i = 0; i < sizeof(adapters) / sizeof(adapters[0]); i++) {
        winners = losers = 0;
        folder_make(folder);
        open_store(&adapters[i]);
        play(1, 1, begin_with_stock);
        play(SHARDS, 50, take_one);
        play(1, 1, check_empty);
        close_store();
        folder_remove(folder);
        CHECK_INT(winners, ==, 20);
        CHECK_INT(losers, ==, 30);
    }
}

/* ---- stock ---- */

static struct status adjust(struct call *call, const struct product *product,
                            const char *variant_id, int64_t delta, const char *reference)
{
    struct product_key key = key_of(product);
    struct product_stock_change change = {STOCK_DELTA, delta, "received", reference, "me", 7};
    struct product_check check = {allow, 0, "me"};
    struct product after;

    return store->adjust_stock(call, store, &key, variant_id, &change, &check, &after);
}

static void check_adjust(struct call *call, int number)
{
    struct product product = keep_rich(call), now;
    struct product_stock_page page = {0};
    const char *second = product.variants[1].variant_id;

    EXPECT_INT(adjust(call, &product, "", 1, "").code, STATUS_INVALID_ARGUMENT);
    EXPECT_REASON(adjust(call, &product, "none", 1, ""), ARGOSY__REASON__VARIANT_NOT_FOUND);
    EXPECT_OK(adjust(call, &product, second, 3, "note-1"));
    EXPECT_OK(adjust(call, &product, second, 3, "note-1"));
    EXPECT_OK(adjust(call, &product, product.variants[0].variant_id, 1, "note-1"));
    EXPECT_OK(adjust(call, &product, second, 1, ""));
    EXPECT_OK(adjust(call, &product, second, 1, ""));
    EXPECT_REASON(adjust(call, &product, second, -100, "note-2"),
                  ARGOSY__REASON__STOCK_INSUFFICIENT);
    EXPECT_OK(adjust(call, &product, product.variants[2].variant_id, 4, ""));
    now = found(call, &product);
    EXPECT_INT(now.variants[0].stock.on_hand, 6);
    EXPECT_INT(now.variants[1].stock.on_hand, 10);
    EXPECT_INT(now.variants[2].stock.on_hand, 4);
    EXPECT(now.variants[2].stock.tracked);
    EXPECT_INT(now.version, 1);
    expect_ledger(call, &product);

    EXPECT_OK(store->list_entries(call, store, product.product_id, second, 0, 2, &page));
    EXPECT_INT(page.count, 2);
    EXPECT(page.next > 0);
    EXPECT(page.entries[0].entry_id > page.entries[1].entry_id);
    EXPECT_OK(store->list_entries(call, store, product.product_id, second, page.next, 2, &page));
    EXPECT_INT(page.count, 2);
    EXPECT_INT(page.next, 0);
    EXPECT_STR(page.entries[0].reference, "note-1");
    EXPECT_STR(page.entries[0].created_by, "me");
    EXPECT_INT(page.entries[0].created_us, 7);
}

TEST(a_reference_is_applied_once_a_variant)
{
    on_every_store(1, check_adjust);
}

/* ---- lists ---- */

static void keep_catalogue(struct call *call)
{
    struct arena *arena = call->arena;
    ProductService__CreateProductRequest *request;

    keep_simple(call, "banana", "fruit", 3);
    keep_simple(call, "Apple", "fruit", 1);
    request = create_request(arena, "cherry", "fruit", 2);
    set_tag(arena, request, "Red");
    request->is_featured = true;
    keep(call, request);
    request = create_request(arena, "Beetroot", "vegetable", 1);
    set_tag(arena, request, "red");
    keep(call, request);
    request = create_request(arena, "durian", "fruit", 9);
    request->status = (char *)"draft";
    keep(call, request);
}

static void check_lists(struct call *call, int number)
{
    struct product_query query = everything();

    keep_catalogue(call);
    for (query.limit = 1; query.limit <= 5; query.limit++) {
        query.category = "";
        query.sort = PRODUCT_SORT_CREATED;
        query.descending = true;
        EXPECT_STR(names(call, query, 4), "Beetroot cherry Apple banana");
        query.descending = false;
        EXPECT_STR(names(call, query, 4), "banana Apple cherry Beetroot");
        query.sort = PRODUCT_SORT_NAME;
        EXPECT_STR(names(call, query, 4), "Apple banana Beetroot cherry");
        query.descending = true;
        EXPECT_STR(names(call, query, 4), "cherry Beetroot banana Apple");
        query.sort = PRODUCT_SORT_PRICE;
        EXPECT_STR(names(call, query, 4), "banana cherry Beetroot Apple");
        query.descending = false;
        EXPECT_STR(names(call, query, 4), "Apple Beetroot cherry banana");
        query.category = "fruit";
        EXPECT_STR(names(call, query, 3), "Apple cherry banana");
        query.sort = PRODUCT_SORT_NAME;
        EXPECT_STR(names(call, query, 3), "Apple banana cherry");
    }
}

TEST(pages_in_every_order_hold_every_product_once)
{
    on_every_store(1, check_lists);
}

static void check_filters(struct call *call, int number)
{
    struct product_query query = everything();

    keep_catalogue(call);
    query.sort = PRODUCT_SORT_NAME;
    query.descending = false;
    query.limit = 1;
    query.tag = "RED";
    EXPECT_STR(names(call, query, 2), "Beetroot cherry");
    query.category = "fruit";
    EXPECT_STR(names(call, query, 1), "cherry");
    query = everything();
    query.sort = PRODUCT_SORT_PRICE;
    query.unit_amount_min = 200;
    EXPECT_STR(names(call, query, 2), "banana cherry");
    query.unit_amount_max = 200;
    EXPECT_STR(names(call, query, 1), "cherry");
    query = everything();
    query.is_featured = 1;
    EXPECT_STR(names(call, query, 1), "cherry");
    query.is_featured = 0;
    EXPECT_STR(names(call, query, 3), "Beetroot Apple banana");
    query = everything();
    query.status = PRODUCT_DRAFT;
    EXPECT_STR(names(call, query, 1), "durian");
    query.created_by = "SELLER@example.com";
    EXPECT_STR(names(call, query, 1), "durian");
    query.created_by = "other@example.com";
    EXPECT_STR(names(call, query, 0), "");
    query = everything();
    query.category = "'; DROP TABLE products; --";
    EXPECT_STR(names(call, query, 0), "");
}

TEST(filters_narrow_pages_and_totals)
{
    on_every_store(1, check_filters);
}

static void check_ties(struct call *call, int number)
{
    struct product_query query = everything();
    const char *all;

    for (int i = 0; i < 25; i++) keep_simple(call, "same", "one", 1);
    query.limit = 4;
    for (int sort = PRODUCT_SORT_CREATED; sort <= PRODUCT_SORT_PRICE; sort++) {
        query.sort = (enum product_sort)sort;
        all = names(call, query, 25);
        EXPECT_INT(strlen(all), 25 * 5 - 1);
    }
}

TEST(products_that_sort_alike_are_neither_missed_nor_doubled)
{
    on_every_store(1, check_ties);
}

static void check_cursors(struct call *call, int number)
{
    struct product_query query = everything();
    struct product_page page;

    keep_catalogue(call);
    query.after = STR("x");
    EXPECT_REASON(store->list(call, store, &query, &page), ARGOSY__REASON__PAGE_CURSOR_INVALID);
    query.sort = PRODUCT_SORT_NAME;
    query.after = STR("0123456789abcdef");
    EXPECT_REASON(store->list(call, store, &query, &page), ARGOSY__REASON__PAGE_CURSOR_INVALID);
}

TEST(a_position_that_is_none_is_refused)
{
    on_every_store(1, check_cursors);
}

/* ---- searches ---- */

static void keep_library(struct call *call)
{
    ProductService__CreateProductRequest *request;

    request = create_request(call->arena, "Café chair", "home", 80);
    request->description = (char *)"<p>A <strong>folding</strong> seat</p>";
    request->sku = (char *)"CH-100";
    keep(call, request);
    request = create_request(call->arena, "Table", "home", 120);
    request->description = (char *)"Goes with the chair.";
    request->vendor = (char *)"Nordhus";
    set_tag(call->arena, request, "oak");
    keep(call, request);
    request = create_request(call->arena, "Hidden chair", "home", 1);
    request->status = (char *)"draft";
    keep(call, request);
}

static const char *search(struct call *call, const char *text, int64_t total)
{
    struct product_query query = everything();

    query.search = text;
    query.sort = PRODUCT_SORT_RELEVANCE;
    query.descending = false;
    query.limit = 1;
    return names(call, query, total);
}

static void check_search(struct call *call, int number)
{
    keep_library(call);
    EXPECT_STR(search(call, "chair", 2), "Café chair Table"); /* a name counts more */
    EXPECT_STR(search(call, "CAFE", 1), "Café chair");
    EXPECT_STR(search(call, "cha", 2), "Café chair Table");
    EXPECT_STR(search(call, "cha folding", 0), ""); /* only the last word may be begun */
    EXPECT_STR(search(call, "chair fold", 1), "Café chair");
    EXPECT_STR(search(call, "ch-100", 1), "Café chair");
    EXPECT_STR(search(call, "nordhus", 1), "Table");
    EXPECT_STR(search(call, "oak", 1), "Table");
    EXPECT_STR(search(call, "strong", 0), ""); /* a mark, not a word */
    EXPECT_STR(search(call, "chair nothing", 0), "");
}

TEST(searches_find_all_words_in_any_field)
{
    on_every_store(1, check_search);
}

static void check_hostile_search(struct call *call, int number)
{
    static const char *const texts[] = {
        "\"",
        "\"\"\"\"",
        "*",
        "chair*",
        "NEAR(chair, table)",
        "chair OR table",
        "name:chair",
        "{name}",
        "-chair",
        "^chair",
        "chair AND",
        "'; DROP TABLE x",
        "((((",
        "\xe2\x80\x94",
        "chair \"*",
        "+ + +",
        "a\"b\"c\"",
        "NOT",
        "\t\n",
        "\\",
        ":",
    };

    keep_library(call);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct product_query query = everything();
        struct product_page page;
        query.search = texts[i];
        query.sort = PRODUCT_SORT_RELEVANCE;
        EXPECT_OK(store->list(call, store, &query, &page));
    }
    EXPECT_STR(search(call, "chair OR table", 0), ""); /* OR is a word like any other */
    EXPECT_STR(search(call, "\"chair\"", 2), "Café chair Table");
}

TEST(what_is_typed_is_never_syntax)
{
    on_every_store(1, check_hostile_search);
}

static void check_search_follows(struct call *call, int number)
{
    struct product product = keep_simple(call, "Old name", "one", 1), after;
    struct product_key key = key_of(&product);
    struct product_change change = {rename_to, (void *)(uintptr_t) "New name", "me"};

    EXPECT_STR(search(call, "old", 1), "Old name");
    EXPECT_OK(store->update(call, store, &key, &change, &after));
    EXPECT_STR(search(call, "old", 0), "");
    EXPECT_STR(search(call, "new", 1), "New name");
}

TEST(searches_follow_changes)
{
    on_every_store(1, check_search_follows);
}

/* ---- imports and exports ---- */

static struct product_import import_of(struct call *call, const char *handle, const char *name,
                                       int64_t stock)
{
    ProductService__ImportProductRequest row = PRODUCT_SERVICE__IMPORT_PRODUCT_REQUEST__INIT;
    struct product_context context = {"USD", "admin@example.com", 1000};
    struct product_import import = {0};

    row.handle = (char *)handle;
    row.product = create_request(call->arena, name, "imported", 5);
    if (stock >= 0) set_stock(row.product, stock);
    EXPECT_OK(product_import_draft(call->arena, &row, &context, &import.product));
    return import;
}

#define OUTCOME(name) PRODUCT_SERVICE__IMPORT_PRODUCT_RESULT__OUTCOME__##name

static void check_import(struct call *call, int number)
{
    struct product_import imports[] = {import_of(call, "a", "A", 5), import_of(call, "b", "B", -1),
                                       import_of(call, "a", "A", 5),
                                       import_of(call, "b", "Bee", -1)};
    struct product_import dry[] = {import_of(call, "c", "C", 1), import_of(call, "b", "Wasp", -1)};
    struct product_query query = everything();
    struct product_page page = {0};

    dry[0].dry_run = dry[1].dry_run = true;
    EXPECT_OK(store->import(call, store, imports, 4));
    EXPECT_INT(imports[0].outcome, OUTCOME(CREATED));
    EXPECT_INT(imports[1].outcome, OUTCOME(CREATED));
    EXPECT_INT(imports[2].outcome, OUTCOME(UNCHANGED));
    EXPECT_INT(imports[3].outcome, OUTCOME(UPDATED));
    EXPECT_OK(store->import(call, store, dry, 2));
    EXPECT_INT(dry[0].outcome, OUTCOME(CREATED));
    EXPECT_INT(dry[1].outcome, OUTCOME(UPDATED));

    query.sort = PRODUCT_SORT_NAME;
    query.descending = false;
    EXPECT_STR(names(call, query, 2), "A Bee");
    EXPECT_OK(store->list(call, store, &query, &page));
    EXPECT_STR(page.products[0].handle, "a");
    EXPECT_INT(page.products[0].variants[0].stock.on_hand, 5);
    EXPECT_INT(page.products[0].version, 1);
    EXPECT_INT(page.products[1].version, 2);
    expect_ledger(call, &page.products[0]);

    /* Sold pieces do not come back with the same file; another quantity counts. */
    EXPECT_OK(adjust(call, &page.products[0], "", -2, ""));
    EXPECT_OK(store->import(call, store, imports, 1));
    EXPECT_INT(imports[0].outcome, OUTCOME(UNCHANGED));
    imports[0] = import_of(call, "a", "A", 8);
    EXPECT_OK(store->import(call, store, imports, 1));
    EXPECT_INT(imports[0].outcome, OUTCOME(UPDATED));
    EXPECT_INT(found(call, &page.products[0]).variants[0].stock.on_hand, 8);
    expect_ledger(call, &page.products[0]);
}

TEST(an_import_creates_updates_and_leaves_alone)
{
    on_every_store(1, check_import);
}

static void check_export(struct call *call, int number)
{
    struct product_key after = {"", ""};
    struct product_page page = {0};
    size_t count = 0;

    keep_catalogue(call);
    keep_rich(call);
    do {
        EXPECT_OK(store->export(call, store, "", &after, 2, &page));
        for (size_t i = 0; i < page.count; i++, count++) {
            struct product *product = &page.products[i];
            int order = strcmp(after.category, product->category);
            EXPECT(order < 0 || (order == 0 && strcmp(after.product_id, product->product_id) < 0));
            after = key_of(product);
        }
    } while (page.count == 2);
    EXPECT_INT(count, 6);
    after = (struct product_key){"", ""};
    EXPECT_OK(store->export(call, store, "fruit", &after, 50, &page));
    EXPECT_INT(page.count, 4);
    EXPECT_OK(store->export(call, store, "apparel", &after, 50, &page));
    EXPECT_INT(page.count, 1);
    EXPECT_INT(page.products[0].variant_count, 3);
}

TEST(an_export_goes_by_place_and_misses_nothing)
{
    on_every_store(1, check_export);
}

/* ---- generation ---- */

static void check_generation(struct call *call, int number)
{
    struct product product = keep_simple(call, "A", "one", 1);
    uint64_t before = store->generation(call, store);

    if (before == 0) return; /* a store without one */
    EXPECT(store->generation(call, store) == before);
    EXPECT_OK(adjust(call, &product, "", 1, ""));
    EXPECT(store->generation(call, store) != before);
}

TEST(the_generation_moves_with_every_change)
{
    on_every_store(1, check_generation);
}

/* ---- what only SQLite promises ---- */

/* The page is a range of an index, already in order: no scan, no sort. (What stands outside of the
 * page sorts the page's few products.) */
static struct status explain(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const char *sql = arena_printf(call->arena, "EXPLAIN QUERY PLAN %s", (const char *)data);
    int64_t page = -1, zero = 0;
    struct sqlite_rows rows;
    bool ranged = false;
    struct status st;

    st = sqlite_query(tx, &rows, sql, "tilltittlli", "a", 0, zero, INT64_MAX, "", -1, "", "", zero,
                      zero, 50);
    if (failed(st)) return st;
    while (sqlite_next(&rows)) {
        const char *detail = sqlite_column_text(&rows, 3);
        if (strcmp(detail, "MATERIALIZE page") == 0) page = sqlite_column_i64(&rows, 0);
        if (sqlite_column_i64(&rows, 1) != page) continue;
        EXPECT(strncmp(detail, "SCAN", 4) != 0);
        EXPECT(!strstr(detail, "TEMP B-TREE"));
        ranged = ranged || strstr(detail, "INDEX products_") != NULL;
    }
    EXPECT(ranged);
    return rows.status;
}

static void check_plans(struct call *call, int number)
{
    const struct product_store_sqlite *sqlite = product_sqlite(store);
    struct product_query query = everything();

    for (int sort = PRODUCT_SORT_CREATED; sort <= PRODUCT_SORT_PRICE; sort++) {
        for (int turn = 0; turn < 4; turn++) {
            query.sort = (enum product_sort)sort;
            query.descending = turn & 1;
            query.category = turn & 2 ? "a" : "";
            EXPECT_OK(
                sqlite_scan(call, sqlite->db, explain,
                            (void *)(uintptr_t)product_list_statement(sqlite->lists, &query)));
        }
    }
}

TEST(sqlite_pages_are_ranges_of_an_index)
{
    folder_make(folder);
    open_store(&adapters[0]);
    play(1, 1, check_plans);
    close_store();
    folder_remove(folder);
}

static struct status forge_ledger(const struct call *call, struct sqlite_tx *tx, void *data)
{
    return sqlite_exec(tx, 0, data, "");
}

static void check_ledger_is_fixed(struct call *call, int number)
{
    static const char *const forgeries[] = {
        "UPDATE stock_entries SET on_hand_delta = 1000",
        "DELETE FROM stock_entries",
        "UPDATE variants SET on_hand = on_hand + 1 WHERE tracked = 1",
        "UPDATE variants SET reserved = on_hand + 1 WHERE tracked = 1",
        "UPDATE variants SET reserved = -1",
    };

    keep_rich(call);
    for (size_t i = 0; i < sizeof(forgeries) / sizeof(forgeries[0]); i++)
        EXPECT(failed(sqlite_write(call, product_sqlite(store)->db, forge_ledger,
                                   (void *)(uintptr_t)forgeries[i])));
}

TEST(sqlite_itself_refuses_a_stock_that_does_not_add_up)
{
    folder_make(folder);
    open_store(&adapters[0]);
    play(1, 1, check_ledger_is_fixed);
    close_store();
    folder_remove(folder);
}
