/* SPDX-License-Identifier: Apache-2.0 */
/* Back-off after wrong passwords, kept in memory, bounded.
 *
 * Failures are counted three ways, so that guessing is slow and no stranger can lock anybody out:
 *   - for an account from one address: after 5 the wait doubles from 1 s up to 60 s;
 *   - for one address, whatever the account: after 50 likewise;
 *   - for an account from everywhere: after 100 a wait of 2 s and never more. That slows a
 *     distributed guesser; the owner has to find a turn between the guesses.
 *
 * An IPv6 address counts as its network of 64 bits. A good login forgets the account's failures.
 * Failures fade: a minute of quiet halves the count. */
#ifndef RPC_PASSWORD_BACKOFF_H
#define RPC_PASSWORD_BACKOFF_H

#include <stdint.h>

struct password_backoff;

/* Room for `entries` counters (rounded up to a power of two); a new one takes the place of the
 * longest quiet in its neighbourhood. */
struct password_backoff *password_backoff_new(int entries);
void password_backoff_free(struct password_backoff *backoff);

/* Microseconds that this account must wait from this address; 0: go on. Any thread, as below. */
int64_t password_backoff_wait_us(struct password_backoff *backoff, const char *account,
                                 const char *address, int64_t now_us);
void password_backoff_failed(struct password_backoff *backoff, const char *account,
                             const char *address, int64_t now_us);
void password_backoff_succeeded(struct password_backoff *backoff, const char *account,
                                const char *address);

#endif
