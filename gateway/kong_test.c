/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of Kong's configuration: what is read, what is refused with which message, and which route
 * is chosen. */
#include "gateway/kong.h"

#include "base/test.h"
#include "gateway/route_table.h"

extern const unsigned char gateway_kong_yml[];
extern const size_t gateway_kong_yml_size;

static struct arena arena;

static void start(void)
{
    arena_release(&arena);
    arena_init(&arena, 0);
}

static struct status read_text(const char *text, const struct kong **ret_kong)
{
    start();
    return kong_read(&arena, "k.yml", str_of(text), ret_kong);
}

#define HEAD "_format_version: \"3.0\"\n"
#define SERVICE HEAD "services:\n- name: s\n  url: argosy://cart\n"
#define ROUTE SERVICE "  routes:\n  - name: r\n    strip_path: false\n"

TEST(reads_kongs_format)
{
    const struct kong *kong;

    CHECK_OK(read_text(
        "_format_version: '3.0'\n"
        "_transform: true\n"
        "services:\n"
        "  - {name: a, url: 'grpc://10.0.0.1:5001', tags: [x], retries: 5, read_timeout: 5000}\n"
        "  - name: b\n"
        "    protocol: grpc\n"
        "    host: cart.internal\n"
        "    port: 5004\n"
        "    routes:\n"
        "      - name: one\n"
        "        paths: [/cart, ~/carts/\\d+$, /c/:id/x]\n"
        "        methods: [GET]\n"
        "        strip_path: true\n"
        "        protocols: [http, grpc]\n"
        "        regex_priority: 5\n"
        "        plugins:\n"
        "          - name: rate-limiting\n"
        "            config: {minute: 5, policy: local}\n"
        "routes:\n"
        "  - name: two\n"
        "    service: a\n"
        "    hosts: ['*.example.com']\n"
        "plugins:\n"
        "  - name: cors\n"
        "    route: two\n"
        "  - name: prometheus\n"
        "    enabled: false\n"
        "  - name: file-log\n"
        "    service: b\n"
        "    config:\n"
        "      path: /tmp/x\n",
        &kong));
    const struct kong_service *a = kong->services, *b = a->next;
    CHECK_STR(a->address, "grpc://10.0.0.1:5001");
    CHECK_INT(a->timeout_ms, ==, 5000);
    CHECK_STR(b->address, "grpc://cart.internal:5004");
    CHECK_STR(b->plugins->plugin->name, "file-log");
    const struct kong_route *one = kong->routes, *two = one->next;
    CHECK_STR(one->name, "one");
    CHECK(one->service == b);
    CHECK_INT(one->path_count, ==, 3);
    CHECK_INT(one->paths[0].kind, ==, KONG_PREFIX);
    CHECK_INT(one->paths[1].kind, ==, KONG_REGEX);
    CHECK_INT(one->paths[2].kind, ==, KONG_SEGMENTS);
    CHECK(one->http && one->grpc);
    CHECK_INT(one->regex_priority, ==, 5);
    CHECK_STR(one->plugins->plugin->name, "rate-limiting");
    CHECK(two->service == a && two->http && !two->grpc);
    CHECK_STR(two->plugins->plugin->name, "cors");
    CHECK(!kong->plugins->enabled);
}

TEST(the_built_in_configuration_is_one)
{
    const struct kong *kong;

    start();
    CHECK_OK(kong_read(&arena, "gateway/kong.yml",
                       str_sized(gateway_kong_yml, gateway_kong_yml_size), &kong));
    CHECK(kong->services != NULL && kong->routes != NULL);
}

