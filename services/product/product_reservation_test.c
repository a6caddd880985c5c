/* SPDX-License-Identifier: Apache-2.0 */
/* The table of reservations, the checks of claims, the moves of stock, and random histories. */
#include "services/product/product_reservation.h"

#include "base/random.h"
#include "base/test.h"
#include "reasons.pb-c.h"
#include "services/product/product_audit.h"

static struct arena arena;

/* ---- the table ---- */

static void check_step(enum product_reservation_state state, enum product_reservation_event event,
                       enum product_reservation_state next, enum product_stock_move_kind move)
{
    struct product_reservation_step step = product_reservation_step(state, event);

    CHECK_INT(step.next, ==, next);
    CHECK_INT(step.move, ==, move);
}

TEST(a_reservation_is_made_once_and_resolved_once)
{
    check_step(RESERVATION_NONE, RESERVATION_RESERVE, RESERVATION_OPEN, STOCK_RESERVE);
    check_step(RESERVATION_OPEN, RESERVATION_COMMIT, RESERVATION_COMMITTED, STOCK_SELL);
    check_step(RESERVATION_OPEN, RESERVATION_CANCEL, RESERVATION_CANCELLED, STOCK_RELEASE);
    check_step(RESERVATION_OPEN, RESERVATION_EXPIRE, RESERVATION_EXPIRED, STOCK_EXPIRE);
    check_step(RESERVATION_COMMITTED, RESERVATION_CANCEL, RESERVATION_RESTOCKED, STOCK_RESTOCK);

    /* It is refused for good, and a second creation is none. */
    CHECK_INT(product_reservation_step(RESERVATION_NONE, RESERVATION_RESERVE).otherwise, ==,
              RESERVATION_REFUSED);
    for (int state = RESERVATION_OPEN; state < RESERVATION_STATES; state++)
        check_step((enum product_reservation_state)state, RESERVATION_RESERVE, RESERVATION_NONE,
                   STOCK_STAY);
}

TEST(a_paid_order_takes_pieces_that_are_not_held_any_more)
{
    static const enum product_reservation_state states[] = {RESERVATION_NONE, RESERVATION_EXPIRED,
                                                            RESERVATION_REFUSED};

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        check_step(states[i], RESERVATION_COMMIT, RESERVATION_COMMITTED, STOCK_TAKE);
        CHECK_INT(product_reservation_step(states[i], RESERVATION_COMMIT).otherwise, ==,
                  RESERVATION_EXPIRED);
    }
    check_step(RESERVATION_COMMITTED, RESERVATION_COMMIT, RESERVATION_NONE, STOCK_STAY);
}

TEST(a_cancelled_order_never_comes_back)
{
    static const enum product_reservation_state ended[] = {RESERVATION_CANCELLED,
                                                           RESERVATION_RESTOCKED};
    static const enum product_reservation_state held_nothing[] = {
        RESERVATION_NONE, RESERVATION_EXPIRED, RESERVATION_REFUSED};

    for (size_t i = 0; i < sizeof(ended) / sizeof(ended[0]); i++)
        for (int event = 0; event < RESERVATION_EVENTS; event++)
            check_step(ended[i], (enum product_reservation_event)event, RESERVATION_NONE,
                       STOCK_STAY);
    for (size_t i = 0; i < sizeof(held_nothing) / sizeof(held_nothing[0]); i++)
        check_step(held_nothing[i], RESERVATION_CANCEL, RESERVATION_CANCELLED, STOCK_STAY);
}

TEST(only_open_reservations_expire)
{
    for (int state = 0; state < RESERVATION_STATES; state++)
        if (state != RESERVATION_OPEN)
            check_step((enum product_reservation_state)state, RESERVATION_EXPIRE, RESERVATION_NONE,
                       STOCK_STAY);
}

/* ---- claims ---- */

static struct product_claim claim_of(const char *product_id, int64_t quantity, int64_t available)
{
    return (struct product_claim){
        .line = {.product_id = product_id, .variant_id = product_id, .quantity = quantity},
        .product_exists = true,
        .name = "Mug",
        .variant_count = 1,
        .stock = product_stock_initial(true, available),
    };
}

static size_t check_claims(enum product_stock_move_kind move, struct product_claim *claims,
                           size_t count, struct product_refusal **ret_refused)
{
    size_t refused;

    arena_release(&arena);
    arena_init(&arena, 0);
    product_claims_fold(claims, count);
    product_claims_check(&arena, move, claims, count, ret_refused, &refused);
    return refused;
}

