/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of Redis servers: what they say, and that nothing else is accepted. */
#include "store/redis/redis_url.h"

#include "base/test.h"
#include "reasons.pb-c.h"

static struct arena arena;

static void read_url(const char *text, struct redis_url *ret_url)
{
    arena_release(&arena);
    arena_init(&arena, 0);
    CHECK_OK(redis_url_parse(&arena, text, ret_url));
}

TEST(a_short_url_has_defaults)
{
    struct redis_url url;

    read_url("redis://cache", &url);
    CHECK(!url.tls && !url.sentinel);
    CHECK_INT(url.host_count, ==, 1);
    CHECK_STR(url.hosts[0], "cache:6379");
    CHECK_STR(url.user, "");
    CHECK_STR(url.password, "");
    CHECK_STR(url.prefix, "");
    CHECK_INT(url.database, ==, 0);
    CHECK_INT(url.wait, ==, 0);
    CHECK_INT(url.timeout_ms, ==, 2000);
    CHECK_INT(url.connections, ==, 8);
    arena_release(&arena);
}

TEST(a_url_names_hosts_credentials_database_and_options)
{
    struct redis_url url;

    read_url("rediss://shop:s%40cr%3At@[::1],b:7000/3?cafile=/etc/ca.pem&wait=2&prefix=shop%3a"
             "&timeout=500&connections=4&certfile=c&keyfile=k",
             &url);
    CHECK(url.tls && !url.sentinel);
    CHECK_INT(url.host_count, ==, 2);
    CHECK_STR(url.hosts[0], "[::1]:6379");
    CHECK_STR(url.hosts[1], "b:7000");
    CHECK_STR(url.user, "shop");
    CHECK_STR(url.password, "s@cr:t");
    CHECK_INT(url.database, ==, 3);
    CHECK_STR(url.cafile, "/etc/ca.pem");
    CHECK_STR(url.certfile, "c");
    CHECK_STR(url.keyfile, "k");
    CHECK_INT(url.wait, ==, 2);
    CHECK_STR(url.prefix, "shop:");
    CHECK_INT(url.timeout_ms, ==, 500);
    CHECK_INT(url.connections, ==, 4);

    read_url("redis://:p@ss/word@h:1/2", &url);
    CHECK_STR(url.user, "");
    CHECK_STR(url.password, "p@ss/word");
    CHECK_STR(url.hosts[0], "h:1");
    CHECK_INT(url.database, ==, 2);
    arena_release(&arena);
}

TEST(sentinels_are_asked_for_a_master)
{
    struct redis_url url;

    read_url("redis+sentinel://:pw@h1,h2:26380/shop/5", &url);
    CHECK(url.sentinel && !url.tls);
    CHECK_STR(url.hosts[0], "h1:26379");
    CHECK_STR(url.hosts[1], "h2:26380");
    CHECK_STR(url.master, "shop");
    CHECK_INT(url.database, ==, 5);
    read_url("rediss+sentinel://h1/shop", &url);
    CHECK(url.sentinel && url.tls);
    arena_release(&arena);
}

TEST(what_is_no_url_is_refused_without_its_password)
{
    static const char *const urls[] = {
        "",
        "redis:",
        "redis:/h",
        "http://h",
        "redis://",
        "redis:///1",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:port",
        "redis://h,",
        "redis://::1",
        "redis://[::1",
        "redis://h/one",
        "redis://h/-1",
        "redis://h/99999",
        "redis://h/1/2",
        "redis://secret@h",
        "redis://u:secret%zz@h",
        "redis://u:secret%00@h",
        "redis://h?nonsense=1",
        "redis://h?wait=-1",
        "redis://h?wait=33",
        "redis://h?wait=two",
        "redis://h?timeout=0",
        "redis://h?connections=17",
        "redis://h?connections=0",
        "redis://h?prefix={a}",
        "redis://h?cafile=/etc/ca.pem",
        "rediss://h?certfile=c",
        "redis://h?",
        "redis+sentinel://h",
        "redis+sentinel://h/",
        "redis+sentinel://h//1",
        "redis+sentinel://h/shop/x",
        "redis://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q",
    };
    struct redis_url url;

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        arena_init(&arena, 0);
        struct status st = redis_url_parse(&arena, urls[i], &url);
        if (!failed(st)) printf("  %s\n", urls[i]);
        CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
        CHECK_INT(st.reason, ==, ARGOSY__REASON__SETTING_INVALID);
        CHECK(!strstr(st.message, "secret"));
        arena_release(&arena);
    }
}
