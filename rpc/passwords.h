/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords of accounts, for every service that hashes or checks them: one lane per process, so
 * that hashing never starves reads, and one back-off for all calls by which a password can be
 * guessed.
 *
 *     st = passwords_open(context, &passwords);        in the module's start
 *     st = passwords_check(call, passwords, &trial);   a login, a deletion, a repeated sign-up
 *     passwords_close(passwords);                      in its stop
 *
 * All services of a process share it. Processes that are given the same AUTH_CACHE count failures
 * together, in Redis (rpc/password_tally.h); a process without one, or for as long as its Redis
 * does not answer, counts its own. The metric argosy_password_checks_total{counters} says which. */
#ifndef RPC_PASSWORDS_H
#define RPC_PASSWORDS_H

#include "base/password.h"
#include "fiber/call.h"
#include "rpc/service.h"

struct passwords;

/* The process's only one, made by the first call and freed by the last passwords_close. The
 * module's settings have AUTH_CACHE and LOGIN_BACKOFF (base/password_policy.h). INVALID_ARGUMENT or
 * FAILED_PRECONDITION (SETTING_INVALID) if its URL cannot be used. */
struct status passwords_open(const struct service_context *context,
                             struct passwords **ret_passwords);
void passwords_close(struct passwords *passwords);

/* A new hash, in the arena. INVALID_ARGUMENT (INVALID_FIELDS) on the field `password` if bcrypt
 * would truncate it; RESOURCE_EXHAUSTED (LANE_FULL). */
struct status passwords_hash(struct call *call, struct passwords *passwords,
                             const struct password_policy *policy, const char *password,
                             const char **ret_hash);

/* An attempt to log in to an account, or to prove its ownership again. */
struct password_trial {
    const struct password_policy *policy; /* the cost of a check for an account that does not
                                           * exist */
    const char *email;
    const char *password;
    const char *hash; /* NULL: the account does not exist */
};

/* OK if the password is right. UNAUTHENTICATED (CREDENTIALS_WRONG) if it is wrong or there is no
 * such account, in the same time; RESOURCE_EXHAUSTED (LOGIN_BACKOFF) after too many failures from
 * call_peer's address or for this account. */
struct status passwords_check(struct call *call, struct passwords *passwords,
                              const struct password_trial *trial);

#endif
