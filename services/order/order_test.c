/* SPDX-License-Identifier: Apache-2.0 */
/* The order's rules: lines, sums and limits; the table of states against a second copy of it; and
 * random histories of events. */
#include "services/order/order.h"

#include "base/test.h"
#include "reasons.pb-c.h"

enum { MINUTE_US = 60000000 };

static const struct order_policy policy = {
    .lines_max = 3,
    .quantity_max = 10,
    .validation_timeout_us = 5 * MINUTE_US,
    .method_timeout_us = 4 * MINUTE_US,
    .payment_timeout_us = INT64_C(15) * MINUTE_US,
};

static struct arena arena;

static void set_up(struct order *order)
{
    arena_release(&arena);
    arena_init(&arena, 0);
    order_init(&arena, "ann@example.com", 7, order);
}

static struct order_line line_of(const char *product_id, const char *variant_id, int quantity)
{
    return (struct order_line){
        .product_id = product_id,
        .category = "mugs",
        .variant_id = variant_id,
        .product_name = "Mug",
        .image_url = "",
        .seller = "sam@example.com",
        .unit_amount = 1250,
        .quantity = quantity,
    };
}

static struct status add(struct order *order, const char *product_id, int quantity)
{
    struct order_line line = line_of(product_id, "v", quantity);

    return order_add(&arena, order, &line, "EUR", &policy);
}

