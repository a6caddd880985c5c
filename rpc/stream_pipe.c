/* SPDX-License-Identifier: Apache-2.0 */
/* Streaming calls in process: the callee runs on its own fiber, and encoded messages pass through
 * two bounded queues.
 *
 *     caller's stream ──► to_callee ──► callee's stream
 *                    ◄── to_caller ◄──
 *
 * Caller and callee share the pipe and the last one to leave frees it, so neither waits for the
 * other to end: a caller that finishes early cancels the callee and continues. Nothing in the pipe
 * belongs to the arena of either. The caller's budget pays for the messages in the pipe until the
 * caller leaves; the budget may end with it, so then nobody does. */
#include "rpc/channel_kind.h"

#include "base/budget.h"
#include "fiber/fiber.h"
#include "rpc/interceptors.h"
#include "rpc/rpc_arena.h"
#include "rpc/rpc_frame.h"
#include "rpc/rpc_stream.h"

/* A queue accepts messages while it holds fewer bytes than this. */
enum { QUEUE_SIZE_MAX = 64 * 1024 };

struct message {
    struct message *next;
    size_t size;
    char data[];
};

struct queue {
    struct message *first, *last;
    struct message *taken; /* the message that the receiver is reading */
    size_t size;           /* bytes waiting */
    bool ended;            /* no more messages will come */
    struct fiber_wait readable, writable;
};

struct pipe;

struct pipe_end {
    struct rpc_stream stream; /* first */
    struct pipe *pipe;
    struct queue *in, *out;
};

struct pipe {
    struct shard *shard;
    struct rpc_server *server;
    struct rpc_route *route;
    struct pipe_end caller, callee;
    struct queue to_callee, to_caller;
    struct arena arena; /* holds the copied metadata and the final status */
    struct rpc_scope scope;
    struct http_headers metadata[2]; /* copies of the caller's */
    struct call *serving;            /* the callee's call while it runs */
    bool head_ready, done;
    struct http_headers reply_metadata, reply_trailers;
    struct status status; /* once done */
    struct fiber_wait head_wait;
    struct rpc_options
        options; /* the caller's, for ret_*; its pointers are valid until the caller has left */
    struct budget *budget;     /* of the caller's arena; NULL: none, or the caller has left */
    size_t size, charged;      /* bytes of the messages in both queues */
    struct pipe **caller_hold; /* in the caller's arena; NULL there once the caller has left */
    int holders;
};

/* ---- queues ---- */

static void queue_end(struct pipe *pipe, struct queue *queue)
{
    queue->ended = true;
    fiber_wake(pipe->shard, &queue->readable);
    fiber_wake(pipe->shard, &queue->writable);
}

static struct message *message_new(struct pipe *pipe, struct str data)
{
    struct message *message = malloc(sizeof(*message) + data.length);

    invariant(message != NULL);
    message->next = NULL;
    message->size = data.length;
    if (data.length > 0) memcpy(message->data, data.data, data.length);
    pipe->size += sizeof(*message) + data.length;
    budget_set(pipe->budget, &pipe->charged, pipe->size);
    return message;
}

/* `message` may be NULL. */
static void message_free(struct pipe *pipe, struct message *message)
{
    if (!message) return;
    pipe->size -= sizeof(*message) + message->size;
    budget_set(pipe->budget, &pipe->charged, pipe->size);
    free(message);
}

static struct status queue_put(struct call *call, struct pipe *pipe, struct queue *queue,
                               struct str data)
{
    struct message *message;
    struct status st;

    while (queue->size > 0 && queue->size + data.length > QUEUE_SIZE_MAX && !queue->ended) {
        st = fiber_suspend(call, &queue->writable);
        if (failed(st)) return st;
    }
    if (queue->ended) return status_ok();
    message = message_new(pipe, data);
    if (queue->last)
        queue->last->next = message;
    else
        queue->first = message;
    queue->last = message;
    queue->size += data.length;
    fiber_wake(pipe->shard, &queue->readable);
    return status_ok();
}

static struct status queue_take(struct call *call, struct pipe *pipe, struct queue *queue,
                                struct str *ret_data)
{
    struct message *message;
    struct status st;

