/* SPDX-License-Identifier: Apache-2.0 */
/* The terms by which a product is found, whatever index stores them. A term is a kind and a text.
 *
 * A list selects the products that have all of some terms. Products and lists use the same
 * functions, so that their terms match. Words are in lower case and without the accents of Latin,
 * Greek and Cyrillic letters. Scripts without spaces between words give pairs of characters, and
 * each run its last character. */
#ifndef SERVICES_PRODUCT_PRODUCT_TERMS_H
#define SERVICES_PRODUCT_PRODUCT_TERMS_H

#include "services/product/product_search.h"

/* A term is the product's status, as a digit, a kind, and a text: every list asks for one status,
 * and so no list has to look at products of another. */
enum product_term_kind {
    TERM_ALL = 'a', /* every product; its text is empty */
    TERM_CATEGORY = 'c',
    TERM_FEATURED = 'f', /* "0" or "1" */
    TERM_NAME = 'n',     /* a word of the name */
    TERM_SELLER = 's',
    TERM_TAG = 't',
    TERM_WORD = 'w',       /* a word of any text, including the name */
    TERM_WORD_START = 'p', /* its first 1, 2, 3 and 5 characters */
    TERM_NAME_START = 'q',
    /* Not a set but what a product is sorted by, and what ranges are of: a code in eight digits. */
    TERM_NAME_CODE = 'x',
    TERM_AMOUNT_CODE = 'y',
};

enum {
    TERM_HEAD = 2,       /* status and kind */
    TERM_SIZE_MAX = 300, /* bytes, with the head */
    TERM_WORD_MAX = 60,  /* bytes of a word; the rest is cut off */
    TERM_WORDS_MAX = 32, /* of a search */
    TERMS_ASKED_MAX = TERM_WORDS_MAX + 5,
};

/* A sorted set. `joined` has all texts, with a NUL before and after each: "\0a0\0cgarden\0". */
struct product_terms {
    struct str joined;
    struct str *items;
    size_t count;
};

/* A product's terms without the starts, which follow from the words. */
struct product_terms product_terms_of(struct arena *arena, const struct product *product);
struct product_terms product_terms_parse(struct arena *arena, struct str joined);
/* Adds the starts of the words; neither sorted nor joined, and a term may occur more than once. */
struct product_terms product_terms_complete(struct arena *arena, const struct product_terms *terms);
bool product_terms_equal(const struct product_terms *a, const struct product_terms *b);

/* Is it of a filter, not a word? */
static inline bool product_term_is_filter(struct str term)
{
    return strchr("acfst", term.data[1]) != NULL;
}

/* One condition of a list. */
struct product_term_asked {
    struct str term;
    struct str name_term; /* for words: the same in the name alone; else empty */
    bool begins;          /* every term with this prefix counts */
};

struct product_terms_asked {
    struct product_term_asked items[TERMS_ASKED_MAX];
    size_t count, words;
};

/* INVALID_ARGUMENT for a search with too many words. Price ranges are not expressed as terms. */
struct status product_terms_ask(struct arena *arena, const struct product_query *query,
                                struct product_terms_asked *ret_asked);

/* Does a set without starts satisfy the condition? */
bool product_terms_fulfil(struct str joined, const struct product_term_asked *asked, bool name);

/* Numbers in the order of amounts and names, for sorting without reading them: of two products the
 * one with the lesser code has the lesser amount or name, alike codes say nothing. */
enum product_column { COLUMN_NAME, COLUMN_AMOUNT };
enum { COLUMN_COUNT = COLUMN_AMOUNT + 1 };

uint32_t product_name_code(struct str name);
uint32_t product_amount_code(int64_t amount);
/* The least amount, or a text not above any name, with a code that is not below `code`. */
int64_t product_amount_of_code(uint32_t code);
/* Has no other amount this code? */
bool product_amount_code_is_exact(uint32_t code);
const char *product_name_of_code(struct arena *arena, uint32_t code);

/* A set's codes; false if it is of no product. */
bool product_terms_codes(struct str joined, uint32_t ret_codes[COLUMN_COUNT]);

#endif
