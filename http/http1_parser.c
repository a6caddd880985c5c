/* SPDX-License-Identifier: Apache-2.0 */
/* A strict parser for HTTP/1.1. See http/http1_parser.h. */
#include "http/http1_parser.h"

#include "http/http_message.h"
#include "http/http_text.h"

enum { METHOD_LENGTH_MAX = 32, LENGTH_DIGITS_MAX = 18, CHUNK_DIGITS_MAX = 15 };

enum http1_scanned http1_scan(struct http1_scan *scan, const char *data, size_t size)
{
    for (;;) {
        const char *line = data + scan->offset;
        const char *end = memchr(line, '\n', size - scan->offset);
        if (!end) return HTTP1_HEAD_PARTIAL;
        if (end == line || end[-1] != '\r') return HTTP1_HEAD_MALFORMED;
        scan->offset = (size_t)(end - data) + 1;
        if (end - line == 1) return HTTP1_HEAD_COMPLETE;
        scan->lines++;
    }
}

/* ---- the request line ---- */

/* The next line without its CR LF; every line of the text must end with both. A CR inside the line
 * is kept, and the line's parser then fails, because no part of a line may contain it. */
static struct str next_line(char **position, const char *end)
{
    char *line = *position;
    char *feed = memchr(line, '\n', (size_t)(end - line));
    *position = feed + 1;
    return str_sized(line, (size_t)(feed - line) - 1);
}

static void split_query(struct http_request *request, struct str path_and_query)
{
    size_t mark = str_find(path_and_query, '?');
    request->path = str_sized(path_and_query.data, mark);
    request->query = mark < path_and_query.length ? str_sized(path_and_query.data + mark + 1,
                                                              path_and_query.length - mark - 1)
                                                  : str_sized("", 0);
}

/* http://authority/path?query (RFC 9112, section 3.2.2). */
static bool parse_absolute(struct http_request *request, struct str target)
{
    struct str rest = target;
    if (rest.length > 7 && str_equal_nocase(str_sized(rest.data, 7), STR("http://")))
        rest = str_sized(rest.data + 7, rest.length - 7);
    else if (rest.length > 8 && str_equal_nocase(str_sized(rest.data, 8), STR("https://")))
        rest = str_sized(rest.data + 8, rest.length - 8);
    else
        return false;

    size_t slash = str_find(rest, '/');
    request->authority = str_sized(rest.data, slash);
    if (!http_text_is_authority(request->authority)) return false;
    if (slash == rest.length)
        split_query(request, STR("/"));
    else
        split_query(request, str_sized(rest.data + slash, rest.length - slash));
    return true;
}

bool http_request_set_target(struct http_request *request, struct str target)
{
    if (!http_text_is_target(target)) return false;
    request->target = target;
    if (target.data[0] == '/') {
        split_query(request, target);
        return true;
    }
    if (str_is(target, "*") && str_is(request->method, "OPTIONS")) {
        split_query(request, target);
        return true;
    }
    return request->version != HTTP_2 && parse_absolute(request, target);
}

static enum http_refusal parse_version(struct str text, enum http_version *ret_version)
{
    if (str_is(text, "HTTP/1.1")) {
        *ret_version = HTTP_1_1;
        return HTTP_ACCEPTED;
    }
    if (str_is(text, "HTTP/1.0")) {
        *ret_version = HTTP_1_0;
        return HTTP_ACCEPTED;
    }
    bool versioned = text.length == 8 && str_starts_with(text, STR("HTTP/")) && text.data[6] == '.';
    return versioned ? HTTP_REFUSED_VERSION : HTTP_REFUSED_MALFORMED;
}

static enum http_refusal parse_request_line(struct str line, struct http_request *request)
{
    size_t space = str_find(line, ' ');
    if (space == line.length || space > METHOD_LENGTH_MAX) return HTTP_REFUSED_MALFORMED;
    request->method = str_sized(line.data, space);
    if (!http_text_is_token(request->method)) return HTTP_REFUSED_MALFORMED;

