/* SPDX-License-Identifier: Apache-2.0 */
/* The suite of the auth service's port: each test runs against each adapter in the list below. */
#include "services/auth/auth_store.h"

#include "rpc/store_suite_testing.h"
#include "services/auth/mongodb/auth_mongodb.h"
#include "services/auth/redis/auth_cache.h"
#include "store/mongodb/mongodb_testing.h"
#include "store/sqlite/sqlite_fate.h"

static struct status open_sqlite(const struct service_context *context,
                                 struct auth_store **ret_store)
{
    return auth_store_sqlite(context, ":memory:", ret_store);
}

static struct status open_mongodb(const struct service_context *context,
                                  struct auth_store **ret_store)
{
    return auth_store_mongodb(
        context, mongodb_test_url(context->arena, test_engine("ARGOSY_TEST_MONGODB")), ret_store);
}

static struct status connect_mongodb(struct call *call, struct auth_store *opened)
{
    return opened->open(call, opened);
}

/* The store behind the cache. */
static struct auth_store *behind;

static struct status open_cached(const struct service_context *context,
                                 struct auth_store **ret_store)
{
    static const struct jwt_keys keys = {.count = 1, .keys = {{.secret = "secret", .size = 6}}};
    const char *url = test_engine("ARGOSY_TEST_REDIS");

    if (!url) url = "redis://127.0.0.1:9"; /* nobody answers there, and nobody needs to */
    url = arena_printf(context->arena, "%s%sprefix=test_%016llx:", url,
                       strchr(url, '?') ? "&" : "?", (unsigned long long)random_below(UINT64_MAX));
    return auth_store_cached(context, url, &keys, behind, ret_store);
}

static struct status open_cached_sqlite(const struct service_context *context,
                                        struct auth_store **ret_store)
{
    struct status st = open_sqlite(context, &behind);

    return failed(st) ? st : open_cached(context, ret_store);
}

static struct status open_cached_mongodb(const struct service_context *context,
                                         struct auth_store **ret_store)
{
    struct status st = open_mongodb(context, &behind);

    return failed(st) ? st : open_cached(context, ret_store);
}

static struct status drop_behind(struct call *call, struct auth_store *opened)
{
    (void)opened;
    return auth_mongodb_drop(call, behind);
}

STORE_SUITE(auth, {"sqlite", open_sqlite, .lose_answer = sqlite_lose_answer},
            {"sqlite behind redis", open_cached_sqlite, "ARGOSY_TEST_REDIS",
             .lose_answer = sqlite_lose_answer},
            {"mongodb", open_mongodb, "ARGOSY_TEST_MONGODB", connect_mongodb, auth_mongodb_drop},
            {"mongodb behind redis", open_cached_mongodb, "ARGOSY_TEST_MONGODB", connect_mongodb,
             drop_behind});

/* ---- scenes ---- */

enum { NOW_S = 1000, SESSIONS_MAX = 10 };

static struct session session_of(const char *email, const char *device_id, int64_t used_us)
{
    return (struct session){
        .email = email,
        .role = "customer",
        .device_id = device_id,
        .family = "family",
        .number = 3,
        .hash = {1, 0, 255, 4},
        .issued_s = NOW_S,
        .expires_s = NOW_S + 100,
        .created_us = 11,
        .used_us = used_us,
        .password_changed_us = 13,
        .boot = "",
        .generation = 1,
        .peer = "192.0.2.1",
    };
}

static struct status put(struct call *call, const char *email, const char *device_id,
                         int64_t used_us)
{
    struct session session = session_of(email, device_id, used_us);

    return store->put(call, store, &session, SESSIONS_MAX);
}

/* The devices of a user's sessions, in the order of the list: "c,b,a". */
static const char *devices(struct call *call, const char *email, int64_t now_s)
{
    struct session *sessions;
    const char *text = "";
    size_t count = 0;

    EXPECT_OK(store->list(call, store, email, now_s, &sessions, &count));
    for (size_t i = 0; i < count; i++)
        text = arena_printf(call->arena, "%s%s%s", text, i ? "," : "", sessions[i].device_id);
    return text;
}

static struct status copy(const struct call *call, struct session *session, void *data)
{
    *(struct session *)data = *session;
    return status_ok();
}

