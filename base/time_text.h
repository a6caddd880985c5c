/* SPDX-License-Identifier: Apache-2.0 */
/* google.protobuf.Timestamp and Duration as text (proto3 JSON mapping): RFC 3339 and decimal
 * seconds. Pure. */
#ifndef BASE_TIME_TEXT_H
#define BASE_TIME_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { TIME_TEXT_SIZE = 48 };

/* "2026-11-24T18:40:36.120Z" with 0, 3, 6 or 9 decimals; 0 when the time is outside the years 1 to
 * 9999 or the nanoseconds are out of range. Else the length; no NUL is written. */
size_t timestamp_format(int64_t seconds, int64_t nanos, char ret_text[TIME_TEXT_SIZE]);

/* Accepts any offset and up to nine decimals; no leap seconds. */
bool timestamp_parse(struct str text, int64_t *ret_seconds, int32_t *ret_nanos);

/* "-1.500s"; 0 past ten thousand years or when the two parts differ in sign. Else the length. */
size_t duration_format(int64_t seconds, int64_t nanos, char ret_text[TIME_TEXT_SIZE]);

bool duration_parse(struct str text, int64_t *ret_seconds, int32_t *ret_nanos);

#endif
