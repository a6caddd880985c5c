/* SPDX-License-Identifier: Apache-2.0 */
/* Which request a piece of work belongs to: W3C Trace Context (traceparent) and our request id.
 * Plain values, written to every log line and passed on with every call. */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { TRACE_REQUEST_ID_MAX = 64, TRACEPARENT_SIZE = 56 };

struct trace {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    bool sampled;
    char request_id[TRACE_REQUEST_ID_MAX + 1];
};

/* A new trace with a new request id (a UUIDv7). */
void trace_start(struct trace *ret_trace);

/* Continues the trace of a peer's traceparent (W3C Trace Context, version 00) with a new span; an
 * invalid or empty one starts a new trace. `request_id` is kept when it is 1 to 64 characters of
 * [A-Za-z0-9._:-], else replaced by a new one. */
void trace_continue(struct str traceparent, struct str request_id, struct trace *ret_trace);

/* "00-<trace>-<span>-01"; NUL-terminated. */
void trace_format(const struct trace *trace, char ret_text[TRACEPARENT_SIZE]);

#endif
