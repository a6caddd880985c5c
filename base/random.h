/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness. Nothing else in the program asks the system for it. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills the memory with cryptographically strong random bytes (getrandom, through a pool per
 * thread); ends the process if the system has none. */
void random_bytes(void *ret_data, size_t size);

/* A number below `bound` (> 0), each equally likely. */
uint64_t random_below(uint64_t bound);

/* Replaces the source of all later bytes; NULL goes back to the system. Call before threads
 * exist. */
void random_set_source(void (*source)(void *ret_data, size_t size));

#endif
