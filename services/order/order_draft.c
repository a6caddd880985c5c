/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts the order of a request: reads the wanted lines, fetches their products, and compares the
 * prices with those that the customer saw. */
#include "base/clock.h"
#include "base/money.h"
#include "cart.rpc.h"
#include "product.rpc.h"
#include "rpc/existing_system.h"
#include "services/order/order_message.h"
#include "services/order/order_service.h"

/* Products in one BatchGetProducts, and the most lines that an error names. */
enum { BATCH_MAX = 200, NAMED_MAX = 16, CART_STATE_MAX = 128 };

/* One line of the request, before its product is known. */
struct wanted {
    const char *product_id, *category, *variant_id;
    int quantity;
    const CartService__CartItem *seen; /* the cart's line; NULL: not from the cart */
};

struct draft {
    struct call *call;
    struct order_service *service;
    const OrderService__CreateOrderRequest *request;
    struct wanted *wanted;
    size_t wanted_count;
    ProductService__ProductRef **refs; /* each product once */
    size_t ref_count;
    ProductService__Product **products; /* those that exist */
    size_t product_count;
    struct field_violation *dearer;
    size_t dearer_count;
    struct order order;
};

/* ---- the wanted lines ---- */

static struct status invalid(struct call *call, const char *field, const char *description)
{
    return status_field(call->arena, ARGOSY__REASON__INVALID_FIELDS, field, "%s", description);
}

static struct status want_product(struct draft *draft)
{
    const OrderService__CreateOrderRequest *request = draft->request;

    if (request->n_items > 0)
        return invalid(draft->call, "items", "must be left out when product_id is given");
    if (!request->category[0])
        return invalid(draft->call, "category", "must be given with product_id");
    draft->wanted = arena_new(draft->call->arena, struct wanted);
    draft->wanted[0] = (struct wanted){
        .product_id = request->product_id,
        .category = request->category,
        .variant_id = request->variant_id,
        .quantity = request->quantity ? request->quantity : 1,
    };
    draft->wanted_count = 1;
    return status_ok();
}

static void want_items(struct draft *draft)
{
    const OrderService__CreateOrderRequest *request = draft->request;

    draft->wanted = arena_array(draft->call->arena, struct wanted, request->n_items);
    for (size_t i = 0; i < request->n_items; i++) {
        const OrderService__OrderItemInput *item = request->items[i];
        draft->wanted[draft->wanted_count++] = (struct wanted){
            .product_id = item->product_id,
            .category = item->category,
            .variant_id = item->variant_id,
            .quantity = item->quantity,
        };
    }
}

/* The name of the cart's state. The existing system's cart service has none, so the time of the
 * last change stands for it; without that "", and every request is an order of its own. */
static const char *state_of(struct arena *arena, const CartService__CartData *cart)
{
    if (cart->state[0] && strlen(cart->state) <= CART_STATE_MAX) return cart->state;
    if (!cart->updated_at) return "";
    return arena_printf(arena, "%lld.%d", (long long)cart->updated_at->seconds,
                        (int)cart->updated_at->nanos);
}

static struct status want_cart(struct draft *draft)
{
    CartService__GetCartRequest request = CART_SERVICE__GET_CART_REQUEST__INIT;
    struct call *call = draft->call;
    CartService__CartStandardResponse *response;
    struct status st;

    st = cart_service_get_cart(call, draft->service->carts, &request, &response);
    if (st.code == STATUS_INVALID_ARGUMENT) st.code = STATUS_INTERNAL;
    if (failed(st)) return st;
    const CartService__CartData *cart =
        response->result_case == CART_SERVICE__CART_STANDARD_RESPONSE__RESULT_CART_DATA
            ? response->cart_data
            : 0;
    if (!cart || cart->n_items == 0)
        return status_make(STATUS_FAILED_PRECONDITION, ARGOSY__REASON__CART_EMPTY,
                           "the cart is empty; add something to it, or order `items`");
    draft->wanted = arena_array(call->arena, struct wanted, cart->n_items);
    for (size_t i = 0; i < cart->n_items; i++) {
        const CartService__CartItem *item = cart->items[i];
        draft->wanted[draft->wanted_count++] = (struct wanted){
            .product_id = item->product_id,
            .category = item->category,
            .variant_id = item->variant_id,
            .quantity = item->quantity,
            .seen = item,
        };
    }
    draft->order.from_cart = true;
    draft->order.cart_state = state_of(call->arena, cart);
    return status_ok();
}

