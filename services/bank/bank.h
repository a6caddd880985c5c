/* SPDX-License-Identifier: Apache-2.0 */
/* The test bank: what becomes of a charge. Plain values, no I/O.
 *
 *     authorize --> authorized ------ capture --> captured -- refund, refund, ...
 *               |        ^     \
 *               |     confirm    void --> voided
 *               |        |      /
 *               +--> requires_action
 *               +--> declined
 *
 * Never more is captured than was authorized, never more refunded than was captured. */
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

/* What a payment method, by its token, does. */
enum bank_method {
    BANK_METHOD_UNKNOWN,
    BANK_METHOD_SUCCEEDS,
    BANK_METHOD_DECLINES,
    BANK_METHOD_NEEDS_ACTION,
    BANK_METHOD_LOSES_ANSWER, /* does what was asked; the answer never comes */
    BANK_METHOD_UNAVAILABLE,  /* does nothing */
};

enum bank_method bank_method_of(const char *token);

/* "authorized" and so on, as proto/bank.proto has them; static. */
const char *charge_status_name(enum charge_status status);

/* The status that a new charge has with this method; it must be one that does something. */
enum charge_status bank_authorize(enum bank_method method);

/* Does `act` (any but authorize) to a charge. FAILED_PRECONDITION: PAYMENT_STATE,
 * PAYMENT_ABOVE_AUTHORIZED, PAYMENT_ABOVE_CAPTURED; then nothing has changed. */
struct status bank_change(struct arena *arena, enum bank_act act, int64_t amount_minor,
                          struct charge *charge);

#endif
