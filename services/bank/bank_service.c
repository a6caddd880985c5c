/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the test bank: opens its store, registers its handlers. */
#include "services/bank/bank_service.h"

#include <string.h>

extern const struct service_module bank_service;

static const struct setting settings[] = {{0}};

static struct status start(const struct service_context *context, void **ret_service)
{
    struct bank_service *service = arena_new(context->arena, struct bank_service);
    const char *path;

    struct status st = service_store_path(context, &bank_service, &path);
    if (failed(st)) return st;
    st = bank_store_sqlite(context, path, &service->store);
    if (failed(st)) return st;
    rpc_server_add(context->server, &bank_service_rpc, &bank_handlers, service);
    *ret_service = service;
    return status_ok();
}

static void stop(void *data)
{
    struct bank_service *service = data;

    service->store->close(service->store);
}

const struct service_module bank_service = {
    .name = "bank",
    .rpc_name = "bank_service.BankService",
    .settings = settings,
    .store_default = "sqlite:{data}/bank.db",
    .start = start,
    .stop = stop,
};
