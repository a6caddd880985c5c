/* SPDX-License-Identifier: Apache-2.0 */
/* The service through the loopback, for tests: the real wiring, interceptors and SQLite, called in
 * process and over a connection.
 *
 *     in_shop(50, fn);      fn(call, i) on 50 fibers, in a shop of its own
 *     on_both(fn);          fn(call) twice in one shop: `channel` in process, then over the network */
#ifndef SERVICES_PRODUCT_PRODUCT_LOOPBACK_TESTING_H
#define SERVICES_PRODUCT_PRODUCT_LOOPBACK_TESTING_H

#include "services/product/product_testing.h"

#include "http/http_server.h"
#include "product.rpc.h"
#include "reasons.pb-c.h"
#include "rpc/service.h"

extern const struct service_module product_service;

enum { SHARDS = 2, DRAIN_TIMEOUT_MS = 2000 };

static struct {
    struct arena arena;
    struct config *config;
    struct shards *shards;
    struct rpc_server *server;
    struct http_server *http;
    struct rpc_identity identity;
    struct rpc_channel *local, *network;
    void *service;
    char folder[64];
    void (*fn)(struct call *call, int number);
    _Atomic int playing;
} shop;

static struct rpc_channel *channel; /* what the test calls through; in process if it does not say */

/* ---- the loopback ---- */

static inline void load_config(void)
{
    static const struct setting store[] = {{"PRODUCT_STORE", SETTING_URL, "", "", 0, 0}, {0}};
    const char *errors;

    shop.config = config_new();
    config_declare(shop.config, store);
    config_declare(shop.config, product_service.settings);
    invariant(config_check(shop.config, &errors));
}

static inline void shop_open(void)
{
    struct http_server_options http = {.name = "test", .handler = rpc_server_handle};
    struct rpc_server_options rpc = {.identity = &shop.identity};
    struct service_context context = {
        .arena = &shop.arena, .data_dir = shop.folder, .prepares = true};

    folder_make(shop.folder);
    arena_init(&shop.arena, 0);
    load_config();
    memset(shop.identity.key, 7, sizeof(shop.identity.key));
    shop.identity.has_key = true;
    shop.shards = shards_new(SHARDS);
    CHECK_OK(rpc_schema_new(&shop.arena, str_sized(proto_descriptors, proto_descriptors_size),
                            &rpc.schema));
    shop.server = rpc_server_new(&rpc);
    context.config = shop.config;
    context.shards = shop.shards;
    context.server = shop.server;
    context.schema = rpc.schema;
    context.identity = &shop.identity;
    CHECK_OK(product_service.start(&context, &shop.service));
    http.data = shop.server;
    shop.http = http_server_new(&http);
    CHECK_OK(http_server_listen(shop.http, &shop.arena, shop.shards, "127.0.0.1:0"));
    CHECK_OK(rpc_channel_new(&shop.arena, shop.shards, shop.server, "inproc:", &shop.local));
    CHECK_OK(rpc_channel_new(&shop.arena, shop.shards, shop.server,
                             arena_printf(&shop.arena, "grpc://%s", http_server_address(shop.http)),
                             &shop.network));
}

static inline void shop_close(void)
{
    rpc_channel_free(shop.network);
    rpc_channel_free(shop.local);
    http_server_free(shop.http);
    product_service.stop(shop.service);
    rpc_server_free(shop.server);
    shards_free(shop.shards);
    config_free(shop.config);
    arena_release(&shop.arena);
    folder_remove(shop.folder);
}

static inline void on_drained(void *data)
{
    shards_stop(shop.shards);
}

static inline void drain(struct shard *shard, void *data)
{
    http_server_drain(shop.http, DRAIN_TIMEOUT_MS, on_drained, 0);
}

static inline void actor(struct call *call, void *data)
{
    shop.fn(call, (int)(intptr_t)data);
    if (atomic_fetch_sub(&shop.playing, 1) == 1) shard_post(shards_at(shop.shards, 0), drain, 0);
}

