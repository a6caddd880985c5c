/* SPDX-License-Identifier: Apache-2.0 */
/* Checks money: one charge per order at the bank, no money kept for an order that was not
 * fulfilled, a ledger that balances, and a payment service that agrees with the bank. */
#include <string.h>

#include "bank.rpc.h"
#include "payment.rpc.h"
#include "tests/sim/sim.h"

enum { PAGE_SIZE = 100 };

/* What the bank has of one order. */
struct account {
    int live; /* charges that hold or have money */
    int64_t authorized, captured, refunded;
};

/* ---- the bank ---- */

static int find(const struct sim *sim, const char *order_id)
{
    for (int i = 0; i < sim->order_count; i++)
        if (strcmp(sim->orders[i].order_id, order_id) == 0) return i;
    return -1;
}

static void add_charge(struct sim *sim, struct account *accounts, const BankService__Charge *charge)
{
    int order = find(sim, charge->reference);
    bool holds = strcmp(charge->status, "authorized") == 0;
    bool has = strcmp(charge->status, "captured") == 0;

    if (order < 0) {
        sim_fail(sim, "the bank has charge %s of an order %s that nobody knows", charge->charge_id,
                 charge->reference);
        return;
    }
    if (charge->captured_minor > charge->amount_minor ||
        charge->refunded_minor > charge->captured_minor)
        sim_fail(sim, "charge %s of %lld: %lld captured, %lld refunded", charge->charge_id,
                 (long long)charge->amount_minor, (long long)charge->captured_minor,
                 (long long)charge->refunded_minor);
    struct account *account = &accounts[order];
    account->live += holds || has;
    if (holds) account->authorized += charge->amount_minor;
    account->captured += charge->captured_minor;
    account->refunded += charge->refunded_minor;
}

static bool read_bank(struct call *call, struct sim *sim, struct account *accounts)
{
    BankService__ListChargesRequest request = BANK_SERVICE__LIST_CHARGES_REQUEST__INIT;
    BankService__ListChargesResponse *response;
    struct sim_call asked;
    struct status st;

    request.limit = PAGE_SIZE;
    sim_call_as_operator(&asked, call);
    do {
        st = bank_service_list_charges(&asked.call, sim->bank, &request, &response);
        if (failed(st)) break;
        for (size_t i = 0; i < response->n_charges; i++)
            add_charge(sim, accounts, response->charges[i]);
        if (response->n_charges > 0)
            request.after_charge_id = response->charges[response->n_charges - 1]->charge_id;
    } while (response->n_charges == PAGE_SIZE);
    return sim_call_must(sim, &asked, "ListCharges", st);
}

static bool is_in(const struct sim_order *order, const char *state)
{
    return strcmp(order->state, state) == 0;
}

static void check_account(struct sim *sim, const struct sim_order *order,
                          const struct account *account)
{
    bool carried_out = is_in(order, "CONFIRMED") || is_in(order, "FULFILLED");
    int64_t kept = account->captured - account->refunded;
    const char *wrong = NULL;

    if (account->live > 1) wrong = "is charged more than once";
    if (account->authorized > order->total || account->captured > order->total)
        wrong = "is charged more than it costs";
    if (carried_out && account->live != 1) wrong = "is confirmed without a charge";
    if (is_in(order, "FULFILLED") && account->captured == 0) wrong = "is delivered and not paid";
    if (is_in(order, "CONFIRMED") && sim->plan.captures_early && account->captured == 0)
        wrong = "is confirmed and not paid";
    if (!carried_out && (account->authorized > 0 || kept > 0)) wrong = "holds money";
    if (is_in(order, "REFUNDED") && (account->captured == 0 || kept != 0))
        wrong = "is said to be refunded";
    if (carried_out && account->captured > 0 && kept == 0)
        wrong = "is refunded, and not said to be";
    if (wrong)
        sim_fail(sim,
                 "order %s of %lld, %s, %s: %d charges, %lld authorized, %lld captured, %lld "
                 "refunded",
                 order->order_id, (long long)order->total, order->state, wrong, account->live,
                 (long long)account->authorized, (long long)account->captured,
                 (long long)account->refunded);
}

/* ---- the payment service ---- */

static void check_postings(struct call *call, struct sim *sim, const char *payment_id)
{
    PaymentService__ListPostingsRequest request = PAYMENT_SERVICE__LIST_POSTINGS_REQUEST__INIT;
    PaymentService__ListPostingsResponse *response;
    struct sim_call asked;

    request.payment_id = SIM_TEXT(payment_id);
    sim_call_as_operator(&asked, call);
    struct status st = payment_service_list_postings(&asked.call, sim->payments, &request,
                                                     &response);
    for (size_t i = 0; !failed(st) && i < response->n_postings; i++) {
        const PaymentService__Posting *posting = response->postings[i];
        int64_t debit = 0, credit = 0;
        for (size_t j = 0; j < posting->n_entries; j++) {
            debit += posting->entries[j]->debit_minor;
            credit += posting->entries[j]->credit_minor;
        }
        if (debit != credit || debit <= 0)
            sim_fail(sim, "posting %s (%s): %lld debit, %lld credit", posting->posting_id,
                     posting->cause, (long long)debit, (long long)credit);
    }
    sim_call_must(sim, &asked, "ListPostings", st);
}

