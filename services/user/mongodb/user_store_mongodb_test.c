/* SPDX-License-Identifier: Apache-2.0 */
/* What the adapter for MongoDB promises beyond the port: documents of the existing system, the
 * collection `customers`, and changes that are cut short. Needs a real server. */
#include "rpc/rpc_testing.h"
#include "services/user/mongodb/user_mongodb.h"
#include "store/mongodb/mongodb_fate.h"
#include "store/mongodb/mongodb_testing.h"

static struct user_store *store;
static struct mongodb *db; /* the same database, as another program sees it */
static const char *url;

static struct status start(const struct service_context *context, void **ret_service)
{
    url = mongodb_test_url(context->arena, test_engine("ARGOSY_TEST_MONGODB"));
    stage_must(mongodb_new(context->arena, context->shards, url, "user", &db));
    mongodb_use(db, mongodb_url_database(db, "user"));
    *ret_service = 0;
    return user_store_mongodb(context, url, &store);
}

static void stop(void *service)
{
    store->close(store);
    mongodb_close(db);
}

static const struct setting no_settings[] = {{0}};
static const struct service_module module = {
    .name = "user", .settings = no_settings, .store_default = "", .start = start, .stop = stop};

static void (*scene)(struct call *call);

static void play(struct call *call, struct stage *stage)
{
    EXPECT_OK(mongodb_open(call, db));
    scene(call);
    EXPECT_OK(user_mongodb_drop(call, store));
}

static void on_server(void (*fn)(struct call *call))
{
    static const struct stage_plan plan = {.module = &module};

    if (!test_engine("ARGOSY_TEST_MONGODB")) return;
    scene = fn;
    stage_run(&plan, play);
}

/* ---- scenes ---- */

static struct status write_command(struct call *call, struct str command)
{
    struct str reply;

    return mongodb_write(call, db, command, &reply);
}

static struct str first_of(struct call *call, const char *collection, const char *email)
{
    struct str reply = {0};

    EXPECT_OK(
        mongodb_read(call, db,
                     mongodb_document(call->arena, "{find: %s, filter: {email: %s}, limit: 1}",
                                      collection, email),
                     &reply));
    return mongodb_part(reply, "cursor.firstBatch.0");
}

/* An account of the existing system. */
static void old_account(struct call *call, const char *email, const char *name)
{
    struct mongodb_id id = mongodb_id_new();

    EXPECT_OK(write_command(
        call, mongodb_document(
                  call->arena,
                  "{insert: 'users', documents: [{_id: %o, email: %s, password: '$2b$10$x',"
                  " role: 'customer', status: 'in-progress', isDeleted: false, createdAt: %t,"
                  " updatedAt: %t, __v: 0}]}",
                  id, email, (int64_t)5000, (int64_t)6000)));
    EXPECT_OK(write_command(
        call, mongodb_document(call->arena,
                               "{insert: 'customers', documents: [{_id: %o, name: %s, email: %s,"
                               " user: %o, phone: '+1', createdAt: %t, updatedAt: %t, __v: 0}]}",
                               mongodb_id_new(), name, email, id, (int64_t)5000, (int64_t)6000)));
}

static struct status sign_up(struct call *call, const char *email)
{
    const struct account account = {.email = email,
                                    .name = "Ann",
                                    .phone = "+1 23",
                                    .address = "",
                                    .avatar_url = "",
                                    .role = "customer",
                                    .status = "active",
                                    .password_hash = "$hash",
                                    .created_us = 11000,
                                    .updated_us = 12345,
                                    .password_changed_us = 13000};

    return store->insert(call, store, &(struct account_creation){.account = &account});
}

static struct status rename_to(const struct call *call, struct account *account, void *data)
{
    account->name = data;
    account->updated_us++;
    return status_ok();
}

static struct status update(struct call *call, const char *email, const char *name)
{
    struct account *account;

    return store->update(call, store, email,
                         &(struct account_change){rename_to, (void *)(uintptr_t)name}, &account);
}

static struct status promote(const struct call *call, struct account *account, void *data)
{
    account->role = "admin";
    return status_ok();
}

/* ---- the existing system's documents ---- */

