/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of the user service's port: each test runs against each adapter in the list below. */
#include "services/user/user_store.h"

#include "events.pb-c.h"
#include "rpc/store_suite_testing.h"
#include "services/user/mongodb/user_mongodb.h"
#include "store/mongodb/mongodb_testing.h"
#include "store/sqlite/sqlite_fate.h"

static struct status open_sqlite(const struct service_context *context,
                                 struct user_store **ret_store)
{
    return user_store_sqlite(context, ":memory:", ret_store);
}

static struct status open_mongodb(const struct service_context *context,
                                  struct user_store **ret_store)
{
    return user_store_mongodb(
        context, mongodb_test_url(context->arena, test_engine("ARGOSY_TEST_MONGODB")), ret_store);
}

static struct status connect_mongodb(struct call *call, struct user_store *opened)
{
    return opened->open(call, opened);
}

STORE_SUITE(user, {"sqlite", open_sqlite, .lose_answer = sqlite_lose_answer},
            {"mongodb", open_mongodb, "ARGOSY_TEST_MONGODB", connect_mongodb, user_mongodb_drop});

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

/* ---- lost answers ---- */

static size_t count_events(struct call *call)
{
    struct event *events;
    size_t count = 0;
    int64_t after;

    EXPECT_OK(store->events.log->read(call, store->events.log, "user-events", 0, 100, &events,
                                      &count, &after));
    return count;
}

static void outlives_lost_answers(struct call *call, struct stage *stage)
{
    struct change_request request = {.idempotency = {.scope = "peer", .key = "k"}};
    const struct account ann = account_of("ann@example.com", "customer");
    const struct account_creation creation = {
        .account = &ann, .cause = {.request = &request}, .record = {.answer = STR("made")}};
    const struct account_change change = {change_much, (void *)(uintptr_t) "Bob"};
    struct account *account = 0;

    EXPECT_LOST(store->insert(call, store, &creation));
    EXPECT_OK(store->insert(call, store, &creation));
    EXPECT(str_is(request.replayed, "made"));
    /* Without a key the address tells that there is an account now. */
    EXPECT_LOST(insert(call, "bob@example.com", "customer"));
    EXPECT_REFUSED(insert(call, "bob@example.com", "customer"), ALREADY_EXISTS, USER_EXISTS);

    EXPECT_LOST(store->update(call, store, "ann@example.com", &change, &account));
    EXPECT_OK(store->update(call, store, "ann@example.com", &change, &account));
    EXPECT(account && strcmp(account->name, "Bob") == 0);
    EXPECT(count_events(call) == 1);
}

TEST(a_write_whose_answer_was_lost_takes_effect_once_when_it_is_repeated)
{
    for_each_adapter(outlives_lost_answers);
}

/* ---- causes ---- */

static struct status add_one(const struct call *call, struct account *account, void *data)
{
    account->created_us++; /* not stored */
    account->updated_us++;
    return status_ok();
}

static int64_t updated_us(struct call *call)
{
    struct account *found = 0;

    EXPECT_OK(store->find(call, store, "ann@example.com", &found));
    return found ? found->updated_us : -1;
}

static void causes_count_once(struct call *call, struct stage *stage)
{
    struct event event = {.id = "0190", .topic = "t", .key = "k", .type = "t"};
    struct change_request request = {.idempotency = {.scope = "ann", .key = "k"}}, other = request;
    const struct account_change by_event = {add_one, 0, 0, {.event = &event}},
                                by_request = {add_one, 0, 0, {.request = &request}},
                                by_other = {add_one, 0, 0, {.request = &other}};
    const struct account bob = account_of("bob@example.com", "customer");
    struct account *account;

    other.idempotency.fingerprint[0] = 1;
    EXPECT_OK(insert(call, "ann@example.com", "customer"));
    EXPECT_OK(store->update(call, store, "ann@example.com", &by_event, &account));
    EXPECT_OK(store->update(call, store, "ann@example.com", &by_event, &account));
    EXPECT(updated_us(call) == 13);

    /* No answer was recorded with the change, so the key stays taken for a day. */
    EXPECT_OK(store->update(call, store, "ann@example.com", &by_request, &account));
    EXPECT_REFUSED(store->update(call, store, "ann@example.com", &by_request, &account), ABORTED,
                   IDEMPOTENCY_KEY_RUNNING);
    EXPECT_REFUSED(store->update(call, store, "ann@example.com", &by_other, &account),
                   FAILED_PRECONDITION, IDEMPOTENCY_KEY_REUSED);
    EXPECT_REFUSED(store->replay(call, store, &other), FAILED_PRECONDITION, IDEMPOTENCY_KEY_REUSED);
    EXPECT(updated_us(call) == 14);
    EXPECT_REFUSED(
        store->insert(call, store,
                      &(struct account_creation){.account = &bob, .cause = {.request = &other}}),
        FAILED_PRECONDITION, IDEMPOTENCY_KEY_REUSED);
    stage_pass_s(24 * 3600 + 1);
    EXPECT_OK(store->replay(call, store, &other));
    EXPECT(!other.replayed.data);
    EXPECT_OK(store->insert(
        call, store, &(struct account_creation){.account = &bob, .cause = {.request = &other}}));
    EXPECT_REFUSED(store->update(call, store, "ann@example.com", &by_request, &account),
                   FAILED_PRECONDITION, IDEMPOTENCY_KEY_REUSED);
}

