/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a payment: every state with every step, and random histories. */
#include "services/payment/payment.h"

#include "base/str.h"
#include "base/test.h"
#include "reasons.pb-c.h"

enum { AMOUNT = 1000, PENDING = 400 };

/* A payment in this state, without requests of its order. */
static struct payment payment_in(enum payment_state state)
{
    struct payment payment = {
        .payment_id = "p",
        .order_id = "o",
        .sellers = "sam@example.com",
        .state = state,
        .amount_minor = AMOUNT,
        .message = "",
    };
    bool held = state == PAYMENT_AUTHORIZED || state == PAYMENT_CAPTURING ||
                state == PAYMENT_VOIDING || state == PAYMENT_CAPTURED;

    if (held) payment.authorized_minor = AMOUNT;
    if (state == PAYMENT_CAPTURED) payment.captured_minor = AMOUNT;
    if (state == PAYMENT_CAPTURED) payment.refunding_minor = PENDING;
    return payment;
}

static struct payment_input input_of(enum payment_step step)
{
    struct payment_input input = {.now_us = 5, .expires_us = 9, .message = "why"};

    if (step == PAYMENT_GOT_CAPTURED) input.amount_minor = AMOUNT;
    if (step == PAYMENT_GOT_REFUNDED || step == PAYMENT_GOT_REFUND_REFUSED)
        input.amount_minor = PENDING;
    return input;
}

/* ---- every state with every step ---- */

/* One letter a state, in their order. */
static const char letters[] = "abNAXFHTCVK";

/* Where each step leads, in their order: a letter; "." stays; "!" is refused, "B" as busy. */
static const char *const expected[PAYMENT_STATE_COUNT] = {
    /* absent */
    "!!!!!!"
    "N...b"
    "..."
    ".........",
    /* buried */
    "!!!!!!"
    "....."
    "..."
    ".........",
    /* new */
    "A!!!!!"
    "....K"
    "..."
    "H........",
    /* authorizing */
    "BBBBBB"
    "....."
    "..."
    "HXN...N..",
    /* action */
    "!VF!V!"
    "....V"
    "..."
    "H.V.N....",
    /* confirming */
    "BBBBBB"
    "....."
    "..."
    "HXV.N.X..",
    /* authorized */
    "!!!TV!"
    "..TTV"
    "V.."
    "...CK....",
    /* capturing */
    "BBBBBB"
    "....."
    "..."
    "...CK.H..",
    /* captured */
    "!!!!!C"
    "....."
    "..."
    ".........",
    /* voiding */
    "BBBBBB"
    "....."
    "..."
    "..KCK.H..",
    /* canceled */
    "!!!!!!"
    "....."
    "..."
    "V........",
};

static void check_pair(struct arena *arena, enum payment_state from, enum payment_step step)
{
    struct payment payment = payment_in(from), before = payment;
    struct payment_input input = input_of(step);
    struct payment_effects effects;
    char wanted = expected[from][step];

    struct status st = payment_take(arena, &payment, step, &input, &effects);
    if (wanted == '!') CHECK_INT(st.reason, ==, ARGOSY__REASON__PAYMENT_STATE);
    if (wanted == 'B') CHECK_INT(st.reason, ==, ARGOSY__REASON__PAYMENT_BUSY);
    if (wanted == '!' || wanted == 'B') {
        CHECK(memcmp(&payment, &before, sizeof(payment)) == 0);
        return;
    }
    CHECK_OK(st);
    char found = payment.state == from && wanted == '.' ? '.' : letters[payment.state];
    if (found != wanted)
        printf("  %s, step %d: %c, not %c\n", payment_state_own_name(from), step, found, wanted);
    CHECK_INT(found, ==, wanted);
}

TEST(every_step_leads_from_every_state_where_it_should)
{
    struct arena arena;

    arena_init(&arena, 0);
    for (int from = 0; from < PAYMENT_STATE_COUNT; from++) {
        CHECK_INT(strlen(expected[from]), ==, PAYMENT_STEP_COUNT);
        for (int step = 0; step < PAYMENT_STEP_COUNT; step++)
            check_pair(&arena, (enum payment_state)from, (enum payment_step)step);
    }
    arena_release(&arena);
}

