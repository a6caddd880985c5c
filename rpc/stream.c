/* SPDX-License-Identifier: Apache-2.0 */
/* Sending and receiving on any kind of stream. */
#include "rpc/rpc_stream.h"

#include "rpc/rpc_arena.h"
#include "rpc/rpc_encode.h"
#include "rpc/rpc_frame.h"

void rpc_stream_init(struct rpc_stream *stream, const struct rpc_stream_kind *kind,
                     const ProtobufCMessageDescriptor *receives, struct budget *budget)
{
    *stream = (struct rpc_stream){.kind = kind, .receives = receives, .budget = budget};
    arena_init(&stream->received, 0);
    arena_init(&stream->sending, 0);
}

void rpc_stream_uncharge(struct rpc_stream *stream)
{
    stream->budget = NULL;
    arena_set_budget(&stream->received, NULL);
    arena_set_budget(&stream->sending, NULL);
}

/* Empties one of the stream's arenas for the next message. */
static void renew(const struct rpc_stream *stream, struct arena *arena)
{
    arena_reset(arena);
    arena_set_budget(arena, stream->budget);
}

void rpc_stream_release(struct rpc_stream *stream)
{
    arena_release(&stream->received);
    arena_release(&stream->sending);
}

/* Remembers the first failure, which is also the stream's final status. Its text is copied, because
 * it must outlive the message that caused it. */
static struct status note(const struct call *call, struct rpc_stream *stream, struct status st)
{
    if (!failed(st)) return st;
    st = status_dup(call->arena, st);
    if (!failed(stream->failure)) stream->failure = st;
    return st;
}

/* A child call for one step of the stream, which also has the stream's deadline. */
static void step_init(struct call *step, struct call *call, const struct rpc_stream *stream)
{
    call_init_child(step, call, 0);
    if (stream->deadline_us == CALL_NO_DEADLINE) return;
    if (step->deadline_us == CALL_NO_DEADLINE || stream->deadline_us < step->deadline_us)
        step->deadline_us = stream->deadline_us;
}

struct status rpc_send(struct call *call, struct rpc_stream *stream,
                       const ProtobufCMessage *message)
{
    struct str encoded;
    struct call step;
    uint8_t *frame;

    step_init(&step, call, stream);
    renew(stream, &stream->sending);
    encoded = rpc_encode(&stream->sending, message, RPC_FRAME_HEAD_SIZE);
    frame = (uint8_t *)(uintptr_t)encoded.data - RPC_FRAME_HEAD_SIZE;
    return note(call, stream, stream->kind->send(&step, stream, frame, encoded.length));
}

struct status rpc_send_head(struct call *call, struct rpc_stream *stream)
{
    struct call step;

    invariant(stream->kind->send_head != NULL);
    step_init(&step, call, stream);
    stream->kind->send_head(&step, stream);
    return call_check(&step);
}

struct status rpc_send_raw(struct call *call, struct rpc_stream *stream, struct str message)
{
    struct call step;
    uint8_t *frame;

    step_init(&step, call, stream);
    renew(stream, &stream->sending);
    frame = arena_alloc(&stream->sending, RPC_FRAME_HEAD_SIZE + message.length);
    if (message.length > 0) memcpy(frame + RPC_FRAME_HEAD_SIZE, message.data, message.length);
    return note(call, stream, stream->kind->send(&step, stream, frame, message.length));
}

static struct status receive(struct call *call, struct rpc_stream *stream, struct str *ret_message)
{
    struct call step;
    struct status st;

    step_init(&step, call, stream);
    renew(stream, &stream->received);
    st = stream->kind->receive(&step, stream, ret_message);
    if (failed(st) || !ret_message->data || !stream->rules) return st;
    return schema_validate(&stream->received, stream->rules, *ret_message);
}

struct status rpc_receive_raw(struct call *call, struct rpc_stream *stream, struct str *ret_message)
{
    struct str message = {0};
    struct status st;

    st = receive(call, stream, &message);
    if (failed(st)) return note(call, stream, st);
    *ret_message = message;
    return status_ok();
}

struct status rpc_receive(struct call *call, struct rpc_stream *stream,
                          ProtobufCMessage **ret_message)
{
    ProtobufCMessage *message = NULL;
    struct str encoded = {0};
    struct status st;

    invariant(stream->receives != NULL);
    st = receive(call, stream, &encoded);
    if (!failed(st) && encoded.data)
        st = rpc_unpack(&stream->received, stream->receives, encoded, &message);
    if (failed(st)) return note(call, stream, st);
    *ret_message = message;
    return status_ok();
}

struct status rpc_send_end(struct call *call, struct rpc_stream *stream)
{
    struct call step;

    if (!stream->kind->send_end) return status_ok();
    step_init(&step, call, stream);
    return stream->kind->send_end(&step, stream);
}

struct status rpc_stream_head(struct call *call, struct rpc_stream *stream,
                              const struct http_headers **ret_metadata)
{
    struct call step;

    invariant(stream->kind->head != NULL);
    step_init(&step, call, stream);
    return note(call, stream, stream->kind->head(&step, stream, ret_metadata));
}

struct status rpc_stream_finish(struct call *call, struct rpc_stream *stream)
{
    struct call step;

    invariant(stream->kind->finish != NULL);
    step_init(&step, call, stream);
    return stream->kind->finish(&step, stream);
}

bool rpc_received_gzip(const struct rpc_stream *stream)
{
    return stream->received_gzip;
}

void rpc_stream_gzip(struct rpc_stream *stream, bool gzip)
{
    stream->gzip = gzip;
}

void rpc_stream_cancel(struct rpc_stream *stream)
{
    if (stream->kind->cancel) stream->kind->cancel(stream);
}
