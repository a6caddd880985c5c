/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and SHA-1 (FIPS 180-4). The code is OpenSSL's, of which only these functions are linked
 * into the program: loading the whole library would cost every process 4 MB.
 *
 *     digest_sha256(text, digest);
 *
 *     digest_begin(&sha256);                       the same for a text in pieces
 *     digest_add(&sha256, piece, size);
 *     digest_end(&sha256, digest);
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdint.h>

#include "base/str.h"

enum { SHA256_SIZE = 32, SHA1_SIZE = 20, SHA256_BLOCK_SIZE = 64 };

struct sha256 {
    uint64_t state[14];
};

void digest_begin(struct sha256 *sha256);
void digest_add(struct sha256 *sha256, const void *data, size_t size);
void digest_end(struct sha256 *sha256, uint8_t ret_digest[SHA256_SIZE]);

void digest_sha256(struct str text, uint8_t ret_digest[SHA256_SIZE]);

/* For protocols that demand it; it does not withstand anybody who makes texts collide. */
void digest_sha1(struct str text, uint8_t ret_digest[SHA1_SIZE]);

#endif