/* The request has one of three forms. A part of the one-product form alone is a mistake, not an
 * order of the whole cart. */
static struct status read_wanted(struct draft *draft, const struct user *user)
{
    const OrderService__CreateOrderRequest *request = draft->request;

    if (request->product_id[0]) return want_product(draft);
    if (request->quantity || request->category[0] || request->variant_id[0])
        return invalid(draft->call, "product_id",
                       "must be given with quantity, category or variant_id");
    if (request->n_items > 0) {
        want_items(draft);
        return status_ok();
    }
    if (!order_is_of(&draft->order, user->email))
        return invalid(draft->call, "items", "must be given in an order for somebody else");
    return want_cart(draft);
}

/* ---- the products ---- */

static bool is_listed(const struct draft *draft, const struct wanted *wanted)
{
    for (size_t i = 0; i < draft->ref_count; i++)
        if (strcmp(draft->refs[i]->product_id, wanted->product_id) == 0) return true;
    return false;
}

static void list_products(struct draft *draft)
{
    struct arena *arena = draft->call->arena;

    draft->refs = arena_array(arena, ProductService__ProductRef *, draft->wanted_count);
    for (size_t i = 0; i < draft->wanted_count; i++) {
        const struct wanted *wanted = &draft->wanted[i];
        if (is_listed(draft, wanted)) continue;
        ProductService__ProductRef *ref = arena_new(arena, ProductService__ProductRef);
        product_service__product_ref__init(ref);
        ref->category = (char *)wanted->category;
        ref->product_id = (char *)wanted->product_id;
        draft->refs[draft->ref_count++] = ref;
    }
}

/* Fetches one product; a missing one is left out, as in a batch. */
static struct status get_product(struct draft *draft, const ProductService__ProductRef *ref)
{
    ProductService__GetProductByIdRequest request =
        PRODUCT_SERVICE__GET_PRODUCT_BY_ID_REQUEST__INIT;
    ProductService__StandardResponse *response;

    request.category = ref->category;
    request.product_id = ref->product_id;
    struct status st = product_service_get_product_by_id(draft->call, draft->service->products,
                                                         &request, &response);
    if (!failed(st))
        st = existing_envelope_status(draft->call->arena, response->success, response->status_code,
                                      response->message, ARGOSY__REASON__PRODUCT_NOT_FOUND);
    if (st.code == STATUS_NOT_FOUND) return status_ok();
    if (failed(st)) return st;
    if (response->result_case != PRODUCT_SERVICE__STANDARD_RESPONSE__RESULT_PRODUCT ||
        !response->product->product)
        return status_make(STATUS_INTERNAL, 0, "the product service answered without a product");
    draft->products[draft->product_count++] = response->product->product;
    return status_ok();
}

/* Fetches the products one by one, from the existing system's product service, which has no
 * batches. */
static struct status get_each_product(struct draft *draft)
{
    struct status st = status_ok();

    for (size_t i = 0; i < draft->ref_count && !failed(st); i++)
        st = get_product(draft, draft->refs[i]);
    return st;
}

static struct status get_products(struct draft *draft)
{
    ProductService__BatchGetProductsRequest request =
        PRODUCT_SERVICE__BATCH_GET_PRODUCTS_REQUEST__INIT;
    ProductService__BatchGetProductsResponse *response;

    list_products(draft);
    draft->products = arena_array(draft->call->arena, ProductService__Product *, draft->ref_count);
    for (size_t from = 0; from < draft->ref_count; from += request.n_products) {
        size_t left = draft->ref_count - from;
        request.products = draft->refs + from;
        request.n_products = left < BATCH_MAX ? left : BATCH_MAX;
        struct status st = product_service_batch_get_products(draft->call, draft->service->products,
                                                              &request, &response);
        if (st.code == STATUS_UNIMPLEMENTED) return get_each_product(draft);
        /* The caller's fields passed our rules, so a malformed request is our fault. */
        if (st.code == STATUS_INVALID_ARGUMENT) st.code = STATUS_INTERNAL;
        if (failed(st)) return st;
        for (size_t i = 0; i < response->n_products && draft->product_count < draft->ref_count; i++)
            draft->products[draft->product_count++] = response->products[i];
    }
    return status_ok();
}

