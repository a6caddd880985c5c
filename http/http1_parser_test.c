/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the HTTP/1.1 parser and of header lists, without connections. */
#include "base/test.h"
#include "http/http1_parser.h"
#include "http/http1_response.h"

static enum http_refusal parse(struct arena *arena, const char *text, struct http_request *request,
                               struct http1_framing *framing)
{
    struct http1_scan scan = {0};
    size_t size = strlen(text);
    if (http1_scan(&scan, text, size) != HTTP1_HEAD_COMPLETE) return HTTP_REFUSED_MALFORMED;
    return http1_parse_head(arena, arena_memdup(arena, text, size), &scan, request, framing);
}

TEST(finds_the_head_however_it_is_split)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
    for (size_t cut = 0; cut < sizeof(text) - 5; cut++) {
        struct http1_scan scan = {0};
        CHECK(http1_scan(&scan, text, cut) == HTTP1_HEAD_PARTIAL);
        CHECK(http1_scan(&scan, text, sizeof(text) - 1) == HTTP1_HEAD_COMPLETE);
        CHECK_INT(scan.offset, ==, sizeof(text) - 5);
        CHECK_INT(scan.lines, ==, 2);
    }
}

TEST(reads_a_request)
{
    struct arena arena;
    struct http_request request;
    struct http1_framing framing;

    arena_init(&arena, 0);
    CHECK_INT(parse(&arena,
                    "PUT /a%20b?x=1&y HTTP/1.1\r\nHOST: shop:80\r\nX-Empty:\r\nX-Two: \t a b\t \r\n"
                    "Content-Length: 12\r\nConnection: x, Close\r\n\r\n",
                    &request, &framing),
              ==, HTTP_ACCEPTED);
    CHECK(str_is(request.method, "PUT") && str_is(request.target, "/a%20b?x=1&y"));
    CHECK(str_is(request.path, "/a%20b") && str_is(request.query, "x=1&y"));
    CHECK(str_is(request.authority, "shop:80") && request.version == HTTP_1_1);
    CHECK_INT(request.headers.count, ==, 5);
    CHECK(str_is(http_headers_get(&request.headers, "x-two"), "a b"));
    CHECK(http_headers_get(&request.headers, "x-empty").length == 0);
    CHECK(framing.content_length == 12 && framing.has_length && !framing.keep_alive);
    arena_release(&arena);
}

TEST(an_absolute_target_overrides_host)
{
    struct arena arena;
    struct http_request request;
    struct http1_framing framing;

    arena_init(&arena, 0);
    CHECK_INT(parse(&arena, "GET HTTP://b?q HTTP/1.1\r\nHost: a\r\n\r\n", &request, &framing), ==,
              HTTP_REFUSED_TARGET);
    CHECK_INT(parse(&arena, "GET HTTP://b/p?q HTTP/1.1\r\nHost: a\r\n\r\n", &request, &framing), ==,
              HTTP_ACCEPTED);
    CHECK(str_is(request.authority, "b") && str_is(request.path, "/p") &&
          str_is(request.query, "q"));
    CHECK(str_is(http_headers_get(&request.headers, "host"), "b"));
    CHECK_INT(parse(&arena, "GET http://b HTTP/1.1\r\nHost: a\r\n\r\n", &request, &framing), ==,
              HTTP_ACCEPTED);
    CHECK(str_is(request.path, "/"));
    arena_release(&arena);
}

TEST(decodes_chunks_however_they_are_split)
{
    static const char text[] =
        "A;name=\"v\"\r\n0123456789\r\n00001\r\n!\r\n0\r\nX-Sum: 7\r\n\r\nNEXT";
    size_t size = sizeof(text) - 1;

    for (size_t cut = 1; cut < size - 4; cut++) {
        struct arena arena;
        struct http1_decoder decoder;
        struct http_headers trailers = {0};
        char body[64];
        size_t length = 0, offset = 0;

        arena_init(&arena, 0);
        http1_decoder_init(&decoder, &(struct http1_framing){.chunked = true}, 1000);
        for (size_t end = cut; decoder.state != HTTP1_BODY_DONE;) {
            struct str piece;
            size_t used;
            CHECK_INT(http1_decode(&decoder, &arena, str_sized(text + offset, end - offset), &piece,
                                   &used, &trailers),
                      ==, HTTP_ACCEPTED);
            if (piece.length > 0) memcpy(body + length, piece.data, piece.length);
            length += piece.length;
            offset += used;
            if (used == 0) end = size;
        }
        CHECK_INT(offset, ==, size - 4);
        CHECK(str_is(str_sized(body, length), "0123456789!"));
        CHECK(str_is(http_headers_get(&trailers, "x-sum"), "7"));
        arena_release(&arena);
    }
}

