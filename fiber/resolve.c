/* SPDX-License-Identifier: Apache-2.0 */
/* Looks up the addresses of hosts. */
#include "fiber/resolve.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "fiber/fiber.h"

/* Owned by the fiber, or after it has left by the callback. */
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

static struct status unreachable(struct arena *arena, const char *host, int error)
{
    return status_printf(arena, STATUS_UNAVAILABLE, 0, "%s has no address: %s", host,
                         error ? uv_strerror(error) : "unknown host");
}

static void take_addresses(const struct addrinfo *found, struct resolved *resolved)
{
    resolved->count = 0;
    for (const struct addrinfo *at = found; at; at = at->ai_next) {
        struct sockaddr_storage address = {0};
        if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
        if (resolved->count == RESOLVE_ADDRESSES_MAX) return;
        memcpy(&address, at->ai_addr, at->ai_addrlen);
        address_format_ip(&address, resolved->ips[resolved->count++]);
    }
}

struct status resolve_host(struct call *call, const char *host, struct resolved *ret_resolved)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    struct status st = status_ok();

    invariant(lookup);
    lookup->shard = call->shard;
    lookup->request.data = lookup;
    int error = uv_getaddrinfo(&call->shard->loop, &lookup->request, on_resolved, host, NULL,
                               &hints);
    if (error) {
        free(lookup);
        return unreachable(call->arena, host, error);
    }
    while (!lookup->done && !failed(st)) st = fiber_suspend(call, &lookup->wait);
    if (!lookup->done) {
        lookup->left = true;
        uv_cancel((uv_req_t *)&lookup->request);
        return st;
    }
    take_addresses(lookup->found, ret_resolved);
    st = ret_resolved->count ? status_ok() : unreachable(call->arena, host, lookup->error);
    free_lookup(lookup);
    return st;
}
