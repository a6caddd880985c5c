/* SPDX-License-Identifier: Apache-2.0 */
/* The ownership of a service's store: one process at a time opens it (store/sqlite/lock.h). A shop
 * that serves does not start on a store that another process has; a command calls the process that
 * serves the store instead of opening it. */
#ifndef APP_SHOP_STORE_H
#define APP_SHOP_STORE_H

#include "rpc/service.h"
#include "store/sqlite/lock.h"

/* Locks the store of a module for this process. *ret_lock is NULL if the store is not a file, or if
 * another process serves it at *ret_address (arena; "" otherwise). With `serve` the latter is
 * FAILED_PRECONDITION, and the message names that process. May block for some seconds, for another
 * process that is about to stop; so it is for the start. */
struct status shop_store_claim(const struct service_context *context,
                               const struct service_module *module, bool serve,
                               struct sqlite_lock **ret_lock, const char **ret_address);

#endif
