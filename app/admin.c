/* SPDX-License-Identifier: Apache-2.0 */
/* The admin port's three paths: metrics, liveness and readiness. */
#include "app/admin.h"

#include "base/json.h"
#include "observe/metrics.h"

enum { READY_TIMEOUT_MS = 2000, ANSWER_SIZE_MAX = 16 * 1024 * 1024 };

struct admin {
    admin_ready *ready;
    void *data;
};

struct admin *admin_new(struct arena *arena, admin_ready *ready, void *data)
{
    struct admin *admin = arena_new(arena, struct admin);

    admin->ready = ready;
    admin->data = data;
    return admin;
}

static void respond(const struct call *call, struct http_exchange *exchange, int status,
                    const char *type, struct str body)
{
    struct http_headers headers = {0};
    struct status st = http_headers_add(call->arena, &headers, STR("content-type"), str_of(type));

    invariant(!failed(st));
    http_respond(call, exchange, status, &headers, body);
}

static void release_buffer(void *data)
{
    buffer_release(data);
}

static struct buffer *answer_buffer(const struct call *call)
{
    struct buffer *buffer = arena_new(call->arena, struct buffer);

    buffer_init(buffer, ANSWER_SIZE_MAX);
    arena_defer(call->arena, release_buffer, buffer);
    return buffer;
}

static void answer_metrics(const struct call *call, struct http_exchange *exchange)
{
    struct buffer *text = answer_buffer(call);

    metrics_export(text);
    respond(call, exchange, 200, "text/plain; version=0.0.4; charset=utf-8", buffer_str(text));
}

static void answer_ready(struct call *call, struct admin *admin, struct http_exchange *exchange)
{
    struct buffer *text = answer_buffer(call);
    struct json_writer json;
    struct call child;

    call_init_child(&child, call, READY_TIMEOUT_MS);
    struct admin_report report = {0};
    struct status st = admin->ready(&child, admin->data, &report);

    json_writer_init(&json, text);
    json_object(&json);
    json_member(&json, "status", failed(st) ? STR("not ready") : STR("ready"));
    if (failed(st)) json_member(&json, "reason", str_of(st.message));
    if (report.count > 0) {
        json_key(&json, STR("unreachable"));
        json_array(&json);
        for (size_t i = 0; i < report.count; i++)
            json_value_string(&json, str_of(report.unreachable[i]));
        json_array_end(&json);
    }
    json_object_end(&json);
    buffer_append_byte(text, '\n');
    respond(call, exchange, failed(st) ? 503 : 200, "application/json", buffer_str(text));
}

void admin_handle(struct call *call, struct http_exchange *exchange, void *data)
{
    const struct http_request *request = http_request(exchange);

    if (!str_is(request->method, "GET") && !str_is(request->method, "HEAD"))
        respond(call, exchange, 405, "text/plain", STR("only GET is allowed here\n"));
    else if (str_is(request->path, "/metrics"))
        answer_metrics(call, exchange);
    else if (str_is(request->path, "/healthz"))
        respond(call, exchange, 200, "application/json", STR("{\"status\":\"alive\"}\n"));
    else if (str_is(request->path, "/readyz"))
        answer_ready(call, data, exchange);
    else
        respond(call, exchange, 404, "text/plain",
                STR("not found; the admin port has /metrics, /healthz and /readyz\n"));
}