static void keeps_all_fields(struct call *call, struct stage *stage)
{
    const struct session given = session_of("Ann@Example.com", "phone", 12);
    struct session found = {0};

    EXPECT_OK(store->put(call, store, &given, SESSIONS_MAX));
    EXPECT_OK(store->update(call, store, "aNN@example.COM", "phone",
                            &(struct session_change){copy, &found}));
    if (!found.email) return;
    EXPECT(strcmp(found.email, given.email) == 0 && strcmp(found.role, given.role) == 0);
    EXPECT(strcmp(found.device_id, given.device_id) == 0);
    EXPECT(strcmp(found.family, given.family) == 0 && found.number == given.number);
    EXPECT(memcmp(found.hash, given.hash, sizeof(found.hash)) == 0);
    EXPECT(found.issued_s == given.issued_s && found.expires_s == given.expires_s);
    EXPECT(found.created_us == given.created_us && found.used_us == given.used_us);
    EXPECT(found.password_changed_us == given.password_changed_us);
    EXPECT(strcmp(found.peer, given.peer) == 0 && !found.ended);
}

TEST(a_session_comes_back_as_it_was_given)
{
    for_each_adapter(keeps_all_fields);
}

static struct status rotate(const struct call *call, struct session *session, void *data)
{
    session->number++;
    session->role = "seller";
    return status_ok();
}

static struct status refuse(const struct call *call, struct session *session, void *data)
{
    session->number = 99;
    return status_make(STATUS_ABORTED, ARGOSY__REASON__NOT_OWNER, "no");
}

static struct status end(const struct call *call, struct session *session, void *data)
{
    session->ended = true;
    return status_ok();
}

static void updates(struct call *call, struct stage *stage)
{
    const struct session_change change = {rotate, 0}, refused = {refuse, 0}, ended = {end, 0};
    struct session found = {0};

    EXPECT_REFUSED(store->update(call, store, "ann@example.com", "phone", &change), NOT_FOUND,
                   SESSION_NOT_FOUND);
    EXPECT_OK(put(call, "ann@example.com", "phone", 1));
    EXPECT_OK(put(call, "ann@example.com", "Phone", 2));
    EXPECT_REFUSED(store->update(call, store, "ann@example.com", "phone", &refused), ABORTED,
                   NOT_OWNER);
    EXPECT_OK(store->update(call, store, "ann@example.com", "phone", &change));
    EXPECT_OK(store->update(call, store, "ann@example.com", "phone",
                            &(struct session_change){copy, &found}));
    EXPECT(found.number == 4 && strcmp(found.role, "seller") == 0);

    EXPECT_OK(store->update(call, store, "ann@example.com", "phone", &ended));
    EXPECT_REFUSED(store->update(call, store, "ann@example.com", "phone", &change), NOT_FOUND,
                   SESSION_NOT_FOUND);
    EXPECT(strcmp(devices(call, "ann@example.com", NOW_S), "Phone") == 0);
}

TEST(an_update_changes_leaves_or_ends_the_session)
{
    for_each_adapter(updates);
}

static void lists_and_removes(struct call *call, struct stage *stage)
{
    int removed;

    EXPECT_OK(put(call, "ann@example.com", "a", 1));
    EXPECT_OK(put(call, "ANN@example.com", "c", 3));
    EXPECT_OK(put(call, "ann@example.com", "b", 2));
    EXPECT_OK(put(call, "bob@example.com", "d", 4));
    EXPECT(strcmp(devices(call, "Ann@example.com", NOW_S), "c,b,a") == 0);
    EXPECT(strcmp(devices(call, "ann@example.com", NOW_S + 100), "") == 0);
    EXPECT_OK(put(call, "ann@example.com", "a", 5));
    EXPECT(strcmp(devices(call, "ann@example.com", NOW_S), "a,c,b") == 0);

    EXPECT_OK(store->remove(call, store, "ann@example.com", "x", 0, &removed));
    EXPECT(removed == 0);
    EXPECT_OK(store->remove(call, store, "Ann@example.com", "b", 0, &removed));
    EXPECT(removed == 1);
    EXPECT_OK(store->remove(call, store, "ann@example.com", 0, "c", &removed));
    EXPECT(removed == 1 && strcmp(devices(call, "ann@example.com", NOW_S), "c") == 0);
    EXPECT_OK(put(call, "ann@example.com", "a", 5));
    EXPECT_OK(store->remove(call, store, "ann@example.com", 0, 0, &removed));
    EXPECT(removed == 2 && strcmp(devices(call, "ann@example.com", NOW_S), "") == 0);
    EXPECT(strcmp(devices(call, "bob@example.com", NOW_S), "d") == 0);
}

