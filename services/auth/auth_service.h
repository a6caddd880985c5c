/* SPDX-License-Identifier: Apache-2.0 */
/* The auth service's state, shared by its wiring, its handlers and its part in events. */
#ifndef SERVICES_AUTH_AUTH_SERVICE_H
#define SERVICES_AUTH_AUTH_SERVICE_H

#include "auth.rpc.h"
#include "rpc/passwords.h"
#include "services/auth/auth_store.h"
#include "services/auth/auth_watchers.h"

struct auth_service {
    struct auth_store *store;
    struct rpc_channel *users;
    struct passwords *passwords;
    struct jwt_keys access_keys, refresh_keys;
    struct token_policy policy;
    struct rpc_server *server;
    struct auth_watchers *watchers; /* gateways that wait for sessions to end */
    struct password_policy hashing; /* a login replaces outdated hashes */
    int sessions_max;               /* of one user */
};

/* Subscribes to the user service's events and notifies waiting gateways of sessions that end.
 * Called in the module's start. */
void auth_endings_start(const struct service_context *context, struct auth_service *service);

/* A handler of proto/auth.proto. */
struct status watch_ended_sessions(struct call *call,
                                   const AuthService__WatchEndedSessionsRequest *request,
                                   AuthService__WatchEndedSessionsResponse *response);

extern const struct auth_service_handlers auth_handlers;

#endif
