/* SPDX-License-Identifier: Apache-2.0 */
/* The ports of a process: one for each of its services, the gateway's and the admin server's, which
 * answers whether the process is ready. */
#include <string.h>

#include "app/shop_parts.h"
#include "app/shop_ready.h"
#include "app/shop_settings.h"
#include "observe/log.h"

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]:", 6) == 0 ||
           strncmp(address, "localhost:", 10) == 0;
}

static struct status listen_on(struct shop *shop, const char *setting, const char *address,
                               const struct http_server_options *options)
{
    invariant(shop->listener_count < LISTENERS_MAX);
    if (shop->options.loopback_only && !is_loopback(address))
        return status_printf(
            shop->arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
            "%s=%s is reachable by others, and the demo is for loopback only; set %s=127.0.0.1:...",
            setting, address, setting);

    struct http_server *listener = http_server_new(options);
    shop->listeners[shop->listener_count++] = listener;
    struct status st = http_server_listen(listener, shop->arena, shop->shards, address);
    if (failed(st))
        return status_printf(shop->arena, st.code, st.reason, "%s (setting %s)", st.message,
                             setting);
    log_info(0, "listening", LOG_STR("name", options->name),
             LOG_STR("address", http_server_address(listener)));
    return status_ok();
}

static struct status listen_services(struct shop *shop)
{
    for (size_t i = 0; i < shop->member_count; i++) {
        struct member *member = &shop->members[i];
        if (!member->here) continue;
        member->endpoint = (struct rpc_endpoint){.server = shop->server,
                                                 .service_name = member->module->rpc_name};
        struct http_server_options options = {
            .name = member->module->name,
            .handler = rpc_endpoint_handle,
            .data = &member->endpoint,
        };
        const char *setting = service_setting(shop->arena, member->module->name, "LISTEN");
        struct status st = listen_on(shop, setting, config_text(shop->config, setting), &options);
        if (failed(st)) return st;
        if (member->lock)
            sqlite_lock_announce(member->lock,
                                 http_server_address(shop->listeners[shop->listener_count - 1]));
    }
    return status_ok();
}

static struct status listen_gateway(struct shop *shop)
{
    if (!shop->gateway) return status_ok();
    struct http_server_options options = {
        .name = "gateway",
        .handler = gateway_door_handle,
        .data = shop->gateway,
        .header_size_max = (size_t)config_size(shop->config, "GATEWAY_HEADER_SIZE_MAX"),
        .body_size_max = (size_t)config_size(shop->config, "GATEWAY_BODY_SIZE_MAX"),
    };
    struct status st = listen_on(shop, "GATEWAY_LISTEN",
                                 config_text(shop->config, "GATEWAY_LISTEN"), &options);
    if (failed(st)) return st;
    shop->gateway_listener = shop->listeners[shop->listener_count - 1];
    return status_ok();
}

/* A process with the gateway uses the default admin port. Several processes on one machine would
 * compete for it, so a process without the gateway uses its first service's default port + 4000,
 * unless ADMIN_LISTEN is set. */
static const char *admin_address(struct shop *shop)
{
    const char *given = config_text(shop->config, "ADMIN_LISTEN");

    if (config_given(shop->config, "ADMIN_LISTEN") && given[0]) return given;
    if (shop_is_here(shop, "gateway")) return ADMIN_LISTEN_DEFAULT;
    for (size_t i = 0; i < shop->member_count; i++)
        if (shop->members[i].here)
            return arena_printf(shop->arena, "127.0.0.1:%d",
                                4000 + service_port(shop->members[i].module->name));
    return ADMIN_LISTEN_DEFAULT;
}

/* ---- readiness ---- */

void shop_set_unready(struct shop *shop, const char *why)
{
    shop->unready = why;
}

static struct status check_member(struct call *call, const struct shop *shop,
                                  const struct member *member)
{
    struct status st = shop_check_store(call, &shop->context, member->module);

    if (!failed(st) && member->module->ready) st = member->module->ready(call, member->service);
    if (!failed(st)) return st;
    return status_printf(call->arena, st.code, st.reason, "%s: %s", member->module->name,
                         st.message);
}

/* Readiness depends on this process's own stores alone; the services that it calls may come and
 * go. */
static struct status check_ready(struct call *call, void *data, struct admin_report *report)
{
    struct shop *shop = data;
    struct shop_peers peers = {0};
    struct status st;

    if (shop->signals_seen)
        return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__DRAINING, "draining");
    for (size_t i = 0; i < shop->member_count; i++)
        if (!shop->members[i].here && rpc_channel_is_remote(shop->members[i].channel))
            shop_peers_add(&peers, shop->members[i].module->name, shop->members[i].channel);
    shop_peers_look(call, &peers, report);
    if (shop->unready) return status_make(STATUS_UNAVAILABLE, 0, shop->unready);
    st = service_openings_check(call->arena, &shop->openings);
    for (size_t i = 0; i < shop->member_count && !failed(st); i++)
        if (shop->members[i].here) st = check_member(call, shop, &shop->members[i]);
    return st;
}

static struct status listen_admin(struct shop *shop)
{
    const char *address = admin_address(shop);

    if (strcmp(address, "off") == 0) return status_ok();
    shop->admin = admin_new(shop->arena, check_ready, shop);
    struct http_server_options options = {
        .name = "admin", .handler = admin_handle, .data = shop->admin, .reserved = true};
    return listen_on(shop, "ADMIN_LISTEN", address, &options);
}

struct status shop_listen(struct shop *shop)
{
    struct status st = listen_services(shop);

    if (!failed(st)) st = listen_gateway(shop);
    return failed(st) ? st : listen_admin(shop);
}
