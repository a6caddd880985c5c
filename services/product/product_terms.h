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

/* The first byte of a term. */
enum product_term_kind {
    TERM_STATUS = 'a',
    TERM_CATEGORY = 'c',
    TERM_FEATURED = 'f',
    TERM_NAME = 'n', /* a word of the name */
    TERM_SELLER = 's',
    TERM_TAG = 't',
    TERM_WORD = 'w',       /* a word of any text, including the name */
    TERM_WORD_START = 'p', /* its first characters, up to TERM_START_MAX */
    TERM_NAME_START = 'q',
};

enum {
    TERM_SIZE_MAX = 300, /* bytes, with the kind */
    TERM_WORD_MAX = 60,  /* bytes of a word; the rest is cut off */
    TERM_START_MAX = 3,  /* characters */
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
/* Adds the starts of the words. */
struct product_terms product_terms_complete(struct arena *arena, const struct product_terms *terms);
bool product_terms_equal(const struct product_terms *a, const struct product_terms *b);

/* One condition of a list. */
struct product_term_asked {
    struct str term;
    struct str name_term; /* for words: the same in the name alone; else empty */
    bool begins;          /* every term with this prefix counts */
    bool absent;          /* selects the products without the term */
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

#endif