#define CHECK_REFUSED(expression, wanted_code, wanted_reason)           \
    do {                                                                \
        struct status answer_ = (expression);                           \
        CHECK_INT(answer_.code, ==, STATUS_##wanted_code);              \
        CHECK_INT(answer_.reason, ==, ARGOSY__REASON__##wanted_reason); \
    } while (0)

/* ---- making one ---- */

TEST(lines_of_one_variant_are_merged_and_sums_are_in_minor_units)
{
    struct order_line line;
    struct order order;

    set_up(&order);
    CHECK_OK(add(&order, "mug", 2));
    CHECK_OK(add(&order, "cup", 1));
    CHECK_OK(add(&order, "mug", 3));
    line = line_of("mug", "other", 1);
    CHECK_OK(order_add(&arena, &order, &line, "EUR", &policy));
    CHECK_INT(order.line_count, ==, 3);
    CHECK_INT(order.lines[0].quantity, ==, 5);
    CHECK_INT(order_line_total(&order.lines[0]), ==, 6250);
    CHECK_INT(order.total_minor, ==, 7 * 1250);
    CHECK_STR(order.currency, "EUR");
    CHECK_INT(order.created_us, ==, 7);
    CHECK_STR(order_number_text(&arena, 42), "100042");
}

TEST(an_order_is_paid_in_one_currency)
{
    struct order_line line = line_of("cup", "v", 1);
    struct order order;

    set_up(&order);
    CHECK_OK(add(&order, "mug", 1));
    CHECK_REFUSED(order_add(&arena, &order, &line, "USD", &policy), FAILED_PRECONDITION,
                  ORDER_CURRENCY_MIXED);
    CHECK_INT(order.line_count, ==, 1);
    CHECK_INT(order.total_minor, ==, 1250);
}

TEST(limits_hold_for_lines_pieces_and_money)
{
    struct order_line line = line_of("gold", "v", 10);
    struct order order;

    set_up(&order);
    CHECK_REFUSED(add(&order, "mug", 11), FAILED_PRECONDITION, ORDER_TOO_LARGE);
    CHECK_OK(add(&order, "mug", 6));
    CHECK_REFUSED(add(&order, "mug", 5), FAILED_PRECONDITION, ORDER_TOO_LARGE);
    line.unit_amount = ORDER_TOTAL_MAX / 10;
    CHECK_REFUSED(order_add(&arena, &order, &line, "EUR", &policy), FAILED_PRECONDITION,
                  ORDER_TOO_LARGE);
    line.unit_amount = INT64_MAX / 2;
    CHECK_REFUSED(order_add(&arena, &order, &line, "EUR", &policy), FAILED_PRECONDITION,
                  ORDER_TOO_LARGE);
    line.unit_amount = -1;
    CHECK_INT(order_add(&arena, &order, &line, "EUR", &policy).code, ==, STATUS_INTERNAL);
    CHECK_OK(add(&order, "cup", 1));
    CHECK_OK(add(&order, "jug", 1));
    CHECK_REFUSED(add(&order, "pot", 1), FAILED_PRECONDITION, ORDER_TOO_LARGE);
    CHECK_INT(order.total_minor, ==, 8 * 1250);
    CHECK_INT(order.line_count, ==, 3);
}

TEST(it_knows_its_customer_and_its_sellers)
{
    struct order_line line = line_of("cup", "v", 1);
    struct order order;
    size_t count;

    set_up(&order);
    CHECK(!order_is_sold_by(&order, "sam@example.com"));
    CHECK_OK(add(&order, "mug", 1));
    CHECK(order_is_of(&order, "ANN@example.com") && !order_is_of(&order, "bob@example.com"));
    CHECK(order_is_sold_by(&order, "Sam@example.com"));
    line.seller = "Sam@Example.com";
    CHECK_OK(order_add(&arena, &order, &line, "EUR", &policy));
    CHECK(order_is_sold_by(&order, "sam@example.com"));
    line.seller = "tim@example.com";
    line.product_id = "jug";
    CHECK_OK(order_add(&arena, &order, &line, "EUR", &policy));
    CHECK(!order_is_sold_by(&order, "sam@example.com"));
    CHECK(order_has_seller(&order, "TIM@example.com") &&
          order_has_seller(&order, "sam@example.com"));
    CHECK(!order_has_seller(&order, "ann@example.com"));
    const char **sellers = order_sellers(&arena, &order, &count);
    CHECK_INT(count, ==, 2);
    CHECK_STR(sellers[1], "tim@example.com");
}

/* ---- the table, written down a second time ---- */

enum {
    STOCK = ORDER_HAS_STOCK,
    MONEY = ORDER_HAS_MONEY,
    ASKED = ORDER_FULFILMENT_REQUESTED,
};

/* The table again, for an order that costs something, with the facts before and after. */
static const struct row {
    enum order_state from;
    unsigned before; /* all facts that it must have */
    enum order_event event;
    enum order_state to;
    unsigned after; /* facts that are new */
    enum order_notice tells;
} table[] = {
    {ORDER_NONE, 0, ORDER_CREATE, ORDER_PENDING, 0, ORDER_TELLS_CREATED},
    {ORDER_PENDING, 0, ORDER_STOCK_RESERVED, ORDER_VALIDATED, 0, ORDER_TELLS_VALIDATED},
    {ORDER_PENDING, 0, ORDER_STOCK_REFUSED, ORDER_REJECTED, 0, ORDER_TELLS_NOBODY},
    {ORDER_PENDING, 0, ORDER_RESERVATION_EXPIRED, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},
    {ORDER_PENDING, 0, ORDER_CANCEL, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},
    {ORDER_PENDING, 0, ORDER_TIME_OUT, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},
    {ORDER_VALIDATED, 0, ORDER_PAYMENT_AUTHORIZED, ORDER_CONFIRMED, 0, ORDER_TELLS_CONFIRMED},
    {ORDER_VALIDATED, 0, ORDER_PAYMENT_FAILED, ORDER_VALIDATED, 0, ORDER_TELLS_NOBODY},
    {ORDER_VALIDATED, 0, ORDER_PAYMENT_DELAYED, ORDER_VALIDATED, 0, ORDER_TELLS_NOBODY},
    {ORDER_VALIDATED, 0, ORDER_PAYMENT_CAPTURED, ORDER_VALIDATED, MONEY, ORDER_TELLS_NOBODY},
    {ORDER_VALIDATED, 0, ORDER_RESERVATION_EXPIRED, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},
    {ORDER_VALIDATED, 0, ORDER_CANCEL, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},
    {ORDER_VALIDATED, 0, ORDER_TIME_OUT, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},
    {ORDER_CONFIRMED, 0, ORDER_STOCK_COMMITTED, ORDER_CONFIRMED, STOCK, ORDER_TELLS_NOBODY},
    {ORDER_CONFIRMED, ASKED | STOCK, ORDER_PAYMENT_CAPTURED, ORDER_FULFILLED, MONEY,
     ORDER_TELLS_FULFILLED},
    {ORDER_CONFIRMED, 0, ORDER_PAYMENT_CAPTURED, ORDER_CONFIRMED, MONEY, ORDER_TELLS_NOBODY},
    {ORDER_CONFIRMED, 0, ORDER_PAYMENT_DELAYED, ORDER_CONFIRMED, 0, ORDER_TELLS_NOBODY},
    {ORDER_CONFIRMED, MONEY | STOCK, ORDER_FULFIL, ORDER_FULFILLED, ASKED, ORDER_TELLS_FULFILLED},
    {ORDER_CONFIRMED, ASKED | STOCK, ORDER_FULFIL, ORDER_CONFIRMED, 0, ORDER_TELLS_NOBODY},
    {ORDER_CONFIRMED, STOCK, ORDER_FULFIL, ORDER_CONFIRMED, ASKED,
     ORDER_TELLS_FULFILMENT_REQUESTED},
    {ORDER_CONFIRMED, 0, ORDER_CAPTURE_FAILED, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},
    {ORDER_CONFIRMED, 0, ORDER_PAYMENT_VOIDED, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},
    {ORDER_CONFIRMED, 0, ORDER_RESERVATION_EXPIRED, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},
    {ORDER_CONFIRMED, 0, ORDER_CANCEL, ORDER_CANCELLED, 0, ORDER_TELLS_CANCELLED},
    {ORDER_CONFIRMED, 0, ORDER_PAYMENT_REFUNDED, ORDER_REFUNDED, 0, ORDER_TELLS_CANCELLED},
    {ORDER_FULFILLED, 0, ORDER_PAYMENT_REFUNDED, ORDER_REFUNDED, 0, ORDER_TELLS_NOBODY},
};
enum { TABLE_ROWS = sizeof(table) / sizeof(table[0]), FACT_SETS = 8 };

static const struct row *expected(enum order_state from, unsigned facts, enum order_event event)
{
    for (size_t i = 0; i < TABLE_ROWS; i++)
        if (table[i].from == from && table[i].event == event && !(table[i].before & ~facts))
            return &table[i];
    return 0;
}

static struct status apply(struct order *order, enum order_event event, int64_t now_us,
                           struct order_turn *ret_turn)
{
    const struct order_step step = {.event = event, .cause = "c", .now_us = now_us};

    return order_apply(&arena, order, &step, &policy, ret_turn);
}

static void check_followed(const struct order *order, unsigned facts, const struct row *row,
                           const struct order_turn *turn)
{
    bool recorded = row->to != row->from || row->tells != ORDER_TELLS_NOBODY;

    CHECK(turn->changed);
    CHECK_INT(order->state, ==, row->to);
    CHECK_INT(order->facts, ==, facts | row->after);
    CHECK_INT(order->steps, ==, recorded ? 4 : 3);
    CHECK_INT(turn->move_count, ==, recorded ? 1 : 0);
    CHECK_INT(order->updated_us, ==, 100);
    if (!recorded) return;
    CHECK_INT(turn->moves[0].transition.from, ==, row->from);
    CHECK_INT(turn->moves[0].transition.to, ==, row->to);
    CHECK_INT(turn->moves[0].transition.event, ==, row->event);
    CHECK_INT(turn->moves[0].tells, ==, row->tells);
}

static void check_event(enum order_state from, unsigned facts, enum order_event event)
{
    const struct row *row = expected(from, facts, event);
    bool asked = event == ORDER_CANCEL || event == ORDER_FULFIL;
    struct order_turn turn = {.changed = true};
    struct order order;

    set_up(&order);
    order.total_minor = 1250;
    order.state = from;
    order.facts = facts;
    order.steps = 3;
    struct status st = apply(&order, event, 100, &turn);
    if (row) {
        CHECK_OK(st);
        check_followed(&order, facts, row, &turn);
        return;
    }
    if (asked && from == ORDER_CONFIRMED)
        CHECK_REFUSED(st, FAILED_PRECONDITION, ORDER_STOCK_PENDING);
    else if (asked)
        CHECK_REFUSED(st, FAILED_PRECONDITION, ORDER_STATE);
    else
        CHECK(!failed(st) && !turn.changed && turn.move_count == 0);
    CHECK(order.state == from && order.steps == 3 && order.facts == facts);
    CHECK_INT(order.updated_us, ==, 7);
}

TEST(each_event_in_each_state_does_what_the_table_says)
{
    for (int from = 0; from < ORDER_STATE_COUNT; from++)
        for (unsigned facts = 0; facts < FACT_SETS; facts++)
            for (int event = 0; event < ORDER_EVENT_COUNT; event++)
                check_event((enum order_state)from, facts, (enum order_event)event);
}

TEST(an_order_is_fulfilled_only_with_stock_and_money)
{
    struct order_turn turn;
    struct order order;

    set_up(&order);
    order.total_minor = 1250;
    order.state = ORDER_CONFIRMED;
    CHECK_REFUSED(apply(&order, ORDER_FULFIL, 8, &turn), FAILED_PRECONDITION, ORDER_STOCK_PENDING);
    CHECK_OK(apply(&order, ORDER_STOCK_COMMITTED, 9, &turn));
    CHECK_OK(apply(&order, ORDER_FULFIL, 10, &turn));
    CHECK_INT(order.state, ==, ORDER_CONFIRMED);
    CHECK_INT(turn.moves[0].tells, ==, ORDER_TELLS_FULFILMENT_REQUESTED);
    CHECK_OK(apply(&order, ORDER_PAYMENT_VOIDED, 11, &turn));
    CHECK_INT(order.state, ==, ORDER_CANCELLED);
    CHECK_OK(apply(&order, ORDER_PAYMENT_CAPTURED, 12, &turn));
    CHECK(order.state == ORDER_CANCELLED && !turn.changed);
}

TEST(a_free_order_waits_for_no_payment)
{
    static const enum order_event others[] = {ORDER_TIME_OUT, ORDER_PAYMENT_VOIDED,
                                              ORDER_PAYMENT_FAILED, ORDER_PAYMENT_AUTHORIZED};
    struct order_turn turn;
    struct order order;

    set_up(&order);
    CHECK_OK(apply(&order, ORDER_CREATE, 7, &turn));
    CHECK_OK(apply(&order, ORDER_STOCK_RESERVED, 8, &turn));
    CHECK_INT(order.state, ==, ORDER_CONFIRMED);
    CHECK_INT(order.deadline_us, ==, 0);
    CHECK_INT(turn.move_count, ==, 2);
    CHECK_INT(order.steps, ==, 3);
    CHECK_INT(turn.moves[0].tells, ==, ORDER_TELLS_VALIDATED);
    CHECK_INT(turn.moves[1].tells, ==, ORDER_TELLS_CONFIRMED);
    CHECK_INT(turn.moves[1].transition.from, ==, ORDER_VALIDATED);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        CHECK_OK(apply(&order, others[i], INT64_MAX, &turn));
        CHECK(order.state == ORDER_CONFIRMED && !order.reason[0]);
    }
    CHECK_OK(apply(&order, ORDER_STOCK_COMMITTED, 9, &turn));
    CHECK_OK(apply(&order, ORDER_FULFIL, 10, &turn));
    CHECK_INT(order.state, ==, ORDER_FULFILLED);
}

/* An order that an older version stored, which waited for the payment of free orders too. */
TEST(a_free_order_that_waits_for_a_payment_is_confirmed_by_its_time_out)
{
    struct order_turn turn;
    struct order order;

    set_up(&order);
    order.state = ORDER_VALIDATED;
    order.deadline_us = 50;
    CHECK_OK(apply(&order, ORDER_TIME_OUT, 50, &turn));
    CHECK_INT(order.state, ==, ORDER_CONFIRMED);
}

TEST(a_declined_card_leaves_the_order_to_another_method)
{
    struct order_step step = {.event = ORDER_PAYMENT_FAILED,
                              .cause = "e1",
                              .reason = "PAYMENT_DECLINED",
                              .message = "no money",
                              .now_us = 9};
    struct order_turn turn;
    struct order order;

    set_up(&order);
    order.total_minor = 1250;
    order.state = ORDER_VALIDATED;
    order.deadline_us = 50;
    CHECK_OK(order_apply(&arena, &order, &step, &policy, &turn));
    CHECK(turn.changed && order.state == ORDER_VALIDATED && order.deadline_us == 50);
    CHECK_STR(order.reason, "PAYMENT_DECLINED");
    CHECK_STR(order.message, "no money");
    CHECK_OK(apply(&order, ORDER_PAYMENT_AUTHORIZED, 10, &turn));
    CHECK(order.state == ORDER_CONFIRMED && !order.reason[0] && !order.message[0]);
}

TEST(final_states_are_those_that_nothing_leads_out_of)
{
    for (int state = 0; state < ORDER_STATE_COUNT; state++) {
        bool leads = false;
        for (size_t i = 0; i < TABLE_ROWS; i++)
            leads = leads || table[i].from == (enum order_state)state;
        CHECK(order_is_final((enum order_state)state) == !leads);
    }
    for (int state = ORDER_PENDING; state < ORDER_STATE_COUNT; state++)
        CHECK_INT(order_state_by_name(order_state_name((enum order_state)state)), ==, state);
    CHECK_INT(order_state_by_name(""), ==, ORDER_NONE);
    CHECK_INT(order_state_by_name("LOST"), ==, ORDER_NONE);
}

TEST(an_order_without_a_payment_method_ends_sooner_until_somebody_pays)
{
    struct order_step seen = {.event = ORDER_PAYMENT_SEEN, .cause = "e", .payment_id = "p1"};
    struct order_turn turn;
    struct order order;

    set_up(&order);
    order.total_minor = 1250;
    CHECK_OK(apply(&order, ORDER_CREATE, 7, &turn));
    CHECK_INT(turn.reserve_until_us, ==, 7 + INT64_C(20) * MINUTE_US);
    CHECK_OK(apply(&order, ORDER_STOCK_RESERVED, 1000, &turn));
    CHECK_INT(order.deadline_us, ==, 1000 + 4 * MINUTE_US);
    CHECK_INT(turn.pay_until_us, ==, 1000 + INT64_C(15) * MINUTE_US);
    for (int i = 0; i < 2; i++) { /* the second one says nothing new */
        seen.now_us = 2000 + i;
        CHECK_OK(order_apply(&arena, &order, &seen, &policy, &turn));
        CHECK_INT(order.deadline_us, ==, 1000 + INT64_C(15) * MINUTE_US);
    }
}

TEST(an_order_takes_at_least_as_long_as_its_payment_time_says)
{
    struct order_policy short_policy = policy;
    struct order_step step = {.event = ORDER_CREATE, .cause = "ann@example.com", .now_us = 7};
    struct order_turn turn;
    struct order order;

    short_policy.payment_timeout_us = 1 * MINUTE_US; /* below that without a method */
    set_up(&order);
    order.total_minor = 1250;
    CHECK_OK(order_apply(&arena, &order, &step, &short_policy, &turn));
    step.event = ORDER_STOCK_RESERVED;
    CHECK_OK(order_apply(&arena, &order, &step, &short_policy, &turn));
    CHECK_INT(order.deadline_us, ==, 7 + 1 * MINUTE_US);
}

TEST(an_address_counts_as_what_one_client_has)
{
    static const struct {
        const char *ip, *client;
    } cases[] = {
        {"192.0.2.7", "192.0.2.7"},
        {"::ffff:192.0.2.7", "192.0.2.7"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
        {"2001:db8:1:2::1", "2001:db8:1:2::"},
        {"2001:db8:1:3::1", "2001:db8:1:3::"},
        {"127.0.0.1", ""},
        {"127.9.9.9", ""},
        {"::1", ""},
        {"::ffff:127.0.0.1", ""},
        {"", ""},
        {"unix", ""},
    };
    struct order order;

    set_up(&order);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_STR(order_client_of(&arena, cases[i].ip), cases[i].client);
}

TEST(what_is_held_unpaid_has_bounds)
{
    const struct order_bounds bounds = {.orders = 2, .lines = 3, .pieces = 10}, none = {0};
    struct order_held held = {0};
    struct order order;
    struct status st;

    set_up(&order);
    CHECK_OK(add(&order, "p", 4));
    CHECK_OK(add(&order, "q", 4));
    CHECK_OK(order_check_held(&arena, &order, &held, &bounds, "you have"));
    held = (struct order_held){1, 1, 2, 7 + 2500000};
    CHECK_OK(order_check_held(&arena, &order, &held, &bounds, "you have"));
    held.pieces = 3;
    st = order_check_held(&arena, &order, &held, &bounds, "you have");
    CHECK_INT(st.code, ==, STATUS_RESOURCE_EXHAUSTED);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__ORDER_UNPAID_MAX);
    CHECK(strstr(st.message, "you have 3 pieces") != 0);
    CHECK_INT(st.details->retry_after_ms, ==, 2501);
    held = (struct order_held){1, 2, 0, 0};
    CHECK_REFUSED(order_check_held(&arena, &order, &held, &bounds, "you have"), RESOURCE_EXHAUSTED,
                  ORDER_UNPAID_MAX);
    held = (struct order_held){2, 0, 0, 0};
    CHECK_REFUSED(order_check_held(&arena, &order, &held, &bounds, "you have"), RESOURCE_EXHAUSTED,
                  ORDER_UNPAID_MAX);
    CHECK_OK(order_check_held(&arena, &order, &held, &none, "you have"));

    /* An order that no waiting makes possible says so. */
    CHECK_OK(add(&order, "q", 6));
    held = (struct order_held){0};
    CHECK_REFUSED(order_check_held(&arena, &order, &held, &bounds, "you have"), FAILED_PRECONDITION,
                  ORDER_TOO_LARGE);
}

TEST(orders_of_one_cart_are_alike_if_paid_and_sent_alike)
{
    const struct order_address here = {"Ann", "1 Way", "", "Town", "1234", "", "DE", "5"};
    struct order_address there = here;
    struct order order, other;

    set_up(&order);
    other = order;
    CHECK(order_is_alike(&order, &other));
    other.payment_method = "pm_card_visa";
    CHECK(!order_is_alike(&order, &other));
    other = order;
    other.note = "ring";
    CHECK(!order_is_alike(&order, &other));
    other = order;
    other.address = &here;
    CHECK(!order_is_alike(&order, &other) && !order_is_alike(&other, &order));
    order.address = &there;
    CHECK(order_is_alike(&order, &other));
    there.phone = "6";
    CHECK(!order_is_alike(&order, &other));
}

TEST(a_refusal_names_the_state_and_where_it_could_go)
{
    struct order_turn turn;
    struct order order;
    struct status st;

    set_up(&order);
    order.state = ORDER_VALIDATED;
    st = apply(&order, ORDER_FULFIL, 8, &turn);
    CHECK(strstr(st.message, "VALIDATED") && strstr(st.message, "CONFIRMED, CANCELLED"));
    order.state = ORDER_REJECTED;
    st = apply(&order, ORDER_CANCEL, 8, &turn);
    CHECK(strstr(st.message, "REJECTED") && strstr(st.message, "none"));
}

TEST(deadlines_follow_the_state)
{
    struct order_turn turn;
    struct order order;

    set_up(&order);
    order.payment_method = "pm_card_visa";
    order.total_minor = 1250;
    CHECK_OK(apply(&order, ORDER_CREATE, 7, &turn));
    CHECK_INT(order.deadline_us, ==, 7 + 5 * MINUTE_US);
    CHECK_INT(turn.reserve_until_us, ==, 7 + INT64_C(20) * MINUTE_US);
    CHECK_OK(apply(&order, ORDER_TIME_OUT, order.deadline_us - 1, &turn));
    CHECK(!turn.changed && order.state == ORDER_PENDING);
    CHECK_OK(apply(&order, ORDER_STOCK_RESERVED, 1000, &turn));
    CHECK_INT(order.deadline_us, ==, 1000 + INT64_C(15) * MINUTE_US);
    CHECK_OK(apply(&order, ORDER_TIME_OUT, 7 + 5 * MINUTE_US, &turn));
    CHECK(!turn.changed);
    CHECK_OK(apply(&order, ORDER_PAYMENT_AUTHORIZED, 2000, &turn));
    CHECK_INT(order.deadline_us, ==, 0);
    CHECK(!turn.captures);
    CHECK_OK(apply(&order, ORDER_TIME_OUT, INT64_MAX, &turn));
    CHECK(!turn.changed && order.state == ORDER_CONFIRMED);
}

TEST(what_ends_an_order_says_why)
{
    struct order_step step = {.event = ORDER_STOCK_REFUSED, .cause = "e1", .now_us = 9};
    struct order_turn turn;
    struct order order;

    set_up(&order);
    order.state = ORDER_PENDING;
    step.reason = "PRODUCT_NOT_FOUND";
    step.message = "no mug";
    CHECK_OK(order_apply(&arena, &order, &step, &policy, &turn));
    CHECK_STR(order.reason, "PRODUCT_NOT_FOUND");
    CHECK_STR(order.message, "no mug");
    CHECK_STR(turn.moves[0].transition.cause, "e1");

    set_up(&order);
    order.total_minor = 1250;
    order.state = ORDER_VALIDATED;
    CHECK_OK(apply(&order, ORDER_TIME_OUT, 10, &turn));
    CHECK_STR(order.reason, "ORDER_TIMED_OUT");
    CHECK(order.message[0] && order.deadline_us == 0);
}

TEST(a_payments_id_is_noted_once_whatever_the_state)
{
    struct order_step step = {.event = ORDER_PAYMENT_SEEN, .payment_id = "p1", .now_us = 9};
    struct order_turn turn;
    struct order order;

    set_up(&order);
    order.total_minor = 1250;
    order.state = ORDER_VALIDATED;
    CHECK_OK(order_apply(&arena, &order, &step, &policy, &turn));
    CHECK(turn.changed && turn.move_count == 0 && order.steps == 0);
    CHECK_STR(order.payment_id, "p1");
    step.payment_id = "p2";
    CHECK_OK(order_apply(&arena, &order, &step, &policy, &turn));
    CHECK(!turn.changed);
    CHECK_STR(order.payment_id, "p1");
}

/* ---- histories ---- */

enum { HISTORIES = 20000, EVENTS_MAX = 2 * ORDER_EVENT_COUNT };

static uint64_t seed;

static int below(int bound)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int)((seed >> 33) % (uint64_t)bound);
}

