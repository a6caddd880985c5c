/* SPDX-License-Identifier: Apache-2.0 */
/* Walks header blocks and cuts their longest strings. See http/http2_block.h. */
#include "http/http2_block.h"

#include <nghttp2/nghttp2.h>
#include <string.h>

enum {
    STRING_MAX = 65536, /* NGHTTP2_HD_MAX_NV */
    /* A length of 64 KiB and more takes at least four bytes: 127, twice seven bits, and the number
     * of 16 KiB. Only the byte with that number, and those after it, are changed, so that bytes
     * which the library already has stay true. */
    UNIT_SHIFT = 14,
    UNIT = 1 << UNIT_SHIFT,
    KEPT_UNITS = 2, /* more than the table holds, less than STRING_MAX */
    SHIFT_MAX = 28,
    BITS = 0x7f, /* of a length in each byte */
    LETTER = '&',
    LETTER_HUFFMAN = 0xf8,
    PRIORITY_SIZE = 5,
};

/* ---- what replaces the rest of a string ---- */

/* A field that no table keeps, of `size` bytes, in [UNIT - 4, UNIT]. */
static char field_byte(size_t size, size_t at)
{
    const size_t head_size = 6, length = size - head_size - 127;
    const char head[] = {
        0, 1, HTTP2_BLOCK_CUT[0], 0x7f, (char)(0x80 | (length & 0x7f)), (char)(length >> 7)};

    return at < head_size ? head[at] : LETTER;
}

/* After a value: fields of a unit each. After a name: an empty value, such fields, and a name for
 * the original value. */
static char filling_byte(const struct http2_block *block, size_t at)
{
    static const char name[] = {0, 1, HTTP2_BLOCK_CUT[0]};
    const size_t first = UNIT - 1 - sizeof(name);

    if (!block->in_name) return field_byte(UNIT, at % UNIT);
    if (at == 0) return 0;
    if (at >= block->filling - sizeof(name)) return name[at + sizeof(name) - block->filling];
    at--;
    return at < first ? field_byte(first, at) : field_byte(UNIT, (at - first) % UNIT);
}

/* ---- walking ---- */

/* The string is complete, and so is what replaces its rest. */
static void end_string(struct http2_block *block)
{
    block->filling = 0;
    block->step = block->in_name ? HTTP2_BLOCK_LENGTH : HTTP2_BLOCK_FIELD;
    block->in_name = false;
}

static void begin_string(struct http2_block *block)
{
    block->filled = 0;
    block->step = HTTP2_BLOCK_STRING;
    if (block->string_left == 0) end_string(block);
}

static void walk_field(struct http2_block *block, uint8_t byte)
{
    bool indexed = byte & 0x80, resizes = (byte & 0xe0) == 0x20;
    uint8_t mask = indexed ? 0x7f : byte & 0x40 ? 0x3f : resizes ? 0x1f : 0x0f;
    bool more = (byte & mask) == mask;

    block->in_name = !indexed && !resizes && (byte & mask) == 0;
    block->after_index = indexed || resizes ? HTTP2_BLOCK_FIELD : HTTP2_BLOCK_LENGTH;
    block->step = more ? HTTP2_BLOCK_INDEX : block->after_index;
}

static void walk_length(struct http2_block *block, uint8_t byte)
{
    block->huffman = byte & 0x80;
    block->string_left = byte & BITS;
    block->announced = block->string_left;
    block->shift = 0;
    block->step = HTTP2_BLOCK_LENGTH_MORE;
    if (block->string_left < BITS) begin_string(block);
}

/* A length that goes on after the number of units is too large, whatever follows. The exception is
 * a length that is written with zeros at its end: it is made a decoding error, which such lengths
 * may be (RFC 7541, section 5.1), because the library already has a larger one. */
static void walk_length_more(struct http2_block *block, char *byte)
{
    size_t bits = *byte & BITS;
    bool more = *byte & 0x80;

    block->announced += bits << block->shift;
    if (block->shift > UNIT_SHIFT)
        bits = more || block->announced > STRING_MAX ? 0 : BITS;
    else if (block->shift == UNIT_SHIFT && (more || block->announced > STRING_MAX))
        bits = KEPT_UNITS;
    block->string_left += bits << block->shift;
    block->shift += 7;
    *byte = (char)((more ? 0x80 : 0) | bits);
    if (more) {
        block->open = block->shift <= SHIFT_MAX; /* the library refuses longer ones */
        return;
    }
    block->open = block->announced >= block->string_left;
    if (!block->open) return;
    block->filling = block->announced - block->string_left;
    begin_string(block);
}

static size_t walk_string(struct http2_block *block, char *bytes, size_t size)
{
    size_t taken = size < block->string_left ? size : block->string_left;

    if (block->filling > 0) memset(bytes, block->huffman ? LETTER_HUFFMAN : LETTER, taken);
    block->string_left -= taken;
    if (block->string_left > 0) return taken;
    block->step = HTTP2_BLOCK_FILLING;
    if (block->filling == 0) end_string(block);
    return taken;
}

static size_t fill(struct http2_block *block, char *bytes, size_t size)
{
    size_t taken = 0;

    while (taken < size && block->filled < block->filling)
        bytes[taken++] = filling_byte(block, block->filled++);
    if (block->filled == block->filling) end_string(block);
    return taken;
}

static void walk(struct http2_block *block, char *bytes, size_t size)
{
    while (size > 0 && block->open) {
        size_t taken = 1;

        switch (block->step) {
        case HTTP2_BLOCK_FIELD: walk_field(block, (uint8_t)*bytes); break;
        case HTTP2_BLOCK_INDEX:
            if (!(*bytes & 0x80)) block->step = block->after_index;
            break;
        case HTTP2_BLOCK_LENGTH: walk_length(block, (uint8_t)*bytes); break;
        case HTTP2_BLOCK_LENGTH_MORE: walk_length_more(block, bytes); break;
        case HTTP2_BLOCK_STRING: taken = walk_string(block, bytes, size); break;
        case HTTP2_BLOCK_FILLING: taken = fill(block, bytes, size); break;
        }
        bytes += taken;
        size -= taken;
    }
}

/* ---- frames ---- */

void http2_block_rest(struct http2_block *block, struct str data)
{
    char *bytes = (char *)(uintptr_t)data.data;
    size_t size = data.length < block->left ? data.length : block->left;

    if (!block->open) return;
    for (; size > 0 && block->before > 0; size--, bytes++) {
        if (block->padded) block->padding = (uint8_t)*bytes;
        block->padded = false;
        block->before--;
        block->left--;
    }
    size_t part = block->left > block->padding ? block->left - block->padding : 0;
    block->left -= size;
    if (block->before == 0) walk(block, bytes, size < part ? size : part);
}

void http2_block_frame(struct http2_block *block, const struct http2_frame_seen *seen)
{
    if (seen->type == NGHTTP2_HEADERS) {
        bool ends = seen->flags & NGHTTP2_FLAG_END_HEADERS;
        *block = (struct http2_block){.open = !ends, .padded = seen->flags & NGHTTP2_FLAG_PADDED};
        block->before = (size_t)block->padded +
                        (seen->flags & NGHTTP2_FLAG_PRIORITY ? PRIORITY_SIZE : 0);
    } else {
        block->open = block->open && seen->type == NGHTTP2_CONTINUATION;
        block->padded = false;
        block->before = 0;
    }
    block->padding = 0;
    block->left = seen->length;
    http2_block_rest(block, seen->payload);
}
