/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts: what an account is, and which caller may do what to it. Plain values, no I/O.
 *
 * There is one account for an address, compared without case and kept as given. A deleted account
 * keeps its record, so that references to it can still be explained and nobody else can take its
 * address. */
#ifndef SERVICES_USER_USER_H
#define SERVICES_USER_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

struct user;

struct account {
    const char *email; /* as given */
    const char *name;
    const char *phone;
    const char *address;
    const char *avatar_url;
    const char *role;
    const char *status;
    const char *password_hash;
    bool deleted;
    int64_t created_us;
    int64_t updated_us;
    int64_t password_changed_us;
};

/* The form in which addresses are compared: lower case (ASCII). */
const char *account_key(struct arena *arena, const char *email);

/* customer 0, seller 1, admin 2, superAdmin 3; -1 for an unknown role. */
int role_rank(const char *role);

/* Is the account with this address the caller's own? */
bool account_is_own(const struct user *caller, const char *email);

/* May `caller` read `email`'s account? Users their own, admins everyone's; else NOT_OWNER. */
struct status account_check_read(const struct user *caller, const char *email);

/* May `caller` change, block or delete this account? Admins may manage customers and sellers,
 * superAdmins everyone. On the caller's own account its stored role and status count, not those in
 * the token. */
struct status account_check_manage(const struct user *caller, const struct account *account);

/* May `caller` delete this account? As above, and everyone their own. */
struct status account_check_delete(const struct user *caller, const struct account *account);

/* Changes, each with its checks: PERMISSION_DENIED if the caller may not manage the account or give
 * the role, NOT_FOUND for a deleted account. */
struct status account_set_role(struct account *account, const struct user *caller, const char *role,
                               int64_t now_us);
struct status account_set_status(struct account *account, const struct user *caller,
                                 const char *status, int64_t now_us);
struct status account_delete(struct account *account, const struct user *caller, int64_t now_us);

/* Sets a new hash. Unless `rehash` says that it is a better hash of the same password,
 * password_changed_us becomes now, and always later than before, even when the clock was set back:
 * sessions older than that end. */
struct status account_set_password(struct account *account, const char *hash, bool rehash,
                                   int64_t now_us);

/* ABORTED if the password is no longer the one that was set at `changed_us`. */
struct status account_check_password(const struct account *account, int64_t changed_us);

/* NOT_FOUND for a deleted account. */
struct status account_check_exists(const struct account *account);

#endif
