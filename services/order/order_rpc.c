/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of the order service, in the order of proto/order.proto. */
#include <string.h>

#include "base/clock.h"
#include "rpc/cursor.h"
#include "services/order/order_message.h"
#include "services/order/order_service.h"

enum { PAGE_SIZE_DEFAULT = 50, WATCH_AGAIN_MS = 1000, CREATE_TRIES_MAX = 3, US_PER_MS = 1000 };
enum { STATES_DEFAULT = 256 };

static const char admins[] = "admin superAdmin";
static const char sellers[] = "seller admin superAdmin";

/* ---- permissions ---- */

static struct status not_owner(void)
{
    return status_make(STATUS_PERMISSION_DENIED, ARGOSY__REASON__NOT_OWNER,
                       "this order belongs to somebody else");
}

/* May the user read the order? Its customer, the sellers of its products, and admins may. */
static struct status check_sees(const struct order *order, const struct user *user)
{
    if (order_is_of(order, user->email) || user_has_role(user, admins)) return status_ok();
    if (user_has_role(user, sellers) && order_has_seller(order, user->email)) return status_ok();
    return not_owner();
}

/* The seller of all its products, and admins. */
static bool may_manage(const struct order *order, const struct user *user)
{
    return user_has_role(user, admins) ||
           (user_has_role(user, sellers) && order_is_sold_by(order, user->email));
}

/* ---- answers ---- */

static void reply(OrderService__StandardResponse *response, int status_code, const char *message)
{
    response->success = true;
    response->status_code = status_code;
    response->message = (char *)message;
}

static void reply_created(struct arena *arena, const struct order_written *written,
                          OrderService__StandardResponse *response)
{
    const struct order *order = &written->order;
    OrderService__OrderCreateData *data = arena_new(arena, OrderService__OrderCreateData);

    order_service__order_create_data__init(data);
    data->order_id = (char *)order->order_id;
    data->status = (char *)order_state_name(order->state);
    data->number = (char *)order_number_text(arena, order->number);
    data->total_minor = order->total_minor;
    data->currency = (char *)order->currency;
    reply(response, 201, "order created");
    response->result_case = ORDER_SERVICE__STANDARD_RESPONSE__RESULT_ORDER_CREATE_DATA;
    response->order_create_data = data;
}

static void reply_order(struct arena *arena, const struct order *order, const char *message,
                        OrderService__StandardResponse *response)
{
    reply(response, 200, message);
    response->result_case = ORDER_SERVICE__STANDARD_RESPONSE__RESULT_ORDER;
    response->order = order_message(arena, order);
}

/* The answer to a cancellation or a fulfilment; an order that is still CONFIRMED waits for its
 * payment's capture. */
static void reply_outcome(const struct order *order, OrderService__StandardResponse *response)
{
    if (order->state == ORDER_CANCELLED)
        reply(response, 200, "order cancelled");
    else if (order->state == ORDER_CONFIRMED)
        reply(response, 202, "fulfilment requested; it follows once the payment is captured");
    else
        reply(response, 200, "order fulfilled");
}

static void reply_changed(struct arena *arena, const struct order_written *written,
                          OrderService__StandardResponse *response)
{
    reply_order(arena, &written->order, "", response);
    reply_outcome(&written->order, response);
    order_message_add_history(arena, written->history, written->history_count, response->order);
}

/* The same answers in the form in which idempotency records keep them. */
static struct str created_answer(struct arena *arena, const struct order_written *written)
{
    OrderService__StandardResponse response = ORDER_SERVICE__STANDARD_RESPONSE__INIT;

    reply_created(arena, written, &response);
    return idempotency_answer(arena, &response.base);
}

static struct str changed_answer(struct arena *arena, const struct order_written *written)
{
    OrderService__StandardResponse response = ORDER_SERVICE__STANDARD_RESPONSE__INIT;

    reply_changed(arena, written, &response);
    return idempotency_answer(arena, &response.base);
}

/* ---- creating ---- */

/* Applies the limits of unpaid orders, unless an admin orders for a customer. */
static void bound(const struct call *call, const struct user *user,
                  const struct order_service *service, struct order_creation *creation,
                  struct order *order)
{
    if (user_has_role(user, admins)) return;
    order->client = order_client_of(call->arena, call_peer(call));
    creation->bounds = &service->policy;
}

/* The answer to the same request, if it was carried out before; else `st`, which prevents it now. */
static struct status answer_again(struct call *call, struct change_request *once, struct status st)
{
    struct order_store *store = ((struct order_service *)call_service(call))->store;
    struct status replayed = store->replay(call, store, once);

