/* SPDX-License-Identifier: Apache-2.0 */
/* Calls over the network: unary ones with retries, and streams. */
#include "rpc/channel_kind.h"

#include "base/random.h"
#include "fiber/fiber.h"
#include "http/http_client.h"
#include "reasons.pb-c.h"
#include "rpc/client_call.h"
#include "rpc/rpc_stream.h"

/* Retries wait 50 ms, then 100 ms, each with a jitter of a fifth. */
enum { TRIES_MAX = 3, BACKOFF_FIRST_US = 50 * 1000, BACKOFF_JITTER_DIVISOR = 5, HTTP2_CANCEL = 8 };

/* ---- unary ---- */

/* Sends the request and reads the whole response. */
static struct status exchange_messages(struct call *call, struct client_call *client,
                                       struct str frame, const struct rpc_options *options,
                                       struct str *ret_response)
{
    struct str body = {0};
    struct status st;

    st = http_write(call, client->exchange, frame);
    if (failed(st) && failed(call_check(call))) return st;
    /* A server may answer before it has read all of the request; its answer says more than a failed
     * write. */
    http_finish(call, client->exchange, NULL);
    st = client_call_read_head(call, client);
    if (failed(st)) return st;
    if (!client->trailers_only) {
        st = http_read_body(call, client->exchange,
                            RPC_FRAME_HEAD_SIZE + client->body.deframer.size_max, &body);
        if (failed(st)) return st;
    }
    st = client_call_status(call, client, options);
    if (failed(st)) return st;
    return rpc_deframe_only(call->arena, &client->body.deframer, body, ret_response);
}

/* One attempt. `ret_untouched`: no response was received, or only that the server is
 * unavailable. */
static struct status attempt(struct call *call, struct rpc_channel *channel,
                             const struct rpc_target *target, struct str frame,
                             const struct rpc_options *options, struct str *ret_response,
                             bool *ret_untouched)
{
    struct client_call client;
    struct status st;

    *ret_untouched = true;
    st = client_call_open(call, channel, target, options, &client);
    if (failed(st)) return st;
    st = exchange_messages(call, &client, frame, options, ret_response);
    *ret_untouched = !client.metadata || client.trailers_only;
    client_call_close(&client);
    return st;
}

/* A service whose store is away answers so at once, and looks for it by itself: repeating the call
 * would only delay the answer. */
static bool may_repeat(struct status st)
{
    return st.code == STATUS_UNAVAILABLE && st.reason != ARGOSY__REASON__STORE_UNREACHABLE &&
           st.reason != ARGOSY__REASON__STORE_REFUSED &&
           st.reason != ARGOSY__REASON__STORE_OUTCOME_UNKNOWN;
}

static int64_t backoff_us(int tries)
{
    int64_t base_us = (int64_t)BACKOFF_FIRST_US << (tries - 1);
    int64_t jitter_us = base_us / BACKOFF_JITTER_DIVISOR;

    return base_us - jitter_us + (int64_t)random_below((uint64_t)(2 * jitter_us));
}

struct status rpc_network_call(struct call *call, struct rpc_channel *channel,
                               const struct rpc_target *target, struct str frame,
                               const struct rpc_options *options, struct str *ret_response)
{
    int64_t timeout_ms = options ? options->timeout_ms : 0;
    struct call limited;
    bool untouched;
    struct status st;

    if (timeout_ms == 0 && call->deadline_us == CALL_NO_DEADLINE)
        timeout_ms = RPC_CLIENT_TIMEOUT_MS;
    call_init_child(&limited, call, timeout_ms);
    for (int tries = 1;; tries++) {
        int64_t wait_us = backoff_us(tries);

        st = attempt(&limited, channel, target, frame, options, ret_response, &untouched);
        st = client_call_failure(&limited, st);
        if (!may_repeat(st) || !target->idempotent || !untouched) return st;
        if (tries == TRIES_MAX || call_remaining_us(&limited) <= wait_us) return st;
        if (failed(fiber_sleep(&limited, wait_us))) return st;
    }
}

/* ---- streams ---- */

struct client_stream {
    struct rpc_stream base; /* first; in the call's arena */
    struct client_call client;
    struct rpc_options options;
    bool server_streaming;
    bool send_failed, send_ended, cancelled;
};

static struct status cancelled(void)
{
    return status_make(STATUS_CANCELLED, 0, "the stream was cancelled");
}

static struct status client_send(struct call *call, struct rpc_stream *base, uint8_t *frame,
                                 size_t size)
{
    struct client_stream *stream = (struct client_stream *)base;
    struct status st;

    if (stream->cancelled || !stream->client.exchange) return cancelled();
    st = http_write(call, stream->client.exchange,
                    rpc_frame(&base->sending, frame, size, base->gzip));
    stream->send_failed |= failed(st);
    return client_call_failure(call, st);
}

