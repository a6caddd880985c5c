/* SPDX-License-Identifier: Apache-2.0 */
/* The test bank: the states of a charge and what may be done in each. Plain values, no I/O.
 *
 *     authorize --> authorized ------ capture --> captured -- refund, refund, ...
 *               |        ^     \
 *               |     confirm    void --> voided
 *               |        |      /
 *               +--> requires_action
 *               +--> declined
 *
 * At most what was authorized is captured, and at most what was captured is refunded. */
#ifndef SERVICES_BANK_BANK_H
#define SERVICES_BANK_BANK_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

enum charge_status {
    CHARGE_AUTHORIZED = 1,
    CHARGE_REQUIRES_ACTION,
    CHARGE_DECLINED,
    CHARGE_CAPTURED,
    CHARGE_VOIDED,
};

struct charge {
    const char *charge_id;
    enum charge_status status;
    int64_t amount_minor, captured_minor, refunded_minor;
    const char *currency;
    const char *reference; /* the order's id */
    int64_t created_us;
};

enum bank_act { BANK_AUTHORIZE = 1, BANK_CONFIRM, BANK_CAPTURE, BANK_VOID, BANK_REFUND };

/* What a payment method does, which its token says. */
enum bank_method {
    BANK_METHOD_UNKNOWN,
    BANK_METHOD_SUCCEEDS,
    BANK_METHOD_DECLINES,
    BANK_METHOD_NEEDS_ACTION,
    BANK_METHOD_LOSES_ANSWER, /* takes effect, but the answer is lost */
    BANK_METHOD_UNAVAILABLE,  /* has no effect */
};

enum bank_method bank_method_of(const char *token);

/* "authorized" and so on, as proto/bank.proto has them; static. */
const char *charge_status_name(enum charge_status status);

/* The status of a new charge with this method, which must not be UNKNOWN or UNAVAILABLE. */
enum charge_status bank_authorize(enum bank_method method);

/* Applies `act` (any but authorize) to a charge. FAILED_PRECONDITION (PAYMENT_STATE,
 * PAYMENT_ABOVE_AUTHORIZED, PAYMENT_ABOVE_CAPTURED) leaves the charge as it was. */
struct status bank_change(struct arena *arena, enum bank_act act, int64_t amount_minor,
                          struct charge *charge);

#endif
