/* SPDX-License-Identifier: Apache-2.0 */
/* A strict parser for HTTP/1.1 messages (RFC 9112), which works on bytes and knows no connection.
 * Private to http/.
 *
 *     http1_scan(&scan, data, size)       finds the end of the head, however the bytes are split
 *     http1_parse_head(arena, ...)        reads the head into a request and its framing
 *     http1_decode(&decoder, ...)         removes the body's framing, piece by piece
 *
 * Why not a library: requests are smuggled where an intermediary and a server read the same bytes
 * differently, so every form outside the grammar is refused: bare LF and CR, folded lines, white
 * space before the colon, repeated or contradicting lengths, transfer codings other than `chunked`.
 * Debian's http_parser is built without its strict mode and accepts all of these, and any two bytes
 * in the place of a chunk's CR LF. */
#ifndef HTTP_HTTP1_PARSER_H
#define HTTP_HTTP1_PARSER_H

#include "base/arena.h"
#include "http/http.h"
#include "http/http_refusal.h"

/* The state of the search for the end of a head. All zeros is the start. */
struct http1_scan {
    size_t offset; /* the start of the first line that is not complete yet */
    size_t lines;
};

enum http1_scanned { HTTP1_HEAD_COMPLETE, HTTP1_HEAD_PARTIAL, HTTP1_HEAD_MALFORMED };

/* Looks for the empty line that ends a head or trailers. `data` starts at the same byte at each
 * call. Complete: scan->offset is the length including the empty line. Malformed: a line ends with
 * LF alone. */
enum http1_scanned http1_scan(struct http1_scan *scan, const char *data, size_t size);

/* The framing of the body that follows a head, and whether the connection continues after it. */
struct http1_framing {
    bool keep_alive;
    bool chunked;
    bool expect_continue;
    bool has_length;
    uint64_t content_length; /* 0 without one */
};

/* Parses a complete head of `scan->offset` bytes in place: `head` is memory of the arena, names are
 * converted to lower case in it, and the request's texts are views of it. HTTP_ACCEPTED or the
 * reason for refusing it. */
enum http_refusal http1_parse_head(struct arena *arena, char *head, const struct http1_scan *scan,
                                   struct http_request *ret_request,
                                   struct http1_framing *ret_framing);

/* Limit on a chunk-size line including its extensions, which are ignored. */
enum { HTTP1_CHUNK_LINE_MAX = 256 };

struct http1_decoder {
    enum http1_decoder_state {
        HTTP1_BODY_LENGTH,     /* `remaining` bytes, then the end */
        HTTP1_BODY_CHUNK_SIZE, /* a chunk's size line is next */
        HTTP1_BODY_CHUNK,      /* `remaining` bytes of a chunk */
        HTTP1_BODY_CHUNK_END,  /* the CR LF after a chunk */
        HTTP1_BODY_TRAILERS,
        HTTP1_BODY_DONE,
    } state;
    uint64_t remaining;
    struct http1_scan scan; /* of trailers */
    size_t trailer_size_max;
};

void http1_decoder_init(struct http1_decoder *decoder, const struct http1_framing *framing,
                        size_t trailer_size_max);

/* Consumes as much of `data` as possible: *ret_used says how much, and *ret_piece is a view of body
 * bytes in it, possibly empty. Call it again while used > 0 and the state is not HTTP1_BODY_DONE;
 * when used is 0 more bytes are needed. Trailers are copied into the arena. HTTP_ACCEPTED or the
 * reason for refusing it. */
enum http_refusal http1_decode(struct http1_decoder *decoder, struct arena *arena, struct str data,
                               struct str *ret_piece, size_t *ret_used,
                               struct http_headers *trailers);

#endif