TEST(headers_refuse_values_that_would_inject)
{
    struct arena arena;
    struct http_headers headers = {0};

    arena_init(&arena, 0);
    CHECK_OK(http_headers_add(&arena, &headers, STR("x-a"), STR("1")));
    CHECK_OK(http_headers_set(&arena, &headers, STR("x-a"), STR("2")));
    CHECK_INT(headers.count, ==, 1);
    CHECK(failed(http_headers_add(&arena, &headers, STR("x-a"), STR("1\r\nx-b: 2"))));
    CHECK(failed(http_headers_add(&arena, &headers, STR("x-a"), str_sized("a\0b", 3))));
    CHECK(failed(http_headers_add(&arena, &headers, STR("x-a"), STR(" 1"))));
    CHECK(failed(http_headers_add(&arena, &headers, STR("X-A"), STR("1"))));
    CHECK(failed(http_headers_add(&arena, &headers, STR("x a"), STR("1"))));
    CHECK(failed(http_headers_add(&arena, &headers, STR(":path"), STR("1"))));
    CHECK(failed(http_headers_add(&arena, &headers, STR(""), STR("1"))));
    for (int i = 1; i < HTTP_HEADERS_MAX; i++)
        CHECK_OK(http_headers_add(&arena, &headers, STR("x-b"), STR("1")));
    CHECK_INT(http_headers_add(&arena, &headers, STR("x-b"), STR("1")).code, ==,
              STATUS_RESOURCE_EXHAUSTED);
    http_headers_remove(&headers, "x-b");
    CHECK_INT(headers.count, ==, 1);
    arena_release(&arena);
}

TEST(finds_cookies)
{
    struct arena arena;
    struct http_headers headers = {0};

    arena_init(&arena, 0);
    CHECK_OK(
        http_headers_add(&arena, &headers, STR("cookie"), STR("a=1; access-token=x=y;b=\"q\"")));
    CHECK_OK(http_headers_add(&arena, &headers, STR("cookie"), STR("c=3;;d; =e; empty=")));
    CHECK(str_is(http_cookie(&headers, "a"), "1"));
    CHECK(str_is(http_cookie(&headers, "access-token"), "x=y"));
    CHECK(str_is(http_cookie(&headers, "b"), "q"));
    CHECK(str_is(http_cookie(&headers, "c"), "3"));
    CHECK(http_cookie(&headers, "empty").data && http_cookie(&headers, "empty").length == 0);
    CHECK(!http_cookie(&headers, "d").data);
    CHECK(!http_cookie(&headers, "token").data);
    arena_release(&arena);
}

TEST(writes_a_head)
{
    struct buffer out;
    struct http_date date = {0};
    struct http_header items[] = {{STR("x-a"), STR("1")},
                                  {STR("content-length"), STR("99")},
                                  {STR("connection"), STR("upgrade")}};
    struct http_headers headers = {items, 3, 3};

    buffer_init(&out, 10000);
    http1_put_head(&out, &date,
                   &(struct http1_response){.status = 404,
                                            .headers = &headers,
                                            .body = HTTP1_SIZED,
                                            .size = 1234567,
                                            .connection = "close"});
    buffer_append_byte(&out, 0);
    CHECK(strncmp(out.data, "HTTP/1.1 404 Not Found\r\ndate: ", 30) == 0);
    CHECK_STR(out.data + 30 + HTTP_DATE_LENGTH,
              "\r\nx-a: 1\r\ncontent-length: 1234567\r\nconnection: close\r\n\r\n");
    buffer_release(&out);
}