/* Each text must be refused with a message that begins like this. */
TEST(refuses_with_the_line_and_the_alternatives)
{
    static const struct {
        const char *text, *error;
    } bad[] = {
        {"", "k.yml:1: it is empty"},
        {"[]", "k.yml:1: the configuration must be a map"},
        {"a: [", "k.yml:2: this is not valid YAML"},
        {"\xff", "k.yml:1: this is not valid YAML"},
        {"services: []\n", "k.yml:1: the configuration needs _format_version"},
        {"_format_version: '1.1'\n",
         "k.yml:1: _format_version of the configuration must be one of 3.0"},
        {HEAD "consumers: []\n",
         "k.yml:2: the configuration has no option \"consumers\"; its options "
         "are _format_version, services"},
        {HEAD "a: &x b\n", "k.yml:2: anchors"},
        {HEAD "a: *x\n", "k.yml:2: anchors"},
        {HEAD "a: !!str b\n", "k.yml:2: anchors"},
        {HEAD "services: []\nservices: []\n",
         "k.yml:3: \"services\" occurs twice, first in line 2"},
        {HEAD "---\na: b\n", "k.yml:2: a second document"},
        {HEAD "services: {}\n", "k.yml:2: services must be a list"},
        {HEAD "services:\n- x\n", "k.yml:3: a service must be a map"},
        {HEAD "services:\n- url: argosy://cart\n", "k.yml:3: a service needs name"},
        {HEAD "services:\n- name: s\n", "k.yml:3: service s needs a url"},
        {HEAD "services:\n- name: s\n  url: http://x:80\n",
         "k.yml:3: the url http://x:80 cannot be used; write argosy://"},
        {HEAD "services:\n- name: s\n  url: grpc://x\n", "k.yml:3: the url"},
        {HEAD "services:\n- name: s\n  url: grpc://x y:1\n", "k.yml:3: the url"},
        {HEAD "services:\n- name: s\n  url: argosy://Cart!\n", "k.yml:3: the url"},
        {HEAD "services:\n- name: s\n  url: argosy://cart\n  port: 5\n",
         "k.yml:3: service s has both a url and parts"},
        {HEAD "services:\n- name: s\n  protocol: http\n",
         "k.yml:4: protocol of a service must be one of grpc"},
        {HEAD "services:\n- name: s\n  port: 70000\n",
         "k.yml:4: port of a service must be a whole number from 1 to 65535"},
        {HEAD "services:\n- name: s\n  enabled: yes\n",
         "k.yml:4: enabled of a service must be true or false"},
        {HEAD "services:\n- name: [s]\n", "k.yml:3: name of a service must be one value"},
        {SERVICE "- name: s\n  url: argosy://cart\n",
         "k.yml:5: there are two services named \"s\""},
        {SERVICE "  nope: 1\n",
         "k.yml:5: a service has no option \"nope\"; its options are name, url"},
        {SERVICE "  routes:\n  - paths: [/x]\n", "k.yml:6: a route needs name"},
        {SERVICE "  routes:\n  - name: r\n", "k.yml:6: route r needs paths, methods or hosts"},
        {SERVICE "  routes:\n  - name: r\n    paths: [x]\n",
         "k.yml:7: the path x cannot be used: a path must begin with /"},
        {ROUTE "    paths: ['~/(a']\n", "k.yml:8: the path ~/(a cannot be used"},
        {ROUTE "    paths: ['~/a(?=b)']\n", "k.yml:8: the path"},
        {ROUTE "    paths: ['~/(?<a-b>x)']\n",
         "k.yml:8: the path ~/(?<a-b>x) cannot be used: a group's name"},
        {ROUTE "    paths: ['~/a\\b']\n", "k.yml:8: the path"},
        {ROUTE "    paths: ['~/a+?']\n", "k.yml:8: the path"},
        {ROUTE "    paths: {a: b}\n", "k.yml:8: paths of a route must be a list"},
        {ROUTE "    paths: [[/a]]\n", "k.yml:8: paths of a route must be a list"},
        {ROUTE "    methods: [get]\n", "k.yml:8: the method get must be in capital letters"},
        {ROUTE "    paths: [/a]\n    protocols: [tcp]\n",
         "k.yml:9: protocols of a route must be one of http, https, grpc, grpcs"},
        {ROUTE "    paths: [/a]\n    snis: [a]\n",
         "k.yml:9: a route has no option \"snis\"; its options are name, service, paths"},
        {ROUTE "    paths: [/a]\n    service: s\n", "k.yml:6: route r is inside its service"},
        {ROUTE "    paths: [/a]\n  - name: r\n    paths: [/b]\n",
         "k.yml:9: there are two routes named \"r\""},
        {HEAD "routes:\n- name: r\n  paths: [/a]\n  service: nope\n",
         "k.yml:3: there is no service \"nope\" for route r"},
        {HEAD "plugins:\n- name: nope\n",
         "k.yml:3: there is no plugin \"nope\"; the plugins are correlation-id, prometheus"},
        {HEAD "plugins:\n- config: {}\n", "k.yml:3: a plugin needs name"},
        {HEAD "plugins:\n- name: cors\n  consumer: c\n",
         "k.yml:4: a plugin has no option \"consumer\""},
        {HEAD "plugins:\n- name: cors\n- name: cors\n",
         "k.yml:4: plugin cors is here already, in line 3"},
        {HEAD "plugins:\n- name: cors\n  route: r\n", "k.yml:3: there is no route \"r\""},
        {HEAD "plugins:\n- name: cors\n  service: r\n", "k.yml:3: there is no service \"r\""},
        {HEAD "plugins:\n- name: cors\n  service: r\n  route: s\n",
         "k.yml:3: plugin cors names a route and a service"},
        {HEAD "plugins:\n- name: cors\n  config: [a]\n", "k.yml:4: plugin cors must be a map"},
        {HEAD "plugins:\n- name: cors\n  config:\n    origin: '*'\n",
         "k.yml:5: plugin cors has no option \"origin\"; its options are origins, methods"},
        {HEAD "plugins:\n- name: cors\n  config:\n    credentials: true\n",
         "k.yml:3: plugin cors: credentials with the origin *"},
        {HEAD "plugins:\n- name: cors\n  config:\n    origins: ['http://(a']\n",
         "k.yml:3: plugin cors: the origin http://(a"},
        {HEAD "plugins:\n- name: rate-limiting\n",
         "k.yml:3: plugin rate-limiting: set at least one of second, minute, hour and day"},
        {HEAD "plugins:\n- name: rate-limiting\n  config: {minute: 0}\n",
         "k.yml:4: minute of plugin rate-limiting must be a whole number"},
        {HEAD "plugins:\n- name: rate-limiting\n  config: {minute: 5, limit_by: header}\n",
         "k.yml:3: plugin rate-limiting: header_name"},
        {HEAD "plugins:\n- name: rate-limiting\n  config: {minute: 5, policy: redis}\n",
         "k.yml:4: policy of plugin rate-limiting must be one of local"},
        {HEAD "plugins:\n- name: rate-limiting\n  config: {minute: 5, minut: 6}\n",
         "k.yml:4: plugin rate-limiting has no option \"minut\"; its options are second"},
        {HEAD "plugins:\n- name: grpc-gateway\n", "k.yml:3: plugin grpc-gateway needs proto"},
        {HEAD "plugins:\n- name: file-log\n", "k.yml:3: plugin file-log needs path"},
        {HEAD "plugins:\n- name: correlation-id\n  config: {header_name: 'a b'}\n",
         "k.yml:3: plugin correlation-id: \"a b\" cannot be"},
        {HEAD "plugins:\n- name: auth-cookie-clearer\n  config: {x: 1}\n",
         "k.yml:4: plugin auth-cookie-clearer has no option \"x\""},
        {SERVICE "  plugins:\n  - name: cors\n    service: s\n",
         "k.yml:6: plugin cors is inside a service or route"},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct kong *kong;
        struct status st = read_text(bad[i].text, &kong);
        const char *message = failed(st) ? st.message : "(taken)";
        if (strncmp(message, bad[i].error, strlen(bad[i].error)) != 0)
            printf("  %s  is \"%s\", not \"%s\"\n", bad[i].text, message, bad[i].error);
        EXPECT(strncmp(message, bad[i].error, strlen(bad[i].error)) == 0);
    }
}

