/* SPDX-License-Identifier: Apache-2.0 */
/* Encodes Stripe's forms and converts amounts to and from its decimals. */
#include "base/encode.h"
#include "base/money.h"
#include "services/payment/payment_stripe.h"

/* ---- forms ---- */

void stripe_form_init(struct stripe_form *form, struct arena *arena)
{
    form->arena = arena;
    form->text = "";
}

void stripe_form_add(struct stripe_form *form, const char *name, const char *value)
{
    struct str name_encoded = percent_encode(form->arena, str_of(name));
    struct str value_encoded = percent_encode(form->arena, str_of(value));

    form->text = arena_printf(form->arena, "%s%s%.*s=%.*s", form->text, form->text[0] ? "&" : "",
                              STR_ARGS(name_encoded), STR_ARGS(value_encoded));
}

void stripe_form_add_number(struct stripe_form *form, const char *name, int64_t value)
{
    stripe_form_add(form, name, arena_printf(form->arena, "%lld", (long long)value));
}

/* ---- amounts ---- */

/* Currencies whose decimals at Stripe differ from ISO 4217
 * (docs.stripe.com/currencies#special-cases). */
static const struct {
    const char *currency;
    int exponent;
} special[] = {{"ISK", 2}, {"UGX", 2}, {"MGA", 0}};

enum { THREE_DECIMALS_STEP = 10 };

static int64_t power_of_ten(int exponent)
{
    int64_t power = 1;

    while (exponent-- > 0) power *= 10;
    return power;
}

/* amount * 10^(to - from), if that is a whole number and does not overflow. */
static bool shift(int64_t amount, int from, int to, int64_t *ret_amount)
{
    int64_t divisor = power_of_ten(from - to);

    if (amount % divisor != 0) return false;
    return !__builtin_mul_overflow(amount / divisor, power_of_ten(to - from), ret_amount);
}

static bool find_exponents(const char *currency, int *ret_iso, int *ret_stripe)
{
    if (!money_exponent(currency, ret_iso)) return false;
    *ret_stripe = *ret_iso;
    for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++)
        if (strcmp(special[i].currency, currency) == 0) *ret_stripe = special[i].exponent;
    return true;
}

bool stripe_amount_from_minor(const char *currency, int64_t minor, int64_t *ret_amount)
{
    int iso, stripe;

    if (!find_exponents(currency, &iso, &stripe)) return false;
    if (iso == 3 && minor % THREE_DECIMALS_STEP != 0) return false;
    return shift(minor, iso, stripe, ret_amount);
}

bool stripe_amount_to_minor(const char *currency, int64_t amount, int64_t *ret_minor)
{
    int iso, stripe;

    return find_exponents(currency, &iso, &stripe) && shift(amount, stripe, iso, ret_minor);
}
