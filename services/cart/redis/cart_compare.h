/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a cart if it is still the text that was read, together with the marks of the change's cause
 * if none of them is there: one script, which Redis runs as a whole. */
#ifndef SERVICES_CART_REDIS_CART_COMPARE_H
#define SERVICES_CART_REDIS_CART_COMPARE_H

#include "events/redis/events_redis.h"

enum cart_compared {
    CART_WRITTEN,
    CART_MARKED,  /* a mark was found: the cause took effect before */
    CART_CHANGED, /* the cart is another text now */
};

struct cart_comparison {
    const char *key;
    struct str expected; /* the text that was read; "": no cart */
    struct str text;     /* the new one; "": the cart stays, and only the marks are written */
    int64_t ttl_us;
    const struct change_redis_marks *causes;

    /* The result: */
    enum cart_compared outcome;
    size_t mark;      /* CART_MARKED: which of the causes */
    struct str found; /* CART_MARKED: its value; CART_CHANGED: the cart's text, "": no cart */
};

struct redis_script *cart_compare_script(struct arena *arena);

/* OK means that there is a result. RESOURCE_EXHAUSTED (IDEMPOTENCY_KEYS_FULL), and what redis_eval
 * returns. */
struct status cart_compare_and_write(struct call *call, struct redis *db,
                                     const struct redis_script *script,
                                     struct cart_comparison *comparison);

#endif
