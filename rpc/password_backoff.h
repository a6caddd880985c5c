/* SPDX-License-Identifier: Apache-2.0 */
/* Back-off after wrong passwords, kept in memory, bounded. rpc/password_tally.h keeps the same
 * counters for several processes.
 *
 * Failures are counted in three ways, so that guessing is slow and no stranger can lock a user out:
 *   - for an account from one address: after 5 the wait doubles from its first length, 1 s
 *     (LOGIN_BACKOFF), up to 60 times as long;
 *   - for one address, whatever the account: after 50 likewise;
 *   - for an account from all addresses: after 100 the wait is twice the first and never more.
 *     That slows distributed guessing down; the owner's login competes with the guesses for a turn.
 *
 * An IPv6 address counts as its /64 network (ip_party). A successful login clears the account's
 * failures. Failures decay: the longest wait without one, a minute, halves the count. */
#ifndef RPC_PASSWORD_BACKOFF_H
#define RPC_PASSWORD_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"

/* What one kind of counter counts, and how long it makes wait. */
struct password_backoff_rule {
    char kind;
    bool by_account, by_address;
    uint32_t free; /* failures without a wait */
    int wait_max;  /* in first waits */
};

enum {
    PASSWORD_BACKOFF_RULES = 3,
    PASSWORD_BACKOFF_FADE = 60, /* as many first waits without a failure halve their count */
};

extern const struct password_backoff_rule password_backoff_rules[PASSWORD_BACKOFF_RULES];

struct password_backoff;

/* Room for `entries` counters (rounded up to a power of two); when the slots for a new one are
 * taken, it replaces the one that has been unused for longest. The first wait is of `wait_us`; each
 * further failure doubles it. */
struct password_backoff *password_backoff_new(int entries, int64_t wait_us);
void password_backoff_free(struct password_backoff *backoff);

/* Microseconds for which this account must wait when used from this address; 0: none. Any thread,
 * like the functions below. */
int64_t password_backoff_wait_us(struct password_backoff *backoff, const char *account,
                                 const char *address, int64_t now_us);
/* The same, after the password was compared, and records the result in the same step: a good
 * password clears the account's failures, but one that came before its wait was over counts as a
 * failure, like a wrong one. So guesses at the same time wait like successive ones. */
int64_t password_backoff_judge_us(struct password_backoff *backoff, const char *account,
                                  const char *address, bool good, int64_t now_us);

#endif
