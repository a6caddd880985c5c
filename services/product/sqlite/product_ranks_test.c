/* SPDX-License-Identifier: Apache-2.0 */
/* Ranks are in the order of names, whatever these consist of and in whatever order they come. */
#include "services/product/sqlite/product_ranks_sqlite.h"

#include "base/dice_testing.h"
#include "services/product/sqlite/product_sqlite_testing.h"

enum { BATCH = 256, PRODUCTS = 24 * BATCH, PAGE = 300, STATUSES = 3 };

/* ---- what is stored ---- */

struct survey {
    int64_t ranked, wrong;
};

static struct status is_fresh(struct sqlite_tx *tx, int64_t key, bool *ret_fresh)
{
    struct sqlite_rows rows;
    struct status st = sqlite_query(tx, &rows, "SELECT 1 FROM product_fresh WHERE product = ?", "l",
                                    key);

    if (failed(st)) return st;
    *ret_fresh = sqlite_next(&rows);
    sqlite_end(&rows);
    return rows.status;
}

/* Each product that isn't fresh has a greater rank than the one before it. */
static struct status survey_job(const struct call *call, struct sqlite_tx *tx, void *data)
{
    static int64_t ranks[CHUNK_SIZE];
    struct survey *survey = data;
    size_t used;
    struct status st = product_ranks_read(tx, 0, ranks, &used);

    *survey = (struct survey){0};
    for (int status = 0; status < STATUSES && !failed(st); status++) {
        struct sqlite_rows rows;
        int64_t last = 0;
        bool fresh = false;
        st = sqlite_query(tx, &rows, "SELECT key FROM products WHERE status = ? ORDER BY name, key",
                          "i", status);
        while (!failed(st) && sqlite_next(&rows)) {
            int64_t key = sqlite_column_i64(&rows, 0);
            st = is_fresh(tx, key, &fresh);
            if (failed(st) || fresh) continue;
            survey->ranked++;
            survey->wrong += ranks[key] <= last;
            last = ranks[key];
        }
        sqlite_end(&rows);
    }
    return st;
}

static void expect_ranks(struct call *call, int64_t least)
{
    struct survey survey;

    EXPECT_OK(sqlite_scan(call, product_sqlite(store)->db, survey_job, &survey));
    EXPECT_INT(survey.wrong, 0);
    EXPECT(survey.ranked >= least);
}

/* ---- catalogues ---- */

static struct product named(struct arena *arena, const char *name, size_t number)
{
    struct product product = draft_of(arena, create_request(arena, name, "home", 1));
    const char **tags = arena_array(arena, const char *, 1);

    tags[0] = number % 9 == 0 ? "rare" : "common";
    product.tags.items = tags;
    product.tags.count = 1;
    product.handle = arena_printf(arena, "product-%zu", number);
    return product;
}

static void fill(struct call *call, const char *(*name)(struct arena *arena, size_t number))
{
    for (size_t done = 0; done < PRODUCTS; done += BATCH) {
        struct product_import imports[BATCH];
        for (size_t i = 0; i < BATCH; i++) {
            struct product product = named(call->arena, name(call->arena, done + i), done + i);
            imports[i] = import_made(call->arena, &product);
        }
        EXPECT_OK(store->import(call, store, imports, BATCH));
        for (size_t i = 0; i < BATCH; i++) EXPECT_OK(imports[i].status);
    }
}

/* All pages of a tag that few products have are in the order of names. */
static void expect_order(struct call *call, bool descending)
{
    struct product_query query = everything();
    const char *last = NULL;
    size_t count = 0;

    query.tag = "rare";
    query.sort = PRODUCT_SORT_NAME;
    query.descending = descending;
    query.limit = PAGE;
    do {
        struct product_page page = {0};
        EXPECT_OK(store->search->list(call, store->search, &query, &page));
        for (size_t i = 0; i < page.count; i++) {
            const char *name = page.products[i].name;
            int order = last ? product_names_compare(str_of(last), str_of(name)) : 0;
            EXPECT(descending ? order >= 0 : order <= 0);
            last = name;
        }
        count += page.count;
        query.after = page.next;
    } while (query.after.length > 0);
    EXPECT_INT(count, (PRODUCTS + 8) / 9);
}

static void expect_all(struct call *call)
{
    expect_ranks(call, PRODUCTS - 1000);
    expect_order(call, false);
    expect_order(call, true);
}

