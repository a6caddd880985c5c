/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of a service's store: runs one suite on every adapter of the port. Included by test
 * programs only, after the port's header.
 *
 *     static struct status open_sqlite(const struct service_context *context,
 *                                      struct cart_store **ret_store) { ... }
 *     STORE_SUITE(cart, {"sqlite", open_sqlite});
 *
 *     static void keeps_carts(struct call *call, struct stage *stage) { store->get(...) ... }
 *     TEST(a_cart_is_kept) { for_each_adapter(keeps_carts); }
 *
 * `store` is the open store, a new one for each adapter and each call of for_each_adapter. */
#ifndef RPC_STORE_SUITE_TESTING_H
#define RPC_STORE_SUITE_TESTING_H

#include "rpc/rpc_testing.h"

#define STORE_SUITE(port, ...)                                                            \
    static const struct adapter {                                                         \
        const char *name;                                                                 \
        struct status (*open)(const struct service_context *context,                      \
                              struct port##_store **ret_store);                           \
    } adapters[] = {__VA_ARGS__};                                                         \
                                                                                          \
    static struct port##_store *store;                                                    \
    static const struct adapter *adapter;                                                 \
                                                                                          \
    static struct status start(const struct service_context *context, void **ret_service) \
    {                                                                                     \
        *ret_service = 0;                                                                 \
        return adapter->open(context, &store);                                            \
    }                                                                                     \
                                                                                          \
    static void stop(void *service)                                                       \
    {                                                                                     \
        (void)service;                                                                    \
        store->close(store);                                                              \
    }                                                                                     \
                                                                                          \
    static const struct setting no_settings[] = {{0}};                                    \
    static const struct service_module module = {.name = #port,                           \
                                                 .settings = no_settings,                 \
                                                 .store_default = "",                     \
                                                 .start = start,                          \
                                                 .stop = stop};                           \
                                                                                          \
    static void for_each_adapter(void (*suite)(struct call * call, struct stage * stage)) \
    {                                                                                     \
        static const struct stage_plan plan = {.module = &module};                        \
                                                                                          \
        for (size_t i = 0; i < sizeof(adapters) / sizeof(adapters[0]); i++) {             \
            adapter = &adapters[i];                                                       \
            stage_run(&plan, suite);                                                      \
            if (test_failures) printf("  with the adapter %s\n", adapter->name);          \
        }                                                                                 \
    }                                                                                     \
    _Static_assert(1, "takes the semicolon")

#endif
