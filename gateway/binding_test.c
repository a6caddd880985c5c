/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of requests and responses bound by the google.api.http rules of
 * transcode_test.Searching. */
#include "gateway/binding.h"

#include "base/test.h"
#include "gateway/router.h"
#include "reasons.pb-c.h"

extern const unsigned char transcode_test_descriptors[];
extern const size_t transcode_test_descriptors_size;

static struct arena arena;
static const struct rpc_schema *schema;
static struct transcode_types *types;
static struct router *router;

/* Adds all rules of the test service to a router. */
static void start(void)
{
    const struct schema_service *service;
    struct binding *binding;
    const void *other;

    arena_release(&arena);
    arena_init(&arena, 0);
    CHECK_OK(rpc_schema_new(
        &arena, str_sized(transcode_test_descriptors, transcode_test_descriptors_size), &schema));
    types = transcode_types_new(&arena, schema);
    router = router_new(&arena);
    service = schema_service_by_name(schema, STR("transcode_test.Searching"));
    CHECK(service != NULL);
    for (size_t m = 0; m < service->method_count; m++)
        for (size_t h = 0; h < service->methods[m].http_count; h++) {
            CHECK_OK(binding_new(&arena, types, &service->methods[m], &service->methods[m].http[h],
                                 &binding));
            CHECK(router_add(router, binding->http->method, &binding->template, binding, &other));
        }
}

static struct status request(const char *method, const char *target, const char *body,
                             const char **ret_json)
{
    struct str path = str_of(target), query = {0};
    struct router_match match;
    struct output wire, json;
    size_t mark = str_find(path, '?');

    if (!router) start();
    if (mark < path.length) query = str_of(target + mark + 1);
    path.length = mark;
    CHECK_INT(router_find(router, str_of(method), path, &match), ==, ROUTER_FOUND);
    const struct binding *binding = match.target;
    struct parameters parameters = {.captures = match.captures, .query = query};
    output_init(&wire, &arena, 16);
    struct status st = binding_request(&arena, binding, &parameters, str_of(body), &wire);
    if (failed(st)) return st;
    output_init(&json, &arena, 16);
    CHECK_OK(transcode_to_json(&arena, binding->request, output_view(&wire), &json));
    output_byte(&json, '\0');
    *ret_json = json.data;
    return st;
}

/* Checks that the request's JSON contains this. */
static void check_has(const char *method, const char *target, const char *body, const char *part)
{
    const char *json = "";

    CHECK_OK(request(method, target, body, &json));
    if (!strstr(json, part)) printf("  %s\n  lacks %s\n", json, part);
    CHECK(strstr(json, part) != NULL);
}

static void check_refused(const char *method, const char *target, const char *body, int reason,
                          const char *field)
{
    const char *json = "";
    struct status st = request(method, target, body, &json);

    if (st.reason != reason) printf("  %s: %s\n", target, failed(st) ? st.message : json);
    CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(st.reason, ==, reason);
    if (!field) return;
    CHECK(st.details != NULL);
    CHECK_STR(st.details->violations[0].field, field);
}

TEST(path_variables_become_fields)
{
    check_has("GET", "/v1/shelves/1/books", "", "\"parent\":\"shelves/1\"");
    check_has("GET", "/v1/shelves/a%2Fb%20c/books", "", "\"parent\":\"shelves/a%2Fb c\"");
    check_has("GET", "/people/a%2Fb%40c", "", "\"name\":\"a/b@c\"");
    check_has("PUT", "/people/x/77", "", "\"filter\":{\"word\":\"\",\"most\":\"77\"}");
    check_has("POST", "/v1/x/items/5", "{\"name\":\"n\"}",
              "\"filter\":{\"word\":\"\",\"most\":\"0\",\"part\":{\"name\":\"\",\"number\":5}}");
    check_refused("PUT", "/people/x/many", "", ARGOSY__REASON__INVALID_FIELDS, "filter.most");
    check_refused("GET", "/people/%ff", "", ARGOSY__REASON__INVALID_FIELDS, "name");
    check_refused("GET", "/people/%00", "", ARGOSY__REASON__INVALID_FIELDS, "name");
    check_refused("GET", "/people/%4", "", ARGOSY__REASON__INVALID_FIELDS, "name");
}

TEST(query_parameters_of_every_type)
{
    check_has("GET", "/v1/books?name=a+b%20c&exact=true&price=1.5", "", "\"name\":\"a b c\"");
    check_has("GET", "/v1/books?tags=a&tags=b&tags=", "", "\"tags\":[\"a\",\"b\",\"\"]");
    check_has("GET", "/v1/books?colours=RED&colours=2&colours=-1", "",
              "\"colours\":[\"RED\",\"GREEN\",\"DARK\"]");
    check_has("GET", "/v1/books?filter.word=w&filter.most=9&filter.part.name=n", "",
              "\"filter\":{\"word\":\"w\",\"most\":\"9\",\"part\":{\"name\":\"n\",\"number\":0}}");
    check_has("GET", "/v1/books?since=2026-11-24T00:00:00Z&limit=5&mask=fooBar,b", "",
              "\"since\":\"2026-11-24T00:00:00Z\"");
    check_has("GET", "/v1/books?limit=5", "", "\"limit\":5");
    check_has("GET", "/v1/books?limit=0", "", "\"limit\":0");
    check_has("GET", "/v1/books?mask=fooBar,b", "", "\"mask\":\"fooBar,b\"");
    check_has("GET", "/v1/books?token=AP8", "", "\"token\":\"AP8=\"");
    check_has("GET", "/v1/books?&&name=x&", "", "\"name\":\"x\"");
    check_has("GET", "/v1/books?name", "", "\"name\":\"\"");
    check_has("GET", "/v1/books?number=0", "", "\"number\":0");
}

