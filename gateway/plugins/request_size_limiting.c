/* SPDX-License-Identifier: Apache-2.0 */
/* request-size-limiting: limits the size of bodies; larger ones get 413. A body announced as too
 * large is refused before it is read, others while they are read. */
#include "gateway/plugins/plugins.h"
#include "gateway/request.h"

struct request_size_limiting {
    int64_t allowed_payload_size;
    const char *size_unit;
    bool require_content_length;
    uint64_t bytes;
};

static const char *const units[] = {"megabytes", "kilobytes", "bytes", NULL};
#define OPTION(member) offsetof(struct request_size_limiting, member)
static const struct option options[] = {
    {"allowed_payload_size", OPTION_INTEGER, OPTION(allowed_payload_size), "128", .min = 0,
     .max = INT32_MAX},
    {"size_unit", OPTION_TEXT, OPTION(size_unit), "megabytes", .choices = units},
    {"require_content_length", OPTION_BOOLEAN, OPTION(require_content_length), "false"},
    {0},
};

static struct status check(const struct plugin_context *context, void *data)
{
    struct request_size_limiting *config = data;
    uint64_t unit = config->size_unit[0] == 'm'   ? 1024 * 1024
                    : config->size_unit[0] == 'k' ? 1024
                                                  : 1;

    config->bytes = (uint64_t)config->allowed_payload_size * unit;
    return status_ok();
}

static struct status on_access(struct call *call, struct gateway_request *request, void *data)
{
    const struct request_size_limiting *config = data;
    struct str length = request_header(request, "content-length");
    struct str method = request->http->method;
    uint64_t announced;

    if (config->bytes < request->body_max) request->body_max = (size_t)config->bytes;
    if (length.length > 0 && str_to_u64(length, &announced) && announced > config->bytes)
        return status_printf(call->arena, STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__BODY_TOO_LARGE,
                             "the body is larger than %llu bytes",
                             (unsigned long long)config->bytes);
    bool sends = str_is(method, "POST") || str_is(method, "PUT") || str_is(method, "PATCH");
    if (config->require_content_length && sends && length.length == 0) {
        request->http_status = 411;
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__MALFORMED_HTTP,
                           "Content-Length is required");
    }
    return status_ok();
}

extern const struct plugin plugin_request_size_limiting;
const struct plugin plugin_request_size_limiting = {
    .name = "request-size-limiting",
    .options = options,
    .config_size = sizeof(struct request_size_limiting),
    .check = check,
    .access = on_access,
};
