/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures are those that AWS has published: the figures of its test suite for Signature Version
 * 4, and the derived keys of its documentation. */
#include "store/dynamodb/signature.h"

#include "base/encode.h"
#include "base/test.h"

static const char secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
static struct arena arena;

static const char *key_text(const char *date, const char *region, const char *service)
{
    uint8_t key[HMAC_SHA256_SIZE];

    signature_derive_key(secret, date, region, service, key);
    return str_dup(&arena, hex_encode(&arena, str_sized(key, sizeof(key))));
}

TEST(keys_are_derived_as_documented)
{
    arena_init(&arena, 0);
    CHECK_STR(key_text("20120215", "us-east-1", "iam"),
              "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d");
    CHECK_STR(key_text("20150830", "us-east-1", "iam"),
              "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
    arena_release(&arena);
}

TEST(times_are_written_in_utc)
{
    char text[SIGNATURE_TIME_SIZE];

    signature_format_time(1440938160LL * 1000000 + 999999, text);
    CHECK_STR(text, "20150830T123600Z");
}

/* A case of the suite: the request's own headers follow those that all have. */
struct vector {
    const char *name, *method, *query, *service;
    const char *headers[6]; /* names and values */
    const char *body, *signed_headers, *signature;
};

static const struct vector vectors[] = {
    {"get-vanilla",
     "GET",
     "",
     "service",
     {0},
     "",
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-vanilla-query-order-key-case",
     "GET",
     "Param1=value1&Param2=value2",
     "service",
     {0},
     "",
     "host;x-amz-date",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-header-key-duplicate",
     "GET",
     "",
     "service",
     {"my-header1", "value2", "my-header1", "value2", "my-header1", "value1"},
     "",
     "host;my-header1;x-amz-date",
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    {"get-header-value-trim",
     "GET",
     "",
     "service",
     {"my-header1", " value1", "my-header2", " \"a   b   c\""},
     "",
     "host;my-header1;my-header2;x-amz-date",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"post-vanilla",
     "POST",
     "",
     "service",
     {0},
     "",
     "host;x-amz-date",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"post-vanilla-query",
     "POST",
     "Param1=value1",
     "service",
     {0},
     "",
     "host;x-amz-date",
     "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
    {"post-header-key-sort",
     "POST",
     "",
     "service",
     {"my-header1", "value1"},
     "",
     "host;my-header1;x-amz-date",
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
    {"post-header-value-case",
     "POST",
     "",
     "service",
     {"my-header1", "VALUE1"},
     "",
     "host;my-header1;x-amz-date",
     "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
    {"post-x-www-form-urlencoded",
     "POST",
     "",
     "service",
     {"content-type", "application/x-www-form-urlencoded"},
     "Param1=value1",
     "content-type;host;x-amz-date",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
};

/* Unchecked, because the suite has values with white space around them. */
static void add(struct http_headers *headers, const char *name, const char *value)
{
    headers->items[headers->count++] = (struct http_header){str_of(name), str_of(value)};
}

TEST(requests_are_signed_as_in_the_published_suite)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const struct vector *vector = &vectors[i];
        struct http_header items[8];
        struct http_headers headers = {.items = items, .capacity = 8};
        uint8_t key[HMAC_SHA256_SIZE];

        arena_init(&arena, 0);
        signature_derive_key(secret, "20150830", "us-east-1", vector->service, key);
        /* They need not be in order. */
        for (size_t j = 0; j < 6 && vector->headers[j]; j += 2)
            add(&headers, vector->headers[j], vector->headers[j + 1]);
        add(&headers, "x-amz-date", "20150830T123600Z");
        add(&headers, "host", "example.amazonaws.com");
        const struct signature_scope scope = {"AKIDEXAMPLE", key, "20150830T123600Z", "us-east-1",
                                              vector->service};
        const struct signature_request request = {vector->method, "/", vector->query, &headers,
                                                  str_of(vector->body)};
        const char *wanted = arena_printf(
            &arena,
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/%s/aws4_request, "
            "SignedHeaders=%s, Signature=%s",
            vector->service, vector->signed_headers, vector->signature);
        printf("  %s\n", vector->name);
        CHECK_STR(signature_authorize(&arena, &scope, &request), wanted);
        arena_release(&arena);
    }
}
