/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of the product service, in the order of proto/product.proto. Those of the stock are
 * in product_stock_rpc.c, imports and exports in product_exchange_rpc.c. */
#include "base/clock.h"
#include "base/encode.h"
#include "base/number.h"
#include "reasons.pb-c.h"
#include "rpc/rpc_arena.h"
#include "services/product/product_service.h"
#include "services/product/product_version.h"

enum { PAGE_SIZE_DEFAULT = 50 };

static const char admins[] = "admin superAdmin";

/* ---- who ---- */

void product_call_actor(const struct call *call, struct product_actor *ret_actor)
{
    struct user user;

    call_user_optional(call, &user);
    *ret_actor = (struct product_actor){user.email, user_has_role(&user, admins)};
}

struct status product_call_seller(const struct call *call, struct product_actor *ret_actor)
{
    struct user user;
    struct status st = call_require_role(call, "seller admin superAdmin", &user);

    if (failed(st)) return st;
    *ret_actor = (struct product_actor){user.email, user_has_role(&user, admins)};
    return st;
}

struct status product_call_once(struct call *call, const struct product_actor *actor,
                                const ProtobufCMessage *message, struct change_request *ret_request)
{
    struct product_service *service = call_service(call);
    const struct user user = {.email = actor->email};
    struct status st = idempotency_of_call(call, &user, message, &ret_request->idempotency);

    if (failed(st)) return st;
    return service->store->replay(call, service->store, ret_request);
}

static struct status reply_etag(const struct call *call, int64_t version,
                                ProductService__Variant *const *variants, size_t count)
{
    return call_reply_metadata(call, STR("etag"),
                               product_tag(call->arena, version, variants, count));
}

void product_reply(ProductService__StandardResponse *response, int status_code, const char *message)
{
    response->success = true;
    response->status_code = status_code;
    response->message = (char *)message;
}

static ProductService__OneProduct *one_product(struct arena *arena,
                                               const ProductService__Product *product)
{
    ProductService__OneProduct *one = arena_alloc(arena, sizeof(*one));

    product_service__one_product__init(one);
    one->product = (ProductService__Product *)product;
    return one;
}

/* ---- handlers ---- */

static void reply_created(struct arena *arena, const struct product *product,
                          ProductService__StandardResponse *response)
{
    product_reply(response, 201, "product created");
    response->result_case = PRODUCT_SERVICE__STANDARD_RESPONSE__RESULT_PRODUCT_DATA;
    response->product_data = product_message_data(arena, product);
}

/* The same answer in the form in which an idempotency record keeps it. */
static struct str created_answer(struct arena *arena, const struct product *product)
{
    ProductService__StandardResponse response = PRODUCT_SERVICE__STANDARD_RESPONSE__INIT;

    reply_created(arena, product, &response);
    return idempotency_answer(arena, &response.base);
}

static struct status replay_created(const struct call *call, struct str answer,
                                    ProductService__StandardResponse *response)
{
    struct status st = idempotency_replay(call, answer, &response->base);

    if (failed(st)) return st;
    if (response->result_case != PRODUCT_SERVICE__STANDARD_RESPONSE__RESULT_PRODUCT_DATA) return st;
    return reply_etag(call, response->product_data->version, response->product_data->variants,
                      response->product_data->n_variants);
}

/* Creates a product, which belongs to the caller. */
static struct status create_product(struct call *call,
                                    const ProductService__CreateProductRequest *request,
                                    ProductService__StandardResponse *response)
{
    struct product_service *service = call_service(call);
    struct product_context context = {.currency = service->currency, .now_us = clock_now_us()};
    struct change_request once = {0};
    const struct product_request asked = {.cause = {.request = &once}, .answer = created_answer};
    struct product_actor actor;
    struct product product;
    struct status st;

    st = product_call_seller(call, &actor);
    if (failed(st)) return st;
    st = product_call_once(call, &actor, &request->base, &once);
    if (failed(st)) return st;
    if (once.replayed.data) return replay_created(call, once.replayed, response);

    context.created_by = actor.email;
    st = product_draft(call->arena, request, &context, &product);
    if (failed(st)) return st;
    st = service->store->insert(call, service->store, &product, &asked);
    if (failed(st)) return st;
    if (once.replayed.data) return replay_created(call, once.replayed, response);
    reply_created(call->arena, &product, response);
    return reply_etag(call, product.version, response->product_data->variants,
                      response->product_data->n_variants);
}

