/* SPDX-License-Identifier: Apache-2.0 */
/* The user service's state, shared by its wiring and its handlers. */
#ifndef SERVICES_USER_USER_SERVICE_H
#define SERVICES_USER_USER_SERVICE_H

#include "rpc/passwords.h"
#include "services/user/user_store.h"
#include "user.rpc.h"

struct user_service {
    struct user_store *store;
    struct passwords *passwords;
    struct password_policy policy;
};

extern const struct user_service_handlers user_handlers;

#endif
