/* SPDX-License-Identifier: Apache-2.0 */
/* The fiber that expires reservations, in virtual time: it does so by itself, and ends when the
 * shard stops. */
#include "events/events_testing.h"
#include "fiber/simulation.h"
#include "services/product/product_service.h"

extern const struct service_module product_service;

enum { SECOND_US = 1000000, HOLD_S = 1500, LATE_S = 6 };

/* The product service with its bus, on one shard of a simulation. */
static struct {
    struct arena arena;
    struct config *config;
    struct shards *shards;
    struct rpc_server *server;
    struct rpc_identity identity;
    struct service_context context;
    struct events *events;
    void *service;
    char folder[32];
    struct product product;
} scene;

static void load_config(void)
{
    static const struct setting store[] = {{"PRODUCT_STORE", SETTING_URL, "", "", 0, 0}, {0}};
    const char *errors,
        *path = arena_printf(&scene.arena, "PRODUCT_STORE=sqlite:%s/product.db", scene.folder);

    scene.config = config_new();
    config_declare(scene.config, store);
    config_declare(scene.config, product_service.settings);
    config_declare(scene.config, events_settings);
    invariant(config_set(scene.config, path, &errors) && config_check(scene.config, &errors));
}

static void set_up(void)
{
    struct rpc_server_options options = {.identity = &scene.identity};

    simulation_begin(1);
    arena_init(&scene.arena, 0);
    snprintf(scene.folder, sizeof(scene.folder), "/tmp/argosy_test_XXXXXX");
    invariant(mkdtemp(scene.folder));
    load_config();
    scene.shards = shards_new(1);
    stage_must(rpc_schema_new(&scene.arena, str_sized(proto_descriptors, proto_descriptors_size),
                              &options.schema));
    scene.server = rpc_server_new(&options);
    scene.context = (struct service_context){.arena = &scene.arena,
                                             .config = scene.config,
                                             .shards = scene.shards,
                                             .server = scene.server,
                                             .schema = options.schema,
                                             .identity = &scene.identity,
                                             .data_dir = scene.folder,
                                             .prepares = true};
    stage_must(events_new(&scene.context, &scene.events));
    scene.context.events = scene.events;
    stage_must(product_service.start(&scene.context, &scene.service));
}

static void tear_down(void)
{
    char path[128];

    events_free(scene.events);
    product_service.stop(scene.service);
    rpc_server_free(scene.server);
    shards_free(scene.shards);
    config_free(scene.config);
    snprintf(path, sizeof(path), "%s/product.db", scene.folder);
    unlink(path);
    rmdir(scene.folder);
    arena_release(&scene.arena);
    simulation_end();
}

static struct product_store *store(void)
{
    return ((struct product_service *)scene.service)->store;
}

static void keep_product(struct call *call)
{
    ProductService__CreateProductRequest request = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__INIT;
    struct product_context context = {"USD", "seller@example.com", clock_now_us()};

    request.name = (char *)"Mug";
    request.category = (char *)"mugs";
    request.price_given_case = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__PRICE_GIVEN_PRICE;
    request.price = 5;
    request.stock_given_case = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__STOCK_GIVEN_STOCK;
    request.stock = 500;
    EXPECT_OK(product_draft(call->arena, &request, &context, &scene.product));
    EXPECT_OK(store()->insert(call, store(), &scene.product, 0));
}

static void reserve(struct call *call, const char *order_id, int64_t expires_us)
{
    struct product_reservation_line line = {
        .product_id = scene.product.product_id,
        .category = "mugs",
        .variant_id = "",
        .quantity = 1,
    };
    struct product_order order = {RESERVATION_RESERVE, order_id,      &line, 1,
                                  expires_us,          clock_now_us()};
    struct event event = {.id = order_id, .topic = "order-events", .key = order_id, .type = ""};
    struct product_reservation_outcome outcome;

    EXPECT_OK(store()->apply_order(call, store(), &event, &order, &outcome));
    EXPECT(outcome.state == RESERVATION_OPEN);
}

static int64_t reserved(struct call *call)
{
    struct product_key key = {"mugs", scene.product.product_id};
    struct product now = {0};

    EXPECT_OK(store()->find(call, store(), &key, &now));
    return now.variants[0].stock.reserved;
}

enum { MANY = 200 };

static void wait_for_expiry(struct call *call, void *data)
{
    int64_t due_us = clock_now_us() + HOLD_S * (int64_t)SECOND_US;

    keep_product(call);
    for (int i = 0; i < MANY; i++) reserve(call, arena_printf(call->arena, "o%d", i), due_us);
    reserve(call, "later", due_us + HOLD_S * (int64_t)SECOND_US);
    EXPECT_OK(fiber_sleep(call, due_us - SECOND_US - clock_now_us()));
    EXPECT(reserved(call) == MANY + 1);
    EXPECT_OK(fiber_sleep(call, LATE_S * (int64_t)SECOND_US));
    EXPECT(reserved(call) == 1);

    /* A reservation that is due before the one for which the fiber sleeps. */
    reserve(call, "sooner", clock_now_us() + SECOND_US);
    EXPECT_OK(fiber_sleep(call, LATE_S * (int64_t)SECOND_US));
    EXPECT(reserved(call) == 1);
    EXPECT_OK(fiber_sleep(call, HOLD_S * (int64_t)SECOND_US));
    EXPECT(reserved(call) == 0);
    shards_stop(call->shard->shards);
}

TEST(reservations_end_by_themselves_and_the_fiber_ends_with_its_shard)
{
    set_up();
    fiber_post(shards_at(scene.shards, 0), wait_for_expiry, 0, 0);
    shards_run(scene.shards); /* returns, as no fiber goes on sleeping */
    tear_down();
}
