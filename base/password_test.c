/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of password hashing and verification. */
#include "base/password.h"

#include "base/test.h"

static const struct password_policy quick = {
    .scheme = PASSWORD_ARGON2ID, .memory_kib = 64, .passes = 1};
static const struct password_policy quick_bcrypt = {.scheme = PASSWORD_BCRYPT, .cost = 4};

TEST(argon2id_takes_the_right_password_only)
{
    char hash[PASSWORD_HASH_SIZE];

    CHECK(password_hash(&quick, STR("correct horse"), hash));
    CHECK(strncmp(hash, "$argon2id$v=19$m=64,t=1,p=1$", 28) == 0);
    CHECK(password_verify(STR("correct horse"), hash));
    CHECK(!password_verify(STR("correct hors"), hash));
    CHECK(!password_verify(STR(""), hash));
}

TEST(two_hashes_of_one_password_differ)
{
    char one[PASSWORD_HASH_SIZE], two[PASSWORD_HASH_SIZE];

    CHECK(password_hash(&quick, STR("secret"), one));
    CHECK(password_hash(&quick, STR("secret"), two));
    CHECK(strcmp(one, two) != 0);
}

TEST(a_bcrypt_hash_of_another_system_verifies)
{
    /* Made by an independent implementation for "password" with cost 5. */
    const char *hash = "$2a$05$bvIG6Nmid91Mu9RcmmWZfO5HJIMCT8riNW0hEp8f6/FuA2/mHZFpe";

    CHECK(password_verify(STR("password"), hash));
    CHECK(!password_verify(STR("passwore"), hash));
}

TEST(bcrypt_is_made_and_verified_and_never_cuts)
{
    char hash[PASSWORD_HASH_SIZE];
    char longer[73];

    memset(longer, 'a', sizeof(longer));
    CHECK(password_hash(&quick_bcrypt, STR("secret"), hash));
    CHECK(password_verify(STR("secret"), hash));
    CHECK(!password_verify(STR("Secret"), hash));
    CHECK(!password_hash(&quick_bcrypt, str_sized(longer, sizeof(longer)), hash));
    CHECK(!password_hash(&quick_bcrypt, str_sized("a\0b", 3), hash));
}

TEST(weaker_and_older_hashes_are_made_again)
{
    struct password_policy stronger = quick;
    char hash[PASSWORD_HASH_SIZE];

    CHECK(password_hash(&quick, STR("secret"), hash));
    CHECK(!password_needs_rehash(&quick, STR("secret"), hash));
    stronger.memory_kib *= 2;
    CHECK(password_needs_rehash(&stronger, STR("secret"), hash));
    CHECK(password_hash(&quick_bcrypt, STR("secret"), hash));
    CHECK(password_needs_rehash(&quick, STR("secret"), hash));
    CHECK(!password_needs_rehash(&quick_bcrypt, STR("secret"), hash));
}

TEST(a_password_that_bcrypt_has_cut_is_not_hashed_again)
{
    const char *cut = "0123456789012345678901234567890123456789012345678901234567890123456789012";
    char hash[PASSWORD_HASH_SIZE];

    /* A hash as existing systems make it, of the first 72 bytes: anything may follow them. */
    CHECK(password_hash(&quick_bcrypt, str_sized(cut, 72), hash));
    CHECK(password_verify(str_of(cut), hash));
    CHECK(!password_needs_rehash(&quick, str_of(cut), hash));
    CHECK(password_needs_rehash(&quick, str_sized(cut, 72), hash));
}

TEST(broken_and_greedy_hashes_are_refused)
{
    CHECK(!password_verify(STR("x"), ""));
    CHECK(!password_verify(STR("x"), "plain"));
    CHECK(!password_verify(STR("x"), "$argon2id$v=19$m=99999999,t=1,p=1$AAAAAAAAAAAAAAAA$AAAA"));
    CHECK(!password_verify(STR("x"), "$argon2id$v=19$m=64,t=99999,p=1$AAAAAAAAAAAAAAAA$AAAA"));
    CHECK(!password_verify(STR("x"), "$2b$"));
}
