/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of each plugin, as a client sees it. */
#include "base/jwt.h"
#include "gateway/gateway_testing.h"
#include "observe/metrics.h"

#define HEAD "_format_version: \"3.0\"\n"
#define SERVICE                                                                               \
    "services:\n- name: edge\n  url: argosy://edge\n  plugins:\n  - name: grpc-gateway\n    " \
    "config: {proto: edge.proto}\n"
#define ROUTE SERVICE "  routes:\n  - {name: all, paths: [/]}\n"
#define WITH(plugins) HEAD "plugins:\n" plugins ROUTE

enum { VALID_S = 300 };

static const char *token_issued(struct call *call, const char *secret, const char *type,
                                int64_t lifetime_s, int64_t age_s)
{
    struct jwt_keys keys;
    const char *error;
    int64_t now_s = clock_now_us() / 1000000;
    struct jwt_claims claims = {.email = STR("ann@example.com"),
                                .role = STR("seller"),
                                .device_id = STR("phone"),
                                .type = str_of(type),
                                .id = STR("1"),
                                .issued_s = now_s - age_s,
                                .expires_s = now_s + lifetime_s};

    bool parsed = jwt_keys_parse(str_of(secret), &keys, &error);
    EXPECT(parsed);
    struct str token = jwt_sign(call->arena, &keys, &claims);
    return arena_strndup(call->arena, token.data, token.length);
}

static const char *token_as(struct call *call, const char *secret, const char *type,
                            int64_t lifetime_s)
{
    return token_issued(call, secret, type, lifetime_s, 1000);
}

static const char *good_token(struct call *call)
{
    return token_as(call, EDGE_SECRET, "access", VALID_S);
}

/* ---- auth ---- */

#define AUTH "- name: auth-token-validator\n- name: user-context-injector\n"

static struct reply tell_with(struct call *call, struct edge *edge, const char *format,
                              const char *token)
{
    char header[4096];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(header, sizeof(header), format, token);
#pragma GCC diagnostic pop
    return ask(call, edge, "GET", "/tell/a", "", header);
}

static void tokens(struct call *call, struct edge *edge)
{
    const char *user = "\"email\":\"ann@example.com\",\"role\":\"seller\",\"device_id\":\"phone\"";
    struct reply reply = tell_with(call, edge, "cookie: x=y; access-token=%s", good_token(call));

    EXPECT(reply.status == 200 && has(reply.body, user));
    reply = tell_with(call, edge, "authorization: Bearer %s", good_token(call));
    EXPECT(reply.status == 200 && has(reply.body, user));
    reply = tell_with(call, edge, "authorization: bearer %s\nx-user-email: eve@x",
                      good_token(call));
    EXPECT(reply.status == 200 && has(reply.body, user));

    reply = ask(call, edge, "GET", "/tell/a", "", "authorization: Basic abc");
    EXPECT(reply.status == 401 && has(reply.body, "LOGIN_REQUIRED"));
    EXPECT(is(header_of(call, &reply, "www-authenticate"), "Bearer"));
    reply = tell_with(call, edge, "authorization: Bearer %s",
                      token_as(call, EDGE_SECRET, "access", -1));
    EXPECT(reply.status == 401 && has(reply.body, "TOKEN_EXPIRED"));
    /* As after the clock was set back, which would make the token valid again. */
    reply = tell_with(call, edge, "authorization: Bearer %s",
                      token_issued(call, EDGE_SECRET, "access", VALID_S, -3600));
    EXPECT(reply.status == 401 && has(reply.body, "TOKEN_EXPIRED"));
    reply = tell_with(call, edge, "authorization: Bearer %s",
                      token_issued(call, EDGE_SECRET, "access", VALID_S, -30));
    EXPECT(reply.status == 200);
    reply = tell_with(call, edge, "authorization: Bearer %s",
                      token_as(call, "another secret of 32 bytes or more!", "access", VALID_S));
    EXPECT(reply.status == 401 && has(reply.body, "TOKEN_FORGED"));
    reply = tell_with(call, edge, "authorization: Bearer %s",
                      token_as(call, EDGE_SECRET, "refresh", VALID_S));
    EXPECT(reply.status == 401 && has(reply.body, "TOKEN_WRONG_TYPE"));
    reply = tell_with(call, edge, "cookie: access-token=%s",
                      "eyJhbGciOiJub25lIn0.eyJFbWFpbCI6ImEifQ.");
    EXPECT(reply.status == 401);
    reply = tell_with(call, edge, "cookie: access-token=%s", "x.y");
    EXPECT(reply.status == 401 && has(reply.body, "TOKEN_MALFORMED"));
    reply = ask(call, edge, "GET", "/nothing/here", "", "");
    EXPECT(reply.status == 404);
}

