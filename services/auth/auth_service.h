/* SPDX-License-Identifier: Apache-2.0 */
/* What the auth service's own files share. */
#ifndef SERVICES_AUTH_AUTH_SERVICE_H
#define SERVICES_AUTH_AUTH_SERVICE_H

#include "auth.rpc.h"
#include "rpc/passwords.h"
#include "services/auth/auth_store.h"

struct auth_service {
    struct auth_store *store;
    struct rpc_channel *users;
    struct passwords *passwords;
    struct jwt_keys access_keys, refresh_keys;
    struct token_policy policy;
    struct password_policy hashing; /* weaker hashes are made again at login */
    int sessions_max;               /* of one user */
};

extern const struct auth_service_handlers auth_handlers;

#endif
