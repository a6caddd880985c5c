/* SPDX-License-Identifier: Apache-2.0 */
/* One call of a person to a service. It has an arena of its own, because the fiber of a person runs
 * for long. */
#include <string.h>

#include "tests/sim/sim.h"

void sim_call_begin(struct sim_call *ret_call, struct call *parent, const char *email,
                    const char *role, const char *key)
{
    struct sim_call *call = ret_call;

    memset(call, 0, sizeof(*call));
    arena_init(&call->arena, 0);
    call_init_child(&call->call, parent, 0);
    call->call.arena = &call->arena;
    call->user = (struct user){.email = email, .role = role, .device_id = "phone"};
    rpc_scope_new(&call->call, &call->user, NULL, "192.0.2.1");
    if (!key) return;
    struct status st = http_headers_add(&call->arena, &call->metadata, STR("idempotency-key"),
                                        str_of(key));
    invariant(!failed(st));
    call->options.metadata = &call->metadata;
}

void sim_call_as_operator(struct sim_call *ret_call, struct call *parent)
{
    sim_call_begin(ret_call, parent, "operator@localhost", "superAdmin", NULL);
}

/* Without disk faults and crashes a shop must never answer INTERNAL. */
static enum sim_answer meaning(struct sim *sim, const char *what, struct status st)
{
    switch (st.code) {
    case STATUS_OK: return SIM_YES;
    case STATUS_UNAVAILABLE:
        /* The payment service has made sure that nothing was charged. */
        return st.reason == ARGOSY__REASON__PAYMENT_PROVIDER_DOWN ? SIM_NO : SIM_UNKNOWN;
    case STATUS_DEADLINE_EXCEEDED:
    case STATUS_CANCELLED:
    case STATUS_ABORTED:
    case STATUS_RESOURCE_EXHAUSTED: return SIM_UNKNOWN;
    case STATUS_INTERNAL:
    case STATUS_UNKNOWN:
    case STATUS_DATA_LOSS:
    case STATUS_UNIMPLEMENTED:
        if (!sim->plan.disk_fails)
            sim_fail(sim, "%s answers %s: %s", what, status_code_name(st.code),
                     st.message ? st.message : "");
        return SIM_UNKNOWN;
    default: return SIM_NO;
    }
}

enum sim_answer sim_call_end(struct sim *sim, struct sim_call *call, const char *what,
                             struct status st)
{
    enum sim_answer answer = SIM_UNKNOWN;

    sim_note(sim, "%s %s: %s %d %s", call->user.email, what, status_code_name(st.code), st.reason,
             failed(st) && st.message ? st.message : "");
    if (!sim->crashed && !call_is_cancelled(&call->call)) answer = meaning(sim, what, st);
    if (answer != SIM_UNKNOWN) sim->acknowledged++;
    arena_release(&call->arena);
    return answer;
}

bool sim_call_must(struct sim *sim, struct sim_call *call, const char *what, struct status st)
{
    if (failed(st) && !sim->crashed)
        sim_fail(sim, "%s fails while nothing goes wrong: %s: %s", what, status_code_name(st.code),
                 st.message ? st.message : "");
    arena_release(&call->arena);
    return !failed(st);
}