TEST(two_lines_on_one_variant_are_checked_as_their_sum)
{
    struct product_claim claims[] = {claim_of("p", 3, 5), claim_of("q", 1, 1), claim_of("p", 3, 5)};
    struct product_refusal *refused;

    CHECK_INT(check_claims(STOCK_RESERVE, claims, 3, &refused), ==, 1);
    CHECK_INT(refused[0].reason, ==, ARGOSY__REASON__STOCK_INSUFFICIENT);
    CHECK_INT(refused[0].claim->line.quantity, ==, 6);
    CHECK_STR(product_refusals_text(&arena, refused, 1),
              "of Mug (variant p) 6 are ordered and 5 are available");
    claims[0].line.quantity = 2;
    claims[2].line.quantity = 3;
    CHECK_INT(check_claims(STOCK_RESERVE, claims, 3, &refused), ==, 0);
    CHECK_INT(claims[0].line.quantity, ==, 5);
    CHECK_INT(claims[2].line.quantity, ==, 0);
}

TEST(every_line_that_is_in_the_way_is_named)
{
    struct product_claim claims[] = {claim_of("gone", 1, 9),        claim_of("draft", 1, 9),
                                     claim_of("several", 1, 9),     claim_of("without", 1, 9),
                                     claim_of("little", 2, 1),      claim_of("fine", 1, 1),
                                     claim_of("untracked", 1000, 0)};
    static const int reasons[] = {
        ARGOSY__REASON__PRODUCT_NOT_FOUND, ARGOSY__REASON__PRODUCT_NOT_ACTIVE,
        ARGOSY__REASON__VARIANT_NOT_FOUND, ARGOSY__REASON__VARIANT_NOT_FOUND,
        ARGOSY__REASON__STOCK_INSUFFICIENT};
    struct product_refusal *refused;

    claims[0].product_exists = false;
    claims[1].status = PRODUCT_DRAFT;
    claims[2].variant_count = 2;
    claims[2].line.variant_id = "";
    claims[3].variant_count = 0;
    claims[6].stock = product_stock_initial(false, 0);
    CHECK_INT(check_claims(STOCK_RESERVE, claims, 7, &refused), ==, 5);
    for (size_t i = 0; i < 5; i++) {
        CHECK_INT(refused[i].reason, ==, reasons[i]);
        CHECK(refused[i].claim == &claims[i]);
    }
    CHECK_STR(
        product_refusals_text(&arena, refused, 5),
        "there is no product gone; Mug (draft) is not for sale at present; Mug (several) has"
        " several variants, so name one; Mug (without) has no variant without; of Mug (variant"
        " little) 2 are ordered and 1 are available");
    refused[5] = refused[4];
    CHECK(strstr(product_refusals_text(&arena, refused, 6), "; and 1 more") != 0);

    /* Who has paid gets what is there, for sale or not. */
    CHECK_INT(check_claims(STOCK_TAKE, claims, 7, &refused), ==, 4);
    CHECK_INT(refused[1].reason, ==, ARGOSY__REASON__VARIANT_NOT_FOUND);
}

TEST(an_order_without_lines_is_refused)
{
    struct product_refusal *refused;

    CHECK_INT(check_claims(STOCK_RESERVE, 0, 0, &refused), ==, 1);
    CHECK_INT(refused[0].reason, ==, ARGOSY__REASON__INVALID_FIELDS);
    CHECK_STR(product_refusals_text(&arena, refused, 1), "the order has no lines");
}

/* ---- the stock of a line ---- */

static struct status move(enum product_stock_move_kind kind, struct product_reservation_line *line,
                          struct product_stock *stock, struct product_stock_entry *ret_entry)
{
    struct product_stock_move move = {kind, "o1", 7};

    arena_release(&arena);
    arena_init(&arena, 0);
    return product_stock_move(&arena, &move, line, stock, ret_entry);
}

static struct product_reservation_line line_of(int64_t quantity)
{
    return (struct product_reservation_line){
        .product_id = "p", .variant_id = "v", .quantity = quantity};
}

static void check_move(enum product_stock_move_kind kind, struct product_reservation_line *line,
                       struct product_stock *stock, const char *cause)
{
    struct product_stock before = *stock;
    struct product_stock_entry entry;

    CHECK_OK(move(kind, line, stock, &entry));
    CHECK_STR(entry.cause, cause);
    CHECK_STR(entry.variant_id, "v");
    CHECK_STR(entry.reference, *cause ? arena_printf(&arena, "order:o1:%s", cause) : "");
    CHECK_INT(entry.created_us, ==, 7);
    CHECK_INT(entry.on_hand_delta, ==, stock->on_hand - before.on_hand);
    CHECK_INT(entry.reserved_delta, ==, stock->reserved - before.reserved);
    CHECK(product_stock_is_sound(stock));
}

static void check_stock(const struct product_stock *stock, int64_t on_hand, int64_t reserved,
                        int64_t sold, int64_t received)
{
    CHECK_INT(stock->on_hand, ==, on_hand);
    CHECK_INT(stock->reserved, ==, reserved);
    CHECK_INT(stock->sold, ==, sold);
    CHECK_INT(stock->received, ==, received);
}

