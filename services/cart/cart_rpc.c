/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of the cart service, in the order of proto/cart.proto. */
#include <string.h>

#include "product.rpc.h"
#include "rpc/existing_system.h"
#include "services/cart/cart_reply.h"
#include "services/cart/cart_service.h"

enum {
    COMPARE_TIMEOUT_MS = 2000
}; /* for each batch, CART_LINES_CAPACITY / CART_BATCH_MAX of them */

/* ---- what the product service says ---- */

static struct status get_product(struct call *call, const char *category, const char *product_id,
                                 ProductService__Product **ret_product)
{
    struct cart_service *service = call_service(call);
    ProductService__GetProductByIdRequest request =
        PRODUCT_SERVICE__GET_PRODUCT_BY_ID_REQUEST__INIT;
    ProductService__StandardResponse *response;

    request.category = (char *)category;
    request.product_id = (char *)product_id;
    struct status st = product_service_get_product_by_id(call, service->products, &request,
                                                         &response);
    /* The caller's fields passed our rules, so a request that the product service finds malformed
     * is our fault. */
    if (st.code == STATUS_INVALID_ARGUMENT) st.code = STATUS_INTERNAL;
    if (failed(st)) return st;
    st = existing_envelope_status(call->arena, response->success, response->status_code,
                                  response->message, ARGOSY__REASON__PRODUCT_NOT_FOUND);
    if (failed(st)) return st;
    if (response->result_case != PRODUCT_SERVICE__STANDARD_RESPONSE__RESULT_PRODUCT ||
        !response->product->product)
        return status_make(STATUS_INTERNAL, 0, "the product service answered without a product");
    *ret_product = response->product->product;
    return status_ok();
}

/* Finds the variant that the request means; it may be left out if the product has only one. The
 * existing system's product service has no variants: then *ret_variant is NULL, and the product is
 * its own single variant. */
static struct status choose_variant(struct call *call, const ProductService__Product *product,
                                    const char *variant_id,
                                    const ProductService__Variant **ret_variant)
{
    if (product->n_variants == 1 && !variant_id[0]) {
        *ret_variant = product->variants[0];
        return status_ok();
    }
    if (product->n_variants == 0 &&
        (!variant_id[0] || strcmp(variant_id, product->product_id) == 0)) {
        *ret_variant = 0;
        return status_ok();
    }
    for (size_t i = 0; i < product->n_variants; i++) {
        if (strcmp(product->variants[i]->variant_id, variant_id) != 0) continue;
        *ret_variant = product->variants[i];
        return status_ok();
    }
    if (!variant_id[0])
        return status_field(call->arena, ARGOSY__REASON__INVALID_FIELDS, "variant_id",
                            "must be given, as this product has %zu variants", product->n_variants);
    return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__VARIANT_NOT_FOUND,
                       "the product has no such variant; GetProductById lists them");
}

static struct status check_for_sale(const ProductService__Product *product)
{
    if (cart_product_is_active(product)) return status_ok();
    return status_make(STATUS_FAILED_PRECONDITION, ARGOSY__REASON__PRODUCT_NOT_ACTIVE,
                       "this product is not for sale at present; choose another");
}

/* ---- handlers ---- */

static const char added_message[] = "added to cart";

struct addition {
    struct cart_line line;
    const struct cart_limits *limits;
};

static struct status add(const struct call *call, struct cart *cart, void *data)
{
    const struct addition *addition = data;

    return cart_add(call->arena, cart, &addition->line, addition->limits);
}

static struct str added_answer(const struct call *call, const struct cart *cart)
{
    CartService__CartStandardResponse response = CART_SERVICE__CART_STANDARD_RESPONSE__INIT;

    cart_reply(call, cart, added_message, &response);
    return idempotency_answer(call->arena, &response.base);
}

/* Makes a line of the product as the product service has it now. */
static struct status fetch_line(struct call *call, const CartService__AddToCartRequest *request,
                                struct cart_line *ret_line)
{
    const ProductService__Variant *variant;
    ProductService__Product *product;
    struct status st;

    st = get_product(call, request->category, request->product_id, &product);
    if (failed(st)) return st;

    st = check_for_sale(product);
    if (failed(st)) return st;

    st = choose_variant(call, product, request->variant_id, &variant);
    if (failed(st)) return st;

    cart_line_of(call->arena, product, variant, request->quantity, ret_line);
    return status_ok();
}

/* Adds to the caller's cart. The price is fetched first and written into the line; the store then
 * applies the change to the cart as it is at that moment, so two tabs that add at the same time
 * both count. A repeated request is answered before that, because the product may be gone by
 * now. */
