/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses are remembered for a while, and not after nobody was reached there. */
#include "http/https_names.h"

#include "base/test.h"

static struct https_target target(const char *host, uint16_t port)
{
    struct https_target target = {.port = port};

    snprintf(target.host, sizeof(target.host), "%s", host);
    return target;
}

TEST(addresses_are_remembered_for_a_while)
{
    const struct https_target a = target("a", 443), other = target("a", 444);
    struct https_names names = {0};

    CHECK(https_names_find(&names, &a, 1) == NULL);
    https_names_keep(&names, &a, "+a:443:10.0.0.1", 1);
    CHECK_STR(https_names_find(&names, &a, 2), "+a:443:10.0.0.1");
    CHECK(https_names_find(&names, &other, 2) == NULL);
    CHECK_STR(https_names_find(&names, &a, HTTPS_NAMES_AGE_US), "+a:443:10.0.0.1");
    CHECK(https_names_find(&names, &a, HTTPS_NAMES_AGE_US + 1) == NULL);
    https_names_keep(&names, &a, "+a:443:10.0.0.2", HTTPS_NAMES_AGE_US + 1);
    CHECK_STR(https_names_find(&names, &a, HTTPS_NAMES_AGE_US + 2), "+a:443:10.0.0.2");
    https_names_forget(&names, &a);
    CHECK(https_names_find(&names, &a, HTTPS_NAMES_AGE_US + 2) == NULL);
    https_names_forget(&names, &other);
}

TEST(the_oldest_addresses_make_room)
{
    struct https_names names = {0};

    for (uint16_t i = 0; i <= HTTPS_NAMES_MAX; i++) {
        const struct https_target one = target("a", i + 1);
        https_names_keep(&names, &one, "+a", i + 1);
    }
    const struct https_target first = target("a", 1), second = target("a", 2);
    CHECK(https_names_find(&names, &first, 10) == NULL);
    CHECK(https_names_find(&names, &second, 10) != NULL);
}