TEST(pieces_are_reserved_sold_and_restocked)
{
    struct product_stock stock = product_stock_initial(true, 10);
    struct product_reservation_line line = line_of(3);

    check_move(STOCK_RESERVE, &line, &stock, "reserved");
    CHECK(line.counted);
    check_stock(&stock, 10, 3, 0, 10);
    check_move(STOCK_SELL, &line, &stock, "sold");
    check_stock(&stock, 7, 0, 3, 10);
    check_move(STOCK_RESTOCK, &line, &stock, "restocked");
    check_stock(&stock, 10, 0, 0, 10);
    check_move(STOCK_STAY, &line, &stock, "");
    check_stock(&stock, 10, 0, 0, 10);
}

TEST(pieces_are_released_expire_and_are_taken_after_all)
{
    struct product_stock stock = product_stock_initial(true, 10);
    struct product_reservation_line line = line_of(10);

    check_move(STOCK_RESERVE, &line, &stock, "reserved");
    CHECK_INT(product_stock_available(&stock), ==, 0);
    check_move(STOCK_RELEASE, &line, &stock, "released");
    check_stock(&stock, 10, 0, 0, 10);
    check_move(STOCK_RESERVE, &line, &stock, "reserved");
    check_move(STOCK_EXPIRE, &line, &stock, "expired");
    check_stock(&stock, 10, 0, 0, 10);
    check_move(STOCK_TAKE, &line, &stock, "sold");
    check_stock(&stock, 0, 0, 10, 10);
}

TEST(what_the_numbers_do_not_have_is_not_moved)
{
    static const enum product_stock_move_kind moves[] = {
        STOCK_RESERVE, STOCK_TAKE, STOCK_SELL, STOCK_RELEASE, STOCK_EXPIRE, STOCK_RESTOCK};

    for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        struct product_stock stock = product_stock_initial(true, 10), before;
        struct product_reservation_line other = line_of(4), line = line_of(7);
        struct product_stock_entry entry;
        CHECK_OK(move(STOCK_RESERVE, &other, &stock, &entry)); /* 6 available, 4 reserved */
        line.counted = true;
        before = stock;
        struct status st = move(moves[i], &line, &stock, &entry);
        CHECK_INT(st.code, ==, STATUS_INTERNAL);
        CHECK(strstr(st.message, "order o1: 7 pieces of variant v") != 0);
        CHECK(memcmp(&before, &stock, sizeof(stock)) == 0);
    }
}

TEST(a_line_of_an_untracked_variant_never_touches_the_stock)
{
    struct product_stock stock = product_stock_initial(false, 0);
    struct product_stock_change count = {STOCK_COUNT, 5, "", "", "me", 1};
    struct product_reservation_line line = line_of(3);
    struct product_stock_entry entry;

    check_move(STOCK_RESERVE, &line, &stock, "");
    CHECK(!line.counted);
    CHECK_OK(product_stock_apply(&arena, &count, &stock, &entry)); /* tracked from now on */
    check_move(STOCK_SELL, &line, &stock, "");
    check_move(STOCK_RESTOCK, &line, &stock, "");
    check_stock(&stock, 5, 0, 0, 5);
}

TEST(sold_pieces_come_back_to_what_is_there_by_then)
{
    struct product_stock_change untrack = {STOCK_UNTRACK, 0, "", "", "me", 1};
    struct product_stock_change count = {STOCK_COUNT, 5, "", "", "me", 1};
    struct product_stock stock = product_stock_initial(true, 10);
    struct product_reservation_line line = line_of(3), later = line_of(2);
    struct product_stock_entry entry;

    check_move(STOCK_RESERVE, &line, &stock, "reserved");
    CHECK_INT(product_stock_apply(&arena, &untrack, &stock, &entry).reason, ==,
              ARGOSY__REASON__STOCK_RESERVED);
    check_move(STOCK_SELL, &line, &stock, "sold");
    CHECK_OK(product_stock_apply(&arena, &untrack, &stock, &entry));
    check_move(STOCK_RESTOCK, &line, &stock, ""); /* nobody counts them */

    CHECK_OK(product_stock_apply(&arena, &count, &stock, &entry));
    check_move(STOCK_TAKE, &later, &stock, "sold");
    check_move(STOCK_RESTOCK, &line, &stock, "restocked"); /* as pieces that come in */
    check_stock(&stock, 6, 0, 2, 8);
    check_move(STOCK_RESTOCK, &later, &stock, "restocked");
    check_stock(&stock, 8, 0, 0, 8);
}

/* ---- random histories ---- */

