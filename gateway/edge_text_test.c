/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the gateway's small parsers: cookies, addresses of proxies, times. */
#include "base/test.h"
#include "gateway/cookies.h"
#include "gateway/proxies.h"
#include "base/time_text.h"

static struct arena arena;

static const char *text_of(struct str s)
{
    return arena_strndup(&arena, s.data, s.length);
}

TEST(secure_is_taken_out_of_cookies)
{
    arena_init(&arena, 0);
    CHECK_STR(
        text_of(cookie_without_secure(&arena, STR("a=b; Path=/; HttpOnly; Secure; Max-Age=5"))),
        "a=b; Path=/; HttpOnly; Max-Age=5");
    CHECK_STR(text_of(cookie_without_secure(&arena, STR("a=b;secure"))), "a=b");
    CHECK_STR(text_of(cookie_without_secure(&arena, STR("secure=secure; Path=/"))),
              "secure=secure; Path=/");
    CHECK_STR(text_of(cookie_without_secure(&arena, STR("secure"))), "secure");
    CHECK_STR(text_of(cookie_without_secure(&arena, STR("a=b; Secure=1"))), "a=b; Secure=1");
    CHECK_STR(text_of(cookie_without_secure(&arena, STR(";;SECURE;"))), ";;");
    CHECK_STR(text_of(cookie_without_secure(&arena, STR(""))), "");
    CHECK_STR(text_of(cookie_name(STR("access-token=x; Path=/"))), "access-token");
    CHECK_STR(text_of(cookie_name(STR("nothing"))), "");
    arena_release(&arena);
}

static struct http_headers lines;

static void add_line(const char *name, const char *value)
{
    CHECK_OK(http_headers_add(&arena, &lines, str_of(name), str_of(value)));
}

static struct origin origin(const char *trusted, const char *peer)
{
    struct proxies proxies;
    struct origin found;
    struct str bad;

    CHECK(proxies_parse(str_of(trusted), &proxies, &bad));
    proxies_origin(&proxies, &arena, peer, &lines, &found);
    lines = (struct http_headers){0};
    return found;
}

static const char *client(const char *trusted, const char *peer, const char *forwarded)
{
    add_line("x-forwarded-for", forwarded);
    return origin(trusted, peer).client;
}

TEST(clients_behind_proxies)
{
    arena_init(&arena, 0);
    CHECK_STR(client("", "1.1.1.1", "2.2.2.2"), "1.1.1.1");
    CHECK_STR(client("10.0.0.0/8", "1.1.1.1", "2.2.2.2"), "1.1.1.1");
    CHECK_STR(client("10.0.0.0/8", "10.1.1.1", "2.2.2.2"), "2.2.2.2");
    CHECK_STR(client("10.0.0.0/8", "10.1.1.1", "3.3.3.3, 2.2.2.2 ,10.2.2.2"), "2.2.2.2");
    CHECK_STR(client("10.0.0.0/8", "10.1.1.1", ""), "10.1.1.1");
    CHECK_STR(client("10.0.0.0/8", "10.1.1.1", "10.3.3.3"), "10.3.3.3");
    CHECK_STR(client("10.0.0.0/8", "10.1.1.1", "x, 10.3.3.3"), "10.3.3.3");
    CHECK_STR(client("::1, fd00::/8,172.16.0.0/12", "::1", "2001:db8::5, fd12::1, 172.31.0.1"),
              "2001:db8::5");
    CHECK_STR(client("172.16.0.0/12", "172.32.0.1", "2.2.2.2"), "172.32.0.1");
    CHECK_STR(client("127.0.0.1", "loopback", "2.2.2.2"), "loopback");
    arena_release(&arena);
}

TEST(forwarded_for_in_two_lines_is_one_list)
{
    arena_init(&arena, 0);
    add_line("x-forwarded-for", "6.6.6.6");
    add_line("accept", "x");
    add_line("x-forwarded-for", "1.2.3.4, 10.2.2.2");
    CHECK_STR(origin("10.0.0.0/8", "10.1.1.1").client, "1.2.3.4");
    add_line("x-forwarded-for", "6.6.6.6, 1.2.3.4");
    add_line("x-forwarded-for", "10.2.2.2,,");
    add_line("x-forwarded-for", ", ,");
    CHECK_STR(origin("10.0.0.0/8", "10.1.1.1").client, "1.2.3.4");
    arena_release(&arena);
}

TEST(forwarded_addresses_may_have_ports)
{
    arena_init(&arena, 0);
    CHECK_STR(client("10.0.0.0/8", "10.1.1.1", "2.2.2.2:4711, 10.2.2.2:80"), "2.2.2.2");
    CHECK_STR(client("10.0.0.0/8", "10.1.1.1", "[2001:db8::5]:4711"), "2001:db8::5");
    CHECK_STR(client("10.0.0.0/8", "::ffff:10.1.1.1", "[2001:DB8::5]"), "2001:db8::5");
    CHECK_STR(client("10.0.0.0/8", "10.1.1.1", "2.2.2.2, unknown"), "10.1.1.1");
    arena_release(&arena);
}

