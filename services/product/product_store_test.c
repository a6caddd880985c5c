/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of the product service's port, which every adapter passes. Lists and searches are in
 * product_list_store_test.c. */
#include "services/product/product_store_testing.h"

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
    struct product_key nowhere = {"one", "none"};

    EXPECT_REASON(store->find(call, store, &nowhere, &again), ARGOSY__REASON__PRODUCT_NOT_FOUND);
    EXPECT_REASON(store->insert(call, store, &product, NULL), ARGOSY__REASON__PRODUCT_EXISTS);
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

static struct status move_to(const struct call *call, struct product *product, void *data)
{
    product->category = data;
    product->version++;
    return status_ok();
}

static struct status refuse(const struct call *call, struct product *product, void *data)
{
    product->name = "never";
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
    EXPECT_OK(store->find(call, store, &moved, &after));
    EXPECT_OK(store->find(call, store, &key, &after)); /* its id says which it is */
    EXPECT_STR(after.category, "sale");
    EXPECT_INT(after.variant_count, 3);
    EXPECT_INT(after.variants[1].stock.on_hand, 5);
    query.category = "sale";
    EXPECT_STR(names(call, query, 1), "Renamed");
    query.category = "apparel";
    EXPECT_STR(names(call, query, 0), "");
    EXPECT_OK(store->update(call, store, &key, &rename, &after));
    EXPECT_STR(after.category, "sale");
}

TEST(a_change_is_whole_or_not_at_all_and_may_move)
{
    on_every_store(1, check_update);
}

static struct status drop_first_variant(const struct call *call, struct product *product,
                                        void *data)
{
    product->variants = product->variants + 1;
    product->variant_count--;
    product->version++;
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

static struct status allow(const struct call *call, const struct product *product, void *data)
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

static struct status win_at_version_1(const struct call *call, struct product *product, void *data)
{
    struct status st = product_check_version(call->arena, product, 1);

    if (failed(st)) return st;
    product->version++;
    product->name = data;
    return st;
}

static void race(struct call *call, struct stage *stage, int number)
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

static void check_race(struct call *call, struct stage *stage)
{
    struct product after;

    winners = losers = 0;
    raced = keep_simple(call, "Raced", "one", 1);
    stage_spread(call, stage, 50, race);
    EXPECT_INT(winners, 1);
    EXPECT_INT(losers, 49);
    after = found(call, &raced);
    EXPECT_INT(after.version, 2);
    EXPECT(strncmp(after.name, "winner", 6) == 0);
}

TEST(of_fifty_stale_changes_exactly_one_wins)
{
    for_each_adapter(check_race);
}

static void take_one(struct call *call, struct stage *stage, int number)
{
    struct product_key key = key_of(&raced);
    struct product_stock_change change = {STOCK_DELTA, -1, "correction", "", "me", 1};
    struct product_check check = {allow, 0, "me"};
    struct product_adjustment adjustment = {"", &change, &check, NULL};
    struct product after;
    struct status st = store->adjust_stock(call, store, &key, &adjustment, &after);

    if (!failed(st))
        winners++;
    else if (st.reason == ARGOSY__REASON__STOCK_INSUFFICIENT)
        losers++;
}

static void check_takers(struct call *call, struct stage *stage)
{
    ProductService__CreateProductRequest *request = create_request(call->arena, "Raced", "one", 1);

    winners = losers = 0;
    set_stock(request, 20);
    raced = keep(call, request);
    stage_spread(call, stage, 50, take_one);
    EXPECT_INT(winners, 20);
    EXPECT_INT(losers, 30);
    EXPECT_INT(found(call, &raced).variants[0].stock.on_hand, 0);
    expect_ledger(call, &raced);
}

TEST(fifty_who_take_one_each_of_twenty_take_twenty)
{
    for_each_adapter(check_takers);
}

/* ---- stock ---- */

static struct status adjust(struct call *call, const struct product *product,
                            const char *variant_id, int64_t delta, const char *reference)
{
    struct product_key key = key_of(product);
    struct product_stock_change change = {STOCK_DELTA, delta, "received", reference, "me", 7};
    struct product_check check = {allow, 0, "me"};
    struct product_adjustment adjustment = {variant_id, &change, &check, NULL};
    struct product after;

    return store->adjust_stock(call, store, &key, &adjustment, &after);
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
    EXPECT_OK(store->search->list(call, store->search, &query, &page));
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
    const char *left = ""; /* the categories whose products have all been seen */
    size_t count = 0;

    keep_catalogue(call);
    keep_rich(call);
    do {
        EXPECT_OK(store->export(call, store, "", &after, 2, &page));
        for (size_t i = 0; i < page.count; i++, count++) {
            struct product *product = &page.products[i];
            if (strcmp(after.category, product->category) == 0)
                EXPECT(strcmp(after.product_id, product->product_id) < 0);
            else
                left = arena_printf(call->arena, "%s<%s>", left, after.category);
            EXPECT(!strstr(left, arena_printf(call->arena, "<%s>", product->category)));
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

TEST(an_export_goes_category_by_category_and_misses_nothing)
{
    on_every_store(1, check_export);
}

/* ---- generation ---- */

static void check_generation(struct call *call, int number)
{
    struct product product = keep_simple(call, "A", "one", 1);
    struct product_key key = key_of(&product);
    uint64_t before = store->generation(call, store, &key);

    if (before == 0 || store->cache_us == 0) return; /* nothing may be kept */
    EXPECT(store->generation(call, store, &key) == before);
    EXPECT_OK(adjust(call, &product, "", 1, ""));
    EXPECT(store->generation(call, store, &key) != before);
}

TEST(the_generation_moves_with_every_change)
{
    on_every_store(1, check_generation);
}
