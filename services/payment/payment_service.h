/* SPDX-License-Identifier: Apache-2.0 */
/* The payment service's state and the functions that its files share. */
#ifndef SERVICES_PAYMENT_PAYMENT_SERVICE_H
#define SERVICES_PAYMENT_PAYMENT_SERVICE_H

#include "payment.rpc.h"
#include "services/payment/payment_provider.h"
#include "services/payment/payment_store.h"
#include "services/payment/payment_waits.h"
#include "services/payment/payment_worker.h"

struct payment_policy {
    int64_t provider_timeout_ms;  /* for each call of the provider */
    int64_t answer_within_ms;     /* a request that takes longer is answered 202 */
    int64_t authorization_ttl_us; /* then the authorization is voided */
    int failures_max;             /* failed attempts of one payment; 0: no limit */
    int64_t payer_failures_max;   /* of one customer within the following time; 0: no limit */
    int64_t payer_failures_within_us;
};

struct payment_service {
    struct payment_store *store;
    struct payment_provider *provider;
    struct payment_worker *worker;
    struct payment_waits *waits;
    struct rpc_channel *orders; /* for reconciliation */
    struct payment_policy policy;
};

extern const struct payment_service_handlers payment_handlers;

/* ---- payment_change.c: changes of payments ---- */

/* The lease of an operation: how long others leave it alone during an attempt. */
int64_t payment_lease_us(const struct payment_service *service);
/* Has the waiting operations of a payment tried now; of all payments if it is NULL. */
struct status payment_hasten(struct call *call, struct payment_service *service,
                             const char *payment_id);

/* Inside a change's apply: takes a step and fills in what must be written: the operation that
 * begins (except method, note and request) and the events. */
struct status payment_step(const struct call *call, const struct payment_service *service,
                           enum payment_step step, struct payment_input *input,
                           struct payment_turn *turn);

/* Makes the change, counts it, and starts the operation that begins, whose result `waiter` (may be
 * NULL) gets. */
struct status payment_change_make(struct call *call, struct payment_service *service,
                                  const struct payment_change *change,
                                  struct payment_waiter *waiter,
                                  struct payment_written *ret_written);

/* Makes the change count its customer's failed attempts: for one that begins an attempt. */
void payment_count_payer(const struct payment_service *service, const char *payer,
                         struct payment_change *change);

/* Translates the provider's record of a payment into a step; false if it says nothing new. */
bool payment_compare(const struct payment *payment, const struct provider_charge *charge,
                     enum payment_step *ret_step, struct payment_input *input);

/* ---- payment_catch_up.c: what the provider has, and we may not know ---- */

struct payment_correction;

struct payment_hint {
    const struct provider_charge *charge; /* the payment as the provider has it */
    int64_t asked_us;                     /* when the provider was asked */
    const struct event *event;            /* the webhook, which takes effect once; NULL: none */
};

/* Brings the payment of the charge's order to what the provider has. ABORTED (PAYMENT_BUSY) if it
 * changes meanwhile. */
struct status payment_catch_up(struct call *call, struct payment_service *service,
                               const struct payment_hint *hint, bool *ret_changed);
/* Which refund would be corrected; its amount is 0 if none would. */
struct status payment_find_correction(struct call *call, struct payment_service *service,
                                      const struct payment *payment,
                                      const struct provider_charge *charge,
                                      struct payment_correction *ret_correction);

/* ---- payment_events.c ---- */

/* Subscribes to the order's events and offers the payment's topic. */
void payment_events_start(const struct service_context *context, struct payment_service *service);
/* Applies one event of an order; `data` is the service. */
struct status payment_events_handle(struct call *call, const struct event *event, void *data);
/* Makes the event of one piece of news. */
void payment_events_make(const struct call *call, const struct payment *payment,
                         enum payment_news news, const struct payment_effects *effects,
                         struct event *ret_event);

/* ---- rpcs in files of their own ---- */

struct status payment_receive_webhook(struct call *call,
                                      const PaymentService__ReceiveWebhookRequest *request,
                                      PaymentService__ReceiveWebhookResponse *response);
struct status payment_list_postings(struct call *call,
                                    const PaymentService__ListPostingsRequest *request,
                                    PaymentService__ListPostingsResponse *response);
struct status payment_reconcile_orders(struct call *call, struct payment_service *service,
                                       struct rpc_stream *stream);
struct status payment_reconcile(struct call *call,
                                const PaymentService__ReconcilePaymentsRequest *request,
                                struct rpc_stream *stream);

#endif
