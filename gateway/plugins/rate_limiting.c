/* SPDX-License-Identifier: Apache-2.0 */
/* rate-limiting: limits requests per second, minute, hour or day for each client, identified by ip
 * (for IPv6 its /64 network), credential (the user's e-mail address; without one the ip) or a
 * header. Counted in fixed windows over all threads of the process, exactly, also under bursts;
 * each place in the configuration has its own counts.
 *
 * Responses report what is left: RateLimit-Limit, -Remaining and -Reset of the window that is
 * nearest to its limit; past the limit, 429 with Retry-After. */
#include "base/clock.h"
#include "base/ip.h"
#include "base/number.h"
#include "gateway/plugins/plugins.h"
#include "gateway/rate_table.h"
#include "gateway/request.h"

enum { WINDOWS = 4, SLOTS = 64 * 1024 };

struct rate_limiting {
    int64_t second, minute, hour, day;
    const char *limit_by, *header_name, *policy;
    const char *header; /* header_name in lower case */
    bool hide_client_headers;
    struct rate_table *table;
};

static const char *const limit_bys[] = {"ip", "credential", "consumer", "header", NULL};
static const char *const policies[] = {"local", NULL};
#define OPTION(member) offsetof(struct rate_limiting, member)
static const struct option options[] = {
    {"second", OPTION_INTEGER, OPTION(second), .min = 1, .max = INT32_MAX},
    {"minute", OPTION_INTEGER, OPTION(minute), .min = 1, .max = INT32_MAX},
    {"hour", OPTION_INTEGER, OPTION(hour), .min = 1, .max = INT32_MAX},
    {"day", OPTION_INTEGER, OPTION(day), .min = 1, .max = INT32_MAX},
    {"limit_by", OPTION_TEXT, OPTION(limit_by), "ip", .choices = limit_bys},
    {"header_name", OPTION_TEXT, OPTION(header_name)},
    {"policy", OPTION_TEXT, OPTION(policy), "local", .choices = policies},
    {"hide_client_headers", OPTION_BOOLEAN, OPTION(hide_client_headers), "false"},
    {"fault_tolerant", OPTION_IGNORED},
    {0},
};

extern const struct plugin plugin_rate_limiting;

static struct status check(const struct plugin_context *context, void *data)
{
    struct rate_limiting *config = data;

    if (config->second < 0 && config->minute < 0 && config->hour < 0 && config->day < 0)
        return plugin_error(context, &plugin_rate_limiting,
                            "set at least one of second, minute, hour and day");
    bool by_header = strcmp(config->limit_by, "header") == 0;
    if (by_header != (config->header_name != NULL))
        return plugin_error(context, &plugin_rate_limiting,
                            "header_name and limit_by: header must be used together");
    config->header = by_header ? str_lower(context->arena, str_of(config->header_name)) : NULL;
    return status_ok();
}

static struct status start(const struct plugin_context *context, void *data)
{
    struct rate_limiting *config = data;

    config->table = rate_table_new(SLOTS);
    return status_ok();
}

static void stop(void *data)
{
    struct rate_limiting *config = data;

    rate_table_free(config->table);
    config->table = NULL;
}

/* The client's key, prefixed with its kind, so that an address and a header's value are never
 * confused. */
static struct str client_key(const struct call *call, struct gateway_request *request,
                             const struct rate_limiting *config)
{
    struct str value = {0};
    const char *manner = "h";

    if (config->header) {
        value = request_header(request, config->header);
    } else if (config->limit_by[0] == 'c' && request_token(call, request) == TOKEN_GOOD) {
        value = request->claims.email;
        manner = "c";
    }
    if (value.length == 0) {
        char *party = arena_alloc(call->arena, IP_TEXT_SIZE);
        ip_party(request->client_ip, party);
        value = str_of(party);
        manner = "i";
    }
    return str_of(arena_printf(call->arena, "%s%.*s", manner, STR_ARGS(value)));
}

/* The state of the window that is nearest to its limit. */
struct standing {
    int64_t limit, left, reset_s;
};

static void tell(const struct call *call, struct gateway_request *request,
                 const struct standing *standing)
{
    struct arena *arena = call->arena;

    request_header_set(call, request, STR("ratelimit-limit"),
                       str_of(arena_printf(arena, "%lld", (long long)standing->limit)));
    request_header_set(call, request, STR("ratelimit-remaining"),
                       str_of(arena_printf(arena, "%lld", (long long)standing->left)));
    request_header_set(call, request, STR("ratelimit-reset"),
                       str_of(arena_printf(arena, "%lld", (long long)standing->reset_s)));
}

static struct status refuse(const struct call *call, const struct standing *standing)
{
    struct status_details *details = arena_new(call->arena, struct status_details);
    struct status st = status_printf(call->arena, STATUS_RESOURCE_EXHAUSTED,
                                     ARGOSY__REASON__RATE_LIMITED,
                                     "more than %lld requests; try again in %lld s",
                                     (long long)standing->limit, (long long)standing->reset_s);

    details->retry_after_ms = standing->reset_s * 1000;
    st.details = details;
    return st;
}

static struct status on_access(struct call *call, struct gateway_request *request, void *data)
{
    static const int64_t windows_s[WINDOWS] = {1, 60, 3600, 86400};
    const struct rate_limiting *config = data;
    const int64_t limits[WINDOWS] = {config->second, config->minute, config->hour, config->day};
    struct str key = client_key(call, request, config);
    struct standing nearest = {.left = INT64_MAX};
    /* Windows of a clock that nobody sets: a wall clock that is set back would let a window that is
     * used up last for as long. */
    int64_t now_s = clock_monotonic_us() / 1000000;
    bool taken = true;

    for (int i = 0; i < WINDOWS && taken; i++) {
        struct standing standing = {limits[i], 0, windows_s[i] - now_s % windows_s[i]};
        if (standing.limit < 0) continue;
        taken = rate_table_take(config->table, key, windows_s[i], standing.limit, now_s,
                                &standing.left);
        if (!taken || standing.left < nearest.left) nearest = standing;
    }
    if (!config->hide_client_headers) tell(call, request, &nearest);
    return taken ? status_ok() : refuse(call, &nearest);
}

const struct plugin plugin_rate_limiting = {
    .name = "rate-limiting",
    .options = options,
    .config_size = sizeof(struct rate_limiting),
    .check = check,
    .start = start,
    .access = on_access,
    .stop = stop,
};
