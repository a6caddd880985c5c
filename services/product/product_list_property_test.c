/* SPDX-License-Identifier: Apache-2.0 */
/* Compares lists of random catalogues with a naive model: an array of products, filtered one by one
 * and sorted. PRODUCT_LIST_SEED in the environment makes other catalogues. */
#include <ctype.h>
#include <strings.h>

#include "base/dice_testing.h"
#include "services/product/product_store_testing.h"

enum {
    PRODUCTS = 900,
    LARGE = 12500,
    CHANGES = 400,
    QUERIES = 400,
    BATCH = 250,
    TOTAL_EXACT_MAX = 10000,
    PAGES = 4,
    PAGE_SIZE_MAX = 200,
};

static const char *const words[] = {"oak",   "chair", "table", "lamp",    "Caf\xc3\xa9", "round",
                                    "small", "chest", "cabin", "lantern", "TV",          "x9"};
static const char *const categories[] = {"home", "garden", "office"};
static const char *const tags[] = {"red", "Blue", "sale"};
static const char *const sellers[] = {"a@example.com", "b@example.com"};
enum { WORDS = 12, CATEGORIES = 3, TAGS = 3, SELLERS = 2 };

static struct model {
    struct product *items; /* in the order in which they came */
    bool *gone;
    size_t count;
    bool crowded; /* many names begin alike, many prices are close together or enormous */
} model;

static int64_t random_amount(void)
{
    if (!model.crowded) return (int64_t)dice(40) * 50;
    switch (dice(20)) {
    case 0: return ((int64_t)dice(5) << 40) + (int64_t)dice(3);
    case 1: return 70000 + (int64_t)dice(40);
    case 2: return 9900;
    default: return (int64_t)dice(1000000);
    }
}

/* What a product says that lists look at. */
static void redecorate(struct arena *arena, struct product *product)
{
    product->name = arena_printf(arena, "%s %s %s", words[dice(WORDS)], words[dice(WORDS)],
                                 words[dice(WORDS)]);
    if (model.crowded && dice(3) == 0)
        product->name = arena_printf(arena, "Oak Oak %s", product->name);
    product->description = arena_printf(arena, "<p>%s</p>", words[dice(WORDS)]);
    product->category = categories[dice(CATEGORIES)];
    product->created_by = sellers[dice(SELLERS)];
    product->status = dice(8) == 0 ? PRODUCT_DRAFT : PRODUCT_ACTIVE;
    product->is_featured = dice(5) == 0;
    product->tags.count = dice(3);
    product->tags.items = arena_array(arena, const char *, 2);
    for (size_t i = 0; i < product->tags.count; i++) product->tags.items[i] = tags[dice(TAGS)];
    if (product->tags.count == 2 && product->tags.items[0] == product->tags.items[1])
        product->tags.count = 1;
    for (size_t i = 0; i < product->variant_count; i++)
        product->variants[i].unit_amount = random_amount();
}

static void add_product(struct call *call)
{
    struct product product = draft_of(call->arena, create_request(call->arena, "x", "home", 1));

    redecorate(call->arena, &product);
    EXPECT_OK(store->insert(call, store, &product, NULL));
    model.gone[model.count] = false;
    model.items[model.count++] = product;
}

static struct status replace(const struct call *call, struct product *product, void *data)
{
    struct product *after = data;

    after->version = product->version + 1;
    *product = *after;
    return status_ok();
}

static struct status allow(const struct call *call, const struct product *product, void *data)
{
    return status_ok();
}

static void change_product(struct call *call)
{
    size_t index = dice(model.count);
    struct product after = model.items[index], answer;
    struct product_key key = key_of(&model.items[index]);

    if (model.gone[index]) return;
    if (dice(4) == 0) {
        struct product_check check = {.allow = allow, .created_by = "me"};
        EXPECT_OK(store->remove(call, store, &key, &check, &answer));
        model.gone[index] = true;
        return;
    }
    after.variants = arena_memdup(call->arena, after.variants,
                                  after.variant_count * sizeof(*after.variants));
    redecorate(call->arena, &after);
    struct product_change change = {replace, &after, "me"};
    EXPECT_OK(store->update(call, store, &key, &change, &answer));
    model.items[index] = after;
}

/* ---- the naive list ---- */

