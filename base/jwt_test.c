/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of tokens: rotation of keys, types, and everything that must be refused. */
#include "base/jwt.h"

#include "base/encode.h"
#include "base/hmac.h"
#include "base/random.h"
#include "base/test.h"
#include "reasons.pb-c.h"

enum { NOW_S = 1900000000 };

static struct arena arena;
static struct jwt_keys keys;

static void use_keys(const char *text)
{
    const char *error = "";

    arena_release(&arena);
    arena_init(&arena, 0);
    CHECK(jwt_keys_parse(str_of(text), &keys, &error));
}

#define KEY "0123456789abcdef0123456789abcdef"
#define KEY_2 "fedcba9876543210fedcba9876543210"
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS                                                                            \
    "{\"Email\":\"ann@example.com\",\"Role\":\"customer\",\"device_id\":\"d-1\",\"exp\":" \
    "2000000000}"

/* A token of any header and claims, signed with the first key. */
static struct str token_of(const char *header, const char *claims)
{
    uint8_t mac[HMAC_SHA256_SIZE];
    struct str head = base64url_encode(&arena, str_of(header));
    struct str body = base64url_encode(&arena, str_of(claims));
    char *text = arena_printf(&arena, "%.*s.%.*s", STR_ARGS(head), STR_ARGS(body));

    hmac_sha256(str_sized(keys.keys[0].secret, keys.keys[0].size), str_of(text), mac);
    struct str signature = base64url_encode(&arena, str_sized(mac, sizeof(mac)));
    return str_of(arena_printf(&arena, "%s.%.*s", text, STR_ARGS(signature)));
}

/* The reason of the refusal; 0 if the token is good. */
static int reason_of(struct str token)
{
    struct jwt_claims claims;
    struct status st = jwt_verify(&arena, &keys, token, "access", NOW_S, &claims);

    EXPECT(!failed(st) || st.code == STATUS_UNAUTHENTICATED);
    EXPECT(failed(st) == (st.reason != 0));
    return st.reason;
}

/* Made with Python's hmac, json and base64. */
TEST(tokens_of_others_are_verified)
{
    struct jwt_claims claims;

    use_keys("k1:" KEY ",k2:" KEY_2);
    CHECK_OK(jwt_verify(&arena, &keys,
                        STR("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
                            "eyJFbWFpbCI6ImFubkBleGFtcGxlLmNvbSIsIlJvbGUiOiJjdXN0b21lciIsImRldmljZV"
                            "9pZCI6ImQtMSIsImV4cCI6MjAwMDAwMDAwMH0."
                            "tmxJ3Ryn9Cmd3LSGvP4BpxnS-KBce7nlfbPQxsxcASo"),
                        "access", NOW_S, &claims));
    CHECK(str_is(claims.email, "ann@example.com"));
    CHECK(str_is(claims.role, "customer"));
    CHECK(str_is(claims.device_id, "d-1"));
    CHECK_INT(claims.expires_s, ==, 2000000000);
    CHECK_INT(claims.type.length, ==, 0);

    CHECK_OK(jwt_verify(&arena, &keys,
                        STR("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsyIn0."
                            "eyJFbWFpbCI6ImJvYkBleGFtcGxlLmNvbSIsIlJvbGUiOiJzZWxsZXIiLCJkZXZpY2VfaW"
                            "QiOiJkLTIiLCJleHAiOjIwMDAwMDAwMDAsImlhdCI6MTk5OTk5OTcwMCwidHlwIjoicmVm"
                            "cmVzaCIsImp0aSI6ImotMSJ9.5yXk9pDJ0Hiqce9h8Robt48FlhB3aW8xzpTfcehud84"),
                        "refresh", NOW_S, &claims));
    CHECK(str_is(claims.email, "bob@example.com"));
    CHECK(str_is(claims.type, "refresh"));
    CHECK(str_is(claims.id, "j-1"));
    CHECK_INT(claims.issued_s, ==, 1999999700);
}

/* RFC 7515, appendix A.1: the signature is right (another key would make it a forgery), and the
 * claims are not ours. */
