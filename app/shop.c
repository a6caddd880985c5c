/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the parts of a process in order (limits, shards, stores, channels, modules, listeners) and
 * frees them; see shop.h. How it listens is in shop_listen.c, how it runs in shop_run.c. */
#include "app/shop.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "app/restore.h"
#include "app/shop_parts.h"
#include "app/shop_settings.h"
#include "app/shop_store.h"
#include "base/budget.h"
#include "fiber/descriptors.h"
#include "observe/log.h"
#include "rpc/schema.h"
#include "user.rpc.h"

enum {
    /* Descriptors reserved from clients' connections; see share_descriptors. */
    DESCRIPTORS_KEPT = 32,
    DESCRIPTORS_A_STORE = 3,   /* for a shard's connection to a store, or to another process */
    DESCRIPTORS_A_SERVICE = 5, /* the files of its store, and what its writer and its lanes use */
    CONNECTIONS_LEAST = 16,
    CONNECTIONS_FEW = 256,
    /* The part of a limited address space that clients' memory may take: one in this many. */
    ADDRESSES_PART = 16,
};

/* ---- which modules are here ---- */

static bool names_module(const char *only, const char *name)
{
    struct str rest = str_of(only), part;

    while (str_split(&rest, ',', &part))
        if (str_is(str_trim(part), name)) return true;
    return false;
}

bool shop_is_here(const struct shop *shop, const char *name)
{
    return !shop->options.only || names_module(shop->options.only, name);
}

/* ", user, auth ...": all services, as the end of a list. */
static const char *list_services(struct arena *arena)
{
    const char *list = "";

    for (size_t i = 0; services_registry[i]; i++)
        list = arena_printf(arena, "%s%s%s", list, services_registry[i + 1] ? ", " : " or ",
                            services_registry[i]->name);
    return list;
}

static struct status check_only(struct arena *arena, const char *only)
{
    struct str rest = str_of(only), part;

    while (only && str_split(&rest, ',', &part)) {
        bool known = str_is(str_trim(part), "gateway");
        for (size_t i = 0; services_registry[i]; i++)
            known = known || str_is(str_trim(part), services_registry[i]->name);
        if (!known)
            return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                                 "--only: there is no service '%.*s'; use gateway%s",
                                 STR_ARGS(part), list_services(arena));
    }
    return status_ok();
}

/* ---- channels between modules ---- */

static struct member *find_member(struct shop *shop, const char *name)
{
    for (size_t i = 0; i < shop->member_count; i++)
        if (strcmp(shop->members[i].module->name, name) == 0) return &shop->members[i];
    return 0;
}

/* X_URL if it is set; else the process that has the service's store; else in process if the service
 * is part of this process; else the service's default address. */
static const char *channel_url(struct shop *shop, const char *name)
{
    const struct member *member = find_member(shop, name);

    if (!member) return "inproc:";
    const char *url = config_text(shop->config, service_setting(shop->arena, name, "URL"));
    if (url[0]) return url;
    if (member->elsewhere) return member->elsewhere;
    if (member->here || !shop->options.only) return "inproc:";
    const char *listen = config_text(shop->config, service_setting(shop->arena, name, "LISTEN"));
    if (str_ends_with(str_of(listen), STR(":0")))
        return "inproc:"; /* an arbitrary port, which others can't know */
    return arena_printf(shop->arena, "grpc://%s", listen);
}

static struct rpc_channel *context_channel(const struct service_context *context, const char *name)
{
    return shop_channel(context->app, name);
}

/* Makes all channels before the modules start, on one thread. */
static struct status make_channels(struct shop *shop)
{
    for (size_t i = 0; i < shop->member_count; i++) {
        struct member *member = &shop->members[i];
        const char *name = member->module->name;
        struct status st = rpc_channel_new(shop->arena, shop->shards, shop->server,
                                           channel_url(shop, name), &member->channel);
        if (failed(st))
            return status_printf(shop->arena, st.code, st.reason, "%s: %s",
                                 service_setting(shop->arena, name, "URL"), st.message);
    }
    return rpc_channel_new(shop->arena, shop->shards, shop->server, "inproc:", &shop->absent);
}

