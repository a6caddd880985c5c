/* SPDX-License-Identifier: Apache-2.0 */
/* HMAC with SHA-256 (RFC 2104, FIPS 180-4). */
#ifndef BASE_HMAC_H
#define BASE_HMAC_H

#include <stdint.h>

#include "base/str.h"

enum { HMAC_SHA256_SIZE = 32 };

/* The key must not be empty. Takes neither locks nor memory. */
void hmac_sha256(struct str key, struct str data, uint8_t ret_mac[HMAC_SHA256_SIZE]);

#endif
