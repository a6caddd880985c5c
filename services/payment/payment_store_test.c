/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of the payment service's port: each test runs against each adapter in the list
 * below. */
#include "services/payment/payment_store.h"

#include "events.pb-c.h"
#include "rpc/store_suite_testing.h"
#include "services/payment/postgres/payment_store_postgres.h"
#include "store/postgres/postgres_testing.h"
#include "store/sqlite/sqlite_fate.h"

static struct status open_sqlite(const struct service_context *context,
                                 struct payment_store **ret_store)
{
    return payment_store_sqlite(
        context, arena_printf(context->arena, "%s/payment.db", context->data_dir), ret_store);
}

static struct status open_postgres(const struct service_context *context,
                                   struct payment_store **ret_store)
{
    return payment_store_postgres(context, postgres_testing_url(context->arena), ret_store);
}

static struct status connect_store(struct call *call, struct payment_store *opened)
{
    return opened->open(call, opened);
}

static struct status drop_postgres(struct call *call, struct payment_store *opened)
{
    return postgres_testing_drop(call, payment_postgres(opened));
}

STORE_SUITE(payment, {"sqlite", open_sqlite, .lose_answer = sqlite_lose_answer},
            {"postgres", open_postgres, "ARGOSY_TEST_POSTGRES", connect_store, drop_postgres});

/* ---- changes ---- */

/* What a test's change does. */
struct script {
    enum payment_state to;
    enum payment_operation_kind begins;
    const char *operation_id;
    int64_t next_us;
    const char *key; /* of the request that asks for the operation */
    bool ends, answers, forgets, posts, tells, refuses;
    int fails; /* tries, the last of them at `failed_us` */
    int64_t failed_us;
    struct payment_failures *failures; /* those of the payer, if they are counted */
};

static void fill_new(const struct call *call, struct payment *payment)
{
    payment->payment_id = arena_printf(call->arena, "pay-%s", payment->order_id);
    payment->user_id = "Ann@example.com";
    payment->sellers = "sam@example.com";
    payment->provider = "test";
    payment->reference = payment->message = payment->client_secret = "";
    payment->currency = "EUR";
    payment->amount_minor = payment->authorized_minor = payment->captured_minor = 1000;
    payment->created_us = payment->updated_us = clock_now_us();
}

static void tell(const struct call *call, struct payment_turn *turn)
{
    Events__PaymentVoidedEvent event = EVENTS__PAYMENT_VOIDED_EVENT__INIT;

    event.order_id = (char *)turn->payment.order_id;
    change_tell(call, &turn->record, "payment-events", turn->payment.order_id, &event.base);
}

static struct status apply(const struct call *call, struct payment_turn *turn, void *data)
{
    const struct script *script = data;
    struct payment *payment = &turn->payment;

    EXPECT((turn->operation != 0) == script->ends);
    if (payment->state == PAYMENT_ABSENT) fill_new(call, payment);
    payment->state = script->to;
    payment->failures += script->fails;
    if (script->fails) payment->failed_us = script->failed_us;
    if (script->failures) *script->failures = turn->of_payer;
    turn->effects.changed = true;
    turn->ended = script->ends;
    turn->record.forget = script->forgets;
    if (script->answers) turn->record.answer = STR("the answer");
    if (script->posts) payment_post_authorize(1000, &turn->effects.postings[0]);
    turn->effects.posting_count = script->posts;
    if (script->tells) tell(call, turn);
    if (script->begins)
        turn->begun = (struct payment_operation){
            .operation_id = script->operation_id,
            .payment_id = payment->payment_id,
            .kind = script->begins,
            .amount_minor = 100,
            .method = "pm",
            .note = "scratched",
            .next_us = script->next_us,
            .created_us = clock_now_us(),
            .scope = "ann@example.com",
            .key = script->key ? script->key : "",
        };
    if (script->refuses)
        return status_make(STATUS_FAILED_PRECONDITION, ARGOSY__REASON__PAYMENT_STATE, "no");
    return status_ok();
}

