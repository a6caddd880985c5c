/* SPDX-License-Identifier: Apache-2.0 */
/* Plain text out of the HTML of descriptions, and its words: the text never grows beyond twice the
 * HTML, stays well-formed where the HTML was, and names are kept whole. */
#include "services/product/product_terms.h"
#include "services/product/product_text.h"
#include "tests/fuzz/fuzz.h"

static void check_words(struct arena *arena, const char *text)
{
    struct product_variant variant = {.sku = text};
    struct product product = {.name = text,
                              .description = text,
                              .category = "c",
                              .vendor = text,
                              .created_by = "s",
                              .variants = &variant,
                              .variant_count = 1};
    struct product_terms terms = product_terms_of(arena, &product);
    struct str name;
    uint32_t code;

    invariant(product_terms_amount_code(terms.joined, &code) && code == product_amount_code(0));
    invariant(product_terms_name(terms.joined, &name) && str_equal(name, str_of(text)));
    invariant(product_terms_equal(&terms, &terms));
    terms = product_terms_parse(arena, terms.joined);
    terms = product_terms_complete(arena, &terms);
    for (size_t i = 0; i < terms.count; i++)
        invariant(terms.items[i].length >= TERM_HEAD &&
                  (terms.items[i].length <= TERM_SIZE_MAX || !product_term_is_set(terms.items[i])));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    char *html, *plain;

    arena_init(&arena, 0);
    html = arena_strndup(&arena, (const char *)data, size);
    html[strlen(html)] = 0;
    plain = product_text_plain(&arena, html);
    invariant(strlen(plain) <= strlen(html) * 2);
    if (str_is_utf8(str_of(html))) invariant(str_is_utf8(str_of(plain)));
    check_words(&arena, plain);
    arena_release(&arena);
    return 0;
}
