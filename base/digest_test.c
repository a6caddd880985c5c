/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and SHA-1 against the examples of FIPS 180-4. */
#include "base/digest.h"

#include "base/encode.h"
#include "base/test.h"

#define EMPTY_256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC_256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define TWO_BLOCKS "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
#define TWO_BLOCKS_256 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
#define MILLION_256 "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

static bool is(const uint8_t *digest, size_t size, const char *expected)
{
    struct arena arena;

    arena_init(&arena, 0);
    bool same = str_is(hex_encode(&arena, str_sized(digest, size)), expected);
    arena_release(&arena);
    return same;
}

static bool is_sha256(struct str text, const char *expected)
{
    uint8_t digest[SHA256_SIZE];

    digest_sha256(text, digest);
    return is(digest, sizeof(digest), expected);
}

static bool is_sha1(struct str text, const char *expected)
{
    uint8_t digest[SHA1_SIZE];

    digest_sha1(text, digest);
    return is(digest, sizeof(digest), expected);
}

TEST(sha256_has_the_examples_of_its_standard)
{
    CHECK(is_sha256(STR(""), EMPTY_256));
    CHECK(is_sha256((struct str){0}, EMPTY_256));
    CHECK(is_sha256(STR("abc"), ABC_256));
    CHECK(is_sha256(STR(TWO_BLOCKS), TWO_BLOCKS_256));
}

TEST(sha1_has_the_examples_of_its_standard)
{
    CHECK(is_sha1(STR(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709"));
    CHECK(is_sha1(STR("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d"));
    CHECK(is_sha1(STR(TWO_BLOCKS), "84983e441c3bd26ebaae4aa1f95129e5e54670f1"));
}

TEST(a_text_may_come_in_pieces)
{
    uint8_t digest[SHA256_SIZE];
    struct sha256 sha256;
    char piece[1000];

    memset(piece, 'a', sizeof(piece));
    digest_begin(&sha256);
    for (int i = 0; i < 1000; i++) digest_add(&sha256, piece, sizeof(piece));
    digest_end(&sha256, digest);
    CHECK(is(digest, sizeof(digest), MILLION_256));
}
