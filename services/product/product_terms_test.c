/* SPDX-License-Identifier: Apache-2.0 */
/* Which searches find which words, whatever the script. */
#include "services/product/product_terms.h"

#include "base/test.h"

static struct arena arena;

/* Does the search find a product with this name? */
static bool finds(const char *name, const char *search)
{
    struct product_variant variant = {
        .variant_id = "v", .sku = "", .image_url = "", .barcode = "", .unit_amount = 1};
    struct product product = {
        .name = name,
        .category = "c",
        .vendor = "",
        .description = "",
        .created_by = "me",
        .status = PRODUCT_ACTIVE,
        .variants = &variant,
        .variant_count = 1,
    };
    struct product_query query = {.category = "",
                                  .search = search,
                                  .tag = "",
                                  .created_by = "",
                                  .status = PRODUCT_ACTIVE,
                                  .is_featured = -1};
    struct product_terms terms = product_terms_of(&arena, &product);
    struct product_terms_asked asked;

    CHECK_OK(product_terms_ask(&arena, &query, &asked));
    CHECK(asked.words > 0);
    for (size_t i = 0; i < asked.count; i++)
        if (!product_terms_fulfil(terms.joined, &asked.items[i], false)) return false;
    return true;
}

static void check_pairs(const char *const (*pairs)[2], size_t count)
{
    arena_init(&arena, 0);
    for (size_t i = 0; i < count; i++) {
        for (int turn = 0; turn < 2; turn++) {
            const char *name = pairs[i][turn], *search = pairs[i][!turn];
            if (!finds(name, search)) printf("  \"%s\" is not found in \"%s\"\n", search, name);
            CHECK(finds(name, search));
        }
    }
    arena_release(&arena);
}

#define CHECK_PAIRS(pairs) check_pairs(pairs, sizeof(pairs) / sizeof((pairs)[0]))

TEST(marks_that_writers_leave_out_do_not_count)
{
    static const char *const pairs[][2] = {
        {"caf\u00e9", "CAFE"},
        {"\u0642\u064e\u0645\u0650\u064a\u0635\u064c",
         "\u0642\u0645\u064a\u0635"},                                         /* Arabic vowels */
        {"\u0623\u0632\u0631\u0642", "\u0627\u0632\u0631\u0642"},             /* hamza */
        {"\u0643\u062a\u0640\u0640\u0627\u0628", "\u0643\u062a\u0627\u0628"}, /* lengthened */
        {"\u0645\u0643\u062a\u0628\u0629", "\u0645\u0643\u062a\u0628\u0647"},
        {"\u06a9\u06cc\u0641", "\u0643\u064a\u0641"}, /* Persian letters */
        {"\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd", "\u05e9\u05dc\u05d5\u05dd"}, /* Hebrew */
        {"\u0915\u093c\u0932\u092e", "\u0915\u0932\u092e"},                         /* Hindi */
        {"soft\u00adware", "software"},
    };

    CHECK_PAIRS(pairs);
}

TEST(letters_that_keyboards_lack_are_found_by_others)
{
    static const char *const pairs[][2] = {
        {"I\u015eIK", "\u0131\u015f\u0131k"},
        {"\u0131\u015f\u0131k", "isik"},
        {"\u0141\u00f3d\u017a", "lodz"},
        {"\u0152uvre", "oeuvre"},
        {"\u00c6r\u00f8", "aero"},
        {"\u00de\u00f3r", "thor"},
        {"\u0110\u00e0 N\u1eb5ng", "da nang"},
        {"STRASSE", "stra\u00dfe"},
        {"\u0663 \u06f4", "3 4"},
    };

    CHECK_PAIRS(pairs);
}

TEST(characters_in_parts_are_found_whole)
{
    static const char *const pairs[][2] = {
        {"\uff8a\uff9d\uff76\uff78\uff83\uff9e\uff86\uff91",
         "\u30cf\u30f3\u30ab\u30af\u30c7\u30cb\u30e0"},
        {"\u30c6\u3099\u30cb\u30e0", "\u30c7\u30cb\u30e0"},
        {"\u1112\u1161\u11ab\u1100\u116e\u11a8", "\ud55c\uad6d"},
    };

    CHECK_PAIRS(pairs);
    arena_init(&arena, 0);
    CHECK(finds("\uff83\uff9e\uff86\uff91", "\u30c7")); /* its first syllable */
    CHECK(!finds("\uff83\uff9e\uff86\uff91", "\u30c6"));
    arena_release(&arena);
}

TEST(pictographs_are_found)
{
    static const char *const pairs[][2] = {
        {"\u2764\ufe0f", "\u2764"},
        {"\U0001f44d\U0001f3fd", "\U0001f44d"},
        {"\U0001f1e9\U0001f1ea", "\U0001f1e9\U0001f1ea"},
        {"\U0001f469\u200d\U0001f467", "\U0001f469\u200d\U0001f467"},
    };

    CHECK_PAIRS(pairs);
    arena_init(&arena, 0);
    CHECK(finds("a gift\U0001f381for you", "\U0001f381"));
    CHECK(!finds("a gift\U0001f381for you", "\U0001f44d"));
    arena_release(&arena);
}