    message_free(pipe, queue->taken);
    queue->taken = NULL;
    while (!queue->first && !queue->ended) {
        st = fiber_suspend(call, &queue->readable);
        if (failed(st)) return st;
    }
    *ret_data = (struct str){0};
    message = queue->first;
    if (!message) return status_ok();
    queue->first = message->next;
    if (!queue->first) queue->last = NULL;
    queue->size -= message->size;
    queue->taken = message;
    fiber_wake(pipe->shard, &queue->writable);
    *ret_data = str_sized(message->data, message->size);
    return status_ok();
}

static void queue_release(struct pipe *pipe, struct queue *queue)
{
    message_free(pipe, queue->taken);
    while (queue->first) {
        struct message *next = queue->first->next;
        message_free(pipe, queue->first);
        queue->first = next;
    }
}

static void leave(struct pipe *pipe)
{
    if (--pipe->holders > 0) return;
    queue_release(pipe, &pipe->to_callee);
    queue_release(pipe, &pipe->to_caller);
    rpc_stream_release(&pipe->caller.stream);
    rpc_stream_release(&pipe->callee.stream);
    arena_release(&pipe->arena);
    free(pipe);
}

/* ---- both ends ---- */

static struct status end_receive(struct call *call, struct rpc_stream *stream,
                                 struct str *ret_message)
{
    struct pipe_end *end = (struct pipe_end *)stream;

    return queue_take(call, end->pipe, end->in, ret_message);
}

static struct status end_send(struct call *call, struct rpc_stream *stream, uint8_t *frame,
                              size_t size)
{
    struct pipe_end *end = (struct pipe_end *)stream;
    size_t size_max = end->pipe->server->options.message_size_max;
    struct status st = call_check(call);

    if (failed(st)) return st;
    if (size > size_max)
        return status_printf(call->arena, STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__BODY_TOO_LARGE,
                             "a message of %zu bytes is over the limit of %zu", size, size_max);
    return queue_put(call, end->pipe, end->out, str_sized(frame + RPC_FRAME_HEAD_SIZE, size));
}

/* ---- the callee ---- */

static void append_copies(struct arena *arena, struct http_headers *to,
                          const struct http_headers *from)
{
    for (size_t i = 0; from && i < from->count; i++) {
        const struct http_header *item = &from->items[i];
        struct str name = str_sized(str_dup(arena, item->name), item->name.length);
        struct str value = str_sized(str_dup(arena, item->value), item->value.length);
        struct status full = http_headers_add(arena, to, name, value);
        if (failed(full)) return;
    }
}

/* Publishes the response's initial metadata: before the first message, or at the end. */
static void publish_head(struct pipe *pipe, struct rpc_scope *scope)
{
    if (pipe->head_ready) return;
    scope->reply_begun = true;
    append_copies(&pipe->arena, &pipe->reply_metadata, &scope->reply_metadata);
    pipe->head_ready = true;
    fiber_wake(pipe->shard, &pipe->head_wait);
}

static struct status callee_send(struct call *call, struct rpc_stream *stream, uint8_t *frame,
                                 size_t size)
{
    struct pipe_end *end = (struct pipe_end *)stream;

    publish_head(end->pipe, &end->pipe->scope);
    return end_send(call, stream, frame, size);
}

static void callee_send_head(struct call *call, struct rpc_stream *stream)
{
    struct pipe *pipe = ((struct pipe_end *)stream)->pipe;

    publish_head(pipe, &pipe->scope);
}

static const struct rpc_stream_kind callee_kind = {
    .send = callee_send, .receive = end_receive, .send_head = callee_send_head};

/* The one message of a call whose caller does not stream. */
static struct status receive_only(struct call *call, struct pipe *pipe,
                                  ProtobufCMessage **ret_request)
{
    const struct rpc_route *route = pipe->route;
    ProtobufCMessage *request;
    struct str encoded;
    struct status st;

    st = rpc_receive_raw(call, &pipe->callee.stream, &encoded);
    if (failed(st)) return st;
    if (!encoded.data)
        return status_make(STATUS_UNIMPLEMENTED, 0, "exactly one message is expected here");
    st = rpc_unpack(call->arena, route->method->request, encoded, &request);
    if (failed(st)) return st;
    *ret_request = request;
    return status_ok();
}

