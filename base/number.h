/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as decimal text, independent of the locale. Reading them is in str.h. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stddef.h>
#include <stdint.h>

enum { NUMBER_TEXT_SIZE = 32 };

/* Each writes text ended by NUL and returns its length. */
size_t number_format_u64(uint64_t value, char ret_text[NUMBER_TEXT_SIZE]);
size_t number_format_i64(int64_t value, char ret_text[NUMBER_TEXT_SIZE]);

/* The fewest digits that read back as the same number: 0.1, 19.99, 1e+300; not for infinities and
 * NaN. */
size_t number_format_double(double value, char ret_text[NUMBER_TEXT_SIZE]);
size_t number_format_float(float value, char ret_text[NUMBER_TEXT_SIZE]);

#endif
