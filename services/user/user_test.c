/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of accounts, role by role: who may manage whom, and what a change leaves behind. */
#include "services/user/user.h"

#include "base/test.h"
#include "rpc/rpc.h"

enum { NOW = 1000, LATER = 2000 };

static const char *const roles[] = {"customer", "seller", "admin", "superAdmin"};
enum { ROLES = sizeof(roles) / sizeof(roles[0]) };

static struct user user_with(const char *role)
{
    return (struct user){.email = "caller@example.com", .role = role, .device_id = ""};
}

static struct account account_with(const char *role)
{
    return (struct account){
        .email = "Owner@example.com",
        .role = role,
        .status = "active",
        .password_hash = "old",
        .updated_us = NOW,
        .password_changed_us = NOW,
    };
}

/* Who may manage whose account: a row for each caller, a column for each owner. */
static const bool manages[ROLES][ROLES] = {
    {0, 0, 0, 0},
    {0, 0, 0, 0},
    {1, 1, 0, 0},
    {1, 1, 1, 1},
};

TEST(roles_are_ranked)
{
    for (int i = 0; i < ROLES; i++) CHECK_INT(role_rank(roles[i]), ==, i);
    CHECK_INT(role_rank(""), ==, -1);
    CHECK_INT(role_rank("Admin"), ==, -1);
    CHECK_INT(role_rank("superadmin"), ==, -1);
}

TEST(addresses_are_compared_in_lower_case)
{
    struct arena arena;

    arena_init(&arena, 0);
    CHECK_STR(account_key(&arena, "Ann.B@Example.COM"), "ann.b@example.com");
    arena_release(&arena);
}

TEST(reading_takes_the_owner_or_an_admin)
{
    for (int i = 0; i < ROLES; i++) {
        struct user user = user_with(roles[i]);
        bool admin = i >= 2;
        CHECK(failed(account_check_read(&user, "other@example.com")) == !admin);
        CHECK_OK(account_check_read(&user, "CALLER@example.com"));
    }
    struct user nobody = {"", "", ""};
    struct status st = account_check_read(&nobody, "");
    CHECK_INT(st.code, ==, STATUS_PERMISSION_DENIED);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__NOT_OWNER);
}

TEST(managing_follows_the_table)
{
    for (int i = 0; i < ROLES; i++) {
        for (int j = 0; j < ROLES; j++) {
            struct user user = user_with(roles[i]);
            struct account account = account_with(roles[j]);
            struct status st = account_check_manage(&user, &account);
            CHECK(failed(st) == !manages[i][j]);
            if (failed(st)) CHECK_INT(st.reason, ==, ARGOSY__REASON__ROLE_REQUIRED);
        }
    }
}

TEST(giving_a_role_takes_power_over_the_old_and_the_new_one)
{
    for (int caller = 0; caller < ROLES; caller++) {
        for (int old = 0; old < ROLES; old++) {
            for (int new = 0; new < ROLES; new ++) {
                struct user user = user_with(roles[caller]);
                struct account account = account_with(roles[old]);
                bool may = manages[caller][old] && manages[caller][new];
                struct status st = account_set_role(&account, &user, roles[new], LATER);
                CHECK(failed(st) == !may);
                CHECK_STR(account.role, roles[may ? new : old]);
                CHECK_INT(account.updated_us, ==, may ? LATER : NOW);
            }
        }
    }
}

TEST(an_unknown_role_is_refused)
{
    struct user user = user_with("superAdmin");
    struct account account = account_with("customer");
    struct status st = account_set_role(&account, &user, "king", LATER);

    CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__USER_ROLE_UNKNOWN);
    CHECK_STR(account.role, "customer");
}

TEST(blocking_follows_the_table)
{
    for (int i = 0; i < ROLES; i++) {
        for (int j = 0; j < ROLES; j++) {
            struct user user = user_with(roles[i]);
            struct account account = account_with(roles[j]);
            CHECK(failed(account_set_status(&account, &user, "blocked", LATER)) == !manages[i][j]);
            CHECK_STR(account.status, manages[i][j] ? "blocked" : "active");
        }
    }
}

TEST(an_older_token_lets_nobody_unblock_themselves_or_take_a_role_back)
{
    struct user user = {"owner@EXAMPLE.com", "superAdmin", ""};
    struct account account = account_with("superAdmin");

    CHECK_OK(account_set_status(&account, &user, "in-progress", LATER));
    account.status = "blocked";
    CHECK(failed(account_set_status(&account, &user, "active", LATER)));
    CHECK(failed(account_set_role(&account, &user, "admin", LATER)));
    account.status = "active";
    for (int i = 0; i < ROLES - 1; i++) {
        account.role = roles[i];
        CHECK(failed(account_set_role(&account, &user, "superAdmin", LATER)));
        CHECK_STR(account.role, roles[i]);
    }
    CHECK_STR(account.status, "active");
}

TEST(deleting_follows_the_table_and_everyone_may_delete_their_own)
{
    for (int i = 0; i < ROLES; i++) {
        for (int j = 0; j < ROLES; j++) {
            struct user user = user_with(roles[i]);
            struct account account = account_with(roles[j]);
            CHECK(failed(account_delete(&account, &user, LATER)) == !manages[i][j]);
            CHECK(account.deleted == manages[i][j]);
        }
        struct user owner = {"owner@EXAMPLE.com", roles[i], ""};
        struct account own = account_with(roles[i]);
        CHECK_OK(account_delete(&own, &owner, LATER));
        CHECK(own.deleted);
    }
}

TEST(nothing_changes_a_deleted_account)
{
    struct user user = user_with("superAdmin");
    struct account account = account_with("customer");

    account.deleted = true;
    struct status answers[] = {
        account_check_exists(&account),
        account_set_role(&account, &user, "seller", LATER),
        account_set_status(&account, &user, "blocked", LATER),
        account_delete(&account, &user, LATER),
        account_set_password(&account, "new", false, LATER),
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        CHECK_INT(answers[i].code, ==, STATUS_NOT_FOUND);
        CHECK_INT(answers[i].reason, ==, ARGOSY__REASON__USER_NOT_FOUND);
    }
    CHECK_STR(account.role, "customer");
    CHECK_STR(account.status, "active");
    CHECK_STR(account.password_hash, "old");
    CHECK_INT(account.updated_us, ==, NOW);
}

TEST(a_new_password_is_later_than_the_old_one_even_if_the_clock_was_set_back)
{
    struct account account = account_with("customer");

    CHECK_OK(account_set_password(&account, "new", false, NOW - 500));
    CHECK_INT(account.password_changed_us, ==, NOW + 1);
    CHECK_OK(account_set_password(&account, "newer", false, NOW + 1));
    CHECK_INT(account.password_changed_us, ==, NOW + 2);
}

TEST(a_better_hash_is_not_a_new_password)
{
    struct account account = account_with("customer");

    CHECK_OK(account_set_password(&account, "better", true, LATER));
    CHECK_STR(account.password_hash, "better");
    CHECK_INT(account.password_changed_us, ==, NOW);
    CHECK_OK(account_set_password(&account, "new", false, LATER));
    CHECK_STR(account.password_hash, "new");
    CHECK_INT(account.password_changed_us, ==, LATER);
}