TEST(sessions_are_listed_and_removed_by_user)
{
    for_each_adapter(lists_and_removes);
}

static void evicts(struct call *call, struct stage *stage)
{
    static const char *const names[] = {"a", "b", "c", "d"};

    for (int i = 0; i < 4; i++) {
        struct session session = session_of("ann@example.com", names[i], 10 - i);
        EXPECT_OK(store->put(call, store, &session, 2));
    }
    /* The new one stays whatever the clock says, and the most recently used of the others. */
    EXPECT(strcmp(devices(call, "ann@example.com", NOW_S), "a,d") == 0);
}

TEST(past_the_limit_the_least_recently_used_session_goes)
{
    for_each_adapter(evicts);
}

static void forgets_expired(struct call *call, struct stage *stage)
{
    struct session old = session_of("bob@example.com", "phone", 1), found = {0};
    struct session fresh = session_of("ann@example.com", "phone", 2);

    EXPECT_OK(store->put(call, store, &old, SESSIONS_MAX));
    fresh.issued_s = old.expires_s + 1;
    fresh.expires_s = fresh.issued_s + 100;
    EXPECT_OK(store->put(call, store, &fresh, SESSIONS_MAX));
    EXPECT_REFUSED(store->update(call, store, "bob@example.com", "phone",
                                 &(struct session_change){copy, &found}),
                   NOT_FOUND, SESSION_NOT_FOUND);
}

TEST(a_login_sweeps_up_what_has_expired)
{
    for_each_adapter(forgets_expired);
}

/* The endings after `after`: "family:generation" of each; "x" stands for all generations. Those of
 * accounts are counted only: *ret_accounts. */
static const char *all_endings(struct call *call, int64_t after, int64_t now_s, int64_t *ret_last,
                               int *ret_accounts)
{
    struct ending *found;
    const char *text = "", *separator = "";
    size_t count = 0;

    *ret_accounts = 0;
    EXPECT_OK(store->endings(call, store, after, now_s, 100, &found, &count, ret_last));
    for (size_t i = 0; i < count; i++) {
        bool whole = found[i].generation == INT64_MAX;
        bool of_account = strcmp(found[i].family, "account:ann@example.com") == 0;
        *ret_accounts += of_account;
        if (of_account) continue;
        text = arena_printf(
            call->arena, "%s%s%s:%s", text, separator, found[i].family,
            whole ? "x" : arena_printf(call->arena, "%lld", (long long)found[i].generation));
        separator = " ";
    }
    return text;
}

static const char *endings(struct call *call, int64_t after, int64_t now_s, int64_t *ret_last)
{
    int accounts;

    return all_endings(call, after, now_s, ret_last, &accounts);
}

static void leave(struct call *call, const char *device_id, const char *family, int64_t used_us)
{
    struct session session = session_of("ann@example.com", device_id, used_us);

    session.family = family;
    EXPECT_OK(store->put(call, store, &session, SESSIONS_MAX));
}

static int told;

static void count_telling(void *data)
{
    told++;
}

static void leaves_endings(struct call *call, struct stage *stage)
{
    int64_t first, last, newest;
    int removed, accounts;

    store->access_ttl_s = 300;
    store->on_ending(store, count_telling, 0);
    told = 0;
    leave(call, "a", "fa", 1);
    leave(call, "b", "fb", 2);
    EXPECT(strcmp(endings(call, 0, 0, &first), "") == 0 && first == 0 && told == 0);
    leave(call, "a", "fa2", 3); /* a new login on the device */
    EXPECT(strcmp(endings(call, 0, 0, &first), "fa:x") == 0 && first > 0 && told == 1);
    EXPECT_OK(store->update(call, store, "ann@example.com", "b", &(struct session_change){end, 0}));
    leave(call, "c", "fc", 4);
    leave(call, "d", "fd", 5);
    EXPECT_OK(store->remove(call, store, "ann@example.com", 0, "d", &removed));
    EXPECT(removed == 2);
    const char *text = all_endings(call, first, 0, &newest, &accounts);
    EXPECT(strcmp(text, "fb:x fa2:x fc:x") == 0 && newest == first + 3 + accounts);
    EXPECT(accounts == 1 || accounts == 2); /* of one second, or of two */
    EXPECT(strcmp(endings(call, newest, 0, &last), "") == 0 && last == newest);
    EXPECT(strcmp(endings(call, 0, INT64_MAX, &last), "") == 0 && last == newest);
}