TEST(auth_token_validator_lets_good_tokens_through)
{
    edge_run(WITH(AUTH), NULL, tokens);
}

#define OLD_SECRET "very very secret: of 28 byte"

static void old_tokens(struct call *call, struct edge *edge)
{
    struct reply reply = tell_with(call, edge, "cookie: access-token=%s",
                                   token_as(call, "x:" OLD_SECRET, "", VALID_S));

    EXPECT(reply.status == 401 && has(reply.body, "TOKEN_FORGED")); /* its key has an id */
    struct jwt_keys keys;
    const char *error;
    EXPECT(jwt_keys_of_secret(STR(OLD_SECRET), &keys, &error));
    struct jwt_claims claims = {.email = STR("ann@example.com"),
                                .role = STR("seller"),
                                .expires_s = clock_now_us() / 1000000 + VALID_S};
    struct str token = jwt_sign(call->arena, &keys, &claims);
    reply = tell_with(call, edge, "cookie: access-token=%s", str_dup(call->arena, token));
    EXPECT(reply.status == 200 && has(reply.body, "\"email\":\"ann@example.com\""));
    reply = tell_with(call, edge, "cookie: access-token=%s", good_token(call));
    EXPECT(reply.status == 401 && has(reply.body, "TOKEN_FORGED")); /* signed with the setting's
                                                                     * key */
}

TEST(tokens_are_verified_with_the_secret_in_the_configuration)
{
    edge_run(WITH("- name: auth-token-validator\n  config: {jwt_secret: '" OLD_SECRET
                  "'}\n- name: user-context-injector\n"),
             NULL, old_tokens);
}

static void old_refresh_tokens(struct call *call, struct edge *edge)
{
    struct reply reply = tell_with(call, edge, "cookie: access-token=%s",
                                   token_as(call, EDGE_SECRET, "", VALID_S));

    EXPECT(reply.status == 401 && has(reply.body, "TOKEN_WRONG_TYPE"));
    reply = tell_with(call, edge, "cookie: access-token=%s", good_token(call));
    EXPECT(reply.status == 200);
}

TEST(a_token_without_typ_is_refused_where_one_key_signs_access_and_refresh_tokens)
{
    static const char *const settings[] = {"JWT_REFRESH_TOKEN_SECRET=" EDGE_SECRET, NULL};

    edge_run(WITH(AUTH), settings, old_refresh_tokens);
}

static void optional(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "GET", "/tell/a", "", "");

    EXPECT(reply.status == 200 && has(reply.body, "\"email\":\"\""));
    reply = tell_with(call, edge, "cookie: access-token=%s", "bad");
    EXPECT(reply.status == 401);
    reply = tell_with(call, edge, "cookie: access-token=%s", good_token(call));
    EXPECT(reply.status == 200 && has(reply.body, "ann@example.com"));
}

static void kept(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "GET", "/tell/a", "", "");

    EXPECT(reply.status == 200 && is(header_of(call, &reply, "cache-control"), ""));
    EXPECT(is(header_of(call, &reply, "vary"), "authorization, cookie"));
    reply = tell_with(call, edge, "cookie: access-token=%s", good_token(call));
    EXPECT(reply.status == 200 && is(header_of(call, &reply, "cache-control"), "no-store"));
    reply = ask(call, edge, "POST", "/things", "{\"name\":\"ab\"}", "");
    EXPECT(reply.status == 201 && is(header_of(call, &reply, "cache-control"), "no-store"));
    reply = ask(call, edge, "GET", "/nope", "", "");
    EXPECT(reply.status == 404 && is(header_of(call, &reply, "cache-control"), "no-store"));
}

TEST(responses_that_depend_on_the_user_are_not_stored)
{
    edge_run(WITH("- name: auth-token-validator\n  config: {optional: true}\n"), NULL, kept);
}

TEST(an_optional_token_must_be_valid_if_given)
{
    edge_run(WITH("- name: auth-token-validator\n  config: {optional: true}\n- name: "
                  "user-context-injector\n"),
             NULL, optional);
}

