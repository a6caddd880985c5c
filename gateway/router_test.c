/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the router. */
#include "gateway/router.h"

#include "base/test.h"

static struct arena arena;
static struct router *router;

static void start(void)
{
    arena_release(&arena);
    arena_init(&arena, 0);
    router = router_new(&arena);
}

static void add(const char *method, const char *pattern)
{
    struct path_template *template = arena_new(&arena, struct path_template);
    const char *error;
    const void *other;

    if (!path_template_parse(str_of(pattern), template, &error))
        printf("  %s: %s\n", pattern, error);
    CHECK(template->text.data != NULL);
    CHECK(router_add(router, method, template, pattern, &other));
}

/* The template that the path matches, with its captures: "/a/{b} b=x". */
static const char *find(const char *method, const char *path)
{
    struct router_match match;

    switch (router_find(router, str_of(method), str_of(path), &match)) {
    case ROUTER_NO_PATH: return "no path";
    case ROUTER_NO_METHOD: return "no method";
    case ROUTER_FOUND: break;
    }
    char *text = arena_strdup(&arena, match.target);
    for (int i = 0; i < match.template->variable_count; i++)
        text = arena_printf(&arena, "%s %.*s=%.*s", text,
                            STR_ARGS(match.template->variables[i].name),
                            STR_ARGS(match.captures[i]));
    return text;
}

TEST(invalid_templates_are_refused)
{
    static const char *const bad[] = {
        "",      "a",      "//",     "/a/",     "/a//b",    "/{a",      "/{}",   "/{a}}",
        "/{a.}", "/{.a}",  "/{1a}",  "/{a=}",   "/{a={b}}", "/{a=x/}",  "/**/a", "/{a=**}/b",
        "/a:",   "/a:b:c", "/a b",   "/a?b",    "/a#",      "/{a}/{a}", "/***",  "/a*",
        "/*a",   "/{a}b",  "/a\x01", "/{a=*b}", "/{a}:b/c",
    };
    struct path_template template;
    const char *error;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bool taken = path_template_parse(str_of(bad[i]), &template, &error);
        if (taken) printf("  taken: %s\n", bad[i]);
        CHECK(!taken);
        CHECK(error != NULL);
    }
}

TEST(templates_in_parts)
{
    struct path_template template;
    const char *error;

    CHECK(path_template_parse(STR("/v1/{a.b_c=shelves/*/x/**}:verb"), &template, &error));
    CHECK_INT(template.segment_count, ==, 5);
    CHECK_INT(template.variable_count, ==, 1);
    CHECK(str_is(template.variables[0].name, "a.b_c"));
    CHECK_INT(template.variables[0].first, ==, 1);
    CHECK_INT(template.variables[0].end, ==, 5);
    CHECK(template.variables[0].several);
    CHECK(str_is(template.verb, "verb"));
    CHECK(path_template_parse(STR("/{a}"), &template, &error));
    CHECK(!template.variables[0].several);
    CHECK(path_template_parse(STR("/{a=**}"), &template, &error));
    CHECK(template.variables[0].several);
    CHECK(path_template_parse(STR("/"), &template, &error));
    CHECK_INT(template.segment_count, ==, 0);
}

TEST(literals_beat_variables)
{
    start();
    add("GET", "/customers/{email}");
    add("GET", "/customers/me");
    add("DELETE", "/customers/{email}");
    add("PUT", "/customers/{email}/role");
    add("GET", "/files/{name=**}");
    add("GET", "/files/{name}/info");

    CHECK_STR(find("GET", "/customers/me"), "/customers/me");
    CHECK_STR(find("GET", "/customers/a@b"), "/customers/{email} email=a@b");
    CHECK_STR(find("DELETE", "/customers/me"), "/customers/{email} email=me");
    CHECK_STR(find("PUT", "/customers/me/role"), "/customers/{email}/role email=me");
    CHECK_STR(find("HEAD", "/customers/me"), "/customers/me");
    CHECK_STR(find("POST", "/customers/me"), "no method");
    CHECK_STR(find("GET", "/customers/me/x"), "no path");
    CHECK_STR(find("GET", "/customers/"), "no path");
    CHECK_STR(find("GET", "/customers"), "no path");
    CHECK_STR(find("GET", "/customers//role"), "no path");
    CHECK_STR(find("GET", ""), "no path");
    CHECK_STR(find("GET", "*"), "no path");
    CHECK_STR(find("GET", "/"), "no path");
    CHECK_STR(find("GET", "/files/a/info"), "/files/{name}/info name=a");
    CHECK_STR(find("GET", "/files/a/b/info"), "/files/{name=**} name=a/b/info");
    CHECK_STR(find("GET", "/files"), "/files/{name=**} name=");
}

