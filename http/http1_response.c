/* SPDX-License-Identifier: Apache-2.0 */
/* Formats HTTP/1.1 responses. See http/http1_response.h. */
#include "http/http1_response.h"

/* "date: " + 29 + "content-length: " + digits + "connection: keep-alive" and their line ends fit in
 * here. */
enum { FIXED_SIZE_MAX = 192, REASON_SIZE_MAX = 40, DIGITS_MAX = 20 };

/* Reason phrases of RFC 9110, section 15. Clients ignore them; they are for people. */
static const char *reason_of(int status)
{
    switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 499: return "Client Closed Request";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";
    }
}

bool http1_status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

/* The functions below write to reserved memory; each returns the position of the next byte. */
static char *put(char *next, const char *text, size_t length)
{
    memcpy(next, text, length);
    return next + length;
}

#define PUT(next, literal) put((next), (literal), sizeof(literal) - 1)

static char *put_number(char *next, size_t number)
{
    char digits[DIGITS_MAX];
    int count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0) *next++ = digits[--count];
    return next;
}

static char *put_header(char *next, const struct http_header *header)
{
    next = put(next, header->name.data, header->name.length);
    next = PUT(next, ": ");
    if (header->value.length > 0) next = put(next, header->value.data, header->value.length);
    return PUT(next, "\r\n");
}

static size_t headers_size(const struct http_headers *headers)
{
    size_t size = 0;
    for (size_t i = 0; i < headers->count; i++)
        size += headers->items[i].name.length + headers->items[i].value.length + 4;
    return size;
}

static char *put_framing(char *next, const struct http1_response *response)
{
    if (response->body == HTTP1_SIZED) {
        next = PUT(next, "content-length: ");
        next = put_number(next, response->size);
        next = PUT(next, "\r\n");
    } else if (response->body == HTTP1_CHUNKED) {
        next = PUT(next, "transfer-encoding: chunked\r\n");
    }
    if (!response->connection) return next;
    next = PUT(next, "connection: ");
    next = put(next, response->connection, strlen(response->connection));
    return PUT(next, "\r\n");
}

void http1_put_head(struct buffer *out, struct http_date *date,
                    const struct http1_response *response)
{
    char *start = buffer_reserve(out, FIXED_SIZE_MAX + REASON_SIZE_MAX +
                                          headers_size(response->headers));
    if (!start) return;
    const char *reason = reason_of(response->status);
    struct str now = http_date_now(date);

    char *next = PUT(start, "HTTP/1.1 ");
    next = put_number(next, (size_t)response->status);
    next = PUT(next, " ");
    next = put(next, reason, strlen(reason));
    next = PUT(next, "\r\ndate: ");
    next = put(next, now.data, now.length);
    next = PUT(next, "\r\n");
    for (size_t i = 0; i < response->headers->count; i++)
        if (!http_header_is_ours(response->headers->items[i].name))
            next = put_header(next, &response->headers->items[i]);
    next = put_framing(next, response);
    next = PUT(next, "\r\n");
    out->length += (size_t)(next - start);
}

void http1_put_chunk_size(struct buffer *out, size_t size)
{
    buffer_printf(out, "%zx\r\n", size);
}

void http1_put_end(struct buffer *out, const struct http_headers *trailers)
{
    buffer_append_str(out, STR("0\r\n"));
    if (trailers) {
        char *start = buffer_reserve(out, headers_size(trailers));
        char *next = start;
        for (size_t i = 0; start && i < trailers->count; i++)
            if (!http_header_is_ours(trailers->items[i].name))
                next = put_header(next, &trailers->items[i]);
        out->length += (size_t)(next - start);
    }
    buffer_append_str(out, STR("\r\n"));
}