static struct status add_to_cart(struct call *call, const CartService__AddToCartRequest *request,
                                 CartService__CartStandardResponse *response)
{
    struct cart_service *service = call_service(call);
    struct addition addition = {.limits = &service->limits};
    struct change_request once = {0};
    struct user user;
    struct cart cart;
    struct status st;

    st = call_user(call, &user);
    if (failed(st)) return st;

    st = idempotency_of_call(call, &user, &request->base, &once.idempotency);
    if (failed(st)) return st;
    st = service->store->replay(call, service->store, &once);
    if (failed(st)) return st;
    if (once.replayed.data) return idempotency_replay(call, once.replayed, &response->base);

    st = fetch_line(call, request, &addition.line);
    if (failed(st)) return st;

    st = service->store->update(
        call, service->store, user.email,
        &(struct cart_change){
            .apply = add, .data = &addition, .cause = {.request = &once}, .answer = added_answer},
        &cart);
    if (failed(st)) return st;
    if (once.replayed.data) return idempotency_replay(call, once.replayed, &response->base);

    cart_reply(call, &cart, added_message, response);
    return status_ok();
}

/* Compares the cart's prices with the present ones. If the product service is away or takes too
 * long, the cart is still shown, unchecked. */
static void compare_with_shop(struct call *call, const struct cart *cart,
                              CartService__CartStandardResponse *response)
{
    struct cart_service *service = call_service(call);
    ProductService__BatchGetProductsRequest request =
        PRODUCT_SERVICE__BATCH_GET_PRODUCTS_REQUEST__INIT;
    const struct rpc_options options = {.timeout_ms = COMPARE_TIMEOUT_MS};
    ProductService__BatchGetProductsResponse *products;

    for (size_t from = 0; from < cart->line_count; from += request.n_products) {
        size_t count = cart->line_count - from < CART_BATCH_MAX ? cart->line_count - from
                                                                : CART_BATCH_MAX;
        request.products = arena_array(call->arena, ProductService__ProductRef *, count);
        request.n_products = count;
        for (size_t i = 0; i < count; i++) {
            request.products[i] = arena_new(call->arena, ProductService__ProductRef);
            product_service__product_ref__init(request.products[i]);
            request.products[i]->category = (char *)cart->lines[from + i].category;
            request.products[i]->product_id = (char *)cart->lines[from + i].product_id;
        }
        if (failed(product_service_batch_get_products_with(call, service->products, &request,
                                                           &options, &products)))
            return;
        cart_reply_compare(response->cart_data, from, count, products);
    }
}

static struct status get_cart(struct call *call, const CartService__GetCartRequest *request,
                              CartService__CartStandardResponse *response)
{
    struct cart_service *service = call_service(call);
    struct user user;
    struct cart cart;
    struct status st;

    st = call_user(call, &user);
    if (failed(st)) return st;

    st = service->store->load(call, service->store, user.email, &cart);
    if (failed(st)) return st;

    cart_reply(call, &cart, "cart", response);
    compare_with_shop(call, &cart, response);
    return status_ok();
}

struct quantity_change {
    const CartService__UpdateCartItemRequest *request;
    const struct cart_limits *limits;
};

static struct status set_quantity(const struct call *call, struct cart *cart, void *data)
{
    const struct quantity_change *change = data;

    return cart_set(call->arena, cart, change->request->product_id, change->request->variant_id,
                    change->request->quantity, change->limits);
}

static struct status update_cart_item(struct call *call,
                                      const CartService__UpdateCartItemRequest *request,
                                      CartService__CartStandardResponse *response)
{
    struct cart_service *service = call_service(call);
    struct quantity_change change = {request, &service->limits};
    struct user user;
    struct cart cart;
    struct status st;

    st = call_user(call, &user);
    if (failed(st)) return st;

    st = service->store->update(call, service->store, user.email,
                                &(struct cart_change){.apply = set_quantity, .data = &change},
                                &cart);
    if (failed(st)) return st;

    cart_reply(call, &cart, "cart updated", response);
    return status_ok();
}

static struct status remove_product(const struct call *call, struct cart *cart, void *data)
{
    const CartService__RemoveFromCartRequest *request = data;

    return cart_remove(call->arena, cart, request->product_id, request->variant_id);
}

static struct status remove_from_cart(struct call *call,
                                      const CartService__RemoveFromCartRequest *request,
                                      CartService__CartStandardResponse *response)
{
    struct cart_service *service = call_service(call);
    struct user user;
    struct cart cart;
    struct status st;

    st = call_user(call, &user);
    if (failed(st)) return st;

    st = service->store->update(
        call, service->store, user.email,
        &(struct cart_change){.apply = remove_product, .data = (void *)request}, &cart);
    if (failed(st)) return st;

    cart_reply(call, &cart, "removed from cart", response);
    return status_ok();
}

static struct status clear(const struct call *call, struct cart *cart, void *data)
{
    cart_clear(cart);
    return status_ok();
}

static struct status clear_cart(struct call *call, const CartService__ClearCartRequest *request,
                                CartService__CartStandardResponse *response)
{
    struct cart_service *service = call_service(call);
    struct user user;
    struct cart cart;
    struct status st;

    st = call_user(call, &user);
    if (failed(st)) return st;

    st = service->store->update(call, service->store, user.email,
                                &(struct cart_change){.apply = clear}, &cart);
    if (failed(st)) return st;

    cart_reply(call, &cart, "cart cleared", response);
    return status_ok();
}

const struct cart_service_handlers cart_handlers = {
    .add_to_cart = add_to_cart,
    .get_cart = get_cart,
    .update_cart_item = update_cart_item,
    .remove_from_cart = remove_from_cart,
    .clear_cart = clear_cart,
};
