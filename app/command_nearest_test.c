/* SPDX-License-Identifier: Apache-2.0 */
/* Suggestions for mistyped commands and options. */
#include "app/command_nearest.h"

#include "app/commands.h"
#include "base/test.h"

static int apart(const char *a, const char *b)
{
    return word_distance(str_of(a), str_of(b));
}

TEST(a_distance_counts_mistakes)
{
    CHECK_INT(apart("", ""), ==, 0);
    CHECK_INT(apart("serve", "serve"), ==, 0);
    CHECK_INT(apart("srve", "serve"), ==, 1);
    CHECK_INT(apart("serrve", "serve"), ==, 1);
    CHECK_INT(apart("sarve", "serve"), ==, 1);
    CHECK_INT(apart("sevre", "serve"), ==, 1);
    CHECK_INT(apart("", "abc"), ==, 3);
    CHECK_INT(apart("ca", "abc"), ==, 3); /* a swapped pair is not changed again */
    CHECK_INT(apart("kitten", "sitting"), ==, 3);
}

TEST(the_nearest_command_is_found)
{
    CHECK_STR(nearest_command("srve", NULL), "serve");
    CHECK_STR(nearest_command("stok", "check"), "stock check");
    CHECK_STR(nearest_command("stock", "chekc"), "stock check");
    CHECK_STR(nearest_command("paymnets", "reconcile"), "payments reconcile");
    CHECK_STR(nearest_command("retsore", "backups"), "restore");
    CHECK(!nearest_command("frobnicate", NULL));
    CHECK(!nearest_command("x", NULL));
    CHECK(
        !nearest_command("a-word-that-is-longer-than-any-command-could-ever-be-in-the-list", "b"));
}

TEST(the_nearest_option_is_found)
{
    CHECK_STR(nearest_option(&command_serve, STR("olny")), "only");
    CHECK_STR(nearest_option(&command_serve, STR("env_file")), "env-file");
    CHECK(!nearest_option(&command_serve, STR("port")));
}