TEST(a_rest_of_no_segments_is_a_view_of_the_path)
{
    static const char path[] = "/a/b";
    struct router_match match;

    start();
    add("GET", "/{x}/{y}/{rest=**}");
    CHECK_INT(router_find(router, STR("GET"), str_of(path), &match), ==, ROUTER_FOUND);
    CHECK(match.captures[2].data == path + strlen(path));
    CHECK_INT(match.captures[2].length, ==, 0);
}

TEST(patterns_within_variables_and_verbs)
{
    start();
    add("GET", "/v1/{name=shelves/*/books/*}");
    add("GET", "/v1/{parent=shelves/*}/books");
    add("POST", "/v1/{name=shelves/*}:close");
    add("POST", "/v1/{name=**}:undelete");
    add("GET", "/sessions/{id}");
    add("POST", "/sessions/{id}:end");

    CHECK_STR(find("GET", "/v1/shelves/1/books/2"),
              "/v1/{name=shelves/*/books/*} name=shelves/1/books/2");
    CHECK_STR(find("GET", "/v1/shelves/1/books"), "/v1/{parent=shelves/*}/books parent=shelves/1");
    CHECK_STR(find("POST", "/v1/shelves/1:close"), "/v1/{name=shelves/*}:close name=shelves/1");
    CHECK_STR(find("POST", "/v1/a/b/c:undelete"), "/v1/{name=**}:undelete name=a/b/c");
    CHECK_STR(find("POST", "/v1/shelves/1:open"), "no path");
    CHECK_STR(find("GET", "/sessions/a:b"), "/sessions/{id} id=a:b");
    CHECK_STR(find("POST", "/sessions/a:b:end"), "/sessions/{id}:end id=a:b");
    CHECK_STR(find("GET", "/sessions/a:end"), "/sessions/{id} id=a:end");
}

TEST(two_targets_for_one_path_are_refused)
{
    struct path_template first, second;
    const char *error;
    const void *other = NULL;

    start();
    CHECK(path_template_parse(STR("/a/{b}"), &first, &error));
    CHECK(path_template_parse(STR("/a/{c}"), &second, &error));
    CHECK(router_add(router, "GET", &first, "first", &other));
    CHECK(router_add(router, "POST", &second, "post", &other));
    CHECK(!router_add(router, "GET", &second, "second", &other));
    CHECK_STR((const char *)other, "first");
}

TEST(allowed_methods)
{
    char allow[ROUTER_ALLOW_SIZE];

    start();
    add("GET", "/customers/{email}");
    add("DELETE", "/customers/{email}");
    add("PATCH", "/customers/me");
    add("GET", "/customers/me");
    router_allow(router, STR("/customers/me"), allow);
    CHECK_STR(allow, "PATCH, GET, HEAD, DELETE");
    router_allow(router, STR("/customers/x"), allow);
    CHECK_STR(allow, "GET, HEAD, DELETE");
    router_allow(router, STR("/x"), allow);
    CHECK_STR(allow, "");
}

TEST(long_paths_have_no_target)
{
    static char path[4096];

    start();
    add("GET", "/{name=**}");
    for (size_t i = 0; i < sizeof(path) - 1; i++) path[i] = i % 2 ? 'a' : '/';
    CHECK_STR(find("GET", path), "no path");
    path[120] = '\0';
    CHECK(strncmp(find("GET", path), "/{name=**} name=a/a", 19) == 0);
}

static const char *decode(const char *text, bool several)
{
    struct str decoded;

    if (!router_decode(&arena, str_of(text), several, &decoded)) return "broken";
    return arena_strndup(&arena, decoded.data, decoded.length);
}

TEST(percent_escapes)
{
    start();
    CHECK_STR(decode("a%40b%2Fc+d", false), "a@b/c+d");
    CHECK_STR(decode("a%40b%2Fc%2f%20", true), "a@b%2Fc%2f ");
    CHECK_STR(decode("%2F", true), "%2F");
    CHECK_STR(decode("plain", true), "plain");
    CHECK_STR(decode("%zz", true), "broken");
    CHECK_STR(decode("%2", false), "broken");
    CHECK_STR(decode("%2F%", true), "broken");
}
