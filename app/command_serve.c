/* SPDX-License-Identifier: Apache-2.0 */
/* argosy serve: starts the log and the shop, loads the demo, and reads logs and settings again at
 * SIGHUP. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/demo.h"
#include "app/shop.h"
#include "base/clock.h"
#include "observe/log.h"

struct server {
    const struct command_line *line;
    int log_file; /* -1: the log goes to standard error */
    struct shop *shop;
    int64_t started_us;
    bool demo;
};

static bool start_log(const struct config *config, int *ret_file)
{
    const char *format = config_text(config, "ARGOSY_LOG_FORMAT");
    enum log_level level;

    if (!log_level_parse(config_text(config, "ARGOSY_LOG"), &level)) {
        command_error("ARGOSY_LOG must be debug, info, warn, error or off");
        return false;
    }
    if (strcmp(format, "auto") != 0 && strcmp(format, "json") != 0 &&
        strcmp(format, "human") != 0) {
        command_error("ARGOSY_LOG_FORMAT must be json, human or auto");
        return false;
    }
    int out = STDERR_FILENO;
    if (config_text(config, "ARGOSY_LOG_FILE")[0]) {
        out = *ret_file = log_file_open(config_text(config, "ARGOSY_LOG_FILE"));
        if (out < 0) {
            command_error("ARGOSY_LOG_FILE=%s cannot be written: %s",
                          config_text(config, "ARGOSY_LOG_FILE"), log_file_error(errno));
            return false;
        }
    }
    log_start(out, strcmp(format, "json") == 0 || (strcmp(format, "auto") == 0 && !isatty(out)),
              level);
    return true;
}

/* ---- SIGHUP ---- */

/* The new file takes over the descriptor's number, so a line that is being written goes to one file
 * or the other. */
static void reopen_log(const struct server *server)
{
    if (server->log_file < 0) return;
    int file = log_file_open(config_text(server->line->config, "ARGOSY_LOG_FILE"));
    if (file < 0) {
        log_error(0, "the log file cannot be reopened; logging goes on in the old one",
                  LOG_STR("error", log_file_error(errno)));
        return;
    }
    dup2(file, server->log_file);
    close(file);
}

/* The settings that may change while the shop serves; all others need a restart. */
static const char *const changeable[] = {
    "ARGOSY_LOG",         "GATEWAY_ACCESS_LOG",      "GATEWAY_CONFIG",  "GATEWAY_CORS_ORIGINS",
    "GATEWAY_KEEP_ALIVE", "GATEWAY_TRUSTED_PROXIES", "GATEWAY_TIMEOUT", NULL,
};

/* Applies the present settings to the shop. Answers what is wrong with them, or NULL. */
static const char *take_settings(struct server *server, struct arena *arena, bool *ret_changed)
{
    struct config *config;
    enum log_level level;
    const char *error;

    if (!command_read_settings(server->line, &config, &error)) return error;
    const char *other = config_difference(server->line->config, config, changeable);
    struct status st = status_ok();
    if (other)
        st = status_printf(arena, STATUS_FAILED_PRECONDITION, 0,
                           "%s was changed, but is read only at the start; restart the shop, or "
                           "change it back",
                           other);
    if (!failed(st) && !log_level_parse(config_text(config, "ARGOSY_LOG"), &level))
        st = status_make(STATUS_INVALID_ARGUMENT, 0,
                         "ARGOSY_LOG must be debug, info, warn, error or off");
    if (failed(st)) {
        config_free(config);
        return st.message;
    }
    st = shop_change_take(server->shop, arena, config, ret_changed);
    if (failed(st)) return st.message;
    log_set_level(level);
    return NULL;
}