static bool https(const char *peer, const char *forwarded, const char *proto)
{
    add_line("x-forwarded-for", forwarded);
    add_line("x-forwarded-proto", proto);
    return origin("10.0.0.0/8", peer).https;
}

TEST(a_trusted_proxy_says_that_the_client_speaks_https)
{
    arena_init(&arena, 0);
    CHECK(https("10.1.1.1", "2.2.2.2", "https"));
    CHECK(https("10.1.1.1", "2.2.2.2", "HTTPS"));
    CHECK(https("10.1.1.1", "", "https"));
    CHECK(!https("1.1.1.1", "2.2.2.2", "https"));
    CHECK(!https("10.1.1.1", "2.2.2.2", "http"));
    CHECK(!https("10.1.1.1", "2.2.2.2", "https, http")); /* the first is the client's own */
    CHECK(https("10.1.1.1", "2.2.2.2, 10.2.2.2", "https, http"));
    CHECK(https("10.1.1.1", "2.2.2.2, 10.2.2.2", "https"));
    arena_release(&arena);
}

TEST(malformed_networks_are_refused)
{
    static const char *const texts[] = {"x",      "10.0.0.0/33", "10.0.0.0/-1",      "10.0.0.0/",
                                        "::/129", "10.0.0",      "1.1.1.1,,2.2.2.2", "/8"};
    struct proxies proxies;
    struct str bad;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        CHECK(!proxies_parse(str_of(texts[i]), &proxies, &bad));
}

static const char *again(const char *time)
{
    static char text[TIME_TEXT_SIZE + 1];
    int64_t seconds;
    int32_t nanos;

    if (!timestamp_parse(str_of(time), &seconds, &nanos)) return "refused";
    text[timestamp_format(seconds, nanos, text)] = '\0';
    return text;
}

TEST(timestamps)
{
    CHECK_STR(again("1970-01-01T00:00:00Z"), "1970-01-01T00:00:00Z");
    CHECK_STR(again("1969-12-31T23:59:59.999999999Z"), "1969-12-31T23:59:59.999999999Z");
    CHECK_STR(again("2000-02-29T12:00:00.5Z"), "2000-02-29T12:00:00.500Z");
    CHECK_STR(again("1900-03-01T00:00:00.000001Z"), "1900-03-01T00:00:00.000001Z");
    CHECK_STR(again("2026-01-01T00:30:00+01:00"), "2025-12-31T23:30:00Z");
    CHECK_STR(again("1900-02-29T00:00:00Z"), "refused");
    CHECK_STR(again("2026-13-01T00:00:00Z"), "refused");
    CHECK_STR(again("2026-00-01T00:00:00Z"), "refused");
    CHECK_STR(again("2026-01-01T24:00:00Z"), "refused");
    CHECK_STR(again("2026-01-01T00:00:60Z"), "refused");
    CHECK_STR(again("2026-01-01t00:00:00z"), "refused");
    CHECK_STR(again("2026-01-01T00:00:00+24:00"), "refused");
    CHECK_STR(again("0000-01-01T00:00:00Z"), "refused");
    CHECK_STR(again("9999-12-31T23:59:59-00:01"), "refused");
    CHECK_STR(again("2026-1-01T00:00:00Z"), "refused");
    CHECK_STR(again("2026-01-01T00:00:00ZZ"), "refused");
    CHECK_STR(again(""), "refused");

    char text[TIME_TEXT_SIZE];
    CHECK_INT(timestamp_format(INT64_MAX, 0, text), ==, 0);
    CHECK_INT(timestamp_format(0, -1, text), ==, 0);
    CHECK_INT(timestamp_format(0, 1000000000, text), ==, 0);
}

static const char *duration_again(const char *duration)
{
    static char text[TIME_TEXT_SIZE + 1];
    int64_t seconds;
    int32_t nanos;

    if (!duration_parse(str_of(duration), &seconds, &nanos)) return "refused";
    text[duration_format(seconds, nanos, text)] = '\0';
    return text;
}

TEST(durations)
{
    CHECK_STR(duration_again("0s"), "0s");
    CHECK_STR(duration_again("1.5s"), "1.500s");
    CHECK_STR(duration_again("-0.000000001s"), "-0.000000001s");
    CHECK_STR(duration_again("315576000000s"), "315576000000s");
    CHECK_STR(duration_again("-315576000000s"), "-315576000000s");
    CHECK_STR(duration_again("315576000000.1s"), "refused");
    CHECK_STR(duration_again("1"), "refused");
    CHECK_STR(duration_again("s"), "refused");
    CHECK_STR(duration_again(".5s"), "refused");
    CHECK_STR(duration_again("1.s"), "refused");
    CHECK_STR(duration_again("+1s"), "refused");
    CHECK_STR(duration_again("--1s"), "refused");
    CHECK_STR(duration_again("99999999999999s"), "refused");

    char text[TIME_TEXT_SIZE];
    CHECK_INT(duration_format(1, -1, text), ==, 0);
    CHECK_INT(duration_format(INT64_MIN, 0, text), ==, 0);
}