static struct payment_written change_order(struct call *call, const char *order_id,
                                           const struct event *event,
                                           struct change_request *request, struct script script)
{
    struct payment_written written = {0};
    const struct payment_change change = {
        .order_id = order_id, .cause = {event, request}, .apply = apply, .data = &script};

    EXPECT_OK(store->update(call, store, &change, &written));
    return written;
}

static struct payment_written change_operation(struct call *call, const char *operation_id,
                                               struct script script)
{
    struct payment_written written = {0};
    const struct payment_change change = {
        .operation_id = operation_id, .apply = apply, .data = &script};

    script.ends = true;
    EXPECT_OK(store->update(call, store, &change, &written));
    return written;
}

static struct payment find(struct call *call, const char *order_id)
{
    struct payment payment = {.state = PAYMENT_ABSENT};

    struct status st = store->find_by_order(call, store, order_id, &payment);
    EXPECT(!failed(st) || st.reason == ARGOSY__REASON__PAYMENT_NOT_FOUND);
    return payment;
}

static int64_t count_operations(struct call *call)
{
    int64_t count = -1;

    EXPECT_OK(store->count_operations(call, store, &count));
    return count;
}

static size_t count_events(struct call *call)
{
    struct event *events;
    int64_t after;
    size_t count;

    EXPECT_OK(store->events.log->read(call, store->events.log, "payment-events", 0, 100, &events,
                                      &count, &after));
    return count;
}

static size_t count_postings(struct call *call, const char *payment_id)
{
    struct payment_ledger_posting *postings;
    size_t count = 0;

    EXPECT_OK(store->list_postings(call, store, payment_id, 100, &postings, &count));
    return count;
}

/* ---- tests ---- */

static void keeps_payments(struct call *call, struct stage *stage)
{
    struct payment payment;

    EXPECT(find(call, "o1").state == PAYMENT_ABSENT);
    EXPECT(change_order(call, "o1", 0, 0, (struct script){.to = PAYMENT_NEW}).applied);
    payment = find(call, "o1");
    EXPECT(payment.state == PAYMENT_NEW && payment.amount_minor == 1000);
    EXPECT(strcmp(payment.user_id, "Ann@example.com") == 0);
    EXPECT_OK(store->find(call, store, "pay-o1", &payment));
    EXPECT(strcmp(payment.order_id, "o1") == 0 && strcmp(payment.sellers, "sam@example.com") == 0);
    EXPECT(change_order(call, "o1", 0, 0, (struct script){.to = PAYMENT_AUTHORIZED}).applied);
    EXPECT(find(call, "o1").state == PAYMENT_AUTHORIZED);
    EXPECT_REFUSED(store->find(call, store, "pay-o2", &payment), NOT_FOUND, PAYMENT_NOT_FOUND);
    /* A tombstone is stored, but not found. */
    change_order(call, "o2", 0, 0, (struct script){.to = PAYMENT_BURIED});
    EXPECT_REFUSED(store->find(call, store, "pay-o2", &payment), NOT_FOUND, PAYMENT_NOT_FOUND);
    EXPECT(change_order(call, "o2", 0, 0, (struct script){.to = PAYMENT_BURIED}).from ==
           PAYMENT_BURIED);
}

TEST(a_payment_is_kept_by_its_order_and_its_id)
{
    for_each_adapter(keeps_payments);
}

