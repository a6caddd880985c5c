/* SPDX-License-Identifier: Apache-2.0 */
/* Fills the payment service's answers, and turns stored failures into errors. */
#include "services/payment/payment_reply.h"

#include "rpc/rpc_status.h"
#include "rpc/timestamp.h"

enum {
    HTTP_OK = 200,
    HTTP_CREATED = 201,
    HTTP_ACCEPTED = 202,
    HTTP_PAYMENT_REQUIRED = 402,
};

static PaymentService__Refund *refund_message(struct arena *arena, const char *payment_id,
                                              const struct payment_refund *refund)
{
    PaymentService__Refund *message = arena_new(arena, PaymentService__Refund);

    payment_service__refund__init(message);
    message->refund_id = (char *)refund->refund_id;
    message->amount_minor = refund->amount_minor;
    message->status = (char *)refund->status;
    message->reason = (char *)refund->reason;
    message->created_at = rpc_timestamp(arena, refund->created_us);
    message->payment_id = (char *)payment_id;
    return message;
}

PaymentService__Payment *payment_message(struct arena *arena, const struct payment *payment,
                                         const struct payment_refund *refunds, size_t count)
{
    PaymentService__Payment *message = arena_new(arena, PaymentService__Payment);

    payment_service__payment__init(message);
    message->payment_id = (char *)payment->payment_id;
    message->order_id = (char *)payment->order_id;
    message->status = (char *)payment_state_name(payment->state);
    message->amount_minor = payment->amount_minor;
    message->captured_minor = payment->captured_minor;
    message->refunded_minor = payment->refunded_minor;
    message->currency = (char *)payment->currency;
    message->provider = (char *)payment->provider;
    message->provider_reference = (char *)payment->reference;
    message->reason = payment->reason ? (char *)rpc_reason_name(payment->reason) : message->reason;
    message->message = (char *)payment->message;
    message->created_at = rpc_timestamp(arena, payment->created_us);
    message->updated_at = rpc_timestamp(arena, payment->updated_us);
    message->user_id = (char *)payment->user_id;
    if (payment->expires_us) message->expires_at = rpc_timestamp(arena, payment->expires_us);
    message->refunds = arena_array(arena, PaymentService__Refund *, count);
    for (size_t i = 0; i < count; i++)
        message->refunds[message->n_refunds++] = refund_message(arena, payment->payment_id,
                                                                &refunds[i]);
    return message;
}

void payment_reply(struct arena *arena, const struct payment *payment, int status_code,
                   const char *message, PaymentService__StandardResponse *response)
{
    response->success = true;
    response->message = (char *)message;
    response->status_code = status_code;
    response->result_case = PAYMENT_SERVICE__STANDARD_RESPONSE__RESULT_PAYMENT;
    response->payment = payment_message(arena, payment, 0, 0);
}

static void reply_refund(struct arena *arena, const struct payment_operation *operation,
                         const char *status, PaymentService__StandardResponse *response)
{
    const struct payment_refund refund = {
        .refund_id = operation->operation_id,
        .amount_minor = operation->amount_minor,
        .status = status,
        .reason = operation->note,
        .created_us = operation->created_us,
    };

    response->success = true;
    response->result_case = PAYMENT_SERVICE__STANDARD_RESPONSE__RESULT_REFUND;
    response->refund = refund_message(arena, operation->payment_id, &refund);
}

static int http_of(struct status refusal)
{
    return refusal.reason == ARGOSY__REASON__PAYMENT_DECLINED ? HTTP_PAYMENT_REQUIRED
                                                              : status_http(refusal.code);
}

static const char *done(const struct payment *payment, enum payment_operation_kind kind)
{
    if (payment->state == PAYMENT_ACTION) return "the customer has to confirm the payment";
    switch (kind) {
    case PAYMENT_AUTHORIZE:
    case PAYMENT_CONFIRM: return "payment authorized";
    case PAYMENT_CAPTURE: return "payment captured";
    case PAYMENT_VOID: return "payment voided";
    case PAYMENT_REFUND: return "payment refunded";
    case PAYMENT_NO_OPERATION: break;
    }
    return "payment";
}

void payment_reply_operation(struct arena *arena, const struct payment *payment,
                             const struct payment_operation *operation, struct status refusal,
                             PaymentService__StandardResponse *response)
{
    int created = operation->kind == PAYMENT_AUTHORIZE || operation->kind == PAYMENT_REFUND;

    payment_reply(arena, payment, created ? HTTP_CREATED : HTTP_OK, done(payment, operation->kind),
                  response);
    if (failed(refusal)) {
        response->success = false;
        response->message = (char *)refusal.message;
        response->status_code = http_of(refusal);
    } else if (operation->kind == PAYMENT_REFUND) {
        reply_refund(arena, operation, "succeeded", response);
    }
}

void payment_reply_processing(struct arena *arena, const struct payment *payment,
                              const struct payment_operation *operation,
                              PaymentService__StandardResponse *response)
{
    payment_reply(arena, payment, HTTP_ACCEPTED,
                  "the provider has not answered yet; look at the payment again later", response);
    if (operation->kind == PAYMENT_REFUND) reply_refund(arena, operation, "processing", response);
    response->status_code = HTTP_ACCEPTED;
}

/* The gRPC code of a stored failure, from its HTTP status. */
static enum status_code code_of(int status_code)
{
    switch (status_code) {
    case 400: return STATUS_INVALID_ARGUMENT;
    case 404: return STATUS_NOT_FOUND;
    case 409: return STATUS_ABORTED;
    case 500: return STATUS_INTERNAL;
    case 503: return STATUS_UNAVAILABLE;
    default: return STATUS_FAILED_PRECONDITION;
    }
}

struct status payment_reply_status(struct call *call,
                                   const PaymentService__StandardResponse *response)
{
    const ProtobufCEnumValue *reason = 0;
    struct status st;

    if (response->success) return status_ok();
    if (response->payment)
        reason = protobuf_c_enum_descriptor_get_value_by_name(&argosy__reason__descriptor,
                                                              response->payment->reason);
    const char *text = arena_printf(call->arena, "%d", response->status_code);
    st = call_reply_metadata(call, STR("x-http-status"), str_of(text));
    if (failed(st)) return st;
    return status_make(code_of(response->status_code), reason ? reason->value : 0,
                       response->message);
}