static void roles(struct call *call, struct edge *edge)
{
    struct reply reply = tell_with(call, edge, "cookie: access-token=%s", good_token(call));

    EXPECT(reply.status == 403 && has(reply.body, "ROLE_REQUIRED"));
    reply = ask(call, edge, "GET", "/tell/a", "", "");
    EXPECT(reply.status == 401 && has(reply.body, "LOGIN_REQUIRED"));
}

static void right_role(struct call *call, struct edge *edge)
{
    EXPECT(tell_with(call, edge, "cookie: access-token=%s", good_token(call)).status == 200);
}

TEST(roles_are_required)
{
    edge_run(WITH("- name: auth-token-validator\n  config: {roles: [admin, superAdmin]}\n"), NULL,
             roles);
    edge_run(WITH("- name: auth-token-validator\n  config: {roles: [admin, seller]}\n"), NULL,
             right_role);
}

static void no_injector(struct call *call, struct edge *edge)
{
    struct reply reply = tell_with(call, edge, "cookie: access-token=%s; refresh-token=r",
                                   good_token(call));

    EXPECT(reply.status == 200 && has(reply.body, "\"email\":\"\"") &&
           has(reply.body, "[\"refresh-token: r\"]"));
}

TEST(each_plugin_does_its_part_only)
{
    edge_run(WITH("- name: auth-token-validator\n- name: auth-metadata-setter\n"), NULL,
             no_injector);
}

static size_t cookies_of(const struct reply *reply, struct str ret_cookies[4])
{
    size_t count = 0;

    for (size_t i = 0; i < reply->headers.count && count < 4; i++)
        if (str_is(reply->headers.items[i].name, "set-cookie"))
            ret_cookies[count++] = reply->headers.items[i].value;
    return count;
}

static void cookies(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "POST", "/login", "{}", "");
    struct str set[4];

    EXPECT(reply.status == 200 && cookies_of(&reply, set) == 2);
    EXPECT(str_is(set[0], "access-token=a; Path=/; HttpOnly")); /* plain HTTP on loopback */
    EXPECT(str_is(set[1], "refresh-token=r; Path=/; HttpOnly"));
}

TEST(set_cookie_metadata_become_headers)
{
    edge_run(WITH("- name: grpc-cookie-transformer\n"), NULL, cookies);
}

static void no_cookies(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "POST", "/login", "{}", "");
    struct str set[4];

    EXPECT(reply.status == 200 && cookies_of(&reply, set) == 0);
}

TEST(without_the_transformer_there_are_no_cookies)
{
    edge_run(HEAD ROUTE, NULL, no_cookies);
}

static void cleared(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "POST", "/login", "{}", "");
    struct str set[4];

    EXPECT(cookies_of(&reply, set) == 2); /* a refresh sets new ones, which stay */
    EXPECT(str_is(set[0], "access-token=a; Path=/; HttpOnly"));
    reply = ask(call, edge, "POST", "/things", "{\"name\":\"ab\"}", "");
    EXPECT(cookies_of(&reply, set) == 2);
    EXPECT(str_is(set[0], "access-token=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"));
    EXPECT(str_is(set[1], "refresh-token=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"));
    reply = tell_with(call, edge, "cookie: access-token=%s", "bad");
    EXPECT(reply.status == 401 && cookies_of(&reply, set) == 2);
    reply = tell_with(call, edge, "cookie: access-token=%s",
                      token_as(call, EDGE_SECRET, "access", -1));
    EXPECT(reply.status == 401 && cookies_of(&reply, set) == 0); /* it can be refreshed */
    reply = ask(call, edge, "POST", "/fail/5", "", "");
    EXPECT(reply.status == 404 && cookies_of(&reply, set) == 0);
}

TEST(auth_cookie_clearer_deletes_cookies)
{
    edge_run(WITH("- name: auth-cookie-clearer\n- name: grpc-cookie-transformer\n"
                  "- name: auth-token-validator\n  config: {optional: true}\n"),
             NULL, cleared);
}

/* ---- limits ---- */

