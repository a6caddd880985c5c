/* SPDX-License-Identifier: Apache-2.0 */
/* Which refund differs from the provider's. */
#include "services/payment/payment_refunds.h"

#include "base/test.h"

/* Two of 300 that have succeeded, the second without the provider's id, as old ones are; one of 200
 * that has failed. */
static struct payment_refund ours[] = {
    {.refund_id = "a", .amount_minor = 300, .status = "succeeded", .reference = "re_a"},
    {.refund_id = "b", .amount_minor = 300, .status = "succeeded", .reference = ""},
    {.refund_id = "c", .amount_minor = 200, .status = "failed", .reference = "re_c"},
};

static struct payment_correction compare(int64_t refunded_minor, struct provider_refund *theirs,
                                         size_t count)
{
    const struct payment payment = {
        .state = PAYMENT_CAPTURED, .captured_minor = 1000, .refunded_minor = refunded_minor};
    const struct payment_refunds refunds = {ours, 3, theirs, count};
    struct payment_correction correction;

    payment_compare_refunds(&payment, &refunds, &correction);
    return correction;
}

TEST(refunds_that_both_have_need_no_correction)
{
    struct provider_refund theirs[] = {
        {"re_c", "c", 200, true}, {"re_b", "b", 300, false}, {"re_a", "", 300, false}};

    CHECK_INT(compare(600, theirs, 3).amount_minor, ==, 0);
    CHECK_INT(compare(600, theirs, 0).amount_minor, ==, 0);
}

TEST(of_two_refunds_of_one_amount_the_one_that_failed_is_found_by_its_id)
{
    struct provider_refund first[] = {{"re_b", "b", 300, false}, {"re_a", "", 300, true}};
    struct provider_refund second[] = {{"re_b", "b", 300, true}, {"re_a", "", 300, false}};
    struct payment_correction correction = compare(600, first, 2);

    CHECK_INT(correction.step, ==, PAYMENT_GOT_REFUND_REVERSED);
    CHECK_STR(correction.refund_id, "a");
    CHECK_INT(correction.amount_minor, ==, 300);
    correction = compare(600, second, 2);
    CHECK_INT(correction.step, ==, PAYMENT_GOT_REFUND_REVERSED);
    CHECK_STR(correction.refund_id, "b");
}

TEST(a_refund_that_we_took_for_failed_or_never_heard_of_is_found)
{
    struct provider_refund made[] = {{"re_c", "c", 200, false}};
    struct provider_refund desk[] = {{"re_d", "", 150, false}};
    struct payment_correction correction = compare(600, made, 1);

    CHECK_INT(correction.step, ==, PAYMENT_GOT_REFUNDED);
    CHECK_STR(correction.refund_id, "c");
    correction = compare(600, desk, 1);
    CHECK_INT(correction.step, ==, PAYMENT_GOT_REFUNDED);
    CHECK(correction.refund_id == 0);
    CHECK_STR(correction.reference, "re_d");
    /* One that has failed was never counted. */
    desk[0].has_failed = true;
    CHECK_INT(compare(600, desk, 1).amount_minor, ==, 0);
}

TEST(what_was_refunded_at_the_providers_desk_before_it_had_a_row_is_not_counted_again)
{
    struct provider_refund desk[] = {{"re_d", "", 150, false}, {"re_e", "", 100, false}};
    struct payment_correction correction;

    CHECK_INT(compare(750, desk, 1).amount_minor, ==, 0);
    correction = compare(750, desk, 2);
    CHECK_INT(correction.amount_minor, ==, 100);
    CHECK_STR(correction.reference, "re_e");
}

TEST(more_than_is_left_and_amounts_that_differ_are_left_to_people)
{
    struct provider_refund more[] = {{"re_d", "", 401, false}};
    struct provider_refund other[] = {{"re_a", "a", 299, true}};

    CHECK_INT(compare(600, more, 1).amount_minor, ==, 0);
    CHECK_INT(compare(600, other, 1).amount_minor, ==, 0);
}
