/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the ledger, and reconciles it with the payments, the provider and the orders. */
#include <string.h>

#include "base/clock.h"
#include "fiber/fiber.h"
#include "observe/log.h"
#include "order.rpc.h"
#include "rpc/timestamp.h"
#include "services/payment/payment_refunds.h"
#include "services/payment/payment_service.h"

enum { POSTINGS_MAX = 1000, PAGE = 256, SETTLE_US = 500 * 1000, TRIES_MAX = 3 };

/* ---- postings ---- */

static PaymentService__Posting *posting_message(struct arena *arena, const char *payment_id,
                                                const struct payment_ledger_posting *posting)
{
    PaymentService__Posting *message = arena_new(arena, PaymentService__Posting);

    payment_service__posting__init(message);
    message->posting_id = arena_printf(arena, "%lld", (long long)posting->number);
    message->payment_id = (char *)payment_id;
    message->cause = (char *)posting->posting.cause;
    message->currency = (char *)posting->currency;
    message->at = rpc_timestamp(arena, posting->at_us);
    message->entries = arena_array(arena, PaymentService__Entry *, PAYMENT_ENTRIES_MAX);
    for (size_t i = 0; i < posting->posting.entry_count; i++) {
        PaymentService__Entry *entry = arena_new(arena, PaymentService__Entry);
        payment_service__entry__init(entry);
        entry->account = (char *)posting->posting.entries[i].account;
        entry->debit_minor = posting->posting.entries[i].debit_minor;
        entry->credit_minor = posting->posting.entries[i].credit_minor;
        message->entries[message->n_entries++] = entry;
    }
    return message;
}

static struct status require_admin_or_peer(struct call *call)
{
    struct user user;

    call_user_optional(call, &user);
    if (user.email[0]) return call_require_role(call, "admin superAdmin", &user);
    return call_require_peer(call);
}

struct status payment_list_postings(struct call *call,
                                    const PaymentService__ListPostingsRequest *request,
                                    PaymentService__ListPostingsResponse *response)
{
    struct payment_service *service = call_service(call);
    struct payment_ledger_posting *postings;
    struct payment payment;
    struct status st;
    size_t count;

    st = require_admin_or_peer(call);
    if (failed(st)) return st;

    st = service->store->find(call, service->store, request->payment_id, &payment);
    if (failed(st)) return st;

    st = service->store->list_postings(call, service->store, request->payment_id, POSTINGS_MAX,
                                       &postings, &count);
    if (failed(st)) return st;

    response->postings = arena_array(call->arena, PaymentService__Posting *, count);
    for (size_t i = 0; i < count; i++)
        response->postings[response->n_postings++] = posting_message(
            call->arena, request->payment_id, &postings[i]);
    return status_ok();
}

/* ---- reconciliation ---- */

/* The comparison of one payment; its differences count only if nobody changed it meanwhile. */
struct comparison {
    const struct payment_audit *audit;
    const char *order; /* the order's state; NULL: unknown */
    int64_t asked_us;  /* when the provider was called */
    bool known;        /* the provider has the payment, as `charge` */
    struct provider_charge charge;
    /* The first time the charge as it was read with a page of others, after the audit; then NULL. */
    const struct provider_charge *listed;
    int64_t listed_us;
    PaymentService__Difference found[9];
    size_t count;
};

static void differ(struct comparison *comparison, const char *what, const char *ours,
                   const char *ledger, const char *provider)
{
    const struct payment *payment = &comparison->audit->payment;
    PaymentService__Difference *difference = &comparison->found[comparison->count++];

    invariant(comparison->count <= sizeof(comparison->found) / sizeof(comparison->found[0]));
    payment_service__difference__init(difference);
    difference->payment_id = (char *)payment->payment_id;
    difference->order_id = (char *)payment->order_id;
    difference->what = (char *)what;
    difference->ours = (char *)ours;
    difference->ledger = (char *)ledger;
    difference->provider = (char *)provider;
}

static const char *number(struct arena *arena, int64_t value)
{
    return arena_printf(arena, "%lld", (long long)value);
}

/* Compares an amount of the payment with the ledger's and, if known, the provider's. */
static void compare_amount(struct arena *arena, struct comparison *comparison, const char *what,
                           int64_t ours, int64_t ledger, const int64_t *provider)
{
    if (ours == ledger && (!provider || *provider == ours)) return;
    differ(comparison, what, number(arena, ours), number(arena, ledger),
           provider ? number(arena, *provider) : "");
}

