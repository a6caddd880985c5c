/* SPDX-License-Identifier: Apache-2.0 */
/* Parses and checks the URLs of external servers, and resolves their hosts. */
#include "http/https_target.h"

#include <netdb.h>
#include <stdlib.h>

#include "base/str.h"
#include "fiber/fiber.h"
#include "http/http_text.h"
#include "reasons.pb-c.h"

enum { PORT_HTTPS = 443, PORT_HTTP = 80, ADDRESSES_MAX = 8 };

/* ---- the URL ---- */

static struct status refuse(struct arena *arena, const char *url, const char *what)
{
    return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                         "\"%s\" %s", url, what);
}

/* A DNS name or an address, without characters that libcurl or a resolver might interpret
 * differently. */
static bool is_host(const char *host)
{
    return strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:") ==
           strlen(host);
}

/* Splits host[:port]. */
static bool split_authority(struct arena *arena, struct str authority, uint16_t port,
                            struct https_target *target)
{
    struct str end = authority; /* the part that may contain the port's colon */
    size_t bracket = str_find(authority, ']');

    if (!http_text_is_authority(authority)) return false;
    if (bracket < authority.length)
        end = str_sized(authority.data + bracket, authority.length - bracket);
    bool has_port = str_find(end, ':') < end.length;
    const char *text = has_port ? str_dup(arena, authority)
                                : arena_printf(arena, "%.*s:%d", STR_ARGS(authority), port);
    return address_split(text, target->host, &target->port) && is_host(target->host);
}

struct status https_target_parse(struct arena *arena, const char *url,
                                 struct https_target *ret_target)
{
    bool plain = str_starts_with(str_of(url), STR("http://"));
    struct https_target target = {0};
    struct sockaddr_storage address;

    if (!plain && !str_starts_with(str_of(url), STR("https://")))
        return refuse(arena, url, "is not an https:// URL");
    const char *start = strstr(url, "://") + 3;
    struct str authority = str_sized(start, strcspn(start, "/?#"));
    struct str rest = str_of(authority.data + authority.length);
    if ((rest.length > 0 && !http_text_is_target(rest)) ||
        !split_authority(arena, authority, plain ? PORT_HTTP : PORT_HTTPS, &target))
        return refuse(arena, url, "is not the URL of a server");
    target.literal = address_from_ip(target.host, target.port, &address);
    if (plain && !(target.literal && address_is_loopback(&address)))
        return refuse(arena, url, "must be https: http is for this machine's own addresses only");
    *ret_target = target;
    return status_ok();
}

/* ---- its addresses ---- */

struct lookup {
    uv_getaddrinfo_t request;
    struct shard *shard;
    struct fiber_wait wait;
    bool done;
    bool left; /* the caller has stopped waiting */
    int error;
    struct addrinfo *found;
};

static void free_lookup(struct lookup *lookup)
{
    uv_freeaddrinfo(lookup->found);
    free(lookup);
}

static void on_resolved(uv_getaddrinfo_t *request, int error, struct addrinfo *found)
{
    struct lookup *lookup = request->data;

    lookup->done = true;
    lookup->error = error;
    lookup->found = found;
    if (lookup->left)
        free_lookup(lookup);
    else
        fiber_wake(lookup->shard, &lookup->wait);
}

/* "+host:port:address,address": the plus lets the entry expire. NULL without an address. */
static const char *format(struct arena *arena, const struct https_target *target,
                          const struct addrinfo *found)
{
    const char *text = NULL;
    int count = 0;

    for (const struct addrinfo *at = found; at && count < ADDRESSES_MAX; at = at->ai_next) {
        struct sockaddr_storage address = {0};
        char ip[ADDRESS_TEXT_SIZE];
        bool v6 = at->ai_family == AF_INET6;
        if (!v6 && at->ai_family != AF_INET) continue;
        memcpy(&address, at->ai_addr, at->ai_addrlen);
        address_format_ip(&address, ip);
        const char *one = arena_printf(arena, v6 && strchr(ip, ':') ? "[%s]" : "%s", ip);
        text = text ? arena_printf(arena, "%s,%s", text, one)
                    : arena_printf(arena, "+%s:%d:%s", target->host, target->port, one);
        count++;
    }
    return text;
}

static struct status unreachable(struct arena *arena, const struct https_target *target, int error)
{
    return status_printf(arena, STATUS_UNAVAILABLE, ARGOSY__REASON__SERVICE_UNREACHABLE,
                         "%s has no address: %s", target->host,
                         error ? uv_strerror(error) : "unknown host");
}

struct status https_target_resolve(struct call *call, const struct https_target *target,
                                   const char **ret_resolved)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct status st = status_ok();
    struct lookup *lookup;

    *ret_resolved = NULL;
    if (target->literal) return st;
    lookup = calloc(1, sizeof(*lookup));
    invariant(lookup != NULL);
    lookup->shard = call->shard;
    lookup->request.data = lookup;
    int error = uv_getaddrinfo(&call->shard->loop, &lookup->request, on_resolved, target->host,
                               NULL, &hints);
    if (error) {
        free(lookup);
        return unreachable(call->arena, target, error);
    }
    while (!lookup->done && !failed(st)) st = fiber_suspend(call, &lookup->wait);
    if (!lookup->done) {
        lookup->left = true;
        uv_cancel((uv_req_t *)&lookup->request);
        return st;
    }
    *ret_resolved = format(call->arena, target, lookup->found);
    st = *ret_resolved ? status_ok() : unreachable(call->arena, target, lookup->error);
    free_lookup(lookup);
    return st;
}