/* ---- what follows ---- */

static struct payment_effects take(struct payment *payment, enum payment_step step,
                                   int64_t amount_minor)
{
    struct payment_input input = input_of(step);
    struct payment_effects effects;
    struct arena arena;

    arena_init(&arena, 0);
    input.amount_minor = amount_minor;
    struct status st = payment_take(&arena, payment, step, &input, &effects);
    invariant(!failed(st));
    arena_release(&arena);
    return effects;
}

static bool tells(const struct payment_effects *effects, enum payment_news news)
{
    for (size_t i = 0; i < effects->news_count; i++)
        if (effects->news[i] == news) return true;
    return false;
}

static void take_for(struct payment *payment, enum payment_step step, int reason)
{
    struct payment_input input = input_of(step);
    struct payment_effects effects;
    struct arena arena;

    arena_init(&arena, 0);
    input.reason = reason;
    CHECK_OK(payment_take(&arena, payment, step, &input, &effects));
    arena_release(&arena);
}

TEST(a_refusal_before_a_success_is_not_why_a_payment_ends)
{
    struct payment payment = payment_in(PAYMENT_NEW);

    take_for(&payment, PAYMENT_ASK_AUTHORIZE, 0);
    take_for(&payment, PAYMENT_GOT_REFUSED, ARGOSY__REASON__PAYMENT_METHOD_UNKNOWN);
    CHECK_INT(payment.reason, ==, ARGOSY__REASON__PAYMENT_METHOD_UNKNOWN);
    take_for(&payment, PAYMENT_ASK_AUTHORIZE, 0);
    take_for(&payment, PAYMENT_GOT_AUTHORIZED, 0);
    CHECK_INT(payment.reason, ==, 0);
    CHECK_STR(payment.message, "");
    take_for(&payment, PAYMENT_GOT_VOIDED, ARGOSY__REASON__PAYMENT_EXPIRED);
    CHECK_INT(payment.reason, ==, ARGOSY__REASON__PAYMENT_EXPIRED);
}

TEST(an_order_that_is_cancelled_after_a_refusal_is_why_its_payment_ends)
{
    struct payment payment = payment_in(PAYMENT_AUTHORIZING);

    take_for(&payment, PAYMENT_GOT_REFUSED, ARGOSY__REASON__PAYMENT_METHOD_UNKNOWN);
    take_for(&payment, PAYMENT_ORDER_CANCELLED, ARGOSY__REASON__ORDER_CANCELLED);
    CHECK(payment.state == PAYMENT_CANCELED);
    CHECK_INT(payment.reason, ==, ARGOSY__REASON__ORDER_CANCELLED);
}

TEST(a_declined_card_leaves_the_payment_to_another_method)
{
    struct payment payment = payment_in(PAYMENT_AUTHORIZING);
    struct payment_effects effects;

    payment.reference = "first";
    take_for(&payment, PAYMENT_GOT_FAILED, ARGOSY__REASON__PAYMENT_DECLINED);
    CHECK_INT(payment.state, ==, PAYMENT_NEW);
    CHECK_INT(payment.reason, ==, ARGOSY__REASON__PAYMENT_DECLINED);
    effects = take(&payment, PAYMENT_ASK_AUTHORIZE, 0);
    CHECK_INT(effects.operation.kind, ==, PAYMENT_AUTHORIZE);
    CHECK_STR(payment.reference, "");
    effects = take(&payment, PAYMENT_GOT_AUTHORIZED, AMOUNT);
    CHECK(tells(&effects, PAYMENT_NEWS_AUTHORIZED) && payment.reason == 0);
}