struct rpc_channel *shop_channel(const struct shop *shop, const char *service)
{
    struct member *member = find_member((struct shop *)shop, service);

    return member ? member->channel : shop->absent;
}

/* Looks up a user's role, for peers that send only the user's address; see rpc_identity. */
static struct status find_role(struct call *call, void *data, const char *email,
                               const char **ret_role)
{
    UserService__GetCustomerCredentialsRequest request =
        USER_SERVICE__GET_CUSTOMER_CREDENTIALS_REQUEST__INIT;
    UserService__CustomerCredentialsResponse *response;

    request.email = (char *)(uintptr_t)email;
    struct status st = user_service_get_customer_credentials(call, shop_channel(data, "user"),
                                                             &request, &response);
    if (failed(st)) return st;
    if (response->is_deleted || strcmp(response->status, "blocked") == 0)
        return status_make(STATUS_PERMISSION_DENIED, ARGOSY__REASON__USER_BLOCKED,
                           "this account is blocked or deleted");
    *ret_role = response->role;
    return status_ok();
}

/* ---- starting ---- */

static struct status make_directory(struct arena *arena, const char *path)
{
    struct stat info;

    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return status_printf(arena, STATUS_FAILED_PRECONDITION, 0,
                             "cannot create the data directory %s: %s; set ARGOSY_DATA_DIR", path,
                             strerror(errno));
    if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode))
        return status_printf(arena, STATUS_FAILED_PRECONDITION, 0,
                             "the data directory %s is not a directory; set ARGOSY_DATA_DIR", path);
    if (access(path, R_OK | X_OK) != 0)
        return status_printf(arena, STATUS_FAILED_PRECONDITION, 0,
                             "cannot read the data directory %s: %s; run argosy as the user that "
                             "owns it, or set ARGOSY_DATA_DIR",
                             path, strerror(errno));
    return status_ok();
}

/* Does an X_URL setting say that another process serves one of the services of this one? */
static bool is_elsewhere(const struct shop *shop)
{
    for (size_t i = 0; i < shop->member_count; i++) {
        const struct member *member = &shop->members[i];
        const char *url = service_setting(shop->arena, member->module->name, "URL");
        if (member->here && config_text(shop->config, url)[0]) return true;
    }
    return false;
}

/* A command that only inspects a shop must not create an empty one and find nothing wrong in it. */
static struct status check_existing(const struct shop *shop, const char *path)
{
    if (!shop->options.existing || access(path, F_OK) == 0 || is_elsewhere(shop))
        return status_ok();
    return status_printf(shop->arena, STATUS_FAILED_PRECONDITION, 0,
                         "there is no shop in %s; set ARGOSY_DATA_DIR to its data directory, or "
                         "X_URL settings to the addresses of its services",
                         path);
}

/* Reserves descriptors for what is open now and what is opened later (databases on each shard, the
 * admin port's connections, calls to other processes, files), and leaves the rest to clients'
 * connections. Called before the stores are opened, so that too low a limit is named as such, and
 * again when everything is open. */
static struct status share_descriptors(struct shop *shop, bool opened)
{
    size_t limit = descriptors_raise();
    size_t shards = (size_t)shards_count(shop->shards), here = 0;

    for (size_t i = 0; i < shop->member_count; i++) here += shop->members[i].here;
    size_t kept = descriptors_open() + DESCRIPTORS_KEPT + shards * (here * DESCRIPTORS_A_STORE + 2);
    if (!opened) kept += here * (DESCRIPTORS_A_SERVICE + shards) + 1 + shards;
    if (limit < kept + CONNECTIONS_LEAST)
        return status_printf(shop->arena, STATUS_FAILED_PRECONDITION,
                             ARGOSY__REASON__SETTING_INVALID,
                             "this process may open %zu files and needs %zu at least; raise the "
                             "limit with ulimit -n (systemd: LimitNOFILE=), or set ARGOSY_SHARDS=1",
                             limit, kept + CONNECTIONS_LEAST);
    if (!opened) return status_ok();
    descriptors_limit_connections(limit - kept);
    if (limit - kept < CONNECTIONS_FEW)
        log_warn(0,
                 "few connections can be open at a time; raise the limit of open files (ulimit -n)",
                 LOG_INT("connections", (int64_t)(limit - kept)), LOG_INT("files", (int64_t)limit));
    return status_ok();
}

