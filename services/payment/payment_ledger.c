/* SPDX-License-Identifier: Apache-2.0 */
/* The postings. Assets are debited when they grow, what we owe and earn is credited:
 *
 *     authorize   provider:held        to customer:promised    the authorized amount
 *     capture     customer:promised    to provider:held        the captured amount, no longer held
 *                 provider:receivable  to sales                the same amount, earned
 *     release     customer:promised    to provider:held        what was not captured
 *     void        customer:promised    to provider:held        the authorized amount
 *     refund      refunds              to provider:receivable
 *
 * So a payment's balance of provider:held is what the provider holds for it at present, and that of
 * provider:receivable is what the provider owes us. */
#include "services/payment/payment.h"

static void add(struct payment_posting *posting, const char *debit, const char *credit,
                int64_t amount_minor)
{
    invariant(posting->entry_count + 2 <= PAYMENT_ENTRIES_MAX && amount_minor > 0);
    posting->entries[posting->entry_count++] = (struct payment_entry){debit, amount_minor, 0};
    posting->entries[posting->entry_count++] = (struct payment_entry){credit, 0, amount_minor};
}

void payment_post_authorize(int64_t amount_minor, struct payment_posting *ret_posting)
{
    *ret_posting = (struct payment_posting){.cause = "authorize"};
    add(ret_posting, PAYMENT_ACCOUNT_HELD, PAYMENT_ACCOUNT_PROMISED, amount_minor);
}

void payment_post_capture(int64_t amount_minor, struct payment_posting *ret_posting)
{
    *ret_posting = (struct payment_posting){.cause = "capture"};
    add(ret_posting, PAYMENT_ACCOUNT_PROMISED, PAYMENT_ACCOUNT_HELD, amount_minor);
    add(ret_posting, PAYMENT_ACCOUNT_RECEIVABLE, PAYMENT_ACCOUNT_SALES, amount_minor);
}

void payment_post_release(const char *cause, int64_t amount_minor,
                          struct payment_posting *ret_posting)
{
    *ret_posting = (struct payment_posting){.cause = cause};
    add(ret_posting, PAYMENT_ACCOUNT_PROMISED, PAYMENT_ACCOUNT_HELD, amount_minor);
}

void payment_post_refund(int64_t amount_minor, struct payment_posting *ret_posting)
{
    *ret_posting = (struct payment_posting){.cause = "refund"};
    add(ret_posting, PAYMENT_ACCOUNT_REFUNDS, PAYMENT_ACCOUNT_RECEIVABLE, amount_minor);
}

void payment_post_refund_reversed(int64_t amount_minor, struct payment_posting *ret_posting)
{
    *ret_posting = (struct payment_posting){.cause = "refund_failed"};
    add(ret_posting, PAYMENT_ACCOUNT_RECEIVABLE, PAYMENT_ACCOUNT_REFUNDS, amount_minor);
}
