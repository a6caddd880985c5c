/* SPDX-License-Identifier: Apache-2.0 */
/* The stream identifiers that a client has used (RFC 9113, sections 5.1 and 5.1.1), which nghttp2
 * forgets. Private to http/; pure.
 *
 * Frames on a stream that we have reset may have been in transit, so they are ignored. Frames on a
 * stream that the client itself has ended, or with an identifier that it skipped, are protocol
 * errors. The last HTTP2_IDS_KEPT streams are remembered; frames on older ones are ignored. */
#ifndef HTTP_HTTP2_IDS_H
#define HTTP_HTTP2_IDS_H

#include <stdbool.h>
#include <stdint.h>

enum { HTTP2_IDS_KEPT = 512 };

/* For a client's streams, whose identifiers are odd. All zeros is the state of a new connection. */
struct http2_ids {
    int32_t last; /* the highest that was opened */
    uint64_t used[HTTP2_IDS_KEPT / 64];
    uint64_t passed_over[HTTP2_IDS_KEPT / 64]; /* closed only by us */
};

enum http2_id_fault { HTTP2_ID_FINE, HTTP2_ID_SKIPPED, HTTP2_ID_ENDED };

/* A stream was opened; identifiers only grow. */
void http2_ids_open(struct http2_ids *ids, int32_t id);

/* A stream was closed; `by_us`: before the peer had ended or reset it. */
void http2_ids_close(struct http2_ids *ids, int32_t id, bool by_us);

/* Checks a frame on a stream that is not open. FINE if that stream may be opened. */
enum http2_id_fault http2_ids_check(const struct http2_ids *ids, int32_t id);

#endif