    struct str rest = str_sized(line.data + space + 1, line.length - space - 1);
    space = str_find(rest, ' ');
    if (space == rest.length) return HTTP_REFUSED_MALFORMED;
    enum http_refusal refusal = parse_version(
        str_sized(rest.data + space + 1, rest.length - space - 1), &request->version);
    if (refusal) return refusal;
    if (str_is(request->method, "CONNECT")) return HTTP_REFUSED_METHOD;
    if (!http_request_set_target(request, str_sized(rest.data, space))) return HTTP_REFUSED_TARGET;
    return HTTP_ACCEPTED;
}

/* ---- header fields ---- */

static struct str trim_blanks(const char *start, const char *end)
{
    while (start < end && (*start == ' ' || *start == '\t')) start++;
    while (end > start && (end[-1] == ' ' || end[-1] == '\t')) end--;
    return str_sized(start, (size_t)(end - start));
}

/* `name: value`, the name lowered in place. With white space before the name (a folded line) or
 * before the colon, the name is not a token. */
static bool parse_field(struct str line, struct http_header *ret_header)
{
    char *start = (char *)(uintptr_t)line.data;
    char *end = start + line.length;
    char *colon = start;
    while (colon < end && *colon != ':') {
        uint8_t lower = http_text_token[(uint8_t)*colon];
        if (!lower) return false;
        *colon++ = (char)lower;
    }
    if (colon == start || colon == end) return false;
    struct str value = trim_blanks(colon + 1, end);
    if (!http_text_is_value(value)) return false;
    *ret_header = (struct http_header){str_sized(start, (size_t)(colon - start)), value};
    return true;
}

static bool parse_digits(struct str text, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (text.length == 0 || text.length > LENGTH_DIGITS_MAX) return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret_value = value;
    return true;
}

static void parse_connection(struct str value, struct http1_framing *framing, bool *close)
{
    struct str option;
    while (str_split(&value, ',', &option)) {
        option = str_trim(option);
        if (str_equal_nocase(option, STR("close"))) *close = true;
        if (str_equal_nocase(option, STR("keep-alive"))) framing->keep_alive = true;
    }
}

/* The framing information in the fields, collected while they are parsed. */
struct framing_fields {
    unsigned lengths, codings, hosts;
    bool close;
    struct str host;
};

static enum http_refusal read_framing_field(const struct http_header *header,
                                            struct framing_fields *fields,
                                            struct http1_framing *framing)
{
    switch (header->name.length) {
    case 4:
        if (!str_is(header->name, "host")) break;
        fields->host = header->value;
        if (++fields->hosts > 1 || !http_text_is_authority(header->value)) return HTTP_REFUSED_HOST;
        break;
    case 6:
        if (!str_is(header->name, "expect")) break;
        if (!str_equal_nocase(header->value, STR("100-continue"))) return HTTP_REFUSED_EXPECTATION;
        framing->expect_continue = true;
        break;
    case 10:
        if (str_is(header->name, "connection"))
            parse_connection(header->value, framing, &fields->close);
        break;
    case 14:
        if (!str_is(header->name, "content-length")) break;
        if (++fields->lengths > 1 || !parse_digits(header->value, &framing->content_length))
            return HTTP_REFUSED_FRAMING;
        framing->has_length = true;
        break;
    case 17:
        if (!str_is(header->name, "transfer-encoding")) break;
        if (++fields->codings > 1) return HTTP_REFUSED_FRAMING;
        if (!str_equal_nocase(header->value, STR("chunked"))) return HTTP_REFUSED_CODING;
        framing->chunked = true;
        break;
    default: break;
    }
    return HTTP_ACCEPTED;
}

/* RFC 9112, sections 3.2, 6.1 and 9.3. A target in absolute form overrides Host, so handlers see
 * only one of them. */
