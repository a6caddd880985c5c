/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of the payment service, in the order of proto/payment.proto. */
#include <string.h>

#include "base/clock.h"
#include "order.rpc.h"
#include "rpc/cursor.h"
#include "rpc/rpc_arena.h"
#include "services/payment/payment_reply.h"
#include "services/payment/payment_service.h"

enum { PAGE_DEFAULT = 50, US_PER_MS = 1000 };
/* How long to wait for something that is on its way. */
enum { SOON_US = 2 * 1000 * 1000 };
#define ADMINS "admin superAdmin"

/* ---- who may ---- */

static struct status not_yours(void)
{
    return status_make(STATUS_PERMISSION_DENIED, ARGOSY__REASON__NOT_OWNER,
                       "the payment belongs to somebody else");
}

static bool is_customer(const struct payment *payment, const struct user *user)
{
    return str_equal_nocase(str_of(payment->user_id), str_of(user->email));
}

/* May the user pay? The order's customer and admins may. */
static struct status check_pays(const struct payment *payment, const struct user *user)
{
    if (user_has_role(user, ADMINS) || is_customer(payment, user)) return status_ok();
    return not_yours();
}

/* May the user read the payment? The same, and every seller of the order's products may. */
static struct status check_sees(const struct payment *payment, const struct user *user)
{
    if (user_has_role(user, "seller") && payment_is_seller(payment, user->email))
        return status_ok();
    return check_pays(payment, user);
}

/* May the user capture and refund? The seller of all the order's products and admins may. */
static struct status check_sells(const struct payment *payment, const struct user *user)
{
    if (user_has_role(user, ADMINS) || payment_is_only_seller(payment, user->email))
        return status_ok();
    return not_yours();
}

/* Shows the client secret to the order's customer alone. */
static void show_secret(const struct payment *payment, const struct user *user,
                        PaymentService__Payment *message)
{
    if (payment->state == PAYMENT_ACTION && is_customer(payment, user))
        message->client_secret = (char *)payment->client_secret;
}

/* ---- requesting an operation ---- */

/* A request for a step of a payment. */
struct demand {
    struct payment_service *service;
    enum payment_step step;
    struct payment_input input;
    const char *method, *note;
    struct change_request once;
    const char *asker;
    const char *payer; /* the customer whose failed attempts count; NULL: none */
    PaymentService__StandardResponse *response;
};

/* If no operation begins (an amount of 0), there is nothing to wait for, and the answer is stored
 * at once. */
static struct status apply(const struct call *call, struct payment_turn *turn, void *data)
{
    struct demand *demand = data;
    struct status st;

    st = payment_step(call, demand->service, demand->step, &demand->input, turn);
    if (failed(st)) return st;
    if (turn->begun.kind != PAYMENT_NO_OPERATION) {
        turn->begun.method = demand->method;
        turn->begun.note = demand->note;
        turn->begun.scope = demand->asker;
        turn->begun.key = demand->once.idempotency.key;
        return status_ok();
    }
    bool created = demand->step == PAYMENT_ASK_AUTHORIZE;
    payment_reply(call->arena, &turn->payment, created ? 201 : 200, "there was nothing to pay",
                  demand->response);
    turn->record.answer = idempotency_answer(call->arena, &demand->response->base);
    return status_ok();
}

/* Waits for the provider's answer, or answers 202 after a while. */
static struct status wait_for_answer(struct call *call, struct demand *demand,
                                     struct payment_waiter *waiter,
                                     const struct payment_written *written)
{
    PaymentService__StandardResponse *response = demand->response;
    int64_t timeout_ms = demand->service->policy.answer_within_ms;
    /* Answer before the caller's own deadline. */
    int64_t left_ms = call_remaining_us(call) / US_PER_MS * 9 / 10;
    struct status st;

    if (left_ms < timeout_ms) timeout_ms = left_ms;
    st = payment_worker_wait(call, waiter, timeout_ms > 0 ? timeout_ms : 1);
    if (failed(call_check(call))) return call_check(call);
    if (failed(st) || !waiter->answer.data) {
        payment_reply_processing(call->arena, &written->turn.payment, &written->turn.begun,
                                 response);
        return status_ok();
    }
    ProtobufCMessage *answer;
    st = rpc_unpack(call->arena, response->base.descriptor, waiter->answer, &answer);
    if (failed(st)) return st;
    *response = *(PaymentService__StandardResponse *)answer;
    return payment_reply_status(call, response);
}