static void changes_whole(struct call *call, struct stage *stage)
{
    struct script all = {.to = PAYMENT_AUTHORIZING,
                         .begins = PAYMENT_REFUND,
                         .operation_id = "op-1",
                         .posts = true,
                         .tells = true,
                         .refuses = true};
    const struct payment_change change = {.order_id = "o1", .apply = apply, .data = &all};
    struct payment_written written;

    EXPECT_REFUSED(store->update(call, store, &change, &written), FAILED_PRECONDITION,
                   PAYMENT_STATE);
    EXPECT(find(call, "o1").state == PAYMENT_ABSENT && count_operations(call) == 0);
    EXPECT(count_events(call) == 0 && count_postings(call, "pay-o1") == 0);
    all.refuses = false;
    EXPECT_OK(store->update(call, store, &change, &written));
    EXPECT(find(call, "o1").state == PAYMENT_AUTHORIZING && count_operations(call) == 1);
    EXPECT(count_events(call) == 1 && count_postings(call, "pay-o1") == 1);
}

TEST(a_change_is_written_as_a_whole_or_not_at_all)
{
    for_each_adapter(changes_whole);
}

static void takes_events_once(struct call *call, struct stage *stage)
{
    Events__OrderCancelledEvent message = EVENTS__ORDER_CANCELLED_EVENT__INIT;
    struct script script = {.to = PAYMENT_NEW, .tells = true};
    struct event event;

    event_make(call, "order-events", "o1", &message.base, &event);
    EXPECT(change_order(call, "o1", &event, 0, script).applied);
    EXPECT(!change_order(call, "o1", &event, 0, script).applied);
    EXPECT(count_events(call) == 1);
}

TEST(an_event_takes_effect_once)
{
    for_each_adapter(takes_events_once);
}

static void keeps_operations(struct call *call, struct stage *stage)
{
    struct script begins = {
        .to = PAYMENT_CAPTURED, .begins = PAYMENT_REFUND, .operation_id = "op-1", .next_us = 100};
    struct payment_operation operation;
    struct payment_refund *refunds;
    struct payment payment;
    const char **ids;
    size_t count = 9;

    change_order(call, "o1", 0, 0, begins);
    EXPECT_OK(store->find_operation(call, store, "op-1", &operation, &payment));
    EXPECT(operation.kind == PAYMENT_REFUND && operation.amount_minor == 100);
    EXPECT(strcmp(operation.method, "pm") == 0 && strcmp(operation.payment_id, "pay-o1") == 0);
    EXPECT_OK(store->list_refunds(call, store, "pay-o1", 10, &refunds, &count));
    EXPECT(count == 1 && strcmp(refunds[0].status, "processing") == 0);

    /* It can't be claimed before its time, and then only once. */
    EXPECT_OK(store->claim(call, store, 99, 500, 10, &ids, &count));
    EXPECT(count == 0);
    EXPECT_OK(store->claim(call, store, 100, 500, 10, &ids, &count));
    EXPECT(count == 1 && strcmp(ids[0], "op-1") == 0);
    EXPECT_OK(store->claim(call, store, 499, 900, 10, &ids, &count));
    EXPECT(count == 0);
    /* A lease is respected, unless it ends later than any that could have begun by now. */
    EXPECT_OK(store->hasten(call, store, "pay-o1", 300, 700));
    EXPECT_OK(store->claim(call, store, 300, 700, 10, &ids, &count));
    EXPECT(count == 0);
    EXPECT_OK(store->hasten(call, store, "pay-o1", 300, 400));
    EXPECT_OK(store->claim(call, store, 300, 900, 10, &ids, &count));
    EXPECT(count == 1);
    EXPECT_OK(store->find_operation(call, store, "op-1", &operation, &payment));
    EXPECT(operation.leased && operation.next_us == 900);
    operation.leased = false;
    operation.attempts = 3;
    operation.processing = true;
    operation.next_us = 2000;
    EXPECT_OK(store->postpone(call, store, &operation, "ch_1"));
    EXPECT_OK(store->find_operation(call, store, "op-1", &operation, &payment));
    EXPECT(operation.attempts == 3 && operation.processing && operation.next_us == 2000);
    EXPECT(strcmp(payment.reference, "ch_1") == 0);
    EXPECT_OK(store->hasten(call, store, 0, 1000, 3000));
    EXPECT_OK(store->claim(call, store, 1000, 3000, 10, &ids, &count));
    EXPECT(count == 1);

    /* It ends once. */
    EXPECT(change_operation(call, "op-1", (struct script){.to = PAYMENT_CAPTURED}).applied);
    EXPECT(!change_operation(call, "op-1", (struct script){.to = PAYMENT_NEW}).applied);
    EXPECT(find(call, "o1").state == PAYMENT_CAPTURED && count_operations(call) == 0);
    EXPECT_OK(store->list_refunds(call, store, "pay-o1", 10, &refunds, &count));
    EXPECT(count == 1 && strcmp(refunds[0].status, "succeeded") == 0);
    EXPECT(failed(store->find_operation(call, store, "op-1", &operation, &payment)));
    EXPECT_OK(store->postpone(call, store, &operation, "ch_2"));
    EXPECT(strcmp(find(call, "o1").reference, "ch_1") == 0);
}

