/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of frames: whole, in pieces, compressed, malformed. */
#include "base/test.h"
#include "rpc/rpc_frame.h"
#include "rpc/rpc_gzip.h"
#include "reasons.pb-c.h"

static struct arena arena;

static struct str frame_of(const char *text, bool gzip)
{
    size_t size = strlen(text);
    uint8_t *frame = arena_alloc(&arena, RPC_FRAME_HEAD_SIZE + size);

    memcpy(frame + RPC_FRAME_HEAD_SIZE, text, size);
    return rpc_frame(&arena, frame, size, gzip);
}

static struct str joined(struct str a, struct str b)
{
    char *bytes = arena_alloc(&arena, a.length + b.length);

    memcpy(bytes, a.data, a.length);
    memcpy(bytes + a.length, b.data, b.length);
    return str_sized(bytes, a.length + b.length);
}

TEST(two_frames_in_one_piece)
{
    arena_init(&arena, 0);
    struct rpc_deframer deframer = {.size_max = 100};
    struct str piece = joined(frame_of("hello", false), frame_of("", false)), message;
    const char *start = piece.data;

    CHECK_OK(rpc_deframe(&arena, &deframer, &piece, &message));
    CHECK(str_is(message, "hello"));
    CHECK(message.data == start + RPC_FRAME_HEAD_SIZE); /* a view */
    CHECK_OK(rpc_deframe(&arena, &deframer, &piece, &message));
    CHECK(message.data && message.length == 0);
    CHECK_OK(rpc_deframe(&arena, &deframer, &piece, &message));
    CHECK(!message.data);
    CHECK_OK(rpc_deframe_end(&deframer));
    arena_release(&arena);
}

TEST(frames_byte_by_byte)
{
    arena_init(&arena, 0);
    struct rpc_deframer deframer = {.size_max = 100, .gzip = true};
    struct str bytes = joined(frame_of("first", false), frame_of("second, compressed", true));
    const char *expected[] = {"first", "second, compressed"};
    int found = 0;

    for (size_t i = 0; i < bytes.length; i++) {
        char *one = arena_memdup(&arena, bytes.data + i, 1); /* a piece is valid only until the next
                                                              * one */
        struct str piece = str_sized(one, 1), message;
        CHECK_OK(rpc_deframe(&arena, &deframer, &piece, &message));
        *one = '?';
        CHECK(piece.length == 0);
        if (!message.data) continue;
        CHECK(found < 2 && str_is(message, expected[found]));
        CHECK(deframer.compressed == (found == 1));
        found++;
    }
    CHECK_INT(found, ==, 2);
    arena_release(&arena);
}

TEST(a_message_over_the_limit_is_refused_by_its_head)
{
    arena_init(&arena, 0);
    struct rpc_deframer deframer = {.size_max = 4};
    struct str piece = frame_of("12345", false), message;

    piece.length = RPC_FRAME_HEAD_SIZE;
    struct status st = rpc_deframe(&arena, &deframer, &piece, &message);
    CHECK_INT(st.code, ==, STATUS_RESOURCE_EXHAUSTED);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__BODY_TOO_LARGE);
    arena_release(&arena);
}

TEST(broken_frames_are_internal)
{
    arena_init(&arena, 0);
    static const char unknown_flag[] = {2, 0, 0, 0, 0};
    static const char unannounced[] = {1, 0, 0, 0, 1, 'x'};
    static const char no_gzip[] = {1,   0,   0,   0,   20,  'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x',
                                   'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x', 0,   0,   0,   0};
    struct rpc_deframer deframer = {.size_max = 100};
    struct str piece = str_sized(unknown_flag, sizeof(unknown_flag)), message;

    CHECK_INT(rpc_deframe(&arena, &deframer, &piece, &message).code, ==, STATUS_INTERNAL);
    deframer = (struct rpc_deframer){.size_max = 100};
    piece = str_sized(unannounced, sizeof(unannounced));
    CHECK_INT(rpc_deframe(&arena, &deframer, &piece, &message).code, ==, STATUS_INTERNAL);
    deframer = (struct rpc_deframer){.size_max = 100, .gzip = true};
    piece = str_sized(no_gzip, sizeof(no_gzip));
    CHECK_INT(rpc_deframe(&arena, &deframer, &piece, &message).code, ==, STATUS_INTERNAL);
    arena_release(&arena);
}

TEST(a_unary_body_holds_exactly_one_message)
{
    arena_init(&arena, 0);
    struct rpc_deframer none = {.size_max = 100}, two = none, cut = none, one = none;
    struct str whole = frame_of("hello", false), message;

    CHECK_INT(rpc_deframe_only(&arena, &none, STR(""), &message).code, ==, STATUS_UNIMPLEMENTED);
    CHECK_INT(rpc_deframe_only(&arena, &two, joined(whole, whole), &message).code, ==,
              STATUS_UNIMPLEMENTED);
    CHECK_INT(
        rpc_deframe_only(&arena, &cut, str_sized(whole.data, whole.length - 1), &message).code, ==,
        STATUS_INTERNAL);
    CHECK_OK(rpc_deframe_only(&arena, &one, whole, &message));
    CHECK(str_is(message, "hello"));
    arena_release(&arena);
}

TEST(gzip_goes_there_and_back)
{
    arena_init(&arena, 0);
    size_t size = 300000;
    char *text = arena_alloc(&arena, size);
    struct str back;

    for (size_t i = 0; i < size; i++) text[i] = (char)('a' + i * i % 17);
    struct str compressed = rpc_gzip(&arena, str_sized(text, size), 0);
    CHECK(compressed.length < size);
    CHECK_OK(rpc_gunzip(&arena, compressed, size, &back));
    CHECK(str_equal(back, str_sized(text, size)));
    CHECK_INT(rpc_gunzip(&arena, compressed, size - 1, &back).code, ==, STATUS_RESOURCE_EXHAUSTED);
    arena_release(&arena);
}

/* A small input that decompresses to far more must not take memory beyond the limit. */
TEST(a_gzip_bomb_is_refused)
{
    arena_init(&arena, 0);
    size_t size = 16 * 1024 * 1024;
    struct arena small;
    struct str back;

    struct str bomb = rpc_gzip(&arena, str_sized(arena_calloc(&arena, 1, size), size), 0);
    arena_init(&small, 1024 * 1024);
    CHECK_INT(rpc_gunzip(&small, bomb, 1 << 20, &back).code, ==, STATUS_RESOURCE_EXHAUSTED);

    /* The same with a false length at its end. */
    uint8_t *end = (uint8_t *)(uintptr_t)bomb.data + bomb.length - 4;
    memset(end, 0, 4);
    end[1] = 1;
    CHECK_INT(rpc_gunzip(&small, bomb, 1 << 20, &back).code, ==, STATUS_INTERNAL);
    CHECK(!small.exhausted);
    arena_release(&small);
    arena_release(&arena);
}

TEST(a_short_message_that_claims_a_long_content_takes_no_memory)
{
    arena_init(&arena, 0);
    struct str tiny = rpc_gzip(&arena, STR("tiny"), 0), back;
    uint8_t *end = (uint8_t *)(uintptr_t)tiny.data + tiny.length - 4;
    size_t before = arena.size;

    end[2] = 0x3f; /* four million bytes, of 24 */
    CHECK_INT(rpc_gunzip(&arena, tiny, 1 << 24, &back).code, ==, STATUS_INTERNAL);
    CHECK(arena.size == before);
    arena_release(&arena);
}
