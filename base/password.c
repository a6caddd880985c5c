/* SPDX-License-Identifier: Apache-2.0 */
/* Password hashes by libargon2 and libcrypt. */
#include "base/password.h"

#include <argon2.h>
#include <crypt.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"

enum {
    SALT_SIZE = 16,
    HASH_SIZE = 32,
    BCRYPT_PASSWORD_MAX = 72,
    VERIFY_MEMORY_KIB_MAX = 1024 * 1024,
    VERIFY_PASSES_MAX = 64,
};

const struct password_policy password_policy_default = {
    .scheme = PASSWORD_ARGON2ID,
    .memory_kib = 19 * 1024,
    .passes = 2,
    .cost = 10,
};

struct argon2_parameters {
    unsigned version, memory_kib, passes, lanes;
};

/* $argon2id$v=19$m=19456,t=2,p=1$salt$hash */
static bool argon2_read(const char *hash, struct argon2_parameters *ret_parameters)
{
    struct argon2_parameters p;

    if (sscanf(hash, "$argon2id$v=%9u$m=%9u,t=%9u,p=%9u$", &p.version, &p.memory_kib, &p.passes,
               &p.lanes) != 4)
        return false;
    *ret_parameters = p;
    return true;
}

static bool is_bcrypt(const char *hash)
{
    return strncmp(hash, "$2a$", 4) == 0 || strncmp(hash, "$2b$", 4) == 0 ||
           strncmp(hash, "$2y$", 4) == 0;
}

/* Copies a password that bcrypt would not truncate into a NUL-terminated buffer. */
static bool bcrypt_password(struct str password, char ret_text[BCRYPT_PASSWORD_MAX + 1])
{
    if (password.length > BCRYPT_PASSWORD_MAX || memchr(password.data, 0, password.length))
        return false;
    memcpy(ret_text, password.data, password.length);
    ret_text[password.length] = 0;
    return true;
}

static bool bcrypt_hash(uint32_t cost, struct str password, char ret_hash[PASSWORD_HASH_SIZE])
{
    char text[BCRYPT_PASSWORD_MAX + 1], random[SALT_SIZE], setting[CRYPT_GENSALT_OUTPUT_SIZE];
    struct crypt_data data = {0};

    if (!bcrypt_password(password, text)) return false;
    random_bytes(random, sizeof(random));
    const char *hash = 0;
    if (crypt_gensalt_rn("$2b$", cost, random, sizeof(random), setting, sizeof(setting)))
        hash = crypt_rn(text, setting, &data, sizeof(data));
    if (hash) snprintf(ret_hash, PASSWORD_HASH_SIZE, "%s", hash);
    secret_wipe(text, sizeof(text));
    secret_wipe(data.input, sizeof(data.input));
    return hash != 0;
}

static bool bcrypt_verify(struct str password, const char *hash)
{
    char text[BCRYPT_PASSWORD_MAX + 1];
    struct crypt_data data = {0};

    /* bcrypt reads at most 72 bytes, and existing hashes were made that way. */
    if (password.length > BCRYPT_PASSWORD_MAX) password.length = BCRYPT_PASSWORD_MAX;
    if (!bcrypt_password(password, text)) return false;
    const char *again = crypt_rn(text, hash, &data, sizeof(data));
    bool same = again && str_equal_secret(str_of(again), str_of(hash));
    secret_wipe(text, sizeof(text));
    secret_wipe(data.input, sizeof(data.input));
    return same;
}

bool password_hash(const struct password_policy *policy, struct str password,
                   char ret_hash[PASSWORD_HASH_SIZE])
{
    uint8_t salt[SALT_SIZE];

    if (policy->scheme == PASSWORD_BCRYPT) return bcrypt_hash(policy->cost, password, ret_hash);
    random_bytes(salt, sizeof(salt));
    return argon2id_hash_encoded(policy->passes, policy->memory_kib, 1, password.data,
                                 password.length, salt, sizeof(salt), HASH_SIZE, ret_hash,
                                 PASSWORD_HASH_SIZE) == ARGON2_OK;
}

bool password_verify(struct str password, const char *hash)
{
    struct argon2_parameters p;

    if (is_bcrypt(hash)) return bcrypt_verify(password, hash);
    if (!argon2_read(hash, &p) || p.memory_kib > VERIFY_MEMORY_KIB_MAX ||
        p.passes > VERIFY_PASSES_MAX)
        return false;
    return argon2id_verify(hash, password.data, password.length) == ARGON2_OK;
}

bool password_needs_rehash(const struct password_policy *policy, struct str password,
                           const char *hash)
{
    struct argon2_parameters p;

    if (policy->scheme == PASSWORD_BCRYPT) return false;
    if (is_bcrypt(hash) && password.length > BCRYPT_PASSWORD_MAX) return false;
    if (!argon2_read(hash, &p)) return true;
    return p.memory_kib < policy->memory_kib || p.passes < policy->passes;
}