/* fn on `fibers` fibers, in a shop of its own. */
static inline void in_shop(int fibers, void (*fn)(struct call *call, int number))
{
    shop_open();
    channel = shop.local;
    shop.fn = fn;
    shop.playing = fibers;
    for (int i = 0; i < fibers; i++)
        fiber_post(shards_at(shop.shards, i % SHARDS), actor, 0, (void *)(intptr_t)i);
    shards_run(shop.shards);
    shop_close();
}

/* ---- who calls, and how ---- */

static void (*on_channel)(struct call *call);

static inline void run_on_both(struct call *call, int number)
{
    channel = shop.local;
    on_channel(call);
    channel = shop.network;
    on_channel(call);
}

/* fn twice in one shop: in process, then over the network. */
static inline void on_both(void (*fn)(struct call *call))
{
    on_channel = fn;
    in_shop(1, run_on_both);
}

static const struct user seller = {"seller@example.com", "seller", "device"};
static const struct user rival = {"rival@example.com", "seller", "device"};
static const struct user customer = {"customer@example.com", "customer", "device"};
static const struct user admin = {"admin@example.com", "admin", "device"};

/* A call on behalf of `user`; NULL is nobody. */
static inline struct call *as(struct call *call, const struct user *user)
{
    struct call *child = arena_new(call->arena, struct call);

    call_init_child(child, call, 0);
    rpc_scope_new(child, user, 0, 0);
    return child;
}

static inline ProductService__StandardResponse *
create(struct call *call, const ProductService__CreateProductRequest *request)
{
    ProductService__StandardResponse *response = 0;

    EXPECT_OK(product_service_create_product(as(call, &seller), channel, request, &response));
    EXPECT(response && response->product_data);
    return response;
}

/* An active T-shirt of the seller's. */
static inline ProductService__ProductData *shirt(struct call *call)
{
    return create(call, create_request(call->arena, "T-Shirt", "apparel", 19.99))->product_data;
}

static inline struct status get(struct call *call, const char *category, const char *product_id,
                                ProductService__StandardResponse **ret_response)
{
    ProductService__GetProductByIdRequest request =
        PRODUCT_SERVICE__GET_PRODUCT_BY_ID_REQUEST__INIT;

    request.category = (char *)category;
    request.product_id = (char *)product_id;
    return product_service_get_product_by_id(call, channel, &request, ret_response);
}

static const ProductService__Product *read_back(struct call *call,
                                                const ProductService__ProductData *product)
{
    ProductService__StandardResponse *response = 0;

    EXPECT_OK(get(as(call, &seller), product->category, product->product_id, &response));
    return response->product->product;
}

static inline ProductService__UpdateProductRequest
update_of(const ProductService__ProductData *product)
{
    ProductService__UpdateProductRequest request = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__INIT;

    request.category = product->category;
    request.product_id = product->product_id;
    return request;
}

static inline void set_name(ProductService__UpdateProductRequest *request, const char *name)
{
    request->name_given_case = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__NAME_GIVEN_NAME;
    request->name = (char *)name;
}

static inline void set_version(ProductService__UpdateProductRequest *request, int64_t version)
{
    request->version_given_case = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__VERSION_GIVEN_VERSION;
    request->version = version;
}

static inline struct status update(struct call *call,
                                   const ProductService__UpdateProductRequest *request)
{
    ProductService__StandardResponse *response = 0;

    return product_service_update_product(call, channel, request, &response);
}

/* With If-Match. */
static inline struct status
update_if(struct call *call, const ProductService__UpdateProductRequest *request, const char *tag)
{
    ProductService__StandardResponse *response = 0;
    struct http_headers metadata = {0};
    struct rpc_options options = {.metadata = &metadata};

    EXPECT_OK(http_headers_add(call->arena, &metadata, STR("if-match"), str_of(tag)));
    return product_service_update_product_with(call, channel, request, &options, &response);
}

#endif
