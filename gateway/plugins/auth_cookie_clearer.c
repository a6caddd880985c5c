/* SPDX-License-Identifier: Apache-2.0 */
/* auth-cookie-clearer: deletes both token cookies when its route has succeeded (logout), unless the
 * response sets new ones (refresh), and when a token was refused as invalid (on any route with the
 * plugin), so that a browser stops sending it. */
#include "gateway/cookies.h"
#include "gateway/plugins/plugins.h"
#include "gateway/request.h"

static const struct option options[] = {{0}};

/* Is it one of the two cookies that this plugin replaces? */
static bool is_token_cookie(struct str cookie)
{
    struct str name = cookie_name(cookie);

    return str_is(name, "access-token") || str_is(name, "refresh-token");
}

/* A cookie with a value, as "access-token=eyJ...; Path=/". */
static bool hands_out_tokens(const struct http_headers *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        const struct http_header *item = &headers->items[i];
        if (!str_is(item->name, "set-cookie") || !is_token_cookie(item->value)) continue;
        size_t value = str_find(item->value, '=') + 1;
        if (value < item->value.length && item->value.data[value] != ';') return true;
    }
    return false;
}

static void drop_token_cookies(struct http_headers *headers)
{
    size_t kept = 0;

    for (size_t i = 0; i < headers->count; i++) {
        const struct http_header *item = &headers->items[i];
        if (str_is(item->name, "set-cookie") && is_token_cookie(item->value)) continue;
        headers->items[kept++] = *item;
    }
    headers->count = kept;
}

static bool is_bad_token(const struct gateway_request *request)
{
    switch (request->outcome.reason) {
    case ARGOSY__REASON__TOKEN_MALFORMED:
    case ARGOSY__REASON__TOKEN_FORGED:
    case ARGOSY__REASON__TOKEN_WRONG_TYPE:
    case ARGOSY__REASON__TOKEN_REVOKED:
    case ARGOSY__REASON__TOKEN_REUSED: return true;
    default: return false;
    }
}

static void header(const struct call *call, struct gateway_request *request, void *data)
{
    const char *secure = request_is_plain_loopback(request) ? "" : "; Secure";

    if (failed(request->outcome) ? !is_bad_token(request) : request->http_status >= 400) return;
    if (!failed(request->outcome) && hands_out_tokens(&request->headers)) return;
    drop_token_cookies(&request->headers);
    static const char *const names[] = {"access-token", "refresh-token"};
    for (int i = 0; i < 2; i++) {
        const char *cookie = arena_printf(
            call->arena, "%s=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax%s", names[i], secure);
        request_header_add(call, request, STR("set-cookie"), str_of(cookie));
    }
}

extern const struct plugin plugin_auth_cookie_clearer;
const struct plugin plugin_auth_cookie_clearer = {
    .name = "auth-cookie-clearer", .options = options, .header = header};