TEST(the_signature_of_the_rfc_is_right)
{
    struct str token = STR(
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
        "bS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    struct str secret;

    use_keys(KEY);
    CHECK_INT(reason_of(token), ==, ARGOSY__REASON__TOKEN_FORGED);
    CHECK(
        base64url_decode(&arena,
                         STR("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4h"
                             "cgUuTwjAzZr1Z9CAow"),
                         &secret));
    memcpy(keys.keys[0].secret, secret.data, secret.length);
    keys.keys[0].size = secret.length;
    CHECK_INT(reason_of(token), ==, ARGOSY__REASON__TOKEN_MALFORMED);
}

static struct jwt_claims sample(const char *type)
{
    return (struct jwt_claims){
        .email = STR("ann \"a\" \xc3\xa9@example.com"),
        .role = STR("seller"),
        .device_id = STR("phone"),
        .type = str_of(type),
        .id = STR("j-9"),
        .issued_s = NOW_S - 10,
        .expires_s = NOW_S + 10,
    };
}

TEST(what_is_signed_is_verified)
{
    struct jwt_claims claims = sample("refresh"), read;
    static const char *const texts[] = {KEY, "one:" KEY, "one:" KEY ",two:" KEY_2};

    for (size_t i = 0; i < 3; i++) {
        use_keys(texts[i]);
        struct str token = jwt_sign(&arena, &keys, &claims);
        CHECK_OK(jwt_verify(&arena, &keys, token, "refresh", NOW_S, &read));
        CHECK(str_equal(read.email, claims.email));
        CHECK(str_equal(read.role, claims.role));
        CHECK(str_equal(read.device_id, claims.device_id));
        CHECK(str_equal(read.type, claims.type));
        CHECK(str_equal(read.id, claims.id));
        CHECK_INT(read.issued_s, ==, claims.issued_s);
        CHECK_INT(read.expires_s, ==, claims.expires_s);
    }
}

TEST(keys_can_be_rotated)
{
    struct jwt_claims claims = sample("access");

    use_keys("old:" KEY);
    struct str token = jwt_sign(&arena, &keys, &claims);
    const char *error;
    CHECK(jwt_keys_parse(STR("new:" KEY_2 ",old:" KEY), &keys, &error));
    CHECK_INT(reason_of(token), ==, 0);
    CHECK(jwt_keys_parse(STR("new:" KEY_2), &keys, &error));
    CHECK_INT(reason_of(token), ==, ARGOSY__REASON__TOKEN_FORGED);
    CHECK(jwt_keys_parse(STR("old:" KEY_2), &keys, &error));
    CHECK_INT(reason_of(token), ==, ARGOSY__REASON__TOKEN_FORGED);
}

TEST(giving_the_keys_ids_refuses_no_token_from_before)
{
    struct jwt_claims claims = sample("access");
    const char *error;

    use_keys(KEY);
    struct str token = jwt_sign(&arena, &keys, &claims);
    CHECK(jwt_keys_parse(STR("new:" KEY_2 ",old:" KEY), &keys, &error));
    CHECK_INT(reason_of(token), ==, 0);
    CHECK(jwt_keys_parse(STR("new:" KEY_2), &keys, &error));
    CHECK_INT(reason_of(token), ==, ARGOSY__REASON__TOKEN_FORGED);
}

TEST(times_are_kept)
{
    use_keys(KEY);
    CHECK_INT(reason_of(token_of(HEADER, "{\"Email\":\"a\",\"exp\":1900000001}")), ==, 0);
    CHECK_INT(reason_of(token_of(HEADER, "{\"Email\":\"a\",\"exp\":1.9000000015e9}")), ==, 0);
    CHECK_INT(reason_of(token_of(HEADER, "{\"Email\":\"a\",\"exp\":1900000000}")), ==,
              ARGOSY__REASON__TOKEN_EXPIRED);
    CHECK_INT(reason_of(token_of(HEADER, "{\"Email\":\"a\",\"exp\":-5}")), ==,
              ARGOSY__REASON__TOKEN_EXPIRED);
    CHECK_INT(reason_of(token_of(HEADER, "{\"Email\":\"a\",\"exp\":2e9,\"nbf\":1900000000}")), ==,
              0);
    CHECK_INT(reason_of(token_of(HEADER, "{\"Email\":\"a\",\"exp\":2e9,\"nbf\":1900000001}")), ==,
              ARGOSY__REASON__TOKEN_EXPIRED);
}

TEST(one_type_is_not_accepted_as_another)
{
    struct jwt_claims claims = sample("refresh"), read;

    use_keys(KEY);
    struct str refresh = jwt_sign(&arena, &keys, &claims), plain = token_of(HEADER, CLAIMS);
    CHECK_INT(reason_of(refresh), ==, ARGOSY__REASON__TOKEN_WRONG_TYPE);
    CHECK_INT(reason_of(token_of(HEADER, "{\"Email\":\"a\",\"exp\":2e9,\"typ\":\"\"}")), ==,
              ARGOSY__REASON__TOKEN_WRONG_TYPE);

    /* A token without typ has the type that its key is for, unless the key is for both. */
    CHECK_INT(reason_of(plain), ==, 0);
    CHECK_OK(jwt_verify(&arena, &keys, plain, "refresh", NOW_S, &read));
    keys.shared = true;
    CHECK_INT(reason_of(plain), ==, ARGOSY__REASON__TOKEN_WRONG_TYPE);
    CHECK_INT(jwt_verify(&arena, &keys, plain, "refresh", NOW_S, &read).reason, ==,
              ARGOSY__REASON__TOKEN_WRONG_TYPE);
    keys.shared = false;
}

TEST(the_device_is_read_under_either_name)
{
    struct jwt_claims claims;
    const char *const device = "{\"Email\":\"a\",\"exp\":2e9,\"DeviceId\":\"d-7\"}";

    use_keys(KEY);
    CHECK_OK(jwt_verify(&arena, &keys, token_of(HEADER, device), "access", NOW_S, &claims));
    CHECK(str_is(claims.device_id, "d-7"));
    CHECK_INT(reason_of(token_of(HEADER, "{\"Email\":\"a\",\"exp\":2e9,\"DeviceId\":\"d\","
                                         "\"device_id\":\"e\"}")),
              ==, ARGOSY__REASON__TOKEN_MALFORMED);
}

TEST(our_tokens_carry_the_claims_that_the_existing_system_reads)
{
    struct jwt_claims claims = sample("access");
    struct str rest, header, body, json;

    claims.email = STR("ann@example.com");
    use_keys(KEY);
    rest = jwt_sign(&arena, &keys, &claims);
    CHECK(str_split(&rest, '.', &header) && str_split(&rest, '.', &body));
    CHECK(base64url_decode(&arena, body, &json));
    CHECK(str_starts_with(json, STR("{\"Email\":\"ann@example.com\",\"Role\":\"seller\","
                                    "\"DeviceId\":\"phone\",\"device_id\":\"phone\",\"exp\":")));
}

TEST(a_short_secret_is_accepted_and_reported)
{
    const char *error;

    CHECK(jwt_keys_parse(STR("very very secret access token"), &keys, &error));
    CHECK(jwt_keys_are_short(&keys));
    CHECK(jwt_keys_parse(STR("a:" KEY ",b:short"), &keys, &error));
    CHECK(jwt_keys_are_short(&keys));
    use_keys(KEY);
    CHECK(!jwt_keys_are_short(&keys));
}

TEST(a_whole_text_can_be_one_secret)
{
    const char *error;

    CHECK(jwt_keys_of_secret(STR("a:b,c:d"), &keys, &error));
    CHECK_INT(keys.count, ==, 1);
    CHECK_STR(keys.keys[0].id, "");
    CHECK(str_is(str_sized(keys.keys[0].secret, keys.keys[0].size), "a:b,c:d"));
    CHECK(!jwt_keys_of_secret(STR(""), &keys, &error));
}

TEST(keys_that_share_a_secret_are_found)
{
    struct jwt_keys other;
    const char *error;

    CHECK(jwt_keys_parse(STR("a:" KEY_2 ",b:" KEY), &other, &error));
    use_keys(KEY);
    CHECK(jwt_keys_overlap(&keys, &other));
    CHECK(jwt_keys_parse(STR("a:" KEY_2), &other, &error));
    CHECK(!jwt_keys_overlap(&keys, &other));
}

TEST(the_algorithm_is_ours)
{
    static const char *const others[] = {
        "{\"alg\":\"none\"}",   "{\"alg\":\"None\"}", "{\"alg\":\"HS512\"}", "{\"alg\":\"RS256\"}",
        "{\"alg\":\"hs256\"}",  "{\"typ\":\"JWT\"}",  "{\"alg\":\"\"}",      "{}",
        "{\"alg\":\"HS256 \"}",
    };

    use_keys(KEY);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        CHECK_INT(reason_of(token_of(others[i], CLAIMS)), ==, ARGOSY__REASON__TOKEN_FORGED);
    struct str head = base64url_encode(&arena, STR("{\"alg\":\"none\"}"));
    struct str body = base64url_encode(&arena, STR(CLAIMS));
    struct str unsigned_token = str_of(
        arena_printf(&arena, "%.*s.%.*s.", STR_ARGS(head), STR_ARGS(body)));
    CHECK_INT(reason_of(unsigned_token), ==, ARGOSY__REASON__TOKEN_FORGED);
}

TEST(odd_headers_are_refused)
{
    static const char *const odd[] = {
        "",
        "1",
        "[]",
        "{",
        "{\"alg\":\"HS256\"} x",
        "{\"alg\":256}",
        "{\"alg\":null}",
        "{\"alg\":\"HS256\",\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"x\":1,\"x\":1}",
        "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"HS256\",\"kid\":1}",
        "{\"alg\":\"HS256\",\"kid\":\"a\\u0000\"}",
        "{\"alg\":\"HS256\",\"a\\u006cg\":\"none\"}",
    };

    use_keys(KEY);
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        CHECK_INT(reason_of(token_of(odd[i], CLAIMS)), ==, ARGOSY__REASON__TOKEN_MALFORMED);
    CHECK_INT(reason_of(token_of("{\"x\":{\"y\":[1]},\"alg\":\"HS256\"}", CLAIMS)), ==, 0);
    CHECK_INT(reason_of(token_of("{\"alg\":\"HS256\",\"kid\":\"no\"}", CLAIMS)), ==,
              ARGOSY__REASON__TOKEN_FORGED);
    CHECK_INT(reason_of(token_of("{\"alg\":\"HS256\",\"kid\":\"\"}", CLAIMS)), ==, 0);
}

TEST(odd_claims_are_refused)
{
    static const char *const odd[] = {
        "",
        "[]",
        "{}",
        "{\"Email\":\"a\"}",
        "{\"exp\":2e9}",
        "{\"Email\":\"\",\"exp\":2e9}",
        "{\"Email\":\"a\",\"exp\":\"2000000000\"}",
        "{\"Email\":\"a\",\"exp\":1e300}",
        "{\"Email\":\"a\",\"exp\":null}",
        "{\"Email\":1,\"exp\":2e9}",
        "{\"Email\":\"a\",\"exp\":2e9,\"Email\":\"b\"}",
        "{\"Email\":\"a\",\"exp\":1,\"exp\":2e9}",
        "{\"Email\":\"a\",\"exp\":2e9,\"E\\u006dail\":\"b\"}",
        "{\"Email\":\"a\\u0000b\",\"exp\":2e9}",
        "{\"Email\":\"a\",\"exp\":2e9,\"Role\":[]}",
        "{\"Email\":\"a\",\"exp\":2e9,\"x\":[[[[[[[[1]]]]]]]]}",
        "{\"Email\":\"a\",\"exp\":2e9,\"typ\":true}",
        "{\"Email\":\"a\",\"exp\":2e9}{}",
    };

    use_keys(KEY);
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        CHECK_INT(reason_of(token_of(HEADER, odd[i])), ==, ARGOSY__REASON__TOKEN_MALFORMED);
    CHECK_INT(reason_of(token_of(HEADER, "{\"aud\":[\"x\"],\"Email\":\"a\",\"exp\":2e9,\"n\":{}}")),
              ==, 0);
}

TEST(odd_forms_are_refused)
{
    use_keys(KEY);
    struct str good = token_of(HEADER, CLAIMS);
    const char *text = str_dup(&arena, good);
    const char *const odd[] = {
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "a.b",
        arena_printf(&arena, "%s.", text),
        arena_printf(&arena, "%s=", text),
        arena_printf(&arena, " %s", text),
        arena_printf(&arena, "%s.x", text),
        arena_printf(&arena, "%.*s", (int)good.length - 1, text),
    };

    CHECK_INT(reason_of(good), ==, 0);
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        CHECK_INT(reason_of(str_of(odd[i])), ==, ARGOSY__REASON__TOKEN_MALFORMED);

    char *large = arena_alloc(&arena, JWT_SIZE_MAX + 1);
    memset(large, 'a', JWT_SIZE_MAX + 1);
    memcpy(large, good.data, good.length);
    CHECK_INT(reason_of(str_sized(large, JWT_SIZE_MAX + 1)), ==, ARGOSY__REASON__TOKEN_MALFORMED);
    CHECK_INT(reason_of((struct str){0}), ==, ARGOSY__REASON__TOKEN_MALFORMED);
}

/* The unused bits of the last character count too, so that a token has only one form. */
TEST(a_change_at_any_place_is_noticed)
{
    use_keys(KEY);
    struct str good = token_of(HEADER, CLAIMS);

    for (size_t at = 0; at < good.length; at++) {
        for (const char *byte = "AB-_.\"\x80"; *byte; byte++) {
            if (good.data[at] == *byte) continue;
            char *text = malloc(good.length);
            memcpy(text, good.data, good.length);
            text[at] = *byte;
            int reason = reason_of(str_sized(text, good.length));
            free(text);
            CHECK(reason == ARGOSY__REASON__TOKEN_MALFORMED ||
                  reason == ARGOSY__REASON__TOKEN_FORGED);
        }
    }
}

TEST(random_texts_are_never_read_out_of_bounds)
{
    static const char bytes[] = "{}[]\",:\\u0d8e+- \x80";

    use_keys(KEY);
    for (int i = 0; i < 5000; i++) {
        char header[] = HEADER, claims[] = CLAIMS;
        for (uint64_t n = random_below(3); n > 0; n--)
            header[random_below(sizeof(header) - 1)] = bytes[random_below(sizeof(bytes) - 1)];
        for (uint64_t n = random_below(3); n > 0; n--)
            claims[random_below(sizeof(claims) - 1)] = bytes[random_below(sizeof(bytes) - 1)];
        struct str token = token_of(header, claims);
        char *copy = malloc(token.length);
        memcpy(copy, token.data, token.length);
        reason_of(str_sized(copy, token.length));
        reason_of(str_sized(copy, random_below(token.length)));
        free(copy);
        arena_reset(&arena);
    }
}

TEST(keys_are_read_or_refused)
{
    static const char *const bad[] = {
        "",
        "id:",
        ":" KEY,
        "a b:" KEY,
        "a:" KEY ",",
        "a:" KEY ",a:" KEY_2,
        "a:" KEY "," KEY_2,
        "0123456789012345678901234567890x:" KEY,
        "a:" KEY ",b:" KEY ",c:" KEY ",d:" KEY ",e:" KEY ",f:" KEY ",g:" KEY ",h:" KEY ",i:" KEY,
    };
    char longest[JWT_KEY_SIZE_MAX + 1];
    const char *error;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        error = 0;
        CHECK(!jwt_keys_parse(str_of(bad[i]), &keys, &error));
        CHECK(error != 0);
    }
    memset(longest, 'x', sizeof(longest));
    CHECK(jwt_keys_parse(str_sized(longest, JWT_KEY_SIZE_MAX), &keys, &error));
    CHECK(!jwt_keys_parse(str_sized(longest, JWT_KEY_SIZE_MAX + 1), &keys, &error));

    CHECK(jwt_keys_parse(STR("2026-11:" KEY ",b:" KEY_2 ":x"), &keys, &error));
    CHECK_INT(keys.count, ==, 2);
    CHECK_STR(keys.keys[0].id, "2026-11");
    CHECK(str_is(str_sized(keys.keys[1].secret, keys.keys[1].size), KEY_2 ":x"));
    jwt_keys_wipe(&keys);
    CHECK_INT(keys.count, ==, 0);
    CHECK_INT(keys.keys[0].secret[0], ==, 0);
    arena_release(&arena);
}
