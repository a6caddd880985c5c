/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what a change of a payment writes: the rows of refunds and operations, and whose answer
 * is stored. */
#include "services/payment/payment_store.h"

#include <string.h>

#include "base/test.h"

static struct arena arena = {.limit = ARENA_LIMIT_DEFAULT};
static const struct call call = {.arena = &arena};

/* Fills in the turn as `data` does, apart from what was read. */
static struct status apply(const struct call *unused, struct payment_turn *turn, void *data)
{
    const struct payment_turn *filled = data;
    struct payment_turn read = *turn;

    (void)unused;
    *turn = *filled;
    turn->operation = read.operation;
    turn->refunds = read.refunds;
    turn->refund_count = read.refund_count;
    return status_ok();
}

static struct payment_written decide(struct payment_turn *filled, const struct payment_turn *read,
                                     const struct change_cause *cause)
{
    struct payment_change change = {.apply = apply, .data = filled};
    struct payment_written written = {.turn = *read};

    if (cause) change.cause = *cause;
    CHECK(!failed(payment_decide_change(&call, &change, &written)));
    CHECK(written.applied);
    return written;
}

static const struct payment_operation refund = {.operation_id = "op",
                                                .kind = PAYMENT_REFUND,
                                                .amount_minor = 100,
                                                .note = "scratched",
                                                .created_us = 7,
                                                .scope = "ann",
                                                .key = "k"};

TEST(a_refund_has_a_row_from_its_beginning_to_its_end)
{
    struct payment_turn begins = {.begun = refund}, ends = {.ended = true},
                        fails = {.ended = true, .refund_failed = true};
    struct payment_turn nothing = {0}, of_refund = {.operation = &refund};
    struct payment_written written;

    written = decide(&begins, &nothing, NULL);
    CHECK(written.begins && !written.ended && written.refund_count == 1);
    CHECK_STR(written.refunds[0].refund_id, "op");
    CHECK_STR(written.refunds[0].status, "processing");
    CHECK_STR(written.refunds[0].reason, "scratched");
    CHECK(written.refunds[0].amount_minor == 100 && written.refunds[0].created_us == 7);

    ends.refund_reference = "re_1";
    written = decide(&ends, &of_refund, NULL);
    CHECK(!written.begins && written.refund_count == 1);
    CHECK_STR(written.ended, "op");
    CHECK_STR(written.refunds[0].status, "succeeded");
    CHECK_STR(written.refunds[0].reference, "re_1");
    written = decide(&fails, &of_refund, NULL);
    CHECK_STR(written.refunds[0].status, "failed");
    CHECK_STR(written.refunds[0].reference, "");
}

TEST(another_operation_has_no_refund)
{
    const struct payment_operation capture = {.operation_id = "op", .kind = PAYMENT_CAPTURE};
    struct payment_turn begins = {.begun = capture}, ends = {.ended = true};
    struct payment_turn nothing = {0}, of_capture = {.operation = &capture};

    CHECK(decide(&begins, &nothing, NULL).refund_count == 0);
    CHECK(decide(&ends, &of_capture, NULL).refund_count == 0);
}

TEST(a_failed_refund_without_an_id_is_the_newest_of_its_amount)
{
    static const struct payment_refund refunds[] = {
        {.refund_id = "a", .amount_minor = 100, .status = "succeeded"},
        {.refund_id = "b", .amount_minor = 100, .status = "succeeded"},
        {.refund_id = "c", .amount_minor = 200, .status = "succeeded"},
        {.refund_id = "d", .amount_minor = 100, .status = "failed"},
    };
    struct payment_turn reverses = {.effects = {.reversed_minor = 100}};
    struct payment_turn read = {.refunds = refunds, .refund_count = 4};
    struct payment_written written = decide(&reverses, &read, NULL);

    CHECK(written.refund_count == 1);
    CHECK_STR(written.refunds[0].refund_id, "b");
    CHECK_STR(written.refunds[0].status, "failed");
    reverses.effects.reversed_minor = 300; /* none has this amount */
    CHECK(decide(&reverses, &read, NULL).refund_count == 0);
    reverses.found = (struct payment_refund){.refund_id = "a", .amount_minor = 300};
    CHECK_STR(decide(&reverses, &read, NULL).refunds[0].refund_id, "a");
}

TEST(an_answer_belongs_to_the_request_of_the_change_or_of_its_operation)
{
    struct change_request request = {.idempotency = {.scope = "bob", .key = "k2"}};
    const struct change_cause cause = {.request = &request};
    struct payment_turn ends = {.ended = true}, nothing = {0}, of_refund = {.operation = &refund};

    CHECK(!decide(&nothing, &nothing, NULL).cause.request);
    CHECK(decide(&ends, &of_refund, &cause).cause.request == &request);
    struct payment_written written = decide(&ends, &of_refund, NULL);
    CHECK_STR(written.cause.request->idempotency.scope, "ann");
    CHECK_STR(written.cause.request->idempotency.key, "k");
}

TEST(a_payment_is_written_if_its_step_has_changed_it)
{
    struct payment_turn changes = {.payment = {.state = PAYMENT_CAPTURED},
                                   .effects = {.changed = true}};
    struct payment_turn stays = {.payment = {.state = PAYMENT_NEW}};
    struct payment_turn read = {.payment = {.state = PAYMENT_AUTHORIZED}};

    CHECK(decide(&changes, &read, NULL).saves &&
          decide(&changes, &read, NULL).from == PAYMENT_AUTHORIZED);
    CHECK(!decide(&stays, &read, NULL).saves);
}