static struct status client_receive(struct call *call, struct rpc_stream *base,
                                    struct str *ret_message)
{
    struct client_stream *stream = (struct client_stream *)base;
    struct client_call *client = &stream->client;
    struct status st;

    if (stream->cancelled || !client->exchange) return cancelled();
    st = client_call_read_head(call, client);
    if (failed(st)) return client_call_failure(call, st);
    if (!client->trailers_only) {
        st = rpc_body_receive(call, &base->received, &client->body, ret_message);
        base->received_gzip = client->body.deframer.compressed;
        return client_call_failure(call, st);
    }
    client->body.at_end = true;
    *ret_message = (struct str){0};
    return status_ok();
}

static struct status client_send_end(struct call *call, struct rpc_stream *base)
{
    struct client_stream *stream = (struct client_stream *)base;

    if (stream->cancelled || !stream->client.exchange) return cancelled();
    http_finish(call, stream->client.exchange, NULL);
    stream->send_ended = true;
    return status_ok();
}

static struct status client_head(struct call *call, struct rpc_stream *base,
                                 const struct http_headers **ret_metadata)
{
    struct client_stream *stream = (struct client_stream *)base;
    struct status st;

    if (stream->cancelled || !stream->client.exchange) return cancelled();
    st = client_call_read_head(call, &stream->client);
    if (failed(st)) return client_call_failure(call, st);
    *ret_metadata = stream->client.trailers_only ? NULL : stream->client.metadata;
    return status_ok();
}

static void client_cancel(struct rpc_stream *base)
{
    struct client_stream *stream = (struct client_stream *)base;

    if (stream->cancelled || !stream->client.exchange) return;
    stream->cancelled = true;
    http_abort(stream->client.exchange, HTTP2_CANCEL);
}

/* Reads the rest of the response if only its end can be missing: after the one message of a
 * response that does not stream, and when the server stopped reading because it had already
 * answered. */
static struct status read_to_end(struct call *call, struct client_stream *stream)
{
    bool expected = stream->send_failed || (stream->send_ended && !stream->server_streaming);
    struct str message = {"", 0};
    struct status st = status_ok();

    while (expected && !failed(st) && message.data && !stream->client.body.at_end) {
        arena_reset(&stream->base.received);
        st = client_receive(call, &stream->base, &message);
    }
    return st;
}

static struct status client_finish(struct call *call, struct rpc_stream *base)
{
    struct client_stream *stream = (struct client_stream *)base;
    struct status st = base->failure;

    if (!stream->client.exchange) return failed(st) ? st : cancelled();
    if (stream->cancelled) st = cancelled();
    if (!failed(st) || (stream->send_failed && !stream->cancelled)) {
        struct status end = read_to_end(call, stream);
        if (failed(end) && !failed(st)) st = end;
        if (stream->client.body.at_end)
            st = client_call_status(call, &stream->client, &stream->options);
        else if (!failed(st))
            st = status_make(STATUS_CANCELLED, 0, "the stream was finished before its end");
    }
    st = status_dup(call->arena, st);
    client_call_close(&stream->client);
    rpc_stream_uncharge(base);
    return st;
}

static const struct rpc_stream_kind client_kind = {
    .send = client_send,
    .receive = client_receive,
    .send_end = client_send_end,
    .head = client_head,
    .finish = client_finish,
    .cancel = client_cancel,
};

/* The caller's arena ends; rpc_stream_finish may have been called or not. */
static void on_caller_end(void *data)
{
    struct client_stream *stream = data;

    client_call_close(&stream->client);
    rpc_stream_release(&stream->base);
}

struct status rpc_network_open(struct call *call, struct rpc_channel *channel,
                               const struct rpc_target *target, const struct rpc_options *options,
                               struct rpc_stream **ret_stream)
{
    struct client_stream *stream = arena_new(call->arena, struct client_stream);
    struct call limited;
    struct status st;

    rpc_stream_init(&stream->base, &client_kind, target->response, call->arena->budget);
    if (options) stream->options = *options;
    stream->base.gzip = stream->options.gzip;
    stream->server_streaming = target->server_streaming;
    call_init_child(&limited, call, stream->options.timeout_ms);
    stream->base.deadline_us = limited.deadline_us;
    st = client_call_open(&limited, channel, target, options, &stream->client);
    if (failed(st)) return st;
    arena_defer(call->arena, on_caller_end, stream);
    *ret_stream = &stream->base;
    return status_ok();
}
