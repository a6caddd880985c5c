/* SPDX-License-Identifier: Apache-2.0 */
/* Tests register themselves and need no list:
 *
 *     TEST(add_sums_quantities)
 *     {
 *         CHECK(cart->lines == 1);
 *         CHECK_INT(cart->quantity, ==, 3);
 *         CHECK_STR(name, "x");
 *     }
 *
 * A test program is one *_test.c file linked with `main` from here (TEST_MAIN is defined by this
 * header in the file that includes it, so each test program has exactly one file). Arguments are
 * names (or parts of them) of tests to run. A failed CHECK ends its test; the next test runs.
 * SKIP(reason) reports that a test was not run; with CI=true in the environment a skip is a
 * failure.
 *
 * A test that needs a real engine finds its URL by test_engine("ARGOSY_TEST_POSTGRES");
 * tests/engines/run starts the engines and sets these variables. */
#ifndef BASE_TEST_H
#define BASE_TEST_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct test {
    const char *name;
    void (*run)(void);
    struct test *next;
};

static struct test *test_list;
static jmp_buf test_escape;
static bool test_skipped;

#define TEST(test_name)                                                 \
    static void test_##test_name(void);                                 \
    __attribute__((constructor)) static void register_##test_name(void) \
    {                                                                   \
        static struct test test = {#test_name, test_##test_name, 0};    \
        struct test **end = &test_list;                                 \
        while (*end) end = &(*end)->next;                               \
        *end = &test;                                                   \
    }                                                                   \
    static void test_##test_name(void)

/* CHECK jumps out of the test, so it works only on the test's own stack; inside a fiber or another
 * thread use EXPECT, which counts the failure and continues. */
static int test_failures;

#define CHECK(condition)                                                     \
    do {                                                                     \
        if (!(condition)) {                                                  \
            printf("  %s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
            test_failures++;                                                 \
            longjmp(test_escape, 1);                                         \
        }                                                                    \
    } while (0)

#define CHECK_INT(left, operator, right)                                                 \
    do {                                                                                 \
        long long left_ = (long long)(left), right_ = (long long)(right);                \
        if (!(left_ operator right_)) {                                                  \
            printf("  %s:%d: failed: %s %s %s: %lld, %lld\n", __FILE__, __LINE__, #left, \
                   #operator, #right, left_, right_);                                    \
            test_failures++;                                                             \
            longjmp(test_escape, 1);                                                     \
        }                                                                                \
    } while (0)

#define CHECK_STR(left, right)                                                               \
    do {                                                                                     \
        const char *left_ = (left), *right_ = (right);                                       \
        if (!left_ || !right_ || strcmp(left_, right_) != 0) {                               \
            printf("  %s:%d: failed: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #left, \
                   left_ ? left_ : "(null)", right_ ? right_ : "(null)");                    \
            test_failures++;                                                                 \
            longjmp(test_escape, 1);                                                         \
        }                                                                                    \
    } while (0)

#define CHECK_OK(status_expression)                                                              \
    do {                                                                                         \
        struct status st_ = (status_expression);                                                 \
        if (st_.code != 0) {                                                                     \
            printf("  %s:%d: failed: %s: code %d: %s\n", __FILE__, __LINE__, #status_expression, \
                   (int)st_.code, st_.message ? st_.message : "");                               \
            test_failures++;                                                                     \
            longjmp(test_escape, 1);                                                             \
        }                                                                                        \
    } while (0)

#define EXPECT(condition)                                                    \
    do {                                                                     \
        if (!(condition)) {                                                  \
            printf("  %s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
            __atomic_add_fetch(&test_failures, 1, __ATOMIC_RELAXED);         \
        }                                                                    \
    } while (0)

#define SKIP(reason)                         \
    do {                                     \
        printf("  skipped: %s\n", (reason)); \
        test_skipped = true;                 \
        if (getenv("CI")) test_failures++;   \
        longjmp(test_escape, 1);             \
    } while (0)

/* The URL of a real engine, from the variable that tests/engines/run sets; borrowed. NULL, after a
 * line that says so, if there is none; with ARGOSY_TEST_ENGINES=required that is a failure. */
static inline const char *test_engine(const char *variable)
{
    const char *url = getenv(variable), *needed = getenv("ARGOSY_TEST_ENGINES");

    if (url && url[0]) return url;
    printf("  skipped: %s is not set; tests/engines/run starts the engine\n", variable);
    if (needed && strcmp(needed, "required") == 0) {
        printf("  %s:%d: failed: the engine is required\n", __FILE__, __LINE__);
        test_failures++;
    } else {
        test_skipped = true;
    }
    return 0;
}

static bool test_wanted(const struct test *test, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strstr(test->name, argv[i])) return true;
    return argc < 2;
}

/* A separate function, so that no variable of the loop below lives across the jump. */
static void test_run(const struct test *test)
{
    if (setjmp(test_escape) == 0) test->run();
}

int main(int argc, char **argv)
{
    int passed = 0, bad = 0, skipped = 0;

    setvbuf(stdout, 0, _IOLBF, 0);
    for (struct test *test = test_list; test; test = test->next) {
        if (!test_wanted(test, argc, argv)) continue;
        int before = test_failures;
        test_skipped = false;
        test_run(test);
        if (test_failures != before) {
            printf("FAILED %s\n", test->name);
            bad++;
        } else if (test_skipped) {
            skipped++;
        } else {
            printf("ok %s\n", test->name);
            passed++;
        }
    }
    printf("%d passed, %d failed, %d skipped\n", passed, bad, skipped);
    return bad != 0 || passed + skipped == 0;
}

#endif