TEST(what_the_customer_does_not_confirm_is_closed_for_another_method)
{
    struct payment payment = payment_in(PAYMENT_ACTION);
    struct payment_effects effects = take(&payment, PAYMENT_ASK_ABANDON, 0);

    CHECK_INT(effects.operation.kind, ==, PAYMENT_VOID);
    effects = take(&payment, PAYMENT_GOT_VOIDED, 0);
    CHECK(payment.state == PAYMENT_NEW && effects.news_count == 0 && payment.wishes == 0);
    /* Its order is cancelled meanwhile: then nothing may follow. */
    payment = payment_in(PAYMENT_ACTION);
    take(&payment, PAYMENT_ASK_ABANDON, 0);
    take(&payment, PAYMENT_ORDER_CANCELLED, 0);
    take(&payment, PAYMENT_GOT_VOIDED, 0);
    CHECK_INT(payment.state, ==, PAYMENT_CANCELED);
}

TEST(a_capture_that_is_refused_for_good_is_published_once)
{
    struct payment payment = payment_in(PAYMENT_AUTHORIZED);
    struct payment_effects effects = take(&payment, PAYMENT_ORDER_TO_DELIVER, 0);

    CHECK_INT(effects.operation.kind, ==, PAYMENT_CAPTURE);
    effects = take(&payment, PAYMENT_GOT_REFUSED, 0);
    CHECK(payment.state == PAYMENT_AUTHORIZED && tells(&effects, PAYMENT_NEWS_CAPTURE_FAILED));
    CHECK_INT(effects.operation.kind, ==, PAYMENT_NO_OPERATION);
    effects = take(&payment, PAYMENT_ORDER_CANCELLED, 0);
    CHECK_INT(effects.operation.kind, ==, PAYMENT_VOID);
}

TEST(a_request_for_delivery_publishes_again_what_the_order_may_have_missed)
{
    struct payment captured = payment_in(PAYMENT_CAPTURED);
    struct payment canceled = payment_in(PAYMENT_CANCELED);
    struct payment_effects effects = take(&captured, PAYMENT_ORDER_TO_DELIVER, 0);

    CHECK(tells(&effects, PAYMENT_NEWS_CAPTURED) && effects.posting_count == 0);
    effects = take(&canceled, PAYMENT_ORDER_TO_DELIVER, 0);
    CHECK(tells(&effects, PAYMENT_NEWS_VOIDED));
}

TEST(a_refund_that_fails_after_it_succeeded_is_posted_back_and_may_be_made_again)
{
    struct payment payment = payment_in(PAYMENT_CAPTURED);
    struct payment_effects effects;

    payment.refunding_minor = 0;
    payment.refunded_minor = PENDING;
    effects = take(&payment, PAYMENT_GOT_REFUND_REVERSED, PENDING);
    CHECK(payment.refunded_minor == 0 && effects.reversed_minor == PENDING);
    CHECK_INT(effects.posting_count, ==, 1);
    CHECK_STR(effects.postings[0].entries[0].account, PAYMENT_ACCOUNT_RECEIVABLE);
    effects = take(&payment, PAYMENT_ASK_REFUND, AMOUNT);
    CHECK_INT(effects.operation.amount_minor, ==, AMOUNT);
    /* For a cancelled order it is made again automatically, a while later. */
    take(&payment, PAYMENT_GOT_REFUNDED, AMOUNT);
    take(&payment, PAYMENT_ORDER_CANCELLED, 0);
    effects = take(&payment, PAYMENT_GOT_REFUND_REVERSED, AMOUNT);
    CHECK(effects.operation.kind == PAYMENT_REFUND && effects.operation.delay_us > 0);
}

TEST(a_provider_that_is_away_has_not_declined)
{
    struct payment payment = payment_in(PAYMENT_AUTHORIZING);

    take_for(&payment, PAYMENT_DELAYED, ARGOSY__REASON__PAYMENT_PROVIDER_DOWN);
    CHECK_INT(payment.state, ==, PAYMENT_AUTHORIZING);
    CHECK_INT(payment.reason, ==, ARGOSY__REASON__PAYMENT_PROVIDER_DOWN);
    take_for(&payment, PAYMENT_GOT_AUTHORIZED, 0);
    CHECK(payment.state == PAYMENT_AUTHORIZED && payment.reason == 0);
}

