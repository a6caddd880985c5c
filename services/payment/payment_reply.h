/* SPDX-License-Identifier: Apache-2.0 */
/* Payments as messages. A response may also stand for a failed request (success false), so that it
 * can be stored under the request's key; on its way out it becomes an error. */
#ifndef SERVICES_PAYMENT_PAYMENT_REPLY_H
#define SERVICES_PAYMENT_PAYMENT_REPLY_H

#include "payment.rpc.h"
#include "services/payment/payment_store.h"

enum { PAYMENT_REFUNDS_SHOWN = 100 };

PaymentService__Payment *payment_message(struct arena *arena, const struct payment *payment,
                                         const struct payment_refund *refunds, size_t count);

void payment_reply(struct arena *arena, const struct payment *payment, int status_code,
                   const char *message, PaymentService__StandardResponse *response);

/* Answers a requested operation: with the payment as it is now, the refund, or why it failed. */
void payment_reply_operation(struct arena *arena, const struct payment *payment,
                             const struct payment_operation *operation, struct status refusal,
                             PaymentService__StandardResponse *response);

/* Answers 202: the operation goes on. */
void payment_reply_processing(struct arena *arena, const struct payment *payment,
                              const struct payment_operation *operation,
                              PaymentService__StandardResponse *response);

/* OK, or the error for which the response stands. */
struct status payment_reply_status(struct call *call,
                                   const PaymentService__StandardResponse *response);

#endif
