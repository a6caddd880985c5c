/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and SHA-1 by those functions of OpenSSL that need no provider. They are deprecated because
 * they know no FIPS module, and say so unless an earlier version is asked for. */
#define OPENSSL_API_COMPAT 0x10100000L

#include "base/digest.h"

#include <openssl/sha.h>

#include "base/status.h"

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct sha256), "no room for the state");
_Static_assert(SHA256_SIZE == SHA256_DIGEST_LENGTH && SHA1_SIZE == SHA_DIGEST_LENGTH, "sizes");

static SHA256_CTX *state_of(struct sha256 *sha256)
{
    return (SHA256_CTX *)sha256->state;
}

void digest_begin(struct sha256 *sha256)
{
    invariant(SHA256_Init(state_of(sha256)));
}

void digest_add(struct sha256 *sha256, const void *data, size_t size)
{
    invariant(SHA256_Update(state_of(sha256), data, size));
}

void digest_end(struct sha256 *sha256, uint8_t ret_digest[SHA256_SIZE])
{
    invariant(SHA256_Final(ret_digest, state_of(sha256)));
}

void digest_sha256(struct str text, uint8_t ret_digest[SHA256_SIZE])
{
    struct sha256 sha256;

    digest_begin(&sha256);
    digest_add(&sha256, text.data, text.length);
    digest_end(&sha256, ret_digest);
}

void digest_sha1(struct str text, uint8_t ret_digest[SHA1_SIZE])
{
    SHA_CTX state;

    invariant(SHA1_Init(&state) && SHA1_Update(&state, text.data, text.length) &&
              SHA1_Final(ret_digest, &state));
}