TEST(query_parameters_that_are_refused)
{
    static const struct {
        const char *query;
        int reason;
        const char *field;
    } bad[] = {
        {"nope=1", ARGOSY__REASON__UNKNOWN_FIELD, "nope"},
        {"filter.nope=1", ARGOSY__REASON__UNKNOWN_FIELD, "filter.nope"},
        {"name.x=1", ARGOSY__REASON__UNKNOWN_FIELD, "name.x"},
        {"=1", ARGOSY__REASON__UNKNOWN_FIELD, ""},
        {"name=a&name=b", ARGOSY__REASON__INVALID_FIELDS, "name"},
        {"filter=1", ARGOSY__REASON__INVALID_FIELDS, "filter"},
        {"labels=1", ARGOSY__REASON__INVALID_FIELDS, "labels"},
        {"item=x", ARGOSY__REASON__INVALID_FIELDS, "item"},
        {"exact=1", ARGOSY__REASON__INVALID_FIELDS, "exact"},
        {"price=a", ARGOSY__REASON__INVALID_FIELDS, "price"},
        {"colours=PINK", ARGOSY__REASON__INVALID_FIELDS, "colours"},
        {"since=today", ARGOSY__REASON__INVALID_FIELDS, "since"},
        {"text=a&number=1", ARGOSY__REASON__INVALID_FIELDS, "number"},
        {"name=%f", ARGOSY__REASON__INVALID_FIELDS, "name"},
        {"name=%00", ARGOSY__REASON__INVALID_FIELDS, "name"},
        {"name=%ff", ARGOSY__REASON__INVALID_FIELDS, "name"},
        {"%ff=a", ARGOSY__REASON__INVALID_FIELDS, NULL},
        {"a.b.c.d.e.f.g.h.i.j=1", ARGOSY__REASON__UNKNOWN_FIELD, NULL},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_refused("GET", arena_printf(&arena, "/v1/books?%s", bad[i].query), "", bad[i].reason,
                      bad[i].field);
    check_refused("GET", "/people/x?name=y", "", ARGOSY__REASON__INVALID_FIELDS, "name");
    check_refused("POST", "/v1/books:search?name=y", "", ARGOSY__REASON__UNKNOWN_FIELD, "name");
    check_refused("POST", "/v1/x/items/5?item.name=y", "", ARGOSY__REASON__INVALID_FIELDS,
                  "item.name");
}

TEST(bodies)
{
    check_has("POST", "/v1/books:search", "{\"name\":\"n\",\"filter\":{\"word\":\"w\"}}",
              "\"name\":\"n\"");
    check_has("POST", "/v1/books:search", "", "\"name\":\"\"");
    check_has("POST", "/v1/p/items/5?name=q", "{\"name\":\"n\",\"number\":3}",
              "\"item\":{\"name\":\"n\",\"number\":3}");
    check_has("GET", "/people/me", " {} ", "\"name\":\"\"");
    check_refused("GET", "/people/me", "{\"name\":\"x\"}", ARGOSY__REASON__MALFORMED_JSON, NULL);
    check_refused("POST", "/v1/p/items/5", "{\"nope\":1}", ARGOSY__REASON__UNKNOWN_FIELD,
                  "item.nope");
    check_refused("POST", "/v1/p/items/5", "[", ARGOSY__REASON__MALFORMED_JSON, NULL);
}

TEST(path_and_body_must_agree)
{
    check_has("PUT", "/people/x/7", "{\"name\":\"x\",\"filter\":{\"most\":7,\"word\":\"w\"}}",
              "\"filter\":{\"word\":\"w\",\"most\":\"7\"}");
    check_has("PUT", "/people/x/7", "{\"filter\":{\"word\":\"w\"}}",
              "\"filter\":{\"word\":\"w\",\"most\":\"7\"}");
    check_refused("PUT", "/people/x/7", "{\"name\":\"y\"}", ARGOSY__REASON__INVALID_FIELDS, "name");
    check_refused("PUT", "/people/x/7", "{\"filter\":{\"most\":8}}", ARGOSY__REASON__INVALID_FIELDS,
                  "filter.most");
}

TEST(custom_methods_and_too_many_parameters)
{
    struct output query;

    check_has("SEARCH", "/people", "", "\"name\":\"\"");
    output_init(&query, &arena, 16);
    output_str(&query, STR("/v1/books?tags="));
    for (int i = 0; i < BINDING_PARAMETERS_MAX; i++) output_str(&query, STR("&tags=x"));
    output_byte(&query, '\0');
    check_refused("GET", query.data, "", ARGOSY__REASON__INVALID_FIELDS, "tags");
}

TEST(rules_that_cannot_be_used)
{
    const struct schema_http bad[] = {
        {"GET", "/a/{nope}", "", ""},       {"GET", "/a/{tags}", "", ""},
        {"GET", "/a/{filter}", "nope", ""}, {"GET", "/a/{name", "", ""},
        {"GET", "/a", "", "nope"},          {"GET", "/a/{name.x}", "", ""},
        {"POST", "/a", "filter.word", ""},
    };
    struct binding *binding;

    if (!router) start();
    const struct schema_method *method = schema_method_by_path(
        schema, STR("/transcode_test.Searching/List"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_INT(binding_new(&arena, types, method, &bad[i], &binding).code, ==,
                  STATUS_INVALID_ARGUMENT);
}
