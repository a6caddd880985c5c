/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of the user service's port: each test runs against each adapter in the list below. */
#include "services/user/user_store.h"

#include "rpc/store_suite_testing.h"

static struct status open_sqlite(const struct service_context *context,
                                 struct user_store **ret_store)
{
    return user_store_sqlite(context, ":memory:", ret_store);
}

STORE_SUITE(user, {"sqlite", open_sqlite});

/* ---- scenes ---- */

static struct account account_of(const char *email, const char *role)
{
    return (struct account){
        .email = email,
        .name = "Ann",
        .phone = "+1 23",
        .address = "1 Main St",
        .avatar_url = "https://example.com/a.png",
        .role = role,
        .status = "active",
        .password_hash = "$hash",
        .created_us = 11,
        .updated_us = 12,
        .password_changed_us = 13,
    };
}

static struct status insert(struct call *call, const char *email, const char *role)
{
    struct account account = account_of(email, role);

    return store->insert(call, store, &(struct account_creation){.account = &account});
}

static void keeps_all_fields(struct call *call, struct stage *stage)
{
    struct account *found = 0;

    EXPECT_OK(insert(call, "Ann@Example.com", "seller"));
    EXPECT_OK(store->find(call, store, "aNN@example.COM", &found));
    if (!found) return;
    EXPECT(strcmp(found->email, "Ann@Example.com") == 0);
    EXPECT(strcmp(found->name, "Ann") == 0 && strcmp(found->phone, "+1 23") == 0);
    EXPECT(strcmp(found->address, "1 Main St") == 0);
    EXPECT(strcmp(found->avatar_url, "https://example.com/a.png") == 0);
    EXPECT(strcmp(found->role, "seller") == 0 && strcmp(found->status, "active") == 0);
    EXPECT(strcmp(found->password_hash, "$hash") == 0 && !found->deleted);
    EXPECT(found->created_us == 11 && found->updated_us == 12 && found->password_changed_us == 13);
}

TEST(an_account_comes_back_as_it_was_given)
{
    for_each_adapter(keeps_all_fields);
}

static void one_account_an_address(struct call *call, struct stage *stage)
{
    struct account *found;

    EXPECT_REFUSED(store->find(call, store, "ann@example.com", &found), NOT_FOUND, USER_NOT_FOUND);
    EXPECT_OK(insert(call, "ann@example.com", "customer"));
    EXPECT_REFUSED(insert(call, "ann@example.com", "customer"), ALREADY_EXISTS, USER_EXISTS);
    EXPECT_REFUSED(insert(call, "ANN@example.com", "admin"), ALREADY_EXISTS, USER_EXISTS);
    EXPECT_OK(store->find(call, store, "ann@example.com", &found));
    EXPECT(strcmp(found->role, "customer") == 0);
}

TEST(an_address_has_one_account_whatever_its_case)
{
    for_each_adapter(one_account_an_address);
}

static struct status change_much(const struct call *call, struct account *account, void *data)
{
    account->name = data;
    account->role = "admin";
    account->status = "blocked";
    account->password_hash = "$new";
    account->deleted = true;
    account->updated_us = 22;
    account->password_changed_us = 23;
    return status_ok();
}

static struct status refuse(const struct call *call, struct account *account, void *data)
{
    account->name = "Nobody";
    return status_make(STATUS_ABORTED, ARGOSY__REASON__NOT_OWNER, "no");
}

