/* SPDX-License-Identifier: Apache-2.0 */
/* FNV-1a with 64 bits (Fowler, Noll, Vo): a fast hash for tables and for spreading work.
 *
 *     hash = hash_text(HASH_START, account);
 *     hash = hash_text(hash, address);         one hash of both; where each text ends matters
 *
 * It has no key, so an attacker can choose texts that collide. Use it for names of our own, or
 * where a collision does no harm; a table that a client could fill with colliding names needs a
 * keyed hash (gateway/rate_table.c). The values are the same on every machine and in every
 * version. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/str.h"

#define HASH_START UINT64_C(0xcbf29ce484222325)

/* Continues `hash` over the bytes. */
static inline uint64_t hash_bytes(uint64_t hash, struct str bytes)
{
    for (size_t i = 0; i < bytes.length; i++)
        hash = (hash ^ (uint8_t)bytes.data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Continues `hash` over a text and its end, so that ("ab", "c") differs from ("a", "bc"). The byte
 * 0xFF marks the end; it never occurs in UTF-8. */
static inline uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_bytes(hash_bytes(hash, str_of(text)), STR("\xff"));
}

/* Folds the high bits into the low ones, because only those choose the slot in a table whose size
 * is a power of two. */
static inline uint64_t hash_fold(uint64_t hash)
{
    return hash ^ hash >> 32;
}

#endif