/* The provider's status for our state; NULL: it need not know the payment. */
static const char *expected_status(const struct payment *payment)
{
    switch (payment->state) {
    case PAYMENT_ACTION: return "requires_action";
    case PAYMENT_AUTHORIZED: return "authorized";
    case PAYMENT_CAPTURED: return "captured";
    default: return 0;
    }
}

static int64_t held_by_us(const struct payment *payment)
{
    return payment->captured_minor || payment->state == PAYMENT_CAPTURED
               ? 0
               : payment->authorized_minor;
}

static void compare_status(struct comparison *comparison, const struct provider_charge *charge)
{
    const struct payment *payment = &comparison->audit->payment;
    const char *expected = expected_status(payment);

    bool ended = strcmp(charge->status, "voided") == 0 || strcmp(charge->status, "declined") == 0;
    if (expected ? strcmp(expected, charge->status) == 0
                 : ended && (payment->state == PAYMENT_CANCELED || payment->state == PAYMENT_NEW))
        return;
    differ(comparison, "status", payment_state_name(payment->state), "", charge->status);
}

/* Do the order's state and the payment contradict each other? Not to be asked while an operation is
 * in progress. */
static bool contradicts(const struct payment *payment, const char *order)
{
    bool kept = payment->captured_minor > payment->refunded_minor;
    bool held = payment->state == PAYMENT_AUTHORIZED;

    if (payment->amount_minor == 0) return false;
    if (!order[0]) return kept || held;
    if (strcmp(order, "CONFIRMED") == 0) return !kept && !held;
    if (strcmp(order, "FULFILLED") == 0) return !kept;
    if (strcmp(order, "REFUNDED") == 0) return kept || held || payment->captured_minor == 0;
    if (strcmp(order, "CANCELLED") == 0 || strcmp(order, "REJECTED") == 0) return kept || held;
    return kept || held; /* the order waits for money that is there */
}

static void compare_order(struct arena *arena, struct comparison *comparison)
{
    const struct payment_audit *audit = comparison->audit;
    const struct payment *payment = &audit->payment;
    const char *order = comparison->order;

    if (!order || audit->busy || !contradicts(payment, order)) return;
    differ(comparison, "order", payment_state_name(payment->state),
           number(arena, payment->captured_minor - payment->refunded_minor), "");
    comparison->found[comparison->count - 1].order = (char *)(order[0] ? order : "missing");
}

/* Refunds one by one: what failed and what was made besides may come to the same sum. */
static struct status compare_refunds(struct call *call, struct payment_service *service,
                                     struct comparison *comparison)
{
    struct payment_correction correction;

    struct status st = payment_find_correction(call, service, &comparison->audit->payment,
                                               &comparison->charge, &correction);
    if (failed(st) || correction.amount_minor == 0) return st;
    bool has_failed = correction.step == PAYMENT_GOT_REFUND_REVERSED;
    differ(comparison, "refund", correction.refund_id ? correction.refund_id : "", "",
           arena_printf(call->arena, "%s %s", correction.reference,
                        has_failed ? "failed" : "succeeded"));
    return st;
}

/* Does the provider have a charge of this payment that can be compared with it? */
static bool has_charge(const struct payment_service *service, const struct payment_audit *audit)
{
    return !audit->busy && audit->payment.reference[0] &&
           strcmp(audit->payment.provider, service->provider->name) == 0;
}

/* The charge that was read with its page, or as it is now. */
static struct status read_charge(struct call *call, struct payment_provider *provider,
                                 struct comparison *comparison)
{
    const struct provider_charge *listed = comparison->listed;
    struct status st;

    if (listed) {
        comparison->asked_us = comparison->listed_us;
        comparison->charge = *listed;
        comparison->known = listed->reference != 0;
        comparison->listed = 0;
        return status_ok();
    }
    st = provider->find(call, provider, comparison->audit->payment.reference, &comparison->charge);
    if (failed(st) && st.code != STATUS_NOT_FOUND) return st;
    comparison->known = !failed(st);
    return status_ok();
}

/* Reads the provider's charge, unless an operation is in progress. */
static struct status find_charge(struct call *call, struct payment_service *service,
                                 struct comparison *comparison)
{
    const struct payment_audit *audit = comparison->audit;
    const struct payment *payment = &audit->payment;

    comparison->known = false;
    comparison->asked_us = clock_now_us();
    if (audit->busy) return status_ok();
    if (!has_charge(service, audit)) {
        if (expected_status(payment) && payment->amount_minor > 0)
            differ(comparison, "missing", "", "", "");
        return status_ok();
    }
    struct status st = read_charge(call, service->provider, comparison);
    if (failed(st)) return st;
    if (!comparison->known) differ(comparison, "missing", payment->reference, "", "");
    return status_ok();
}