/* Adds the client secret, which stored answers do not contain, while it is still needed. */
static struct status add_secret(struct call *call, const struct user *user,
                                const struct demand *demand)
{
    const PaymentService__StandardResponse *response = demand->response;
    struct payment_store *store = demand->service->store;
    struct payment payment;

    if (response->result_case != PAYMENT_SERVICE__STANDARD_RESPONSE__RESULT_PAYMENT ||
        strcmp(response->payment->status, payment_state_name(PAYMENT_ACTION)) != 0)
        return status_ok();
    struct status st = store->find(call, store, response->payment->payment_id, &payment);
    if (failed(st)) return st;
    show_secret(&payment, user, response->payment);
    return status_ok();
}

/* Waits while the payment is busy, which mostly lasts some milliseconds, so that a refund right
 * after the capture of a delivery need not be repeated by the client. */
static struct status change_soon(struct call *call, struct payment_service *service,
                                 const struct payment_change *change, struct payment_waiter *waiter,
                                 struct payment_written *ret_written)
{
    int64_t until_us = clock_monotonic_us() + SOON_US;
    struct status st, waited = status_ok();
    struct payment_wait wait;

    payment_wait_begin(service->waits, call, change->payment_id, &wait);
    for (;;) {
        st = payment_change_make(call, service, change, waiter, ret_written);
        if (st.reason != ARGOSY__REASON__PAYMENT_BUSY || clock_monotonic_us() >= until_us) break;
        waited = payment_wait_for(call, &wait, until_us);
        if (failed(waited)) break;
    }
    payment_wait_end(service->waits, call, &wait);
    return failed(waited) ? waited : st;
}

/* Requests a step of a payment, once for each key; a repeated request gets the first answer. */
static struct status ask(struct call *call, const ProtobufCMessage *request,
                         const struct user *user, const char *payment_id, struct demand *demand)
{
    struct payment_waiter *waiter = arena_new(call->arena, struct payment_waiter);
    struct payment_written written;
    struct status st;

    st = idempotency_of_call(call, user, request, &demand->once.idempotency);
    if (failed(st)) return st;

    demand->asker = str_lower(call->arena, str_of(user->email));
    waiter->arena = call->arena;
    struct payment_change change = {.payment_id = payment_id,
                                    .cause = {.request = &demand->once},
                                    .apply = apply,
                                    .data = demand};
    payment_count_payer(demand->service, demand->payer, &change);
    st = change_soon(call, demand->service, &change, waiter, &written);
    if (failed(st)) return st;

    if (demand->once.replayed.data) {
        st = idempotency_replay(call, demand->once.replayed, &demand->response->base);
        if (!failed(st)) st = payment_reply_status(call, demand->response);
    } else if (written.begins) {
        st = wait_for_answer(call, demand, waiter, &written);
    }
    return failed(st) ? st : add_secret(call, user, demand);
}

static struct demand *demand_new(struct call *call, enum payment_step step, int64_t amount_minor,
                                 PaymentService__StandardResponse *response)
{
    struct demand *demand = arena_new(call->arena, struct demand);

    demand->service = call_service(call);
    demand->step = step;
    demand->input.amount_minor = amount_minor;
    demand->method = demand->note = "";
    demand->response = response;
    return demand;
}

/* ---- handlers ---- */

/* Does the order service say that there is no such order? If it can't be asked, nobody knows. */
static bool order_is_unknown(struct call *call, const char *order_id)
{
    const struct payment_service *service = call_service(call);
    OrderService__GetOrderStatesRequest request = ORDER_SERVICE__GET_ORDER_STATES_REQUEST__INIT;
    OrderService__GetOrderStatesResponse *response;
    struct rpc_options options = {.timeout_ms = SOON_US / US_PER_MS};
    char *order_ids[] = {(char *)(uintptr_t)order_id};

    request.order_ids = order_ids;
    request.n_order_ids = 1;
    struct status st = order_service_get_order_states_with(call, service->orders, &request,
                                                           &options, &response);
    return !failed(st) && response->n_states == 1 && !response->states[0]->status[0];
}

/* Finds an order's payment; for an order that was made or validated just now it may not exist yet,
 * so this waits for it, unless there is no such order. */
static struct status find_soon(struct call *call, const char *order_id, struct payment *ret_payment)
{
    struct payment_service *service = call_service(call);
    int64_t until_us = clock_monotonic_us() + SOON_US;
    struct status st, waited = status_ok();
    struct payment_wait wait;
    bool asked = false;

    payment_wait_begin(service->waits, call, order_id, &wait);
    for (;;) {
        st = service->store->find_by_order(call, service->store, order_id, ret_payment);
        if (st.reason != ARGOSY__REASON__PAYMENT_NOT_FOUND || clock_monotonic_us() >= until_us)
            break;
        if (!asked && order_is_unknown(call, order_id)) break;
        asked = true;
        waited = payment_wait_for(call, &wait, until_us);
        if (failed(waited)) break;
    }
    payment_wait_end(service->waits, call, &wait);
    return failed(waited) ? waited : st;
}

struct abandonment {
    struct payment_service *service;
    struct payment_input input;
};

