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

/* The result of `fn` (service_store_path or service_store_scheme) when the setting is `url`. */
static struct status
ask_of(const struct service_module *module, struct arena *arena, const char *url,
       struct status (*fn)(const struct service_context *context,
                           const struct service_module *module, const char **ret_text),
       const char **ret_text)
{
    struct config *config = config_new();
    struct service_context context = {.arena = arena, .config = config, .data_dir = "/srv/shop"};
    const char *error;
    struct status st;

    unsetenv("LIGHTHOUSE_STORE");
    config_declare(config, settings);
    CHECK(config_set(config, arena_printf(arena, "LIGHTHOUSE_STORE=%s", url), &error));
    CHECK(config_check(config, &error));
    st = fn(&context, module, ret_text);
    if (!failed(st)) *ret_text = arena_printf(arena, "%s", *ret_text);
    config_free(config);
    return st;
}

static struct status ask(struct arena *arena, const char *url, const char **ret_path)
{
    return ask_of(&lighthouse, arena, url, service_store_path, ret_path);
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
    CHECK_STR(st.message,
              "LIGHTHOUSE_STORE=carrier-pigeon:coop: this program keeps the data of the "
              "lighthouse service in sqlite:; set it to such a URL");
    CHECK_STR(path, "untouched");
    arena_release(&arena);
}

TEST(a_service_names_the_stores_that_it_has)
{
    static const char *const schemes[] = {"sqlite", "postgres", "redis", NULL};
    static const struct service_module rich = {
        .name = "lighthouse", .store_default = "sqlite:{data}/lamp.db", .store_schemes = schemes};
    static const char url[] = "postgres://ann:secret@db/lamps";
    struct arena arena = {0};
    const char *text;
    struct status st;

    CHECK(!failed(ask_of(&rich, &arena, url, service_store_scheme, &text)));
    CHECK_STR(text, "postgres");
    CHECK(!failed(ask_of(&rich, &arena, "", service_store_scheme, &text)));
    CHECK_STR(text, "sqlite");
    st = ask_of(&rich, &arena, url, service_store_path, &text);
    CHECK_INT(st.code, ==, STATUS_FAILED_PRECONDITION);
    CHECK(strstr(st.message, "postgres://ann:***@db/lamps") && !strstr(st.message, "secret"));
    st = ask_of(&rich, &arena, "mysql://ann:secret@db/lamps", service_store_scheme, &text);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__SETTING_INVALID);
    CHECK_STR(st.message,
              "LIGHTHOUSE_STORE=mysql://ann:***@db/lamps: this program keeps the data "
              "of the lighthouse service in sqlite:, postgres: or redis:; set it to such a URL");
    arena_release(&arena);
}