    if (failed(replayed)) return replayed;
    return once->replayed.data ? status_ok() : st;
}

/* Drafts the order and stores it; the result may also be the answer to the same request that was
 * carried out before, or an earlier order of the same state of the cart. Storing it finds both; the
 * cart and the products may have changed since, so they are also looked for if no order can be made
 * of these. */
static struct status make_order(struct call *call, const OrderService__CreateOrderRequest *request,
                                const struct user *user, struct change_request *once,
                                struct order_written *ret_written)
{
    struct order_service *service = call_service(call);
    struct order_step step = {.event = ORDER_CREATE, .cause = user->email};
    struct order_turn turn;
    struct order order;
    struct status st;
    bool made;

    st = order_draft(call, request, user, &order, &made);
    if (failed(st)) return answer_again(call, once, st);
    step.now_us = order.created_us;
    st = order_apply(call->arena, &order, &step, &service->policy, &turn);
    if (failed(st)) return st;

    struct order_creation creation = {.order = &order,
                                      .turn = &turn,
                                      .cause = {.request = once},
                                      .answer = created_answer,
                                      .is_made = made};
    bound(call, user, service, &creation, &order);
    return order_create(call, service, &creation, ret_written);
}

/* Creates an order. It is acknowledged once it is on the disk together with its event; the stock is
 * reserved later. */
static struct status create_order(struct call *call,
                                  const OrderService__CreateOrderRequest *request,
                                  OrderService__StandardResponse *response)
{
    struct order_written *written = arena_new(call->arena, struct order_written);
    struct change_request once = {0};
    struct user user;
    struct status st;

    st = call_user(call, &user);
    if (failed(st)) return st;
    st = idempotency_of_call(call, &user, &request->base, &once.idempotency);
    if (failed(st)) return st;
    for (int tries = 0; tries < CREATE_TRIES_MAX; tries++) {
        st = make_order(call, request, &user, &once, written);
        if (st.code != STATUS_ABORTED) break;
    }
    if (failed(st)) return st;
    if (once.replayed.data) return idempotency_replay(call, once.replayed, &response->base);
    reply_created(call->arena, written, response);
    return written->is_earlier ? idempotency_mark_replayed(call) : status_ok();
}

/* ---- reading ---- */

static struct status read_query(const struct call *call,
                                const OrderService__ListOrdersRequest *request,
                                const struct user *user, struct order_query *query)
{
    bool others = request->user_id[0] &&
                  !str_equal_nocase(str_of(request->user_id), str_of(user->email));
    bool own_products = str_equal_nocase(str_of(request->seller), str_of(user->email));

    if (request->seller[0] && request->user_id[0])
        return status_field(call->arena, ARGOSY__REASON__INVALID_FIELDS, "seller",
                            "must be left out when user_id is given");
    if (others && !user_has_role(user, admins)) return not_owner();
    if (request->seller[0] && !user_has_role(user, own_products ? sellers : admins))
        return not_owner();
    *query = (struct order_query){
        .user_id = others ? request->user_id : user->email,
        .seller = request->seller,
        .state = order_state_by_name(request->status),
        .limit = request->page_size > 0 ? request->page_size : PAGE_SIZE_DEFAULT,
    };
    return status_ok();
}

/* A cursor belongs to one list: the same caller, filters and sort. */
static uint64_t fingerprint_of(const struct call *call,
                               const OrderService__ListOrdersRequest *request,
                               const struct order_query *query)
{
    OrderService__ListOrdersRequest asked = *request;

    asked.cursor = (char *)protobuf_c_empty_string;
    asked.page_size = 0;
    asked.user_id = (char *)query->user_id;
    return rpc_cursor_fingerprint(call->arena, &asked.base);
}

