/* SPDX-License-Identifier: Apache-2.0 */
/* argosy store: what operators do to the services' stores before the shop starts. */
#include <unistd.h>

#include "app/commands.h"
#include "app/shop.h"
#include "observe/log.h"
#include "rpc/service.h"

static void say(const struct command_line *line, const struct shop *shop,
                const struct service_module *module)
{
    const char *url = service_store_url(shop_context(shop), module);

    if (shop_has_store(shop, module->name))
        command_print("%s: %s is prepared", module->name, config_url_shown(line->arena, url));
    else
        command_print("%s: left to the process that serves it", module->name);
}

/* That the shop could be made with its stores open says that all of them are prepared. */
static struct status report(struct call *call, struct shop *shop, void *data)
{
    const struct command_line *line = data;

    for (size_t i = 0; services_registry[i]; i++)
        if (services_registry[i]->store_default[0]) say(line, shop, services_registry[i]);
    return status_ok();
}

/* What the stores warn of is shown: records that must be mended before they can be used, or options
 * that can lose data. */
static int store_prepare(const struct command_line *line)
{
    struct shop_options options = {.prepare = true, .shards = 1};
    struct shop *shop;

    log_start(STDERR_FILENO, false, LOG_WARN);
    struct status st = shop_new(line->arena, line->config, &options, &shop);
    if (!failed(st)) {
        st = shop_call(shop, report, (void *)line);
        shop_free(shop);
    }
    log_stop();
    if (failed(st)) command_error("%s", st.message);
    return failed(st) ? EXIT_FAILED : EXIT_OK;
}

const struct command command_store_prepare = {
    .name = "store prepare",
    .arguments = "",
    .summary = "Create the stores, or bring them up to date.",
    .description =
        "Creates the stores that the X_STORE settings name, for all services, or brings their "
        "schemas up to date: files, tables and indexes. Existing data stays, and a second run "
        "changes nothing. `argosy serve` does the same when it starts, unless STORE_PREPARE=0 "
        "says that an operator does it at another time, or with other rights.\n"
        "\n"
        "Skips a store that a running shop serves, and one whose service X_URL puts into "
        "another process.",
    .run = store_prepare,
};

/* ---- store check ---- */

struct check {
    const struct command_line *line;
    bool warned;
};

static void show(struct check *check, const char *service, const struct store_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct store_finding *finding = &findings->items[i];
        command_print("%s: %s%s", service, finding->is_warning ? "WARNING: " : "", finding->text);
        check->warned |= finding->is_warning;
    }
}

static struct status check_all(struct call *call, struct shop *shop, void *data)
{
    struct check *check = data;
    struct status st = status_ok();

    for (size_t i = 0; services_registry[i] && !failed(st); i++) {
        const struct service_module *module = services_registry[i];
        struct store_findings findings = {.arena = call->arena};
        if (!module->store_default[0]) continue;
        say(check->line, shop, module);
        st = shop_inspect_store(call, shop, module->name, &findings);
        if (!failed(st)) show(check, module->name, &findings);
    }
    return st;
}

static int store_check(const struct command_line *line)
{
    struct shop_options options = {.untouched = true, .existing = true, .shards = 1};
    struct check check = {.line = line};
    struct shop *shop;

    struct status st = shop_new(line->arena, line->config, &options, &shop);
    if (!failed(st)) {
        st = shop_call(shop, check_all, &check);
        shop_free(shop);
    }
    if (failed(st)) command_error("%s", st.message);
    return failed(st) || check.warned ? EXIT_FAILED : EXIT_OK;
}

const struct command command_store_check = {
    .name = "store check",
    .arguments = "",
    .summary = "Check that the stores can be used and keep what they acknowledge.",
    .description =
        "Opens the stores that the X_STORE settings name without changing them, and reports for "
        "each whether it can be reached and has its schema, and for a store on an engine of its "
        "own the engine's version and settings with which acknowledged changes may be lost "
        "(fsync=off, for example). Ends with status 1 if a store cannot be used, which is then "
        "named, or if there is a warning.",
    .run = store_check,
};
