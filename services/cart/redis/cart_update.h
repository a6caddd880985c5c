/* SPDX-License-Identifier: Apache-2.0 */
/* A change of a cart on Redis: it is read, decided on, and written if nobody else has written it
 * meanwhile. cart_store_redis.c says how. Private to services/cart/redis. */
#ifndef SERVICES_CART_REDIS_CART_UPDATE_H
#define SERVICES_CART_REDIS_CART_UPDATE_H

#include "services/cart/cart_store.h"
#include "services/cart/redis/cart_compare.h"
#include "services/cart/redis/cart_guesses.h"
#include "store/turns.h"

struct redis_cart_store {
    struct cart_store port;
    struct redis *db;
    struct redis_script *compare;
    int64_t ttl_us, marks_ttl_us;
    size_t shard_count;
    struct turns *turns;          /* one for each shard */
    struct cart_guesses *guesses; /* likewise */
};

/* How many other changes one takes along. */
enum { CART_COMPANIONS_MAX = 31 };

struct cart_update {
    struct turn turn; /* the first member: who finds a turn has the update */
    struct call *call;
    struct redis_cart_store *store;
    const char *email, *key;
    const char *given; /* NULL: none */
    const struct cart_change *change;
    const char *mark; /* of this change, in the cart's document */
    struct change_redis_marks causes;
    struct str text;      /* at the key; "": none */
    bool guessed;         /* it was not read */
    struct str inherited; /* the cart as the existing system left it at `given`; "": none */
    struct cart_write write;
    bool unsure;       /* an answer was lost: the change may have been made */
    int64_t unsure_of; /* as the version with this number, or a later one */
    const char *lost;  /* the mark that it then had, if not its own; NULL: its own */
    bool over;         /* it is done, or was done before */
    int races;
    int64_t resolve_until_us;

    struct cart_update *companions[CART_COMPANIONS_MAX]; /* NULL: has given up */
    size_t companion_count;
    struct cart_update **place;   /* of a companion, among those of another; NULL: none */
    struct status companion_ends; /* how, if what was decided is written */
};

/* Makes the change, in its turn; fills in everything but the call, the store, email, key, given and
 * change. OK without a cart (write.cart) if the cause took effect before. */
struct status cart_update_make(struct call *call, struct cart_update *update);

/* Waits for the replicas that have to confirm a change, if it was found to be made. */
struct status cart_update_confirm(struct call *call, struct redis_cart_store *store,
                                  const char *key);

/* ---- for cart_update.c: companions (cart_companions.c) ---- */

enum { CART_RESOLVE_US = 1000000 }; /* to find out what has become of a change */

/* What is to be written for a change and its companions. */
struct cart_sum {
    const struct cart *cart; /* after the last one */
    bool keeps, changed;
    bool refused; /* one or more, by the domain */
};

static inline struct cart_sum cart_sum_alone(const struct cart_update *update)
{
    return (struct cart_sum){.cart = &update->write.cart,
                             .keeps = update->write.keeps,
                             .changed = update->write.cart.changed};
}

/* Takes along the changes that wait behind this one and can be written with it, and decides on each. */
void cart_companions_take(struct cart_update *update, int64_t now_us, struct cart_sum *ret_sum);
/* Lets them go back to their places in the line. */
void cart_companions_leave(struct cart_update *update);
/* They are written: their callers go on. */
void cart_companions_end(struct call *call, struct cart_update *update);
/* They may have been written, and each finds out by itself in its turn. */
void cart_companions_lose(struct call *call, struct cart_update *update);

#endif