static void limited(struct call *call, struct edge *edge)
{
    int refused = 0;

    for (int i = 0; i < 5; i++) {
        struct reply reply = ask(call, edge, "GET", "/tell/a", "", "");
        EXPECT(is(header_of(call, &reply, "ratelimit-limit"), "3"));
        EXPECT(is(header_of(call, &reply, "ratelimit-remaining"),
                  arena_printf(call->arena, "%d", i < 3 ? 2 - i : 0)));
        EXPECT(atoll(header_of(call, &reply, "ratelimit-reset")) > 0);
        if (reply.status != 429) continue;
        refused++;
        EXPECT(has(reply.body, "\"code\":\"RESOURCE_EXHAUSTED\",\"reason\":\"RATE_LIMITED\""));
        EXPECT(
            is(header_of(call, &reply, "retry-after"), header_of(call, &reply, "ratelimit-reset")));
    }
    EXPECT(refused == 2);
}

TEST(rate_limiting_counts_and_reports)
{
    edge_run(WITH("- name: rate-limiting\n  config: {day: 3}\n"), NULL, limited);
}

static int from(struct call *call, struct edge *edge, const char *address)
{
    return ask(call, edge, "GET", "/tell/a", "",
               arena_printf(call->arena, "x-forwarded-for: %s", address))
        .status;
}

static void by_network(struct call *call, struct edge *edge)
{
    EXPECT(from(call, edge, "2001:db8:1:2::1") == 200);
    EXPECT(from(call, edge, "2001:db8:1:2:3::1") == 429);
    EXPECT(from(call, edge, "2001:db8:1:3::1") == 200);
    EXPECT(from(call, edge, "192.0.2.1") == 200);
    EXPECT(from(call, edge, "192.0.2.2") == 200);
}

TEST(rate_limiting_counts_an_ipv6_network_as_one)
{
    static const char *const settings[] = {"GATEWAY_TRUSTED_PROXIES=127.0.0.1", NULL};

    edge_run(WITH("- name: rate-limiting\n  config: {day: 1}\n"), settings, by_network);
}

static void by_header(struct call *call, struct edge *edge)
{
    EXPECT(ask(call, edge, "GET", "/tell/a", "", "x-key: a").status == 200);
    EXPECT(ask(call, edge, "GET", "/tell/a", "", "x-key: a").status == 429);
    EXPECT(ask(call, edge, "GET", "/tell/a", "", "x-key: b").status == 200);
    struct reply reply = ask(call, edge, "GET", "/tell/a", "", "");
    EXPECT(reply.status == 200 && is(header_of(call, &reply, "ratelimit-limit"), ""));
    EXPECT(ask(call, edge, "GET", "/tell/a", "", "").status ==
           429); /* without the header, by address */
}

TEST(rate_limiting_by_header)
{
    edge_run(WITH("- name: rate-limiting\n  config: {day: 1, limit_by: header, header_name: X-Key, "
                  "hide_client_headers: true}\n"),
             NULL, by_header);
}

static void by_credential(struct call *call, struct edge *edge)
{
    EXPECT(ask(call, edge, "GET", "/tell/a", "", "").status == 200);
    EXPECT(tell_with(call, edge, "cookie: access-token=%s", good_token(call)).status == 200);
    EXPECT(tell_with(call, edge, "cookie: access-token=%s", good_token(call)).status == 429);
    EXPECT(ask(call, edge, "GET", "/tell/a", "", "").status == 429);
}

TEST(rate_limiting_by_credential)
{
    edge_run(WITH("- name: rate-limiting\n  config: {day: 1, limit_by: credential}\n"
                  "- name: auth-token-validator\n  config: {optional: true}\n"),
             NULL, by_credential);
}

static void sizes(struct call *call, struct edge *edge)
{
    char *body = arena_printf(call->arena, "{\"name\":\"%0*d\"}", 2000, 1);
    struct reply reply = ask(call, edge, "POST", "/things", body, "");

    EXPECT(reply.status == 413 && has(reply.body, "BODY_TOO_LARGE"));
    reply = ask(call, edge, "POST", "/things", body,
                arena_printf(call->arena, "content-length: %zu", strlen(body)));
    EXPECT(reply.status == 413 && has(reply.body, "BODY_TOO_LARGE"));
    reply = ask(call, edge, "POST", "/things", "{\"name\":\"ab\"}", "");
    EXPECT(reply.status == 201);
}

TEST(request_size_limiting)
{
    edge_run(WITH("- name: request-size-limiting\n  config: {allowed_payload_size: 1, size_unit: "
                  "kilobytes}\n"),
             NULL, sizes);
}

