/* SPDX-License-Identifier: Apache-2.0 */
/* The test bank's state, shared by its wiring and its handlers. */
#ifndef SERVICES_BANK_BANK_SERVICE_H
#define SERVICES_BANK_BANK_SERVICE_H

#include "bank.rpc.h"
#include "services/bank/bank_store.h"

struct bank_service {
    struct bank_store *store;
};

extern const struct bank_service_handlers bank_handlers;

#endif
