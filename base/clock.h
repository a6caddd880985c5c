/* SPDX-License-Identifier: Apache-2.0 */
/* Time. Nothing else in the program reads the system's clocks, so that tests and simulations can
 * provide their own. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Microseconds since 1970-01-01 UTC. */
int64_t clock_now_us(void);

/* Microseconds on a clock that never goes back; for deadlines and durations. */
int64_t clock_monotonic_us(void);

/* The time `wait_us` from now on the system's own monotonic clock (CLOCK_MONOTONIC), for waits
 * inside system calls; clock_set_source does not change it. */
void clock_system_in(int64_t wait_us, struct timespec *ret_time);

/* Replaces the source of every later reading (both functions or neither); NULL, NULL goes back to
 * the system. Call before threads exist. */
void clock_set_source(int64_t (*now_us)(void), int64_t (*monotonic_us)(void));

/* RFC 3339 in UTC with the fewest of 0, 3 or 6 decimals: 2026-11-24T18:40:36.120Z. Returns the
 * length. */
enum { CLOCK_TEXT_SIZE = 32 };
size_t clock_format(int64_t time_us, char ret_text[CLOCK_TEXT_SIZE]);

#endif
