/* SPDX-License-Identifier: Apache-2.0 */
/* The texts that a shard has last written for some carts. A change takes one as a guess at what Redis
 * has, instead of reading that first; the script that compares and writes finds out if the guess is
 * wrong. So a guess may be old or missing, and nothing is decided by it. On the shard's thread. */
#ifndef SERVICES_CART_REDIS_CART_GUESSES_H
#define SERVICES_CART_REDIS_CART_GUESSES_H

#include "base/arena.h"
#include "base/str.h"

enum {
    CART_GUESSES = 256,         /* carts; of two with the same place the newer one stays */
    CART_GUESS_SIZE_MAX = 8192, /* longer texts are not kept */
};

/* All zeros: none. */
struct cart_guesses {
    struct cart_guess {
        char *key, *text; /* one block of memory; key NULL: none */
        size_t length;
    } places[CART_GUESSES];
};

/* Keeps a copy of the text instead of the key's last one; an empty text only forgets that. */
void cart_guesses_put(struct cart_guesses *guesses, const char *key, struct str text);

/* A copy in the arena; empty if there is none. */
struct str cart_guesses_get(const struct cart_guesses *guesses, struct arena *arena,
                            const char *key);

void cart_guesses_release(struct cart_guesses *guesses);

#endif
