/* SPDX-License-Identifier: Apache-2.0 */
/* Splits a gRPC body into messages, and frames messages. */
#include "rpc/rpc_frame.h"

#include "reasons.pb-c.h"
#include "rpc/rpc_encode.h"
#include "rpc/rpc_gzip.h"

static void write_head(uint8_t *head, size_t size, bool compressed)
{
    head[0] = compressed;
    head[1] = (uint8_t)(size >> 24);
    head[2] = (uint8_t)(size >> 16);
    head[3] = (uint8_t)(size >> 8);
    head[4] = (uint8_t)size;
}

struct str rpc_frame(struct arena *arena, uint8_t *frame, size_t size, bool gzip)
{
    struct str message = str_sized(frame + RPC_FRAME_HEAD_SIZE, size);

    invariant(size <= UINT32_MAX);
    if (!gzip) {
        write_head(frame, size, false);
        return str_sized(frame, RPC_FRAME_HEAD_SIZE + size);
    }
    return rpc_frame_compressed(rpc_gzip(arena, message, RPC_FRAME_HEAD_SIZE));
}

struct str rpc_frame_compressed(struct str compressed)
{
    write_head((uint8_t *)(uintptr_t)compressed.data, compressed.length - RPC_FRAME_HEAD_SIZE,
               true);
    return compressed;
}

struct str rpc_frame_message(struct arena *arena, const ProtobufCMessage *message, bool gzip)
{
    struct str encoded = rpc_encode(arena, message, RPC_FRAME_HEAD_SIZE);
    uint8_t *frame = (uint8_t *)(uintptr_t)encoded.data - RPC_FRAME_HEAD_SIZE;

    return rpc_frame(arena, frame, encoded.length, gzip);
}

static size_t frame_size(const struct rpc_deframer *deframer)
{
    const uint8_t *head = deframer->head;

    return (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
}

/* Moves up to `wanted` bytes from the piece. */
static size_t take(struct str *piece, void *to, size_t wanted)
{
    size_t size = piece->length < wanted ? piece->length : wanted;

    if (size == 0) return 0;
    memcpy(to, piece->data, size);
    piece->data += size;
    piece->length -= size;
    return size;
}

/* The head is complete: is such a message allowed? */
static struct status check_head(struct arena *arena, const struct rpc_deframer *deframer)
{
    size_t size = frame_size(deframer);

    if (deframer->head[0] > 1)
        return status_make(STATUS_INTERNAL, 0, "a gRPC frame has an unknown flag");
    if (deframer->head[0] == 1 && !deframer->gzip)
        return status_make(
            STATUS_INTERNAL, 0,
            "a message is marked as compressed, but there is no grpc-encoding header");
    if (size > deframer->size_max)
        return status_printf(arena, STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__BODY_TOO_LARGE,
                             "a message of %zu bytes is over the limit of %zu", size,
                             deframer->size_max);
    return status_ok();
}

static struct status finish_message(struct arena *arena, struct rpc_deframer *deframer,
                                    struct str raw, struct str *ret_message)
{
    deframer->compressed = deframer->head[0] == 1;

    deframer->head_length = 0;
    deframer->body = NULL;
    deframer->body_length = 0;
    if (deframer->compressed && raw.length > 0)
        return rpc_gunzip(arena, raw, deframer->size_max, ret_message);
    *ret_message = raw.length > 0 ? raw : STR("");
    return status_ok();
}

struct status rpc_deframe(struct arena *arena, struct rpc_deframer *deframer, struct str *piece,
                          struct str *ret_message)
{
    size_t size;

    *ret_message = (struct str){0};
    if (deframer->head_length < RPC_FRAME_HEAD_SIZE) {
        deframer->head_length += take(piece, deframer->head + deframer->head_length,
                                      RPC_FRAME_HEAD_SIZE - deframer->head_length);
        if (deframer->head_length < RPC_FRAME_HEAD_SIZE) return status_ok();
        struct status st = check_head(arena, deframer);
        if (failed(st)) return st;
    }

    size = frame_size(deframer);
    if (!deframer->body && piece->length >= size) {
        struct str raw = str_sized(piece->data, size);
        piece->data += size;
        piece->length -= size;
        return finish_message(arena, deframer, raw, ret_message);
    }
    if (!deframer->body) {
        arena_expect(arena, size);
        deframer->body = arena_alloc(arena, size);
    }
    deframer->body_length += take(piece, deframer->body + deframer->body_length,
                                  size - deframer->body_length);
    if (deframer->body_length < size) return status_ok();
    return finish_message(arena, deframer, str_sized(deframer->body, size), ret_message);
}

struct status rpc_deframe_end(const struct rpc_deframer *deframer)
{
    if (deframer->head_length == 0) return status_ok();
    return status_make(STATUS_INTERNAL, 0, "the body ended inside a message");
}

struct status rpc_deframe_only(struct arena *arena, struct rpc_deframer *deframer, struct str body,
                               struct str *ret_message)
{
    struct status st;

    st = rpc_deframe(arena, deframer, &body, ret_message);
    if (failed(st)) return st;
    if (!ret_message->data) {
        st = rpc_deframe_end(deframer);
        if (failed(st)) return st;
    }
    if (!ret_message->data || body.length > 0)
        return status_make(STATUS_UNIMPLEMENTED, 0, "exactly one message is expected here");
    return status_ok();
}
