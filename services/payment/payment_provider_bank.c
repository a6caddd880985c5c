/* SPDX-License-Identifier: Apache-2.0 */
/* The test provider: a client of the bank service. */
#include <string.h>

#include "bank.rpc.h"
#include "rpc/service.h"
#include "services/payment/payment_provider.h"

struct test_provider {
    struct payment_provider port;
    struct rpc_channel *bank;
};

static struct rpc_channel *bank_of(struct payment_provider *provider)
{
    return ((struct test_provider *)provider)->bank;
}

/* With these codes the bank refuses for good; after any other failure the outcome is unknown. */
static struct status translate(struct status st)
{
    switch (st.code) {
    case STATUS_OK:
    case STATUS_INVALID_ARGUMENT:
    case STATUS_NOT_FOUND:
    case STATUS_FAILED_PRECONDITION:
    case STATUS_DEADLINE_EXCEEDED:
    case STATUS_CANCELLED:
    case STATUS_RESOURCE_EXHAUSTED: return st;
    default: st.code = STATUS_UNAVAILABLE; return st;
    }
}

static struct status read_answer(struct status st, const BankService__Charge *charge,
                                 enum provider_outcome done, struct provider_answer *ret_answer)
{
    if (failed(st)) return translate(st);
    *ret_answer = (struct provider_answer){
        .outcome = done,
        .reference = charge->charge_id,
        .decline_code = charge->decline_code,
        .message = "",
    };
    if (strcmp(charge->status, "declined") == 0) {
        ret_answer->outcome = PROVIDER_DECLINED;
        ret_answer->message = "the card was declined";
    } else if (strcmp(charge->status, "requires_action") == 0) {
        ret_answer->outcome = PROVIDER_REQUIRES_ACTION;
    }
    return status_ok();
}

static struct status authorize(struct call *call, struct payment_provider *provider,
                               const struct provider_request *asked,
                               struct provider_answer *ret_answer)
{
    BankService__AuthorizeChargeRequest request = BANK_SERVICE__AUTHORIZE_CHARGE_REQUEST__INIT;
    BankService__Charge *charge = 0;

    request.idempotency_key = (char *)asked->idempotency_key;
    request.amount_minor = asked->amount_minor;
    request.currency = (char *)asked->currency;
    request.payment_method = (char *)asked->payment_method;
    request.reference = (char *)asked->order_id;
    struct status st = bank_service_authorize_charge(call, bank_of(provider), &request, &charge);
    return read_answer(st, charge, PROVIDER_AUTHORIZED, ret_answer);
}

static struct status confirm(struct call *call, struct payment_provider *provider,
                             const struct provider_request *asked,
                             struct provider_answer *ret_answer)
{
    BankService__ConfirmChargeRequest request = BANK_SERVICE__CONFIRM_CHARGE_REQUEST__INIT;
    BankService__Charge *charge = 0;

    request.idempotency_key = (char *)asked->idempotency_key;
    request.charge_id = (char *)asked->reference;
    struct status st = bank_service_confirm_charge(call, bank_of(provider), &request, &charge);
    return read_answer(st, charge, PROVIDER_AUTHORIZED, ret_answer);
}

static struct status capture(struct call *call, struct payment_provider *provider,
                             const struct provider_request *asked,
                             struct provider_answer *ret_answer)
{
    BankService__CaptureChargeRequest request = BANK_SERVICE__CAPTURE_CHARGE_REQUEST__INIT;
    BankService__Charge *charge = 0;

    request.idempotency_key = (char *)asked->idempotency_key;
    request.charge_id = (char *)asked->reference;
    request.amount_minor = asked->amount_minor;
    struct status st = bank_service_capture_charge(call, bank_of(provider), &request, &charge);
    return read_answer(st, charge, PROVIDER_CAPTURED, ret_answer);
}

static struct status cancel(struct call *call, struct payment_provider *provider,
                            const struct provider_request *asked,
                            struct provider_answer *ret_answer)
{
    BankService__VoidChargeRequest request = BANK_SERVICE__VOID_CHARGE_REQUEST__INIT;
    BankService__Charge *charge = 0;

    request.idempotency_key = (char *)asked->idempotency_key;
    request.charge_id = (char *)asked->reference;
    struct status st = bank_service_void_charge(call, bank_of(provider), &request, &charge);
    return read_answer(st, charge, PROVIDER_VOIDED, ret_answer);
}

