/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of requests that no rule serves: what Allow lists, and which are malformed. */
#include "gateway/gateway_testing.h"

#define SERVICE                                                                                 \
    "_format_version: \"3.0\"\nservices:\n- name: edge\n  url: argosy://edge\n  plugins:\n  - " \
    "name: grpc-gateway\n    config: {proto: /kong/edge.proto}\n  routes:\n"

static const char *allowed(struct call *call, struct edge *edge, const char *method,
                           const char *path)
{
    struct reply reply = ask(call, edge, method, path, "", "");

    return reply.status == 405 ? header_of(call, &reply, "allow")
                               : arena_printf(call->arena, "%d", reply.status);
}

/* The rules: GET and PUT /tell/{name}, GET /tell, POST /things. */
static void lists(struct call *call, struct edge *edge)
{
    EXPECT(is(allowed(call, edge, "FOO", "/tell/a"), "PUT, GET, HEAD"));
    EXPECT(is(allowed(call, edge, "DELETE", "/tell/a"), "PUT, GET, HEAD"));
    EXPECT(is(allowed(call, edge, "FOO", "/tell"), "GET, HEAD"));
    /* No route passes POST on. */
    EXPECT(is(allowed(call, edge, "POST", "/things"), "404"));
    EXPECT(is(allowed(call, edge, "FOO", "/things"), "404"));
    EXPECT(is(allowed(call, edge, "FOO", "/nowhere"), "404"));
}

TEST(allow_lists_the_methods_of_rules_that_the_routes_let_through)
{
    edge_run(SERVICE "  - {name: read, paths: [/], methods: [GET]}\n"
                     "  - {name: change, paths: [/tell, /things], methods: [PUT, PATCH, DELETE]}\n",
             NULL, lists);
}

static void malformed(struct call *call, struct edge *edge)
{
    static const char *const paths[] = {"/%zz", "/nowhere/a%2", "/tell/a/b/%", "/tell/%4"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        EXPECT(ask(call, edge, "GET", paths[i], "", "").status == 400);
    EXPECT(has(ask(call, edge, "GET", "/%zz", "", "").body, "MALFORMED_HTTP"));
    EXPECT(ask(call, edge, "GET", "/nowhere/%25zz", "", "").status == 404);
}

TEST(a_malformed_escape_is_a_bad_request_wherever_it_is)
{
    edge_run(SERVICE "  - {name: all, paths: [/]}\n", NULL, malformed);
}