static struct status find_product(const struct draft *draft, const struct wanted *wanted,
                                  const ProductService__Product **ret_product)
{
    for (size_t i = 0; i < draft->product_count; i++) {
        const ProductService__Product *product = draft->products[i];
        /* By its id alone: its category may have changed. */
        if (strcmp(product->product_id, wanted->product_id) != 0) continue;
        if (!existing_status_for_sale(product->status))
            return status_printf(draft->call->arena, STATUS_FAILED_PRECONDITION,
                                 ARGOSY__REASON__PRODUCT_NOT_ACTIVE,
                                 "%s (%s) is not for sale at present; order without it",
                                 product->name, product->product_id);
        *ret_product = product;
        return status_ok();
    }
    return status_printf(draft->call->arena, STATUS_NOT_FOUND, ARGOSY__REASON__PRODUCT_NOT_FOUND,
                         "there is no product %s; order without it", wanted->product_id);
}

/* Finds the variant that the request means; NULL for a product of the existing system, which has no
 * variants. */
static struct status choose_variant(const struct draft *draft, const struct wanted *wanted,
                                    const ProductService__Product *product,
                                    const ProductService__Variant **ret_variant)
{
    const char *variant_id = wanted->variant_id;

    *ret_variant = 0;
    if (product->n_variants == 0 &&
        (!variant_id[0] || strcmp(variant_id, product->product_id) == 0))
        return status_ok();
    if (product->n_variants == 1 && !variant_id[0]) {
        *ret_variant = product->variants[0];
        return status_ok();
    }
    for (size_t i = 0; i < product->n_variants; i++) {
        if (strcmp(product->variants[i]->variant_id, variant_id) != 0) continue;
        *ret_variant = product->variants[i];
        return status_ok();
    }
    if (variant_id[0])
        return status_printf(draft->call->arena, STATUS_NOT_FOUND,
                             ARGOSY__REASON__VARIANT_NOT_FOUND,
                             "%s (%s) has no variant %s; GetProductById lists them", product->name,
                             product->product_id, variant_id);
    const char *field = draft->request->n_items == 0
                            ? "variant_id"
                            : arena_printf(draft->call->arena, "items[%zu].variant_id",
                                           (size_t)(wanted - draft->wanted));
    return status_field(draft->call->arena, ARGOSY__REASON__INVALID_FIELDS, field,
                        "must be given, as %s has %zu variants", product->name,
                        product->n_variants);
}

/* The existing system's product service names no currency. */
static const char *currency_of(const ProductService__Product *product)
{
    return product->currency[0] ? product->currency : "USD";
}

static void line_of(struct arena *arena, const struct wanted *wanted,
                    const ProductService__Product *product, const ProductService__Variant *variant,
                    struct order_line *ret_line)
{
    size_t option_count = variant ? variant->n_options : 0;
    const char **options = arena_array(arena, const char *, option_count);

    for (size_t i = 0; i < option_count; i++) options[i] = variant->options[i]->value;
    *ret_line = (struct order_line){
        .product_id = product->product_id,
        .category = product->category,
        .variant_id = variant ? variant->variant_id : product->product_id,
        .product_name = product->name,
        .options = options,
        .option_count = option_count,
        .image_url = product->n_image_urls ? product->image_urls[0] : "",
        .seller = product->created_by,
        .unit_amount = variant ? variant->unit_amount
                               : money_nearest(product->price, currency_of(product)),
        .quantity = wanted->quantity,
    };
    if (variant && variant->image_url[0]) ret_line->image_url = variant->image_url;
}

/* ---- the prices that the customer saw ---- */

/* Notes a line that costs more than the cart says, or has another currency. */
static void compare(struct draft *draft, const struct wanted *wanted, const struct order_line *line,
                    const char *currency)
{
    const CartService__CartItem *seen = wanted->seen;

    if (!seen || (line->unit_amount <= seen->unit_amount && strcmp(currency, seen->currency) == 0))
        return;
    if (draft->dearer_count == NAMED_MAX) return;
    if (!draft->dearer)
        draft->dearer = arena_array(draft->call->arena, struct field_violation, NAMED_MAX);
    draft->dearer[draft->dearer_count++] = (struct field_violation){
        .field = arena_printf(draft->call->arena, "cart.items[%zu]",
                              (size_t)(wanted - draft->wanted)),
        .description = arena_printf(
            draft->call->arena, "%s (%s) now costs %lld %s in minor units, and in the cart %lld %s",
            line->product_name, line->variant_id, (long long)line->unit_amount, currency,
            (long long)seen->unit_amount, seen->currency),
    };
}

