/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the server. Private to rpc/. */
#ifndef RPC_RPC_SERVER_H
#define RPC_RPC_SERVER_H

#include "rpc/route.h"

struct rpc_health;
struct rpc_reflection;

struct rpc_server {
    struct rpc_server_options options; /* defaults filled in */
    struct rpc_routes routes;
    struct rpc_health *health;
    struct rpc_reflection *reflection;
    struct gzip_lane *gzip;
};

#endif
