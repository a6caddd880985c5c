/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of the stock: reading it, changing it, its ledger, and the check of all stock. */
#include "base/clock.h"
#include "reasons.pb-c.h"
#include "services/product/product_service.h"

enum { ENTRIES_DEFAULT = 100, DIFFERENCES_DEFAULT = 1000 };

/* The stock of a product; customers see only what is available. */
struct status product_get_stock(struct call *call, const ProductService__GetStockRequest *request,
                                ProductService__StandardResponse *response)
{
    struct product_service *service = call_service(call);
    struct product_key key = {request->category, request->product_id};
    struct product_actor actor;
    struct product product;
    struct status st;

    st = service->store->find(call, service->store, &key, &product);
    if (failed(st)) return st;
    product_call_actor(call, &actor);
    if (!product_is_visible(&product, &actor)) return product_not_found();

    product_reply(response, 200, "stock");
    response->result_case = PRODUCT_SERVICE__STANDARD_RESPONSE__RESULT_STOCK;
    response->stock = product_message_stock(call->arena, &product,
                                            actor.is_admin || product_is_owner(&product, &actor));
    return st;
}

static struct status read_change(const struct call *call,
                                 const ProductService__AdjustStockRequest *request,
                                 struct product_stock_change *ret_change)
{
    struct product_stock_change change = {
        .cause = request->cause, .reference = request->reference, .now_us = clock_now_us()};

    if (str_starts_with(str_of(request->reference), STR(PRODUCT_ORDER_REFERENCE)))
        return status_field(call->arena, ARGOSY__REASON__INVALID_FIELDS, "reference",
                            "must not begin with \"%s\", which is for orders",
                            PRODUCT_ORDER_REFERENCE);
    switch (request->change_case) {
    case PRODUCT_SERVICE__ADJUST_STOCK_REQUEST__CHANGE_DELTA:
        change.kind = STOCK_DELTA;
        change.pieces = request->delta;
        break;
    case PRODUCT_SERVICE__ADJUST_STOCK_REQUEST__CHANGE_ON_HAND:
        change.kind = STOCK_COUNT;
        change.pieces = request->on_hand;
        break;
    case PRODUCT_SERVICE__ADJUST_STOCK_REQUEST__CHANGE_UNTRACK:
        if (!request->untrack)
            return status_field(call->arena, ARGOSY__REASON__INVALID_FIELDS, "untrack",
                                "must be true, or left out");
        change.kind = STOCK_UNTRACK;
        break;
    default:
        return status_field(call->arena, ARGOSY__REASON__INVALID_FIELDS, "delta",
                            "or on_hand or untrack must be given, and only one of them");
    }
    *ret_change = change;
    return status_ok();
}

static struct status allow_change(const struct call *call, const struct product *product,
                                  void *data)
{
    const struct product_actor *actor = data;

    return product_check_change(product, actor);
}

static void reply_adjusted(struct arena *arena, const struct product *product,
                           ProductService__StandardResponse *response)
{
    product_reply(response, 200, "stock changed");
    response->result_case = PRODUCT_SERVICE__STANDARD_RESPONSE__RESULT_STOCK;
    response->stock = product_message_stock(arena, product, true);
}

/* The same answer in the form in which an idempotency record keeps it. */
static struct str adjusted_answer(struct arena *arena, const struct product *product)
{
    ProductService__StandardResponse response = PRODUCT_SERVICE__STANDARD_RESPONSE__INIT;

    reply_adjusted(arena, product, &response);
    return idempotency_answer(arena, &response.base);
}

/* Changes the stock of one variant; a reference that was used before changes nothing. */
struct status product_adjust_stock(struct call *call,
                                   const ProductService__AdjustStockRequest *request,
                                   ProductService__StandardResponse *response)
{
    struct product_service *service = call_service(call);
    struct product_key key = {request->category, request->product_id};
    struct product_check check = {.allow = allow_change};
    struct change_request once = {0};
    const struct product_request asked = {.cause = {.request = &once}, .answer = adjusted_answer};
    struct product_stock_change change;
    struct product_adjustment adjustment = {request->variant_id, &change, &check, &asked};
    struct product_actor actor;
    struct product product;
    struct status st;

    st = product_call_seller(call, &actor);
    if (failed(st)) return st;
    st = product_call_once(call, &actor, &request->base, &once);
    if (failed(st)) return st;
    if (once.replayed.data) return idempotency_replay(call, once.replayed, &response->base);

    st = read_change(call, request, &change);
    if (failed(st)) return st;
    check.data = &actor;
    check.created_by = change.created_by = actor.email;
    st = service->store->adjust_stock(call, service->store, &key, &adjustment, &product);
    if (failed(st)) return st;
    if (once.replayed.data) return idempotency_replay(call, once.replayed, &response->base);
    reply_adjusted(call->arena, &product, response);
    return st;
}