static struct status apply_abandon(const struct call *call, struct payment_turn *turn, void *data)
{
    struct abandonment *abandonment = data;

    if (turn->payment.state != PAYMENT_ACTION) return status_ok();
    return payment_step(call, abandonment->service, PAYMENT_ASK_ABANDON, &abandonment->input, turn);
}

/* Closes, at the provider, the attempt that the customer was asked to confirm and has abandoned. */
static struct status abandon(struct call *call, struct payment_service *service,
                             const struct payment *payment)
{
    struct abandonment *abandonment = arena_new(call->arena, struct abandonment);
    struct payment_change change = {
        .payment_id = payment->payment_id, .apply = apply_abandon, .data = abandonment};
    struct payment_written written;

    abandonment->service = service;
    payment_count_payer(service, payment->user_id, &change);
    change.fails_attempt = true;
    return payment_change_make(call, service, &change, 0, &written);
}

/* Authorizes with the request's method. If the customer is being asked to confirm another one, that
 * one is abandoned first. A repeated request gets its first answer instead. */
static struct status authorize(struct call *call,
                               const PaymentService__CreatePaymentRequest *request,
                               const struct user *user, const char *payment_id,
                               struct demand *demand)
{
    struct payment_service *service = demand->service;
    struct payment payment;
    struct status st;

    st = ask(call, &request->base, user, payment_id, demand);
    if (st.reason != ARGOSY__REASON__PAYMENT_STATE) return st;
    struct status found = service->store->find(call, service->store, payment_id, &payment);
    if (failed(found)) return found;
    if (payment.state != PAYMENT_ACTION) return st;

    st = abandon(call, service, &payment);
    return failed(st) ? st : ask(call, &request->base, user, payment_id, demand);
}

static struct status create_payment(struct call *call,
                                    const PaymentService__CreatePaymentRequest *request,
                                    PaymentService__StandardResponse *response)
{
    struct demand *demand = demand_new(call, PAYMENT_ASK_AUTHORIZE, 0, response);
    struct payment payment;
    struct user user;
    struct status st;

    st = call_user(call, &user);
    if (failed(st)) return st;

    st = find_soon(call, request->order_id, &payment);
    if (failed(st)) return st;

    st = check_pays(&payment, &user);
    if (failed(st)) return st;

    demand->method = request->payment_method;
    demand->payer = payment.user_id;
    return authorize(call, request, &user, payment.payment_id, demand);
}

static struct status reply_with_refunds(struct call *call, const struct payment *payment,
                                        const struct user *user,
                                        PaymentService__StandardResponse *response)
{
    struct payment_service *service = call_service(call);
    struct payment_refund *refunds;
    size_t count;

    struct status st = service->store->list_refunds(call, service->store, payment->payment_id,
                                                    PAYMENT_REFUNDS_SHOWN, &refunds, &count);
    if (failed(st)) return st;
    payment_reply(call->arena, payment, 200, "payment", response);
    response->payment = payment_message(call->arena, payment, refunds, count);
    show_secret(payment, user, response->payment);
    return status_ok();
}

static struct status get_payment(struct call *call,
                                 const PaymentService__GetPaymentRequest *request,
                                 PaymentService__StandardResponse *response)
{
    struct payment_service *service = call_service(call);
    struct payment payment;
    struct user user;
    struct status st;

    st = call_user(call, &user);
    if (failed(st)) return st;

    st = service->store->find(call, service->store, request->payment_id, &payment);
    if (failed(st)) return st;

    st = check_sees(&payment, &user);
    if (failed(st)) return st;

    return reply_with_refunds(call, &payment, &user, response);
}

static void reply_page(struct call *call, const struct user *user, const struct payment *payments,
                       size_t count, PaymentService__StandardResponse *response)
{
    PaymentService__Payments *page = arena_new(call->arena, PaymentService__Payments);

    payment_service__payments__init(page);
    page->payments = arena_array(call->arena, PaymentService__Payment *, count);
    for (size_t i = 0; i < count; i++) {
        page->payments[i] = payment_message(call->arena, &payments[i], 0, 0);
        show_secret(&payments[i], user, page->payments[i]);
    }
    page->n_payments = count;
    response->success = true;
    response->message = (char *)"payments";
    response->status_code = 200;
    response->result_case = PAYMENT_SERVICE__STANDARD_RESPONSE__RESULT_PAYMENTS;
    response->payments = page;
}

/* Lists the payments of an order: one, or none yet. */
static struct status list_of_order(struct call *call, const struct user *user, const char *order_id,
                                   PaymentService__StandardResponse *response)
{
    struct payment_service *service = call_service(call);
    struct payment payment;
    struct status st;

    st = service->store->find_by_order(call, service->store, order_id, &payment);
    if (st.reason == ARGOSY__REASON__PAYMENT_NOT_FOUND) {
        reply_page(call, user, 0, 0, response);
        return status_ok();
    }
    if (failed(st)) return st;
    st = check_sees(&payment, user);
    if (failed(st)) return st;
    reply_page(call, user, &payment, 1, response);
    return status_ok();
}

