/* SPDX-License-Identifier: Apache-2.0 */
/* Measures the processor time of imports and lists, for bench/catalogue; does nothing unless
 * CATALOGUE_PRODUCTS=N asks for a catalogue of N products. CATALOGUE_FOLDER names a folder that
 * keeps the catalogue for later runs. CATALOGUE_VERBOSE=1 prints every combination of filters,
 * words and sorts instead of the slowest alone. CATALOGUE_ONLY=TEXT measures the combination of
 * this description alone, and CATALOGUE_TIMES=N takes the least of N runs, for a profiler. */
#include <time.h>

#include "base/dice_testing.h"
#include "services/product/sqlite/product_sqlite_testing.h"

enum { BATCH = 256, TIMES = 5, PAGE_SIZE = 20, DEEP_PAGE = 1000, STEP = 1000, SORTS = 4 };
enum { LIST_AIM_MS = 1, SEARCH_AIM_MS = 5 };

static const char *const words[] = {"oak",   "chair", "table", "lamp",  "Caf\xc3\xa9",
                                    "round", "small", "chest", "cabin", "lantern"};
static const char *const tags[] = {"red", "Blue", "sale"};
enum { WORDS = 10, TAGS = 3 };

static double processor_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* ---- the catalogue ---- */

static const char *description_of(struct arena *arena)
{
    const char *word = words[dice(WORDS)];
    size_t rare = dice(100000);

    if (dice(10) == 0)
        return arena_printf(
            arena, "<p>\xe6\x9c\xa8\xe8\xa3\xbd\xe6\xa4\x85\xe5\xad\x90 word%zu</p>", rare);
    return arena_printf(arena, "<p>%s with word%zu, word%zu and word%zu</p>", word, dice(3000),
                        dice(3000), rare);
}

/* Every filter has common and rare values. The products of seller-99 are the dearest, and their
 * names begin alike: no other product is between them in either order. */
static struct product made_product(struct arena *arena, size_t number)
{
    struct product product = draft_of(arena, create_request(arena, "x", "home", 1));
    const char **tagged = arena_array(arena, const char *, 3);
    size_t seller = dice(100);

    product.name = arena_printf(arena, "%s %s %s %zu", words[dice(WORDS)], words[dice(WORDS)],
                                words[dice(WORDS)], number);
    if (seller == 99) product.name = arena_printf(arena, "zenith %s", product.name);
    product.handle = arena_printf(arena, "product-%zu", number);
    product.category = arena_printf(arena, "category-%zu", dice(20));
    product.created_by = arena_printf(arena, "seller-%zu@example.com", seller);
    product.status = PRODUCT_ACTIVE;
    product.is_featured = dice(5) == 0;
    product.description = description_of(arena);
    tagged[product.tags.count++] = tags[dice(TAGS)];
    if (dice(50) == 0) tagged[product.tags.count++] = "handmade";
    product.tags.items = tagged;
    product.variants[0].sku = arena_printf(arena, "SKU-%07zu", number);
    product.variants[0].unit_amount = (int64_t)dice(100000) + (seller == 99 ? 200000 : 0);
    return product;
}

static void fill(struct call *call, size_t products)
{
    struct product_import *imports = calloc(BATCH, sizeof(*imports));
    double start = processor_ms();

    for (size_t done = 0; done < products; done += BATCH) {
        size_t count = products - done < BATCH ? products - done : BATCH;
        struct call inner;
        struct arena arena;
        arena_init(&arena, 0);
        call_init_child(&inner, call, 0);
        inner.arena = &arena;
        for (size_t i = 0; i < count; i++) {
            struct product product = made_product(&arena, done + i);
            imports[i] = import_made(&arena, &product);
        }
        EXPECT_OK(store->import(&inner, store, imports, count));
        for (size_t i = 0; i < count; i++) EXPECT_OK(imports[i].status);
        arena_release(&arena);
    }
    printf("%9zu products  import %.0f us of processor time each\n", products,
           (processor_ms() - start) * 1e3 / (double)products);
    free(imports);
}

/* ---- its lists ---- */