static enum http_refusal settle_head(struct http_request *request, struct http1_framing *framing,
                                     const struct framing_fields *fields)
{
    if (framing->chunked && (framing->has_length || request->version == HTTP_1_0))
        return HTTP_REFUSED_FRAMING;
    if (fields->hosts == 0 && request->version == HTTP_1_1) return HTTP_REFUSED_HOST;
    if (request->authority.length == 0) {
        request->authority = fields->host;
    } else {
        for (size_t i = 0; i < request->headers.count; i++)
            if (str_is(request->headers.items[i].name, "host"))
                request->headers.items[i].value = request->authority;
    }
    if (request->version == HTTP_1_1)
        framing->keep_alive = true;
    else
        framing->expect_continue = false;
    if (fields->close) framing->keep_alive = false;
    return HTTP_ACCEPTED;
}

enum http_refusal http1_parse_head(struct arena *arena, char *head, const struct http1_scan *scan,
                                   struct http_request *ret_request,
                                   struct http1_framing *ret_framing)
{
    struct http_request request = {.scheme = STR("http"), .authority = STR("")};
    struct http1_framing framing = {0};
    struct framing_fields fields = {.host = STR("")};
    char *position = head;
    const char *end = head + scan->offset;

    invariant(scan->offset >= 4 && scan->lines >= 1);
    enum http_refusal refusal = parse_request_line(next_line(&position, end), &request);
    if (refusal) return refusal;
    if (scan->lines - 1 > HTTP_HEADERS_MAX) return HTTP_REFUSED_HEADER_SIZE;

    http_headers_reserve(arena, &request.headers, scan->lines - 1);
    for (size_t i = 1; i < scan->lines; i++) {
        struct http_header *header = &request.headers.items[request.headers.count++];
        if (!parse_field(next_line(&position, end), header)) return HTTP_REFUSED_MALFORMED;
        refusal = read_framing_field(header, &fields, &framing);
        if (refusal) return refusal;
    }
    refusal = settle_head(&request, &framing, &fields);
    if (refusal) return refusal;
    *ret_request = request;
    *ret_framing = framing;
    return HTTP_ACCEPTED;
}

/* ---- bodies ---- */

void http1_decoder_init(struct http1_decoder *decoder, const struct http1_framing *framing,
                        size_t trailer_size_max)
{
    *decoder = (struct http1_decoder){.trailer_size_max = trailer_size_max};
    decoder->remaining = framing->content_length;
    if (framing->chunked)
        decoder->state = HTTP1_BODY_CHUNK_SIZE;
    else
        decoder->state = framing->content_length ? HTTP1_BODY_LENGTH : HTTP1_BODY_DONE;
}

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9') return byte - '0';
    if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
    return -1;
}

/* chunk-size [ chunk-ext ] CR LF (RFC 9112, section 7.1.1). Extensions, which may have white space
 * before their semicolon, must be printable and are otherwise ignored. */
static enum http_refusal decode_chunk_size(struct http1_decoder *decoder, struct str data,
                                           size_t *ret_used)
{
    size_t window = data.length < HTTP1_CHUNK_LINE_MAX ? data.length : HTTP1_CHUNK_LINE_MAX;
    size_t line = str_find(str_sized(data.data, window), '\n');
    if (line == window)
        return window == HTTP1_CHUNK_LINE_MAX ? HTTP_REFUSED_FRAMING : HTTP_ACCEPTED;
    if (line < 2 || data.data[line - 1] != '\r') return HTTP_REFUSED_FRAMING;

    uint64_t size = 0;
    size_t digits = 0;
    while (digits < line - 1 && hex_digit(data.data[digits]) >= 0)
        size = size * 16 + (uint64_t)hex_digit(data.data[digits++]);
    if (digits == 0 || digits > CHUNK_DIGITS_MAX) return HTTP_REFUSED_FRAMING;
    size_t blanks = digits;
    while (blanks < line - 1 && (data.data[blanks] == ' ' || data.data[blanks] == '\t')) blanks++;
    struct str extension = str_sized(data.data + blanks, line - 1 - blanks);
    if (blanks > digits && extension.length == 0) return HTTP_REFUSED_FRAMING;
    if (extension.length > 0 && (extension.data[0] != ';' || !http_text_is_value(extension)))
        return HTTP_REFUSED_FRAMING;

    decoder->remaining = size;
    decoder->state = size ? HTTP1_BODY_CHUNK : HTTP1_BODY_TRAILERS;
    *ret_used = line + 1;
    return HTTP_ACCEPTED;
}

