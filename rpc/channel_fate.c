/* SPDX-License-Identifier: Apache-2.0 */
/* In-process calls in a simulation: like a network, it delays and loses calls and responses. */
#include "base/clock.h"
#include "fiber/fiber.h"
#include "rpc/channel_kind.h"

void rpc_channel_set_fate(struct rpc_channel *channel, rpc_fate_fn *fate, void *data)
{
    channel->fate = fate;
    channel->fate_data = data;
}

static struct status lost(const struct call *call, struct str path, const char *what)
{
    return status_printf(call->arena, STATUS_UNAVAILABLE, ARGOSY__REASON__SERVICE_UNREACHABLE,
                         "the %s of %.*s was lost", what, STR_ARGS(path));
}

static struct status spend(struct call *call, int64_t duration_us)
{
    return duration_us > 0 ? fiber_sleep(call, duration_us) : status_ok();
}

struct status rpc_fated_call(struct call *call, struct rpc_channel *channel, struct str path,
                             const ProtobufCMessage *request, const struct rpc_options *options,
                             ProtobufCMessage **ret_response)
{
    struct rpc_fate fate = channel->fate(call, path, channel->fate_data);
    struct call way;
    struct status st;

    call_init_child(&way, call, options ? options->timeout_ms : 0);
    st = spend(&way, fate.delay_us);
    if (failed(st)) return st;
    if (fate.lost) return lost(call, path, "request");

    struct status answer = rpc_local_call(&way, channel, path, request, options, ret_response);
    st = spend(&way, fate.answer_delay_us);
    if (failed(st)) return st;
    return fate.answer_lost ? lost(call, path, "answer") : answer;
}
