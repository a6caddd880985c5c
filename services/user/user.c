/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of accounts: who may read, manage or delete one, and the changes of one account, each
 * with its checks. */
#include "services/user/user.h"

#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "rpc/rpc.h"

static const char *const roles[] = {"customer", "seller", "admin", "superAdmin"};
enum { RANK_ADMIN = 2, RANK_SUPER_ADMIN = 3 };

const char *account_key(struct arena *arena, const char *email)
{
    return str_lower(arena, str_of(email));
}

int role_rank(const char *role)
{
    for (int i = 0; i < (int)(sizeof(roles) / sizeof(roles[0])); i++)
        if (strcmp(role, roles[i]) == 0) return i;
    return -1;
}

bool account_is_own(const struct user *caller, const char *email)
{
    return caller->email[0] && strcasecmp(caller->email, email) == 0;
}

struct status account_check_read(const struct user *caller, const char *email)
{
    if (account_is_own(caller, email) || role_rank(caller->role) >= RANK_ADMIN) return status_ok();
    return status_make(STATUS_PERMISSION_DENIED, ARGOSY__REASON__NOT_OWNER,
                       "this account belongs to somebody else; log in as its owner or as an admin");
}

/* An admin manages customers and sellers; a superAdmin everyone. */
static bool manages(const struct user *caller, const char *role)
{
    int rank = role_rank(caller->role);

    return rank == RANK_SUPER_ADMIN || (rank == RANK_ADMIN && role_rank(role) < RANK_ADMIN);
}

/* The token has the caller's role from when it was issued; the account itself has the present one.
 * So nobody can unblock themselves, or take back a role that they lost, while the token lasts. */
static bool manages_own(const struct account *account)
{
    const struct user now = {.email = account->email, .role = account->role, .device_id = ""};

    return strcmp(account->status, "blocked") != 0 && manages(&now, account->role);
}

struct status account_check_manage(const struct user *caller, const struct account *account)
{
    bool may = manages(caller, account->role);

    if (account_is_own(caller, account->email)) may = may && manages_own(account);
    if (may) return status_ok();
    return status_make(STATUS_PERMISSION_DENIED, ARGOSY__REASON__ROLE_REQUIRED,
                       "managing an account takes an admin, and an admin's account a superAdmin");
}

struct status account_check_delete(const struct user *caller, const struct account *account)
{
    if (account_is_own(caller, account->email)) return status_ok();
    return account_check_manage(caller, account);
}

struct status account_check_exists(const struct account *account)
{
    if (!account->deleted) return status_ok();
    return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__USER_NOT_FOUND,
                       "there is no account with this address; sign up first");
}

struct status account_set_role(struct account *account, const struct user *caller, const char *role,
                               int64_t now_us)
{
    struct status st = account_check_exists(account);
    if (failed(st)) return st;

    st = account_check_manage(caller, account);
    if (failed(st)) return st;

    if (role_rank(role) < 0)
        return status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__USER_ROLE_UNKNOWN,
                           "roles are customer, seller, admin and superAdmin");
    if (!manages(caller, role))
        return status_make(STATUS_PERMISSION_DENIED, ARGOSY__REASON__ROLE_REQUIRED,
                           "only a superAdmin may make somebody admin or superAdmin");
    account->role = role;
    account->updated_us = now_us;
    return status_ok();
}

struct status account_set_status(struct account *account, const struct user *caller,
                                 const char *status, int64_t now_us)
{
    struct status st = account_check_exists(account);
    if (failed(st)) return st;

    st = account_check_manage(caller, account);
    if (failed(st)) return st;

    account->status = status;
    account->updated_us = now_us;
    return status_ok();
}

struct status account_delete(struct account *account, const struct user *caller, int64_t now_us)
{
    struct status st = account_check_exists(account);
    if (failed(st)) return st;

    st = account_check_delete(caller, account);
    if (failed(st)) return st;

    account->deleted = true;
    account->updated_us = now_us;
    return status_ok();
}

struct status account_check_password(const struct account *account, int64_t changed_us)
{
    if (account->password_changed_us == changed_us) return status_ok();
    return status_make(STATUS_ABORTED, ARGOSY__REASON__VERSION_STALE,
                       "the password has just been changed; try again with the new one");
}

struct status account_set_password(struct account *account, const char *hash, bool rehash,
                                   int64_t now_us)
{
    struct status st = account_check_exists(account);
    if (failed(st)) return st;

    account->password_hash = hash;
    if (!rehash)
        account->password_changed_us = now_us > account->password_changed_us
                                           ? now_us
                                           : account->password_changed_us + 1;
    account->updated_us = now_us;
    return status_ok();
}
