/* SPDX-License-Identifier: Apache-2.0 */
/* Dice for tests: xorshift, so that every run with one seed has the same throws. Included by test
 * programs only. */
#ifndef BASE_DICE_TESTING_H
#define BASE_DICE_TESTING_H

#include <stddef.h>
#include <stdint.h>

static uint64_t dice_seed = 42; /* not 0 */

/* 0 to sides - 1. */
static inline size_t dice(size_t sides)
{
    dice_seed ^= dice_seed << 13;
    dice_seed ^= dice_seed >> 7;
    dice_seed ^= dice_seed << 17;
    return (size_t)(dice_seed >> 11) % sides;
}

#endif