TEST(a_cancellation_is_noted_while_the_authorization_is_in_progress)
{
    struct payment payment = payment_in(PAYMENT_AUTHORIZING);
    struct payment_effects effects = take(&payment, PAYMENT_ORDER_CANCELLED, 0);

    CHECK(payment.state == PAYMENT_AUTHORIZING && effects.operation.kind == PAYMENT_NO_OPERATION);
    effects = take(&payment, PAYMENT_GOT_AUTHORIZED, AMOUNT);
    CHECK(payment.state == PAYMENT_VOIDING && effects.operation.kind == PAYMENT_VOID);
    CHECK(effects.posting_count == 1 && effects.news_count == 0);
    effects = take(&payment, PAYMENT_GOT_VOIDED, 0);
    CHECK(payment.state == PAYMENT_CANCELED && tells(&effects, PAYMENT_NEWS_VOIDED));
    CHECK(!tells(&effects, PAYMENT_NEWS_FAILED));
}

TEST(a_cancelled_order_gets_back_what_is_captured_just_now)
{
    struct payment payment = payment_in(PAYMENT_CAPTURING);
    struct payment_effects effects;

    take(&payment, PAYMENT_ORDER_CANCELLED, 0);
    effects = take(&payment, PAYMENT_GOT_CAPTURED, 600);
    CHECK(payment.state == PAYMENT_CAPTURED && payment.captured_minor == 600);
    CHECK(effects.operation.kind == PAYMENT_REFUND && effects.operation.amount_minor == 600);
    CHECK_INT(effects.posting_count, ==, 2);
    CHECK_STR(effects.postings[1].cause, "release");
    CHECK_INT(effects.postings[1].entries[0].debit_minor, ==, 400);
    effects = take(&payment, PAYMENT_GOT_REFUNDED, 600);
    CHECK(payment.refunded_minor == 600 && payment.refunding_minor == 0);
    CHECK(effects.operation.kind == PAYMENT_NO_OPERATION);
}

TEST(a_capture_requested_before_the_authorization_follows_it)
{
    struct payment payment = payment_in(PAYMENT_AUTHORIZING);
    struct payment_effects effects;

    take(&payment, PAYMENT_ORDER_TO_CAPTURE, 0);
    effects = take(&payment, PAYMENT_GOT_AUTHORIZED, AMOUNT);
    CHECK(payment.state == PAYMENT_CAPTURING && effects.operation.kind == PAYMENT_CAPTURE);
    CHECK(tells(&effects, PAYMENT_NEWS_AUTHORIZED));
}

TEST(an_authorization_that_expires_is_voided_and_published)
{
    struct payment waits = payment_in(PAYMENT_AUTHORIZED), confirmed = waits;
    struct payment_effects effects;

    take(&waits, PAYMENT_EXPIRED, 0);
    effects = take(&waits, PAYMENT_GOT_VOIDED, 0);
    CHECK(!tells(&effects, PAYMENT_NEWS_FAILED) && tells(&effects, PAYMENT_NEWS_VOIDED));
    take(&confirmed, PAYMENT_ORDER_CONFIRMED, 0);
    take(&confirmed, PAYMENT_EXPIRED, 0);
    effects = take(&confirmed, PAYMENT_GOT_VOIDED, 0);
    CHECK(confirmed.state == PAYMENT_CANCELED && !tells(&effects, PAYMENT_NEWS_FAILED));
}

TEST(a_payment_that_is_declined_after_the_customer_acted_is_closed_at_the_provider)
{
    const struct payment_input input = {.reason = 7, .message = "No."};
    struct payment payment = payment_in(PAYMENT_CONFIRMING);
    struct payment_effects effects;
    struct arena arena;

    arena_init(&arena, 0);
    CHECK_OK(payment_take(&arena, &payment, PAYMENT_GOT_FAILED, &input, &effects));
    CHECK_INT(effects.operation.kind, ==, PAYMENT_VOID);
    CHECK(effects.news_count == 1 && effects.news[0] == PAYMENT_NEWS_FAILED);
    /* A refused operation is tried again, and the customer can't continue meanwhile. */
    CHECK_OK(payment_take(&arena, &payment, PAYMENT_GOT_REFUSED, &input, &effects));
    CHECK_INT(payment.state, ==, PAYMENT_VOIDING);
    CHECK_OK(payment_take(&arena, &payment, PAYMENT_GOT_VOIDED, &input, &effects));
    CHECK_INT(payment.state, ==, PAYMENT_NEW);
    CHECK(effects.posting_count == 0 && payment.reason == 7);
    arena_release(&arena);
}

