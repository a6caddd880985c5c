/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_url.h"

#include "base/test.h"

TEST(a_password_may_have_an_at_sign_and_percent_encodings)
{
    const char *user = "", *password = "";
    struct str text = STR("shop:a@b%2Fc@host:1");
    struct arena arena;

    arena_init(&arena, 0);
    CHECK(store_url_credentials(&arena, &text, &user, &password));
    CHECK_STR(user, "shop");
    CHECK_STR(password, "a@b/c");
    CHECK(str_is(text, "host:1"));
    text = STR("host");
    user = "nobody";
    CHECK(store_url_credentials(&arena, &text, &user, &password));
    CHECK_STR(user, "nobody");
    CHECK(str_is(text, "host"));
    text = STR("a:%0@host");
    CHECK(!store_url_credentials(&arena, &text, &user, &password));
    text = STR("a:b%00c@host");
    CHECK(!store_url_credentials(&arena, &text, &user, &password));
    arena_release(&arena);
}

TEST(a_host_gets_the_default_port)
{
    static const struct {
        const char *text, *host; /* NULL: refused */
    } cases[] = {
        {"db", "db:7"}, {"db:1", "db:1"}, {"[::1]", "[::1]:7"}, {"[::1]:1", "[::1]:1"}, {"", NULL},
        {":1", NULL},   {"db:", NULL},    {"db:0", NULL},       {"db:65536", NULL},
    };
    struct arena arena;

    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *host = "";
        CHECK(store_url_host(&arena, str_of(cases[i].text), 7, &host) == (cases[i].host != NULL));
        if (cases[i].host) CHECK_STR(host, cases[i].host);
    }
    arena_release(&arena);
}

TEST(a_number_is_in_its_bounds)
{
    int64_t number = -1;

    CHECK(store_url_number("50", 50, 60, &number) && number == 50);
    CHECK(store_url_number("60", 50, 60, &number) && number == 60);
    CHECK(!store_url_number("61", 50, 60, &number) && !store_url_number("49", 50, 60, &number));
    CHECK(!store_url_number("", 0, 60, &number) && !store_url_number("5x", 0, 60, &number));
    CHECK(number == 60);
}
