/* SPDX-License-Identifier: Apache-2.0 */
/* Back-off after wrong passwords, kept in memory, bounded.
 *
 * Failures are counted in three ways, so that guessing is slow and no stranger can lock a user out:
 *   - for an account from one address: after 5 the wait doubles from 1 s up to 60 s;
 *   - for one address, whatever the account: after 50 likewise;
 *   - for an account from all addresses: after 100 the wait is 2 s and never more. That slows
 *     distributed guessing down; the owner's login competes with the guesses for a turn.
 *
 * An IPv6 address counts as its /64 network. A successful login clears the account's failures.
 * Failures decay: each minute without one halves the count. */
#ifndef RPC_PASSWORD_BACKOFF_H
#define RPC_PASSWORD_BACKOFF_H

#include <stdint.h>

struct password_backoff;

/* Room for `entries` counters (rounded up to a power of two); when the slots for a new one are
 * taken, it replaces the one that has been unused for longest. */
struct password_backoff *password_backoff_new(int entries);
void password_backoff_free(struct password_backoff *backoff);

/* Microseconds for which this account must wait when used from this address; 0: none. Any thread,
 * like the functions below. */
int64_t password_backoff_wait_us(struct password_backoff *backoff, const char *account,
                                 const char *address, int64_t now_us);
void password_backoff_failed(struct password_backoff *backoff, const char *account,
                             const char *address, int64_t now_us);
void password_backoff_succeeded(struct password_backoff *backoff, const char *account,
                                const char *address);

#endif
