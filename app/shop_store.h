/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a service's store is: one process at a time opens it (store/sqlite/lock.h). A shop that
 * serves is refused what another process has; a program beside a running shop asks the process that
 * serves the store instead of opening it. */
#ifndef APP_SHOP_STORE_H
#define APP_SHOP_STORE_H

#include "rpc/service.h"
#include "store/sqlite/lock.h"

/* Takes the store of a module for this process. *ret_lock NULL: there is nothing to take (no file),
 * or another process serves it at *ret_address (arena; "" otherwise). With `serve` that is
 * FAILED_PRECONDITION, and the message names that process. Blocks for some seconds while another
 * process has the store for a moment only: for the start. */
struct status shop_store_claim(const struct service_context *context,
                               const struct service_module *module, bool serve,
                               struct sqlite_lock **ret_lock, const char **ret_address);

#endif