/* Everybody may list active products; sellers list other statuses of their own products only. */
static struct status read_status(const struct call *call,
                                 const ProductService__GetProductRequest *request,
                                 struct product_query *query)
{
    struct product_actor actor;
    struct status st;

    query->created_by = request->created_by;
    if (!product_status_parse(request->status, &query->status))
        return status_field(call->arena, ARGOSY__REASON__INVALID_FIELDS, "status",
                            "must be active, draft or archived");
    if (query->status == PRODUCT_ACTIVE) return status_ok();
    st = product_call_seller(call, &actor);
    if (failed(st) || actor.is_admin) return st;
    if (*request->created_by && !str_equal_nocase(str_of(request->created_by), str_of(actor.email)))
        return status_make(STATUS_PERMISSION_DENIED, ARGOSY__REASON__NOT_OWNER,
                           "sellers may list only their own drafts and archived products");
    query->created_by = actor.email;
    return st;
}

/* Relevance exists only for searches and is their default; other lists begin with the newest. */
static void read_sort(const ProductService__GetProductRequest *request, struct product_query *query)
{
    const char *sort = request->sort;

    query->descending = *sort == '-';
    if (query->descending) sort++;
    if (strcmp(sort, "name") == 0) {
        query->sort = PRODUCT_SORT_NAME;
    } else if (strcmp(sort, "price") == 0) {
        query->sort = PRODUCT_SORT_PRICE;
    } else if (strcmp(sort, "created_at") == 0) {
        query->sort = PRODUCT_SORT_CREATED;
    } else {
        query->sort = *query->search ? PRODUCT_SORT_RELEVANCE : PRODUCT_SORT_CREATED;
        query->descending = query->sort == PRODUCT_SORT_CREATED;
    }
}

static struct status read_query(const struct call *call,
                                const ProductService__GetProductRequest *request,
                                uint64_t *ret_fingerprint, struct product_query *query)
{
    ProductService__GetProductRequest asked = *request;
    struct status st;

    *query = (struct product_query){
        .category = request->category,
        .search = str_trim(str_of(request->search)).length > 0 ? request->search : "",
        .tag = request->tag,
        .unit_amount_min = request->min_unit_amount_given_case ? request->min_unit_amount : 0,
        .unit_amount_max = request->max_unit_amount_given_case ? request->max_unit_amount
                                                               : INT64_MAX,
        .is_featured = request->is_featured_given_case ? request->is_featured != 0 : -1,
        .limit = request->page_size > 0 ? request->page_size : PAGE_SIZE_DEFAULT,
    };
    st = read_status(call, request, query);
    if (failed(st)) return st;
    read_sort(request, query);

    asked.cursor = (char *)protobuf_c_empty_string;
    asked.page_size = 0;
    *ret_fingerprint = rpc_cursor_fingerprint(call->arena, &asked.base);
    return rpc_cursor_decode(call->arena, *ret_fingerprint, request->cursor, &query->after);
}

/* The list. */
static struct status get_product(struct call *call,
                                 const ProductService__GetProductRequest *request,
                                 ProductService__StandardResponse *response)
{
    struct product_service *service = call_service(call);
    ProductService__Products *products = arena_alloc(call->arena, sizeof(*products));
    struct product_query query;
    struct product_page page;
    uint64_t fingerprint;
    struct status st;

    st = read_query(call, request, &fingerprint, &query);
    if (failed(st)) return st;
    st = service->store->search->list(call, service->store->search, &query, &page);
    if (failed(st)) return st;

    product_service__products__init(products);
    products->n_products = page.count;
    products->products = arena_array(call->arena, ProductService__Product *, page.count);
    for (size_t i = 0; i < page.count; i++)
        products->products[i] = product_message(call->arena, &page.products[i]);
    products->total_is_at_least = page.total_is_at_least || page.total > INT32_MAX;
    products->total_count = page.total > INT32_MAX ? INT32_MAX : (int32_t)page.total;
    if (page.next.length > 0)
        products->next_cursor = rpc_cursor_encode(call->arena, fingerprint, page.next);
    product_reply(response, 200, "products");
    response->result_case = PRODUCT_SERVICE__STANDARD_RESPONSE__RESULT_PRODUCTS;
    response->products = products;
    return status_ok();
}