TEST(deep_and_large_files_end)
{
    static char text[YAML_SIZE_MAX + 2];
    const struct kong *kong;

    memset(text, '[', 1000);
    CHECK(failed(read_text(text, &kong)));
    memset(text, 'a', sizeof(text) - 1);
    CHECK(failed(read_text(text, &kong)));
}

static bool matches(const char *pattern, const char *path)
{
    struct kong_path parsed;
    const char *error;

    CHECK(kong_path_parse(&arena, str_of(pattern), &parsed, &error));
    return kong_path_matches(&parsed, str_of(path));
}

TEST(paths_match)
{
    start();
    CHECK(matches("/products", "/products/a"));
    CHECK(matches("/products", "/productsabc")); /* as Kong does */
    CHECK(!matches("/products", "/product"));
    CHECK(matches("/customers/:email", "/customers/a@b"));
    CHECK(matches("/customers/:email", "/customers/a@b/role"));
    CHECK(!matches("/customers/:email", "/customers/"));
    CHECK(!matches("/customers/:email", "/customers"));
    CHECK(matches("/a/:b/c", "/a/x/c"));
    CHECK(!matches("/a/:b/c", "/a/x/cc"));
    CHECK(matches("~/customers/(?<email>[^/]+)$", "/customers/a@b"));
    CHECK(matches("~/customers/(?P<email>[^/]+)$", "/customers/a@b"));
    CHECK(!matches("~/customers/(?<email>[^/]+)$", "/customers/a/b"));
    CHECK(!matches("~/customers", "/x/customers"));
    CHECK(matches("~^/a|/b", "/b"));
    CHECK(matches("~/ab*", "/a"));
    CHECK(matches("~/ab?c", "/ac"));
    CHECK(matches("~/ab{0,2}$", "/a"));
    CHECK(!matches("~/ab+", "/a"));
    CHECK(matches("~/a\\.b", "/a.b"));
    CHECK(matches("~(/a)?/b", "/b"));
    CHECK(matches("~/p/\\d+/\\w*", "/p/12/ab_"));
    CHECK(!matches("~/p/\\d+$", "/p/x"));
}

