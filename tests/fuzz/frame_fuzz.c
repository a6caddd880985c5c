/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes gRPC framing: the messages must be the same whether the body comes whole or in pieces, and
 * none over the limit. */
#include <string.h>

#include "rpc/rpc_frame.h"
#include "tests/fuzz/fuzz.h"

enum { SIZE_MAX_OF_MESSAGE = 1 << 16 };

/* Deframes in pieces of `step` bytes; returns a checksum of the messages. */
static uint64_t deframe(struct arena *arena, struct str body, size_t step, bool gzip)
{
    struct rpc_deframer deframer = {.size_max = SIZE_MAX_OF_MESSAGE, .gzip = gzip};
    struct str message;
    uint64_t sum = 0;

    while (body.length) {
        struct str piece = str_sized(body.data, body.length < step ? body.length : step);
        body = str_sized(body.data + piece.length, body.length - piece.length);
        for (;;) {
            if (failed(rpc_deframe(arena, &deframer, &piece, &message))) return sum ^ 1;
            if (!message.data) break;
            invariant(message.length <= SIZE_MAX_OF_MESSAGE);
            for (size_t i = 0; i < message.length; i++) sum = sum * 31 + (uint8_t)message.data[i];
            sum = sum * 31 + message.length;
        }
    }
    return failed(rpc_deframe_end(&deframer)) ? sum ^ 2 : sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;

    if (size == 0) return 0;
    bool gzip = data[0] & 1;
    size_t step = 1 + (data[0] >> 1) % 16;
    struct str body = str_sized(data + 1, size - 1);
    arena_init(&arena, 0);
    invariant(deframe(&arena, body, SIZE_MAX, gzip) == deframe(&arena, body, step, gzip));
    arena_release(&arena);
    return 0;
}