static struct status run_handler(struct call *call, struct pipe *pipe)
{
    const struct rpc_method *method = pipe->route->method;
    ProtobufCMessage *request = NULL, *response = NULL;
    struct status st;

    st = call_check(call);
    if (failed(st)) return st;
    if (!method->client_streaming) {
        st = receive_only(call, pipe, &request);
        if (failed(st)) return st;
    }
    if (!method->server_streaming) response = rpc_message_new(call->arena, method->response);
    st = rpc_invoke(call, pipe->route, request, response, &pipe->callee.stream);
    if (failed(st) || !response) return st;
    return rpc_send(call, &pipe->callee.stream, response);
}

static void serve(struct call *call, void *data)
{
    struct pipe *pipe = data;
    struct rpc_run run;
    struct status st;

    pipe->serving = call;
    call->deadline_us = pipe->caller.stream.deadline_us;
    call->caller = rpc_scope_caller(&pipe->scope);
    rpc_run_begin(&run, call, pipe->route, &pipe->scope);
    rpc_run_limit(&run, 0, pipe->server->options.deadline_max_ms);
    st = rpc_run_end(&run, run_handler(call, pipe));

    pipe->serving = NULL;
    publish_head(pipe, &pipe->scope);
    append_copies(&pipe->arena, &pipe->reply_trailers, &pipe->scope.reply_trailers);
    pipe->status = status_dup(&pipe->arena, st);
    pipe->done = true;
    queue_end(pipe, &pipe->to_callee);
    queue_end(pipe, &pipe->to_caller);
    leave(pipe);
}

/* ---- the caller ---- */

static struct status caller_send_end(struct call *call, struct rpc_stream *stream)
{
    struct pipe *pipe = ((struct pipe_end *)stream)->pipe;

    queue_end(pipe, &pipe->to_callee);
    return status_ok();
}

static struct status caller_head(struct call *call, struct rpc_stream *stream,
                                 const struct http_headers **ret_metadata)
{
    struct pipe *pipe = ((struct pipe_end *)stream)->pipe;

    while (!pipe->head_ready) {
        struct status st = fiber_suspend(call, &pipe->head_wait);
        if (failed(st)) return st;
    }
    *ret_metadata = pipe->done && pipe->reply_metadata.count == 0 ? NULL : &pipe->reply_metadata;
    return status_ok();
}

static void caller_cancel(struct rpc_stream *stream)
{
    struct pipe *pipe = ((struct pipe_end *)stream)->pipe;

    if (pipe->serving) call_cancel(pipe->serving);
}

static void uncharge(struct pipe *pipe)
{
    rpc_stream_uncharge(&pipe->caller.stream);
    rpc_stream_uncharge(&pipe->callee.stream);
    budget_set(pipe->budget, &pipe->charged, 0);
    pipe->budget = NULL;
}

static void caller_leave(struct pipe *pipe)
{
    *pipe->caller_hold = NULL;
    uncharge(pipe);
    /* to_callee is not ended, because to the callee that would look like a complete stream. */
    caller_cancel(&pipe->caller.stream);
    leave(pipe);
}

/* The caller's arena ends; rpc_stream_finish may have been called or not. */
static void on_caller_end(void *data)
{
    struct pipe **hold = data;

    if (*hold) caller_leave(*hold);
}

/* A caller that sends several messages and gets one response may finish without reading to the
 * end. */
static struct status wait_for_end(struct call *call, struct pipe *pipe)
{
    struct str message = {0};
    struct status st = status_ok();

    if (pipe->route->method->server_streaming || !pipe->to_callee.ended) return st;
    do {
        st = queue_take(call, pipe, &pipe->to_caller, &message);
    } while (!failed(st) && message.data);
    return st;
}

static struct status caller_finish(struct call *call, struct rpc_stream *stream)
{
    struct pipe *pipe = ((struct pipe_end *)stream)->pipe;
    const struct rpc_options *options = &pipe->options;
    struct status st;