static bool has_word(const char *text, const char *word, bool begins)
{
    size_t length = strlen(word);

    for (const char *next = text; (next = strcasestr(next, word)); next++) {
        bool starts = next == text || !isalpha((unsigned char)next[-1]);
        unsigned char behind = (unsigned char)next[length];
        if (starts && (begins || behind == 0 || behind == ' ' || behind == '<')) return true;
    }
    return false;
}

/* 0: not all words; 1: somewhere; 2: all in the name. The words are of ASCII. */
static int words_found(const struct product *product, const char *search)
{
    char *copy = strdup(search), *rest = copy;
    bool anywhere = true, named = true;

    for (char *word; (word = strsep(&rest, " "));) {
        bool in_name = has_word(product->name, word, !rest), in_tags = false;
        for (size_t i = 0; i < product->tags.count; i++)
            in_tags = in_tags || has_word(product->tags.items[i], word, !rest);
        named = named && in_name;
        anywhere = anywhere && (in_name || in_tags || has_word(product->description, word, !rest));
    }
    free(copy);
    return named ? 2 : anywhere;
}

static bool fits(const struct product *product, const struct product_query *query)
{
    bool tagged = !*query->tag;
    int64_t amount = product_unit_amount(product);

    for (size_t i = 0; i < product->tags.count; i++)
        tagged = tagged || strcasecmp(product->tags.items[i], query->tag) == 0;
    return tagged && product->status == query->status && amount >= query->unit_amount_min &&
           amount <= query->unit_amount_max &&
           (!*query->category || strcmp(query->category, product->category) == 0) &&
           (!*query->created_by || strcasecmp(query->created_by, product->created_by) == 0) &&
           (query->is_featured < 0 || query->is_featured == product->is_featured) &&
           (!*query->search || words_found(product, query->search) > 0);
}

static const struct product_query *sorting;

static int in_order(const void *a, const void *b)
{
    size_t left = *(const size_t *)a, right = *(const size_t *)b;
    const struct product *x = &model.items[left], *y = &model.items[right];
    int64_t order = 0, later = left > right ? 1 : -1;

    if (sorting->sort == PRODUCT_SORT_NAME) order = strcasecmp(x->name, y->name);
    if (sorting->sort == PRODUCT_SORT_PRICE)
        order = product_unit_amount(x) - product_unit_amount(y);
    if (sorting->sort == PRODUCT_SORT_RELEVANCE) {
        order = words_found(y, sorting->search) - words_found(x, sorting->search);
        later = -later;
    }
    if (order == 0) order = later;
    if (sorting->descending) order = -order;
    return (order > 0) - (order < 0);
}

static void sort_expected(const struct product_query *query, size_t *expected, size_t count)
{
    sorting = query;
    if (count > 1) qsort(expected, count, sizeof(*expected), in_order);
    sorting = NULL;
}

static void random_query(struct arena *arena, struct product_query *query)
{
    static const char *const starts[] = {"c", "ca", "cha", "lant", "caf\xc3\xa9", "oak", "nothing"};

    *query = everything();
    if (dice(2)) query->category = categories[dice(CATEGORIES)];
    if (dice(2)) query->tag = tags[dice(TAGS)];
    if (dice(3) == 0) query->created_by = "B@example.com";
    if (dice(3) == 0) query->is_featured = (int)dice(2);
    if (dice(3) == 0) query->unit_amount_min = (int64_t)dice(30) * 50;
    if (dice(3) == 0) query->unit_amount_max = (int64_t)dice(45) * 50;
    if (dice(5) == 0) query->status = PRODUCT_DRAFT;
    if (dice(2)) query->search = starts[dice(7)];
    if (*query->search && dice(2))
        query->search = arena_printf(arena, "%s %s", words[dice(4)], query->search);
    query->sort = (enum product_sort)dice(*query->search ? 4 : 3);
    query->descending = query->sort != PRODUCT_SORT_RELEVANCE && dice(2);
    query->limit = 1 + (int)dice(60);
}

