/* SPDX-License-Identifier: Apache-2.0 */
/* How users' passwords are hashed, as the settings say. The service that keeps the hashes and the
 * one that checks them both declare these, so that they never disagree on which hashes are
 * outdated. */
#ifndef BASE_PASSWORD_POLICY_H
#define BASE_PASSWORD_POLICY_H

#include "base/config.h"
#include "base/password.h"

/* Rows for a service's own table of settings; the last two are for rpc/passwords.h. */
/* clang-format off */
#define PASSWORD_SETTINGS                                                                          \
    {"USER_PASSWORD_HASH", SETTING_TEXT, "argon2id",                                               \
     "How new passwords are hashed: argon2id, or bcrypt beside services that support only that.",  \
     0, 0},                                                                                        \
    {"USER_ARGON2_MEMORY", SETTING_SIZE, "19MiB", "Memory that one argon2id hash takes.",          \
     64 * 1024, 1 << 30},                                                                          \
    {"USER_ARGON2_PASSES", SETTING_INTEGER, "2", "Passes over the memory for one argon2id hash.",  \
     1, 64},                                                                                       \
    {"USER_BCRYPT_COST", SETTING_INTEGER, "10", "Cost of one bcrypt hash: 2^cost rounds.", 4, 20}, \
    {"LOGIN_BACKOFF", SETTING_DURATION, "1s",                                                      \
     "How long an account waits after five wrong passwords; each further one doubles it, up to 60 "\
     "times as long, and after as long without one half of them are forgotten.",                   \
     100, 86400000},                                                                               \
    {"AUTH_CACHE", SETTING_URL, "",                                                                \
     "A Redis server that all auth and user processes share: it counts wrong passwords, and keeps "\
     "sessions at hand; redis://, rediss:// or with +sentinel; empty: none. It may lose all data.",\
     0, 0}
/* clang-format on */

/* False, with a static message, for an unknown scheme. */
bool password_policy_read(const struct config *config, struct password_policy *ret_policy,
                          const char **ret_error);

#endif
