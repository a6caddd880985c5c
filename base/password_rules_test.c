/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of which new passwords are accepted. */
#include "base/password_rules.h"

#include "base/test.h"

static bool is_taken(const char *password)
{
    return !password_objection(str_of(password), STR("Ann.Smith@example.com"));
}

#define EXPECT_TAKEN(password, expected)                                        \
    do {                                                                        \
        if (is_taken(password) != (expected)) {                                 \
            printf("  %s is %s\n", password, (expected) ? "refused" : "taken"); \
            CHECK(!"the other was right");                                      \
        }                                                                       \
    } while (0)

TEST(eight_characters_are_enough_and_bytes_do_not_count)
{
    CHECK(!is_taken(""));
    CHECK(!is_taken("k3vzqma"));
    CHECK(is_taken("k3vzqmaf"));
    CHECK(!is_taken("\u00e4\u00f6\u00fc\u00df")); /* 4 characters in 8 bytes */
    CHECK(is_taken("\u00e4\u00f6\u00fc\u00dfm\u00e4h\u00f6"));
}

TEST(the_commonest_passwords_are_refused)
{
    static const char *const common[] = {
        "password",   "Password1", "P@ssw0rd",   "p455word!", "password123", "12345678",
        "123456789",  "87654321",  "qwertyui",   "qwerty123", "1q2w3e4r",    "1qaz2wsx",
        "iloveyou",   "sunshine1", "princess",   "football",  "welcome1",    "Welcome2024!",
        "letmein123", "trustno1!", "aaaaaaaa",   "abcabcabc", "12121212",    "abcd1234",
        "admin123",   "changeme",  "superman99", "passw0rd1", "zaq12wsx",    "qazwsxedc",
        "asdfghjkl",  "11111111",  "00000000",   "123123123", "!password!",  "secret99",
    };

    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) EXPECT_TAKEN(common[i], false);
}

TEST(a_row_of_keys_with_little_beside_it_is_refused)
{
    static const char *const common[] = {
        "aa123456",  "Aa123456",  "123456789a", "a123456789", "1234567a",  "a1234567",
        "Aa@123456", "1111111a",  "5201314a",   "11223344",   "aabbccdd",  "!QAZ2wsx",
        "!@#$%^&*",  "Abcd@1234", "a1b2c3d4",   "India@123",  "Monday123",
    };

    for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) EXPECT_TAKEN(common[i], false);
    EXPECT_TAKEN("12345 ways", true);
    EXPECT_TAKEN("7qwertz pans", true);
}

TEST(the_address_is_no_password)
{
    CHECK(!is_taken("ann.smith@example.com"));
    CHECK(!is_taken("ANN.SMITH"));
    CHECK(!is_taken("ann.smith1990"));
    CHECK(is_taken("ann.smith likes it"));
}

TEST(what_only_looks_like_them_is_taken)
{
    static const char *const good[] = {"correct horse",   "staple battery", "open-sesame",
                                       "mypasswordisbig", "tr0ub4dor&3",    "1234 red pens",
                                       "abcxyzklm!q"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) EXPECT_TAKEN(good[i], true);
}
