/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the settings of password hashing. */
#include "base/password_policy.h"

#include "base/status.h"
#include "base/test.h"

static const struct setting settings[] = {PASSWORD_SETTINGS, {0}};

static bool read_with(const char *assignment, struct password_policy *ret_policy)
{
    struct config *config = config_new();
    const char *error = 0;

    config_declare(config, settings);
    invariant(!assignment || config_set(config, assignment, &error));
    invariant(config_check(config, &error));
    bool good = password_policy_read(config, ret_policy, &error);
    invariant(good || strstr(error, "USER_PASSWORD_HASH"));
    config_free(config);
    return good;
}

TEST(the_settings_defaults_are_the_default_policy)
{
    struct password_policy policy;

    CHECK(read_with(0, &policy));
    CHECK_INT(policy.scheme, ==, password_policy_default.scheme);
    CHECK_INT(policy.memory_kib, ==, password_policy_default.memory_kib);
    CHECK_INT(policy.passes, ==, password_policy_default.passes);
    CHECK_INT(policy.cost, ==, password_policy_default.cost);
}

TEST(the_settings_choose_scheme_and_cost)
{
    struct password_policy policy;

    CHECK(read_with("USER_PASSWORD_HASH=bcrypt", &policy));
    CHECK_INT(policy.scheme, ==, PASSWORD_BCRYPT);
    CHECK(read_with("USER_ARGON2_MEMORY=1MiB", &policy));
    CHECK_INT(policy.scheme, ==, PASSWORD_ARGON2ID);
    CHECK_INT(policy.memory_kib, ==, 1024);
    CHECK(!read_with("USER_PASSWORD_HASH=md5", &policy));
}
