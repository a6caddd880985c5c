/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of signatures: valid, forged and outdated ones. */
#include "base/test.h"
#include "rpc/identity.h"

static struct arena arena;
static const int64_t now_ms = 1790000000000;

static struct rpc_identity identity_of(int seed)
{
    struct rpc_identity identity = {.has_key = true};

    memset(identity.key, seed, sizeof(identity.key));
    return identity;
}

static struct http_headers signed_headers(const struct rpc_identity *identity)
{
    struct http_headers headers = {0};

    CHECK_OK(http_headers_add(&arena, &headers, STR("x-user-email"), STR("a@example.com")));
    CHECK_OK(http_headers_add(&arena, &headers, STR("x-user-role"), STR("admin")));
    CHECK_OK(http_headers_add(&arena, &headers, STR("x-request-id"), STR("r-1")));
    CHECK_OK(rpc_identity_sign(&arena, identity, STR("/s/m"), now_ms, &headers));
    return headers;
}

static bool good(const struct rpc_identity *identity, const char *path, int64_t at_ms,
                 const struct http_headers *headers)
{
    return rpc_identity_verify(&arena, identity, str_of(path), at_ms, headers);
}

TEST(a_good_signature_proves_the_peer)
{
    arena_init(&arena, 0);
    struct rpc_identity identity = identity_of(1), other = identity_of(2), keyless = {0};
    struct http_headers headers = signed_headers(&identity);

    CHECK(good(&identity, "/s/m", now_ms, &headers));
    CHECK(good(&identity, "/s/m", now_ms + 60000, &headers));
    CHECK(good(&identity, "/s/m", now_ms - 60000, &headers));
    CHECK(!good(&other, "/s/m", now_ms, &headers));
    CHECK(!good(&keyless, "/s/m", now_ms, &headers));
    arena_release(&arena);
}

TEST(an_old_signature_proves_nothing)
{
    arena_init(&arena, 0);
    struct rpc_identity identity = identity_of(1);
    struct http_headers headers = signed_headers(&identity);

    CHECK(!good(&identity, "/s/m", now_ms + 60001, &headers));
    CHECK(!good(&identity, "/s/m", now_ms - 60001, &headers));
    arena_release(&arena);
}

TEST(signed_metadata_cannot_be_changed)
{
    arena_init(&arena, 0);
    struct rpc_identity identity = identity_of(1);
    const char *names[] = {"x-user-email", "x-user-role", "x-device-id", "x-request-id",
                           "x-client-ip"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct http_headers headers = signed_headers(&identity);
        CHECK_OK(http_headers_set(&arena, &headers, str_of(names[i]), STR("other")));
        CHECK(!good(&identity, "/s/m", now_ms, &headers));
    }
    struct http_headers headers = signed_headers(&identity);
    CHECK(!good(&identity, "/s/other", now_ms, &headers));
    http_headers_remove(&headers, "x-user-role");
    CHECK(!good(&identity, "/s/m", now_ms, &headers));
    arena_release(&arena);
}

TEST(malformed_signatures_prove_nothing)
{
    arena_init(&arena, 0);
    struct rpc_identity identity = identity_of(1);
    const char *bad[] = {"",
                         "v1",
                         "v1.",
                         "v1.1790000000000",
                         "v1.1790000000000.",
                         "v2.1.x",
                         "v1.-9223372036854775808.AAAA",
                         "v1.9223372036854775807.AAAA",
                         "v1.1790000000000.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct http_headers headers = signed_headers(&identity);
        CHECK_OK(http_headers_set(&arena, &headers, STR("x-fleet-signature"), str_of(bad[i])));
        CHECK(!good(&identity, "/s/m", now_ms, &headers));
    }
    arena_release(&arena);
}

TEST(the_key_is_64_digits_or_a_file)
{
    arena_init(&arena, 0);
    char directory[] = "/tmp/identity_test_XXXXXX";
    struct rpc_identity identity, again;

    CHECK(mkdtemp(directory) != NULL);
    CHECK(failed(rpc_identity_load(&arena, "abcd", directory, false, &identity)));
    CHECK_OK(rpc_identity_load(&arena,
                               "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
                               directory, false, &identity));
    CHECK_INT(identity.key[31], ==, 0x1f);
    CHECK_OK(rpc_identity_load(&arena, "", directory, false, &identity));
    CHECK_OK(rpc_identity_load(&arena, "", directory, true, &again));
    CHECK(memcmp(identity.key, again.key, sizeof(identity.key)) == 0);
    CHECK(again.trust_everyone && !identity.trust_everyone);
    remove(arena_printf(&arena, "%s/fleet.key", directory));
    remove(directory);
    arena_release(&arena);
}
