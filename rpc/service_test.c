/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of finding a service's store from its setting. */
#include "rpc/service.h"

#include "base/test.h"
#include "reasons.pb-c.h"

static const struct setting settings[] = {
    {"LIGHTHOUSE_STORE", SETTING_URL, "", "Where the lighthouse keeps its data.", 0, 0},
    {0},
};

static const struct service_module lighthouse = {.name = "lighthouse",
                                                 .store_default = "sqlite:{data}/lamp.db"};

/* The result of service_store_path when the setting is `url`. */
static struct status ask(struct arena *arena, const char *url, const char **ret_path)
{
    struct config *config = config_new();
    struct service_context context = {.arena = arena, .config = config, .data_dir = "/srv/shop"};
    const char *error;
    struct status st;

    unsetenv("LIGHTHOUSE_STORE");
    config_declare(config, settings);
    CHECK(config_set(config, arena_printf(arena, "LIGHTHOUSE_STORE=%s", url), &error));
    CHECK(config_check(config, &error));
    st = service_store_path(&context, &lighthouse, ret_path);
    if (!failed(st)) *ret_path = arena_printf(arena, "%s", *ret_path);
    config_free(config);
    return st;
}

TEST(the_default_store_is_in_the_data_directory)
{
    struct arena arena = {0};
    const char *path;

    CHECK(!failed(ask(&arena, "", &path)));
    CHECK_STR(path, "/srv/shop/lamp.db");
    arena_release(&arena);
}

TEST(a_store_may_be_elsewhere)
{
    struct arena arena = {0};
    const char *path;

    CHECK(!failed(ask(&arena, "sqlite:/var/lamp.db", &path)));
    CHECK_STR(path, "/var/lamp.db");
    arena_release(&arena);
}

TEST(a_store_of_another_kind_is_refused_by_its_setting)
{
    struct arena arena = {0};
    const char *path = "untouched";
    struct status st = ask(&arena, "carrier-pigeon:coop", &path);

    CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__SETTING_INVALID);
    CHECK_STR(st.message, "LIGHTHOUSE_STORE=carrier-pigeon:coop: the lighthouse service keeps its "
                          "data in sqlite:PATH");
    CHECK_STR(path, "untouched");
    arena_release(&arena);
}