static void takes_over(struct call *call)
{
    struct account *found = 0, *accounts;
    size_t count;

    old_account(call, "Ann@Example.com", "Ann");
    old_account(call, "V4@x.com", "One");
    old_account(call, "v4@x.com", "Two");
    struct str before = first_of(call, "users", "V4@x.com");
    EXPECT_OK(store->open(call, store));
    EXPECT_OK(store->find(call, store, "ann@example.com", &found));
    if (!found) return;
    EXPECT(strcmp(found->email, "Ann@Example.com") == 0 && strcmp(found->name, "Ann") == 0);
    EXPECT(strcmp(found->phone, "+1") == 0 && strcmp(found->address, "") == 0);
    EXPECT(strcmp(found->status, "in-progress") == 0 && !found->deleted);
    EXPECT(strcmp(found->password_hash, "$2b$10$x") == 0);
    EXPECT(found->created_us == 5000 && found->updated_us == 6000);
    EXPECT(found->password_changed_us == 5000);

    /* Which of two accounts is meant can't be known, so nobody gets either, nor a third one. */
    EXPECT_REFUSED(store->find(call, store, "v4@x.com", &found), NOT_FOUND, USER_NOT_FOUND);
    EXPECT_REFUSED(sign_up(call, "v4@X.com"), ALREADY_EXISTS, USER_EXISTS);
    EXPECT(str_equal(before, first_of(call, "users", "V4@x.com")));

    /* Once that is mended, the next preparation takes the account over. */
    EXPECT_OK(write_command(
        call,
        mongodb_document(call->arena,
                         "{delete: 'users', deletes: [{q: {email: 'v4@x.com'}, limit: 1}]}")));
    EXPECT_OK(store->open(call, store));
    EXPECT_OK(store->find(call, store, "v4@x.com", &found));
    EXPECT(strcmp(found->name, "One") == 0);
    EXPECT_OK(store->list(call, store, "", "", 10, &accounts, &count));
    EXPECT(count == 2);
}

TEST(accounts_of_the_existing_system_are_taken_over_and_colliding_ones_left_alone)
{
    on_server(takes_over);
}

static void keeps_members(struct call *call)
{
    EXPECT_OK(store->open(call, store));
    EXPECT_OK(sign_up(call, "Ann@example.com"));
    struct str user = first_of(call, "users", "Ann@example.com");
    EXPECT(strcmp(mongodb_text(user, "password"), "$hash") == 0);
    EXPECT(strcmp(mongodb_text(user, "role"), "customer") == 0);
    EXPECT(mongodb_time_us(user, "createdAt") == 11000);
    EXPECT(mongodb_time_us(user, "updatedAt") == 12000 && mongodb_has(user, "__v"));
    EXPECT(mongodb_has(user, "isDeleted") && !mongodb_has(user, "argosy.behind"));
    struct str customer = first_of(call, "customers", "Ann@example.com");
    EXPECT(strcmp(mongodb_text(customer, "name"), "Ann") == 0);
    EXPECT(strcmp(mongodb_text(customer, "phone"), "+1 23") == 0);
    EXPECT(!mongodb_has(customer, "address") && mongodb_has(customer, "__v"));
    EXPECT_OK(update(call, "ann@example.com", "Anna"));
    EXPECT(strcmp(mongodb_text(first_of(call, "customers", "Ann@example.com"), "name"), "Anna") ==
           0);
}

TEST(an_account_has_the_members_that_the_existing_system_reads)
{
    on_server(keeps_members);
}

/* ---- changes that are cut short ---- */

static void repairs(struct call *call)
{
    bool more = true;

    EXPECT_OK(store->open(call, store));
    mongodb_lose_answer(2); /* the customer's: the change stays, and is marked as behind */
    EXPECT_OK(sign_up(call, "ann@example.com"));
    EXPECT_OK(write_command(
        call,
        mongodb_document(call->arena, "{delete: 'customers', deletes: [{q: {}, limit: 0}]}")));
    EXPECT(mongodb_flag(first_of(call, "users", "ann@example.com"), "argosy.behind"));
    EXPECT_OK(store->events.sweeper->sweep(call, store->events.sweeper, 0, &more));
    EXPECT(!more);
    EXPECT(strcmp(mongodb_text(first_of(call, "customers", "ann@example.com"), "name"), "Ann") ==
           0);
    EXPECT(!mongodb_has(first_of(call, "users", "ann@example.com"), "argosy.behind"));
}

TEST(a_customer_that_is_missing_is_written_by_the_sweeper)
{
    on_server(repairs);
}

static void finds_out(struct call *call)
{
    struct account *found = 0;

    EXPECT_OK(store->open(call, store));
    mongodb_lose_answer(1);
    EXPECT_OK(sign_up(call, "ann@example.com"));
    mongodb_lose_answer(1);
    EXPECT_OK(update(call, "ann@example.com", "Bob"));
    EXPECT_OK(store->find(call, store, "ann@example.com", &found));
    /* Once, though it was sent twice: each time would have added one. */
    EXPECT(found && strcmp(found->name, "Bob") == 0 && found->updated_us == 12346);
}

TEST(a_change_whose_answer_was_lost_is_found_and_not_made_twice)
{
    on_server(finds_out);
}

static struct status rename_once(struct call *call, int number, int64_t keys_max)
{
    static char name[] = "Bob";
    struct change_request request = {
        .idempotency = {.scope = "ann@example.com",
                        .key = arena_printf(call->arena, "key-%d", number),
                        .keys_max = keys_max}};
    const struct account_change change = {rename_to, name, .cause.request = &request};
    struct account *account;