TEST(a_refused_operation_is_tried_again_later_if_the_order_still_requests_it)
{
    struct payment payment = payment_in(PAYMENT_AUTHORIZED);
    struct payment_effects effects = take(&payment, PAYMENT_ORDER_CANCELLED, 0);

    CHECK(effects.operation.kind == PAYMENT_VOID && effects.operation.delay_us == 0);
    effects = take(&payment, PAYMENT_GOT_REFUSED, 0);
    CHECK(payment.state == PAYMENT_VOIDING && effects.operation.kind == PAYMENT_VOID);
    CHECK(effects.operation.delay_us > 0);
}

TEST(a_payment_of_0_needs_no_provider)
{
    struct payment payment = payment_in(PAYMENT_ABSENT);
    struct payment_effects effects;

    payment.amount_minor = 0;
    effects = take(&payment, PAYMENT_ORDER_VALIDATED, 0);
    CHECK(payment.state == PAYMENT_CAPTURED && payment.expires_us == 0);
    effects = take(&payment, PAYMENT_ASK_AUTHORIZE, 0);
    CHECK(payment.state == PAYMENT_CAPTURED && effects.news_count == 0);
    CHECK(effects.operation.kind == PAYMENT_NO_OPERATION && effects.posting_count == 0);
    effects = take(&payment, PAYMENT_ORDER_CANCELLED, 0);
    CHECK(payment.state == PAYMENT_CAPTURED && effects.posting_count == 0);
}

TEST(an_authorization_of_0_does_not_expire)
{
    struct payment payment = payment_in(PAYMENT_AUTHORIZED);
    struct payment_effects effects;

    payment.amount_minor = payment.authorized_minor = 0;
    payment.expires_us = 3;
    effects = take(&payment, PAYMENT_EXPIRED, 0);
    CHECK(payment.state == PAYMENT_AUTHORIZED && payment.expires_us == 0);
    CHECK_INT(effects.news_count, ==, 0);
}

TEST(a_refund_of_the_rest_of_nothing_says_so)
{
    struct payment payment = payment_in(PAYMENT_CAPTURED);
    struct payment_input input = {.message = ""};
    struct payment_effects effects;
    struct arena arena;

    arena_init(&arena, 0);
    CHECK_OK(payment_take(&arena, &payment, PAYMENT_ASK_REFUND, &input, &effects));
    CHECK_STR(payment_take(&arena, &payment, PAYMENT_ASK_REFUND, &input, &effects).message,
              "nothing is left that can be refunded");
    arena_release(&arena);
}

TEST(amounts_above_what_there_is_are_refused)
{
    struct payment payment = payment_in(PAYMENT_AUTHORIZED);
    struct payment_input input = {.amount_minor = AMOUNT + 1, .message = ""};
    struct payment_effects effects;
    struct arena arena;

    arena_init(&arena, 0);
    CHECK_INT(payment_take(&arena, &payment, PAYMENT_ASK_CAPTURE, &input, &effects).reason, ==,
              ARGOSY__REASON__PAYMENT_ABOVE_AUTHORIZED);
    CHECK(payment.state == PAYMENT_AUTHORIZED);
    payment = payment_in(PAYMENT_CAPTURED);
    input.amount_minor = AMOUNT - PENDING + 1;
    CHECK_INT(payment_take(&arena, &payment, PAYMENT_ASK_REFUND, &input, &effects).reason, ==,
              ARGOSY__REASON__PAYMENT_ABOVE_CAPTURED);
    input.amount_minor = 0;
    CHECK_OK(payment_take(&arena, &payment, PAYMENT_ASK_REFUND, &input, &effects));
    CHECK_INT(effects.operation.amount_minor, ==, AMOUNT - PENDING);
    CHECK_INT(payment_take(&arena, &payment, PAYMENT_ASK_REFUND, &input, &effects).reason, ==,
              ARGOSY__REASON__PAYMENT_ABOVE_CAPTURED);
    arena_release(&arena);
}

