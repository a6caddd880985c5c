/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC-SHA-256: two digests, each of a block that the key gives and of what is signed. */
#include "base/hmac.h"

#include <string.h>

#include "base/digest.h"
#include "base/status.h"

_Static_assert((int)HMAC_SHA256_SIZE == SHA256_SIZE, "a mac is a digest");

enum { INNER_PAD = 0x36, OUTER_PAD = 0x5c };

static void begin(struct sha256 *sha256, const uint8_t key[SHA256_BLOCK_SIZE], uint8_t pad)
{
    uint8_t block[SHA256_BLOCK_SIZE];

    for (size_t i = 0; i < sizeof(block); i++) block[i] = key[i] ^ pad;
    digest_begin(sha256);
    digest_add(sha256, block, sizeof(block));
    secret_wipe(block, sizeof(block));
}

void hmac_sha256(struct str key, struct str data, uint8_t ret_mac[HMAC_SHA256_SIZE])
{
    uint8_t block[SHA256_BLOCK_SIZE] = {0}, inner[SHA256_SIZE];
    struct sha256 sha256;

    invariant(key.length > 0);
    if (key.length > sizeof(block))
        digest_sha256(key, block);
    else
        memcpy(block, key.data, key.length);
    begin(&sha256, block, INNER_PAD);
    digest_add(&sha256, data.data, data.length);
    digest_end(&sha256, inner);
    begin(&sha256, block, OUTER_PAD);
    digest_add(&sha256, inner, sizeof(inner));
    digest_end(&sha256, ret_mac);
    secret_wipe(block, sizeof(block));
    secret_wipe(inner, sizeof(inner));
    secret_wipe(&sha256, sizeof(sha256));
}