TEST(every_end_of_a_session_leaves_an_ending)
{
    for_each_adapter(leaves_endings);
}

static struct account_news news_of(const char *id, const char *role, bool gone, int64_t changed_us)
{
    static struct event events[8];
    static int count;
    struct event *event = &events[count++ % 8];

    *event = (struct event){.id = id, .topic = "user-events", .key = "k", .type = "t"};
    return (struct account_news){.event = event,
                                 .email = "Ann@example.com",
                                 .role = role,
                                 .gone = gone,
                                 .password_changed_us = changed_us,
                                 .changed_on = "b"};
}

static void follows(struct call *call, struct stage *stage)
{
    struct account_news same = news_of("1", "customer", false, 13),
                        role = news_of("2", "seller", false, 13),
                        password = news_of("3", "seller", false, 20),
                        gone = news_of("4", "seller", true, 20);
    struct session found = {0};
    int64_t last;

    store->access_ttl_s = 300;
    leave(call, "a", "fa", 1);
    leave(call, "b", "fb", 2);
    EXPECT_OK(store->follow(call, store, &same));
    EXPECT(strcmp(endings(call, 0, 0, &last), "") == 0);
    EXPECT_OK(store->follow(call, store, &role));
    EXPECT_OK(store->follow(call, store, &role));
    EXPECT(strcmp(endings(call, 0, 0, &last), "fa:2 fb:2") == 0);
    EXPECT_OK(
        store->update(call, store, "ann@example.com", "a", &(struct session_change){copy, &found}));
    EXPECT(found.generation == 2 && strcmp(found.role, "seller") == 0);
    /* The session of the device that changed the password stays, and knows the new one. */
    EXPECT_OK(store->follow(call, store, &password));
    EXPECT(strcmp(devices(call, "ann@example.com", NOW_S), "b") == 0);
    EXPECT_OK(
        store->update(call, store, "ann@example.com", "b", &(struct session_change){copy, &found}));
    EXPECT(found.password_changed_us == 20);
    EXPECT_OK(store->follow(call, store, &gone));
    EXPECT(strcmp(devices(call, "ann@example.com", NOW_S), "") == 0);
    EXPECT(strcmp(endings(call, 0, 0, &last), "fa:2 fb:2 fa:x fb:x") == 0);
}

/* The newest ending of an account: the second from which on its tokens are good; 0: there is none. */
static int64_t good_from_s(struct call *call)
{
    struct ending *found;
    int64_t from_s = 0, last;
    size_t count = 0;

    EXPECT_OK(store->endings(call, store, 0, 0, 100, &found, &count, &last));
    for (size_t i = 0; i < count; i++)
        if (strcmp(found[i].family, "account:ann@example.com") == 0) from_s = found[i].generation;
    return from_s;
}

static void ends_tokens_without_session(struct call *call, struct stage *stage)
{
    int64_t now_s = clock_now_us() / 1000000;
    struct account_news renamed = news_of("11", "customer", false, (now_s - 3600) * 1000000),
                        password = news_of("12", "customer", false, (now_s - 5) * 1000000),
                        role = news_of("14", "seller", false, (now_s - 3600) * 1000000),
                        gone = news_of("13", "customer", true, 0);
    int removed;

    store->access_ttl_s = 300;
    leave(call, "a", "fa", 1);
    leave(call, "a", "fb", 2); /* a login ends nothing of the account's */
    EXPECT_OK(store->follow(call, store, &renamed));
    EXPECT(good_from_s(call) == 0);
    EXPECT_OK(store->follow(call, store, &password));
    EXPECT(good_from_s(call) == now_s - 4);
    role.role_changed_us = (now_s - 2) * 1000000;
    EXPECT_OK(store->follow(call, store, &role));
    EXPECT(good_from_s(call) == now_s - 1);
    EXPECT_OK(store->follow(call, store, &gone));
    EXPECT(good_from_s(call) >= now_s + 1 && good_from_s(call) <= now_s + 5);
    stage_pass_s(60);
    EXPECT_OK(store->remove(call, store, "Ann@example.com", "other", 0, &removed));
    EXPECT(good_from_s(call) >= now_s + 61);
}