/* If the address space is limited (ulimit -v), most of it is needed for stacks, which take more
 * addresses than memory. */
static void limit_memory(struct shop *shop)
{
    size_t max = (size_t)config_size(shop->config, "MEMORY_MAX");
    struct rlimit limit;

    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur / ADDRESSES_PART < max) {
        max = (size_t)limit.rlim_cur / ADDRESSES_PART;
        log_warn(0, "the address space is limited (ulimit -v), so MEMORY_MAX was lowered",
                 LOG_INT("bytes", (int64_t)max));
    }
    budget_limit(max, (size_t)shards_count(shop->shards));
}

static struct status open_ground(struct shop *shop)
{
    const struct config *config = shop->config;
    struct status st;

    const char *data_dir = config_text(config, "ARGOSY_DATA_DIR");
    st = check_existing(shop, data_dir);
    if (failed(st)) return st;
    st = make_directory(shop->arena, data_dir);
    if (!failed(st)) st = restore_check_finished(shop->arena, data_dir);
    if (failed(st)) return st;

    st = rpc_schema_new(shop->arena, str_sized(proto_descriptors, proto_descriptors_size),
                        &shop->schema);
    if (failed(st)) return st;

    int count = shop->options.shards ? shop->options.shards
                                     : (int)config_integer(config, "ARGOSY_SHARDS");
    shop->shards = shards_new(count);
    if (!shop->shards) return status_errno(shop->arena, errno, "cannot create the event loops");
    if (shop->options.listen) {
        limit_memory(shop);
        st = share_descriptors(shop, false);
        if (failed(st)) return st;
    }

    struct rpc_server_options options = {
        .schema = shop->schema,
        .identity = &shop->identity,
        .message_size_max = (size_t)config_size(config, "RPC_MESSAGE_SIZE_MAX"),
    };
    shop->server = rpc_server_new(&options);
    bool prepares = !shop->options.untouched &&
                    (shop->options.prepare || config_boolean(config, "STORE_PREPARE"));
    shop->context = (struct service_context){
        .arena = shop->arena,
        .config = config,
        .shards = shop->shards,
        .server = shop->server,
        .schema = shop->schema,
        .identity = &shop->identity,
        .data_dir = data_dir,
        .channel = context_channel,
        .prepares = prepares,
        .app = shop,
    };
    st = events_new(&shop->context, &shop->events);
    shop->context.events = shop->events;
    return st;
}

static void list_members(struct shop *shop)
{
    for (size_t i = 0; services_registry[i]; i++) {
        invariant(i < MODULES_MAX);
        shop->members[i].module = services_registry[i];
        shop->members[i].here = shop_is_here(shop, services_registry[i]->name);
        shop->member_count++;
    }
}

/* Before any store is touched. */
static struct status check_schemes(const struct shop *shop)
{
    for (size_t i = 0; i < shop->member_count; i++) {
        const struct member *member = &shop->members[i];
        const char *scheme;
        if (!member->here || !member->module->store_default[0]) continue;
        struct status st = service_store_scheme(&shop->context, member->module, &scheme);
        if (failed(st)) return st;
    }
    return status_ok();
}

/* Takes the stores of this process. A command does not open a store that a running shop has, but
 * calls that shop instead. */
static struct status claim_stores(struct shop *shop)
{
    for (size_t i = 0; i < shop->member_count; i++) {
        struct member *member = &shop->members[i];
        bool serves = shop->options.listen;
        const char *address;
        if (!member->here) continue;
        const char *url = service_setting(shop->arena, member->module->name, "URL");
        struct str given = str_of(config_text(shop->config, url));
        if (!serves && given.length > 0 && !str_starts_with(given, STR("inproc:"))) {
            member->here = false;
            continue;
        }
        struct status st = shop_store_claim(&shop->context, member->module, serves, &member->lock,
                                            &address);
        if (failed(st)) return st;
        if (!address[0]) continue;
        member->here = false;
        member->elsewhere = arena_printf(shop->arena, "grpc://%s", address);
    }
    return status_ok();
}

