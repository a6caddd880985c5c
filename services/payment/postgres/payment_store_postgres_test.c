/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the PostgreSQL adapter alone: the ledger, and several processes on one store. They need a
 * server (ARGOSY_TEST_POSTGRES). */
#include "services/payment/postgres/payment_store_postgres.h"

#include "rpc/store_suite_testing.h"
#include "store/postgres/postgres_testing.h"

static struct status open_postgres(const struct service_context *context,
                                   struct payment_store **ret_store)
{
    return payment_store_postgres(context, postgres_testing_url(context->arena), ret_store);
}

static struct status connect_store(struct call *call, struct payment_store *opened)
{
    return opened->open(call, opened);
}

static struct status drop_store(struct call *call, struct payment_store *opened)
{
    return postgres_testing_drop(call, payment_postgres(opened));
}

STORE_SUITE(payment,
            {"postgres", open_postgres, "ARGOSY_TEST_POSTGRES", connect_store, drop_store});

static struct status make_captured(const struct call *call, struct payment_turn *turn, void *data)
{
    struct payment *payment = &turn->payment;

    (void)data;
    payment->payment_id = arena_printf(call->arena, "pay-%s", payment->order_id);
    payment->user_id = "ann@example.com";
    payment->sellers = payment->reference = payment->message = payment->client_secret = "";
    payment->provider = "test";
    payment->currency = "EUR";
    payment->state = PAYMENT_CAPTURED;
    payment->amount_minor = payment->authorized_minor = payment->captured_minor = 1000;
    payment->created_us = payment->updated_us = clock_now_us();
    turn->effects.changed = true;
    turn->effects.posting_count = 1;
    payment_post_capture(1000, &turn->effects.postings[0]);
    return status_ok();
}

static struct status capture(struct call *call, const char *order_id)
{
    const struct payment_change change = {.order_id = order_id, .apply = make_captured};
    struct payment_written written;

    return store->update(call, store, &change, &written);
}

/* ---- the ledger ---- */

static struct status run_sql(struct call *call, struct postgres_tx *tx, void *data)
{
    (void)call;
    postgres_exec(tx, data, "");
    return status_ok();
}

static void keeps_ledger(struct call *call, struct stage *stage)
{
    static const char *const forbidden[] = {
        "DELETE FROM postings", "UPDATE postings SET cause = 'x'", "TRUNCATE postings",
        "DELETE FROM entries",  "UPDATE entries SET line = 9",     "TRUNCATE entries"};
    struct payment_ledger_posting *postings;
    size_t count = 0;

    EXPECT_OK(capture(call, "o1"));
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(*forbidden); i++) {
        struct status st = postgres_write(call, payment_postgres(store), run_sql,
                                          (void *)(uintptr_t)forbidden[i]);
        EXPECT(st.code == STATUS_FAILED_PRECONDITION);
    }
    EXPECT_OK(store->list_postings(call, store, "pay-o1", 10, &postings, &count));
    EXPECT(count == 1 && postings[0].posting.entry_count == 4);
}

TEST(the_ledger_is_append_only)
{
    for_each_adapter(keeps_ledger);
}

/* ---- races ---- */

enum { RACERS = 40 };

static void race_to_open(struct call *call, struct stage *stage, int number)
{
    (void)number;
    EXPECT_OK(capture(call, "o1"));
}

/* Each finds the payment of the one before it, or none. */
static void opens_once(struct call *call, struct stage *stage)
{
    struct payment_ledger_posting *postings;
    struct payment payment;
    size_t count = 0;

    stage_spread(call, stage, RACERS, race_to_open);
    EXPECT_OK(store->find_by_order(call, store, "o1", &payment));
    EXPECT_OK(store->list_postings(call, store, "pay-o1", 100, &postings, &count));
    EXPECT(count == RACERS);
}

TEST(of_many_changes_of_an_order_without_a_payment_one_makes_it)
{
    for_each_adapter(opens_once);
}

static struct status begin_refund(const struct call *call, struct payment_turn *turn, void *data)
{
    turn->begun = (struct payment_operation){
        .operation_id = data,
        .payment_id = turn->payment.payment_id,
        .kind = PAYMENT_REFUND,
        .amount_minor = 1,
        .method = "",
        .note = "",
        .next_us = 100,
        .created_us = clock_now_us(),
        .scope = "",
        .key = "",
    };
    return status_ok();
}

static _Atomic int claimed;

static void race_to_claim(struct call *call, struct stage *stage, int number)
{
    const char **ids;
    size_t count = 0;

    (void)number;
    EXPECT_OK(store->claim(call, store, 100, 500, 3, &ids, &count));
    claimed += (int)count;
}