static struct status list_orders(struct call *call, const OrderService__ListOrdersRequest *request,
                                 OrderService__StandardResponse *response)
{
    struct order_service *service = call_service(call);
    OrderService__Orders *orders = arena_new(call->arena, OrderService__Orders);
    struct order_query query;
    struct order_page page;
    uint64_t fingerprint;
    struct user user;
    struct status st;

    st = call_user(call, &user);
    if (failed(st)) return st;
    st = read_query(call, request, &user, &query);
    if (failed(st)) return st;
    fingerprint = fingerprint_of(call, request, &query);
    st = rpc_cursor_decode(call->arena, fingerprint, request->cursor, &query.after);
    if (failed(st)) return st;
    st = service->store->list(call, service->store, &query, &page);
    if (failed(st)) return st;

    order_service__orders__init(orders);
    orders->orders = arena_array(call->arena, OrderService__Order *, page.count);
    for (size_t i = 0; i < page.count; i++)
        orders->orders[orders->n_orders++] = order_message(call->arena, &page.orders[i]);
    if (page.next.length > 0)
        orders->next_cursor = rpc_cursor_encode(call->arena, fingerprint, page.next);
    reply(response, 200, "orders");
    response->result_case = ORDER_SERVICE__STANDARD_RESPONSE__RESULT_ORDERS;
    response->orders = orders;
    return status_ok();
}

/* Reads an order with its history, if the user may see it. */
static struct status load_order(struct call *call, const char *order_id, const struct user *user,
                                struct order *ret_order, OrderService__StandardResponse *response)
{
    struct order_service *service = call_service(call);
    struct order_transition *history;
    size_t count;
    struct status st;

    st = service->store->find(call, service->store, order_id, ret_order);
    if (failed(st)) return st;
    st = check_sees(ret_order, user);
    if (failed(st)) return st;
    st = service->store->history(call, service->store, ret_order, &history, &count);
    if (failed(st)) return st;
    reply_order(call->arena, ret_order, "order found", response);
    order_message_add_history(call->arena, history, count, response->order);
    return status_ok();
}

static struct status get_order(struct call *call, const OrderService__GetOrderRequest *request,
                               OrderService__StandardResponse *response)
{
    struct order order;
    struct user user;
    struct status st;

    st = call_user(call, &user);
    if (failed(st)) return st;
    return load_order(call, request->order_id, &user, &order, response);
}

/* ---- cancelling and fulfilling ---- */

/* A user's request to change an order, applied to the order as it is at that moment. */
struct demand {
    const struct order_policy *policy;
    const struct user *user;
    struct order_step step;
};

static struct status allow(const struct order *order, const struct demand *demand)
{
    if (may_manage(order, demand->user)) return status_ok();
    if (demand->step.event == ORDER_CANCEL && order_is_of(order, demand->user->email))
        return status_ok();
    return not_owner();
}

static struct status apply_asked(const struct call *call, struct order_written *written, void *data)
{
    const struct demand *demand = data;
    struct status st = allow(&written->order, demand);

    if (failed(st)) return st;
    return order_apply(call->arena, &written->order, &demand->step, demand->policy, &written->turn);
}

/* While the stock is not committed yet, which happens some milliseconds after confirmation, tries
 * again after each change of the order, so that a caller who fulfils it at once need not repeat the
 * call. A caller who watches too many orders is answered without waiting. */
static struct status update_soon(struct call *call, const struct demand *demand,
                                 const struct order_change *change,
                                 struct order_written *ret_written)
{
    struct order_service *service = call_service(call);
    int64_t until_us = clock_monotonic_us() + service->answer_within_ms * US_PER_MS;
    struct status st, waited;
    struct order_watcher watcher;
    bool watches = false;

    for (;;) {
        st = order_update(call, service, change, ret_written);
        int64_t left_ms = (until_us - clock_monotonic_us()) / US_PER_MS;
        if (st.reason != ARGOSY__REASON__ORDER_STOCK_PENDING || left_ms <= 0) break;
        if (watches)
            waited = order_watch_wait(call, &watcher,
                                      left_ms < WATCH_AGAIN_MS ? left_ms : WATCH_AGAIN_MS);
        else
            waited = order_watch_begin(call, service->watchers, change->order_id,
                                       demand->user->email, &watcher);
        if (failed(waited)) break;
        watches = true;
    }
    if (watches) order_watch_end(service->watchers, &watcher);
    return st;
}

static struct status ask(struct call *call, const char *order_id, struct demand *demand,
                         const ProtobufCMessage *request, OrderService__StandardResponse *response)
{
    struct order_service *service = call_service(call);
    struct order_written *written = arena_new(call->arena, struct order_written);
    struct change_request once = {0};
    struct status st;

    st = idempotency_of_call(call, demand->user, request, &once.idempotency);
    if (failed(st)) return st;
    demand->policy = &service->policy;
    demand->step.cause = demand->user->email;
    demand->step.now_us = clock_now_us();
    const struct order_change change = {
        .order_id = order_id,
        .apply = apply_asked,
        .data = demand,
        .cause = {.request = &once},
        .answer = changed_answer,
    };
    st = update_soon(call, demand, &change, written);
    if (failed(st)) return st;
    if (once.replayed.data) return idempotency_replay(call, once.replayed, &response->base);
    reply_changed(call->arena, written, response);
    return status_ok();
}

