/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the payment service: reads its settings, chooses the provider, opens the store, registers
 * the handlers. */
#include "services/payment/payment_service.h"

#include <string.h>

#include "services/payment/payment_stripe.h"

enum { US_PER_MS = 1000 };

extern const struct service_module payment_service;

static const struct setting settings[] = {
    {"PAYMENT_PROVIDER", SETTING_TEXT, "test",
     "The payment provider: test (the bank service, for development) or stripe.", 0, 0},
    {"PAYMENT_PROVIDER_TIMEOUT", SETTING_DURATION, "10s",
     "How long one call of the provider may take before it is retried.", 100, 60000},
    {"PAYMENT_ANSWER_WITHIN", SETTING_DURATION, "8s",
     "How long a request waits for the provider before it is answered 202 and continues in the "
     "background.",
     0, 60000},
    {"PAYMENT_AUTHORIZATION_TTL", SETTING_DURATION, "7d",
     "How long an authorization is held before it is voided.", 1000, 2592000000},
    {"PAYMENT_TRIES_MAX", SETTING_INTEGER, "10",
     "Most failed attempts to pay one order; 0: no limit.", 0, 1000000},
    {"PAYMENT_ACCOUNT_TRIES_MAX", SETTING_INTEGER, "30",
     "Most failed attempts of one account within PAYMENT_ACCOUNT_TRIES_WITHIN, over all its "
     "orders; 0: no limit.",
     0, 1000000},
    {"PAYMENT_ACCOUNT_TRIES_WITHIN", SETTING_DURATION, "1h",
     "How long an account's failed attempts to pay count.", 1000, 2592000000},
    PAYMENT_STRIPE_SETTINGS,
    {0},
};

static struct status choose_provider(const struct service_context *context,
                                     struct payment_provider **ret_provider)
{
    const char *name = config_text(context->config, "PAYMENT_PROVIDER");

    if (strcmp(name, "test") == 0) return payment_provider_test(context, ret_provider);
    if (strcmp(name, "stripe") == 0) return payment_provider_stripe(context, ret_provider);
    return status_printf(context->arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                         "PAYMENT_PROVIDER=%s: must be test or stripe", name);
}

static void read_policy(const struct config *config, struct payment_policy *ret_policy)
{
    *ret_policy = (struct payment_policy){
        .provider_timeout_ms = config_duration_ms(config, "PAYMENT_PROVIDER_TIMEOUT"),
        .answer_within_ms = config_duration_ms(config, "PAYMENT_ANSWER_WITHIN"),
        .authorization_ttl_us = config_duration_ms(config, "PAYMENT_AUTHORIZATION_TTL") * US_PER_MS,
        .failures_max = (int)config_integer(config, "PAYMENT_TRIES_MAX"),
        .payer_failures_max = config_integer(config, "PAYMENT_ACCOUNT_TRIES_MAX"),
        .payer_failures_within_us = config_duration_ms(config, "PAYMENT_ACCOUNT_TRIES_WITHIN") *
                                    US_PER_MS,
    };
}

static struct status make_store(const struct service_context *context,
                                struct payment_store **ret_store)
{
    const char *scheme, *path;

    struct status st = service_store_scheme(context, &payment_service, &scheme);
    if (failed(st)) return st;
    if (strcmp(scheme, "sqlite") != 0)
        return payment_store_postgres(context, service_store_url(context, &payment_service),
                                      ret_store);
    st = service_store_path(context, &payment_service, &path);
    return failed(st) ? st : payment_store_sqlite(context, path, ret_store);
}

static struct status start(const struct service_context *context, void **ret_service)
{
    struct payment_service *service = arena_new(context->arena, struct payment_service);
    struct status st;

    read_policy(context->config, &service->policy);
    st = choose_provider(context, &service->provider);
    if (failed(st)) return st;
    st = make_store(context, &service->store);
    if (failed(st)) return st;

    service->orders = context->channel(context, "order");
    service->worker = payment_worker_new(context->arena, context->shards, service);
    service->waits = payment_waits_new(context->arena, context->shards);
    if (service->store->on_change)
        service->store->on_change(service->store, payment_waits_tell_all, service->waits);
    rpc_server_add(context->server, &payment_service_rpc, &payment_handlers, service);
    payment_events_start(context, service);
    *ret_service = service;
    return status_ok();
}

static struct status open_store(struct call *call, void *data)
{
    struct payment_service *service = data;

    if (!service->store->open) return status_ok();
    return service->store->open(call, service->store);
}

static struct status check_store(struct call *call, void *data, struct store_findings *findings)
{
    struct payment_service *service = data;

    if (!service->store->check) return status_ok();
    return service->store->check(call, service->store, findings);
}

static void serve(void *data)
{
    struct payment_service *service = data;

    payment_worker_sweep(service->worker);
}

static void stop(void *data)
{
    struct payment_service *service = data;

    if (service->provider->close) service->provider->close(service->provider);
    service->store->close(service->store);
}

static const char *const store_schemes[] = {"sqlite", "postgres", "postgresql", NULL};

const struct service_module payment_service = {
    .name = "payment",
    .rpc_name = "payment_service.PaymentService",
    .settings = settings,
    .store_default = "sqlite:{data}/payment.db",
    .store_schemes = store_schemes,
    .start = start,
    .open = open_store,
    .check = check_store,
    .serve = serve,
    .stop = stop,
};
