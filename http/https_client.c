/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTPS client: turns a request into a libcurl transfer, with limits and certificate checks,
 * and its result into a status. */
#include "http/https_client.h"

#include "fiber/fiber.h"
#include "http/https_link.h"
#include "http/https_target.h"
#include "observe/log.h"
#include "reasons.pb-c.h"

struct https_client {
    const struct https_library *library;
    const char *ca_file; /* NULL: the system's certificates */
    int link_count;
    struct https_link links[]; /* one per shard */
};

/* A running call. */
struct exchange {
    struct https_transfer transfer;
    const struct https_library *library;
    struct arena *arena;
    struct curl_slist *lines;    /* headers of the request */
    struct curl_slist *resolved; /* the host's addresses */
    struct buffer body;          /* of the response */
    struct http_headers headers;
    size_t headers_size;
    int sends;
    bool once, explained;
    char error[CURL_ERROR_SIZE];
};

struct status https_client_new(struct arena *arena, struct shards *shards, const char *ca_file,
                               struct https_client **ret_client)
{
    int count = shards_count(shards);
    const struct https_library *library;
    struct status st = https_library_load(arena, &library);

    if (failed(st)) return st;
    struct https_client *client = arena_calloc(
        arena, 1, sizeof(*client) + (size_t)count * sizeof(client->links[0]));
    client->library = library;
    client->ca_file = ca_file ? arena_strdup(arena, ca_file) : NULL;
    client->link_count = count;
    for (int i = 0; i < count; i++) client->links[i].library = library;
    *ret_client = client;
    return st;
}

void https_client_free(struct https_client *client)
{
    for (int i = 0; i < client->link_count; i++) invariant(!client->links[i].multi);
}

struct status https_url_check(struct arena *arena, const char *url)
{
    struct https_target target;

    return https_target_parse(arena, url, false, &target);
}

/* ---- receiving ---- */

static size_t on_body(char *data, size_t one, size_t size, void *owner)
{
    struct exchange *exchange = owner;

    (void)one;
    buffer_append(&exchange->body, data, size);
    return exchange->body.overflow ? 0 : size;
}

/* Receives a line of the response's head. A later head (after 100 Continue) replaces the earlier
 * one. */
static size_t on_header(char *data, size_t one, size_t size, void *owner)
{
    struct exchange *exchange = owner;
    struct str line = str_sized(data, size);
    size_t colon = str_find(line, ':');

    (void)one;
    exchange->headers_size += size;
    if (exchange->headers_size > HTTPS_HEADERS_SIZE_MAX) return 0;
    if (str_starts_with(line, STR("HTTP/"))) exchange->headers.count = 0;
    if (colon == line.length) return size;
    struct str value = str_trim(str_sized(data + colon + 1, size - colon - 1));
    struct status st = http_headers_add(exchange->arena, &exchange->headers,
                                        str_of(str_lower(exchange->arena, str_sized(data, colon))),
                                        str_sized(str_dup(exchange->arena, value), value.length));
    (void)st; /* one that HTTP does not allow, or that is too many, is dropped */
    return size;
}

/* ---- sending ---- */

/* The request is about to be sent on a connection. libcurl sends it again where a connection that
 * was kept turns out to be closed, although the server may have acted before it closed it. */
static int on_send(void *owner, char *peer, char *own, int peer_port, int own_port)
{
    struct exchange *exchange = owner;

    (void)peer, (void)own, (void)peer_port, (void)own_port;
    if (exchange->once && exchange->sends > 0) return CURL_PREREQFUNC_ABORT;
    exchange->sends++;
    return CURL_PREREQFUNC_OK;
}

static void add_lines(struct exchange *exchange, const struct https_request *request)
{
    const struct https_library *library = exchange->library;

    for (size_t i = 0; request->headers && i < request->headers->count; i++) {
        const struct http_header *header = &request->headers->items[i];
        if (header->value.length == 0) continue;
        exchange->lines = library->slist_append(
            exchange->lines, arena_printf(exchange->arena, "%.*s: %.*s", STR_ARGS(header->name),
                                          STR_ARGS(header->value)));
    }
    exchange->lines = library->slist_append(exchange->lines, "Expect:"); /* no 100 Continue */
}

/* Sets limits, timeouts and the verification of certificates. */
static void set_limits(const struct https_client *client, CURL *easy)
{
    __typeof__(client->library->easy_setopt) set = client->library->easy_setopt;

    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, CURLOPT_PROXY, "");
    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTPS_CONNECT_TIMEOUT_MS);
    set(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (client->ca_file) set(easy, CURLOPT_CAINFO, client->ca_file);
}

