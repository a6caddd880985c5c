/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of /readyz: reads each store, asks whether its last change was confirmed, looks at its
 * disk's free space, and calls the peers. */
#include "app/shop_ready.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "fiber/fiber.h"
#include "reasons.pb-c.h"
#include "store/sqlite/moment.h"
#include "store/sqlite/outage.h"

enum { PEER_TIMEOUT_MS = 500, PATH_SIZE_MAX = 4096 };

/* With less room than this on a store's disk the next checkpoint or log may not fit. */
static const int64_t room_min = 16 << 20;

static struct status check_room(const struct call *call, const char *path)
{
    char folder[PATH_SIZE_MAX] = ".";
    const char *slash = strrchr(path, '/');
    struct statvfs disk;

    if (slash)
        snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    if (statvfs(folder, &disk) != 0) return status_errno(call->arena, errno, folder);
    int64_t room = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
    if (room >= room_min) return status_ok();
    return status_printf(call->arena, STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__STORE_FULL,
                         "only %lld MiB are free on the disk of %s; make room",
                         (long long)(room >> 20), path);
}

struct status shop_check_store(const struct call *call, const struct service_context *context,
                               const struct service_module *module)
{
    struct service_context here = *context;
    const char *path;

    if (!module->store_default[0]) return status_ok();
    here.arena = call->arena;
    const char *scheme;
    struct status st = service_store_scheme(&here, module, &scheme);
    if (failed(st) || strcmp(scheme, "sqlite") != 0) return st;
    st = service_store_path(&here, module, &path);
    if (failed(st) || strcmp(path, ":memory:") == 0) return st;
    st = sqlite_check_reading(call->arena, path);
    if (!failed(st)) st = sqlite_check_writing(call->arena, path);
    return failed(st) ? st : check_room(call, path);
}

void shop_peers_add(struct shop_peers *peers, const char *name, struct rpc_channel *channel)
{
    invariant(peers->count < SHOP_PEERS_MAX);
    peers->peers[peers->count++] = (struct shop_peer){name, channel, false};
}

/* Any answer counts, even a refusal: the peer can be reached. */
static void look_at(struct call *call, void *data)
{
    struct shop_peer *peer = data;
    struct str answer;
    struct call child;

    call_init_child(&child, call, PEER_TIMEOUT_MS);
    struct status st = rpc_call_raw(&child, peer->channel, "/grpc.health.v1.Health/Check", STR(""),
                                    NULL, &answer);
    peer->reached = st.code != STATUS_UNAVAILABLE && st.code != STATUS_DEADLINE_EXCEEDED;
}

void shop_peers_look(struct call *call, struct shop_peers *peers, struct admin_report *report)
{
    struct fiber_group group = {0};

    for (size_t i = 0; i < peers->count; i++) {
        struct status st = fiber_group_start(call, &group, look_at, &peers->peers[i]);
        if (failed(st)) peers->peers[i].reached = true; /* unknown, so not reported */
    }
    fiber_group_wait(call, &group);
    for (size_t i = 0; i < peers->count; i++)
        if (!peers->peers[i].reached) report->unreachable[report->count++] = peers->peers[i].name;
}
