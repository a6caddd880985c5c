/* SPDX-License-Identifier: Apache-2.0 */
/* Race windows: points between two steps of a thread where another thread may interfere, for
 * example after a message was queued and before its receiver's state is read. Normally nothing
 * happens there, because such a window is a few nanoseconds wide.
 *
 *     push(list, message);
 *     race_window("message queued");
 *     if (atomic_load(&shard->resting)) ...
 *
 * In a build with ARGOSY_RACE_WINDOWS (preset `races`) the thread pauses there, up to
 * RACE_WINDOW_MAX_US: which windows are wide, and how long each pause is, follows from
 * ARGOSY_RACE_SEED, so that each seed tries another interleaving. In every other build a window
 * compiles to nothing. Don't mark one while holding a lock: the pause would only make others
 * wait. */
#ifndef BASE_RACE_WINDOW_H
#define BASE_RACE_WINDOW_H

#include <stdint.h>

enum { RACE_WINDOW_MAX_US = 450 };

/* How long the window pauses at its nth pass, counted from 0. */
int64_t race_window_pause_us(uint64_t seed, const char *name, uint64_t n);

#if defined(ARGOSY_RACE_WINDOWS)
void race_window(const char *name);
#else
#define race_window(name) ((void)0)
#endif

#endif