struct cost {
    double ms;
    char what[96];
};
static struct cost dearest_list, dearest_search;
static struct count {
    int pages, within;
} list_pages, search_pages; /* and how many of them are within the aim */
static int refused_count;

static struct status list_once(struct call *call, const struct product_query *query,
                               struct str *ret_next, int64_t *ret_total)
{
    struct product_page page = {0};
    struct call inner;
    struct arena arena;
    struct status st;

    arena_init(&arena, 0);
    call_init_child(&inner, call, 0);
    inner.arena = &arena;
    st = store->search->list(&inner, store->search, query, &page);
    if (!failed(st)) {
        *ret_next = (struct str){0};
        if (page.next.length > 0)
            *ret_next = str_sized(arena_memdup(call->arena, page.next.data, page.next.length),
                                  page.next.length);
        *ret_total = page.total;
    } else {
        st.message = "refused";
    }
    arena_release(&arena);
    return st;
}

/* Negative if it was refused. */
static double cost_of(struct call *call, const struct product_query *query)
{
    const char *asked = getenv("CATALOGUE_TIMES");
    int times = asked ? (int)strtol(asked, NULL, 10) : TIMES;
    double least = -1;

    for (int i = 0; i < times; i++) {
        double start = processor_ms(), spent;
        struct str next;
        int64_t total;
        if (failed(list_once(call, query, &next, &total))) return -1;
        spent = processor_ms() - start;
        if (least < 0 || spent < least) least = spent;
    }
    return least;
}

/* Moves to where a later page begins; false if the list is shorter. */
static bool skip_pages(struct call *call, struct product_query *query, int pages)
{
    struct product_query steps = *query;
    int64_t total;

    for (int left = pages * PAGE_SIZE; left > 0; left -= steps.limit) {
        steps.limit = left < STEP ? left : STEP;
        if (failed(list_once(call, &steps, &steps.after, &total)) || steps.after.length == 0)
            return false;
    }
    query->after = steps.after;
    return true;
}

/* The last page begins behind where the first one of the other direction ends. */
static bool skip_to_last(struct call *call, struct product_query *query)
{
    struct product_query back = *query;
    struct str next;
    int64_t total;

    if (query->sort == PRODUCT_SORT_RELEVANCE) return false;
    back.descending = !back.descending;
    if (failed(list_once(call, &back, &next, &total)) || next.length == 0) return false;
    query->after = next;
    return true;
}

static void note(double ms, const struct product_query *query, const char *what, const char *page)
{
    static const char *const sorts[SORTS] = {"created", "name", "price", "relevance"};
    struct cost *dearest = *query->search ? &dearest_search : &dearest_list;
    struct count *count = *query->search ? &search_pages : &list_pages;

    count->pages++;
    count->within += ms <= (*query->search ? SEARCH_AIM_MS : LIST_AIM_MS);
    refused_count += ms < 0;
    if (ms > dearest->ms) {
        dearest->ms = ms;
        snprintf(dearest->what, sizeof(dearest->what), "%s; by %s%s, %s page", what,
                 sorts[query->sort], query->descending ? " downwards" : "", page);
    }
    if (getenv("CATALOGUE_VERBOSE")) printf(ms < 0 ? "  REFUSED" : " %8.3f", ms);
}

static void measure_sort(struct call *call, struct product_query query, const char *what)
{
    struct product_query deep = query, last = query;

    query.limit = deep.limit = last.limit = PAGE_SIZE;
    note(cost_of(call, &query), &query, what, "first");
    if (skip_pages(call, &deep, DEEP_PAGE))
        note(cost_of(call, &deep), &deep, what, "thousandth");
    else if (getenv("CATALOGUE_VERBOSE"))
        printf("        -");
    if (skip_to_last(call, &last))
        note(cost_of(call, &last), &last, what, "last");
    else if (getenv("CATALOGUE_VERBOSE"))
        printf("        -");
}

