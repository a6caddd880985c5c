/* SPDX-License-Identifier: Apache-2.0 */
/* What a store writes for an event of an order: which lines move, and what is written of them. */
#include "services/product/product_writes.h"

#include "base/test.h"
#include "events.pb-c.h"

static struct arena arena = {.limit = ARENA_LIMIT_DEFAULT};
static const struct trace trace;
static const struct call call = {.arena = &arena, .trace = &trace};

static struct product_claim claim_of(const char *variant_id, int64_t quantity, bool tracked)
{
    return (struct product_claim){
        .line = {.product_id = "p", .variant_id = variant_id, .quantity = quantity},
        .product_exists = true,
        .name = "Mug",
        .variant_count = 1,
        .stock = product_stock_initial(tracked, tracked ? 10 : 0),
    };
}

static struct product_order order_of(enum product_reservation_event event,
                                     const struct product_reservation_line *lines, size_t count)
{
    return (struct product_order){event, "o1", lines, count, 1000, 7};
}

static struct product_order_written decide(enum product_reservation_event event,
                                           enum product_reservation_state state,
                                           struct product_claim *claims, size_t count)
{
    const struct product_order order = order_of(event, NULL, 0);
    const struct product_order_found found = {state, claims, count};
    struct product_order_written written;

    CHECK_OK(product_decide_order(&call, &order, &found, &written));
    CHECK_STR(written.outcome.order_id, "o1");
    return written;
}

static void check_told(const struct product_order_written *written,
                       const ProtobufCMessageDescriptor *descriptor)
{
    CHECK_INT(written->record.event_count, ==, 1);
    CHECK(event_is(&written->record.events[0], descriptor));
    CHECK_STR(written->record.events[0].topic, "order-results");
    CHECK_STR(written->record.events[0].key, "o1");
}

/* ---- which lines ---- */

static size_t lines_of(enum product_reservation_event event, enum product_reservation_state state,
                       size_t kept_count, struct product_reservation_line **ret_lines)
{
    static const struct product_reservation_line kept[] = {
        {.product_id = "p", .variant_id = "kept", .quantity = 1, .counted = true},
        {.product_id = "p", .variant_id = "uncounted", .quantity = 1}};
    static const struct product_reservation_line given = {
        .product_id = "p", .variant_id = "given", .quantity = 1};
    const struct product_order order = order_of(event, &given, 1);
    size_t count;

    product_order_lines(&arena, &order, state, kept, kept_count, ret_lines, &count);
    return count;
}

TEST(a_new_reservation_moves_the_events_lines)
{
    struct product_reservation_line *lines;

    CHECK_INT(lines_of(RESERVATION_RESERVE, RESERVATION_NONE, 0, &lines), ==, 1);
    CHECK_STR(lines[0].variant_id, "given");
    CHECK_INT(lines_of(RESERVATION_COMMIT, RESERVATION_REFUSED, 0, &lines), ==, 1);
    CHECK_STR(lines[0].variant_id, "given");
}

TEST(a_resolved_reservation_moves_the_counted_lines_that_were_kept)
{
    struct product_reservation_line *lines;

    CHECK_INT(lines_of(RESERVATION_COMMIT, RESERVATION_OPEN, 2, &lines), ==, 1);
    CHECK_STR(lines[0].variant_id, "kept");
    CHECK_INT(lines_of(RESERVATION_CANCEL, RESERVATION_COMMITTED, 2, &lines), ==, 1);
    CHECK_INT(lines_of(RESERVATION_CANCEL, RESERVATION_EXPIRED, 2, &lines), ==, 0);
}

TEST(an_expired_reservation_is_taken_again_with_all_its_lines)
{
    struct product_reservation_line *lines;

    CHECK_INT(lines_of(RESERVATION_COMMIT, RESERVATION_EXPIRED, 2, &lines), ==, 2);
    CHECK_STR(lines[0].variant_id, "kept");
    CHECK_STR(lines[1].variant_id, "uncounted");
}

/* ---- what is written ---- */

TEST(a_reservation_writes_each_line_once_and_only_tracked_stock)
{
    struct product_claim claims[] = {claim_of("v", 2, true), claim_of("w", 5, false),
                                     claim_of("v", 1, true)};
    struct product_order_written written;

    written = decide(RESERVATION_RESERVE, RESERVATION_NONE, claims, 3);
    CHECK_INT(written.outcome.state, ==, RESERVATION_OPEN);
    CHECK_INT(written.line_count, ==, 2);
    CHECK(written.lines[0].is_kept && written.lines[1].is_kept);
    CHECK_INT(written.lines[0].claim->line.quantity, ==, 3);
    CHECK_INT(written.lines[0].claim->stock.reserved, ==, 3);
    CHECK(written.lines[0].claim->line.counted && !written.lines[1].claim->line.counted);
    CHECK_STR(written.lines[0].entry.cause, "reserved");
    CHECK_STR(written.lines[1].entry.cause, "");
    check_told(&written, &events__order_validation_result_event__descriptor);
}

