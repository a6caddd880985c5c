/* SPDX-License-Identifier: Apache-2.0 */
/* correlation-id: gives every request an id, which it passes to the service and, with
 * echo_downstream, to the client.
 *
 * The whole shop identifies a request by x-request-id, which is accepted, passed on and echoed with
 * or without this plugin. With another header name the plugin's id is sent in addition. */
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "fiber/shard.h"
#include "gateway/plugins/plugins.h"
#include "gateway/request.h"

struct correlation_id {
    const char *header_name;
    const char *generator;
    bool echo_downstream;
    _Atomic uint64_t counter;
    char prefix[UUID_TEXT_SIZE]; /* for the generator uuid#counter */
    struct str name;             /* header_name in lower case */
};

static const char *const generators[] = {"uuid", "uuid#counter", "tracker", NULL};
#define OPTION(member) offsetof(struct correlation_id, member)
static const struct option options[] = {
    {"header_name", OPTION_TEXT, OPTION(header_name), "Kong-Request-ID"},
    {"generator", OPTION_TEXT, OPTION(generator), "uuid#counter", .choices = generators},
    {"echo_downstream", OPTION_BOOLEAN, OPTION(echo_downstream), "false"},
    {0},
};

static struct status check(const struct plugin_context *context, void *data)
{
    struct correlation_id *config = data;
    struct http_headers probe = {0};

    config->name = str_of(str_lower(context->arena, str_of(config->header_name)));
    uuid_v7(config->prefix);
    if (failed(http_headers_add(context->arena, &probe, config->name, STR("x"))))
        return plugin_error(context, plugin_by_name(STR("correlation-id")),
                            "\"%s\" cannot be a header's name", config->header_name);
    return status_ok();
}

static struct str generate(const struct call *call, struct correlation_id *config)
{
    unsigned long long count =
        atomic_fetch_add_explicit(&config->counter, 1, memory_order_relaxed) + 1;

    if (strcmp(config->generator, "uuid") == 0) return str_of(uuid_new(call->arena));
    if (strcmp(config->generator, "uuid#counter") == 0)
        return str_of(arena_printf(call->arena, "%s#%llu", config->prefix, count));
    return str_of(arena_printf(call->arena, "%ld-%d-%llu-%lld", (long)getpid(), call->shard->index,
                               count, (long long)(clock_now_us() / 1000)));
}

static struct status on_access(struct call *call, struct gateway_request *request, void *data)
{
    struct correlation_id *config = data;

    if (str_is(config->name, "x-request-id")) return status_ok();
    struct str id = http_headers_get(&request->http->headers, config->name.data);
    if (id.length == 0) id = generate(call, config);
    request_metadata_add(call, request, config->name, id);
    if (config->echo_downstream) request_header_set(call, request, config->name, id);
    return status_ok();
}

extern const struct plugin plugin_correlation_id;
const struct plugin plugin_correlation_id = {
    .name = "correlation-id",
    .options = options,
    .config_size = sizeof(struct correlation_id),
    .check = check,
    .access = on_access,
};