static void set_request(struct exchange *exchange, const struct https_request *request,
                        const char *resolved)
{
    __typeof__(exchange->library->easy_setopt) set = exchange->library->easy_setopt;
    CURL *easy = exchange->transfer.easy;

    add_lines(exchange, request);
    set(easy, CURLOPT_URL, request->url);
    set(easy, CURLOPT_HTTPHEADER, exchange->lines);
    if (resolved) {
        exchange->resolved = exchange->library->slist_append(NULL, resolved);
        set(easy, CURLOPT_RESOLVE, exchange->resolved);
    }
    if (strcmp(request->method, "POST") == 0) {
        set(easy, CURLOPT_POST, 1L);
        set(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.length);
        set(easy, CURLOPT_POSTFIELDS, request->body.length ? request->body.data : "");
    } else if (strcmp(request->method, "GET") != 0) {
        set(easy, CURLOPT_CUSTOMREQUEST, request->method);
    }
    set(easy, CURLOPT_WRITEFUNCTION, on_body);
    set(easy, CURLOPT_WRITEDATA, exchange);
    set(easy, CURLOPT_HEADERFUNCTION, on_header);
    set(easy, CURLOPT_HEADERDATA, exchange);
    set(easy, CURLOPT_ERRORBUFFER, exchange->error);
    exchange->once = request->once;
    exchange->explained = request->explained;
    set(easy, CURLOPT_PREREQFUNCTION, on_send);
    set(easy, CURLOPT_PREREQDATA, exchange);
}

/* ---- the result ---- */

/* The library's texts name hosts and addresses, so they only go to the log: the status may reach a
 * client of the shop. */
static struct status unreachable(const struct exchange *exchange, const struct https_target *target,
                                 const char *text, bool late)
{
    if (exchange->explained)
        return status_printf(exchange->arena, late ? STATUS_DEADLINE_EXCEEDED : STATUS_UNAVAILABLE,
                             late ? 0 : ARGOSY__REASON__SERVICE_UNREACHABLE, "%s: %s", target->host,
                             text);
    log_warn(0, "http: an external service cannot be reached", LOG_STR("host", target->host),
             LOG_STR("error", text));
    if (late)
        return status_make(STATUS_DEADLINE_EXCEEDED, 0,
                           "an external service did not answer in time; try again later");
    return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__SERVICE_UNREACHABLE,
                       "an external service cannot be reached now; try again later");
}

static struct status translate(const struct exchange *exchange, const struct https_target *target)
{
    CURLcode result = exchange->transfer.result;
    const char *text = exchange->error[0] ? exchange->error
                                          : exchange->library->easy_strerror(result);

    switch (result) {
    case CURLE_OK: return status_ok();
    case CURLE_OPERATION_TIMEDOUT: return unreachable(exchange, target, text, true);
    case CURLE_WRITE_ERROR:
        return status_printf(exchange->arena, STATUS_RESOURCE_EXHAUSTED,
                             ARGOSY__REASON__RESPONSE_TOO_LARGE, "the response of %s is too large",
                             target->host);
    case CURLE_OUT_OF_MEMORY:
        return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__MEMORY_LIMIT,
                           "there is no memory for a connection");
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_SSL_CACERT_BADFILE:
        return status_printf(exchange->arena, STATUS_INTERNAL, 0, "%s: %s", target->host, text);
    default: return unreachable(exchange, target, text, false);
    }
}

static void take_answer(struct exchange *exchange, struct https_answer *answer)
{
    long status = 0;

    exchange->library->easy_getinfo(exchange->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    answer->headers = exchange->headers;
    answer->body = str_sized(str_dup(exchange->arena, buffer_str(&exchange->body)),
                             exchange->body.length);
}

static struct status resolve(struct call *call, struct https_link *link,
                             const struct https_target *target, const char **ret_resolved)
{
    int64_t now_us = shard_now_us(call->shard);

    *ret_resolved = target->literal ? NULL : https_names_find(&link->names, target, now_us);
    if (target->literal || *ret_resolved) return status_ok();
    struct status st = https_target_resolve(call, target, ret_resolved);
    if (!failed(st)) https_names_keep(&link->names, target, *ret_resolved, now_us);
    return st;
}

static struct status run(struct call *call, struct https_client *client,
                         const struct https_request *request, struct exchange *exchange,
                         struct https_answer *ret_answer)
{
    struct https_link *link = &client->links[call->shard->index];
    struct https_target target;
    const char *resolved;
    struct status st = https_target_parse(call->arena, request->url, request->plain, &target);

    if (!failed(st)) st = resolve(call, link, &target, &resolved);
    if (failed(st)) return st;
    set_limits(client, exchange->transfer.easy);
    set_request(exchange, request, resolved);
    st = https_link_run(call, link, &exchange->transfer);
    if (!failed(st)) st = translate(exchange, &target);
    if (failed(st)) https_names_forget(&link->names, &target);
    if (!failed(st)) take_answer(exchange, ret_answer);
    return st;
}

struct status https_call(struct call *call, struct https_client *client,
                         const struct https_request *request, struct https_answer *ret_answer)
{
    struct exchange exchange = {.library = client->library, .arena = call->arena};
    struct status st;
    struct call limited;

    call_init_child(&limited, call, request->timeout_ms ? request->timeout_ms : HTTPS_TIMEOUT_MS);
    exchange.transfer.easy = client->library->easy_init();
    if (!exchange.transfer.easy)
        return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__MEMORY_LIMIT,
                           "there is no memory for a connection");
    buffer_init(&exchange.body, request->answer_max);
    st = run(&limited, client, request, &exchange, ret_answer);
    ret_answer->sends = exchange.sends;
    client->library->easy_cleanup(exchange.transfer.easy);
    client->library->slist_free_all(exchange.lines);
    client->library->slist_free_all(exchange.resolved);
    buffer_release(&exchange.body);
    return st;
}
