/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of the payment service through the loopback, with the real test bank beside it: the
 * events of orders, the calls of customers and sellers, and the bank's charges. */
#ifndef SERVICES_PAYMENT_PAYMENT_TESTING_H
#define SERVICES_PAYMENT_PAYMENT_TESTING_H

#include "bank.rpc.h"
#include "events.pb-c.h"
#include "events/events_testing.h"
#include "services/payment/payment_service.h"
#include "services/payment/postgres/payment_store_postgres.h"
#include "store/postgres/postgres_testing.h"

extern const struct service_module payment_service, bank_service;

#define TEXT(literal) ((char *)(uintptr_t)(literal))

/* Plays as nobody. */
static inline void payment_play_with(const char *const *settings,
                                     void (*play)(struct call *call, struct stage *stage))
{
    const struct stage_plan plan = {
        .module = &payment_service, .besides = &bank_service, .settings = settings, EVENTS_STAGE};

    stage_run(&plan, play);
}

static inline void payment_play(void (*play)(struct call *call, struct stage *stage))
{
    payment_play_with(NULL, play);
}

static void (*payment_played)(struct call *call, struct stage *stage);

static inline void payment_play_and_drop(struct call *call, struct stage *stage)
{
    const struct payment_service *service = stage->service;

    payment_played(call, stage);
    EXPECT_OK(postgres_testing_drop(call, payment_postgres(service->store)));
}

/* The same on each engine: SQLite, and PostgreSQL in a schema of its own if `url` (the server's) is
 * not NULL. */
static inline void payment_play_on_engines(const char *url,
                                           void (*play)(struct call *call, struct stage *stage))
{
    char setting[512];

    payment_play(play);
    if (!url) return;
    snprintf(setting, sizeof(setting), "PAYMENT_STORE=%s?schema=test_%016llx", url,
             (unsigned long long)random_below(UINT64_MAX));
    payment_played = play;
    payment_play_with((const char *[]){setting, NULL}, payment_play_and_drop);
}

/* ---- who asks ---- */

static inline void as_ann(struct call *call)
{
    stage_as(call, "ann@example.com", "customer", "phone");
}

static inline void as_sam(struct call *call)
{
    stage_as(call, "sam@example.com", "seller", "till");
}

static inline void as_boss(struct call *call)
{
    stage_as(call, "boss@example.com", "admin", "desk");
}

/* ---- what orders tell ---- */

static inline void order_validated(struct call *call, const char *order_id, int64_t amount_minor,
                                   const char *method)
{
    static char *sellers[] = {TEXT("sam@example.com")};
    Events__OrderValidatedEvent event = EVENTS__ORDER_VALIDATED_EVENT__INIT;

    event.order_id = TEXT(order_id);
    event.user_id = TEXT("ann@example.com");
    event.amount_minor = amount_minor;
    event.currency = TEXT("EUR");
    event.payment_method = TEXT(method);
    event.sellers = sellers;
    event.n_sellers = 1;
    EXPECT_OK(stage_hand(call, "order-events", order_id, &event.base));
}

static inline void order_confirmed(struct call *call, const char *order_id, bool capture)
{
    Events__OrderConfirmedEvent event = EVENTS__ORDER_CONFIRMED_EVENT__INIT;

    event.order_id = TEXT(order_id);
    event.capture = capture;
    EXPECT_OK(stage_hand(call, "order-events", order_id, &event.base));
}

static inline void order_fulfilled(struct call *call, const char *order_id)
{
    Events__OrderFulfilledEvent event = EVENTS__ORDER_FULFILLED_EVENT__INIT;

    event.order_id = TEXT(order_id);
    EXPECT_OK(stage_hand(call, "order-events", order_id, &event.base));
}

static inline void order_cancelled(struct call *call, const char *order_id)
{
    Events__OrderCancelledEvent event = EVENTS__ORDER_CANCELLED_EVENT__INIT;

    event.order_id = TEXT(order_id);
    event.user_id = TEXT("ann@example.com");
    event.reason = TEXT("ORDER_CANCELLED");
    event.message = TEXT("the customer changed her mind");
    EXPECT_OK(stage_hand(call, "order-events", order_id, &event.base));
}