static struct status refund(struct call *call, struct payment_provider *provider,
                            const struct provider_request *asked,
                            struct provider_answer *ret_answer)
{
    BankService__RefundChargeRequest request = BANK_SERVICE__REFUND_CHARGE_REQUEST__INIT;
    BankService__Charge *charge = 0;

    request.idempotency_key = (char *)asked->idempotency_key;
    request.charge_id = (char *)asked->reference;
    request.amount_minor = asked->amount_minor;
    struct status st = bank_service_refund_charge(call, bank_of(provider), &request, &charge);
    return read_answer(st, charge, PROVIDER_REFUNDED, ret_answer);
}

static struct provider_charge charge_of(const BankService__Charge *charge)
{
    return (struct provider_charge){
        .reference = charge->charge_id,
        .order_id = charge->reference,
        .status = charge->status,
        .amount_minor = charge->amount_minor,
        .captured_minor = charge->captured_minor,
        .refunded_minor = charge->refunded_minor,
        .currency = charge->currency,
    };
}

static struct status get(struct call *call, struct payment_provider *provider,
                         const char *reference, const char *key, struct provider_charge *ret_charge)
{
    BankService__GetChargeRequest request = BANK_SERVICE__GET_CHARGE_REQUEST__INIT;
    BankService__Charge *charge;

    request.charge_id = (char *)reference;
    request.idempotency_key = (char *)key;
    struct status st = bank_service_get_charge(call, bank_of(provider), &request, &charge);
    if (failed(st)) return translate(st);
    *ret_charge = charge_of(charge);
    return status_ok();
}

static struct status find(struct call *call, struct payment_provider *provider,
                          const char *reference, struct provider_charge *ret_charge)
{
    return get(call, provider, reference, "", ret_charge);
}

static struct status find_by_key(struct call *call, struct payment_provider *provider,
                                 const char *idempotency_key, struct provider_charge *ret_charge)
{
    return get(call, provider, "", idempotency_key, ret_charge);
}

static struct status find_several(struct call *call, struct payment_provider *provider,
                                  const char *const *references, size_t count,
                                  struct provider_charge *ret_charges)
{
    BankService__GetChargesRequest request = BANK_SERVICE__GET_CHARGES_REQUEST__INIT;
    BankService__ListChargesResponse *found;
    size_t next = 0;

    request.charge_ids = (char **)(uintptr_t)references;
    request.n_charge_ids = count;
    struct status st = bank_service_get_charges(call, bank_of(provider), &request, &found);
    if (failed(st)) return translate(st);
    for (size_t i = 0; i < count; i++) {
        bool is_next = next < found->n_charges &&
                       strcmp(found->charges[next]->charge_id, references[i]) == 0;
        ret_charges[i] = is_next ? charge_of(found->charges[next++]) : (struct provider_charge){0};
    }
    return status_ok();
}

static struct status list(struct call *call, struct payment_provider *provider, const char *after,
                          size_t max, struct provider_charge **ret_charges, size_t *ret_count)
{
    BankService__ListChargesRequest request = BANK_SERVICE__LIST_CHARGES_REQUEST__INIT;
    BankService__ListChargesResponse *page;

    request.after_charge_id = (char *)after;
    request.limit = (int32_t)max;
    struct status st = bank_service_list_charges(call, bank_of(provider), &request, &page);
    if (failed(st)) return translate(st);
    *ret_charges = arena_array(call->arena, struct provider_charge, page->n_charges);
    for (size_t i = 0; i < page->n_charges; i++) (*ret_charges)[i] = charge_of(page->charges[i]);
    *ret_count = page->n_charges;
    return status_ok();
}

struct status payment_provider_test(const struct service_context *context,
                                    struct payment_provider **ret_provider)
{
    struct test_provider *provider = arena_new(context->arena, struct test_provider);

    provider->port = (struct payment_provider){
        .name = "test",
        .authorize = authorize,
        .confirm = confirm,
        .capture = capture,
        .void_ = cancel,
        .refund = refund,
        .find = find,
        .find_by_key = find_by_key,
        .find_several = find_several,
        .list = list,
    };
    provider->bank = context->channel(context, "bank");
    *ret_provider = &provider->port;
    return status_ok();
}