/* Every acknowledged refund is there once; and what was given back is the sum of the refunds. */
static void check_refunds(struct sim *sim, const struct sim_order *order,
                          const PaymentService__Payment *payment)
{
    int64_t sum = 0;

    for (size_t i = 0; i < payment->n_refunds; i++) {
        const PaymentService__Refund *refund = payment->refunds[i];
        if (strcmp(refund->status, "succeeded") == 0) sum += refund->amount_minor;
        if (strcmp(refund->status, "processing") == 0)
            sim_fail(sim, "refund %s has no end", refund->refund_id);
    }
    if (sum != payment->refunded_minor)
        sim_fail(sim, "payment %s: refunds of %lld, %lld refunded", payment->payment_id,
                 (long long)sum, (long long)payment->refunded_minor);
    for (int i = 0; i < order->refund_count; i++) {
        int found = 0;
        for (size_t j = 0; j < payment->n_refunds; j++)
            found += strcmp(payment->refunds[j]->refund_id, order->refunds[i].refund_id) == 0 &&
                     payment->refunds[j]->amount_minor == order->refunds[i].amount;
        if (found != 1)
            sim_fail(sim, "refund %s of order %s was acknowledged, and is there %d times",
                     order->refunds[i].refund_id, order->order_id, found);
    }
}

static void check_payment(struct call *call, struct sim *sim, const struct sim_order *order,
                          const struct account *account, const char *payment_id)
{
    PaymentService__GetPaymentRequest request = PAYMENT_SERVICE__GET_PAYMENT_REQUEST__INIT;
    PaymentService__StandardResponse *response;
    struct sim_call asked;

    request.payment_id = SIM_TEXT(payment_id);
    sim_call_as_operator(&asked, call);
    struct status st = payment_service_get_payment(&asked.call, sim->payments, &request, &response);
    if (!failed(st)) {
        const PaymentService__Payment *payment = response->payment;
        if (strcmp(payment->status, "processing") == 0)
            sim_fail(sim, "payment %s of order %s has no end", payment_id, order->order_id);
        if (payment->captured_minor != account->captured ||
            payment->refunded_minor != account->refunded)
            sim_fail(sim, "payment %s: %lld captured, %lld refunded, at the bank %lld and %lld",
                     payment_id, (long long)payment->captured_minor,
                     (long long)payment->refunded_minor, (long long)account->captured,
                     (long long)account->refunded);
        check_refunds(sim, order, payment);
    }
    if (sim_call_must(sim, &asked, "GetPayment", st)) check_postings(call, sim, payment_id);
}

/* The one payment of an order; *ret_id is empty when it has none. */
static bool find_payment(struct call *call, struct sim *sim, const struct sim_order *order,
                         char ret_id[SIM_ID_SIZE])
{
    PaymentService__ListPaymentsRequest request = PAYMENT_SERVICE__LIST_PAYMENTS_REQUEST__INIT;
    PaymentService__StandardResponse *response;
    struct sim_call asked;

    ret_id[0] = 0;
    request.order_id = SIM_TEXT(order->order_id);
    sim_call_as_operator(&asked, call);
    struct status st = payment_service_list_payments(&asked.call, sim->payments, &request,
                                                     &response);
    if (!failed(st) && response->payments && response->payments->n_payments > 0) {
        snprintf(ret_id, SIM_ID_SIZE, "%s", response->payments->payments[0]->payment_id);
        if (response->payments->n_payments > 1)
            sim_fail(sim, "order %s has %zu payments", order->order_id,
                     response->payments->n_payments);
    }
    /* A payment that there is not is an answer too. */
    if (st.code == STATUS_NOT_FOUND) st = status_ok();
    return sim_call_must(sim, &asked, "ListPayments", st);
}

static void check_order(struct call *call, struct sim *sim, const struct sim_order *order,
                        const struct account *account)
{
    char payment_id[SIM_ID_SIZE];

    check_account(sim, order, account);
    if (!find_payment(call, sim, order, payment_id)) return;
    if (payment_id[0])
        check_payment(call, sim, order, account, payment_id);
    else if (account->live > 0)
        sim_fail(sim, "order %s is charged and has no payment", order->order_id);
}

static void reconcile(struct call *call, struct sim *sim)
{
    PaymentService__ReconcilePaymentsRequest request =
        PAYMENT_SERVICE__RECONCILE_PAYMENTS_REQUEST__INIT;
    PaymentService__Difference *difference = NULL;
    struct rpc_stream *stream;
    struct sim_call asked;
    struct status st, end;

    sim_call_as_operator(&asked, call);
    st = payment_service_reconcile_payments_open(&asked.call, sim->payments, &request, NULL,
                                                 &stream);
    if (!failed(st)) {
        while (!failed(st = payment_service_reconcile_payments_receive(&asked.call, stream,
                                                                       &difference)) &&
               difference)
            sim_fail(sim, "payment %s of order %s: %s is %s, in the ledger %s, at the provider %s",
                     difference->payment_id, difference->order_id, difference->what,
                     difference->ours, difference->ledger, difference->provider);
        end = rpc_stream_finish(&asked.call, stream);
        if (!failed(st)) st = end;
    }
    sim_call_must(sim, &asked, "ReconcilePayments", st);
}

void sim_check_money(struct call *call, struct sim *sim)
{
    static struct account accounts[SIM_ORDERS_MAX];

    memset(accounts, 0, sizeof(accounts));
    if (!read_bank(call, sim, accounts)) return;
    for (int i = 0; i < sim->order_count; i++)
        check_order(call, sim, &sim->orders[i], &accounts[i]);
    reconcile(call, sim);
}