TEST(an_operation_is_kept_until_it_ends_once)
{
    for_each_adapter(keeps_operations);
}

static void lists_newest_refunds(struct call *call, struct stage *stage)
{
    static const char *const ids[] = {"op-1", "op-2", "op-3"};
    struct payment_refund *refunds;
    size_t count = 0;

    for (size_t i = 0; i < 3; i++) {
        struct script begins = {
            .to = PAYMENT_CAPTURED, .begins = PAYMENT_REFUND, .operation_id = ids[i]};
        change_order(call, "o1", 0, 0, begins);
    }
    EXPECT_OK(store->list_refunds(call, store, "pay-o1", 2, &refunds, &count));
    EXPECT(count == 2 && strcmp(refunds[0].refund_id, "op-2") == 0);
    EXPECT(strcmp(refunds[1].refund_id, "op-3") == 0);
}

TEST(a_long_list_of_refunds_has_the_newest)
{
    for_each_adapter(lists_newest_refunds);
}

static void keeps_answers(struct call *call, struct stage *stage)
{
    struct change_request request = {.idempotency = {.scope = "ann@example.com", .key = "k"}};
    struct script begins = {
        .to = PAYMENT_AUTHORIZING, .begins = PAYMENT_AUTHORIZE, .operation_id = "op-1", .key = "k"};
    const struct payment_change again = {
        .order_id = "o1", .cause = {.request = &request}, .apply = apply, .data = &begins};
    struct payment_written written;

    EXPECT(change_order(call, "o1", 0, &request, begins).applied);
    EXPECT_REFUSED(store->update(call, store, &again, &written), ABORTED, IDEMPOTENCY_KEY_RUNNING);
    /* The operation's end keeps the answer for the request that asked for it. */
    change_operation(call, "op-1", (struct script){.to = PAYMENT_AUTHORIZED, .answers = true});
    EXPECT_OK(store->update(call, store, &again, &written));
    EXPECT(!written.applied && str_is(request.replayed, "the answer"));

    /* Or frees its key, if nothing came of it. */
    request.idempotency.key = begins.key = "k2";
    begins.operation_id = "op-2";
    EXPECT(change_order(call, "o1", 0, &request, begins).applied);
    change_operation(call, "op-2", (struct script){.to = PAYMENT_NEW, .forgets = true});
    begins.operation_id = "op-3";
    EXPECT(change_order(call, "o1", 0, &request, begins).applied);
}

TEST(a_requests_answer_is_kept_when_its_operation_ends)
{
    for_each_adapter(keeps_answers);
}

