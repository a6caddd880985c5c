/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of this folder: what they expect, and requests to start from. Inside a fiber use
 * EXPECT, not CHECK. */
#ifndef SERVICES_PRODUCT_PRODUCT_TESTING_H
#define SERVICES_PRODUCT_PRODUCT_TESTING_H

#include "base/status_testing.h"
#include "base/test.h"
#include "fiber/fiber.h"
#include "product.pb-c.h"

#define EXPECT_REASON(expression, expected_reason)                \
    do {                                                          \
        struct status expected_ = (expression);                   \
        if (expected_.reason != (expected_reason))                \
            printf("  reason %d: %s\n", expected_.reason,         \
                   expected_.message ? expected_.message : "OK"); \
        EXPECT(expected_.reason == (expected_reason));            \
    } while (0)

#define EXPECT_STR(left, right)                                                            \
    do {                                                                                   \
        const char *left_ = (left), *right_ = (right);                                     \
        if (strcmp(left_, right_) != 0) printf("  \"%s\" is not \"%s\"\n", left_, right_); \
        EXPECT(strcmp(left_, right_) == 0);                                                \
    } while (0)

#define EXPECT_INT(left, right)                                             \
    do {                                                                    \
        long long left_ = (long long)(left), right_ = (long long)(right);   \
        if (left_ != right_) printf("  %lld is not %lld\n", left_, right_); \
        EXPECT(left_ == right_);                                            \
    } while (0)

/* A folder for one test's files. */
static inline void folder_make(char path[64])
{
    snprintf(path, 64, "/tmp/product_test_XXXXXX");
    CHECK(mkdtemp(path));
}

static inline void folder_remove(const char *path)
{
    static const char *const names[] = {"product.db", "product.db-wal", "product.db-shm"};
    char name[128];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(name, sizeof(name), "%s/%s", path, names[i]);
        remove(name);
    }
    remove(path);
}

/* A request in the arena, to be changed by the test. */
static inline ProductService__CreateProductRequest *
create_request(struct arena *arena, const char *name, const char *category, double price)
{
    ProductService__CreateProductRequest *request = arena_alloc(arena, sizeof(*request));

    product_service__create_product_request__init(request);
    request->name = (char *)name;
    request->category = (char *)category;
    request->price_given_case = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__PRICE_GIVEN_PRICE;
    request->price = price;
    return request;
}

static inline void set_stock(ProductService__CreateProductRequest *request, int64_t stock)
{
    request->stock_given_case = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__STOCK_GIVEN_STOCK;
    request->stock = stock;
}

static inline void set_tag(struct arena *arena, ProductService__CreateProductRequest *request,
                           const char *tag)
{
    request->n_tags = 1;
    request->tags = arena_new(arena, char *);
    request->tags[0] = (char *)tag;
}

#endif