/* A restore may have begun after the first look for its marker. With the locks of the stores and
 * of the directory held there is none that runs, but one may have been killed, or have replaced the
 * keys: they are read now. */
static struct status load_keys(struct shop *shop)
{
    const struct config *config = shop->config;
    struct status st = restore_keep_out(shop->arena, shop->context.data_dir, &shop->data_lock);

    if (!failed(st)) st = restore_check_finished(shop->arena, shop->context.data_dir);
    if (failed(st)) return st;
    st = rpc_identity_load(shop->arena, config_text(config, "FLEET_KEY"), shop->context.data_dir,
                           config_boolean(config, "ARGOSY_TRUST_METADATA"), &shop->identity);
    if (failed(st)) return st;
    shop->identity.find_role = find_role;
    shop->identity.find_role_data = shop;
    return status_ok();
}

static struct status start_modules(struct shop *shop)
{
    for (size_t i = 0; i < shop->member_count; i++) {
        struct member *member = &shop->members[i];
        if (!member->here) continue;
        struct status st = member->module->start(&shop->context, &member->service);
        if (failed(st)) return st;
        service_openings_add(&shop->openings, &shop->context, member->module, member->service);
    }
    if (!shop_is_here(shop, "gateway") || !shop->options.listen) return status_ok();
    return gateway_door_new(&shop->context, &shop->gateway);
}

struct status shop_new(struct arena *arena, const struct config *config,
                       const struct shop_options *options, struct shop **ret_shop)
{
    struct shop *shop = arena_new(arena, struct shop);
    struct status st;

    shop->arena = arena;
    shop->config = config;
    shop->options = *options;
    st = check_only(arena, options->only);
    if (failed(st)) return st;
    list_members(shop);

    st = open_ground(shop);
    if (!failed(st)) st = check_schemes(shop);
    if (!failed(st)) st = claim_stores(shop);
    if (!failed(st)) st = load_keys(shop);
    if (!failed(st)) st = make_channels(shop);
    if (!failed(st)) st = start_modules(shop);
    if (!failed(st) && options->listen) st = shop_listen(shop);
    if (!failed(st) && options->listen) st = share_descriptors(shop, true);
    if (failed(st)) {
        shop_free(shop);
        return st;
    }
    *ret_shop = shop;
    return status_ok();
}

void shop_free(struct shop *shop)
{
    for (size_t i = 0; i < shop->listener_count; i++) http_server_free(shop->listeners[i]);
    if (shop->gateway) gateway_door_free(shop->gateway);
    events_free(shop->events);
    for (size_t i = shop->member_count; i-- > 0;) {
        struct member *member = &shop->members[i];
        if (member->channel) rpc_channel_free(member->channel);
        if (member->service && member->module->stop) member->module->stop(member->service);
    }
    if (shop->absent) rpc_channel_free(shop->absent);
    if (shop->server) rpc_server_free(shop->server);
    if (shop->shards) shards_free(shop->shards);
    for (size_t i = 0; i < shop->member_count; i++) sqlite_lock_free(shop->members[i].lock);
    if (shop->data_lock > 0) close(shop->data_lock);
}

bool shop_has_store(const struct shop *shop, const char *service)
{
    const struct member *member = find_member((struct shop *)shop, service);

    return member && member->here && member->module->store_default[0];
}

struct status shop_inspect_store(struct call *call, struct shop *shop, const char *service,
                                 struct store_findings *findings)
{
    const struct member *member = find_member(shop, service);

    if (!shop_has_store(shop, service) || !member->module->check) return status_ok();
    return member->module->check(call, member->service, findings);
}

const struct service_context *shop_context(const struct shop *shop)
{
    return &shop->context;
}

const char *shop_gateway_address(const struct shop *shop)
{
    return shop->gateway_listener ? http_server_address(shop->gateway_listener) : "";
}
