/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the stores whose engines are other processes. */
#include "rpc/service_open.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"
#include "fiber/fiber.h"
#include "observe/log.h"
#include "reasons.pb-c.h"

enum { PAUSE_MIN_MS = 100, PAUSE_MAX_MS = 5000, US_PER_MS = 1000, REASON_SIZE = 512 };

void service_openings_add(struct service_openings *openings, const struct service_context *context,
                          const struct service_module *module, void *service)
{
    if (!module->open) return;
    invariant(openings->count < SERVICE_OPENINGS_MAX);
    struct service_opening *opening = &openings->openings[openings->count++];
    opening->module = module;
    opening->service = service;
    opening->setting = service_store_setting(context->arena, module);
    opening->url = config_url_shown(context->arena, service_store_url(context, module));
}

/* An engine that does not answer is one that is not there. */
static bool is_passing(struct status st)
{
    return st.code == STATUS_UNAVAILABLE || st.code == STATUS_DEADLINE_EXCEEDED;
}

static bool is_refusal(struct status st)
{
    return st.reason == ARGOSY__REASON__STORE_REFUSED;
}

static void tell_wait(const struct call *call, const struct service_opening *opening,
                      struct status st)
{
    log_warn(call->trace,
             is_refusal(st) ? "the store refuses this program, trying again"
                            : "the store is not there yet, trying again",
             LOG_STR("service", opening->module->name), LOG_STR("store", opening->url),
             LOG_STR("error", st.message ? st.message : ""));
}

/* Half of the doubled pause to all of it. */
static int64_t next_pause_us(int failures)
{
    int64_t pause_ms = PAUSE_MIN_MS;

    for (int i = 1; i < failures && pause_ms < PAUSE_MAX_MS; i++) pause_ms *= 2;
    if (pause_ms > PAUSE_MAX_MS) pause_ms = PAUSE_MAX_MS;
    return pause_ms * US_PER_MS / 2 + (int64_t)random_below((uint64_t)pause_ms * US_PER_MS / 2);
}

/* The last attempt that was not cut short. */
struct attempt {
    char reason[REASON_SIZE]; /* "": none */
    bool refused;
};

static void note(struct attempt *last, const struct call *waiting, struct status st)
{
    if (!st.message || (last->reason[0] && failed(call_check(waiting)))) return;
    snprintf(last->reason, sizeof(last->reason), "%s", st.message);
    last->refused = is_refusal(st);
}

static struct status give_up(const struct call *call, const struct service_opening *opening,
                             const struct attempt *last)
{
    if (last->refused)
        return status_printf(call->arena, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_REFUSED,
                             "the %s service's store %s (%s) cannot be used: %s",
                             opening->module->name, opening->url, opening->setting, last->reason);
    return status_printf(call->arena, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE,
                         "the %s service's store %s was not there for %lld s: %s; start it, or "
                         "change %s or STORE_START_TIMEOUT",
                         opening->module->name, opening->url, (long long)opening->timeout_ms / 1000,
                         last->reason, opening->setting);
}

static struct status try_in(struct call *call, struct call *waiting, struct arena *trial,
                            struct service_opening *opening)
{
    struct attempt last = {0};

    for (int failures = 1;; failures++) {
        arena_reset(trial);
        struct status st = opening->module->open(waiting, opening->service);
        if (!is_passing(st)) return st;
        note(&last, waiting, st);
        if (failed(call_check(call))) return call_check(call);
        if (failed(call_check(waiting)) || (last.refused && opening->refusal_ends))
            return give_up(call, opening, &last);
        tell_wait(call, opening, st);
        struct status slept = fiber_sleep(waiting, next_pause_us(failures));
        if (failed(call_check(call))) return call_check(call);
        if (failed(slept)) return give_up(call, opening, &last);
    }
}

/* What a trial allocates is freed before the next, since there may be many. */
static struct status try_until_open(struct call *call, struct service_opening *opening)
{
    struct call waiting;
    struct arena trial;

    arena_init(&trial, 0);
    call_init_child(&waiting, call, opening->timeout_ms);
    waiting.arena = &trial;
    struct status st = status_dup(call->arena, try_in(call, &waiting, &trial, opening));
    arena_release(&trial);
    return st;
}

static void open_one(struct call *call, void *data)
{
    struct service_opening *opening = data;
    int64_t begun_us = clock_monotonic_us();

    opening->status = try_until_open(call, opening);
    if (failed(opening->status)) return;
    atomic_store(&opening->open, true);
    log_info(call->trace, "the store is open", LOG_STR("service", opening->module->name),
             LOG_STR("store", opening->url), LOG_INT("waited_us", clock_monotonic_us() - begun_us));
}

struct status service_openings_run(struct call *call, struct service_openings *openings,
                                   int64_t timeout_ms)
{
    struct fiber_group group = {0};
    struct status st = status_ok();
    size_t started = 0;

    while (started < openings->count && !failed(st)) {
        openings->openings[started].timeout_ms = timeout_ms;
        openings->openings[started].refusal_ends = openings->refusal_ends;
        st = fiber_group_start(call, &group, open_one, &openings->openings[started]);
        if (!failed(st)) started++;
    }
    fiber_group_wait(call, &group);
    for (size_t i = 0; i < started && !failed(st); i++) st = openings->openings[i].status;
    return st;
}

struct status service_openings_check(struct arena *arena, const struct service_openings *openings)
{
    const char *missing = 0;

    for (size_t i = 0; i < openings->count; i++) {
        const struct service_opening *opening = &openings->openings[i];
        if (atomic_load(&opening->open)) continue;
        missing = arena_printf(arena, "%s%s%s (%s)", missing ? missing : "", missing ? ", " : "",
                               opening->module->name, opening->url);
    }
    if (!missing) return status_ok();
    return status_printf(arena, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE,
                         "stores that are not there yet: %s", missing);
}