static void lengths(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "POST", "/things", "{\"name\":\"ab\"}", "");

    EXPECT(reply.status == 411);
    EXPECT(ask(call, edge, "GET", "/tell/a", "", "").status == 200);
}

TEST(a_length_can_be_required)
{
    edge_run(WITH("- name: request-size-limiting\n  config: {require_content_length: true}\n"),
             NULL, lengths);
}

/* ---- cors ---- */

#define PREFLIGHT \
    "access-control-request-method: PUT\naccess-control-request-headers: X-A\norigin: "

static void cross_origin(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "OPTIONS", "/tell/a", "",
                             PREFLIGHT "https://shop.example");

    EXPECT(reply.status == 204);
    EXPECT(is(header_of(call, &reply, "access-control-allow-origin"), "https://shop.example"));
    EXPECT(is(header_of(call, &reply, "access-control-allow-credentials"), "true"));
    EXPECT(is(header_of(call, &reply, "access-control-allow-methods"), "GET,PUT"));
    EXPECT(is(header_of(call, &reply, "access-control-allow-headers"), "X-A"));
    EXPECT(is(header_of(call, &reply, "access-control-max-age"), "600"));
    EXPECT(is(header_of(call, &reply, "vary"), "origin"));
    reply = ask(call, edge, "OPTIONS", "/tell/a", "", PREFLIGHT "https://a.b.example");
    EXPECT(is(header_of(call, &reply, "access-control-allow-origin"), "https://a.b.example"));
    reply = ask(call, edge, "OPTIONS", "/tell/a", "", PREFLIGHT "https://evil.example.org");
    EXPECT(reply.status == 204 && is(header_of(call, &reply, "access-control-allow-origin"), ""));
    EXPECT(is(header_of(call, &reply, "access-control-allow-methods"), ""));

    reply = ask(call, edge, "GET", "/tell/a", "", "origin: https://shop.example");
    EXPECT(reply.status == 401);
    EXPECT(is(header_of(call, &reply, "access-control-allow-origin"), "https://shop.example"));
    EXPECT(is(header_of(call, &reply, "access-control-expose-headers"), "etag"));
    reply = ask(call, edge, "GET", "/nope", "", "origin: https://shop.example");
    EXPECT(reply.status == 404 &&
           is(header_of(call, &reply, "access-control-allow-origin"), "https://shop.example"));
    reply = ask(call, edge, "OPTIONS", "/tell/a", "", "");
    EXPECT(reply.status == 405 && is(header_of(call, &reply, "allow"), "GET, HEAD, PUT"));
}

TEST(cors_answers_preflights_and_names_origins)
{
    edge_run(WITH("- name: cors\n  config: {origins: ['https://shop.example', "
                  "'https://[a-z]+\\.b\\.example'], methods: [GET, PUT],"
                  " credentials: true, max_age: 600, exposed_headers: [etag]}\n- name: "
                  "auth-token-validator\n"),
             NULL, cross_origin);
}

static void everyone(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "GET", "/tell/a", "", "origin: https://x");

    EXPECT(reply.status == 200 && is(header_of(call, &reply, "access-control-allow-origin"), "*"));
    EXPECT(is(header_of(call, &reply, "vary"), ""));
    reply = ask(call, edge, "OPTIONS", "/tell/a", "", PREFLIGHT "https://x");
    EXPECT(reply.status == 405); /* preflight_continue: the service's rules have no OPTIONS */
    EXPECT(is(header_of(call, &reply, "allow"), "GET, HEAD, PUT"));
}

TEST(cors_for_everyone)
{
    edge_run(WITH("- name: cors\n  config: {preflight_continue: true}\n"), NULL, everyone);
}

static void without_cors(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "OPTIONS", "/tell/a", "", PREFLIGHT "https://x");

    EXPECT(reply.status == 405);
    EXPECT(is(header_of(call, &reply, "access-control-allow-origin"), ""));
}

TEST(without_cors_preflights_are_refused)
{
    edge_run(WITH("- name: auth-token-validator\n"), NULL, without_cors);
}

/* ---- ids and logs ---- */

