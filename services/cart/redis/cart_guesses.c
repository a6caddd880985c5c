/* SPDX-License-Identifier: Apache-2.0 */
/* The texts that a shard has written last. See cart_guesses.h. */
#include "services/cart/redis/cart_guesses.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

static size_t place_of(const char *key)
{
    return (size_t)(hash_text(HASH_START, key) % CART_GUESSES);
}

static void forget(struct cart_guess *guess)
{
    free(guess->key);
    *guess = (struct cart_guess){0};
}

void cart_guesses_put(struct cart_guesses *guesses, const char *key, struct str text)
{
    struct cart_guess *guess = &guesses->places[place_of(key)];
    size_t key_size = strlen(key) + 1;

    if (text.length == 0 || text.length > CART_GUESS_SIZE_MAX) {
        if (guess->key && strcmp(guess->key, key) == 0) forget(guess);
        return;
    }
    forget(guess);
    guess->key = malloc(key_size + text.length);
    if (!guess->key) return; /* then the next change reads */
    memcpy(guess->key, key, key_size);
    guess->text = guess->key + key_size;
    memcpy(guess->text, text.data, text.length);
    guess->length = text.length;
}

struct str cart_guesses_get(const struct cart_guesses *guesses, struct arena *arena,
                            const char *key)
{
    const struct cart_guess *guess = &guesses->places[place_of(key)];

    if (!guess->key || strcmp(guess->key, key) != 0) return STR("");
    return str_sized(arena_memdup(arena, guess->text, guess->length), guess->length);
}

void cart_guesses_release(struct cart_guesses *guesses)
{
    for (size_t i = 0; i < CART_GUESSES; i++) forget(&guesses->places[i]);
}