TEST(a_refused_order_writes_no_line)
{
    struct product_claim claims[] = {claim_of("v", 2, true), claim_of("w", 11, true)};
    struct product_order_written written;

    written = decide(RESERVATION_RESERVE, RESERVATION_NONE, claims, 2);
    CHECK_INT(written.outcome.state, ==, RESERVATION_REFUSED);
    CHECK_INT(written.outcome.refused_count, ==, 1);
    CHECK_INT(written.line_count, ==, 0);
    CHECK_INT(claims[0].stock.reserved, ==, 0);
    check_told(&written, &events__order_validation_result_event__descriptor);

    written = decide(RESERVATION_COMMIT, RESERVATION_EXPIRED, claims, 2);
    CHECK_INT(written.outcome.state, ==, RESERVATION_EXPIRED);
    CHECK_INT(written.line_count, ==, 0);
    check_told(&written, &events__reservation_expired_event__descriptor);
}

TEST(a_committed_reservation_sells_what_it_held_and_says_so)
{
    struct product_claim claim = claim_of("v", 2, true);
    struct product_order_written written;

    claim.line.counted = true;
    claim.stock.reserved = 2;
    written = decide(RESERVATION_COMMIT, RESERVATION_OPEN, &claim, 1);
    CHECK_INT(written.outcome.state, ==, RESERVATION_COMMITTED);
    CHECK_INT(written.line_count, ==, 1);
    CHECK(!written.lines[0].is_kept);
    claim.stock = written.lines[0].claim->stock;
    CHECK_INT(claim.stock.on_hand, ==, 8);
    CHECK_INT(claim.stock.sold, ==, 2);
    check_told(&written, &events__stock_committed_event__descriptor);

    written = decide(RESERVATION_CANCEL, RESERVATION_COMMITTED, &claim, 1);
    CHECK_INT(written.outcome.state, ==, RESERVATION_RESTOCKED);
    CHECK_INT(written.lines[0].claim->stock.on_hand, ==, 10);
    CHECK_INT(written.record.event_count, ==, 0);
}

TEST(what_was_read_stays_so_that_it_can_be_compared_and_decided_again)
{
    struct product_claim claims[] = {claim_of("v", 2, true), claim_of("v", 1, true)};
    struct product_order_written written;

    for (int turn = 0; turn < 2; turn++) {
        written = decide(RESERVATION_RESERVE, RESERVATION_NONE, claims, 2);
        CHECK_INT(written.line_count, ==, 1);
        CHECK_INT(written.lines[0].claim->stock.reserved, ==, 3);
        CHECK_INT(written.lines[0].before->reserved, ==, 0);
        CHECK_INT(claims[0].line.quantity, ==, 2);
    }
}

TEST(an_event_may_be_decided_in_parts_which_can_be_given_back)
{
    struct product_claim claims[] = {claim_of("v", 2, true), claim_of("w", 5, true),
                                     claim_of("v", 1, true)};
    struct product_order_written part;

    product_claims_fold(claims, 3);
    for (size_t i = 0; i < 2; i++) {
        part = decide(RESERVATION_RESERVE, RESERVATION_NONE, &claims[i], 1);
        CHECK_INT(part.outcome.state, ==, RESERVATION_OPEN);
        CHECK_INT(part.line_count, ==, 1);
        claims[i] = *part.lines[0].claim;
    }
    CHECK_INT(claims[0].stock.reserved, ==, 3);
    CHECK_INT(decide(RESERVATION_RESERVE, RESERVATION_NONE, &claims[2], 1).line_count, ==, 0);

    claims[2] = claim_of("x", 11, true);
    CHECK_INT(decide(RESERVATION_RESERVE, RESERVATION_NONE, &claims[2], 1).outcome.state, ==,
              RESERVATION_REFUSED);
    for (size_t i = 2; i-- > 0;) {
        part = decide(RESERVATION_CANCEL, RESERVATION_OPEN, &claims[i], 1);
        CHECK_STR(part.lines[0].entry.cause, "released");
        claims[i] = *part.lines[0].claim;
        CHECK_INT(claims[i].stock.reserved, ==, 0);
    }
    part = decide(RESERVATION_RESERVE, RESERVATION_NONE, claims, 3);
    CHECK_INT(part.outcome.state, ==, RESERVATION_REFUSED);
    CHECK_INT(part.outcome.refused_count, ==, 1);
    check_told(&part, &events__order_validation_result_event__descriptor);
}

TEST(a_cancelled_order_without_a_reservation_writes_its_state_alone)
{
    struct product_order_written written;

    written = decide(RESERVATION_CANCEL, RESERVATION_NONE, NULL, 0);
    CHECK_INT(written.outcome.state, ==, RESERVATION_CANCELLED);
    CHECK_INT(written.line_count, ==, 0);
    CHECK_INT(written.record.event_count, ==, 0);
}

TEST(pieces_that_the_stock_does_not_have_are_an_error)
{
    struct product_claim claim = claim_of("v", 2, true);
    const struct product_order order = order_of(RESERVATION_COMMIT, NULL, 0);
    const struct product_order_found found = {RESERVATION_OPEN, &claim, 1};
    struct product_order_written written;

    claim.line.counted = true;
    CHECK(product_decide_order(&call, &order, &found, &written).code == STATUS_INTERNAL);
}
