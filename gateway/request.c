/* SPDX-License-Identifier: Apache-2.0 */
/* Verifies the access token of a request; headers and metadata for plugins. */
#include "base/clock.h"
#include "gateway/gateway_parts.h"

static struct str find_token(const struct gateway_request *request)
{
    struct str value = http_headers_get(&request->http->headers, "authorization");

    if (value.length > 7 && str_equal_nocase(str_sized(value.data, 7), STR("bearer ")))
        return str_trim(str_sized(value.data + 7, value.length - 7));
    return http_cookie(&request->http->headers, "access-token");
}

/* The clocks of several machines may differ by this much. A token from further in the future was
 * issued before the clock was set back: it would be valid again, or for longer than intended. */
enum { CLOCKS_DIFFER_S = 60 };

static struct status check_issued(const struct jwt_claims *claims, int64_t now_s)
{
    if (claims->issued_s <= now_s + CLOCKS_DIFFER_S) return status_ok();
    return status_make(STATUS_UNAUTHENTICATED, ARGOSY__REASON__TOKEN_EXPIRED,
                       "the token was issued in the future; refresh it");
}

struct status request_check_session(const struct gateway_request *request)
{
    const struct jwt_claims *claims = &request->claims;
    struct ended_sessions *ended = request->gateway->ended;

    if (request->token != TOKEN_GOOD || !ended) return status_ok();
    int64_t now_us = clock_monotonic_us();
    enum session_state state = claims->session.length == 0
                                   ? ended_sessions_find_account(ended, claims->email,
                                                                 claims->issued_s, now_us)
                                   : ended_sessions_find(ended, claims->session, claims->generation,
                                                         claims->issued_s, now_us);
    switch (state) {
    case SESSION_ENDED:
        return status_make(STATUS_UNAUTHENTICATED, ARGOSY__REASON__TOKEN_REVOKED,
                           "this session has ended; log in again");
    case SESSION_OUTDATED:
        return status_make(STATUS_UNAUTHENTICATED, ARGOSY__REASON__TOKEN_EXPIRED,
                           "the token is outdated; refresh it");
    case SESSION_GOOD: break;
    }
    return status_ok();
}

enum token_state request_token(const struct call *call, struct gateway_request *request)
{
    const struct jwt_keys *keys = request->route ? request->route->token_keys : NULL;

    if (request->token != TOKEN_UNREAD) return request->token;
    request->token = TOKEN_ABSENT;
    struct str token = keys ? find_token(request) : (struct str){0};
    int64_t now_s = clock_now_us() / 1000000;
    if (token.length == 0) return request->token;
    struct status st = jwt_verify(call->arena, keys, token, "access", now_s, &request->claims);
    if (!failed(st)) st = check_issued(&request->claims, now_s);
    request->token = failed(st) ? TOKEN_BAD : TOKEN_GOOD;
    if (!failed(st)) st = request_check_session(request);
    if (failed(st)) request->token = TOKEN_BAD;
    request->token_status = st;
    return request->token;
}

bool request_is_plain_loopback(const struct gateway_request *request)
{
    return request->http->listener_loopback && !request->https;
}

struct str request_header(const struct gateway_request *request, const char *name)
{
    struct str value = http_headers_get(&request->http->headers, name);

    return value.data ? value : STR("");
}

struct str request_header_list(const struct call *call, const struct gateway_request *request,
                               const char *name)
{
    const struct http_headers *headers = &request->http->headers;
    struct str list = {0};

    for (size_t i = 0; i < headers->count; i++) {
        const struct http_header *item = &headers->items[i];
        if (!str_is(item->name, name)) continue;
        list = list.data ? str_of(arena_printf(call->arena, "%.*s, %.*s", STR_ARGS(list),
                                               STR_ARGS(item->value)))
                         : item->value;
    }
    return list;
}

/* Our code chooses the names and services the values, so a header that cannot be sent is dropped
 * rather than failing the request. */
void request_header_add(const struct call *call, struct gateway_request *request, struct str name,
                        struct str value)
{
    struct status st = http_headers_add(call->arena, &request->headers, name, value);

    (void)st;
}

void request_header_set(const struct call *call, struct gateway_request *request, struct str name,
                        struct str value)
{
    struct status st = http_headers_set(call->arena, &request->headers, name, value);

    (void)st;
}

void request_metadata_add(const struct call *call, struct gateway_request *request, struct str name,
                          struct str value)
{
    struct status st = http_headers_add(call->arena, &request->metadata, name, value);

    (void)st;
}