static void on_hangup(void *data)
{
    struct server *server = data;
    struct arena arena;
    bool changed = false;

    arena_init(&arena, 0);
    reopen_log(server);
    const char *error = take_settings(server, &arena, &changed);
    if (error)
        log_error(0, "SIGHUP: the new configuration is refused; the old one stays in use",
                  LOG_STR("error", error));
    else
        log_info(0, "SIGHUP: log files reopened and configuration read",
                 LOG_BOOL("changed", changed));
    arena_release(&arena);
}

static void load_demo(struct call *call, struct server *server)
{
    shop_act_as_operator(call);
    struct status st = demo_load(call, server->shop, server->line->config);
    shop_set_unready(server->shop, failed(st) ? "the demo could not be loaded; see the log" : NULL);
    if (failed(st))
        log_error(0, "the demo catalogue could not be loaded", LOG_STR("error", st.message));
}

static void on_ready(struct call *call, void *data)
{
    struct server *server = data;
    const char *address = shop_gateway_address(server->shop);

    log_info(0, "ready", LOG_STR("gateway", address),
             LOG_INT("start_us", clock_monotonic_us() - server->started_us));
    if (config_boolean(server->line->config, "ARGOSY_TRUST_METADATA"))
        log_warn(0, "ARGOSY_TRUST_METADATA=1: every peer that reaches the gRPC ports is trusted to "
                    "say which user it calls for");
    if (server->demo) load_demo(call, server);
    malloc_trim(0); /* starting takes memory that serving does not need */
}

/* A misspelt setting in the environment is simply not read. */
static void warn_of_misspelt(const struct command_line *line)
{
    const char *variable, *setting;
    size_t index = 0;

    while ((variable = config_misspelt(line->config, line->arena, &index, &setting)))
        log_warn(0,
                 "an environment variable is not a setting, but resembles one; if it is misspelt, "
                 "correct it",
                 LOG_STR("variable", variable), LOG_STR("setting", setting));
}

static int serve(const struct command_line *line)
{
    struct server server = {.line = line,
                            .started_us = clock_monotonic_us(),
                            .demo = command_option(line, "demo") != 0,
                            .log_file = -1};
    struct shop_options options = {
        .only = command_option(line, "only"), .listen = true, .loopback_only = server.demo};

    signal(SIGHUP, SIG_IGN); /* until the shop serves */
    if (!start_log(line->config, &server.log_file)) return EXIT_USAGE;
    warn_of_misspelt(line);
    struct status st = shop_new(line->arena, line->config, &options, &server.shop);
    if (failed(st)) {
        log_stop();
        command_error("cannot start: %s", st.message);
        return EXIT_FAILED;
    }
    if (server.demo) shop_set_unready(server.shop, "the demo is still being loaded");
    shop_on_hangup(server.shop, on_hangup, &server);
    st = shop_run(server.shop, on_ready, &server);
    shop_free(server.shop);
    if (failed(st))
        log_error(0, "cannot start", LOG_STR("error", st.message));
    else
        log_info(0, "stopped");
    log_stop();
    if (failed(st)) command_error("cannot start: %s", st.message);
    return failed(st) ? EXIT_FAILED : EXIT_OK;
}

const struct command command_serve = {
    .name = "serve",
    .arguments = "",
    .summary = "Serve the shop, or some of its services.",
    .description =
        "Serves the whole shop in one process: the gateway, every service on its own gRPC "
        "port, and the admin port. With --only, serves the named services alone (`gateway` "
        "counts as one); the others are called at their X_URL settings, such as "
        "USER_URL=grpc://127.0.0.1:5001, or else at their default ports on this machine.\n"
        "\n"
        "SIGTERM and SIGINT drain: the process takes no new connections, finishes running "
        "requests, and stops. A second signal stops it at once. SIGHUP reopens the log files "
        "and reads .env and GATEWAY_CONFIG again; errors in them are logged with their lines, "
        "and the old configuration stays in use.",
    .options = {{"only", "SERVICES", "Serve only these, separated by commas: product,cart."},
                {"demo", 0, "Load a demo catalogue and accounts; listen on loopback only."}},
    .run = serve,
};