    return store->update(call, store, "ann@example.com", &change, &account);
}

static void keeps_keys(struct call *call)
{
    struct account *found = 0;

    EXPECT_OK(store->open(call, store));
    EXPECT_OK(sign_up(call, "ann@example.com"));
    for (int i = 0; i < 3; i++) EXPECT_OK(rename_once(call, i, 3));
    EXPECT_REFUSED(rename_once(call, 3, 3), RESOURCE_EXHAUSTED, IDEMPOTENCY_KEYS_FULL);
    for (int i = 3; i < CHANGE_MONGODB_REQUESTS; i++) EXPECT_OK(rename_once(call, i, 0));
    EXPECT_REFUSED(rename_once(call, CHANGE_MONGODB_REQUESTS, 0), RESOURCE_EXHAUSTED,
                   IDEMPOTENCY_KEYS_FULL);
    EXPECT_REFUSED(rename_once(call, 0, 0), ABORTED, IDEMPOTENCY_KEY_RUNNING);
    EXPECT_OK(store->find(call, store, "ann@example.com", &found));
    EXPECT(found && found->updated_us == 12345 + CHANGE_MONGODB_REQUESTS);
}

TEST(no_key_of_a_day_is_forgotten_for_a_new_one)
{
    on_server(keeps_keys);
}

static void leaves_no_event_behind(struct call *call)
{
    struct events_log *log = store->events.log;
    struct account *account;
    struct event *events;
    size_t count = 0;
    int64_t after;
    bool more;

    EXPECT_OK(store->open(call, store));
    EXPECT_OK(sign_up(call, "ann@example.com"));
    EXPECT_OK(store->update(call, store, "ann@example.com", &(struct account_change){promote, 0},
                            &account));
    mongodb_lose_answer(1); /* of the event's insertion: it is not removed from its document */
    EXPECT_REFUSED(log->read(call, log, "user-events", 0, 10, &events, &count, &after), UNAVAILABLE,
                   STORE_OUTCOME_UNKNOWN);
    EXPECT(mongodb_has(first_of(call, "users", "ann@example.com"), "argosy.outbox.0.id"));
    EXPECT_OK(store->events.sweeper->sweep(call, store->events.sweeper, 0, &more));
    EXPECT(!mongodb_has(first_of(call, "users", "ann@example.com"), "argosy.outbox.0.id"));
    EXPECT_OK(log->read(call, log, "user-events", 0, 10, &events, &count, &after));
    EXPECT(count == 1);
}

TEST(an_event_whose_moving_was_cut_short_is_published_once)
{
    on_server(leaves_no_event_behind);
}

/* ---- a mark that others have pushed out ---- */

static struct str document_with(struct call *call, int64_t version, struct mongodb_id mark)
{
    return mongodb_document(call->arena, "{argosy: {version: %l, marks: [%o]}}", version, mark);
}

static struct status lost_answer(void)
{
    return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_OUTCOME_UNKNOWN, "lost");
}

static void forgets_marks(struct call *call)
{
    struct change_mongodb_mark mark = {.id = mongodb_id_new()}, other = {.id = mongodb_id_new()};
    const struct change_cause cause = {0};
    struct str none = {0};
    bool fresh = false;

    /* Others may change the document as often as they like while no answer is lost. */
    change_mongodb_written(&mark, document_with(call, 5, other.id), status_ok());
    EXPECT_OK(
        change_mongodb_begin(call, document_with(call, 500, other.id), &cause, &mark, &fresh));
    EXPECT(fresh);

    change_mongodb_written(&mark, document_with(call, 5, other.id), lost_answer());
    change_mongodb_written(&mark, document_with(call, 7, other.id), lost_answer());
    EXPECT_OK(change_mongodb_begin(call, document_with(call, 5 + CHANGE_MONGODB_MARKS, other.id),
                                   &cause, &mark, &fresh));
    EXPECT(fresh); /* it would still be there */
    EXPECT_REFUSED(change_mongodb_begin(call,
                                        document_with(call, 6 + CHANGE_MONGODB_MARKS, other.id),
                                        &cause, &mark, &fresh),
                   UNAVAILABLE, STORE_OUTCOME_UNKNOWN);
    EXPECT_OK(change_mongodb_begin(call, document_with(call, 6 + CHANGE_MONGODB_MARKS, mark.id),
                                   &cause, &mark, &fresh));
    EXPECT(!fresh);
    EXPECT_REFUSED(change_mongodb_begin(call, none, &cause, &mark, &fresh), UNAVAILABLE,
                   STORE_OUTCOME_UNKNOWN); /* it was deleted since */
}

TEST(a_change_that_others_may_have_hidden_is_not_made_again)
{
    on_server(forgets_marks);
}
