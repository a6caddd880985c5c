/* SPDX-License-Identifier: Apache-2.0 */
/* The test bank's payment methods, and the table of what may be done to a charge in which
 * status. */
#include "services/bank/bank.h"

#include <string.h>

#include "reasons.pb-c.h"

enum bank_method bank_method_of(const char *token)
{
    static const struct {
        const char *token;
        enum bank_method method;
    } methods[] = {
        {"pm_card_visa", BANK_METHOD_SUCCEEDS},
        {"pm_card_chargeDeclined", BANK_METHOD_DECLINES},
        {"pm_card_authenticationRequired", BANK_METHOD_NEEDS_ACTION},
        {"pm_test_timeout", BANK_METHOD_LOSES_ANSWER},
        {"pm_test_unavailable", BANK_METHOD_UNAVAILABLE},
    };

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (strcmp(methods[i].token, token) == 0) return methods[i].method;
    return BANK_METHOD_UNKNOWN;
}

const char *charge_status_name(enum charge_status status)
{
    switch (status) {
    case CHARGE_AUTHORIZED: return "authorized";
    case CHARGE_REQUIRES_ACTION: return "requires_action";
    case CHARGE_DECLINED: return "declined";
    case CHARGE_CAPTURED: return "captured";
    case CHARGE_VOIDED: return "voided";
    }
    return "";
}

enum charge_status bank_authorize(enum bank_method method)
{
    invariant(method != BANK_METHOD_UNKNOWN && method != BANK_METHOD_UNAVAILABLE);
    if (method == BANK_METHOD_DECLINES) return CHARGE_DECLINED;
    if (method == BANK_METHOD_NEEDS_ACTION) return CHARGE_REQUIRES_ACTION;
    return CHARGE_AUTHORIZED;
}

/* The allowed changes of a charge's status; all others are refused. */
static const struct rule {
    enum bank_act act;
    enum charge_status from, to;
} rules[] = {
    {BANK_CONFIRM, CHARGE_REQUIRES_ACTION, CHARGE_AUTHORIZED},
    {BANK_CAPTURE, CHARGE_AUTHORIZED, CHARGE_CAPTURED},
    {BANK_VOID, CHARGE_AUTHORIZED, CHARGE_VOIDED},
    {BANK_VOID, CHARGE_REQUIRES_ACTION, CHARGE_VOIDED},
    {BANK_REFUND, CHARGE_CAPTURED, CHARGE_CAPTURED},
};

static const struct rule *find_rule(enum bank_act act, enum charge_status from)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].act == act && rules[i].from == from) return &rules[i];
    return 0;
}

static struct status too_much(struct arena *arena, int reason, int64_t amount_minor,
                              int64_t left_minor, const char *what)
{
    return status_printf(arena, STATUS_FAILED_PRECONDITION, reason,
                         "%lld is more than the %lld that are %s; ask for less",
                         (long long)amount_minor, (long long)left_minor, what);
}

struct status bank_change(struct arena *arena, enum bank_act act, int64_t amount_minor,
                          struct charge *charge)
{
    const struct rule *rule = find_rule(act, charge->status);
    int64_t refundable_minor = charge->captured_minor - charge->refunded_minor;

    if (!rule)
        return status_printf(arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__PAYMENT_STATE,
                             "the charge is %s, which does not allow this",
                             charge_status_name(charge->status));
    if (act == BANK_CAPTURE && amount_minor > charge->amount_minor)
        return too_much(arena, ARGOSY__REASON__PAYMENT_ABOVE_AUTHORIZED, amount_minor,
                        charge->amount_minor, "authorized");
    if (act == BANK_REFUND && amount_minor > refundable_minor)
        return too_much(arena, ARGOSY__REASON__PAYMENT_ABOVE_CAPTURED, amount_minor,
                        refundable_minor, "captured and not refunded");
    charge->status = rule->to;
    if (act == BANK_CAPTURE) charge->captured_minor = amount_minor;
    if (act == BANK_REFUND) charge->refunded_minor += amount_minor;
    return status_ok();
}
