/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers, in the order of proto/payment.proto. */
#include <string.h>

#include "base/clock.h"
#include "rpc/cursor.h"
#include "rpc/rpc_arena.h"
#include "services/payment/payment_reply.h"
#include "services/payment/payment_service.h"

enum { PAGE_DEFAULT = 50, US_PER_MS = 1000 };
/* How often, and how long between, for what is on its way: two seconds. */
enum { NEW_ORDER_TRIES = 40, NEW_ORDER_PAUSE_US = 50 * 1000 };
enum { BUSY_TRIES = 100, BUSY_PAUSE_US = 20 * 1000 };
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

/* The order's customer, or an admin. */
static struct status check_pays(const struct payment *payment, const struct user *user)
{
    if (user_has_role(user, ADMINS) || is_customer(payment, user)) return status_ok();
    return not_yours();
}

/* They, or a seller of some of it. */
static struct status check_sees(const struct payment *payment, const struct user *user)
{
    if (user_has_role(user, "seller") && payment_is_seller(payment, user->email))
        return status_ok();
    return check_pays(payment, user);
}

/* The seller of all of it, or an admin. */
static struct status check_sells(const struct payment *payment, const struct user *user)
{
    if (user_has_role(user, ADMINS) || payment_is_only_seller(payment, user->email))
        return status_ok();
    return not_yours();
}

/* What the customer needs to confirm is for nobody else. */
static void show_secret(const struct payment *payment, const struct user *user,
                        PaymentService__Payment *message)
{
    if (payment->state == PAYMENT_ACTION && is_customer(payment, user))
        message->client_secret = (char *)payment->client_secret;
}

/* ---- asking for an operation ---- */

/* What a request asks of a payment. */
struct asking {
    struct payment_service *service;
    enum payment_step step;
    struct payment_input input;
    const char *method, *note;
    struct change_request once;
    const char *asker;
    const char *payer; /* whose failed tries count; NULL: nobody's */
    PaymentService__StandardResponse *response;
};

/* Without an operation there is nothing to wait for (an amount of 0): the answer is kept at once.
 */
static struct status apply(const struct call *call, struct payment *payment,
                           const struct payment_operation *operation, struct payment_write *write,
                           void *data)
{
    struct asking *asking = data;
    struct status st;

    st = payment_step(call, asking->service, payment, asking->step, &asking->input, write);
    if (failed(st)) return st;
    if (write->begun.kind == PAYMENT_AUTHORIZE) {
        st = payment_check_payer(call->arena, asking->service, write);
        if (failed(st)) return st;
    }
    if (write->begun.kind != PAYMENT_NO_OPERATION) {
        write->begun.method = asking->method;
        write->begun.note = asking->note;
        write->begun.scope = asking->asker;
        write->begun.key = asking->once.idempotency.key;
        return status_ok();
    }
    bool created = asking->step == PAYMENT_ASK_AUTHORIZE;
    payment_reply(call->arena, payment, created ? 201 : 200, "nothing was to be paid",
                  asking->response);
    write->record.answer = idempotency_answer(call->arena, &asking->response->base);
    return status_ok();
}

/* Waits for what the provider says, or answers that it goes on. */
static struct status wait_for_answer(struct call *call, struct asking *asking,
                                     struct payment_waiter *waiter,
                                     const struct payment_outcome *outcome)
{
    PaymentService__StandardResponse *response = asking->response;
    int64_t timeout_ms = asking->service->policy.answer_within_ms;
    /* A caller who waits less long gets its answer in time too. */
    int64_t left_ms = call_remaining_us(call) / US_PER_MS * 9 / 10;
    struct status st;

    if (left_ms < timeout_ms) timeout_ms = left_ms;
    st = payment_worker_wait(call, waiter, timeout_ms > 0 ? timeout_ms : 1);
    if (failed(call_check(call))) return call_check(call);
    if (failed(st) || !waiter->answer.data) {
        payment_reply_processing(call->arena, &outcome->payment, &outcome->write.begun, response);
        return status_ok();
    }
    ProtobufCMessage *answer;
    st = rpc_unpack(call->arena, response->base.descriptor, waiter->answer, &answer);
    if (failed(st)) return st;
    *response = *(PaymentService__StandardResponse *)answer;
    return payment_reply_status(call, response);
}

