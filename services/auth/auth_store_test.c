/* SPDX-License-Identifier: Apache-2.0 */
/* What every adapter of the port promises: each test runs for each adapter of the list below. */
#include "services/auth/auth_store.h"

#include "rpc/store_suite_testing.h"

static struct status open_sqlite(const struct service_context *context,
                                 struct auth_store **ret_store)
{
    return auth_store_sqlite(context, ":memory:", ret_store);
}

STORE_SUITE(auth, {"sqlite", open_sqlite});

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