struct status product_load(struct call *call, const struct product_key *key,
                           const ProductService__Product **ret_product)
{
    struct product_service *service = call_service(call);
    struct product_cache *cache = service->caches[call->shard->index];
    uint64_t generation = service->store->generation(call, service->store, key);
    const ProductService__Product *cached = product_cache_find(call, cache, key, generation);
    ProductService__Product *message;
    struct product product;
    struct status st;

    if (cached) {
        *ret_product = cached;
        return status_ok();
    }
    st = service->store->find(call, service->store, key, &product);
    if (failed(st)) return st;
    message = product_message(call->arena, &product);
    product_cache_put(cache, message, generation);
    *ret_product = message;
    return st;
}

/* Sends Content-Location if the product has moved to another category (RFC 9110, section 8.7). */
static struct status reply_place(const struct call *call, const char *asked,
                                 const ProductService__Product *product)
{
    if (strcmp(asked, product->category) == 0) return status_ok();
    struct str category = percent_encode(call->arena, str_of(product->category));
    const char *path = arena_printf(call->arena, "/products/%.*s/%s", STR_ARGS(category),
                                    product->product_id);
    return call_reply_metadata(call, STR("content-location"), str_of(path));
}

/* One product. This is the most frequent request, so its path is short: a look into the shard's
 * cache, and one read only if something has changed since. */
static struct status get_product_by_id(struct call *call,
                                       const ProductService__GetProductByIdRequest *request,
                                       ProductService__StandardResponse *response)
{
    struct product_key key = {request->category, request->product_id};
    const ProductService__Product *product;
    struct product_actor actor;
    struct status st;

    st = product_load(call, &key, &product);
    if (failed(st)) return st;
    product_call_actor(call, &actor);
    if (!product_message_is_visible(product, &actor)) return product_not_found();

    product_reply(response, 200, "product found");
    response->result_case = PRODUCT_SERVICE__STANDARD_RESPONSE__RESULT_PRODUCT;
    response->product = one_product(call->arena, product);
    st = reply_place(call, request->category, product);
    if (failed(st)) return st;
    return reply_etag(call, product->version, product->variants, product->n_variants);
}

/* A request to change a product, checked between reading and writing it. */
struct edit_request {
    struct product_actor actor;
    struct product_condition condition;
    int64_t now_us;
    const ProductService__UpdateProductRequest *patch;
};

static struct status apply_patch(const struct call *call, struct product *product, void *data)
{
    const struct edit_request *change = data;
    struct status st;

    st = product_check_change(product, &change->actor);
    if (failed(st)) return st;
    st = product_condition_check(call->arena, product, &change->condition);
    if (failed(st)) return st;
    const struct product before = *product;
    return product_patch(call->arena, &before, change->patch, change->now_us, product);
}

/* Changes the given fields. */
static struct status update_product(struct call *call,
                                    const ProductService__UpdateProductRequest *request,
                                    ProductService__StandardResponse *response)
{
    struct product_service *service = call_service(call);
    struct product_key key = {request->category, request->product_id};
    struct edit_request data = {.now_us = clock_now_us(), .patch = request};
    struct product_change change = {.apply = apply_patch, .data = &data};
    bool versioned = request->version_given_case != 0;
    struct product product;
    struct status st;

    st = product_call_seller(call, &data.actor);
    if (failed(st)) return st;
    if (request->created_by_given_case && !data.actor.is_admin)
        return status_make(STATUS_PERMISSION_DENIED, ARGOSY__REASON__ROLE_REQUIRED,
                           "only an admin may give a product to another seller (created_by)");
    st = product_condition_read(call, versioned ? request->version : 0, &data.condition);
    if (failed(st)) return st;
    change.created_by = data.actor.email;
    st = service->store->update(call, service->store, &key, &change, &product);
    if (failed(st)) return st;

    product_reply(response, 200, "product updated");
    response->result_case = PRODUCT_SERVICE__STANDARD_RESPONSE__RESULT_UPDATED_PRODUCT;
    response->updatedproduct = product_message_updated(call->arena, &product);
    return reply_etag(call, product.version, response->updatedproduct->variants,
                      response->updatedproduct->n_variants);
}

