/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/demo.h"
#include "app/shop.h"
#include "base/clock.h"
#include "observe/log.h"

struct serving {
    const struct command_line *line;
    struct shop *shop;
    int64_t started_us;
    bool demo;
};

static bool start_log(const struct config *config)
{
    const char *format = config_text(config, "ARGOSY_LOG_FORMAT");
    enum log_level level;

    if (!log_level_parse(config_text(config, "ARGOSY_LOG"), &level)) {
        command_error("ARGOSY_LOG is debug, info, warn, error or off");
        return false;
    }
    if (strcmp(format, "auto") != 0 && strcmp(format, "json") != 0 &&
        strcmp(format, "human") != 0) {
        command_error("ARGOSY_LOG_FORMAT is json, human or auto");
        return false;
    }
    log_start(STDERR_FILENO,
              strcmp(format, "json") == 0 ||
                  (strcmp(format, "auto") == 0 && !isatty(STDERR_FILENO)),
              level);
    return true;
}

static void on_ready(struct call *call, void *data)
{
    struct serving *serving = data;
    const char *address = shop_gateway_address(serving->shop);

    log_info(0, "ready", LOG_STR("gateway", address),
             LOG_INT("start_us", clock_monotonic_us() - serving->started_us));
    if (config_boolean(serving->line->config, "ARGOSY_TRUST_METADATA"))
        log_warn(0, "ARGOSY_TRUST_METADATA=1: identity metadata is believed from every peer that "
                    "reaches the gRPC ports");
    if (!serving->demo) return;

    shop_act_as_operator(call);
    struct status st = demo_load(call, serving->shop, serving->line->config);
    shop_set_unready(serving->shop,
                     failed(st) ? "the demo could not be loaded, see the log" : NULL);
    if (failed(st))
        log_error(0, "the demo catalogue could not be loaded", LOG_STR("error", st.message));
}

static int serve(const struct command_line *line)
{
    struct serving serving = {.line = line,
                              .started_us = clock_monotonic_us(),
                              .demo = command_option(line, "demo") != 0};
    struct shop_options options = {
        .only = command_option(line, "only"), .listen = true, .loopback_only = serving.demo};

    if (!start_log(line->config)) return EXIT_USAGE;
    struct status st = shop_new(line->arena, line->config, &options, &serving.shop);
    if (failed(st)) {
        log_stop();
        command_error("cannot start: %s", st.message);
        return EXIT_FAILED;
    }
    if (serving.demo) shop_set_unready(serving.shop, "the demo is still being loaded");
    shop_run(serving.shop, on_ready, &serving);
    shop_free(serving.shop);
    log_info(0, "stopped");
    log_stop();
    return EXIT_OK;
}

const struct command command_serve = {
    .name = "serve",
    .arguments = "",
    .summary = "Serve the shop, or some of its services.",
    .description = "Serves the whole shop in one process: the gateway, every service on its own "
                   "gRPC port, and the admin port.\n"
                   "With --only, serves just the services that are named (gateway is one of the "
                   "names); the others are found by\n"
                   "their X_URL settings, such as USER_URL=grpc://127.0.0.1:5001.\n"
                   "\n"
                   "SIGTERM and SIGINT drain: no new connections, running requests end, then the "
                   "process does. A second signal\n"
                   "ends it at once.",
    .options = {{"only", "SERVICES",
                 "Serve these only: names with commas between, as product,cart."},
                {"demo", 0, "Load a demo catalogue and accounts; listens on loopback only."}},
    .run = serve,
};
