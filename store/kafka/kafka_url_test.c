/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of Kafka clusters: what they say, and that nothing else is accepted. */
#include "store/kafka/kafka_url.h"

#include "base/test.h"
#include "reasons.pb-c.h"

static struct arena arena;

static void read_url(const char *text, struct kafka_url *ret_url)
{
    arena_release(&arena);
    arena_init(&arena, 0);
    CHECK_OK(kafka_url_parse(&arena, text, ret_url));
}

TEST(a_short_url_has_defaults)
{
    struct kafka_url url;

    read_url("kafka://broker", &url);
    CHECK_STR(url.hosts, "broker:9092");
    CHECK(!url.tls);
    CHECK_STR(url.user, "");
    CHECK_STR(url.sasl, "");
    CHECK_STR(url.prefix, "");
    CHECK_INT(url.timeout_ms, ==, 10000);
    CHECK_INT(url.session_ms, ==, 10000);
    CHECK_INT(url.patience_ms, ==, 60000);
    read_url("kafka://broker/?session=90000", &url);
    CHECK_INT(url.patience_ms, ==, 90000);
    arena_release(&arena);
}

TEST(a_url_names_hosts_credentials_and_options)
{
    struct kafka_url url;

    read_url("kafka://shop:s%40cr%3At/@a:1,[::1],c?tls=1&cafile=/etc/ca.pem&sasl=plain&prefix=t1."
             "&timeout=2000&session=3000&patience=4000&certfile=c&keyfile=k",
             &url);
    CHECK_STR(url.hosts, "a:1,[::1]:9092,c:9092");
    CHECK(url.tls);
    CHECK_STR(url.user, "shop");
    CHECK_STR(url.password, "s@cr:t/");
    CHECK_STR(url.sasl, "PLAIN");
    CHECK_STR(url.cafile, "/etc/ca.pem");
    CHECK_STR(url.certfile, "c");
    CHECK_STR(url.keyfile, "k");
    CHECK_STR(url.prefix, "t1.");
    CHECK_INT(url.timeout_ms, ==, 2000);
    CHECK_INT(url.session_ms, ==, 3000);
    CHECK_INT(url.patience_ms, ==, 4000);

    read_url("kafka://h?user=shop&passwordfile=/run/secret", &url);
    CHECK_STR(url.user, "shop");
    CHECK_STR(url.passwordfile, "/run/secret");
    CHECK_STR(url.sasl, "SCRAM-SHA-512");
    arena_release(&arena);
}

TEST(what_is_no_url_is_refused_without_its_password)
{
    static const char *const urls[] = {
        "",
        "kafka:",
        "kafka:/h",
        "http://h",
        "kafka://",
        "kafka:///",
        "kafka://h:0",
        "kafka://h:65536",
        "kafka://h,",
        "kafka://::1",
        "kafka://h/topic",
        "kafka://u@h",
        "kafka://:secret@h",
        "kafka://u:secret%zz@h",
        "kafka://u:secret%00@h",
        "kafka://u:secret%0a@h",
        "kafka://h?",
        "kafka://h?nonsense=1",
        "kafka://h?tls=yes",
        "kafka://h?sasl=plain",
        "kafka://u:secret@h?sasl=gssapi",
        "kafka://u:secret@h?passwordfile=/x",
        "kafka://h?passwordfile=/x",
        "kafka://h?cafile=/etc/ca.pem",
        "kafka://h?tls=1&certfile=c",
        "kafka://h?prefix=a/b",
        "kafka://h?timeout=0",
        "kafka://h?timeout=120001",
        "kafka://h?session=10",
        "kafka://h?patience=10",
        "kafka://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q",
    };
    struct kafka_url url;

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        arena_init(&arena, 0);
        struct status st = kafka_url_parse(&arena, urls[i], &url);
        if (!failed(st)) printf("  %s\n", urls[i]);
        CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
        CHECK_INT(st.reason, ==, ARGOSY__REASON__SETTING_INVALID);
        CHECK(!strstr(st.message, "secret"));
        arena_release(&arena);
    }
}