static struct status compare(struct call *call, struct payment_service *service,
                             struct comparison *comparison)
{
    const struct payment_audit *audit = comparison->audit;
    const struct payment *payment = &audit->payment;
    const struct provider_charge *charge = &comparison->charge;
    struct status st;

    comparison->count = 0;
    if (audit->unbalanced)
        differ(comparison, "unbalanced", "", number(call->arena, audit->unbalanced), "");
    st = find_charge(call, service, comparison);
    if (failed(st)) return st;
    bool known = comparison->known, held = known && strcmp(charge->status, "authorized") == 0;
    int64_t provider_held_minor = held ? charge->amount_minor : 0;
    compare_amount(call->arena, comparison, "authorized", held_by_us(payment), audit->held_minor,
                   known ? &provider_held_minor : 0);
    compare_amount(call->arena, comparison, "captured", payment->captured_minor,
                   audit->captured_minor, known ? &charge->captured_minor : 0);
    compare_amount(call->arena, comparison, "refunded", payment->refunded_minor,
                   audit->refunded_minor, known ? &charge->refunded_minor : 0);
    if (known) compare_status(comparison, charge);
    if (known) st = compare_refunds(call, service, comparison);
    compare_order(call->arena, comparison);
    return st;
}

/* The states of these payments' orders, in the same sequence. If the order service can't be
 * reached, that is logged and all are NULL: payments, ledger and provider are compared anyway. */
static const char **states_of(struct call *call, struct payment_service *service,
                              const struct payment_audit *audits, size_t count)
{
    OrderService__GetOrderStatesRequest request = ORDER_SERVICE__GET_ORDER_STATES_REQUEST__INIT;
    const char **states = arena_array(call->arena, const char *, count);
    OrderService__GetOrderStatesResponse *response;

    request.order_ids = arena_array(call->arena, char *, count);
    for (size_t i = 0; i < count; i++)
        request.order_ids[request.n_order_ids++] = (char *)audits[i].payment.order_id;
    struct status st = order_service_get_order_states(call, service->orders, &request, &response);
    if (failed(st) || response->n_states != count) {
        log_warn(call->trace, "payment: the order service does not answer; orders are not compared",
                 LOG_STR("error", failed(st) ? st.message : "the answer is incomplete"));
        return states;
    }
    for (size_t i = 0; i < count; i++) states[i] = response->states[i]->status;
    return states;
}

static bool is_contradiction(const struct comparison *comparison)
{
    return comparison->count > 0 && comparison->found[comparison->count - 1].order[0];
}

/* Compares a payment, again if it is changed meanwhile, at most TRIES_MAX times in all. If an order
 * and its payment contradict each other, an event may still be on its way, so they are compared
 * once more a little later. */
static struct status compare_settled(struct call *call, struct payment_service *service,
                                     struct payment_audit *audit, struct comparison *comparison)
{
    bool waits = true, changed = true;
    struct status st;

    for (int tries = 0; changed && tries < TRIES_MAX; tries++) {
        st = compare(call, service, comparison);
        if (failed(st) || comparison->count == 0) return st;
        waits = waits && is_contradiction(comparison);
        if (waits) st = fiber_sleep(call, SETTLE_US);
        if (failed(st)) return st;
        int64_t seen_us = audit->payment.updated_us;
        st = service->store->audit_one(call, service->store, audit->number, audit);
        if (failed(st)) return st;
        changed = waits || audit->payment.updated_us != seen_us;
        if (changed) comparison->order = *states_of(call, service, audit, 1);
        waits = false;
    }
    return status_ok();
}

/* Books that contradict themselves are left to people. */
static bool may_mend(const struct comparison *comparison)
{
    const struct payment_audit *audit = comparison->audit;
    const struct payment *payment = &audit->payment;

    return comparison->count > 0 && comparison->known && !audit->unbalanced &&
           held_by_us(payment) == audit->held_minor &&
           payment->captured_minor == audit->captured_minor &&
           payment->refunded_minor == audit->refunded_minor;
}

static bool is_found(const struct comparison *comparison, const char *what)
{
    for (size_t i = 0; i < comparison->count; i++)
        if (strcmp(comparison->found[i].what, what) == 0) return true;
    return false;
}

/* Compares a payment, and makes up for what the provider has and we have missed. A payment that is
 * changed between the two is compared again; if it changes each time, it is left as it is. */