static void updates(struct call *call, struct stage *stage)
{
    struct account *account = 0, *found = 0;
    struct account_change change = {change_much, (void *)(uintptr_t) "Bob"};
    struct account_change refused = {refuse, 0};

    EXPECT_REFUSED(store->update(call, store, "ann@example.com", &change, &account), NOT_FOUND,
                   USER_NOT_FOUND);
    EXPECT_OK(insert(call, "Ann@example.com", "customer"));
    EXPECT_REFUSED(store->update(call, store, "ann@example.com", &refused, &account), ABORTED,
                   NOT_OWNER);
    EXPECT_OK(store->find(call, store, "ann@example.com", &found));
    EXPECT(strcmp(found->name, "Ann") == 0);

    EXPECT_OK(store->update(call, store, "ANN@example.com", &change, &account));
    EXPECT(account && strcmp(account->name, "Bob") == 0);
    EXPECT_OK(store->find(call, store, "ann@example.com", &found));
    EXPECT(strcmp(found->email, "Ann@example.com") == 0 && strcmp(found->name, "Bob") == 0);
    EXPECT(strcmp(found->role, "admin") == 0 && strcmp(found->status, "blocked") == 0);
    EXPECT(strcmp(found->password_hash, "$new") == 0 && found->deleted);
    EXPECT(found->created_us == 11 && found->updated_us == 22 && found->password_changed_us == 23);
    EXPECT_REFUSED(insert(call, "ann@example.com", "customer"), ALREADY_EXISTS, USER_EXISTS);
}

TEST(an_update_changes_or_leaves_the_account)
{
    for_each_adapter(updates);
}

static void lists(struct call *call, struct stage *stage)
{
    struct account *accounts;
    size_t count;

    EXPECT_OK(store->list(call, store, "", "", 10, &accounts, &count));
    EXPECT(count == 0);
    EXPECT_OK(insert(call, "Cid@example.com", "seller"));
    EXPECT_OK(insert(call, "ann@example.com", "customer"));
    EXPECT_OK(insert(call, "Bob@example.com", "seller"));
    EXPECT_OK(insert(call, "dan@example.com", "admin"));

    EXPECT_OK(store->list(call, store, "", "", 3, &accounts, &count));
    EXPECT(count == 3 && strcmp(accounts[0].email, "ann@example.com") == 0 &&
           strcmp(accounts[2].email, "Cid@example.com") == 0);
    EXPECT_OK(store->list(call, store, "cid@example.com", "", 3, &accounts, &count));
    EXPECT(count == 1 && strcmp(accounts[0].email, "dan@example.com") == 0);
    EXPECT_OK(store->list(call, store, "", "seller", 3, &accounts, &count));
    EXPECT(count == 2 && strcmp(accounts[0].email, "Bob@example.com") == 0);
    EXPECT_OK(store->list(call, store, "bob@example.com", "seller", 3, &accounts, &count));
    EXPECT(count == 1 && strcmp(accounts[0].email, "Cid@example.com") == 0);
}

TEST(lists_are_in_order_and_continue_after_a_key)
{
    for_each_adapter(lists);
}

/* ---- races ---- */

enum { RACERS = 64, UPDATES = 200 };

static _Atomic int winners;

static void race_to_sign_up(struct call *call, struct stage *stage, int number)
{
    struct status st = insert(call, number % 2 ? "Ann@example.com" : "ann@example.com", "customer");

    if (!failed(st)) winners++;
    EXPECT(!failed(st) || st.reason == ARGOSY__REASON__USER_EXISTS);
}

static struct status count_one(const struct call *call, struct account *account, void *data)
{
    account->updated_us++;
    return status_ok();
}

static void race_to_count(struct call *call, struct stage *stage, int number)
{
    struct account *account;

    EXPECT_OK(store->update(call, store, "ann@example.com", &(struct account_change){count_one, 0},
                            &account));
}

static void races(struct call *call, struct stage *stage)
{
    struct account *found;

    winners = 0;
    stage_spread(call, stage, RACERS, race_to_sign_up);
    EXPECT(winners == 1);
    stage_spread(call, stage, UPDATES, race_to_count);
    EXPECT_OK(store->find(call, store, "ann@example.com", &found));
    EXPECT(found->updated_us == 12 + UPDATES);
}

TEST(of_many_sign_ups_one_wins_and_no_update_is_lost)
{
    for_each_adapter(races);
}
