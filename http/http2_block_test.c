/* SPDX-License-Identifier: Apache-2.0 */
/* Strings of header blocks that are too long for nghttp2: random blocks are cut, and inflated by
 * the library, which must report every other field as it was. */
#include "http/http2_block.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "base/str.h"
#include "base/test.h"

enum { ROUNDS = 300, FIELDS_MAX = 12, PART_MAX = 16384, STRING_MAX = 65536 };

struct wanted {
    size_t name_size, value_size;
    char letter; /* of name and value */
    bool cut_name, cut_value;
};

static uint32_t seed;

static uint32_t pick(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

static size_t pick_size(void)
{
    static const size_t sizes[] = {STRING_MAX - 1, STRING_MAX,    STRING_MAX + 1, 65662,
                                   65663,          70000,         131071,         300000,
                                   2097151 + 127,  2097152 + 127, 5000000};

    return pick(4) == 0 ? sizes[pick(pick(8) ? 8 : 11)] : pick(300);
}

static void put_string(struct buffer *block, size_t size, char letter)
{
    bool huffman = letter == '&' && pick(2) == 0; /* its code has eight bits */
    int first = huffman ? 0x80 : 0;
    size_t rest = size - 127;

    if (size < 127) {
        buffer_append_byte(block, (char)(first | (int)size));
    } else {
        buffer_append_byte(block, (char)(first | 0x7f));
        for (; rest >= 128; rest >>= 7) buffer_append_byte(block, (char)(rest | 128));
        buffer_append_byte(block, (char)rest);
    }
    for (size_t i = 0; i < size; i++) buffer_append_byte(block, huffman ? '\xf8' : letter);
}

/* Indexed fields, literals with and without a place in the table, references to the table's newest
 * entry, which `ret_newest` follows. */
static void put_field(struct buffer *block, struct wanted *newest, struct wanted *ret_wanted)
{
    static const char kinds[] = {0x40, 0x00, 0x10};
    static const char letters[] = {'a', '&', 'z'};
    char kind = kinds[pick(3)];

    if (newest->letter && pick(3) == 0) {
        *ret_wanted = *newest;
        buffer_append_byte(block, '\xbe');
        return;
    }
    *ret_wanted = (struct wanted){1 + pick_size(), pick_size(), letters[pick(3)], false, false};
    buffer_append_byte(block, kind);
    put_string(block, ret_wanted->name_size, ret_wanted->letter);
    put_string(block, ret_wanted->value_size, ret_wanted->letter);
    ret_wanted->cut_name = ret_wanted->name_size > STRING_MAX;
    ret_wanted->cut_value = ret_wanted->value_size > STRING_MAX;
    if (kind != 0x40) return;
    *newest = *ret_wanted;
    if (newest->name_size + newest->value_size + 32 > 4096) newest->letter = '\0';
}

static void put_frame(struct buffer *frames, uint8_t type, uint8_t flags, struct str part)
{
    uint8_t padding = flags & NGHTTP2_FLAG_PADDED ? (uint8_t)pick(100) : 0;
    size_t size = part.length + padding + (flags & NGHTTP2_FLAG_PADDED ? 1 : 0) +
                  (flags & NGHTTP2_FLAG_PRIORITY ? 5 : 0);
    const char head[] = {
        (char)(size >> 16), (char)(size >> 8), (char)size, (char)type, (char)flags, 0, 0, 0, 1};

    buffer_append(frames, head, sizeof(head));
    if (flags & NGHTTP2_FLAG_PADDED) buffer_append_byte(frames, (char)padding);
    if (flags & NGHTTP2_FLAG_PRIORITY) buffer_append(frames, "\0\0\0\3\x10", 5);
    buffer_append_str(frames, part);
    for (int i = 0; i < padding; i++) buffer_append_byte(frames, '\0');
}

static void put_frames(struct buffer *frames, struct str block)
{
    uint8_t type = NGHTTP2_HEADERS;
    uint8_t flags = (uint8_t)((pick(2) ? NGHTTP2_FLAG_PADDED : 0) |
                              (pick(2) ? NGHTTP2_FLAG_PRIORITY : 0));

    do {
        size_t size = 1 + pick(pick(2) ? PART_MAX : 10);
        if (size >= block.length) {
            size = block.length;
            flags |= NGHTTP2_FLAG_END_HEADERS;
        }
        put_frame(frames, type, flags, str_sized(block.data, size));
        block = str_sized(block.data + size, block.length - size);
        type = NGHTTP2_CONTINUATION;
        flags = 0;
    } while (block.length > 0);
}

/* Walks the frames as a session does, in pieces. */
static void cut(struct str frames)
{
    struct http2_frames state = {0};
    struct http2_block block = {0};
    struct http2_frame_seen seen;

    while (frames.length > 0) {
        size_t size = 1 + pick(pick(2) ? 65536 : 20);
        struct str piece = str_sized(frames.data, size < frames.length ? size : frames.length);
        frames = str_sized(frames.data + piece.length, frames.length - piece.length);
        http2_block_rest(&block, piece);
        while (http2_frames_next(&state, &piece, &seen)) http2_block_frame(&block, &seen);
    }
}

/* The parts of the block again, without what frames add. */
static void join(struct str frames, struct buffer *block)
{
    struct http2_frames state = {0};
    struct http2_frame_seen seen;

    while (http2_frames_next(&state, &frames, &seen)) {
        size_t before = (seen.flags & NGHTTP2_FLAG_PADDED ? 1 : 0) +
                        (seen.flags & NGHTTP2_FLAG_PRIORITY && seen.type == NGHTTP2_HEADERS ? 5
                                                                                            : 0);
        size_t padding = seen.flags & NGHTTP2_FLAG_PADDED ? (uint8_t)seen.payload.data[0] : 0;
        buffer_append(block, seen.payload.data + before, seen.length - before - padding);
    }
}

static bool is_kept(bool is_cut, size_t wanted, char letter, const uint8_t *text, size_t size)
{
    if (is_cut) return size > 4096 && size <= STRING_MAX;
    for (size_t i = 0; i < size; i++)
        if (text[i] != (uint8_t)letter) return false;
    return size == wanted;
}

static bool inflate_next(nghttp2_hd_inflater *inflater, struct str *block, nghttp2_nv *ret_field)
{
    int flags = 0;

    while (block->length > 0) {
        ssize_t used = nghttp2_hd_inflate_hd2(inflater, ret_field, &flags,
                                              (const uint8_t *)block->data, block->length, 1);
        CHECK(used >= 0);
        if (used < 0) return false;
        *block = str_sized(block->data + used, block->length - (size_t)used);
        if (flags & NGHTTP2_HD_INFLATE_EMIT) return true;
    }
    return false;
}

static bool is_filling(const nghttp2_nv *field)
{
    return field->namelen == 1 && field->name[0] == (uint8_t)HTTP2_BLOCK_CUT[0];
}

/* The field is as it was, or cut and followed by filling. After a name that was cut the last
 * filling has the value. */
static void check_field(nghttp2_hd_inflater *inflater, struct str *block,
                        const struct wanted *wanted, nghttp2_nv *field, bool *more)
{
    size_t fillings = 0;
    bool cut_value = wanted->cut_value && !wanted->cut_name;

    CHECK(*more && is_kept(wanted->cut_name, wanted->name_size, wanted->letter, field->name,
                           field->namelen));
    if (!wanted->cut_name)
        CHECK(
            is_kept(cut_value, wanted->value_size, wanted->letter, field->value, field->valuelen));
    for (;;) {
        size_t last_size = field->valuelen;
        *more = inflate_next(inflater, block, field);
        if (!*more || !is_filling(field)) {
            if (wanted->cut_name && !wanted->cut_value)
                CHECK_INT(last_size, ==, wanted->value_size);
            break;
        }
        fillings++;
    }
    CHECK((fillings > 0) == (wanted->cut_name || cut_value));
}

static void play_round(void)
{
    struct wanted wanted[FIELDS_MAX], newest = {0};
    int count = 1 + (int)pick(FIELDS_MAX);
    struct buffer block, frames, result;
    nghttp2_hd_inflater *inflater;
    nghttp2_nv field;

    buffer_init(&block, 1 << 26);
    buffer_init(&frames, 1 << 26);
    buffer_init(&result, 1 << 26);
    CHECK(nghttp2_hd_inflate_new(&inflater) == 0);
    for (int i = 0; i < count; i++) put_field(&block, &newest, &wanted[i]);
    put_frames(&frames, buffer_str(&block));
    cut(buffer_str(&frames));
    join(buffer_str(&frames), &result);
    CHECK(result.length == block.length);

    struct str rest = buffer_str(&result);
    bool more = inflate_next(inflater, &rest, &field);
    for (int i = 0; i < count && more; i++) {
        check_field(inflater, &rest, &wanted[i], &field, &more);
        CHECK(more || i == count - 1);
    }
    CHECK(!more);
    nghttp2_hd_inflate_del(inflater);
    buffer_release(&block);
    buffer_release(&frames);
    buffer_release(&result);
}

TEST(a_string_that_is_too_long_is_cut_and_nothing_else_changes)
{
    for (uint32_t round = 0; round < ROUNDS && test_failures == 0; round++) {
        seed = round;
        play_round();
    }
}