static struct status compare_and_mend(struct call *call, struct payment_service *service,
                                      struct payment_audit *audit, struct comparison *comparison,
                                      bool *ret_mended)
{
    struct status st = status_ok();

    *ret_mended = false;
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        st = compare_settled(call, service, audit, comparison);
        if (failed(st) || !may_mend(comparison)) return st;
        const struct payment_hint hint = {.charge = &comparison->charge,
                                          .asked_us = comparison->asked_us};
        st = payment_catch_up(call, service, &hint, ret_mended);
        if (st.code != STATUS_ABORTED) return st;
        st = service->store->audit_one(call, service->store, audit->number, audit);
        if (failed(st)) return st;
        comparison->order = *states_of(call, service, audit, 1);
    }
    return st;
}

/* What is different after all has been mended is named as it is. */
static struct status reconcile_one(struct call *call, struct payment_service *service,
                                   const struct comparison *first, struct rpc_stream *stream)
{
    struct payment_audit audit = *first->audit, mended;
    struct comparison before = *first, after;
    bool changed = false;
    struct status st;

    before.audit = &audit;
    st = compare_and_mend(call, service, &audit, &before, &changed);
    if (failed(st) || before.count == 0) return st;
    after = before;
    if (changed) {
        st = service->store->audit_one(call, service->store, audit.number, &mended);
        if (failed(st)) return st;
        after = (struct comparison){.audit = &mended,
                                    .order = *states_of(call, service, &mended, 1)};
        st = compare_settled(call, service, &mended, &after);
    }
    for (size_t i = 0; i < before.count && changed && !failed(st); i++) {
        before.found[i].mended = true;
        if (!is_found(&after, before.found[i].what))
            st = payment_service_reconcile_payments_reply(call, stream, &before.found[i]);
    }
    for (size_t i = 0; i < after.count && !failed(st); i++)
        st = payment_service_reconcile_payments_reply(call, stream, &after.found[i]);
    return st;
}

/* Reads the charges of all comparisons at once, if the provider can. */
static struct status list_charges(struct call *call, struct payment_service *service,
                                  struct comparison *comparisons, size_t count)
{
    struct provider_charge *charges = arena_array(call->arena, struct provider_charge, count);
    const char **references = arena_array(call->arena, const char *, count);
    struct payment_provider *provider = service->provider;
    int64_t listed_us = clock_now_us();
    size_t asked = 0, next = 0;

    if (!provider->find_several) return status_ok();
    for (size_t i = 0; i < count; i++)
        if (has_charge(service, comparisons[i].audit))
            references[asked++] = comparisons[i].audit->payment.reference;
    if (asked == 0) return status_ok();
    struct status st = provider->find_several(call, provider, references, asked, charges);
    if (failed(st)) return st;
    for (size_t i = 0; i < count; i++) {
        if (!has_charge(service, comparisons[i].audit)) continue;
        comparisons[i].listed = &charges[next++];
        comparisons[i].listed_us = listed_us;
    }
    return status_ok();
}

/* Reads what belongs to a page of payments, each kind with one call, and reconciles them. */
static struct status reconcile_page(struct call *call, struct payment_service *service,
                                    const struct payment_audit *audits, size_t count,
                                    struct rpc_stream *stream)
{
    struct comparison *comparisons = arena_array(call->arena, struct comparison, count);
    const char **orders = states_of(call, service, audits, count);
    struct status st;

    for (size_t i = 0; i < count; i++)
        comparisons[i] = (struct comparison){.audit = &audits[i], .order = orders[i]};
    st = list_charges(call, service, comparisons, count);
    for (size_t i = 0; i < count && !failed(st); i++)
        st = reconcile_one(call, service, &comparisons[i], stream);
    return st;
}

static struct status reconcile_payments(struct call *call, struct payment_service *service,
                                        struct rpc_stream *stream)
{
    struct payment_audit *audits;
    size_t count = PAGE;
    int64_t after = 0;
    struct call inner;
    struct arena arena;
    struct status st = status_ok();

    arena_init(&arena, 0);
    call_init_child(&inner, call, 0);
    inner.arena = &arena;
    while (count == PAGE && !failed(st)) {
        arena_reset(&arena);
        st = service->store->audit(&inner, service->store, after, PAGE, &audits, &count);
        if (failed(st) || count == 0) break;
        after = audits[count - 1].number;
        st = reconcile_page(&inner, service, audits, count, stream);
    }
    if (failed(st)) st = status_dup(call->arena, st);
    arena_release(&arena);
    return st;
}