static void outlives_lost_answers(struct call *call, struct stage *stage)
{
    Events__OrderCancelledEvent message = EVENTS__ORDER_CANCELLED_EVENT__INIT;
    struct change_request request = {.idempotency = {.scope = "ann@example.com", .key = "k"}};
    struct script opens = {.to = PAYMENT_CAPTURED, .tells = true, .posts = true},
                  begins = {.to = PAYMENT_CAPTURED,
                            .begins = PAYMENT_REFUND,
                            .operation_id = "op-1",
                            .next_us = 100,
                            .key = "k"},
                  ends = {.to = PAYMENT_CAPTURED,
                          .ends = true,
                          .answers = true,
                          .tells = true,
                          .posts = true};
    struct payment_operation operation;
    struct payment_written written = {0};
    struct payment_refund *refunds;
    struct payment payment;
    struct event event;
    const char **ids;
    size_t count = 0;

    event_make(call, "order-events", "o1", &message.base, &event);
    struct payment_change change = {
        .order_id = "o1", .cause = {.event = &event}, .apply = apply, .data = &opens};
    EXPECT_LOST(store->update(call, store, &change, &written));
    EXPECT_OK(store->update(call, store, &change, &written));
    EXPECT(!written.applied && count_events(call) == 1 && count_postings(call, "pay-o1") == 1);

    change = (struct payment_change){
        .order_id = "o1", .cause = {.request = &request}, .apply = apply, .data = &begins};
    EXPECT_LOST(store->update(call, store, &change, &written));
    EXPECT_REFUSED(store->update(call, store, &change, &written), ABORTED, IDEMPOTENCY_KEY_RUNNING);
    EXPECT(count_operations(call) == 1);
    /* Whoever claimed it and does not know that has it until its time; then the next one does. */
    EXPECT_LOST(store->claim(call, store, 100, 500, 10, &ids, &count));
    EXPECT_OK(store->claim(call, store, 100, 500, 10, &ids, &count));
    EXPECT(count == 0);
    EXPECT_OK(store->find_operation(call, store, "op-1", &operation, &payment));
    operation.attempts++;
    operation.leased = false;
    EXPECT_LOST(store->postpone(call, store, &operation, "ch_1"));
    EXPECT_OK(store->postpone(call, store, &operation, "ch_1"));
    EXPECT_LOST(store->hasten(call, store, "pay-o1", 300, 900));
    EXPECT_OK(store->hasten(call, store, "pay-o1", 300, 900));
    EXPECT_OK(store->claim(call, store, 300, 900, 10, &ids, &count));
    EXPECT(count == 1);

    const struct payment_change end = {.operation_id = "op-1", .apply = apply, .data = &ends};
    EXPECT_LOST(store->update(call, store, &end, &written));
    EXPECT_OK(store->update(call, store, &end, &written));
    EXPECT(!written.applied && count_events(call) == 2 && count_postings(call, "pay-o1") == 2);
    EXPECT_OK(store->list_refunds(call, store, "pay-o1", 10, &refunds, &count));
    EXPECT(count == 1 && strcmp(refunds[0].status, "succeeded") == 0);
    EXPECT_OK(store->update(call, store, &change, &written));
    EXPECT(!written.applied && str_is(request.replayed, "the answer"));
}

TEST(a_write_whose_answer_was_lost_takes_effect_once_when_it_is_repeated)
{
    for_each_adapter(outlives_lost_answers);
}

