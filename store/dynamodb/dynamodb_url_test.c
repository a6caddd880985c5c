/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of stores on DynamoDB: what they say, and that nothing else is accepted. */
#include "store/dynamodb/dynamodb_url.h"

#include "base/test.h"
#include "reasons.pb-c.h"

static struct arena arena;

static void read_url(const char *text, struct dynamodb_url *ret_url)
{
    arena_release(&arena);
    arena_init(&arena, 0);
    CHECK_OK(dynamodb_url_parse(&arena, text, ret_url));
}

TEST(a_short_url_has_defaults)
{
    struct dynamodb_url url;

    read_url("dynamodb://", &url);
    CHECK_STR(url.host, "");
    CHECK_STR(url.region, "");
    CHECK_STR(url.prefix, "");
    CHECK_STR(url.cafile, "");
    CHECK(!url.plain);
    CHECK_INT(url.timeout_ms, ==, 2000);
    CHECK_INT(url.connections, ==, 16);
    read_url("dynamodb:///?region=eu-central-1", &url);
    CHECK_STR(url.region, "eu-central-1");
}

TEST(a_url_names_a_host_and_options)
{
    struct dynamodb_url url;

    read_url("dynamodb://127.0.0.1:8000/?tls=off&region=us-east-1&prefix=shop%2da.&timeout=500"
             "&connections=4",
             &url);
    CHECK_STR(url.host, "127.0.0.1:8000");
    CHECK(url.plain);
    CHECK_STR(url.region, "us-east-1");
    CHECK_STR(url.prefix, "shop-a.");
    CHECK_INT(url.timeout_ms, ==, 500);
    CHECK_INT(url.connections, ==, 4);
    read_url("dynamodb://db.example?tls=on&cafile=/etc/ca.pem", &url);
    CHECK_STR(url.host, "db.example");
    CHECK_STR(url.cafile, "/etc/ca.pem");
    read_url("dynamodb://[::1]/", &url);
    CHECK_STR(url.host, "[::1]");
    read_url("dynamodb://[::1]:80/", &url);
    CHECK_STR(url.host, "[::1]:80");
}

TEST(what_is_no_url_of_dynamodb_is_refused)
{
    static const char *const texts[] = {
        "dynamo://x",
        "dynamodb:/",
        "dynamodb://h:0/",
        "dynamodb://h:x/",
        "dynamodb://:8000/",
        "dynamodb://h/table",
        "dynamodb://id:secret@h/",
        "dynamodb:///?tls=off",
        "dynamodb://h/?tls=maybe",
        "dynamodb://h/?tls=off&cafile=x",
        "dynamodb://h/?region=",
        "dynamodb://h/?region=a.evil.example/",
        "dynamodb://h/?prefix=a%20b",
        "dynamodb://h/?prefix=%zz",
        "dynamodb://h/?timeout=0",
        "dynamodb://h/?timeout=5m",
        "dynamodb://h/?connections=17",
        "dynamodb://h/?conections=1",
        "dynamodb://h/?",
    };

    arena_release(&arena);
    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct dynamodb_url url;
        struct status st = dynamodb_url_parse(&arena, texts[i], &url);
        if (!failed(st)) printf("  %s was accepted\n", texts[i]);
        CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
        CHECK_INT(st.reason, ==, ARGOSY__REASON__SETTING_INVALID);
        CHECK(strstr(st.message, "secret") == NULL);
    }
}