TEST(tokens_without_a_session_end_with_logout_password_role_and_account)
{
    for_each_adapter(ends_tokens_without_session);
}

static void ends_often(struct call *call, struct stage *stage)
{
    int64_t begun_s = clock_now_us() / 1000000, last;
    int removed, accounts;

    store->access_ttl_s = 300;
    for (int i = 0; i < 50; i++)
        EXPECT_OK(store->remove(call, store, "ann@example.com", "other", 0, &removed));
    all_endings(call, 0, 0, &last, &accounts);
    EXPECT(accounts >= 1 && accounts <= clock_now_us() / 1000000 - begun_s + 1);
    EXPECT(good_from_s(call) > begun_s);
}

TEST(an_account_leaves_at_most_one_ending_a_second)
{
    for_each_adapter(ends_often);
}

TEST(sessions_follow_their_account)
{
    for_each_adapter(follows);
}

/* ---- lost answers ---- */

/* Uses the token of this number, as a refresh does: a repeated one finds that it was used. */
static struct status use_token(const struct call *call, struct session *session, void *data)
{
    const int64_t *number = data;

    if (session->number != *number)
        return status_make(STATUS_ABORTED, ARGOSY__REASON__TOKEN_REUSED, "used");
    session->number++;
    return status_ok();
}

static void outlives_lost_answers(struct call *call, struct stage *stage)
{
    struct account_news role = news_of("21", "seller", false, 13);
    struct session found = {0};
    int removed = -1, accounts;
    int64_t number = 3, last;

    store->access_ttl_s = 300;
    EXPECT_LOST(put(call, "ann@example.com", "phone", 1));
    EXPECT_OK(put(call, "ann@example.com", "phone", 1));
    EXPECT(strcmp(all_endings(call, 0, 0, &last, &accounts), "") == 0); /* it is still good */
    const struct session_change change = {use_token, &number};
    EXPECT_LOST(store->update(call, store, "ann@example.com", "phone", &change));
    EXPECT_REFUSED(store->update(call, store, "ann@example.com", "phone", &change), ABORTED,
                   TOKEN_REUSED);
    EXPECT_LOST(store->follow(call, store, &role));
    EXPECT_OK(store->follow(call, store, &role));
    EXPECT_OK(store->update(call, store, "ann@example.com", "phone",
                            &(struct session_change){copy, &found}));
    EXPECT(found.number == 4 && found.generation == 2);

    EXPECT_LOST(store->remove(call, store, "ann@example.com", "phone", 0, &removed));
    EXPECT_OK(store->remove(call, store, "ann@example.com", "phone", 0, &removed));
    EXPECT(removed == 0 && strcmp(devices(call, "ann@example.com", NOW_S), "") == 0);
    EXPECT(strcmp(all_endings(call, 0, 0, &last, &accounts), "family:2 family:x") == 0);
}

TEST(a_write_whose_answer_was_lost_takes_effect_once_when_it_is_repeated)
{
    for_each_adapter(outlives_lost_answers);
}

enum { RACERS = 200 };

static void race_to_rotate(struct call *call, struct stage *stage, int number)
{
    EXPECT_OK(store->update(call, store, "ann@example.com", "phone",
                            &(struct session_change){rotate, 0}));
}

static void races(struct call *call, struct stage *stage)
{
    struct session found = {0};

    EXPECT_OK(put(call, "ann@example.com", "phone", 1));
    stage_spread(call, stage, RACERS, race_to_rotate);
    EXPECT_OK(store->update(call, store, "ann@example.com", "phone",
                            &(struct session_change){copy, &found}));
    EXPECT(found.number == 3 + RACERS);
}

TEST(no_update_is_lost)
{
    for_each_adapter(races);
}
