/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a circuit breaker. */
#include "store/breaker.h"

enum { US_PER_MS = 1000 };

/* Has another shard reached the engine since this one last failed to? */
static bool is_back(const struct breaker *breaker)
{
    return breaker->news && atomic_load(&breaker->news->answered_us) > breaker->failed_us;
}

bool breaker_admits(struct breaker *breaker, int64_t now_us)
{
    if (breaker->state == BREAKER_CLOSED) return true;
    if (breaker->state == BREAKER_HALF_OPEN) return false;
    if (now_us < breaker->retry_us && !is_back(breaker)) return false;
    breaker->state = BREAKER_HALF_OPEN;
    return true;
}

static void tell(struct breaker_news *news, int64_t now_us)
{
    if (now_us - atomic_load(&news->answered_us) >= BREAKER_PAUSE_MIN_MS * (int64_t)US_PER_MS)
        atomic_store(&news->answered_us, now_us);
}

void breaker_succeeded(struct breaker *breaker, int64_t now_us)
{
    struct breaker_news *news = breaker->news;
    bool returned = breaker->state != BREAKER_CLOSED;

    if (news) tell(news, now_us);
    *breaker = (struct breaker){.news = news};
    if (returned && news && news->on_return) news->on_return(news->on_return_data);
}

static int64_t pause_us(int failures, uint64_t dice)
{
    int64_t pause_ms = BREAKER_PAUSE_MIN_MS;

    for (int i = BREAKER_FAILURES_MAX; i < failures && pause_ms < BREAKER_PAUSE_MAX_MS; i++)
        pause_ms *= 2;
    if (pause_ms > BREAKER_PAUSE_MAX_MS) pause_ms = BREAKER_PAUSE_MAX_MS;
    int64_t half_us = pause_ms * US_PER_MS / 2;
    return half_us + (int64_t)(dice % (uint64_t)half_us);
}

void breaker_failed(struct breaker *breaker, int64_t now_us, uint64_t dice)
{
    breaker->failed_us = now_us;
    if (breaker->state == BREAKER_OPEN) return;
    breaker->failures++;
    if (breaker->state == BREAKER_CLOSED && breaker->failures < BREAKER_FAILURES_MAX) return;
    breaker->state = BREAKER_OPEN;
    breaker->retry_us = now_us + pause_us(breaker->failures, dice);
}

void breaker_abandoned(struct breaker *breaker, int64_t now_us)
{
    if (breaker->state != BREAKER_HALF_OPEN) return;
    breaker->state = BREAKER_OPEN;
    breaker->retry_us = now_us;
}
