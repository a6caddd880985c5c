/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts strings in header blocks that are too long for nghttp2. The library ends the connection when
 * the encoded name or value of a field is longer than 64 KiB (NGHTTP2_HD_MAX_NV), because it loses
 * its decoding table then. So the bytes of blocks are walked here before the library gets them
 * (RFC 7541, section 6), and a longer string is overwritten in place: with a shorter one, and with
 * fields of the invalid name HTTP2_BLOCK_CUT in the room that is left. The library then reports
 * that field for this request alone, and the table stays right, since either string is larger than
 * the whole table and therefore empties it. Private to http/.
 *
 *     http2_block_rest(&block, data);                      the rest of a frame that began before
 *     while (http2_frames_next(&frames, &data, &seen)) http2_block_frame(&block, &seen);
 *
 * Only a block of several frames can contain such a string, so all others cost nothing. A string of
 * any length is cut, and nothing of it is kept; http2_session.c limits the whole block. */
#ifndef HTTP_HTTP2_BLOCK_H
#define HTTP_HTTP2_BLOCK_H

#include "http/http2_frames.h"

#define HTTP2_BLOCK_CUT "\x7f"

enum http2_block_step {
    HTTP2_BLOCK_FIELD,  /* the first byte of a field */
    HTTP2_BLOCK_INDEX,  /* more bytes of its index */
    HTTP2_BLOCK_LENGTH, /* the first byte of a string */
    HTTP2_BLOCK_LENGTH_MORE,
    HTTP2_BLOCK_STRING,
    HTTP2_BLOCK_FILLING, /* what replaces the rest of a string that is cut */
};

/* The state of walking. Initially all zeros. */
struct http2_block {
    bool open;      /* inside a block of several frames */
    bool padded;    /* the frame's first byte is the length of its padding */
    size_t before;  /* bytes of the frame's payload before its part of the block */
    size_t left;    /* bytes of the frame's payload that have not arrived */
    size_t padding; /* how many of them are at the end and no part of the block */
    enum http2_block_step step, after_index;
    bool in_name; /* the string is a name, which a value follows */
    bool huffman;
    int shift;              /* of the next seven bits of the string's length */
    size_t announced;       /* the string's length as the peer gives it */
    size_t string_left;     /* bytes of the string that have not arrived */
    size_t filling, filled; /* bytes in place of the rest of a string; 0: it is not cut */
};

/* A frame's header has arrived, with a part of its payload. */
void http2_block_frame(struct http2_block *block, const struct http2_frame_seen *seen);

/* More bytes of that frame's payload, and perhaps others after it. May overwrite them. */
void http2_block_rest(struct http2_block *block, struct str data);

#endif
