/* SPDX-License-Identifier: Apache-2.0 */
/* Finds where plain text ends in a JSON string; private to the JSON reader and writer. */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

/* Plain bytes appear in a JSON string unchanged and need no check: ASCII without control
 * characters, quotes and backslashes. */
static inline bool json_is_plain(char byte)
{
    return (uint8_t)byte >= 0x20 && (uint8_t)byte < 0x80 && byte != '"' && byte != '\\';
}

/* Advances from `next` in steps of 16 (or 8) plain bytes; stops less than a step before `end`, or
 * less than a step before the first byte that is not plain. */
static inline const char *json_pass_plain_blocks(const char *next, const char *end)
{
#if defined(__SSE2__)
    for (; end - next >= 16; next += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)next);
        /* As signed bytes those from 0x80 on are negative, so one comparison finds both these and
         * control characters. */
        __m128i odd = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
        odd = _mm_or_si128(odd, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
        odd = _mm_or_si128(odd, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
        unsigned mask = (unsigned)_mm_movemask_epi8(odd);
        if (mask) return next + __builtin_ctz(mask);
    }
#elif defined(__ARM_NEON) && defined(__aarch64__)
    for (; end - next >= 16; next += 16) {
        int8x16_t bytes = vld1q_s8((const int8_t *)next);
        uint8x16_t odd = vcltq_s8(bytes, vdupq_n_s8(0x20));
        odd = vorrq_u8(odd, vceqq_s8(bytes, vdupq_n_s8('"')));
        odd = vorrq_u8(odd, vceqq_s8(bytes, vdupq_n_s8('\\')));
        if (vmaxvq_u8(odd)) break;
    }
#else
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    for (; end - next >= 8; next += 8) {
        uint64_t bytes;
        memcpy(&bytes, next, 8);
        /* The top bit of x - y is set in the first byte of x that is less than y (and is below
         * 0x80); after an exclusive or, zero bytes are those that are equal. */
        uint64_t quotes = bytes ^ ones * '"', backslashes = bytes ^ ones * '\\';
        uint64_t odd = (bytes - ones * 0x20) | (quotes - ones) | (backslashes - ones) | bytes;
        if (odd & tops) break;
    }
#endif
    return next;
}

/* The first byte of [next, end) that is not plain, or `end`. */
static inline const char *json_pass_plain(const char *next, const char *end)
{
    next = json_pass_plain_blocks(next, end);
    while (next < end && json_is_plain(*next)) next++;
    return next;
}

#endif