static struct status allow_removal(const struct call *call, const struct product *product,
                                   void *data)
{
    const struct edit_request *change = data;
    struct status st;

    st = product_check_change(product, &change->actor);
    if (failed(st)) return st;
    st = product_condition_check(call->arena, product, &change->condition);
    if (failed(st)) return st;
    return product_check_unreserved(call->arena, product);
}

/* Deletes a product; the ledger keeps its entries. */
static struct status delete_product(struct call *call,
                                    const ProductService__DeleteProductRequest *request,
                                    ProductService__StandardResponse *response)
{
    struct product_service *service = call_service(call);
    struct product_key key = {request->category, request->product_id};
    struct edit_request data = {0};
    struct product_check check = {.allow = allow_removal, .data = &data};
    bool versioned = request->version_given_case != 0;
    struct product product;
    struct status st;

    st = product_call_seller(call, &data.actor);
    if (failed(st)) return st;
    st = product_condition_read(call, versioned ? request->version : 0, &data.condition);
    if (failed(st)) return st;
    check.created_by = data.actor.email;
    st = service->store->remove(call, service->store, &key, &check, &product);
    if (failed(st)) return st;

    product_reply(response, 200, "product deleted");
    response->result_case = PRODUCT_SERVICE__STANDARD_RESPONSE__RESULT_DELETED_PRODUCT;
    response->deleted_product = one_product(call->arena, product_message(call->arena, &product));
    return status_ok();
}

/* A batch on its way. */
struct batch {
    const ProductService__Product **found; /* one for each product asked for; NULL: not cached */
    uint64_t *generations;                 /* likewise, asked before it is read */
    struct product_key *missing;           /* those that are not cached */
    size_t missing_count;
};

static void find_cached(const struct call *call,
                        const ProductService__BatchGetProductsRequest *request,
                        struct batch *ret_batch)
{
    struct product_service *service = call_service(call);
    struct product_cache *cache = service->caches[call->shard->index];
    size_t count = request->n_products;
    struct batch batch = {
        .found = arena_array(call->arena, const ProductService__Product *, count),
        .generations = arena_array(call->arena, uint64_t, count),
        .missing = arena_array(call->arena, struct product_key, count),
    };

    for (size_t i = 0; i < count; i++) {
        struct product_key key = {request->products[i]->category, request->products[i]->product_id};
        batch.generations[i] = service->store->generation(call, service->store, &key);
        batch.found[i] = product_cache_find(call, cache, &key, batch.generations[i]);
        if (!batch.found[i]) batch.missing[batch.missing_count++] = key;
    }
    *ret_batch = batch;
}

static bool is_asked(const ProductService__ProductRef *ref, const struct product *product)
{
    return strcmp(ref->product_id, product->product_id) == 0;
}

/* Several products, in the order of the request. */
static struct status batch_get_products(struct call *call,
                                        const ProductService__BatchGetProductsRequest *request,
                                        ProductService__BatchGetProductsResponse *response)
{
    struct product_service *service = call_service(call);
    size_t count = request->n_products, read_count, next = 0;
    struct product_actor actor;
    struct product *read;
    struct batch batch;
    struct status st;

    find_cached(call, request, &batch);
    st = service->store->find_many(call, service->store, batch.missing, batch.missing_count, &read,
                                   &read_count);
    if (failed(st)) return st;

    product_call_actor(call, &actor);
    response->products = arena_array(call->arena, ProductService__Product *, count);
    for (size_t i = 0; i < count; i++) {
        const ProductService__Product *product = batch.found[i];
        if (!product && next < read_count && is_asked(request->products[i], &read[next])) {
            product = product_message(call->arena, &read[next++]);
            product_cache_put(service->caches[call->shard->index], product, batch.generations[i]);
        }
        if (product && product_message_is_visible(product, &actor))
            response->products[response->n_products++] = (ProductService__Product *)product;
    }
    return status_ok();
}

const struct product_service_handlers product_handlers = {
    .create_product = create_product,
    .get_product = get_product,
    .get_product_by_id = get_product_by_id,
    .update_product = update_product,
    .delete_product = delete_product,
    .batch_get_products = batch_get_products,
    .get_stock = product_get_stock,
    .adjust_stock = product_adjust_stock,
    .list_stock_entries = product_list_stock_entries,
    .import_products = product_import_products,
    .export_products = product_export_products,
    .check_stock = product_check_stock,
};
