/* SPDX-License-Identifier: Apache-2.0 */
/* What nghttp2 forgets: which stream identifiers a client has used (RFC 9113, sections 5.1 and
 * 5.1.1). Private to http/; pure.
 *
 * A client may still have sent frames of a stream that we reset, so those are passed over. Frames of
 * a stream that the client itself ended, or of an identifier that it skipped, break the protocol.
 * The last HTTP2_IDS_KEPT streams are remembered; frames of older ones are passed over. */
#ifndef HTTP_HTTP2_IDS_H
#define HTTP_HTTP2_IDS_H

#include <stdbool.h>
#include <stdint.h>

enum { HTTP2_IDS_KEPT = 512 };

/* Of a client's streams, whose identifiers are odd. All zeros is a connection's begin. */
struct http2_ids {
    int32_t last; /* the highest that was opened */
    uint64_t used[HTTP2_IDS_KEPT / 64];
    uint64_t passed_over[HTTP2_IDS_KEPT / 64]; /* closed by us alone */
};

enum http2_id_fault { HTTP2_ID_FINE, HTTP2_ID_SKIPPED, HTTP2_ID_ENDED };

/* A stream was opened; identifiers only grow. */
void http2_ids_open(struct http2_ids *ids, int32_t id);

/* It was closed, `by_us`: before the peer had ended or reset it. */
void http2_ids_close(struct http2_ids *ids, int32_t id, bool by_us);

/* What a frame is that names a stream which is not open. FINE for one that may be opened. */
enum http2_id_fault http2_ids_check(const struct http2_ids *ids, int32_t id);

#endif