/* Chairs of one series, all alike for 42 bytes. */
static const char *chinese(struct arena *arena, size_t number)
{
    static const char *const colours[] = {"\xe7\xb4\x85", "\xe8\x97\x8d", "\xe7\x99\xbd",
                                          "\xe9\xbb\x92"};

    (void)number;
    return arena_printf(arena,
                        "\xe6\x9c\xa8\xe8\xa3\xbd\xe6\xa4\x85\xe5\xad\x90\xe3\x81\xae\xe9\xab\x98"
                        "\xe7\xb4\x9a\xe5\xae\xb6\xe5\x85\xb7\xe3\x82\xb7\xe3\x83\xaa\xe3\x83\xbc"
                        "\xe3\x82\xba %s%s %zu",
                        colours[dice(4)], colours[dice(4)], dice(500));
}

static void check_chinese(struct call *call, int number)
{
    (void)number;
    fill(call, chinese);
    expect_all(call);
}

TEST(names_in_any_script_that_begin_alike_are_in_their_order)
{
    on_sqlite(check_chinese);
}

static const char *upwards(struct arena *arena, size_t number)
{
    return arena_printf(arena, "Article %06zu", number);
}

static const char *downwards(struct arena *arena, size_t number)
{
    return arena_printf(arena, "Article %06zu", PRODUCTS - number);
}

/* Each right behind the first one: the room there is used up again and again. */
static const char *into_one_gap(struct arena *arena, size_t number)
{
    return number == 0 ? "M" : arena_printf(arena, "m %06zu", PRODUCTS - number);
}

/* From both sides between two. */
static const char *inwards(struct arena *arena, size_t number)
{
    return arena_printf(arena, "%s %06zu", number % 2 ? "a" : "b",
                        number % 2 ? number : PRODUCTS - number);
}

static const char *the_same(struct arena *arena, size_t number)
{
    return number % 2 ? "Oak chair" : "oak CHAIR";
}

static const char *(*const sequences[])(struct arena *arena, size_t number) = {
    upwards, downwards, into_one_gap, inwards, the_same};
enum { SEQUENCES = sizeof(sequences) / sizeof(sequences[0]) };
static size_t sequence;

static void check_sequence(struct call *call, int number)
{
    (void)number;
    fill(call, sequences[sequence]);
    expect_all(call);
}

TEST(names_in_any_sequence_find_room_between_others)
{
    for (sequence = 0; sequence < SEQUENCES; sequence++) on_sqlite(check_sequence);
}

/* ---- a catalogue of an older program ---- */

static struct status forget_ranks(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct status st = sqlite_exec(tx, 0, "DELETE FROM product_ranks", "");

    if (failed(st)) return st;
    return sqlite_exec(tx, 0,
                       "UPDATE product_ranking SET status = 0, name = '', key = -1, rank = 0,"
                       " waiting = (SELECT count(*) FROM products)",
                       "");
}

static struct product_key some_product(struct call *call)
{
    struct product_query query = everything();
    struct product_page page = {0};

    query.limit = 1;
    query.descending = dice(2) == 1;
    EXPECT_OK(store->search->list(call, store->search, &query, &page));
    EXPECT_INT(page.count, 1);
    return key_of(&page.products[0]);
}

/* Renames come in front of the place to which ranks have been given, and behind it. */
static void check_older(struct call *call, int number)
{
    struct product_query query = everything();
    struct product_page page;
    int64_t left = 1;

    (void)number;
    fill(call, chinese);
    EXPECT_OK(sqlite_write(call, product_sqlite(store)->db, forget_ranks, NULL));
    query.tag = "rare";
    EXPECT_REASON(store->search->list(call, store->search, &query, &page),
                  ARGOSY__REASON__LIST_INDEX_BUILDING);
    for (int rounds = 0; left > 0 && rounds < PRODUCTS; rounds++) {
        struct product_key key = some_product(call);
        struct product_change change = {rename_to, (void *)(uintptr_t)chinese(call->arena, 0),
                                        "me"};
        struct product after;
        EXPECT_OK(store->update(call, store, &key, &change, &after));
        EXPECT_OK(store->search->index(call, store->search, 100, &left));
    }
    EXPECT_INT(left, 0);
    expect_all(call);
}

TEST(products_of_an_older_program_get_ranks_while_names_change)
{
    on_sqlite(check_older);
}
