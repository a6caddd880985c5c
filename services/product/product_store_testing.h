/* SPDX-License-Identifier: Apache-2.0 */
/* For the suite of the port, which every adapter passes: the list of adapters.
 *
 *     on_every_store(1, fn);   fn(call, i) on fibers, on a fresh store of every adapter: `store` */
#ifndef SERVICES_PRODUCT_PRODUCT_STORE_TESTING_H
#define SERVICES_PRODUCT_PRODUCT_STORE_TESTING_H

#include "services/product/product_goods_testing.h"

#include "reasons.pb-c.h"
#include "rpc/store_suite_testing.h"
#include "store/sqlite/sqlite_fate.h"

static inline struct status open_sqlite(const struct service_context *context,
                                        struct product_store **ret_store)
{
    return product_store_sqlite(context,
                                arena_printf(context->arena, "%s/product.db", context->data_dir),
                                16 << 20, ret_store);
}

/* A test of lists defines more adapters before it includes this. */
#ifndef PRODUCT_MORE_ADAPTERS
#define PRODUCT_MORE_ADAPTERS
#endif

STORE_SUITE(product,
            {"sqlite", open_sqlite, .lose_answer = sqlite_lose_answer} PRODUCT_MORE_ADAPTERS);

static struct {
    int fibers;
    void (*fn)(struct call *call, int number);
} suite;

static inline void suite_member(struct call *call, struct stage *stage, int number)
{
    (void)stage;
    suite.fn(call, number);
}

static inline void suite_crowd(struct call *call, struct stage *stage)
{
    stage_spread(call, stage, suite.fibers, suite_member);
}

/* Plays on a fresh store of every adapter. */
static inline void on_every_store(int fibers, void (*fn)(struct call *call, int number))
{
    suite.fibers = fibers;
    suite.fn = fn;
    for_each_adapter(suite_crowd);
}

#endif
