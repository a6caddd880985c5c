/* SPDX-License-Identifier: Apache-2.0 */
/* The names of a payment's states and operations, and questions that do not change it. */
#include <string.h>

#include "base/str.h"
#include "services/payment/payment.h"

bool payment_is_busy(const struct payment *payment)
{
    return payment->state == PAYMENT_AUTHORIZING || payment->state == PAYMENT_CONFIRMING ||
           payment->state == PAYMENT_CAPTURING || payment->state == PAYMENT_VOIDING;
}

const char *payment_state_name(enum payment_state state)
{
    switch (state) {
    case PAYMENT_ABSENT:
    case PAYMENT_BURIED:
    case PAYMENT_CANCELED: return "canceled";
    case PAYMENT_NEW: return "requires_payment_method";
    case PAYMENT_ACTION: return "requires_action";
    case PAYMENT_AUTHORIZED: return "requires_capture";
    case PAYMENT_CAPTURED: return "succeeded";
    case PAYMENT_AUTHORIZING:
    case PAYMENT_CONFIRMING:
    case PAYMENT_CAPTURING:
    case PAYMENT_VOIDING: return "processing";
    }
    return "";
}

const char *payment_state_own_name(enum payment_state state)
{
    static const char *const names[PAYMENT_STATE_COUNT] = {
        "absent",     "buried",    "new",      "authorizing", "action",   "confirming",
        "authorized", "capturing", "captured", "voiding",     "canceled",
    };

    return names[state];
}

const char *payment_operation_name(enum payment_operation_kind kind)
{
    static const char *const names[] = {"none",    "authorize", "confirm",
                                        "capture", "void",      "refund"};

    return names[kind];
}

static bool is_seller(const struct payment *payment, const char *email, bool only)
{
    struct str rest = str_of(payment->sellers), line;
    bool found = false;

    while (str_split(&rest, '\n', &line)) {
        bool same = line.length > 0 && str_equal_nocase(line, str_of(email));
        if (only && !same) return false;
        found = found || same;
    }
    return found;
}

bool payment_is_only_seller(const struct payment *payment, const char *email)
{
    return is_seller(payment, email, true);
}

bool payment_is_seller(const struct payment *payment, const char *email)
{
    return is_seller(payment, email, false);
}