static void expect_list(struct call *call, struct product_query query)
{
    size_t *expected = arena_array(call->arena, size_t, model.count), count = 0, next = 0;
    struct product_page page = {0};

    for (size_t i = 0; i < model.count; i++)
        if (!model.gone[i] && fits(&model.items[i], &query)) expected[count++] = i;
    sort_expected(&query, expected, count);
    do {
        EXPECT_OK(store->search->list(call, store->search, &query, &page));
        EXPECT_INT(page.total, page.total_is_at_least ? TOTAL_EXACT_MAX : (int64_t)count);
        EXPECT(!page.total_is_at_least || count > TOTAL_EXACT_MAX);
        for (size_t i = 0; i < page.count && next < count; i++, next++)
            EXPECT_STR(page.products[i].product_id, model.items[expected[next]].product_id);
        query.after = page.next;
    } while (page.next.length > 0 && next < count);
    EXPECT_INT(next, count);
    EXPECT_INT(page.next.length, 0);
}

/* The first pages, each of another size. */
static void expect_pages(struct call *call, struct product_query query)
{
    size_t *expected = arena_array(call->arena, size_t, model.count), count = 0, next = 0;
    struct product_page page = {0};

    for (size_t i = 0; i < model.count; i++)
        if (!model.gone[i] && fits(&model.items[i], &query)) expected[count++] = i;
    sort_expected(&query, expected, count);
    for (int round = 0; round < PAGES && (round == 0 || page.next.length > 0); round++) {
        query.limit = 1 + (int)dice(PAGE_SIZE_MAX);
        EXPECT_OK(store->search->list(call, store->search, &query, &page));
        EXPECT_INT(page.total, page.total_is_at_least ? TOTAL_EXACT_MAX : (int64_t)count);
        EXPECT(!page.total_is_at_least || count > TOTAL_EXACT_MAX);
        EXPECT(page.count == (size_t)query.limit || next + page.count == count);
        for (size_t i = 0; i < page.count && next < count; i++, next++)
            EXPECT_STR(page.products[i].product_id, model.items[expected[next]].product_id);
        EXPECT((page.next.length > 0) == (next < count));
        query.after = page.next;
    }
}

static void begin_empty(struct call *call, size_t room)
{
    const char *given = getenv("PRODUCT_LIST_SEED");

    dice_seed = 0x9E3779B97F4A7C15u * (given ? strtoull(given, NULL, 10) * 2 + 1 : 1);
    model = (struct model){
        .items = arena_array(call->arena, struct product, room),
        .gone = arena_array(call->arena, bool, room),
    };
}

static void begin(struct call *call)
{
    begin_empty(call, PRODUCTS + CHANGES);
    for (int i = 0; i < PRODUCTS; i++) add_product(call);
}

static void check_model(struct call *call, int number)
{
    struct product_query query;

    begin(call);
    for (int i = 0; i < QUERIES; i++) {
        random_query(call->arena, &query);
        expect_list(call, query);
        change_product(call);
        if (i % 4 == 0) add_product(call);
    }
}

TEST(lists_of_random_catalogues_are_those_of_a_naive_model)
{
    on_every_store(1, check_model);
}

/* So many words that a few changes are folded. */
static const char *description_of(struct arena *arena, int word_count)
{
    enum { WORD_ROOM = 8 };
    char *text = arena_alloc(arena, (size_t)word_count * WORD_ROOM), *next = text;

    for (int i = 0; i < word_count; i++) next += snprintf(next, WORD_ROOM, "a%d ", i);
    return text;
}

static void set_price(struct call *call, int64_t amount, const char *description)
{
    struct product after = model.items[0], answer;
    struct product_key key = key_of(&model.items[0]);
    struct product_change change = {replace, &after, "me"};

    after.variants = arena_memdup(call->arena, after.variants,
                                  after.variant_count * sizeof(*after.variants));
    after.variants[0].unit_amount = amount;
    after.category = categories[dice(CATEGORIES)];
    after.description = description;
    EXPECT_OK(store->update(call, store, &key, &change, &answer));
    model.items[0] = after;
}

/* After the first folding more changes are made than before it until the next one, so that the
 * number of changes since the last folding is what it was when something else was in the list. */