static void lists(struct call *call, struct stage *stage)
{
    struct payment_audit *audits;
    struct payment *payments;
    int64_t before = 0;
    size_t count = 0;

    for (int i = 0; i < 5; i++)
        change_order(call, arena_printf(call->arena, "o%d", i), 0, 0,
                     (struct script){.to = PAYMENT_NEW, .posts = i == 2});
    change_order(call, "buried", 0, 0, (struct script){.to = PAYMENT_BURIED});
    EXPECT_OK(store->list(call, store, "ANN@example.com", &before, 3, &payments, &count));
    EXPECT(count == 3 && before > 0 && strcmp(payments[0].order_id, "o4") == 0);
    EXPECT_OK(store->list(call, store, "ann@example.com", &before, 3, &payments, &count));
    EXPECT(count == 2 && before == 0 && strcmp(payments[1].order_id, "o0") == 0);
    EXPECT_OK(store->list(call, store, "bob@example.com", &before, 3, &payments, &count));
    EXPECT(count == 0);

    const char *order_ids[] = {"o3", "none\"", "buried", "o3"}, **references;
    EXPECT_OK(store->find_references(call, store, order_ids, 4, &references));
    EXPECT(references[0] && references[2] && references[3] && !references[1]);
    struct payment found = {.reference = "-"};
    EXPECT_OK(store->find_by_order(call, store, "o3", &found));
    EXPECT(references[0] && strcmp(references[0], found.reference) == 0);

    EXPECT_OK(store->audit(call, store, 0, 4, &audits, &count));
    EXPECT(count == 4 && audits[2].held_minor == 1000 && audits[1].held_minor == 0);
    EXPECT_OK(store->audit(call, store, audits[3].number, 4, &audits, &count));
    EXPECT(count == 1 && strcmp(audits[0].payment.order_id, "o4") == 0 && !audits[0].busy);
}

TEST(payments_are_listed_for_customers_and_for_the_audit)
{
    for_each_adapter(lists);
}

/* ---- races ---- */

enum { CHANGES = 400 };

static void begin_one(struct call *call, struct stage *stage, int number)
{
    struct script script = {.to = PAYMENT_CAPTURED,
                            .begins = PAYMENT_REFUND,
                            .operation_id = arena_printf(call->arena, "op-%d", number),
                            .posts = true};

    EXPECT(change_order(call, "o1", 0, 0, script).applied);
    script.begins = PAYMENT_NO_OPERATION;
    script.posts = false;
    EXPECT(change_operation(call, script.operation_id, script).applied);
}

static void races(struct call *call, struct stage *stage)
{
    struct payment_ledger_posting *postings;
    size_t count = 0;

    stage_spread(call, stage, CHANGES, begin_one);
    EXPECT(count_operations(call) == 0);
    EXPECT_OK(store->list_postings(call, store, "pay-o1", 1000, &postings, &count));
    EXPECT(count == CHANGES && postings[CHANGES - 1].posting.entry_count == 2);
}

TEST(concurrent_changes_of_one_payment_lose_none)
{
    for_each_adapter(races);
}

/* ---- failed tries ---- */

/* Those of Ann, of payments whose last one came after a moment. */
static struct payment_failures failures_after(struct call *call, int64_t after_us)
{
    struct payment_failures failures = {-1, -1};
    struct script script = {.to = PAYMENT_NEW, .failures = &failures};
    struct payment_written written;
    const struct payment_change change = {.order_id = "o-counts",
                                          .payer = "ANN@example.com",
                                          .failures_after_us = after_us,
                                          .apply = apply,
                                          .data = &script};

    EXPECT_OK(store->update(call, store, &change, &written));
    return failures;
}

static void counts_failures(struct call *call, struct stage *stage)
{
    struct payment_failures failures;

    EXPECT(failures_after(call, 0).count == 0);
    change_order(call, "o1", 0, 0, (struct script){.to = PAYMENT_NEW, .fails = 2, .failed_us = 10});
    change_order(call, "o2", 0, 0, (struct script){.to = PAYMENT_NEW, .fails = 1, .failed_us = 20});
    change_order(call, "o3", 0, 0, (struct script){.to = PAYMENT_NEW});
    failures = failures_after(call, 0);
    EXPECT(failures.count == 3 && failures.first_us == 10);
    change_order(call, "o1", 0, 0, (struct script){.to = PAYMENT_NEW, .fails = 1, .failed_us = 30});
    failures = failures_after(call, 0);
    EXPECT(failures.count == 4 && failures.first_us == 20);
    failures = failures_after(call, 20);
    EXPECT(failures.count == 3 && failures.first_us == 30);
    EXPECT(failures_after(call, 30).count == 0);
}

TEST(the_failed_tries_of_a_customer_are_counted_by_time)
{
    for_each_adapter(counts_failures);
}