enum { ORDERS = 12, STEPS = 400, HISTORIES = 200 };

static uint64_t seed;

/* A generator of our own, so that a failure can be played again. */
static uint64_t below(uint64_t bound)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % bound;
}

struct history {
    struct product_stock stock;
    enum product_reservation_state states[ORDERS];
    struct product_reservation_line lines[ORDERS];
    int64_t entries_on_hand, entries_reserved;
};

static void enter(struct history *history, const struct product_stock_entry *entry)
{
    history->entries_on_hand += entry->on_hand_delta;
    history->entries_reserved += entry->reserved_delta;
}

static void play_order(struct history *history, size_t order, enum product_reservation_event event)
{
    struct product_reservation_step step = product_reservation_step(history->states[order], event);
    struct product_reservation_line *line = &history->lines[order];
    struct product_claim claim = {.line = *line,
                                  .product_exists = true,
                                  .name = "",
                                  .variant_count = 1,
                                  .stock = history->stock};
    struct product_refusal *refused;
    struct product_stock_entry entry;
    size_t count = 0;

    if (step.next == RESERVATION_NONE) return;
    if (step.move == STOCK_RESERVE || step.move == STOCK_TAKE)
        product_claims_check(&arena, step.move, &claim, 1, &refused, &count);
    history->states[order] = count > 0 ? step.otherwise : step.next;
    if (count > 0) return;
    struct product_stock_move move_one = {step.move, "o", 1};
    CHECK_OK(product_stock_move(&arena, &move_one, line, &history->stock, &entry));
    enter(history, &entry);
}

static void adjust(struct history *history)
{
    static const enum product_stock_change_kind kinds[] = {STOCK_DELTA, STOCK_COUNT, STOCK_UNTRACK};
    struct product_stock_change change = {.kind = kinds[below(3)], .cause = "", .reference = ""};
    struct product_stock_entry entry;

    change.pieces = (int64_t)below(30) - (change.kind == STOCK_DELTA ? 15 : 0);
    if (!failed(product_stock_apply(&arena, &change, &history->stock, &entry)))
        enter(history, &entry);
}

static void check_history(const struct history *history)
{
    struct product_stock_difference differences[PRODUCT_STOCK_DIFFERENCES_MAX];
    struct product_stock_sums sums = {.product_id = "p",
                                      .variant_id = "v",
                                      .stock = history->stock,
                                      .entries_on_hand = history->entries_on_hand,
                                      .entries_reserved = history->entries_reserved};

    for (size_t i = 0; i < ORDERS; i++) {
        const struct product_reservation_line *line = &history->lines[i];
        if (!line->counted) continue;
        if (history->states[i] == RESERVATION_OPEN) sums.open += line->quantity;
        if (history->states[i] == RESERVATION_COMMITTED && line->epoch == history->stock.epoch)
            sums.committed += line->quantity;
    }
    CHECK(product_stock_is_sound(&history->stock));
    CHECK(product_stock_available(&history->stock) >= 0);
    CHECK_INT(product_stock_audit(&sums, differences), ==, 0);
}

TEST(received_is_available_reserved_and_sold_after_every_step_of_any_history)
{
    random_bytes(&seed, sizeof(seed));
    printf("  seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < HISTORIES; i++) {
        struct history history = {.stock = product_stock_initial(below(4) > 0, 20)};
        history.entries_on_hand = history.stock.on_hand;
        for (size_t order = 0; order < ORDERS; order++)
            history.lines[order] = line_of(1 + (int64_t)below(8));
        arena_release(&arena);
        arena_init(&arena, 0);
        for (int step = 0; step < STEPS; step++) {
            if (below(6) == 0)
                adjust(&history);
            else
                play_order(&history, below(ORDERS),
                           (enum product_reservation_event)below(RESERVATION_EVENTS));
            check_history(&history);
        }
    }
}

TEST(a_difference_is_named_with_both_numbers)
{
    struct product_stock_difference differences[PRODUCT_STOCK_DIFFERENCES_MAX];
    struct product_stock_sums sums = {.product_id = "p",
                                      .variant_id = "v",
                                      .stock = {.tracked = true, .on_hand = 5, .received = 6},
                                      .entries_on_hand = 4,
                                      .open = 2};

    CHECK_INT(product_stock_audit(&sums, differences), ==, 3);
    CHECK_STR(differences[0].number, "received");
    CHECK_INT(differences[0].recorded, ==, 6);
    CHECK_INT(differences[0].expected, ==, 5);
    CHECK_STR(differences[1].number, "on_hand");
    CHECK_INT(differences[1].expected, ==, 4);
    CHECK_STR(differences[2].against, "the sum of open reservations");
    CHECK_INT(differences[2].expected, ==, 2);
    CHECK_STR(differences[2].variant_id, "v");
}
