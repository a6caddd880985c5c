/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of products, through the loopback. */
#include "services/product/product_loopback_testing.h"

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
    request->price_given_case = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__PRICE_GIVEN_PRICE;
    request->price = 19.999;
    EXPECT_REASON(product_service_create_product(as(call, &seller), channel, request, &response),
                  ARGOSY__REASON__PRICE_TOO_PRECISE);
    request->price_given_case = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__PRICE_GIVEN_PRICE;
    request->price = -1;
    EXPECT_REASON(product_service_create_product(as(call, &seller), channel, request, &response),
                  ARGOSY__REASON__INVALID_FIELDS);
    request->price_given_case = PRODUCT_SERVICE__CREATE_PRODUCT_REQUEST__PRICE_GIVEN_PRICE;
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

/* The longest names: a page's cursor has the last one's. */
static void check_long_names(struct call *call)
{
    enum { CHARACTERS = 200 };
    ProductService__GetProductRequest request = PRODUCT_SERVICE__GET_PRODUCT_REQUEST__INIT;
    const char *category = channel == shop.local ? "long-local" : "long-network";
    char name[CHARACTERS * 4 + 1] = {0}, *expected;

    for (int i = 0; i < CHARACTERS; i++) memcpy(name + (ptrdiff_t)i * 4, "\U0001F6CB", 4);
    create(call, create_request(call->arena, name, category, 1));
    create(call, create_request(call->arena, name, category, 1));
    expected = arena_printf(call->arena, "%s %s", name, name);
    request.category = (char *)category;
    request.sort = (char *)"name";
    request.page_size = 1;
    EXPECT_STR(list(as(call, 0), &request), expected);
}

TEST(a_list_by_long_names_has_a_second_page)
{
    on_both(check_long_names);
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
    static const char *const bad[] = {"",    "x",   "-1",       "0",       "3",
                                      "1.5", "\"1", "*, \"3\"", "w/\"3\"", "\"3\" \"4\""};
    static const char *const others[] = {"\"1\"",  "W/\"3\"", "\"\"",         "\"x\"",  "\"3-1\"",
                                         "\"03\"", "\"+3\"",  "\"1\", \"2\"", "\"1,3\""};

    set_name(&request, "Shirt");
    set_version(&request, 1);
    EXPECT_OK(update(as(call, &seller), &request));
    EXPECT_REASON(update(as(call, &seller), &request), ARGOSY__REASON__VERSION_STALE);
    EXPECT_INT(read_back(call, product)->version, 2);
    request.version_given_case = PRODUCT_SERVICE__UPDATE_PRODUCT_REQUEST__VERSION_GIVEN__NOT_SET;
    EXPECT_REASON(update_if(as(call, &seller), &request, "\"1\""), ARGOSY__REASON__VERSION_STALE);
    set_name(&request, "Shirt 3");
    EXPECT_OK(update_if(as(call, &seller), &request, "\"2\""));
    EXPECT_OK(update_if(as(call, &seller), &request, "\"3\"")); /* it changes nothing */
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        EXPECT_REASON(update_if(as(call, &seller), &request, bad[i]),
                      ARGOSY__REASON__IF_MATCH_INVALID);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        EXPECT_REASON(update_if(as(call, &seller), &request, others[i]),
                      ARGOSY__REASON__VERSION_STALE);
    set_name(&request, "Shirt 4");
    EXPECT_OK(update_if(as(call, &seller), &request, "\"1\", W/\"2\",, \"3\""));
    set_name(&request, "Shirt 5");
    EXPECT_OK(update_if(as(call, &seller), &request, "*"));
    set_version(&request, 6);
    EXPECT_REASON(update_if(as(call, &seller), &request, "\"5\""), ARGOSY__REASON__VERSION_STALE);
    set_version(&request, 5);
    EXPECT_OK(update_if(as(call, &seller), &request, "\"5\""));
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
    EXPECT_OK(get(as(call, 0), "apparel", product->product_id, &response)); /* an old link */
    EXPECT_STR(response->product->product->category, "sale");
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

TEST(a_read_after_an_answered_update_sees_it_on_every_shard)
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
