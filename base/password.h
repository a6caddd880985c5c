/* SPDX-License-Identifier: Apache-2.0 */
/* Password hashes: argon2id (RFC 9106) in the PHC string format, and bcrypt as existing systems use
 * it.
 *
 * Hashing and verifying take tens of milliseconds and megabytes of memory on purpose: call them in
 * a lane.
 */
#ifndef BASE_PASSWORD_H
#define BASE_PASSWORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { PASSWORD_HASH_SIZE = 256, PASSWORD_MAX = 128 * 4 };

enum password_scheme { PASSWORD_ARGON2ID, PASSWORD_BCRYPT };

struct password_policy {
    enum password_scheme scheme;
    uint32_t memory_kib; /* argon2id: 8 .. 4194304 */
    uint32_t passes;     /* argon2id: iterations, 1 .. 100 */
    uint32_t cost;       /* bcrypt: 4 .. 31 */
};

/* OWASP's first recommendation for argon2id: 19 MiB, 2 passes, 1 lane; bcrypt cost 10. */
extern const struct password_policy password_policy_default;

/* A new hash with a new salt, NUL-terminated. False when there is no memory, or when the scheme is
 * bcrypt and the password has more than 72 bytes or a NUL, where bcrypt would truncate it. */
bool password_hash(const struct password_policy *policy, struct str password,
                   char ret_hash[PASSWORD_HASH_SIZE]);

/* Does the password match the hash? False for hashes of other schemes, and for argon2 hashes that
 * ask for more than 1 GiB or 64 passes. */
bool password_verify(struct str password, const char *hash);

/* Should the password, which was just verified, be hashed again, because its hash is weaker than
 * the policy or not argon2id? Not if bcrypt has compared only the password's first 72 bytes, for
 * the rest may be wrong; and never when the policy is bcrypt, which is meant for use beside systems
 * that support nothing else. */
bool password_needs_rehash(const struct password_policy *policy, struct str password,
                           const char *hash);

#endif
