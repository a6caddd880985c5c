/* SPDX-License-Identifier: Apache-2.0 */
/* Suggestions for mistyped commands and options. */
#include "app/command_nearest.h"

#include "app/commands.h"
#include "base/test.h"

TEST(the_nearest_command_is_found)
{
    CHECK_STR(nearest_command("srve", NULL), "serve");
    CHECK_STR(nearest_command("stok", "check"), "stock check");
    CHECK_STR(nearest_command("stock", "chekc"), "stock check");
    CHECK_STR(nearest_command("paymnets", "reconcile"), "payments reconcile");
    CHECK_STR(nearest_command("retsore", "backups"), "restore");
    CHECK_STR(nearest_command("bakup", "backups"), "backup");
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
