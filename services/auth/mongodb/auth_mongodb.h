/* SPDX-License-Identifier: Apache-2.0 */
/* The adapter for MongoDB beyond its port. */
#ifndef SERVICES_AUTH_MONGODB_AUTH_MONGODB_H
#define SERVICES_AUTH_MONGODB_AUTH_MONGODB_H

#include "services/auth/auth_store.h"

/* The database of a store whose URL names none; the existing system always uses this one. */
#define AUTH_MONGODB_DATABASE "auth_service"

/* Deletes the store's database. For tests. */
struct status auth_mongodb_drop(struct call *call, struct auth_store *store);

#endif
