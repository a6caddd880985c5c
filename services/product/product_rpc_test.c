/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers through the loopback: the real wiring, interceptors and SQLite, called in process
 * and over a connection. */
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

static void load_config(void)
{
    static const struct setting store[] = {{"PRODUCT_STORE", SETTING_URL, "", "", 0, 0}, {0}};
    const char *errors;

    shop.config = config_new();
    config_declare(shop.config, store);
    config_declare(shop.config, product_service.settings);
    invariant(config_check(shop.config, &errors));
}

static void shop_open(void)
{
    struct http_server_options http = {.name = "test", .handler = rpc_server_handle};
    struct rpc_server_options rpc = {.identity = &shop.identity};
    struct service_context context = {.arena = &shop.arena, .data_dir = shop.folder};

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

static void shop_close(void)
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

static void on_drained(void *data)
{
    shards_stop(shop.shards);
}

static void drain(struct shard *shard, void *data)
{
    http_server_drain(shop.http, DRAIN_TIMEOUT_MS, on_drained, 0);
}

static void actor(struct call *call, void *data)
{
    shop.fn(call, (int)(intptr_t)data);
    if (atomic_fetch_sub(&shop.playing, 1) == 1) shard_post(shards_at(shop.shards, 0), drain, 0);
}

/* fn on `fibers` fibers, in a shop of its own. */
static void in_shop(int fibers, void (*fn)(struct call *call, int number))
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

static void run_on_both(struct call *call, int number)
{
    channel = shop.local;
    on_channel(call);
    channel = shop.network;
    on_channel(call);
}

/* fn twice in one shop: in process, then over the network. */
static void on_both(void (*fn)(struct call *call))
{
    on_channel = fn;
    in_shop(1, run_on_both);
}

static const struct user seller = {"seller@example.com", "seller", "device"};
static const struct user rival = {"rival@example.com", "seller", "device"};
static const struct user customer = {"customer@example.com", "customer", "device"};
static const struct user admin = {"admin@example.com", "admin", "device"};

/* A call on behalf of `user`; NULL is nobody. */
static struct call *as(struct call *call, const struct user *user)
{
    struct call *child = arena_new(call->arena, struct call);

    call_init_child(child, call, 0);
    rpc_scope_new(child, user, 0, 0);
    return child;
}

static ProductService__StandardResponse *create(struct call *call,
                                                const ProductService__CreateProductRequest *request)
{
    ProductService__StandardResponse *response = 0;

    EXPECT_OK(product_service_create_product(as(call, &seller), channel, request, &response));
    EXPECT(response && response->product_data);
    return response;
}

/* An active T-shirt of the seller's. */
static ProductService__ProductData *shirt(struct call *call)
{
    return create(call, create_request(call->arena, "T-Shirt", "apparel", 19.99))->product_data;
}

static struct status get(struct call *call, const char *category, const char *product_id,
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

static ProductService__UpdateProductRequest update_of(const ProductService__ProductData *product)
{
    ProductService__UpdateProductRequest request = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__INIT;

    request.category = product->category;
    request.product_id = product->product_id;
    return request;
}

static void set_name(ProductService__UpdateProductRequest *request, const char *name)
{
    request->name_given_case = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__NAME_GIVEN_NAME;
    request->name = (char *)name;
}

static void set_version(ProductService__UpdateProductRequest *request, int64_t version)
{
    request->version_given_case = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__VERSION_GIVEN_VERSION;
    request->version = version;
}

static struct status update(struct call *call, const ProductService__UpdateProductRequest *request)
{
    ProductService__StandardResponse *response = 0;

    return product_service_update_product(call, channel, request, &response);
}

/* With If-Match. */
static struct status update_if(struct call *call,
                               const ProductService__UpdateProductRequest *request, const char *tag)
{
    ProductService__StandardResponse *response = 0;
    struct http_headers metadata = {0};
    struct rpc_options options = {.metadata = &metadata};

    EXPECT_OK(http_headers_add(call->arena, &metadata, STR("if-match"), str_of(tag)));
    return product_service_update_product_with(call, channel, request, &options, &response);
}

/* ---- create, read ---- */

static void check_create(struct call *call)
{
    ProductService__CreateProductRequest *request = create_request(call->arena, "T-Shirt",
                                                                   "apparel", 19.99);
    ProductService__StandardResponse *response = 0;
    struct http_headers metadata = {0};
    struct rpc_options options = {.ret_metadata = &metadata};

    request->description = (char *)"100% cotton";
    EXPECT_OK(product_service_create_product_with(as(call, &seller), channel, request, &options,
                                                  &response));
    EXPECT(response->success);
    EXPECT_INT(response->status_code, 201);
    EXPECT_STR(response->product_data->name, "T-Shirt");
    EXPECT(response->product_data->price == 19.99);
    EXPECT_INT(response->product_data->unit_amount, 1999);
    EXPECT_STR(response->product_data->currency, "USD");
    EXPECT_STR(response->product_data->status, "active");
    EXPECT_STR(response->product_data->created_by, "seller@example.com");
    EXPECT_INT(response->product_data->version, 1);
    EXPECT(str_is(http_headers_get(&metadata, "etag"), "\"1\""));
    EXPECT_STR(read_back(call, response->product_data)->description, "100% cotton");
}

TEST(a_seller_creates_a_product)
{
    on_both(check_create);
}

static void check_create_refusals(struct call *call)
{
    ProductService__CreateProductRequest *request = create_request(call->arena, "T-Shirt",
                                                                   "apparel", 19.99);
    ProductService__StandardResponse *response;

    EXPECT_REASON(product_service_create_product(as(call, 0), channel, request, &response),
                  ARGOSY__REASON__LOGIN_REQUIRED);
    EXPECT_REASON(product_service_create_product(as(call, &customer), channel, request, &response),
                  ARGOSY__REASON__ROLE_REQUIRED);
    request->price = 19.999;
    EXPECT_REASON(product_service_create_product(as(call, &seller), channel, request, &response),
                  ARGOSY__REASON__PRICE_TOO_PRECISE);
    request->price = -1;
    EXPECT_REASON(product_service_create_product(as(call, &seller), channel, request, &response),
                  ARGOSY__REASON__INVALID_FIELDS);
    request->price = 1;
    request->name = (char *)"";
    EXPECT_REASON(product_service_create_product(as(call, &seller), channel, request, &response),
                  ARGOSY__REASON__INVALID_FIELDS);
}

TEST(creating_needs_a_seller_and_good_fields)
{
    on_both(check_create_refusals);
}

static void check_get(struct call *call)
{
    const ProductService__ProductData *product = shirt(call);
    ProductService__StandardResponse *response = 0;

    for (int i = 0; i < 3; i++) { /* from the store, then from the cache */
        EXPECT_OK(get(as(call, 0), "apparel", product->product_id, &response));
        EXPECT_INT(response->status_code, 200);
        EXPECT_STR(response->product->product->name, "T-Shirt");
        EXPECT_INT(response->product->product->n_variants, 1);
        EXPECT_STR(response->product->product->variants[0]->variant_id, product->product_id);
        EXPECT(response->product->product->variants[0]->price == 19.99);
        EXPECT(response->product->product->created_at->seconds > 0);
    }
    EXPECT_REASON(get(as(call, 0), "other", product->product_id, &response),
                  ARGOSY__REASON__PRODUCT_NOT_FOUND);
    EXPECT_REASON(get(as(call, 0), "apparel", "none", &response),
                  ARGOSY__REASON__PRODUCT_NOT_FOUND);
}

TEST(everybody_reads_a_product)
{
    on_both(check_get);
}

static void check_drafts(struct call *call)
{
    ProductService__CreateProductRequest *request = create_request(call->arena, "Secret", "apparel",
                                                                   1);
    ProductService__StandardResponse *response = 0;
    const char *id;

    request->status = (char *)"draft";
    id = create(call, request)->product_data->product_id;
    EXPECT_OK(get(as(call, &seller), "apparel", id, &response));
    EXPECT_OK(get(as(call, &admin), "apparel", id, &response));
    EXPECT_REASON(get(as(call, &rival), "apparel", id, &response),
                  ARGOSY__REASON__PRODUCT_NOT_FOUND);
    EXPECT_REASON(get(as(call, 0), "apparel", id, &response), ARGOSY__REASON__PRODUCT_NOT_FOUND);
}

TEST(drafts_are_for_their_seller_and_admins)
{
    on_both(check_drafts);
}

/* ---- lists ---- */

static const char *list(struct call *call, const ProductService__GetProductRequest *asked)
{
    ProductService__GetProductRequest request = *asked;
    const char *joined = "";

    for (int pages = 0; pages < 50; pages++) {
        ProductService__StandardResponse *response = 0;
        ProductService__Products *products;
        EXPECT_OK(product_service_get_product(call, channel, &request, &response));
        if (!response) return joined;
        products = response->products;
        for (size_t i = 0; i < products->n_products; i++)
            joined = arena_printf(call->arena, "%s%s%s", joined, *joined ? " " : "",
                                  products->products[i]->name);
        request.cursor = products->next_cursor;
        if (!*request.cursor) break;
    }
    return joined;
}

static void check_list(struct call *call, const char *category)
{
    ProductService__GetProductRequest request = PRODUCT_SERVICE__GET_PRODUCT_REQUEST__INIT;
    ProductService__StandardResponse *response = 0;
    char *cursor;

    create(call, create_request(call->arena, "banana", category, 3));
    create(call, create_request(call->arena, "Apple", category, 1));
    create(call, create_request(call->arena, "cherry", category, 2));
    request.category = (char *)category;
    EXPECT_STR(list(as(call, 0), &request), "cherry Apple banana");
    request.page_size = 2;
    request.sort = (char *)"-price";
    EXPECT_STR(list(as(call, 0), &request), "banana cherry Apple");
    request.sort = (char *)"name";
    EXPECT_STR(list(as(call, 0), &request), "Apple banana cherry");
    request.search = (char *)"cher";
    EXPECT_STR(list(as(call, 0), &request), "cherry");
    request.search = (char *)"";
    EXPECT_OK(product_service_get_product(as(call, 0), channel, &request, &response));
    EXPECT_INT(response->products->total_count, 3);
    EXPECT_INT(response->products->n_products, 2);

    cursor = response->products->next_cursor;
    request.cursor = cursor;
    request.sort = (char *)"-name";
    EXPECT_REASON(product_service_get_product(as(call, 0), channel, &request, &response),
                  ARGOSY__REASON__PAGE_CURSOR_INVALID);
    request.sort = (char *)"name";
    request.cursor = (char *)"!!!";
    EXPECT_REASON(product_service_get_product(as(call, 0), channel, &request, &response),
                  ARGOSY__REASON__PAGE_CURSOR_INVALID);
    request.cursor = cursor;
    request.page_size = 1; /* may change from page to page */
    EXPECT_STR(list(as(call, 0), &request), "cherry");
}

static void check_lists(struct call *call)
{
    check_list(call, channel == shop.local ? "local" : "network");
}

TEST(lists_come_in_pages)
{
    on_both(check_lists);
}

static void check_list_of_drafts(struct call *call)
{
    ProductService__CreateProductRequest *draft = create_request(call->arena, "Mine", "drafts", 1);
    ProductService__GetProductRequest request = PRODUCT_SERVICE__GET_PRODUCT_REQUEST__INIT;
    ProductService__StandardResponse *response = 0;

    if (channel == shop.network) return;
    draft->status = (char *)"draft";
    create(call, draft);
    request.category = (char *)"drafts";
    EXPECT_STR(list(as(call, &seller), &request), "");
    request.status = (char *)"draft";
    EXPECT_STR(list(as(call, &seller), &request), "Mine");
    EXPECT_STR(list(as(call, &admin), &request), "Mine");
    EXPECT_STR(list(as(call, &rival), &request), "");
    EXPECT_REASON(product_service_get_product(as(call, 0), channel, &request, &response),
                  ARGOSY__REASON__LOGIN_REQUIRED);
    EXPECT_REASON(product_service_get_product(as(call, &customer), channel, &request, &response),
                  ARGOSY__REASON__ROLE_REQUIRED);
    request.created_by = (char *)"seller@example.com";
    EXPECT_REASON(product_service_get_product(as(call, &rival), channel, &request, &response),
                  ARGOSY__REASON__NOT_OWNER);
}

TEST(sellers_list_their_own_drafts_only)
{
    on_both(check_list_of_drafts);
}

/* ---- update ---- */

static void check_update(struct call *call)
{
    const ProductService__ProductData *product = shirt(call);
    ProductService__UpdateProductRequest request = update_of(product);
    ProductService__StandardResponse *response = 0;
    struct http_headers metadata = {0};
    struct rpc_options options = {.ret_metadata = &metadata};

    read_back(call, product); /* so that it is in the cache */
    set_name(&request, "Shirt");
    EXPECT_OK(product_service_update_product_with(as(call, &seller), channel, &request, &options,
                                                  &response));
    EXPECT_STR(response->updatedproduct->name, "Shirt");
    EXPECT_INT(response->updatedproduct->version, 2);
    EXPECT(strlen(response->updatedproduct->updated_at) >= 20);
    EXPECT(str_is(http_headers_get(&metadata, "etag"), "\"2\""));
    EXPECT_STR(read_back(call, product)->name, "Shirt");

    EXPECT_REASON(update(as(call, &rival), &request), ARGOSY__REASON__NOT_OWNER);
    EXPECT_REASON(update(as(call, &customer), &request), ARGOSY__REASON__ROLE_REQUIRED);
    EXPECT_REASON(update(as(call, 0), &request), ARGOSY__REASON__LOGIN_REQUIRED);
    EXPECT_OK(update(as(call, &admin), &request));
    request.product_id = (char *)"none";
    EXPECT_REASON(update(as(call, &seller), &request), ARGOSY__REASON__PRODUCT_NOT_FOUND);
}

TEST(an_update_is_seen_at_once_and_is_its_sellers)
{
    on_both(check_update);
}

static void check_versions(struct call *call)
{
    const ProductService__ProductData *product = shirt(call);
    ProductService__UpdateProductRequest request = update_of(product);
    static const char *const bad[] = {"",    "x",  "\"\"", "\"x\"", "-1", "0", "\"1\", \"2\"",
                                      "1.5", "\"1"};

    set_name(&request, "Shirt");
    set_version(&request, 1);
    EXPECT_OK(update(as(call, &seller), &request));
    EXPECT_REASON(update(as(call, &seller), &request), ARGOSY__REASON__VERSION_STALE);
    EXPECT_INT(read_back(call, product)->version, 2);
    request.version_given_case = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__VERSION_GIVEN__NOT_SET;
    EXPECT_REASON(update_if(as(call, &seller), &request, "\"1\""), ARGOSY__REASON__VERSION_STALE);
    EXPECT_OK(update_if(as(call, &seller), &request, "\"2\""));
    EXPECT_OK(update_if(as(call, &seller), &request, "3"));
    EXPECT_OK(update_if(as(call, &seller), &request, "W/\"4\""));
    EXPECT_OK(update_if(as(call, &seller), &request, "*"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        EXPECT_REASON(update_if(as(call, &seller), &request, bad[i]),
                      ARGOSY__REASON__IF_MATCH_INVALID);
    set_version(&request, 6);
    EXPECT_REASON(update_if(as(call, &seller), &request, "\"5\""),
                  ARGOSY__REASON__IF_MATCH_INVALID);
    EXPECT_OK(update_if(as(call, &seller), &request, "\"6\""));
}

TEST(stale_versions_change_nothing)
{
    on_both(check_versions);
}

static void check_move(struct call *call)
{
    const ProductService__ProductData *product = shirt(call);
    ProductService__UpdateProductRequest request = update_of(product);
    ProductService__StandardResponse *response = 0;

    request.new_category_given_case =
        PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__NEW_CATEGORY_GIVEN_NEW_CATEGORY;
    request.new_category = (char *)"sale";
    EXPECT_OK(update(as(call, &seller), &request));
    EXPECT_OK(get(as(call, 0), "sale", product->product_id, &response));
    EXPECT_REASON(get(as(call, 0), "apparel", product->product_id, &response),
                  ARGOSY__REASON__PRODUCT_NOT_FOUND);
    request.category = (char *)"sale";
    request.new_category = (char *)"a/b";
    EXPECT_REASON(update(as(call, &seller), &request), ARGOSY__REASON__CATEGORY_INVALID);

    request = update_of(product);
    request.category = (char *)"sale";
    request.created_by_given_case =
        PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__CREATED_BY_GIVEN_CREATED_BY;
    request.created_by = (char *)"rival@example.com";
    EXPECT_REASON(update(as(call, &seller), &request), ARGOSY__REASON__ROLE_REQUIRED);
    EXPECT_OK(update(as(call, &admin), &request));
    EXPECT_REASON(update(as(call, &seller), &request), ARGOSY__REASON__ROLE_REQUIRED);
    request.created_by_given_case =
        PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__CREATED_BY_GIVEN__NOT_SET;
    EXPECT_REASON(update(as(call, &seller), &request), ARGOSY__REASON__NOT_OWNER);
    EXPECT_OK(update(as(call, &rival), &request));
}

TEST(a_product_moves_and_changes_hands)
{
    on_both(check_move);
}

static ProductService__ProductData *raced;
static _Atomic int winners, losers;

static void race(struct call *call, int number)
{
    ProductService__UpdateProductRequest request = update_of(raced);
    struct status st;

    set_name(&request, arena_printf(call->arena, "winner %d", number));
    set_version(&request, 1);
    st = update(as(call, &seller), &request);
    if (st.reason == ARGOSY__REASON__VERSION_STALE && st.code == STATUS_ABORTED)
        losers++;
    else if (!failed(st))
        winners++;
}

enum { RACERS = 50 };
static _Atomic int arrived;

static void start_or_race(struct call *call, int number)
{
    if (number == 0) {
        raced = shirt(call);
        raced->product_id = arena_strdup(&shop.arena, raced->product_id);
        raced = arena_memdup(&shop.arena, raced, sizeof(*raced));
        raced->category = (char *)"apparel";
        arrived = 1;
    }
    while (!arrived) EXPECT_OK(fiber_sleep(call, 1000));
    race(call, number);
}

TEST(of_fifty_concurrent_stale_updates_exactly_one_wins)
{
    winners = losers = arrived = 0;
    in_shop(RACERS, start_or_race);
    CHECK_INT(winners, ==, 1);
    CHECK_INT(losers, ==, RACERS - 1);
}

static _Atomic int64_t
    published; /* the version that was answered last; 0: there is no product yet */
static _Atomic bool finished;

static void publish(struct call *call)
{
    ProductService__UpdateProductRequest request;
    ProductService__StandardResponse *response = 0;

    raced = shirt(call);
    request = update_of(raced);
    published = 1;
    for (int i = 0; i < 50; i++) {
        set_name(&request, arena_printf(call->arena, "name %d", i));
        EXPECT_OK(product_service_update_product(as(call, &seller), channel, &request, &response));
        published = response->updatedproduct->version;
        EXPECT_OK(fiber_sleep(call, 500));
    }
    finished = true;
    while (published >= 0) EXPECT_OK(fiber_sleep(call, 500)); /* `raced` is in our arena */
}

static void follow(struct call *call)
{
    while (!published) EXPECT_OK(fiber_sleep(call, 100));
    while (!finished) {
        int64_t least = published;
        EXPECT(read_back(call, raced)->version >= least);
        EXPECT_OK(fiber_sleep(call, 100));
    }
    published = -1;
}

static void publish_or_follow(struct call *call, int number)
{
    if (number == 0)
        publish(call);
    else
        follow(call);
}

TEST(whoever_reads_after_an_answered_update_sees_it_on_every_shard)
{
    published = 0;
    finished = false;
    in_shop(2, publish_or_follow);
}

/* ---- delete ---- */

static void check_delete(struct call *call)
{
    const ProductService__ProductData *product = shirt(call);
    ProductService__DeleteProductRequest request = PRODUCT_SERVICE__DELETE_PRODUCT_REQUEST__INIT;
    ProductService__StandardResponse *response = 0;

    request.category = product->category;
    request.product_id = product->product_id;
    EXPECT_REASON(product_service_delete_product(as(call, 0), channel, &request, &response),
                  ARGOSY__REASON__LOGIN_REQUIRED);
    EXPECT_REASON(product_service_delete_product(as(call, &rival), channel, &request, &response),
                  ARGOSY__REASON__NOT_OWNER);
    request.version_given_case = PRODUCT_SERVICE__DELETE_PRODUCT_REQUEST__VERSION_GIVEN_VERSION;
    request.version = 2;
    EXPECT_REASON(product_service_delete_product(as(call, &seller), channel, &request, &response),
                  ARGOSY__REASON__VERSION_STALE);
    request.version = 1;
    EXPECT_OK(product_service_delete_product(as(call, &seller), channel, &request, &response));
    EXPECT_STR(response->deleted_product->product->name, "T-Shirt");
    EXPECT_REASON(get(as(call, 0), "apparel", product->product_id, &response),
                  ARGOSY__REASON__PRODUCT_NOT_FOUND);
    EXPECT_REASON(product_service_delete_product(as(call, &seller), channel, &request, &response),
                  ARGOSY__REASON__PRODUCT_NOT_FOUND);
}

TEST(a_product_is_deleted_by_its_seller)
{
    on_both(check_delete);
}

/* ---- batches ---- */

static void check_batch(struct call *call)
{
    const ProductService__ProductData *a = shirt(call), *b = shirt(call);
    ProductService__ProductRef refs[4], *ref_list[4];
    ProductService__BatchGetProductsRequest request =
        PRODUCT_SERVICE__BATCH_GET_PRODUCTS_REQUEST__INIT;
    ProductService__BatchGetProductsResponse *response = 0;

    for (size_t i = 0; i < 4; i++) {
        product_service__product_ref__init(&refs[i]);
        refs[i].category = (char *)"apparel";
        ref_list[i] = &refs[i];
    }
    refs[0].product_id = b->product_id;
    refs[1].product_id = (char *)"none";
    refs[2].product_id = a->product_id;
    refs[3].product_id = b->product_id;
    request.n_products = 4;
    request.products = ref_list;
    for (int i = 0; i < 2; i++) {
        EXPECT_OK(product_service_batch_get_products(as(call, 0), channel, &request, &response));
        EXPECT_INT(response->n_products, 3);
        EXPECT_STR(response->products[0]->product_id, b->product_id);
        EXPECT_STR(response->products[1]->product_id, a->product_id);
        EXPECT_STR(response->products[2]->product_id, b->product_id);
        read_back(call, a); /* the second time one comes from the cache, the others as well */
    }
}

TEST(a_batch_leaves_out_what_is_not_there)
{
    on_both(check_batch);
}

/* ---- stock ---- */

static ProductService__AdjustStockRequest adjustment_of(const ProductService__ProductData *product,
                                                        int64_t delta)
{
    ProductService__AdjustStockRequest request = PRODUCT_SERVICE__ADJUST_STOCK_REQUEST__INIT;

    request.category = product->category;
    request.product_id = product->product_id;
    request.change_case = PRODUCT_SERVICE__ADJUST_STOCK_REQUEST__CHANGE_DELTA;
    request.delta = delta;
    return request;
}

static void check_stock(struct call *call)
{
    const ProductService__ProductData *product = shirt(call);
    ProductService__AdjustStockRequest request = adjustment_of(product, 10);
    ProductService__GetStockRequest asked = PRODUCT_SERVICE__GET_STOCK_REQUEST__INIT;
    ProductService__StandardResponse *response = 0;

    EXPECT(!read_back(call, product)->variants[0]->available_given_case);
    EXPECT_REASON(product_service_adjust_stock(as(call, &rival), channel, &request, &response),
                  ARGOSY__REASON__NOT_OWNER);
    request.cause = (char *)"received";
    request.reference = (char *)"note 1";
    for (int i = 0; i < 2; i++) { /* the second time it is known already, and answers the same */
        EXPECT_OK(product_service_adjust_stock(as(call, &seller), channel, &request, &response));
        EXPECT_INT(response->stock->variants[0]->on_hand, 10);
        EXPECT_INT(response->stock->variants[0]->received, 10);
    }
    EXPECT_INT(read_back(call, product)->variants[0]->available, 10);
    EXPECT_INT(read_back(call, product)->version, 1);
    request = adjustment_of(product, -11);
    EXPECT_REASON(product_service_adjust_stock(as(call, &seller), channel, &request, &response),
                  ARGOSY__REASON__STOCK_INSUFFICIENT);
    request.change_case = PRODUCT_SERVICE__ADJUST_STOCK_REQUEST__CHANGE__NOT_SET;
    EXPECT_REASON(product_service_adjust_stock(as(call, &seller), channel, &request, &response),
                  ARGOSY__REASON__INVALID_FIELDS);

    asked.category = product->category;
    asked.product_id = product->product_id;
    EXPECT_OK(product_service_get_stock(as(call, &seller), channel, &asked, &response));
    EXPECT_INT(response->stock->variants[0]->on_hand, 10);
    EXPECT_OK(product_service_get_stock(as(call, 0), channel, &asked, &response));
    EXPECT_INT(response->stock->variants[0]->available, 10);
    EXPECT_INT(response->stock->variants[0]->on_hand, 0); /* not for customers */
}

TEST(stock_is_adjusted_by_its_seller)
{
    on_both(check_stock);
}

static void check_entries(struct call *call)
{
    const ProductService__ProductData *product = shirt(call);
    ProductService__ListStockEntriesRequest request =
        PRODUCT_SERVICE__LIST_STOCK_ENTRIES_REQUEST__INIT;
    ProductService__StandardResponse *response = 0;
    int64_t sum = 0;
    int pages = 0;

    for (int i = 1; i <= 5; i++) {
        ProductService__AdjustStockRequest adjustment = adjustment_of(product, i);
        EXPECT_OK(product_service_adjust_stock(as(call, &seller), channel, &adjustment, &response));
    }
    request.category = product->category;
    request.product_id = product->product_id;
    request.page_size = 2;
    EXPECT_REASON(product_service_list_stock_entries(as(call, 0), channel, &request, &response),
                  ARGOSY__REASON__LOGIN_REQUIRED);
    EXPECT_REASON(
        product_service_list_stock_entries(as(call, &rival), channel, &request, &response),
        ARGOSY__REASON__NOT_OWNER);
    for (; pages < 10; pages++) {
        EXPECT_OK(
            product_service_list_stock_entries(as(call, &seller), channel, &request, &response));
        for (size_t i = 0; i < response->stock_entries->n_entries; i++)
            sum += response->stock_entries->entries[i]->on_hand_delta;
        request.cursor = response->stock_entries->next_cursor;
        if (!*request.cursor) break;
    }
    EXPECT_INT(pages, 2);
    EXPECT_INT(sum, 15);
    EXPECT_STR(response->stock_entries->entries[0]->cause, "correction");
    request.cursor = (char *)"AAAAAAAAAAAAAAAA";
    EXPECT_REASON(
        product_service_list_stock_entries(as(call, &seller), channel, &request, &response),
        ARGOSY__REASON__PAGE_CURSOR_INVALID);
}

TEST(the_ledger_is_listed_in_pages)
{
    on_both(check_entries);
}

/* ---- imports ---- */

#define OUTCOME(name) PRODUCT_SERVICE__IMPORT_PRODUCT_RESULT__OUTCOME__##name

static struct status import_one(struct call *call, struct rpc_stream *stream, int64_t line,
                                const char *handle, ProductService__CreateProductRequest *product)
{
    ProductService__ImportProductRequest request = PRODUCT_SERVICE__IMPORT_PRODUCT_REQUEST__INIT;

    request.line = line;
    request.handle = (char *)handle;
    request.product = product;
    return product_service_import_products_send(call, stream, &request);
}

static void expect_result(struct call *call, struct rpc_stream *stream, int64_t line, int outcome,
                          const char *reason)
{
    ProductService__ImportProductResult *result = 0;

    EXPECT_OK(product_service_import_products_receive(call, stream, &result));
    EXPECT(result != 0);
    if (!result) return;
    EXPECT_INT(result->line, line);
    EXPECT_INT(result->outcome, outcome);
    EXPECT_STR(result->reason, reason);
    EXPECT((*result->message != 0) == (outcome == OUTCOME(REFUSED)));
}

static void check_import(struct call *call)
{
    struct call *boss = as(call, &admin);
    ProductService__CreateProductRequest *good = create_request(call->arena, "Imported", "imports",
                                                                2);
    ProductService__CreateProductRequest *bad = create_request(call->arena, "", "imports", 2);
    ProductService__CreateProductRequest *precise = create_request(call->arena, "P", "imports",
                                                                   2.005);
    const char *handle = channel == shop.local ? "local" : "network";
    ProductService__ImportProductResult *result = 0;
    struct rpc_stream *stream = 0;

    EXPECT_OK(product_service_import_products_open(boss, channel, 0, &stream));
    /* One at a time: each is answered before the next is sent. */
    EXPECT_OK(import_one(boss, stream, 2, handle, good));
    expect_result(boss, stream, 2, OUTCOME(CREATED), "");
    EXPECT_OK(import_one(boss, stream, 3, handle, good));
    expect_result(boss, stream, 3, OUTCOME(UNCHANGED), "");
    /* Several, good and bad. */
    EXPECT_OK(import_one(boss, stream, 4, "x", bad));
    EXPECT_OK(import_one(boss, stream, 5, "y", precise));
    EXPECT_OK(import_one(boss, stream, 6, "", good));
    EXPECT_OK(import_one(boss, stream, 7, "z", 0));
    good->is_featured = true;
    EXPECT_OK(import_one(boss, stream, 8, handle, good));
    EXPECT_OK(rpc_send_end(boss, stream));
    expect_result(boss, stream, 4, OUTCOME(REFUSED), "INVALID_FIELDS");
    expect_result(boss, stream, 5, OUTCOME(REFUSED), "PRICE_TOO_PRECISE");
    expect_result(boss, stream, 6, OUTCOME(REFUSED), "INVALID_FIELDS");
    expect_result(boss, stream, 7, OUTCOME(REFUSED), "INVALID_FIELDS");
    expect_result(boss, stream, 8, OUTCOME(UPDATED), "");
    EXPECT_OK(product_service_import_products_receive(boss, stream, &result));
    EXPECT(!result);
    EXPECT_OK(rpc_stream_finish(boss, stream));
}

TEST(an_import_answers_each_product_in_order)
{
    on_both(check_import);
}

static void check_import_roles(struct call *call)
{
    ProductService__ImportProductResult *result = 0;
    struct call *rogue = as(call, &seller);
    struct rpc_stream *stream = 0;

    EXPECT_OK(product_service_import_products_open(rogue, channel, 0, &stream));
    EXPECT_OK(rpc_send_end(rogue, stream));
    struct status st = product_service_import_products_receive(rogue, stream, &result);
    EXPECT(failed(st) || !result);
    EXPECT_REASON(rpc_stream_finish(rogue, stream), ARGOSY__REASON__ROLE_REQUIRED);
}

TEST(only_admins_import)
{
    on_both(check_import_roles);
}

enum { MANY = 700 };

static int import_many(struct call *call, int outcome)
{
    struct call *boss = as(call, &admin);
    ProductService__ImportProductResult *result = 0;
    struct rpc_stream *stream = 0;
    int count = 0;

    EXPECT_OK(product_service_import_products_open(boss, channel, 0, &stream));
    for (int i = 0; i < MANY; i++) {
        ProductService__CreateProductRequest *product = create_request(
            call->arena, arena_printf(call->arena, "Product %d", i), "many", 5);
        set_stock(product, i);
        EXPECT_OK(
            import_one(boss, stream, i + 2, arena_printf(call->arena, "many-%d", i), product));
        if (i % 100 != 99) continue;
        for (; count <= i; count++) expect_result(boss, stream, count + 2, outcome, "");
    }
    EXPECT_OK(rpc_send_end(boss, stream));
    EXPECT_OK(product_service_import_products_receive(boss, stream, &result));
    EXPECT(!result);
    EXPECT_OK(rpc_stream_finish(boss, stream));
    return count;
}

static int export_many(struct call *call, const char *category)
{
    ProductService__ExportProductsRequest request = PRODUCT_SERVICE__EXPORT_PRODUCTS_REQUEST__INIT;
    ProductService__Product *product = 0;
    struct call *boss = as(call, &admin);
    struct rpc_stream *stream = 0;
    int count = 0;

    request.category = (char *)category;
    EXPECT_OK(product_service_export_products_open(boss, channel, &request, 0, &stream));
    for (;; count++) {
        EXPECT_OK(product_service_export_products_receive(boss, stream, &product));
        if (!product) break;
        EXPECT(product->n_variants == 1);
    }
    EXPECT_OK(rpc_stream_finish(boss, stream));
    return count;
}

static void check_many(struct call *call)
{
    EXPECT_INT(import_many(call, channel == shop.local ? OUTCOME(CREATED) : OUTCOME(UNCHANGED)),
               MANY);
    EXPECT_INT(export_many(call, ""), MANY);
    EXPECT_INT(export_many(call, "many"), MANY);
    EXPECT_INT(export_many(call, "none"), 0);
}

TEST(a_long_import_comes_out_again_and_repeats_without_effect)
{
    on_both(check_many);
}

static void check_give_up(struct call *call)
{
    struct call *boss = as(call, &admin);
    ProductService__CreateProductRequest *good = create_request(call->arena, "Imported", "imports",
                                                                2);
    ProductService__StandardResponse *response = 0;
    struct rpc_stream *stream = 0;

    EXPECT_OK(product_service_import_products_open(boss, channel, 0, &stream));
    EXPECT_OK(import_one(boss, stream, 2, "one", good));
    rpc_stream_cancel(stream);
    EXPECT(failed(rpc_stream_finish(boss, stream)));
    EXPECT_REASON(get(as(call, 0), "imports", "none", &response),
                  ARGOSY__REASON__PRODUCT_NOT_FOUND);
}

TEST(an_import_that_is_given_up_ends)
{
    on_both(check_give_up);
}
