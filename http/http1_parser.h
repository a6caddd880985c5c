/* SPDX-License-Identifier: Apache-2.0 */
/* A strict parser of HTTP/1.1 messages (RFC 9112), on bytes alone: it knows no connection. Private
 * to http/.
 *
 *     http1_scan(&scan, data, size)       finds the end of the head, however the bytes are cut
 *     http1_parse_head(arena, ...)        reads the head into a request and its framing
 *     http1_decode(&decoder, ...)         takes the body's framing off, piece by piece
 *
 * Why not a library: what an intermediary and a server read differently is how requests are
 * smuggled, so every form that the grammar does not have is refused: bare LF and CR, folded lines,
 * white space before the colon, doubled or contradicting lengths, transfer codings other than
 * `chunked`. Debian's http_parser is built without its strict mode and takes all of these, and any
 * two bytes where a chunk's CR LF should be. */
#ifndef HTTP_HTTP1_PARSER_H
#define HTTP_HTTP1_PARSER_H

#include "base/arena.h"
#include "http/http.h"
#include "http/http_refusal.h"

/* Where the search for the end of a head has got to. All zeros is the start. */
struct http1_scan {
    size_t offset; /* the start of the first line that is not complete yet */
    size_t lines;
};

enum http1_scanned { HTTP1_HEAD_COMPLETE, HTTP1_HEAD_PARTIAL, HTTP1_HEAD_MALFORMED };

/* Looks for the empty line that ends a head or trailers. `data` starts at the same byte at each
 * call. Complete: scan->offset is the length with the empty line. Malformed: a line ended by LF
 * alone. */
enum http1_scanned http1_scan(struct http1_scan *scan, const char *data, size_t size);

/* How the body that follows a head is framed, and what the connection does after it. */
struct http1_framing {
    bool keep_alive;
    bool chunked;
    bool expect_continue;
    bool has_length;
    uint64_t content_length; /* 0 without one */
};

/* Parses a complete head of `scan->offset` bytes in place: `head` is memory of the arena, names are
 * lowered in it, and the request's texts are views of it. HTTP_ACCEPTED or why it is refused. */
enum http_refusal http1_parse_head(struct arena *arena, char *head, const struct http1_scan *scan,
                                   struct http_request *ret_request,
                                   struct http1_framing *ret_framing);

/* Longest chunk-size line with its extensions, which are read and ignored. */
enum { HTTP1_CHUNK_LINE_MAX = 256 };

struct http1_decoder {
    enum http1_decoder_state {
        HTTP1_BODY_LENGTH,     /* `remaining` bytes, then the end */
        HTTP1_BODY_CHUNK_SIZE, /* a chunk's size line comes */
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

/* Takes what it can of `data`: *ret_used says how much, and *ret_piece is a view of body bytes in
 * it, maybe empty. Call again while used > 0 and the state is not HTTP1_BODY_DONE; with used 0,
 * more bytes must come behind these. Trailers are copied into the arena. HTTP_ACCEPTED or why it is
 * refused. */
enum http_refusal http1_decode(struct http1_decoder *decoder, struct arena *arena, struct str data,
                               struct str *ret_piece, size_t *ret_used,
                               struct http_headers *trailers);

#endif