static struct status list_own(struct call *call, const struct user *user,
                              const PaymentService__ListPaymentsRequest *request,
                              PaymentService__StandardResponse *response)
{
    struct payment_service *service = call_service(call);
    PaymentService__ListPaymentsRequest filter = *request;
    size_t max = request->page_size ? (size_t)request->page_size : PAGE_DEFAULT;
    struct payment *payments;
    int64_t before = 0;
    struct str position;
    struct status st;
    size_t count;

    filter.page_size = 0;
    filter.cursor = (char *)"";
    uint64_t fingerprint = rpc_cursor_fingerprint(call->arena, &filter.base);
    st = rpc_cursor_decode(call->arena, fingerprint, request->cursor, &position);
    if (failed(st)) return st;
    if (position.length > 0 && !str_to_i64(position, &before))
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__PAGE_CURSOR_INVALID,
                           "the cursor does not belong to this list; begin again without one");
    st = service->store->list(call, service->store, user->email, &before, max, &payments, &count);
    if (failed(st)) return st;
    reply_page(call, user, payments, count, response);
    if (before > 0) {
        const char *next = arena_printf(call->arena, "%lld", (long long)before);
        response->payments->next_cursor = rpc_cursor_encode(call->arena, fingerprint, str_of(next));
    }
    return status_ok();
}

static struct status list_payments(struct call *call,
                                   const PaymentService__ListPaymentsRequest *request,
                                   PaymentService__StandardResponse *response)
{
    struct user user;
    struct status st;

    st = call_user(call, &user);
    if (failed(st)) return st;

    if (request->order_id[0]) return list_of_order(call, &user, request->order_id, response);
    return list_own(call, &user, request, response);
}

/* Requests a step of an existing payment, if `check` allows it to the user. */
static struct status ask_of(struct call *call, const ProtobufCMessage *request,
                            const char *payment_id, struct demand *demand,
                            struct status (*check)(const struct payment *payment,
                                                   const struct user *user))
{
    struct payment_service *service = call_service(call);
    struct payment payment;
    struct user user;
    struct status st;

    st = call_user(call, &user);
    if (failed(st)) return st;

    st = service->store->find(call, service->store, payment_id, &payment);
    if (failed(st)) return st;

    st = check(&payment, &user);
    if (failed(st)) return st;

    return ask(call, request, &user, payment_id, demand);
}

static struct status confirm_payment(struct call *call,
                                     const PaymentService__ConfirmPaymentRequest *request,
                                     PaymentService__StandardResponse *response)
{
    return ask_of(call, &request->base, request->payment_id,
                  demand_new(call, PAYMENT_ASK_CONFIRM, 0, response), check_pays);
}

static struct status capture_payment(struct call *call,
                                     const PaymentService__CapturePaymentRequest *request,
                                     PaymentService__StandardResponse *response)
{
    struct user user;
    struct status st;

    st = call_require_role(call, "seller " ADMINS, &user);
    if (failed(st)) return st;

    return ask_of(call, &request->base, request->payment_id,
                  demand_new(call, PAYMENT_ASK_CAPTURE, request->amount_minor, response),
                  check_sells);
}

static struct status void_payment(struct call *call,
                                  const PaymentService__VoidPaymentRequest *request,
                                  PaymentService__StandardResponse *response)
{
    struct user user;
    struct status st;

    st = call_require_role(call, ADMINS, &user);
    if (failed(st)) return st;

    return ask_of(call, &request->base, request->payment_id,
                  demand_new(call, PAYMENT_ASK_VOID, 0, response), check_sells);
}

static struct status refund_payment(struct call *call,
                                    const PaymentService__RefundPaymentRequest *request,
                                    PaymentService__StandardResponse *response)
{
    struct demand *demand = demand_new(call, PAYMENT_ASK_REFUND, request->amount_minor, response);
    struct user user;
    struct status st;

    st = call_require_role(call, "seller " ADMINS, &user);
    if (failed(st)) return st;

    demand->note = request->reason;
    return ask_of(call, &request->base, request->payment_id, demand, check_sells);
}

const struct payment_service_handlers payment_handlers = {
    .create_payment = create_payment,
    .get_payment = get_payment,
    .list_payments = list_payments,
    .confirm_payment = confirm_payment,
    .capture_payment = capture_payment,
    .void_payment = void_payment,
    .refund_payment = refund_payment,
    .receive_webhook = payment_receive_webhook,
    .list_postings = payment_list_postings,
    .reconcile_payments = payment_reconcile,
};