static struct status read_entries_cursor(const struct call *call,
                                         const ProductService__ListStockEntriesRequest *request,
                                         uint64_t *ret_fingerprint, int64_t *ret_before)
{
    ProductService__ListStockEntriesRequest asked = *request;
    struct str position;
    struct status st;

    asked.cursor = (char *)protobuf_c_empty_string;
    asked.page_size = 0;
    *ret_fingerprint = rpc_cursor_fingerprint(call->arena, &asked.base);
    st = rpc_cursor_decode(call->arena, *ret_fingerprint, request->cursor, &position);
    if (failed(st)) return st;
    *ret_before = 0;
    if (position.length == 0) return st;
    if (!str_to_i64(position, ret_before) || *ret_before <= 0)
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__PAGE_CURSOR_INVALID,
                           "the cursor does not belong to this ledger; begin again without one");
    return st;
}

static ProductService__StockEntries *
entries_message(struct arena *arena, const struct product_stock_page *page, uint64_t fingerprint)
{
    ProductService__StockEntries *message = arena_alloc(arena, sizeof(*message));

    product_service__stock_entries__init(message);
    message->n_entries = page->count;
    message->entries = arena_array(arena, ProductService__StockEntry *, page->count);
    for (size_t i = 0; i < page->count; i++)
        message->entries[i] = product_message_entry(arena, &page->entries[i]);
    if (page->next > 0)
        message->next_cursor = rpc_cursor_encode(
            arena, fingerprint, str_of(arena_printf(arena, "%lld", (long long)page->next)));
    return message;
}

/* The ledger, newest first. */
struct status product_list_stock_entries(struct call *call,
                                         const ProductService__ListStockEntriesRequest *request,
                                         ProductService__StandardResponse *response)
{
    struct product_service *service = call_service(call);
    struct product_key key = {request->category, request->product_id};
    int limit = request->page_size > 0 ? request->page_size : ENTRIES_DEFAULT;
    struct product_stock_page page;
    struct product_actor actor;
    struct product product;
    uint64_t fingerprint;
    int64_t before;
    struct status st;

    st = product_call_seller(call, &actor);
    if (failed(st)) return st;
    st = read_entries_cursor(call, request, &fingerprint, &before);
    if (failed(st)) return st;
    st = service->store->find(call, service->store, &key, &product);
    if (failed(st)) return st;
    st = product_check_change(&product, &actor);
    if (failed(st)) return st;
    st = service->store->list_entries(call, service->store, product.product_id, request->variant_id,
                                      before, limit, &page);
    if (failed(st)) return st;

    product_reply(response, 200, "stock entries");
    response->result_case = PRODUCT_SERVICE__STANDARD_RESPONSE__RESULT_STOCK_ENTRIES;
    response->stock_entries = entries_message(call->arena, &page, fingerprint);
    return st;
}

static ProductService__StockDifference *
difference_message(struct arena *arena, const struct product_stock_difference *difference)
{
    ProductService__StockDifference *message = arena_alloc(arena, sizeof(*message));

    product_service__stock_difference__init(message);
    message->product_id = (char *)difference->product_id;
    message->variant_id = (char *)difference->variant_id;
    message->number = (char *)difference->number;
    message->against = (char *)difference->against;
    message->recorded = difference->recorded;
    message->expected = difference->expected;
    return message;
}

/* Checks one page, in the memory of `call`; the differences are copied into the response. */
static struct status check_page(struct call *call, struct arena *arena, size_t max,
                                const char **after, ProductService__CheckStockResponse *response)
{
    struct product_service *service = call_service(call);
    struct product_audit audit;
    struct status st;

    st = service->store->audit(call, service->store, *after, max - response->n_differences, &audit);
    if (failed(st)) return st;
    response->variant_count += audit.variant_count;
    response->difference_count += audit.difference_count;
    for (size_t i = 0; i < audit.named_count; i++) {
        struct product_stock_difference difference = audit.differences[i];
        difference.product_id = arena_strdup(arena, difference.product_id);
        difference.variant_id = arena_strdup(arena, difference.variant_id);
        response->differences[response->n_differences++] = difference_message(arena, &difference);
    }
    *after = audit.next;
    return st;
}

/* Compares all stock with the ledger and the reservations, page by page, in the memory of two
 * pages. */
struct status product_check_stock(struct call *call,
                                  const ProductService__CheckStockRequest *request,
                                  ProductService__CheckStockResponse *response)
{
    size_t max = request->limit > 0 ? (size_t)request->limit : DIFFERENCES_DEFAULT;
    struct arena pages[2]; /* of the previous page, which has `after`, and of this one */
    const char *after = "";
    struct call inner;
    struct status st;

    st = call_require_peer(call);
    if (failed(st)) return st;
    response->differences = arena_array(call->arena, ProductService__StockDifference *, max);
    arena_init(&pages[0], 0);
    arena_init(&pages[1], 0);
    call_init_child(&inner, call, 0);
    for (size_t page = 0; after && !failed(st); page ^= 1) {
        inner.arena = &pages[page];
        arena_reset(inner.arena);
        st = check_page(&inner, call->arena, max, &after, response);
    }
    if (failed(st)) st = status_dup(call->arena, st);
    arena_release(&pages[0]);
    arena_release(&pages[1]);
    return st;
}