/* Answers are kept without the secret: it is read anew, and only while it is of use. */
static struct status add_secret(struct call *call, const struct user *user,
                                const struct asking *asking)
{
    const PaymentService__StandardResponse *response = asking->response;
    struct payment_store *store = asking->service->store;
    struct payment payment;

    if (response->result_case != PAYMENT_SERVICE__STANDARD_RESPONSE__RESULT_PAYMENT ||
        strcmp(response->payment->status, payment_state_name(PAYMENT_ACTION)) != 0)
        return status_ok();
    struct status st = store->find(call, store, response->payment->payment_id, &payment);
    if (failed(st)) return st;
    show_secret(&payment, user, response->payment);
    return status_ok();
}

/* A payment is busy for as long as its provider takes, mostly some milliseconds: who asks for a
 * refund right behind the delivery that captures need not ask again. */
static struct status change_soon(struct call *call, struct payment_service *service,
                                 const struct payment_change *change, struct payment_waiter *waiter,
                                 struct payment_outcome *ret_outcome)
{
    for (int tries = 0;; tries++) {
        struct status st = payment_change_make(call, service, change, waiter, ret_outcome);
        if (st.reason != ARGOSY__REASON__PAYMENT_BUSY || tries == BUSY_TRIES) return st;
        struct status slept = fiber_sleep(call, BUSY_PAUSE_US);
        if (failed(slept)) return slept;
    }
}

/* Asks for a step of a payment: once a key, and answered as the first time when it comes again. */
static struct status ask(struct call *call, const ProtobufCMessage *request,
                         const struct user *user, const char *payment_id, struct asking *asking)
{
    struct payment_waiter *waiter = arena_new(call->arena, struct payment_waiter);
    struct payment_outcome outcome;
    struct status st;

    st = idempotency_of_call(call, user, request, &asking->once.idempotency);
    if (failed(st)) return st;

    asking->asker = str_lower(call->arena, str_of(user->email));
    waiter->arena = call->arena;
    struct payment_change change = {.payment_id = payment_id,
                                    .cause = {.request = &asking->once},
                                    .apply = apply,
                                    .data = asking};
    payment_count_payer(asking->service, asking->payer, &change);
    st = change_soon(call, asking->service, &change, waiter, &outcome);
    if (failed(st)) return st;

    if (asking->once.replayed.data) {
        st = idempotency_replay(call, asking->once.replayed, &asking->response->base);
        if (!failed(st)) st = payment_reply_status(call, asking->response);
    } else if (outcome.write.begun.kind != PAYMENT_NO_OPERATION) {
        st = wait_for_answer(call, asking, waiter, &outcome);
    }
    return failed(st) ? st : add_secret(call, user, asking);
}

static struct asking *asking_new(struct call *call, enum payment_step step, int64_t amount_minor,
                                 PaymentService__StandardResponse *response)
{
    struct asking *asking = arena_new(call->arena, struct asking);

    asking->service = call_service(call);
    asking->step = step;
    asking->input.amount_minor = amount_minor;
    asking->method = asking->note = "";
    asking->response = response;
    return asking;
}

/* ---- handlers ---- */

/* The payment of an order that was validated this moment may still be on its way to us. */
static struct status find_soon(struct call *call, const char *order_id, struct payment *ret_payment)
{
    struct payment_service *service = call_service(call);
    struct status st;

    for (int tries = 0;; tries++) {
        st = service->store->find_by_order(call, service->store, order_id, ret_payment);
        if (st.reason != ARGOSY__REASON__PAYMENT_NOT_FOUND || tries == NEW_ORDER_TRIES) return st;
        struct status slept = fiber_sleep(call, NEW_ORDER_PAUSE_US);
        if (failed(slept)) return slept;
    }
}

struct abandoning {
    struct payment_service *service;
    struct payment_input input;
};