TEST(sellers_are_known_whatever_the_case)
{
    struct payment payment = payment_in(PAYMENT_NEW);

    CHECK(payment_is_only_seller(&payment, "Sam@example.com"));
    CHECK(!payment_is_seller(&payment, "sa@example.com"));
    payment.sellers = "sam@example.com\ntom@example.com";
    CHECK(!payment_is_only_seller(&payment, "tom@example.com"));
    CHECK(payment_is_seller(&payment, "TOM@example.com"));
    payment.sellers = "";
    CHECK(!payment_is_seller(&payment, "") && !payment_is_only_seller(&payment, "x"));
}

/* ---- histories at random ---- */

enum { HISTORIES = 4000, STEPS = 60, OPERATIONS_MAX = 64, ACCOUNTS = 5 };

/* A random history so far: the payment, the provider's operations, and the books. */
struct history {
    struct payment payment;
    uint64_t seed;
    struct {
        enum payment_operation_kind kind;
        int64_t amount_minor;
    } operations[OPERATIONS_MAX]; /* under way */
    size_t operation_count;
    int64_t balances[ACCOUNTS];
    int authorized_news, failed_news;
    struct arena arena;
};

static unsigned roll(struct history *history, unsigned bound)
{
    history->seed = history->seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(history->seed >> 33) % bound;
}

static int account_of(const char *name)
{
    static const char *const names[ACCOUNTS] = {PAYMENT_ACCOUNT_HELD, PAYMENT_ACCOUNT_PROMISED,
                                                PAYMENT_ACCOUNT_RECEIVABLE, PAYMENT_ACCOUNT_SALES,
                                                PAYMENT_ACCOUNT_REFUNDS};

    for (int i = 0; i < ACCOUNTS; i++)
        if (strcmp(names[i], name) == 0) return i;
    invariant(!"an account that nobody knows");
}

static void book(struct history *history, const struct payment_posting *posting)
{
    int64_t balance = 0;

    for (size_t i = 0; i < posting->entry_count; i++) {
        const struct payment_entry *entry = &posting->entries[i];
        CHECK((entry->debit_minor > 0) != (entry->credit_minor > 0));
        balance += entry->debit_minor - entry->credit_minor;
        history->balances[account_of(entry->account)] += entry->debit_minor - entry->credit_minor;
    }
    CHECK_INT(balance, ==, 0);
}

static void take_any(struct history *history, enum payment_step step, int64_t amount_minor)
{
    struct payment_input input = {.amount_minor = amount_minor, .message = "", .expires_us = 1};
    struct payment *payment = &history->payment;
    struct payment_effects effects;

    if (failed(payment_take(&history->arena, payment, step, &input, &effects))) return;
    for (size_t i = 0; i < effects.posting_count; i++) book(history, &effects.postings[i]);
    for (size_t i = 0; i < effects.news_count; i++) {
        history->authorized_news += effects.news[i] == PAYMENT_NEWS_AUTHORIZED;
        history->failed_news += effects.news[i] == PAYMENT_NEWS_FAILED;
    }
    if (effects.operation.kind == PAYMENT_NO_OPERATION) return;
    CHECK(history->operation_count < OPERATIONS_MAX);
    history->operations[history->operation_count].kind = effects.operation.kind;
    history->operations[history->operation_count++].amount_minor = effects.operation.amount_minor;
}