static bool has_ended(const struct provider_charge *charge)
{
    return strcmp(charge->status, "declined") == 0 || strcmp(charge->status, "voided") == 0;
}

/* Reports a charge of the provider that belongs to none of our payments. It is read once more,
 * because much may have happened since the page was. */
static struct status reconcile_charge(struct call *call, struct payment_service *service,
                                      const struct provider_charge *listed,
                                      struct rpc_stream *stream)
{
    PaymentService__Difference difference = PAYMENT_SERVICE__DIFFERENCE__INIT;
    struct payment payment = {.reference = "", .payment_id = ""};
    struct payment_provider *provider = service->provider;
    struct provider_charge charge = *listed;
    struct payment_hint hint = {.charge = &charge};
    bool changed = false;
    struct status st;

    st = service->store->find_by_order(call, service->store, charge.order_id, &payment);
    if (failed(st) && st.code != STATUS_NOT_FOUND) return st;
    bool known = !failed(st);
    if (known && (strcmp(payment.reference, charge.reference) == 0 || payment_is_busy(&payment)))
        return status_ok();
    hint.asked_us = clock_now_us();
    st = provider->find(call, provider, listed->reference, &charge);
    if (failed(st)) return st.code == STATUS_NOT_FOUND ? status_ok() : st;
    if (has_ended(&charge)) return status_ok();
    if (known) {
        st = payment_catch_up(call, service, &hint, &changed);
        if (failed(st) && st.code != STATUS_ABORTED) return st;
    }
    difference.mended = changed;
    difference.payment_id = (char *)payment.payment_id;
    difference.order_id = (char *)charge.order_id;
    difference.what = (char *)"unknown";
    difference.provider = arena_printf(call->arena, "%s %s", charge.reference, charge.status);
    return payment_service_reconcile_payments_reply(call, stream, &difference);
}

/* Reconciles those charges of a page that are not the known charge of their order. */
static struct status reconcile_charges_page(struct call *call, struct payment_service *service,
                                            const struct provider_charge *charges, size_t count,
                                            struct rpc_stream *stream)
{
    const struct provider_charge **ours = arena_array(call->arena, const struct provider_charge *,
                                                      count);
    const char **order_ids = arena_array(call->arena, const char *, count), **references;
    size_t asked = 0;
    struct status st;

    for (size_t i = 0; i < count; i++) {
        if (!charges[i].order_id[0] || has_ended(&charges[i])) continue;
        order_ids[asked] = charges[i].order_id;
        ours[asked++] = &charges[i];
    }
    if (asked == 0) return status_ok();
    st = service->store->find_references(call, service->store, order_ids, asked, &references);
    for (size_t i = 0; i < asked && !failed(st); i++)
        if (!references[i] || strcmp(references[i], ours[i]->reference) != 0)
            st = reconcile_charge(call, service, ours[i], stream);
    return st;
}

static struct status reconcile_charges(struct call *call, struct payment_service *service,
                                       struct rpc_stream *stream)
{
    struct payment_provider *provider = service->provider;
    struct provider_charge *charges;
    struct arena pages[2]; /* of the page before, whose end `after` is, and of this one */
    const char *after = "";
    struct status st = status_ok();
    size_t count = PAGE;
    struct call inner;

    arena_init(&pages[0], 0);
    arena_init(&pages[1], 0);
    call_init_child(&inner, call, 0);
    for (size_t page = 0; count == PAGE && !failed(st); page ^= 1) {
        inner.arena = &pages[page];
        arena_reset(inner.arena);
        st = provider->list(&inner, provider, after, PAGE, &charges, &count);
        if (failed(st) || count == 0) break;
        after = charges[count - 1].reference;
        st = reconcile_charges_page(&inner, service, charges, count, stream);
    }
    if (failed(st)) st = status_dup(call->arena, st);
    arena_release(&pages[0]);
    arena_release(&pages[1]);
    return st;
}

/* First compares our payments, each with its postings and its charge; then finds the provider's
 * charges that are left. */
struct status payment_reconcile(struct call *call,
                                const PaymentService__ReconcilePaymentsRequest *request,
                                struct rpc_stream *stream)
{
    struct payment_service *service = call_service(call);
    struct status st;

    st = call_require_peer(call);
    if (failed(st)) return st;

    st = reconcile_payments(call, service, stream);
    if (failed(st)) return st;

    st = reconcile_charges(call, service, stream);
    if (failed(st)) return st;

    return payment_reconcile_orders(call, service, stream);
}