static struct status apply_abandon(const struct call *call, struct payment *payment,
                                   const struct payment_operation *operation,
                                   struct payment_write *write, void *data)
{
    struct abandoning *abandoning = data;

    if (payment->state != PAYMENT_ACTION) return status_ok();
    /* What is given up counts, and would be lost for a try that is not made. */
    write->of_payer.count++;
    struct status st = payment_check_payer(call->arena, abandoning->service, write);
    if (failed(st)) return st;
    return payment_step(call, abandoning->service, payment, PAYMENT_ASK_ABANDON, &abandoning->input,
                        write);
}

/* Closes at the provider what the customer was asked to confirm and has given up. */
static struct status abandon(struct call *call, struct payment_service *service,
                             const struct payment *payment)
{
    struct abandoning *abandoning = arena_new(call->arena, struct abandoning);
    struct payment_change change = {
        .payment_id = payment->payment_id, .apply = apply_abandon, .data = abandoning};
    struct payment_outcome outcome;

    abandoning->service = service;
    payment_count_payer(service, payment->user_id, &change);
    return payment_change_make(call, service, &change, 0, &outcome);
}

/* Authorizes with the request's method. While the customer is asked to confirm another one, that
 * one is given up first; but a request that was here before is answered as then. */
static struct status authorize(struct call *call,
                               const PaymentService__CreatePaymentRequest *request,
                               const struct user *user, const char *payment_id,
                               struct asking *asking)
{
    struct payment_service *service = asking->service;
    struct payment payment;
    struct status st;

    st = ask(call, &request->base, user, payment_id, asking);
    if (st.reason != ARGOSY__REASON__PAYMENT_STATE) return st;
    struct status found = service->store->find(call, service->store, payment_id, &payment);
    if (failed(found)) return found;
    if (payment.state != PAYMENT_ACTION) return st;

    st = abandon(call, service, &payment);
    return failed(st) ? st : ask(call, &request->base, user, payment_id, asking);
}

static struct status create_payment(struct call *call,
                                    const PaymentService__CreatePaymentRequest *request,
                                    PaymentService__StandardResponse *response)
{
    struct asking *asking = asking_new(call, PAYMENT_ASK_AUTHORIZE, 0, response);
    struct payment payment;
    struct user user;
    struct status st;

    st = call_user(call, &user);
    if (failed(st)) return st;

    st = find_soon(call, request->order_id, &payment);
    if (failed(st)) return st;

    st = check_pays(&payment, &user);
    if (failed(st)) return st;

    asking->method = request->payment_method;
    asking->payer = payment.user_id;
    return authorize(call, request, &user, payment.payment_id, asking);
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

/* The payments of an order: one, or none yet. */
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
                           "the cursor is none of this list; begin without one");
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

/* Asks for a step of a payment that is there, if `check` allows it to the user. */
static struct status ask_of(struct call *call, const ProtobufCMessage *request,
                            const char *payment_id, struct asking *asking,
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

    return ask(call, request, &user, payment_id, asking);
}

static struct status confirm_payment(struct call *call,
                                     const PaymentService__ConfirmPaymentRequest *request,
                                     PaymentService__StandardResponse *response)
{
    return ask_of(call, &request->base, request->payment_id,
                  asking_new(call, PAYMENT_ASK_CONFIRM, 0, response), check_pays);
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
                  asking_new(call, PAYMENT_ASK_CAPTURE, request->amount_minor, response),
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
                  asking_new(call, PAYMENT_ASK_VOID, 0, response), check_sells);
}

static struct status refund_payment(struct call *call,
                                    const PaymentService__RefundPaymentRequest *request,
                                    PaymentService__StandardResponse *response)
{
    struct asking *asking = asking_new(call, PAYMENT_ASK_REFUND, request->amount_minor, response);
    struct user user;
    struct status st;

    st = call_require_role(call, "seller " ADMINS, &user);
    if (failed(st)) return st;

    asking->note = request->reason;
    return ask_of(call, &request->base, request->payment_id, asking, check_sells);
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