/* Random events of one order, each any number of times, in any sequence. */
static int make_history(enum order_event *events)
{
    int count = 0;

    for (int event = ORDER_STOCK_RESERVED; event < ORDER_EVENT_COUNT; event++)
        for (int times = below(3); times > 0; times--) events[count++] = (enum order_event)event;
    for (int i = count - 1; i > 0; i--) {
        int other = below(i + 1);
        enum order_event event = events[i];
        events[i] = events[other];
        events[other] = event;
    }
    return count;
}

/* Every other history is of a free order. */
static void play_history(bool is_free)
{
    enum order_event events[EVENTS_MAX];
    struct order_turn turn;
    struct order order;
    int steps = 0, count = make_history(events);

    order_init(&arena, "ann@example.com", 0, &order);
    if (!is_free) order.total_minor = 1250;
    EXPECT(!failed(apply(&order, ORDER_CREATE, 0, &turn)));
    for (int i = 0; i <= count; i++) {
        bool waits = order.state == ORDER_PENDING || order.state == ORDER_VALIDATED;
        for (int j = 0; j < turn.move_count; j++, steps++)
            EXPECT(turn.moves[j].tells != ORDER_TELLS_NOBODY ||
                   order_leads(turn.moves[j].transition.from, turn.moves[j].transition.to));
        if (turn.move_count > 0)
            EXPECT(turn.moves[turn.move_count - 1].transition.to == order.state);
        EXPECT(order.steps == steps && waits == (order.deadline_us != 0));
        if (order.state == ORDER_FULFILLED)
            EXPECT(order_has(&order, ORDER_HAS_STOCK | ORDER_HAS_MONEY));
        if (order.state == ORDER_REJECTED || order.state == ORDER_CANCELLED)
            EXPECT(order.reason[0]);
        EXPECT(!is_free || order.state != ORDER_VALIDATED);
        if (i == count) break;
        turn = (struct order_turn){0};
        struct status st = apply(&order, events[i], (int64_t)i * below(10) * MINUTE_US, &turn);
        EXPECT(!failed(st) || st.reason == ARGOSY__REASON__ORDER_STATE ||
               st.reason == ARGOSY__REASON__ORDER_STOCK_PENDING);
    }
}

TEST(repeated_late_and_disordered_events_never_break_the_table)
{
    arena_release(&arena);
    arena_init(&arena, 0);
    for (uint64_t history = 1; history <= HISTORIES && test_failures == 0; history++) {
        seed = history;
        play_history(history % 2 == 0);
        arena_reset(&arena);
        if (test_failures) printf("  with the seed %llu\n", (unsigned long long)history);
    }
}