/* ---- what is asked ---- */

/* With an Idempotency-Key, if `key` is one; *ret_replayed (may be NULL): was it the first answer
 * again? */
struct keyed {
    struct http_headers metadata, answer;
    struct rpc_options options;
};

static inline struct keyed *with_key(struct call *call, const char *key)
{
    struct keyed *keyed = arena_new(call->arena, struct keyed);

    if (key)
        EXPECT_OK(
            http_headers_add(call->arena, &keyed->metadata, STR("idempotency-key"), str_of(key)));
    keyed->options.metadata = &keyed->metadata;
    keyed->options.ret_metadata = &keyed->answer;
    return keyed;
}

static inline bool is_replayed(const struct keyed *keyed)
{
    return http_headers_get(&keyed->answer, "idempotent-replayed").data != 0;
}

static inline struct status pay(struct call *call, struct stage *stage, const char *order_id,
                                const char *method, const struct keyed *keyed,
                                PaymentService__StandardResponse **ret_response)
{
    PaymentService__CreatePaymentRequest request = PAYMENT_SERVICE__CREATE_PAYMENT_REQUEST__INIT;

    request.order_id = TEXT(order_id);
    request.payment_method = TEXT(method);
    return payment_service_create_payment_with(call, stage->inside, &request,
                                               keyed ? &keyed->options : 0, ret_response);
}

static inline struct status confirm(struct call *call, struct stage *stage, const char *payment_id,
                                    PaymentService__StandardResponse **ret_response)
{
    PaymentService__ConfirmPaymentRequest request = PAYMENT_SERVICE__CONFIRM_PAYMENT_REQUEST__INIT;

    request.payment_id = TEXT(payment_id);
    return payment_service_confirm_payment(call, stage->inside, &request, ret_response);
}

/* `amount_minor` 0: all of it. */
static inline struct status capture(struct call *call, struct stage *stage, const char *payment_id,
                                    int64_t amount_minor,
                                    PaymentService__StandardResponse **ret_response)
{
    PaymentService__CapturePaymentRequest request = PAYMENT_SERVICE__CAPTURE_PAYMENT_REQUEST__INIT;

    request.payment_id = TEXT(payment_id);
    request.amount_minor = amount_minor;
    if (amount_minor)
        request.amount_minor_given_case =
            PAYMENT_SERVICE__CAPTURE_PAYMENT_REQUEST__AMOUNT_MINOR_GIVEN_AMOUNT_MINOR;
    return payment_service_capture_payment(call, stage->inside, &request, ret_response);
}

static inline struct status let_go(struct call *call, struct stage *stage, const char *payment_id,
                                   PaymentService__StandardResponse **ret_response)
{
    PaymentService__VoidPaymentRequest request = PAYMENT_SERVICE__VOID_PAYMENT_REQUEST__INIT;

    request.payment_id = TEXT(payment_id);
    return payment_service_void_payment(call, stage->inside, &request, ret_response);
}

static inline struct status refund(struct call *call, struct stage *stage, const char *payment_id,
                                   int64_t amount_minor, const struct keyed *keyed,
                                   PaymentService__StandardResponse **ret_response)
{
    PaymentService__RefundPaymentRequest request = PAYMENT_SERVICE__REFUND_PAYMENT_REQUEST__INIT;

    request.payment_id = TEXT(payment_id);
    request.amount_minor = amount_minor;
    request.reason = TEXT("scratched");
    if (amount_minor)
        request.amount_minor_given_case =
            PAYMENT_SERVICE__REFUND_PAYMENT_REQUEST__AMOUNT_MINOR_GIVEN_AMOUNT_MINOR;
    return payment_service_refund_payment_with(call, stage->inside, &request,
                                               keyed ? &keyed->options : 0, ret_response);
}

/* ---- what there is ---- */

