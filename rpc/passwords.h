/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords of accounts, for every service that hashes or checks them: one lane of the process, so
 * that hashing never starves reads, and one back-off for all ways of guessing.
 *
 *     passwords = passwords_open();                    in the module's start
 *     st = passwords_check(call, passwords, &trial);   a login, a deletion, a repeated sign-up
 *     passwords_close(passwords);                      in its stop
 *
 * Several services of a process share it. In a fleet each process counts for itself. */
#ifndef RPC_PASSWORDS_H
#define RPC_PASSWORDS_H

#include "base/password.h"
#include "fiber/call.h"

struct passwords;

/* The process's own, made by the first who asks and freed by the last who closes. */
struct passwords *passwords_open(void);
void passwords_close(struct passwords *passwords);

/* A new hash, in the arena. INVALID_ARGUMENT (INVALID_FIELDS) on the field `password` if bcrypt
 * would cut it; RESOURCE_EXHAUSTED (LANE_FULL). */
struct status passwords_hash(struct call *call, struct passwords *passwords,
                             const struct password_policy *policy, const char *password,
                             const char **ret_hash);

/* Somebody's attempt to prove that an account is theirs. */
struct password_trial {
    const struct password_policy *policy; /* what an account that is not there costs */
    const char *email;
    const char *password;
    const char *hash; /* NULL: there is no such account */
};

/* OK if the password is right. UNAUTHENTICATED (CREDENTIALS_WRONG) if it is not or if there is no
 * account, which cost alike; RESOURCE_EXHAUSTED (LOGIN_BACKOFF) after too many of these, from
 * call_peer's address or on this account. */
struct status passwords_check(struct call *call, struct passwords *passwords,
                              const struct password_trial *trial);

#endif
