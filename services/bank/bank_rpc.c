/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of the test bank, in the order of proto/bank.proto. */
#include "fiber/fiber.h"
#include "rpc/rpc_arena.h"
#include "rpc/timestamp.h"
#include "services/bank/bank_service.h"

enum { LIST_DEFAULT = 100 };

static void fill_charge(const struct call *call, const struct charge *charge,
                        BankService__Charge *message)
{
    message->charge_id = (char *)charge->charge_id;
    message->status = (char *)charge_status_name(charge->status);
    message->amount_minor = charge->amount_minor;
    message->captured_minor = charge->captured_minor;
    message->refunded_minor = charge->refunded_minor;
    message->currency = (char *)charge->currency;
    message->reference = (char *)charge->reference;
    if (charge->status == CHARGE_DECLINED) message->decline_code = (char *)"card_declined";
    message->created_at = rpc_timestamp(call->arena, charge->created_us);
}

/* Performs a request once for its key, and answers the charge or the refusal. */
static struct status perform(struct call *call, const ProtobufCMessage *message,
                             struct bank_request *request, BankService__Charge *response)
{
    struct bank_service *service = call_service(call);
    struct bank_answer answer;
    struct status st;

    st = call_require_peer(call);
    if (failed(st)) return st;

    request->values = rpc_pack(call->arena, message);
    st = service->store->perform(call, service->store, request, &answer);
    if (failed(st)) return st;
    if (failed(answer.refusal)) return answer.refusal;

    /* The request has taken effect; its answer is lost. */
    if (answer.first && request->method == BANK_METHOD_LOSES_ANSWER) {
        struct fiber_wait never = {0};
        return fiber_suspend(call, &never);
    }
    fill_charge(call, &answer.charge, response);
    return status_ok();
}

static struct status authorize_charge(struct call *call,
                                      const BankService__AuthorizeChargeRequest *message,
                                      BankService__Charge *response)
{
    struct bank_request request = {
        .act = BANK_AUTHORIZE,
        .key = message->idempotency_key,
        .amount_minor = message->amount_minor,
        .currency = message->currency,
        .reference = message->reference,
        .method = bank_method_of(message->payment_method),
    };

    if (request.method == BANK_METHOD_UNKNOWN)
        return status_field(call->arena, ARGOSY__REASON__PAYMENT_METHOD_UNKNOWN, "payment_method",
                            "is unknown to the test bank; services/bank/README.md lists its "
                            "methods");
    if (request.method == BANK_METHOD_UNAVAILABLE)
        return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__PAYMENT_PROVIDER_DOWN,
                           "this payment method cannot be reached; try again later");
    return perform(call, &message->base, &request, response);
}

static struct status confirm_charge(struct call *call,
                                    const BankService__ConfirmChargeRequest *message,
                                    BankService__Charge *response)
{
    struct bank_request request = {
        .act = BANK_CONFIRM, .key = message->idempotency_key, .charge_id = message->charge_id};

    return perform(call, &message->base, &request, response);
}

static struct status capture_charge(struct call *call,
                                    const BankService__CaptureChargeRequest *message,
                                    BankService__Charge *response)
{
    struct bank_request request = {
        .act = BANK_CAPTURE,
        .key = message->idempotency_key,
        .charge_id = message->charge_id,
        .amount_minor = message->amount_minor,
    };

    return perform(call, &message->base, &request, response);
}

static struct status void_charge(struct call *call, const BankService__VoidChargeRequest *message,
                                 BankService__Charge *response)
{
    struct bank_request request = {
        .act = BANK_VOID, .key = message->idempotency_key, .charge_id = message->charge_id};

    return perform(call, &message->base, &request, response);
}

static struct status refund_charge(struct call *call,
                                   const BankService__RefundChargeRequest *message,
                                   BankService__Charge *response)
{
    struct bank_request request = {
        .act = BANK_REFUND,
        .key = message->idempotency_key,
        .charge_id = message->charge_id,
        .amount_minor = message->amount_minor,
    };

    return perform(call, &message->base, &request, response);
}

static struct status get_charge(struct call *call, const BankService__GetChargeRequest *request,
                                BankService__Charge *response)
{
    struct bank_service *service = call_service(call);
    struct charge charge;
    struct status st;

    st = call_require_peer(call);
    if (failed(st)) return st;
    if (!request->charge_id[0] && !request->idempotency_key[0])
        return status_field(call->arena, ARGOSY__REASON__INVALID_FIELDS, "charge_id",
                            "must be given, or else `idempotency_key`");

    st = service->store->find(call, service->store, request->charge_id, request->idempotency_key,
                              &charge);
    if (failed(st)) return st;

    fill_charge(call, &charge, response);
    return status_ok();
}

static void fill_list(const struct call *call, const struct charge *charges, size_t count,
                      BankService__ListChargesResponse *response)
{
    response->charges = arena_array(call->arena, BankService__Charge *, count);
    for (size_t i = 0; i < count; i++) {
        BankService__Charge *charge = arena_new(call->arena, BankService__Charge);
        bank_service__charge__init(charge);
        fill_charge(call, &charges[i], charge);
        response->charges[response->n_charges++] = charge;
    }
}

static struct status get_charges(struct call *call, const BankService__GetChargesRequest *request,
                                 BankService__ListChargesResponse *response)
{
    struct bank_service *service = call_service(call);
    struct charge *charges;
    struct status st;
    size_t count;

    st = call_require_peer(call);
    if (failed(st)) return st;

    st = service->store->find_several(call, service->store,
                                      (const char *const *)request->charge_ids,
                                      request->n_charge_ids, &charges, &count);
    if (failed(st)) return st;

    fill_list(call, charges, count, response);
    return status_ok();
}

static struct status list_charges(struct call *call, const BankService__ListChargesRequest *request,
                                  BankService__ListChargesResponse *response)
{
    struct bank_service *service = call_service(call);
    size_t limit = request->limit ? (size_t)request->limit : LIST_DEFAULT;
    struct charge *charges;
    struct status st;
    size_t count;

    st = call_require_peer(call);
    if (failed(st)) return st;

    st = service->store->list(call, service->store, request->after_charge_id, limit, &charges,
                              &count);
    if (failed(st)) return st;

    fill_list(call, charges, count, response);
    return status_ok();
}

const struct bank_service_handlers bank_handlers = {
    .authorize_charge = authorize_charge,
    .confirm_charge = confirm_charge,
    .capture_charge = capture_charge,
    .void_charge = void_charge,
    .refund_charge = refund_charge,
    .get_charge = get_charge,
    .get_charges = get_charges,
    .list_charges = list_charges,
};