static void ids(struct call *call, struct edge *edge)
{
    struct reply reply = ask(call, edge, "GET", "/tell/a", "", "");

    EXPECT(strlen(header_of(call, &reply, "x-mine")) == 38);
    EXPECT(has(header_of(call, &reply, "x-mine"), "#1"));
    EXPECT(has(reply.body, "[\"x-mine: "));
    reply = ask(call, edge, "GET", "/nope", "", "x-mine: theirs");
    EXPECT(reply.status == 404 && is(header_of(call, &reply, "x-mine"), "theirs"));
    reply = ask(call, edge, "GET", "/tell/a", "", "x-mine: theirs");
    EXPECT(has(reply.body, "[\"x-mine: theirs\"]"));
}

TEST(correlation_id_makes_accepts_and_echoes_ids)
{
    edge_run(
        WITH("- name: correlation-id\n  config: {header_name: X-Mine, echo_downstream: true}\n"),
        NULL, ids);
}

static char log_path[] = "/tmp/file-log-XXXXXX";

static void logged(struct call *call, struct edge *edge)
{
    EXPECT(ask(call, edge, "GET", "/tell/a?secret=1&name=x", "", "user-agent: t\"est").status ==
           400);
    EXPECT(ask(call, edge, "GET", "/nope", "", "").status == 404);
}

TEST(file_log_writes_a_line_for_each_request)
{
    char text[4096];
    int fd = mkstemp(log_path);

    CHECK(fd >= 0);
    close(fd);
    char configuration[1024];
    snprintf(configuration, sizeof(configuration), WITH("- name: file-log\n  config: {path: %s}\n"),
             log_path);
    edge_run(configuration, NULL, logged);
    FILE *file = fopen(log_path, "r");
    CHECK(file != NULL);
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    unlink(log_path);
    text[size] = '\0';
    /* The members that log shippers for Kong read. */
    CHECK(has(text, "\"client_ip\":\""));
    CHECK(has(text, "\"method\":\"GET\",\"uri\":\"/tell/a\","));
    CHECK(has(text, "\"user-agent\":\"t\\\"est\"}},\"response\":{\"status\":400,"));
    CHECK(has(text, "\"latencies\":{\"request\":"));
    CHECK(has(text, "\"route\":{\"name\":\"all\"},\"service\":{\"name\":\"edge\"},"
                    "\"rule\":\"/tell/{name}\","));
    CHECK(has(text, "\"uri\":\"/nope\","));
    CHECK(has(text, "\"response\":{\"status\":404,"));
    CHECK(strstr(text, "secret") == NULL);
}

static void counted(struct call *call, struct edge *edge)
{
    struct buffer text;

    EXPECT(ask(call, edge, "GET", "/tell/a", "", "").status == 200);
    EXPECT(ask(call, edge, "GET", "/tell/b", "", "").status == 200);
    EXPECT(ask(call, edge, "GET", "/nope", "", "").status == 404);
    EXPECT(fiber_sleep(call, 10000).code == STATUS_OK); /* counting happens after the response */
    buffer_init(&text, 1 << 20);
    metrics_export(&text);
    buffer_append_byte(&text, '\0');
    EXPECT(
        has(text.data,
            "argosy_gateway_requests_total{route=\"/tell/{name}\",method=\"GET\",status=\"200\"}"));
    EXPECT(has(text.data,
               "argosy_gateway_requests_total{route=\"none\",method=\"any\",status=\"404\"}"));
    EXPECT(has(
        text.data,
        "argosy_gateway_request_duration_seconds_count{route=\"/tell/{name}\",method=\"GET\"}"));
    EXPECT(
        has(text.data, "argosy_gateway_answer_bytes_total{route=\"/tell/{name}\",method=\"GET\"}"));
    /* Under Kong's names, for dashboards made for Kong. */
    EXPECT(has(text.data, "kong_http_requests_total{service=\"edge\",route=\"all\",code=\"200\","
                          "source=\"service\"}"));
    EXPECT(has(text.data,
               "kong_request_latency_ms_bucket{service=\"edge\",route=\"all\",le=\"1000\"}"));
    EXPECT(has(text.data, "kong_upstream_latency_ms_count{service=\"edge\",route=\"all\"}"));
    EXPECT(has(text.data, "kong_kong_latency_ms_count{service=\"edge\",route=\"all\"}"));
    EXPECT(has(text.data, "kong_bandwidth_bytes{service=\"edge\",route=\"all\","
                          "direction=\"egress\"}"));
    buffer_release(&text);
}

TEST(prometheus_counts_by_route)
{
    edge_run(WITH("- name: prometheus\n  config: {bandwidth_metrics: true, per_consumer: false}\n"),
             NULL, counted);
}