    st = stream->failure;
    if (!failed(st)) st = wait_for_end(call, pipe);
    if (!failed(st) && !pipe->done)
        st = status_make(STATUS_CANCELLED, 0, "the stream was finished before its end");
    if (pipe->done) {
        st = status_dup(call->arena, pipe->status);
        if (options->ret_metadata)
            append_copies(call->arena, options->ret_metadata, &pipe->reply_metadata);
        if (options->ret_trailers)
            append_copies(call->arena, options->ret_trailers, &pipe->reply_trailers);
    }
    caller_leave(pipe);
    return st;
}

static const struct rpc_stream_kind caller_kind = {
    .send = end_send,
    .receive = end_receive,
    .send_end = caller_send_end,
    .head = caller_head,
    .finish = caller_finish,
    .cancel = caller_cancel,
};

/* Copies the caller's identity, because the callee may outlive its caller by a moment. */
static void copy_scope(struct pipe *pipe, const struct rpc_scope *caller)
{
    struct rpc_scope *scope = &pipe->scope;

    rpc_scope_inherit(scope, caller, NULL);
    scope->user.email = arena_strdup(&pipe->arena, scope->user.email);
    scope->user.role = arena_strdup(&pipe->arena, scope->user.role);
    scope->user.device_id = arena_strdup(&pipe->arena, scope->user.device_id);
    scope->client_ip = arena_strdup(&pipe->arena, scope->client_ip);
    append_copies(&pipe->arena, &pipe->metadata[1], scope->metadata[1]);
    scope->metadata[0] = &pipe->metadata[0];
    scope->metadata[1] = &pipe->metadata[1];
}

static struct pipe *pipe_new(struct call *call, struct rpc_server *server, struct rpc_route *route,
                             const ProtobufCMessageDescriptor *receives)
{
    struct pipe *pipe = calloc(1, sizeof(*pipe));

    invariant(pipe != NULL);
    pipe->shard = call->shard;
    pipe->server = server;
    pipe->route = route;
    pipe->holders = 2;
    pipe->budget = call->arena->budget;
    arena_init(&pipe->arena, 0);
    rpc_stream_init(&pipe->caller.stream, &caller_kind, receives, pipe->budget);
    rpc_stream_init(&pipe->callee.stream, &callee_kind, route->method->request, pipe->budget);
    pipe->callee.stream.rules = route->request;
    pipe->caller.pipe = pipe->callee.pipe = pipe;
    pipe->caller.out = pipe->callee.in = &pipe->to_callee;
    pipe->caller.in = pipe->callee.out = &pipe->to_caller;
    copy_scope(pipe, call->scope);
    return pipe;
}

static struct status start(struct call *call, struct pipe *pipe, const struct rpc_options *options)
{
    struct http_headers checked = {0};
    struct call limited;
    struct status st;

    call_init_child(&limited, call, options ? options->timeout_ms : 0);
    pipe->caller.stream.deadline_us = limited.deadline_us;
    if (options) {
        pipe->options = *options;
        st = rpc_metadata_append(call->arena, &checked, options->metadata);
        if (failed(st)) return st;
        append_copies(&pipe->arena, &pipe->metadata[0], &checked);
    }
    return fiber_start(call->shard, call->trace, serve, pipe);
}

struct status rpc_pipe_open(struct call *call, struct rpc_channel *channel, struct str path,
                            const ProtobufCMessageDescriptor *receives,
                            const struct rpc_options *options, struct rpc_stream **ret_stream)
{
    struct rpc_route *route;
    struct pipe *pipe;
    struct status st;

    st = rpc_local_route(call, channel, path, &route);
    if (failed(st)) return st;
    pipe = pipe_new(call, channel->server, route, receives);
    st = start(call, pipe, options);
    if (failed(st)) {
        pipe->holders = 1; /* there is no callee */
        leave(pipe);
        return st;
    }
    pipe->caller_hold = arena_new(call->arena, struct pipe *);
    *pipe->caller_hold = pipe;
    arena_defer(call->arena, on_caller_end, pipe->caller_hold);
    *ret_stream = &pipe->caller.stream;
    return status_ok();
}