static void claims_once(struct call *call, struct stage *stage)
{
    EXPECT_OK(capture(call, "o1"));
    for (int i = 0; i < RACERS; i++) {
        const struct payment_change change = {
            .order_id = "o1", .apply = begin_refund, .data = arena_printf(call->arena, "op-%d", i)};
        struct payment_written written;
        EXPECT_OK(store->update(call, store, &change, &written));
    }
    claimed = 0;
    stage_spread(call, stage, RACERS, race_to_claim);
    EXPECT(claimed == RACERS);
}

TEST(each_operation_is_claimed_by_one_of_many)
{
    for_each_adapter(claims_once);
}

/* ---- several processes ---- */

/* How often each of the two was told. */
static _Atomic int told[2];

static void count_told(void *count)
{
    ++*(_Atomic int *)count;
}

/* Another process of the service, as far as PostgreSQL can tell. */
static struct payment_store *other;

static struct status start_two(const struct service_context *context, void **ret_service)
{
    const char *url = postgres_testing_url(context->arena);

    *ret_service = 0;
    struct status st = payment_store_postgres(context, url, &store);
    if (failed(st)) return st;
    store->on_change(store, count_told, &told[0]);
    st = payment_store_postgres(context, url, &other);
    if (!failed(st)) other->on_change(other, count_told, &told[1]);
    return st;
}

static void stop_two(void *service)
{
    (void)service;
    store->close(store);
    other->close(other);
}

static const struct service_module two = {.name = "payment",
                                          .settings = no_settings,
                                          .store_default = "",
                                          .start = start_two,
                                          .stop = stop_two};

/* A commit is told in its own process and, by a notification, in the other. */
static void tells_others(struct call *call, struct stage *stage)
{
    struct payment payment;

    EXPECT_OK(store->open(call, store));
    EXPECT_OK(other->open(call, other));
    EXPECT_OK(fiber_sleep(call, 300000)); /* both listen */
    for (int i = 0; i < 5; i++) {
        told[0] = told[1] = 0;
        EXPECT_OK(capture(call, arena_printf(call->arena, "o%d", i)));
        for (int waited = 0; (!told[0] || !told[1]) && waited < 2000; waited++)
            EXPECT_OK(fiber_sleep(call, 1000));
        EXPECT(told[0] && told[1]);
        EXPECT_OK(fiber_sleep(call, 50000));
    }
    EXPECT_OK(other->find_by_order(call, other, "o4", &payment));
    EXPECT_OK(drop_store(call, store));
}

TEST(a_change_of_one_process_is_told_to_the_others)
{
    if (!test_engine("ARGOSY_TEST_POSTGRES")) return;
    stage_run(&(struct stage_plan){.module = &two}, tells_others);
}

enum { ORDERS = 20, TRIES_MAX = 3 };
static _Atomic int abandoned;

/* As when a customer abandons the confirmation of an attempt, which then counts as a failed one. */
static struct status abandon(const struct call *call, struct payment_turn *turn, void *data)
{
    (void)data;
    if (turn->of_payer.count >= TRIES_MAX)
        return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__PAYMENT_TRIES_RATE, "enough");
    turn->payment.failures++;
    turn->payment.failed_us = clock_now_us();
    turn->effects.changed = true;
    return status_ok();
}

static void race_to_abandon(struct call *call, struct stage *stage, int number)
{
    struct payment_store *process = number % 2 ? store : other;
    const char *id = arena_printf(call->arena, "pay-o%d", number);
    const struct payment_change change = {
        .payment_id = id, .payer = "Ann@example.com", .fails_attempt = true, .apply = abandon};
    struct payment_written written;

    if (!failed(process->update(call, process, &change, &written))) abandoned++;
}

static void counts_failures(struct call *call, struct stage *stage)
{
    EXPECT_OK(store->open(call, store));
    EXPECT_OK(other->open(call, other));
    for (int i = 0; i < ORDERS; i++) EXPECT_OK(capture(call, arena_printf(call->arena, "o%d", i)));
    abandoned = 0;
    stage_spread(call, stage, ORDERS, race_to_abandon);
    EXPECT(abandoned == TRIES_MAX);
    EXPECT_OK(drop_store(call, store));
}

TEST(abandoned_attempts_of_a_customer_at_two_processes_are_counted_together)
{
    if (!test_engine("ARGOSY_TEST_POSTGRES")) return;
    stage_run(&(struct stage_plan){.module = &two}, counts_failures);
}
