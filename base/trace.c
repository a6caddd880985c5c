/* SPDX-License-Identifier: Apache-2.0 */
/* Traces: parsing and writing traceparent, and new ids. */
#include "base/trace.h"

#include <string.h>

#include "base/random.h"
#include "base/uuid.h"

_Static_assert(UUID_TEXT_SIZE <= TRACE_REQUEST_ID_MAX + 1, "a new request id must fit");

/* An id of zeros means "none", and one in 2^64 random ids is zero, so it is drawn again. */
static void fresh_id(uint8_t *ret_id, size_t size)
{
    random_bytes(ret_id, size);
    ret_id[size - 1] |= 1;
}

void trace_start(struct trace *ret_trace)
{
    fresh_id(ret_trace->trace_id, sizeof(ret_trace->trace_id));
    fresh_id(ret_trace->span_id, sizeof(ret_trace->span_id));
    ret_trace->sampled = true;
    uuid_v7(ret_trace->request_id);
}

/* Lower case only, as the specification requires; -1 for anything else. */
static int digit(char byte)
{
    if (byte >= '0' && byte <= '9') return byte - '0';
    if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
    return -1;
}

static bool read_hex(const char *text, size_t size, uint8_t *ret_bytes)
{
    for (size_t i = 0; i < size; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        ret_bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    uint8_t all = 0;

    for (size_t i = 0; i < size; i++) all |= bytes[i];
    return all == 0;
}

/* version "-" trace id "-" parent id "-" flags (W3C Trace Context, section 3.2). A later version
 * may append fields after another dash. */
static bool parse(struct str text, struct trace *trace)
{
    uint8_t version, parent[8], flags;

    if (text.length < TRACEPARENT_SIZE - 1) return false;
    if (text.data[2] != '-' || text.data[35] != '-' || text.data[52] != '-') return false;
    if (!read_hex(text.data, 1, &version) || version == 0xff) return false;
    if (text.length > TRACEPARENT_SIZE - 1 &&
        (version == 0 || text.data[TRACEPARENT_SIZE - 1] != '-'))
        return false;
    if (!read_hex(text.data + 3, sizeof(trace->trace_id), trace->trace_id)) return false;
    if (!read_hex(text.data + 36, sizeof(parent), parent)) return false;
    if (!read_hex(text.data + 53, 1, &flags)) return false;
    if (is_zero(trace->trace_id, sizeof(trace->trace_id)) || is_zero(parent, sizeof(parent)))
        return false;
    trace->sampled = flags & 1;
    return true;
}

static bool is_request_id(struct str text)
{
    if (text.length == 0 || text.length > TRACE_REQUEST_ID_MAX) return false;
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i], lower = (char)(byte | 0x20);
        bool word = (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z');
        if (!word && (byte == 0 || !strchr("._:-", byte))) return false;
    }
    return true;
}

void trace_continue(struct str traceparent, struct str request_id, struct trace *ret_trace)
{
    struct trace trace = {0};

    if (parse(traceparent, &trace)) {
        fresh_id(trace.span_id, sizeof(trace.span_id));
        uuid_v7(trace.request_id);
    } else {
        trace_start(&trace);
    }
    if (is_request_id(request_id)) {
        memcpy(trace.request_id, request_id.data, request_id.length);
        trace.request_id[request_id.length] = 0;
    }
    *ret_trace = trace;
}

static char *put_hex(char *out, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    return out;
}

void trace_format(const struct trace *trace, char ret_text[TRACEPARENT_SIZE])
{
    char *out = ret_text;

    memcpy(out, "00-", 3);
    out = put_hex(out + 3, trace->trace_id, sizeof(trace->trace_id));
    *out++ = '-';
    out = put_hex(out, trace->span_id, sizeof(trace->span_id));
    memcpy(out, trace->sampled ? "-01" : "-00", 4);
}
