/* SPDX-License-Identifier: Apache-2.0 */
/* Simulation: virtual clocks and seeded randomness in the place of the system's. */
#include "fiber/simulation.h"

#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/status.h"

enum {
    WORK_DELAY_US = 400, /* usually at most this */
    WORK_LATE_ONE_IN = 16,
    WORK_LATE_US = 20000, /* occasionally up to this */
};

/* The moment at which every simulation begins, 2026-01-01T00:00:00Z. */
#define EPOCH_US INT64_C(1767225600000000)

/* Two streams, so that the delays do not depend on how many random bytes are used. */
static struct {
    bool on;
    int64_t monotonic_us;
    uint64_t bytes, delays;
    struct shard *shard;
} simulation;

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static int64_t virtual_monotonic_us(void)
{
    return simulation.monotonic_us;
}

static int64_t virtual_now_us(void)
{
    return EPOCH_US + simulation.monotonic_us;
}

static void seeded_bytes(void *ret_data, size_t size)
{
    uint8_t *out = ret_data;

    while (size > 0) {
        uint64_t word = next(&simulation.bytes);
        size_t part = size < sizeof(word) ? size : sizeof(word);

        memcpy(out, &word, part);
        out += part;
        size -= part;
    }
}

void simulation_begin(uint64_t seed)
{
    invariant(!simulation.on);
    simulation.on = true;
    simulation.monotonic_us = 1000000;
    simulation.bytes = seed;
    simulation.delays = next(&seed);
    clock_set_source(virtual_now_us, virtual_monotonic_us);
    random_set_source(seeded_bytes);
}

void simulation_end(void)
{
    invariant(!simulation.shard);
    simulation.on = false;
    clock_set_source(0, 0);
    random_set_source(0);
}

bool simulation_is_on(void)
{
    return simulation.on;
}

void simulation_set_shard(struct shard *shard)
{
    invariant(simulation.on && (!shard || !simulation.shard));
    simulation.shard = shard;
}

void simulation_pass_until(int64_t monotonic_us)
{
    if (monotonic_us > simulation.monotonic_us) simulation.monotonic_us = monotonic_us;
}

void simulation_work(struct shard_timer *timer, void (*fn)(void *data), void *data)
{
    uint64_t bound = next(&simulation.delays) % WORK_LATE_ONE_IN == 0 ? WORK_LATE_US
                                                                      : WORK_DELAY_US;

    invariant(simulation.shard);
    if (timer->position) return;
    shard_timer_start(simulation.shard, timer,
                      simulation.monotonic_us + 1 + (int64_t)(next(&simulation.delays) % bound), fn,
                      data);
}
