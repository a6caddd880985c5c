/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of the cart's store on Redis: the adapter for STORE_SUITE, whose carts have a key
 * prefix of their own, and a second connection for looking at what is stored. Included by test
 * programs only, before STORE_SUITE. */
#ifndef SERVICES_CART_REDIS_CART_STORE_REDIS_TESTING_H
#define SERVICES_CART_REDIS_CART_STORE_REDIS_TESTING_H

#include "base/random.h"
#include "rpc/store_suite_testing.h"
#include "services/cart/cart_store.h"
#include "store/redis/redis.h"

enum { REDIS_TTL_S = 3600 };

static struct redis *beside;          /* the same server and prefix */
static const char *more_options = ""; /* of the store's URL alone: "&wait=1" */

static inline struct status open_redis(const struct service_context *context,
                                       struct cart_store **ret_store)
{
    const char *server = getenv("ARGOSY_TEST_REDIS");
    const char *url = arena_printf(context->arena, "%s?prefix=test%llx-", server,
                                   (unsigned long long)random_below(UINT64_MAX));

    struct status st = redis_new(context->arena, context->shards, url, "test", &beside);
    if (failed(st)) return st;
    url = arena_printf(context->arena, "%s%s", url, more_options);
    return cart_store_redis(context, url, REDIS_TTL_S * INT64_C(1000000),
                            REDIS_TTL_S * INT64_C(1000000), ret_store);
}

static inline struct status connect_redis(struct call *call, struct cart_store *store)
{
    return store->open(call, store);
}

static inline struct status run_on_redis(struct call *call, const char *source, struct str value,
                                         const struct redis_reply **ret_reply)
{
    const struct redis_script *script = redis_script_new(call->arena, source);
    const struct str key = str_of(redis_prefix(beside));

    return redis_eval(call, beside, script, &(struct redis_arguments){&key, 1, &value, 1},
                      ret_reply);
}

#define FOR_EACH_KEY                                                         \
    "for _, pattern in ipairs({KEYS[1] .. '*', '{' .. KEYS[1] .. '*'}) do\n" \
    "  for _, key in ipairs(redis.call('KEYS', pattern)) do\n"

static inline struct status drop_redis(struct call *call, struct cart_store *store)
{
    const struct redis_reply *reply;

    (void)store;
    return run_on_redis(call, FOR_EACH_KEY "redis.call('DEL', key) end end", STR(""), &reply);
}

/* Time passes on the server as well: what is left of each key's time to live becomes less. */
static inline void pass_on_redis(struct call *call, int64_t seconds)
{
    const struct redis_reply *reply;

    EXPECT_OK(run_on_redis(call,
                           FOR_EACH_KEY
                           "    local left = redis.call('PTTL', key) - ARGV[1]\n"
                           "    if left + ARGV[1] >= 0 and left <= 0 then redis.call('DEL', key)\n"
                           "    elseif left > 0 then redis.call('PEXPIRE', key, left) end\n"
                           "  end\nend",
                           redis_number(call->arena, seconds * 1000), &reply));
}

#endif
