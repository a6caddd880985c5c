/* SPDX-License-Identifier: Apache-2.0 */
/* argosy store: what operators do to the services' stores before the shop starts. */
#include "app/commands.h"
#include "app/shop.h"
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

static int store_prepare(const struct command_line *line)
{
    struct shop_options options = {.prepare = true, .shards = 1};
    struct shop *shop;

    struct status st = shop_new(line->arena, line->config, &options, &shop);
    if (!failed(st)) {
        st = shop_call(shop, report, (void *)line);
        shop_free(shop);
    }
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
