/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of a service's store: runs one suite on every adapter of the port. Included by test
 * programs only, after the port's header.
 *
 *     static struct status open_sqlite(const struct service_context *context,
 *                                      struct cart_store **ret_store) { ... }
 *     STORE_SUITE(cart, {"sqlite", open_sqlite},
 *                       {"redis", open_redis, "ARGOSY_TEST_REDIS", connect_redis, drop_redis});
 *
 *     static void keeps_carts(struct call *call, struct stage *stage) { store->get(...) ... }
 *     TEST(a_cart_is_kept) { for_each_adapter(keeps_carts); }
 *
 * `store` is the open store, a new and empty one for each adapter and each call of
 * for_each_adapter.
 *
 * An adapter of an engine that is another process names the environment variable with the engine's
 * URL (tests/engines/run sets it). Without the variable the adapter is skipped with a line that
 * says so, or with ARGOSY_TEST_ENGINES=required fails. Its `open` makes the store without reaching
 * the engine; `connect` then makes an empty database inside the engine and connects, and `drop`
 * deletes that database after the suite.
 *
 * Every write is safe to repeat. With an adapter that can lose an answer
 * ({"sqlite", open_sqlite, .lose_answer = sqlite_lose_answer}) a test of it is
 *
 *     EXPECT_LOST(store->insert(call, store, &creation));      made, and its answer lost
 *     EXPECT_OK(store->insert(call, store, &creation));        repeated: it takes effect once */
#ifndef RPC_STORE_SUITE_TESTING_H
#define RPC_STORE_SUITE_TESTING_H

#include "rpc/rpc_testing.h"

#define STORE_SUITE(port, ...)                                                               \
    static const struct adapter {                                                            \
        const char *name;                                                                    \
        struct status (*open)(const struct service_context *context,                         \
                              struct port##_store **ret_store);                              \
        const char *engine; /* the variable with its URL; NULL: embedded */                  \
        /* On a fiber; NULL: nothing to do. */                                               \
        struct status (*connect)(struct call * call, struct port##_store *store);            \
        struct status (*drop)(struct call * call, struct port##_store *store);               \
        void (*lose_answer)(int nth); /* of the nth commit from now on; NULL: it can't */    \
    } adapters[] = {__VA_ARGS__};                                                            \
                                                                                             \
    static struct port##_store *store;                                                       \
    static const struct adapter *adapter;                                                    \
    static void (*suite_now)(struct call * call, struct stage * stage);                      \
                                                                                             \
    static struct status start(const struct service_context *context, void **ret_service)    \
    {                                                                                        \
        *ret_service = 0;                                                                    \
        return adapter->open(context, &store);                                               \
    }                                                                                        \
                                                                                             \
    static void stop(void *service)                                                          \
    {                                                                                        \
        (void)service;                                                                       \
        store->close(store);                                                                 \
    }                                                                                        \
                                                                                             \
    static const struct setting no_settings[] = {{0}};                                       \
    static const struct service_module module = {.name = #port,                              \
                                                 .settings = no_settings,                    \
                                                 .store_default = "",                        \
                                                 .start = start,                             \
                                                 .stop = stop};                              \
                                                                                             \
    static void play_suite(struct call *call, struct stage *stage)                           \
    {                                                                                        \
        struct status st = adapter->connect ? adapter->connect(call, store) : status_ok();   \
                                                                                             \
        EXPECT_OK(st);                                                                       \
        if (!failed(st)) suite_now(call, stage);                                             \
        if (!failed(st) && adapter->drop) EXPECT_OK(adapter->drop(call, store));             \
    }                                                                                        \
                                                                                             \
    static void for_each_adapter(void (*suite)(struct call * call, struct stage * stage))    \
    {                                                                                        \
        static const struct stage_plan plan = {.module = &module};                           \
        int failures = test_failures;                                                        \
                                                                                             \
        suite_now = suite;                                                                   \
        for (size_t i = 0; i < sizeof(adapters) / sizeof(adapters[0]); i++) {                \
            adapter = &adapters[i];                                                          \
            if (adapter->engine && !test_engine(adapter->engine)) continue;                  \
            stage_run(&plan, play_suite);                                                    \
            if (test_failures != failures) printf("  with the adapter %s\n", adapter->name); \
            failures = test_failures;                                                        \
        }                                                                                    \
        test_skipped = false; /* the embedded adapter has run */                             \
    }                                                                                        \
    _Static_assert(1, "takes the semicolon")

/* Makes a write whose answer is lost. An adapter that can't lose one makes it like any other. */
#define EXPECT_LOST(expression)                                             \
    do {                                                                    \
        if (adapter->lose_answer) {                                         \
            adapter->lose_answer(1);                                        \
            EXPECT_REFUSED(expression, UNAVAILABLE, STORE_OUTCOME_UNKNOWN); \
        } else {                                                            \
            EXPECT_OK(expression);                                          \
        }                                                                   \
    } while (0)

#endif