static void measure_list(struct call *call, struct product_query query)
{
    const char *only = getenv("CATALOGUE_ONLY");
    char what[64];
    int64_t total = 0;
    struct str next;

    snprintf(what, sizeof(what), "%s%s%s%s%s%s%s", *query.category ? "category " : "",
             *query.tag ? query.tag : "", *query.tag ? " " : "",
             query.is_featured >= 0 ? "featured " : "", *query.created_by ? "seller " : "",
             query.unit_amount_max == INT64_MAX ? ""
             : query.unit_amount_max < 10000    ? "narrow "
                                                : "range ",
             query.search);
    if (only && strcmp(what, only) != 0) return;
    if (getenv("CATALOGUE_VERBOSE")) {
        if (failed(list_once(call, &query, &next, &total))) total = -1;
        printf("%-44s %8lld", what, (long long)total);
    }
    for (int sort = 0; sort < SORTS - (*query.search == 0); sort++) {
        query.sort = (enum product_sort)sort;
        query.descending = sort == PRODUCT_SORT_CREATED;
        measure_sort(call, query, what);
    }
    if (getenv("CATALOGUE_VERBOSE")) printf("\n");
}

static const struct {
    int64_t min, max;
} ranges[] = {{0, INT64_MAX}, {5000, 5010}, {20000, 60000}};

static void measure_filters(struct call *call)
{
    static const char *const asked_tags[] = {"", "sale", "handmade"};
    static const char *const asked_sellers[] = {"", "seller-7@example.com",
                                                "seller-99@example.com"};

    for (int bits = 0; bits < 2 * 2 * 3 * 3 * 3; bits++) {
        struct product_query query = everything();
        query.category = bits % 2 ? "category-3" : "";
        query.is_featured = bits / 2 % 2 ? 1 : -1;
        query.tag = asked_tags[bits / 4 % 3];
        query.created_by = asked_sellers[bits / 12 % 3];
        query.unit_amount_min = ranges[bits / 36].min;
        query.unit_amount_max = ranges[bits / 36].max;
        measure_list(call, query);
    }
}

static void measure_searches(struct call *call)
{
    static const char *const searches[] = {
        "oak",
        "oak chair",
        "c",
        "la",
        "lant",
        "word77",
        "word",
        "word12 ",
        "word77777",
        "oak word77777",
        "\xe6\xa4\x85\xe5\xad\x90",
        "\xe6\x9c\xa8",
        "zenith oak",
        "oak round small la",
        "sku 00",
    };

    for (size_t i = 0; i < sizeof(searches) / sizeof(searches[0]); i++) {
        for (int bits = 0; bits < 2 * 2 * 3; bits++) {
            struct product_query query = everything();
            query.search = searches[i];
            query.category = bits % 2 ? "category-3" : "";
            query.tag = bits / 2 % 2 ? "sale" : "";
            query.unit_amount_min = ranges[bits / 4].min;
            query.unit_amount_max = ranges[bits / 4].max;
            measure_list(call, query);
        }
    }
}

static void measure(struct call *call, int number)
{
    struct product_query query = everything();
    struct str next;
    int64_t total = 0, left = 1;

    (void)number;
    EXPECT_OK(list_once(call, &query, &next, &total));
    if (total == 0) fill(call, (size_t)strtoull(getenv("CATALOGUE_PRODUCTS"), NULL, 10));
    while (left > 0) EXPECT_OK(store->search->index(call, store->search, 500, &left));
    measure_filters(call);
    measure_searches(call);
    if (list_pages.pages + search_pages.pages == 0) return;
    printf(
        "                    %d pages of lists, %d within %d ms; %d of searches, %d within %d ms; "
        "%d refused\n",
        list_pages.pages, list_pages.within, LIST_AIM_MS, search_pages.pages, search_pages.within,
        SEARCH_AIM_MS, refused_count);
    printf("                    dearest list   %6.3f ms (%s)\n", dearest_list.ms,
           dearest_list.what);
    printf("                    dearest search %6.3f ms (%s)\n", dearest_search.ms,
           dearest_search.what);
}

TEST(costs_are_printed_when_asked_for)
{
    const char *kept = getenv("CATALOGUE_FOLDER");

    if (!getenv("CATALOGUE_PRODUCTS")) return;
    if (!kept) {
        on_sqlite(measure);
        return;
    }
    snprintf(folder, sizeof(folder), "%s", kept);
    open_store();
    play(SHARDS, 1, measure);
    close_store();
}
