/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the settings of password hashing. */
#include "base/password_policy.h"

#include <string.h>

bool password_policy_read(const struct config *config, struct password_policy *ret_policy,
                          const char **ret_error)
{
    const char *scheme = config_text(config, "USER_PASSWORD_HASH");
    bool bcrypt = strcmp(scheme, "bcrypt") == 0;

    if (!bcrypt && strcmp(scheme, "argon2id") != 0) {
        *ret_error = "USER_PASSWORD_HASH must be argon2id or bcrypt";
        return false;
    }
    *ret_policy = (struct password_policy){
        .scheme = bcrypt ? PASSWORD_BCRYPT : PASSWORD_ARGON2ID,
        .memory_kib = (uint32_t)(config_size(config, "USER_ARGON2_MEMORY") / 1024),
        .passes = (uint32_t)config_integer(config, "USER_ARGON2_PASSES"),
        .cost = (uint32_t)config_integer(config, "USER_BCRYPT_COST"),
    };
    return true;
}
