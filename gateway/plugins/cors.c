/* SPDX-License-Identifier: Apache-2.0 */
/* cors: which other sites' pages may call the shop (the Fetch standard's CORS protocol). Answers
 * preflight requests itself, unless preflight_continue is set. An origin is given literally, as a
 * regular expression for the whole origin, or as * for all. */
#include "gateway/plugins/plugins.h"
#include "gateway/request.h"
#include "rpc/schema_pattern.h"

struct cors {
    struct texts origins, methods, headers, exposed_headers;
    bool credentials, preflight_continue, private_network;
    int64_t max_age;
    const struct schema_pattern **patterns; /* one for each origin; NULL: it is literal */
    bool everyone;
    const char *methods_list, *headers_list, *exposed_list, *max_age_text;
};

#define OPTION(member) offsetof(struct cors, member)
static const struct option options[] = {
    {"origins", OPTION_TEXTS, OPTION(origins), "*"},
    {"methods", OPTION_TEXTS, OPTION(methods), "GET,HEAD,PUT,PATCH,POST,DELETE,OPTIONS"},
    {"headers", OPTION_TEXTS, OPTION(headers)},
    {"exposed_headers", OPTION_TEXTS, OPTION(exposed_headers)},
    {"credentials", OPTION_BOOLEAN, OPTION(credentials), "false"},
    {"max_age", OPTION_INTEGER, OPTION(max_age), .min = 0, .max = 86400},
    {"preflight_continue", OPTION_BOOLEAN, OPTION(preflight_continue), "false"},
    {"private_network", OPTION_BOOLEAN, OPTION(private_network), "false"},
    {0},
};

static const char *join(struct arena *arena, const struct texts *texts)
{
    const char *list = "";

    for (size_t i = 0; i < texts->count; i++)
        list = arena_printf(arena, "%s%s%s", list, i ? "," : "", texts->items[i].text);
    return list;
}

/* Does it contain only characters of a scheme, host and port? Anything else makes it a regular
 * expression. */
static bool is_plain_origin(const char *text)
{
    return text[strspn(text,
                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:/-_[]")] ==
           '\0';
}

static struct status check_origins(const struct plugin_context *context, struct cors *cors)
{
    const char *error;

    cors->patterns = arena_array(context->arena, const struct schema_pattern *,
                                 cors->origins.count);
    for (size_t i = 0; i < cors->origins.count; i++) {
        const char *origin = cors->origins.items[i].text;
        if (strcmp(origin, "*") == 0) {
            cors->everyone = true;
            continue;
        }
        if (is_plain_origin(origin)) continue;
        const char *whole = arena_printf(context->arena, "^(?:%s)$", origin);
        if (!schema_pattern_compile(context->arena, whole, &cors->patterns[i], &error))
            return plugin_error(context, &plugin_cors, "the origin %s cannot be used: %s", origin,
                                error);
    }
    return status_ok();
}

static struct status check(const struct plugin_context *context, void *data)
{
    struct cors *cors = data;
    struct status st = check_origins(context, cors);

    if (failed(st)) return st;
    if (cors->everyone && cors->credentials)
        return plugin_error(
            context, &plugin_cors,
            "credentials with the origin * would let every site act as the logged-in "
            "user; list the origins instead");
    cors->methods_list = join(context->arena, &cors->methods);
    cors->headers_list = join(context->arena, &cors->headers);
    cors->exposed_list = join(context->arena, &cors->exposed_headers);
    cors->max_age_text = cors->max_age < 0
                             ? ""
                             : arena_printf(context->arena, "%lld", (long long)cors->max_age);
    return status_ok();
}

static bool is_allowed(const struct cors *cors, struct str origin)
{
    for (size_t i = 0; i < cors->origins.count; i++) {
        if (cors->patterns[i] ? schema_pattern_matches(cors->patterns[i], origin)
                              : str_is(origin, cors->origins.items[i].text))
            return true;
    }
    return cors->everyone;
}

static void set(const struct call *call, struct gateway_request *request, struct str name,
                const char *value)
{
    if (value[0]) request_header_set(call, request, name, str_of(value));
}

static void answer_preflight(const struct call *call, struct gateway_request *request,
                             const struct cors *cors)
{
    struct str asked = request_header(request, "access-control-request-headers");

    set(call, request, STR("access-control-allow-methods"), cors->methods_list);
    if (cors->headers_list[0])
        set(call, request, STR("access-control-allow-headers"), cors->headers_list);
    else if (asked.length > 0)
        request_header_set(call, request, STR("access-control-allow-headers"), asked);
    set(call, request, STR("access-control-max-age"), cors->max_age_text);
    if (cors->private_network &&
        str_is(request_header(request, "access-control-request-private-network"), "true"))
        set(call, request, STR("access-control-allow-private-network"), "true");
}

static struct status on_access(struct call *call, struct gateway_request *request, void *data)
{
    const struct cors *cors = data;
    struct str origin = request_header(request, "origin");
    bool allowed = origin.length > 0 && is_allowed(cors, origin);

    if (!cors->everyone) request_header_add(call, request, STR("vary"), STR("origin"));
    if (allowed) {
        request_header_set(call, request, STR("access-control-allow-origin"),
                           cors->everyone ? STR("*") : origin);
        if (cors->credentials) set(call, request, STR("access-control-allow-credentials"), "true");
        if (!request->preflight)
            set(call, request, STR("access-control-expose-headers"), cors->exposed_list);
    }
    if (!request->preflight) return status_ok();
    if (allowed) answer_preflight(call, request, cors);
    if (cors->preflight_continue) return status_ok();
    request->answered = true;
    request->http_status = 204;
    return status_ok();
}

const struct plugin plugin_cors = {
    .name = "cors",
    .options = options,
    .config_size = sizeof(struct cors),
    .check = check,
    .access = on_access,
};