/* ---- which route is chosen ---- */

static struct route_table table;

static void load(const char *text)
{
    const struct kong *kong;

    CHECK_OK(read_text(text, &kong));
    route_table_init(&arena, kong, &table);
}

static const char *route_of(const char *method, const char *host, const char *path)
{
    struct route_question question = {
        .method = str_of(method), .host = str_of(host), .path = str_of(path)};
    bool other_method;
    const struct gateway_route *route = route_table_find(&table, &question, &other_method);

    return route ? route->kong->name : other_method ? "other method" : "none";
}

TEST(routes_are_tried_in_kongs_order)
{
    load(SERVICE "  routes:\n"
                 "  - {name: any, paths: [/]}\n"
                 "  - {name: short, paths: [/a]}\n"
                 "  - {name: long, paths: [/a/b, /z]}\n"
                 "  - {name: regex-low, paths: [~/a/c\\d]}\n"
                 "  - {name: regex-high, paths: [~/a/c], regex_priority: 7}\n"
                 "  - {name: get, paths: [/a], methods: [GET]}\n"
                 "  - {name: host, paths: [/a], hosts: [x.org, '*.y.org', 'z.*'], methods: [PUT]}\n"
                 "  - {name: only-delete, paths: [/d], methods: [DELETE]}\n");
    CHECK_STR(route_of("POST", "h", "/a"), "short");
    CHECK_STR(route_of("GET", "h", "/a"), "get");
    CHECK_STR(route_of("HEAD", "h", "/a/b"), "get");
    CHECK_STR(route_of("POST", "h", "/a/b/c"), "long");
    CHECK_STR(route_of("POST", "h", "/z"), "long");
    CHECK_STR(route_of("POST", "h", "/a/c1"), "regex-high");
    CHECK_STR(route_of("PUT", "x.org:8000", "/a"), "host");
    CHECK_STR(route_of("PUT", "X.org", "/a"), "host");
    CHECK_STR(route_of("PUT", "a.y.org", "/a"), "host");
    CHECK_STR(route_of("PUT", "z.com", "/a"), "host");
    CHECK_STR(route_of("PUT", "y.org", "/a"), "short");
    CHECK_STR(route_of("GET", "h", "/d"), "any");
    CHECK_STR(route_of("DELETE", "h", "/d"), "only-delete");

    load(ROUTE "    paths: [/d]\n    methods: [DELETE, GET]\n");
    CHECK_STR(route_of("PUT", "h", "/d"), "other method");
    CHECK_STR(route_of("PUT", "h", "/e"), "none");
}

TEST(the_most_specific_plugins_win_and_run_in_order)
{
    load(HEAD
         "plugins:\n- name: rate-limiting\n  config: {minute: 1}\n- name: correlation-id\n"
         "services:\n- name: s\n  url: argosy://cart\n  plugins:\n  - name: auth-cookie-clearer\n"
         "  - name: rate-limiting\n    config: {minute: 2}\n  routes:\n  - name: r\n    paths: "
         "[/]\n    plugins:\n"
         "    - name: user-context-injector\n    - name: cors\n      enabled: false\n"
         "    - name: rate-limiting\n      config: {minute: 3}\n");
    static const char *const order[] = {"correlation-id", "rate-limiting", "user-context-injector",
                                        "auth-cookie-clearer"};
    const struct gateway_route *route = &table.routes[0];
    CHECK_INT(route->chain_count, ==, 4);
    for (size_t i = 0; i < 4; i++) CHECK_STR(route->chain[i]->plugin->name, order[i]);
    CHECK(route->chain[1] == route->kong->plugins->next->next);
    CHECK_INT(table.unmatched.chain_count, ==, 2);
}
