/* SPDX-License-Identifier: Apache-2.0 */
/* Money: int64 minor units of an ISO 4217 currency, and the doubles in major units that existing
 * clients know. */
#ifndef BASE_MONEY_H
#define BASE_MONEY_H

#include <stdbool.h>
#include <stdint.h>

/* How many decimals the currency has (JPY 0, USD 2, KWD 3), including withdrawn ones, in which old
 * amounts may exist; false if ISO 4217 (2015, with its amendments up to 180) knows no such code.
 */
bool money_exponent(const char *currency, int *ret_exponent);

/* The successor of a withdrawn currency ("EUR" for "BGN"); NULL if it was not withdrawn. */
const char *money_successor(const char *currency);

/* The amount in minor units. The decimal number is taken to be the shortest one that reads as this
 * double; false if it has more decimals than `exponent`, or is not within 0 to 1e9. */
bool money_from_double(double amount, int exponent, int64_t *ret_minor);

/* The nearest amount in minor units, for amounts from other systems that can't be refused; an
 * unknown currency has two decimals. */
int64_t money_nearest(double amount, const char *currency);

/* The double nearest to the amount; an unknown currency has two decimals. */
double money_to_double(int64_t minor, const char *currency);

#endif
