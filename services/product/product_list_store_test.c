/* SPDX-License-Identifier: Apache-2.0 */
/* The port's contract, continued: lists and searches. */
#include "services/product/product_followed_testing.h"
#include "services/product/product_store_testing.h"

/* ---- lists ---- */

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

/* Each tag has products of other names between, and more with one code than are sorted. */
static void check_gaps(struct call *call, int number)
{
    enum { TAGS = 9, TAGGED = 300 };
    static const char *const starts[TAGS] = {"TV ", "x9 ", "a z",  "ab!",      "ab[",
                                             "k9 ", "m z", "0 9 ", "9\xc3\xa9"};
    struct product_import *imports = arena_array(call->arena, struct product_import, TAGGED);
    struct product_query query = everything();

    for (int tag = 0; tag < TAGS; tag++) {
        char *tags[] = {arena_printf(call->arena, "tag %d", tag)};
        for (int i = 0; i < TAGGED; i++) {
            ProductService__CreateProductRequest *request = create_request(
                call->arena, arena_printf(call->arena, "%sstand %d", starts[tag], i), "home", 1);
            request->n_tags = 1;
            request->tags = tags;
            struct product product = draft_of(call->arena, request);
            product.handle = arena_printf(call->arena, "stand-%d-%d", tag, i);
            imports[i] = import_made(call->arena, &product);
        }
        EXPECT_OK(store->import(call, store, imports, TAGGED));
    }
    query.sort = PRODUCT_SORT_NAME;
    query.limit = 200;
    for (int turn = 0; turn < TAGS * 2; turn++) {
        struct product_page page, rest = {0};
        query.tag = arena_printf(call->arena, "tag %d", turn / 2);
        query.descending = turn % 2 == 0;
        query.after = (struct str){0};
        EXPECT_OK(store->search->list(call, store->search, &query, &page));
        EXPECT_INT(page.total, TAGGED);
        EXPECT_INT(page.count, 200);
        query.after = page.next;
        EXPECT_OK(store->search->list(call, store->search, &query, &rest));
        EXPECT_INT(rest.count, TAGGED - 200);
    }
}

TEST(names_at_the_edges_of_bytes_and_cases_are_all_listed)
{
    on_every_store(1, check_gaps);
}

/* Products with names that begin alike, so many that the index takes them in. So few of them are
 * featured that a list of those reads their names instead of walking all. */
static struct product keep_alike(struct call *call)
{
    enum { BATCHES = 3, BATCH = 200 };
    struct product_import *imports = arena_array(call->arena, struct product_import, BATCH);
    struct product_query query = everything();
    struct product_page page = {0};

    for (int i = 0; i < BATCHES * BATCH; i++) {
        struct product product = draft_of(call->arena, create_request(call->arena, "x", "home", 1));
        product.name = arena_printf(call->arena, "wide oak shelf, number %03d", i);
        product.handle = arena_printf(call->arena, "shelf-%d", i);
        product.is_featured = i < 10;
        imports[i % BATCH] = import_made(call->arena, &product);
        if (i % BATCH == BATCH - 1) EXPECT_OK(store->import(call, store, imports, BATCH));
    }
    query.limit = 1;
    query.descending = false;
    EXPECT_OK(store->search->list(call, store->search, &query, &page));
    EXPECT_INT(page.count, 1);
    return page.products[0];
}

static const char *first_featured(struct call *call)
{
    struct product_query query = everything();
    struct product_page page = {0};

    query.is_featured = 1;
    query.sort = PRODUCT_SORT_NAME;
    query.descending = false;
    query.limit = 20;
    EXPECT_OK(store->search->list(call, store->search, &query, &page));
    EXPECT_INT(page.count, 10);
    return page.products[0].name;
}

/* Neither the words of the new name nor how it begins differ from the old one. */
static void check_renamed(struct call *call, int number)
{
    struct product first = keep_alike(call), renamed;
    struct product_change change = {rename_to, (void *)(uintptr_t) "wide oak shelf; number 000",
                                    ""};
    struct product_key key = key_of(&first);

    EXPECT_STR(first_featured(call), "wide oak shelf, number 000");
    EXPECT_OK(store->update(call, store, &key, &change, &renamed));
    EXPECT_STR(first_featured(call), "wide oak shelf, number 001");
}

TEST(a_name_that_changes_behind_its_beginning_moves_in_the_list)
{
    on_every_store(1, check_renamed);
}

static void check_cursors(struct call *call, int number)
{
    struct product_query query = everything();
    struct product_page page;

    keep_catalogue(call);
    query.after = STR("x");
    EXPECT_REASON(store->search->list(call, store->search, &query, &page),
                  ARGOSY__REASON__PAGE_CURSOR_INVALID);
    query.sort = PRODUCT_SORT_NAME;
    query.after = STR("0123456789abcdef");
    EXPECT_REASON(store->search->list(call, store->search, &query, &page),
                  ARGOSY__REASON__PAGE_CURSOR_INVALID);
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

static void keep_described(struct call *call, const char *name, const char *description)
{
    ProductService__CreateProductRequest *request = create_request(call->arena, name, "home", 1);

    request->description = (char *)(uintptr_t)description;
    keep(call, request);
}

static void check_html(struct call *call, int number)
{
    keep_described(call, "a", "<p>Width <30cm walnut");
    keep_described(call, "b", "caf&eacute; &#99;rema<script>hidden</script>");
    EXPECT_STR(search(call, "walnut", 1), "a");
    EXPECT_STR(search(call, "cafe", 1), "b");
    EXPECT_STR(search(call, "crema", 1), "b");
    EXPECT_STR(search(call, "eacute", 0), "");
    EXPECT_STR(search(call, "hidden", 0), "");
}

TEST(searches_find_text_behind_an_unclosed_mark_and_decoded_entities)
{
    on_every_store(1, check_html);
}

static void check_spaceless(struct call *call, int number)
{
    keep_described(call, "zh", "\u65b0\u6b3e\u624b\u673a\u4fdd\u62a4\u58f3iPhone15");
    keep_described(call, "ja", "\u6771\u4eac\u90fd\u3067\u4f5c\u3063\u305f\u30ab\u30d0\u30f3");
    keep_described(call, "th",
                   "\u0e02\u0e49\u0e32\u0e27\u0e1c\u0e31\u0e14\u0e01\u0e38\u0e49\u0e07");
    EXPECT_STR(search(call, "\u624b\u673a", 1), "zh");
    EXPECT_STR(search(call, "\u4fdd\u62a4\u58f3", 1), "zh");
    EXPECT_STR(search(call, "\u58f3", 1), "zh");          /* the last character */
    EXPECT_STR(search(call, "\u624b iphone15", 1), "zh"); /* a single one, not at the end */
    EXPECT_STR(search(call, "\u624b\u4fdd", 0), "");      /* not side by side */
    EXPECT_STR(search(call, "\u4eac\u90fd", 1), "ja");
    EXPECT_STR(search(call, "\u30ab\u30d0\u30f3", 1), "ja");
    EXPECT_STR(search(call, "\u0e1c\u0e31\u0e14", 1), "th");
    EXPECT_STR(search(call, "\u0e01\u0e38\u0e49\u0e07", 1), "th");
    EXPECT_STR(search(call, "\u0e01\u0e38\u0e48\u0e07", 0), ""); /* another tone mark */
}

TEST(searches_find_words_inside_texts_without_spaces)
{
    on_every_store(1, check_spaceless);
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
        EXPECT_OK(store->search->list(call, store->search, &query, &page));
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