static struct status cancel_order(struct call *call,
                                  const OrderService__CancelOrderRequest *request,
                                  OrderService__StandardResponse *response)
{
    struct demand demand = {.step = {.event = ORDER_CANCEL}};
    struct user user;
    struct status st;

    st = call_user(call, &user);
    if (failed(st)) return st;
    demand.user = &user;
    if (request->reason[0]) demand.step.message = request->reason;
    return ask(call, request->order_id, &demand, &request->base, response);
}

/* Waits until the order has left CONFIRMED, or `timeout_ms` have passed. */
static struct status watch_fulfilment(struct call *call, struct order_watcher *watcher,
                                      const char *order_id, int64_t timeout_ms,
                                      struct order *ret_order)
{
    struct order_service *service = call_service(call);
    int64_t until_us = clock_monotonic_us() + timeout_ms * US_PER_MS;
    struct status st;

    for (;;) {
        st = service->store->find(call, service->store, order_id, ret_order);
        if (failed(st) || ret_order->state != ORDER_CONFIRMED) return st;
        int64_t left_ms = (until_us - clock_monotonic_us()) / US_PER_MS;
        if (left_ms <= 0) return status_ok();
        st = order_watch_wait(call, watcher, left_ms < WATCH_AGAIN_MS ? left_ms : WATCH_AGAIN_MS);
        if (failed(st)) return st;
    }
}

static bool was_fulfilled(const OrderService__Order *order)
{
    for (size_t i = 0; i < order->n_history; i++)
        if (strcmp(order->history[i]->to, order_state_name(ORDER_FULFILLED)) == 0) return true;
    return false;
}

/* Waits for the outcome after fulfilment was requested, as the payment is mostly captured within
 * milliseconds. A repeated request with the same key waits too. */
static struct status wait_for_fulfilment(struct call *call, const char *order_id,
                                         const struct user *user,
                                         OrderService__StandardResponse *response)
{
    struct order_service *service = call_service(call);
    /* Answer before the caller's own deadline. */
    int64_t timeout_ms = call_remaining_us(call) / US_PER_MS * 9 / 10;
    struct order_watcher watcher;
    struct order order;
    struct status st;

    if (timeout_ms > service->answer_within_ms) timeout_ms = service->answer_within_ms;
    /* A caller who watches too many orders is answered without waiting. */
    if (failed(order_watch_begin(call, service->watchers, order_id, user->email, &watcher)))
        return status_ok();
    st = watch_fulfilment(call, &watcher, order_id, timeout_ms, &order);
    order_watch_end(service->watchers, &watcher);
    if (failed(st)) return st;
    st = load_order(call, order_id, user, &order, response);
    if (failed(st)) return st;
    if (order.state != ORDER_CONFIRMED && !was_fulfilled(response->order))
        return status_printf(call->arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__ORDER_STATE,
                             "the order is %s and was not fulfilled: %s",
                             order_state_name(order.state), order.message);
    reply_outcome(&order, response);
    return status_ok();
}

static struct status fulfil_order(struct call *call,
                                  const OrderService__FulfilOrderRequest *request,
                                  OrderService__StandardResponse *response)
{
    struct demand demand = {.step = {.event = ORDER_FULFIL}};
    struct user user;
    struct status st;

    st = call_require_role(call, sellers, &user);
    if (failed(st)) return st;
    demand.user = &user;
    if (request->tracking_number[0]) demand.step.tracking_number = request->tracking_number;
    st = ask(call, request->order_id, &demand, &request->base, response);
    if (failed(st) || !response->order) return st;
    if (strcmp(response->order->status, order_state_name(ORDER_CONFIRMED)) != 0) return st;
    return wait_for_fulfilment(call, request->order_id, &user, response);
}

/* ---- for reconciliation ---- */

static OrderService__OrderState *state_message(struct arena *arena, const char *order_id,
                                               enum order_state state)
{
    OrderService__OrderState *message = arena_new(arena, OrderService__OrderState);

    order_service__order_state__init(message);
    message->order_id = (char *)order_id;
    message->status = (char *)order_state_name(state);
    return message;
}