static void check_history(const struct history *history)
{
    const struct payment *payment = &history->payment;
    int64_t sum = 0, refunding = 0;
    int others = 0;

    CHECK(payment->captured_minor <= AMOUNT && payment->authorized_minor <= AMOUNT);
    CHECK(payment->captured_minor <= payment->authorized_minor);
    CHECK(payment->refunded_minor + payment->refunding_minor <= payment->captured_minor);
    for (int i = 0; i < ACCOUNTS; i++) sum += history->balances[i];
    CHECK_INT(sum, ==, 0);
    CHECK_INT(-history->balances[account_of(PAYMENT_ACCOUNT_SALES)], ==, payment->captured_minor);
    CHECK_INT(history->balances[account_of(PAYMENT_ACCOUNT_REFUNDS)], ==, payment->refunded_minor);
    int64_t held = payment->state == PAYMENT_CAPTURED ? 0 : payment->authorized_minor;
    CHECK_INT(history->balances[account_of(PAYMENT_ACCOUNT_HELD)], ==, held);
    for (size_t i = 0; i < history->operation_count; i++) {
        if (history->operations[i].kind == PAYMENT_REFUND)
            refunding += history->operations[i].amount_minor;
        else
            others++;
    }
    CHECK_INT(others, ==, payment_is_busy(payment));
    CHECK_INT(refunding, ==, payment->refunding_minor);
    CHECK(history->authorized_news <= 1);
}

/* The provider answers one of the operations, as it can. */
static void answer_one(struct history *history, bool kindly)
{
    size_t which = roll(history, (unsigned)history->operation_count);
    enum payment_operation_kind kind = history->operations[which].kind;
    int64_t amount_minor = history->operations[which].amount_minor;
    unsigned luck = kindly ? 0 : roll(history, 4);

    history->operations[which] = history->operations[--history->operation_count];
    if (kind == PAYMENT_REFUND)
        take_any(history, luck == 1 ? PAYMENT_GOT_REFUND_REFUSED : PAYMENT_GOT_REFUNDED,
                 amount_minor);
    else if (luck == 1)
        take_any(history, PAYMENT_GOT_REFUSED, 0);
    else if (kind == PAYMENT_CAPTURE)
        take_any(history, PAYMENT_GOT_CAPTURED, amount_minor);
    else if (kind == PAYMENT_VOID)
        take_any(history, PAYMENT_GOT_VOIDED, 0);
    else
        take_any(history,
                 luck == 2   ? PAYMENT_GOT_FAILED
                 : luck == 3 ? PAYMENT_GOT_ACTION
                             : PAYMENT_GOT_AUTHORIZED,
                 0);
}

/* Lets something happen: a request, an event of the order, an answer of the provider, or an old
 * answer or event once more. */
static void happen(struct history *history)
{
    static const enum payment_step told[] = {PAYMENT_ORDER_VALIDATED,  PAYMENT_ORDER_CONFIRMED,
                                             PAYMENT_ORDER_TO_CAPTURE, PAYMENT_ORDER_CANCELLED,
                                             PAYMENT_EXPIRED,          PAYMENT_DELAYED,
                                             PAYMENT_ORDER_TO_DELIVER};
    unsigned what = roll(history, 10);

    if (what < 4 && history->operation_count > 0)
        answer_one(history, false);
    else if (what < 8)
        take_any(history, (enum payment_step)roll(history, PAYMENT_ASK_REFUND + 1),
                 roll(history, 3) ? roll(history, AMOUNT) : 0);
    else if (roll(history, 4) == 0)
        take_any(history, told[roll(history, 7)], 0);
}

TEST(the_books_balance_in_whatever_order_things_happen)
{
    for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
        struct history history = {.seed = seed, .payment = payment_in(PAYMENT_NEW)};
        arena_init(&history.arena, 0);
        for (int i = 0; i < STEPS; i++) {
            happen(&history);
            check_history(&history);
        }
        /* The order is cancelled, and the provider answers every operation. */
        take_any(&history, PAYMENT_ORDER_CANCELLED, 0);
        while (history.operation_count > 0) answer_one(&history, true);
        check_history(&history);
        CHECK(history.payment.state == PAYMENT_CANCELED ||
              history.payment.state == PAYMENT_CAPTURED);
        CHECK_INT(history.payment.refunded_minor, ==, history.payment.captured_minor);
        CHECK_INT(history.balances[account_of(PAYMENT_ACCOUNT_HELD)], ==, 0);
        arena_release(&history.arena);
    }
}
