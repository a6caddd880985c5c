/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of dead letters that are the same in all stores. */
#include "events/dead_letters.h"

#include "base/clock.h"
#include "reasons.pb-c.h"
#include "rpc/rpc_status.h"

static const char *const state_names[DEAD_LETTER_STATE_COUNT] = {"dead", "replay", "replayed"};

const char *dead_letter_state_name(int64_t state)
{
    return state >= 0 && state < DEAD_LETTER_STATE_COUNT ? state_names[state] : "";
}

struct dead_letter_failure dead_letter_failure_of(struct status why)
{
    return (struct dead_letter_failure){
        .code = status_code_name(why.code),
        .reason = rpc_reason_name(why.reason),
        .message = why.message ? why.message : "",
        .died_us = clock_now_us(),
    };
}

struct status dead_letters_marked(const struct call *call, const char *group, int64_t letter_id,
                                  int64_t count, int64_t *ret_count)
{
    if (count > 0) {
        *ret_count = count;
        return status_ok();
    }
    if (letter_id)
        return status_printf(
            call->arena, STATUS_NOT_FOUND, ARGOSY__REASON__DEAD_LETTER_NOT_FOUND,
            "the group %s has no dead letter %lld; list them with `argosy dlq list`", group,
            (long long)letter_id);
    return status_printf(call->arena, STATUS_NOT_FOUND, ARGOSY__REASON__DEAD_LETTER_NOT_FOUND,
                         "the group %s has no dead letters", group);
}