static struct status get_order_states(struct call *call,
                                      const OrderService__GetOrderStatesRequest *request,
                                      OrderService__GetOrderStatesResponse *response)
{
    struct order_service *service = call_service(call);
    const char *const *order_ids = (const char *const *)request->order_ids;
    size_t count = request->n_order_ids;
    enum order_state *states;
    struct status st;

    st = call_require_peer(call);
    if (failed(st)) return st;

    st = service->store->states(call, service->store, order_ids, count, &states);
    if (failed(st)) return st;

    response->states = arena_array(call->arena, OrderService__OrderState *, count);
    for (size_t i = 0; i < count; i++)
        response->states[response->n_states++] = state_message(call->arena, order_ids[i],
                                                               states[i]);
    return status_ok();
}

static struct status list_order_states(struct call *call,
                                       const OrderService__ListOrderStatesRequest *request,
                                       OrderService__ListOrderStatesResponse *response)
{
    struct order_service *service = call_service(call);
    size_t max = request->limit ? (size_t)request->limit : STATES_DEFAULT, count;
    struct order_brief *briefs;
    struct status st;

    st = call_require_peer(call);
    if (failed(st)) return st;

    st = service->store->briefs(call, service->store, request->after_number, max, &briefs, &count);
    if (failed(st)) return st;

    response->states = arena_array(call->arena, OrderService__OrderState *, count);
    for (size_t i = 0; i < count; i++) {
        OrderService__OrderState *state = state_message(call->arena, briefs[i].order_id,
                                                        briefs[i].state);
        state->number = briefs[i].number;
        state->total_minor = briefs[i].total_minor;
        response->states[response->n_states++] = state;
    }
    return status_ok();
}

/* ---- watching ---- */

struct watch {
    const char *order_id;
    struct user user;
    struct rpc_stream *stream;
    int steps; /* of the order as last sent; -1: nothing was sent yet */
    int64_t updated_us;
    bool final;
};

/* Sends the order if it has changed since it was last sent. */
static struct status send_if_changed(struct call *call, struct watch *watch)
{
    OrderService__StandardResponse response = ORDER_SERVICE__STANDARD_RESPONSE__INIT;
    struct order order;
    struct status st;

    st = load_order(call, watch->order_id, &watch->user, &order, &response);
    if (failed(st)) return st;
    watch->final = order_is_final(order.state);
    if (order.steps == watch->steps && order.updated_us == watch->updated_us) return status_ok();
    watch->steps = order.steps;
    watch->updated_us = order.updated_us;
    return order_service_watch_order_reply(call, watch->stream, &response);
}

static struct status send_changes(struct call *call, struct watch *watch,
                                  struct order_watcher *watcher)
{
    const struct order_service *service = call_service(call);
    struct arena scratch; /* for one look, of which there may be many */
    struct call look;
    struct status st;

    arena_init(&scratch, 0);
    call_init_child(&look, call, 0);
    look.arena = &scratch;
    for (;;) {
        st = send_if_changed(&look, watch);
        if (failed(st)) st = status_dup(call->arena, st);
        arena_reset(&scratch);
        if (failed(st) || watch->final) break;
        if (!rpc_server_is_serving(service->server)) {
            st = status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__DRAINING,
                             "the server is about to stop; watch the order again");
            break;
        }
        st = order_watch_wait(call, watcher, WATCH_AGAIN_MS);
        if (failed(st)) break;
    }
    arena_release(&scratch);
    return st;
}

/* Sends the order as it is and after each change until it is final. Changes by this process wake
 * the call; once a second it also looks for changes by other processes. */
static struct status watch_order(struct call *call, const OrderService__WatchOrderRequest *request,
                                 struct rpc_stream *stream)
{
    struct order_service *service = call_service(call);
    struct watch watch = {.order_id = request->order_id, .stream = stream, .steps = -1};
    struct order_watcher watcher;
    struct status st;

    st = call_user(call, &watch.user);
    if (failed(st)) return st;
    st = order_watch_begin(call, service->watchers, request->order_id, watch.user.email, &watcher);
    if (failed(st)) return st;
    st = send_changes(call, &watch, &watcher);
    order_watch_end(service->watchers, &watcher);
    return st;
}

const struct order_service_handlers order_handlers = {
    .create_order = create_order,
    .list_orders = list_orders,
    .get_order = get_order,
    .cancel_order = cancel_order,
    .fulfil_order = fulfil_order,
    .get_order_states = get_order_states,
    .list_order_states = list_order_states,
    .watch_order = watch_order,
};
