/* SPDX-License-Identifier: Apache-2.0 */
/* Pauses at race windows, chosen by hashing the seed, the window's name and the number of the
 * pass. */
#include "base/race_window.h"

#include <stdlib.h>
#include <time.h>

enum {
    WIDTHS = 4,   /* 0, and three steps up to the widest */
    OFTEN = 1000, /* passes that usually pause; pausing at every later one would take far too
                   * long */
    SELDOM_ONE_IN = 16,
};

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t z)
{
    z += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

int64_t race_window_pause_us(uint64_t seed, const char *name, uint64_t n)
{
    uint64_t window = mix(seed), pass;

    for (; *name; name++) window = mix(window ^ (uint64_t)(unsigned char)*name);
    int64_t width = (int64_t)(window % WIDTHS) * RACE_WINDOW_MAX_US / (WIDTHS - 1);
    pass = mix(window ^ n);
    if (width == 0 || (n >= OFTEN && pass % SELDOM_ONE_IN != 0)) return 0;
    return (int64_t)(mix(pass) % (uint64_t)(width + 1));
}

#if defined(ARGOSY_RACE_WINDOWS)
void race_window(const char *name)
{
    static _Thread_local uint64_t passes;
    const char *seed = getenv("ARGOSY_RACE_SEED");
    int64_t pause_us = race_window_pause_us(seed ? strtoull(seed, 0, 10) : 1, name, passes++);
    struct timespec pause = {.tv_nsec = (long)pause_us * 1000};

    if (pause_us > 0) nanosleep(&pause, 0);
}
#endif
