/* SPDX-License-Identifier: Apache-2.0 */
/* The terms by which a product is found, whatever index stores them. A term is a kind and a text.
 *
 * A list selects the products that have all of some terms. Products and lists use the same
 * functions, so that their terms match. Words are in lower case, and without the accents and other
 * marks that writers leave out (product_text_typed). Scripts without spaces between words give
 * pairs of characters, and each run its last character. */
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
    /* Not sets but what a product is sorted by, and what ranges are of. */
    TERM_AMOUNT_CODE = 'y', /* eight digits */
    TERM_WHOLE_NAME = 'z',
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

/* Does it stand for the set of products that have it? */
static inline bool product_term_is_set(struct str term)
{
    return strchr("acfnpqstw", term.data[1]) != NULL;
}

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

/* A number in the order of amounts, for sorting without reading them: of two products the one with
 * the lesser code has the lesser amount, alike codes say nothing. */
uint32_t product_amount_code(int64_t amount);
/* The least amount with a code that is not below `code`. */
int64_t product_amount_of_code(uint32_t code);
/* Has no other amount this code? */
bool product_amount_code_is_exact(uint32_t code);

/* What a set of terms says of its product; false if it is of none. */
bool product_terms_amount_code(struct str joined, uint32_t *ret_code);
bool product_terms_name(struct str joined, struct str *ret_name);
static inline int product_terms_status(struct str joined)
{
    return joined.data[1] - '0';
}

#endif
