/* SPDX-License-Identifier: Apache-2.0 */
/* Declares the settings of the process, and three for each service in services/registry. */
#include "app/shop_settings.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "app/shop.h"
#include "events/events.h"
#include "gateway/gateway.h"
#include "rpc/service.h"

/* Made from services/registry, in its order; ended by 0. */
extern const int services_ports[];

static const struct setting process_settings[] = {
    {"ARGOSY_DATA_DIR", SETTING_TEXT, "data",
     "The directory of the embedded stores and keys; created if it does not exist.", 0, 0},
    {"ARGOSY_SHARDS", SETTING_INTEGER, "0",
     "Threads that serve, each with its own event loop; 0: one for each processor.", 0, 64},
    {"ARGOSY_LOG", SETTING_TEXT, "info",
     "The lowest level that is logged: debug, info, warn, error or off.", 0, 0},
    {"ARGOSY_LOG_FILE", SETTING_TEXT, "",
     "The log file, which is appended to and reopened at SIGHUP; if empty, standard error.", 0, 0},
    {"ARGOSY_LOG_FORMAT", SETTING_TEXT, "auto",
     "The form of log lines: json, human, or auto (human on a terminal, else json).", 0, 0},
    {"MEMORY_MAX", SETTING_SIZE, "256MiB",
     "Most memory that clients may use together (request bodies, unread answers, running "
     "requests); beyond it, the connections that use most are closed.",
     16 << 20, INT64_C(1) << 40},
    {"ARGOSY_DRAIN_TIMEOUT", SETTING_DURATION, "10s",
     "How long running requests may take to finish after SIGTERM.", 0, 600000},
    {"ARGOSY_TRUST_METADATA", SETTING_BOOLEAN, "0",
     "Trust identity metadata from every peer; only for use behind a gateway on a private network.",
     0, 0},
    {"ARGOSY_DEMO_PASSWORD", SETTING_SECRET, "",
     "The demo accounts' password; if empty, a random one is made and printed.", 0, 0},
    {"ADMIN_LISTEN", SETTING_TEXT, ADMIN_LISTEN_DEFAULT,
     "The address of /metrics, /healthz and /readyz, or off. If it is not set, a process without "
     "the gateway uses its first service's default port + 4000.",
     0, 0},
    {"FLEET_KEY", SETTING_SECRET, "",
     "64 hexadecimal digits with which the fleet's processes prove themselves to one another; if "
     "empty, <data>/fleet.key is used, which the first start creates.",
     0, 0},
    {"STORE_PREPARE", SETTING_BOOLEAN, "1",
     "Bring the stores' schemas up to date at the start; 0: refuse older ones, which argosy store "
     "prepare brings up to date.",
     0, 0},
    {"STORE_START_TIMEOUT", SETTING_DURATION, "1m",
     "How long to wait at the start for a store whose engine is a separate process.", 1000,
     86400000},
    {"RPC_MESSAGE_SIZE_MAX", SETTING_SIZE, "4MiB",
     "The largest gRPC message that is accepted, after decompression.", 1024, 1 << 30},
    {0},
};

const char *service_setting(struct arena *arena, const char *service, const char *what)
{
    char *name = arena_printf(arena, "%s_%s", service, what);

    for (char *c = name; *c; c++) *c = (char)toupper((unsigned char)*c);
    return name;
}

int service_port(const char *service)
{
    for (size_t i = 0; services_registry[i]; i++)
        if (strcmp(services_registry[i]->name, service) == 0) return services_ports[i];
    return 0;
}

/* Declares X_LISTEN, X_URL and X_STORE of a service. The table lives as long as the process,
 * because the config borrows it. */
static void declare_service(struct config *config, const struct service_module *module)
{
    static struct arena arena; /* never released */

    if (!arena.limit) arena_init(&arena, 0);
    struct setting *table = arena_array(&arena, struct setting, 4);
    table[0] = (struct setting){
        .name = service_setting(&arena, module->name, "LISTEN"),
        .kind = SETTING_ADDRESS,
        .fallback = arena_printf(&arena, "127.0.0.1:%d", service_port(module->name)),
        .meaning = arena_printf(&arena, "The %s service's gRPC address.", module->name),
    };
    table[1] = (struct setting){
        .name = service_setting(&arena, module->name, "URL"),
        .kind = SETTING_URL,
        .fallback = "",
        .meaning = arena_printf(
            &arena,
            "Where other services reach the %s service: inproc: or grpc://host:port[,host:port]; "
            "if empty, in process if it is part of this one, else at its default port.",
            module->name),
    };
    table[2] = (struct setting){
        .name = service_setting(&arena, module->name, "STORE"),
        .kind = SETTING_URL,
        .fallback = module->store_default,
        .meaning = arena_printf(&arena,
                                "The %s service's database; {data} stands for the data directory.",
                                module->name),
    };
    if (!module->store_default[0]) table[2] = (struct setting){0};
    config_declare(config, table);
    if (module->settings) config_declare(config, module->settings);
}

void shop_declare_settings(struct config *config)
{
    config_declare(config, process_settings);
    config_declare(config, gateway_settings);
    config_declare(config, events_settings);
    for (size_t i = 0; services_registry[i]; i++) declare_service(config, services_registry[i]);
}
