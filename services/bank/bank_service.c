/* SPDX-License-Identifier: Apache-2.0 */
/* Wiring: settings to adapters to handlers. */
#include "services/bank/bank_service.h"

#include <string.h>

extern const struct service_module bank_service;

static const struct setting settings[] = {{0}};

static struct status open_store(const struct service_context *context,
                                struct bank_store **ret_store)
{
    const char *url = service_store_url(context, &bank_service);

    if (strncmp(url, "sqlite:", 7) == 0) return bank_store_sqlite(context, url + 7, ret_store);
    return status_printf(context->arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                         "BANK_STORE=%s: the test bank keeps its data in sqlite:PATH", url);
}

static struct status start(const struct service_context *context, void **ret_service)
{
    struct bank_service *service = arena_new(context->arena, struct bank_service);

    struct status st = open_store(context, &service->store);
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
