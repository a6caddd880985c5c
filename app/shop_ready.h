/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of /readyz: the stores of this process, and which of its peers answer. */
#ifndef APP_SHOP_READY_H
#define APP_SHOP_READY_H

#include "app/admin.h"
#include "rpc/service.h"

/* Can the store be read, was its last change confirmed by the disk, and has that room for it to
 * grow? OK for a service without a store. Reads one page, on the shard. */
struct status shop_check_store(const struct call *call, const struct service_context *context,
                               const struct service_module *module);

enum { SHOP_PEERS_MAX = 16 };

struct shop_peer {
    const char *name;
    struct rpc_channel *channel;
    bool reached;
};

struct shop_peers {
    struct shop_peer peers[SHOP_PEERS_MAX];
    size_t count;
};

void shop_peers_add(struct shop_peers *peers, const char *name, struct rpc_channel *channel);
/* Checks the health of all peers concurrently; waits half a second at most. */
void shop_peers_look(struct call *call, struct shop_peers *peers, struct admin_report *report);

#endif