static enum http_refusal decode_chunk_end(struct http1_decoder *decoder, struct str data,
                                          size_t *ret_used)
{
    if (data.length >= 1 && data.data[0] != '\r') return HTTP_REFUSED_FRAMING;
    if (data.length < 2) return HTTP_ACCEPTED;
    if (data.data[1] != '\n') return HTTP_REFUSED_FRAMING;
    decoder->state = HTTP1_BODY_CHUNK_SIZE;
    *ret_used = 2;
    return HTTP_ACCEPTED;
}

/* Fields that affect framing or routing must not be in trailers (RFC 9110, section 6.5.1) and are
 * refused. */
static bool is_forbidden_trailer(struct str name)
{
    return str_is(name, "content-length") || str_is(name, "transfer-encoding") ||
           str_is(name, "host") || str_is(name, "trailer") || str_is(name, "connection");
}

static enum http_refusal decode_trailers(struct http1_decoder *decoder, struct arena *arena,
                                         struct str data, size_t *ret_used,
                                         struct http_headers *trailers)
{
    switch (http1_scan(&decoder->scan, data.data, data.length)) {
    case HTTP1_HEAD_MALFORMED: return HTTP_REFUSED_MALFORMED;
    case HTTP1_HEAD_PARTIAL:
        return data.length > decoder->trailer_size_max ? HTTP_REFUSED_HEADER_SIZE : HTTP_ACCEPTED;
    case HTTP1_HEAD_COMPLETE: break;
    }
    size_t length = decoder->scan.offset;
    if (length > decoder->trailer_size_max) return HTTP_REFUSED_HEADER_SIZE;
    char *block = arena_memdup(arena, data.data, length);
    char *position = block;
    for (size_t i = 0; i < decoder->scan.lines; i++) {
        struct http_header header;
        if (!parse_field(next_line(&position, block + length), &header))
            return HTTP_REFUSED_MALFORMED;
        if (is_forbidden_trailer(header.name)) return HTTP_REFUSED_FRAMING;
        if (!http_headers_push(arena, trailers, header)) return HTTP_REFUSED_HEADER_SIZE;
    }
    decoder->state = HTTP1_BODY_DONE;
    *ret_used = length;
    return HTTP_ACCEPTED;
}

static void decode_bytes(struct http1_decoder *decoder, struct str data, struct str *ret_piece,
                         size_t *ret_used)
{
    size_t size = data.length < decoder->remaining ? data.length : (size_t)decoder->remaining;
    *ret_piece = str_sized(data.data, size);
    *ret_used = size;
    decoder->remaining -= size;
    if (decoder->remaining > 0) return;
    decoder->state = decoder->state == HTTP1_BODY_CHUNK ? HTTP1_BODY_CHUNK_END : HTTP1_BODY_DONE;
}

enum http_refusal http1_decode(struct http1_decoder *decoder, struct arena *arena, struct str data,
                               struct str *ret_piece, size_t *ret_used,
                               struct http_headers *trailers)
{
    *ret_piece = (struct str){0};
    *ret_used = 0;
    switch (decoder->state) {
    case HTTP1_BODY_LENGTH:
    case HTTP1_BODY_CHUNK: decode_bytes(decoder, data, ret_piece, ret_used); return HTTP_ACCEPTED;
    case HTTP1_BODY_CHUNK_SIZE: return decode_chunk_size(decoder, data, ret_used);
    case HTTP1_BODY_CHUNK_END: return decode_chunk_end(decoder, data, ret_used);
    case HTTP1_BODY_TRAILERS: return decode_trailers(decoder, arena, data, ret_used, trailers);
    case HTTP1_BODY_DONE: break;
    }
    return HTTP_ACCEPTED;
}