static void check_changes(struct call *call, int number)
{
    enum { TURNS = 40, FIRST = 1000000, LONG = 12, WORD_COUNT = 2000 };
    const char *long_one = description_of(call->arena, WORD_COUNT);
    const char *shorter = description_of(call->arena, WORD_COUNT / 2);
    struct product product = draft_of(call->arena, create_request(call->arena, "x", "home", 1));

    (void)number;
    begin_empty(call, 2);
    product.status = PRODUCT_ACTIVE;
    product.description = long_one;
    EXPECT_OK(store->insert(call, store, &product, NULL));
    model.items[model.count++] = product;
    for (int64_t amount = FIRST; amount < FIRST + TURNS; amount++) {
        set_price(call, amount, amount < FIRST + LONG ? long_one : shorter);
        for (int64_t near = amount - 1; near <= amount + 1; near++) {
            struct product_query query = everything();
            query.created_by = product.created_by;
            query.unit_amount_min = query.unit_amount_max = near;
            query.category = dice(2) ? model.items[0].category : "";
            expect_list(call, query);
        }
    }
}

TEST(each_change_is_seen_by_the_next_list_before_and_after_a_folding)
{
    on_every_store(1, check_changes);
}

/* Bounds that are prices of products. */
static void price_range(struct product_query *query)
{
    int64_t one = product_unit_amount(&model.items[dice(model.count)]);
    int64_t other = product_unit_amount(&model.items[dice(model.count)]);

    *query = everything();
    if (dice(3) == 0) query->category = categories[dice(CATEGORIES)];
    if (dice(4) == 0) query->status = PRODUCT_DRAFT;
    query->sort = PRODUCT_SORT_PRICE;
    query->descending = dice(2);
    if (dice(3) > 0) query->unit_amount_min = one < other ? one : other;
    if (dice(3) > 0) query->unit_amount_max = one < other ? other : one;
}

/* Large enough that totals are counted up to their limit only, and that sets are too large to be
 * sorted and too small to be met on the way. */
static void check_large_model(struct call *call, int number)
{
    struct product_query query;

    (void)number;
    begin_empty(call, LARGE + CHANGES);
    model.crowded = true;
    while (model.count < LARGE) {
        struct product_import imports[BATCH];
        for (size_t i = 0; i < BATCH; i++) {
            struct product product = draft_of(call->arena,
                                              create_request(call->arena, "x", "home", 1));
            redecorate(call->arena, &product);
            product.handle = arena_printf(call->arena, "product-%zu", model.count);
            imports[i] = import_made(call->arena, &product);
            model.items[model.count++] = product;
        }
        EXPECT_OK(store->import(call, store, imports, BATCH));
        for (size_t i = 0; i < BATCH; i++) EXPECT_OK(imports[i].status);
    }
    for (int i = 0; i < QUERIES / 2; i++) {
        random_query(call->arena, &query);
        if (dice(4) == 0) query.unit_amount_max = 70000 + (int64_t)dice(40);
        if (dice(4) == 0) query.unit_amount_min = 70000 + (int64_t)dice(40);
        if (dice(8) == 0) query.unit_amount_min = (int64_t)dice(5) << 40;
        expect_pages(call, query);
        price_range(&query);
        expect_pages(call, query);
        change_product(call);
    }
}

TEST(pages_of_a_large_catalogue_are_those_of_a_naive_model)
{
    on_every_store(1, check_large_model);
}

/* Whatever is changed between two pages: a product that matched all the time and was not changed
 * appears exactly once, and none appears twice at the same place. */
static void check_walks(struct call *call, int number)
{
    begin(call);
    for (int walk = 0; walk < 40; walk++) {
        bool *untouched = arena_array(call->arena, bool, model.count);
        int *seen = arena_array(call->arena, int, model.count);
        size_t count = model.count;
        struct product_page page = {0};
        struct product_query query;
        int64_t *versions = arena_array(call->arena, int64_t, count);
        random_query(call->arena, &query);
        for (size_t i = 0; i < count; i++) {
            untouched[i] = !model.gone[i] && fits(&model.items[i], &query);
            versions[i] = model.items[i].version;
        }
        do {
            EXPECT_OK(store->search->list(call, store->search, &query, &page));
            for (size_t i = 0; i < page.count; i++)
                for (size_t known = 0; known < count; known++)
                    if (strcmp(model.items[known].product_id, page.products[i].product_id) == 0)
                        seen[known]++;
            query.after = page.next;
            for (int i = 0; i < 3; i++) change_product(call);
        } while (page.next.length > 0);
        for (size_t i = 0; i < count; i++)
            if (untouched[i] && !model.gone[i] && model.items[i].version == versions[i])
                EXPECT_INT(seen[i], 1);
    }
}

TEST(pages_keep_their_place_while_products_change)
{
    on_every_store(1, check_walks);
}