TEST(an_event_or_a_request_with_a_key_takes_effect_once)
{
    for_each_adapter(causes_count_once);
}

static struct status change_role(const struct call *call, struct account *account, void *data)
{
    account->role = data;
    return status_ok();
}

static void set_role(struct call *call, const char *email, const char *role)
{
    struct account *account;

    EXPECT_OK(store->update(call, store, email,
                            &(struct account_change){change_role, (void *)(uintptr_t)role},
                            &account));
}

static void publishes(struct call *call, struct stage *stage)
{
    struct events_log *log = store->events.log;
    struct event *events = 0;
    int64_t after = 0, last = 0, offset = -1;
    size_t count = 0;

    EXPECT_OK(insert(call, "ann@example.com", "customer"));
    EXPECT_OK(insert(call, "bob@example.com", "customer"));
    set_role(call, "ann@example.com", "seller");
    set_role(call, "ann@example.com", "admin");
    set_role(call, "ann@example.com", "admin"); /* changes nothing */
    set_role(call, "bob@example.com", "seller");
    EXPECT_OK(log->read(call, log, "user-events", 0, 2, &events, &count, &after));
    EXPECT(count == 2 && events[0].offset > 0 && events[1].offset > events[0].offset);
    EXPECT(after == events[1].offset);
    EXPECT_OK(log->read(call, log, "user-events", after, 100, &events, &count, &after));
    EXPECT(count == 1 && strcmp(events[0].type, "AccountChangedEvent") == 0);
    ProtobufCMessage *message;
    EXPECT_OK(event_unpack(call->arena, &events[0], &events__account_changed_event__descriptor,
                           &message));
    EXPECT(((Events__AccountChangedEvent *)message)->role_changed_us > 0);
    EXPECT_OK(log->last_offset(call, log, "user-events", &last));
    EXPECT(last == after);
    EXPECT_OK(log->read(call, log, "other-events", 0, 100, &events, &count, &after));
    EXPECT(count == 0);

    EXPECT_OK(log->load_offset(call, log, "user-events", "auth", &offset));
    EXPECT(offset == 0);
    EXPECT_OK(log->commit_offset(call, log, "user-events", "auth", last));
    EXPECT_OK(log->commit_offset(call, log, "user-events", "auth", last - 1));
    EXPECT_OK(log->load_offset(call, log, "user-events", "auth", &offset));
    EXPECT(offset == last);
}

TEST(changes_of_accounts_are_published_in_order)
{
    for_each_adapter(publishes);
}

static void sweeps(struct call *call, struct stage *stage)
{
    struct events_sweeper *sweeper = store->events.sweeper;
    struct events_log *log = store->events.log;
    struct event *events;
    int64_t after, last, next;
    size_t count;
    bool more;

    EXPECT_OK(insert(call, "ann@example.com", "customer"));
    set_role(call, "ann@example.com", "seller");
    set_role(call, "ann@example.com", "admin");
    EXPECT(count_events(call) == 2);
    EXPECT_OK(log->last_offset(call, log, "user-events", &last));
    EXPECT_OK(log->commit_offset(call, log, "user-events", "auth", last - 1));
    EXPECT_OK(sweeper->sweep(call, sweeper, INT64_MAX, &more));
    EXPECT(count_events(call) == 1);
    EXPECT_OK(log->commit_offset(call, log, "user-events", "auth", last));
    EXPECT_OK(sweeper->sweep(call, sweeper, INT64_MAX, &more));
    set_role(call, "ann@example.com", "customer");
    EXPECT_OK(log->read(call, log, "user-events", last, 100, &events, &count, &after));
    EXPECT(count == 1);
    EXPECT_OK(log->last_offset(call, log, "user-events", &next));
    EXPECT(next > last);
}

TEST(sweeping_keeps_what_a_group_has_not_passed_and_never_reuses_an_offset)
{
    for_each_adapter(sweeps);
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