static struct status check_seen(struct draft *draft)
{
    const OrderService__CreateOrderRequest *request = draft->request;
    struct status_details *details;
    struct status st;

    if (draft->dearer_count > 0) {
        st = status_printf(draft->call->arena, STATUS_FAILED_PRECONDITION,
                           ARGOSY__REASON__PRICE_CHANGED,
                           "prices have changed since the cart was filled: %s; add the products to "
                           "the cart again to take the new price",
                           draft->dearer[0].description);
        details = arena_new(draft->call->arena, struct status_details);
        details->violations = draft->dearer;
        details->violation_count = draft->dearer_count;
        st.details = details;
        return st;
    }
    if (request->expected_total_minor_given_case == 0 ||
        draft->order.total_minor <= request->expected_total_minor)
        return status_ok();
    return status_printf(
        draft->call->arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__PRICE_CHANGED,
        "the order costs %lld %s in minor units, more than the expected %lld; show "
        "the customer the new total",
        (long long)draft->order.total_minor, draft->order.currency,
        (long long)request->expected_total_minor);
}

/* ---- the order ---- */

static struct status add_line(struct draft *draft, const struct wanted *wanted)
{
    const ProductService__Product *product;
    const ProductService__Variant *variant;
    struct order_line line;
    struct status st;

    st = find_product(draft, wanted, &product);
    if (failed(st)) return st;
    st = choose_variant(draft, wanted, product, &variant);
    if (failed(st)) return st;
    line_of(draft->call->arena, wanted, product, variant, &line);
    compare(draft, wanted, &line, currency_of(product));
    return order_add(draft->call->arena, &draft->order, &line, currency_of(product),
                     &draft->service->policy);
}

/* Callers order for themselves; admins for anybody. */
static struct status choose_customer(const OrderService__CreateOrderRequest *request,
                                     const struct user *user, const char **ret_customer)
{
    bool own = !request->user_id[0] ||
               str_equal_nocase(str_of(request->user_id), str_of(user->email));

    if (!own && !user_has_role(user, "admin superAdmin"))
        return status_make(STATUS_PERMISSION_DENIED, ARGOSY__REASON__NOT_OWNER,
                           "user_id names somebody else; leave it out to order for yourself");
    *ret_customer = own ? user->email : request->user_id;
    return status_ok();
}

/* Was this state of the cart ordered before? Then that order is the answer, even if its products
 * have changed since. */
static bool was_ordered(const struct draft *draft)
{
    const struct order *order = &draft->order;
    struct order_store *store = draft->service->store;
    struct order earlier;

    return order->cart_state[0] && !failed(store->find_of_cart(draft->call, store, order->user_id,
                                                               order->cart_state, &earlier));
}

static struct status price(struct draft *draft)
{
    struct status st = get_products(draft);

    for (size_t i = 0; i < draft->wanted_count && !failed(st); i++)
        st = add_line(draft, &draft->wanted[i]);
    return failed(st) ? st : check_seen(draft);
}

struct status order_draft(struct call *call, const OrderService__CreateOrderRequest *request,
                          const struct user *user, struct order *ret_order, bool *ret_made)
{
    struct draft draft = {.call = call, .service = call_service(call), .request = request};
    const char *customer;
    struct status st;
    bool made = false;

    st = choose_customer(request, user, &customer);
    if (failed(st)) return st;
    order_init(call->arena, customer, clock_now_us(), &draft.order);
    st = read_wanted(&draft, user);
    if (failed(st)) return st;
    st = price(&draft);
    if (failed(st)) made = was_ordered(&draft);
    if (failed(st) && !made) return st;

    draft.order.address = order_address_of(call->arena, request->shipping_address);
    draft.order.note = request->note;
    draft.order.payment_method = request->payment_method;
    *ret_order = draft.order;
    *ret_made = made;
    return status_ok();
}
