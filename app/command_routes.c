/* SPDX-License-Identifier: Apache-2.0 */
/* argosy routes: prints the gateway's routes, or its configuration. */
#include <stdio.h>

#include "app/commands.h"
#include "gateway/gateway.h"
#include "rpc/schema.h"

static int print_routes(const struct command_line *line)
{
    const struct rpc_schema *schema;
    struct status st;

    if (command_option(line, "config")) {
        st = gateway_print_configuration(line->arena, line->config, stdout);
        if (failed(st)) command_error("%s", st.message);
        return failed(st) ? EXIT_FAILED : EXIT_OK;
    }
    st = rpc_schema_new(line->arena, str_sized(proto_descriptors, proto_descriptors_size), &schema);
    if (!failed(st)) st = gateway_print_routes(line->arena, line->config, schema, stdout);
    if (failed(st)) {
        command_error("%s", st.message);
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

const struct command command_routes = {
    .name = "routes",
    .arguments = "",
    .summary = "Print the gateway's routes, their rpcs and plugins.",
    .description =
        "Prints every route of the gateway's configuration (GATEWAY_CONFIG, or the built-in "
        "one): method, path, the rpc and service that answer it, and its plugins in the order "
        "in which they run.",
    .options = {{"config", 0,
                 "Print the configuration itself, as a start for a GATEWAY_CONFIG of your own."}},
    .run = print_routes,
};