/* The payment of an order as stored; in state PAYMENT_ABSENT if there is none. */
static inline struct payment payment_of(struct call *call, struct stage *stage,
                                        const char *order_id)
{
    struct payment_service *service = stage->service;
    struct payment payment = {.payment_id = "", .reference = ""};

    struct status st = service->store->find_by_order(call, service->store, order_id, &payment);
    EXPECT(!failed(st) || st.code == STATUS_NOT_FOUND);
    return payment;
}

enum { SETTLE_TRIES = 2000, SETTLE_PAUSE_US = 2000 };

/* Waits until the payment of an order is in this state and no operation is in progress. */
static inline struct payment payment_becomes(struct call *call, struct stage *stage,
                                             const char *order_id, enum payment_state state)
{
    struct payment payment = {0};

    for (int i = 0; i < SETTLE_TRIES; i++) {
        payment = payment_of(call, stage, order_id);
        if (payment.state == state && payment.refunding_minor == 0) return payment;
        EXPECT_OK(fiber_sleep(call, SETTLE_PAUSE_US));
    }
    printf("  %s is %s, not %s\n", order_id, payment_state_own_name(payment.state),
           payment_state_own_name(state));
    EXPECT(payment.state == state && payment.refunding_minor == 0);
    return payment;
}

static inline int64_t operations_under_way(struct call *call, struct stage *stage)
{
    struct payment_service *service = stage->service;
    int64_t count = -1;

    EXPECT_OK(service->store->count_operations(call, service->store, &count));
    return count;
}

/* All charges of the bank for this order, or for all if it is NULL. */
static inline size_t charges_of(struct call *call, struct stage *stage, const char *order_id,
                                BankService__Charge **ret_last)
{
    BankService__ListChargesRequest request = BANK_SERVICE__LIST_CHARGES_REQUEST__INIT;
    BankService__ListChargesResponse *page = 0;
    size_t count = 0;

    request.limit = 1000;
    EXPECT_OK(bank_service_list_charges(call, stage->inside, &request, &page));
    for (size_t i = 0; page && i < page->n_charges; i++) {
        if (order_id && strcmp(page->charges[i]->reference, order_id) != 0) continue;
        count++;
        if (ret_last) *ret_last = page->charges[i];
    }
    return count;
}

/* Is the order charged once, with this status and these amounts? */
static inline bool charged(struct call *call, struct stage *stage, const char *order_id,
                           const char *status, int64_t captured_minor, int64_t refunded_minor)
{
    BankService__Charge *charge = 0;

    return charges_of(call, stage, order_id, &charge) == 1 && strcmp(charge->status, status) == 0 &&
           charge->captured_minor == captured_minor && charge->refunded_minor == refunded_minor;
}

/* Differences that reconciliation finds; *ret_mended: how many of them it corrects. */
static inline size_t reconcile(struct call *call, struct stage *stage, bool loud,
                               size_t *ret_mended)
{
    PaymentService__ReconcilePaymentsRequest request =
        PAYMENT_SERVICE__RECONCILE_PAYMENTS_REQUEST__INIT;
    PaymentService__Difference *difference;
    struct rpc_stream *stream;
    size_t count = 0;

    *ret_mended = 0;
    struct status st = payment_service_reconcile_payments_open(call, stage->inside, &request, 0,
                                                               &stream);
    EXPECT_OK(st);
    if (failed(st)) return 0;
    for (;;) {
        st = payment_service_reconcile_payments_receive(call, stream, &difference);
        if (failed(st) || !difference) break;
        count++;
        *ret_mended += difference->mended != 0;
        if (loud)
            printf("  %s: %s: %s | %s | %s\n", difference->order_id, difference->what,
                   difference->ours, difference->ledger, difference->provider);
    }
    EXPECT_OK(rpc_stream_finish(call, stream));
    return count;
}

static inline size_t differences(struct call *call, struct stage *stage, bool loud)
{
    size_t mended;

    return reconcile(call, stage, loud, &mended);
}

#endif
