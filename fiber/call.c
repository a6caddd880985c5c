/* SPDX-License-Identifier: Apache-2.0 */
/* Calls: deadlines and cancellation, which pass from a call to its child calls. Waking the fibers
 * of a cancelled call is in fiber.c. */
#include "fiber/call.h"

#include "base/clock.h"

void call_init_child(struct call *call, struct call *parent, int64_t timeout_ms)
{
    *call = *parent;
    call->parent = parent;
    call->cancelled = false;
    call_limit(call, timeout_ms);
}

void call_limit(struct call *call, int64_t timeout_ms)
{
    int64_t now_us, deadline_us;

    if (timeout_ms <= 0) return;
    now_us = clock_monotonic_us();
    if (timeout_ms > (INT64_MAX - now_us) / 1000) return;
    deadline_us = now_us + timeout_ms * 1000;
    if (call->deadline_us == CALL_NO_DEADLINE || deadline_us < call->deadline_us)
        call->deadline_us = deadline_us;
}

bool call_is_cancelled(const struct call *call)
{
    for (; call; call = call->parent)
        if (call->cancelled) return true;
    return false;
}

struct status call_check(const struct call *call)
{
    if (call_is_cancelled(call)) return status_make(STATUS_CANCELLED, 0, "the call was cancelled");
    if (call->deadline_us != CALL_NO_DEADLINE && clock_monotonic_us() >= call->deadline_us)
        return status_make(STATUS_DEADLINE_EXCEEDED, 0, "the call's deadline has passed");
    return status_ok();
}

int64_t call_remaining_us(const struct call *call)
{
    int64_t remaining_us;

    if (call->deadline_us == CALL_NO_DEADLINE) return INT64_MAX;
    remaining_us = call->deadline_us - clock_monotonic_us();
    return remaining_us > 0 ? remaining_us : 0;
}

void call_arena_reset(const struct call *call, struct arena *arena)
{
    arena_reset(arena);
    arena_set_budget(arena, call->arena->budget);
}
