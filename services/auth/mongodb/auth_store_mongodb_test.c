/* SPDX-License-Identifier: Apache-2.0 */
/* What the adapter for MongoDB promises beyond the port: answers that are lost, and what is stored. Needs
 * a real server. */
#include "rpc/rpc_testing.h"
#include "services/auth/mongodb/auth_mongodb.h"
#include "store/mongodb/mongodb.h"
#include "store/mongodb/mongodb_fate.h"
#include "store/mongodb/mongodb_testing.h"

static struct auth_store *store;
static struct mongodb *db; /* the same database, as another program sees it */

static struct status start(const struct service_context *context, void **ret_service)
{
    const char *url = mongodb_test_url(context->arena, test_engine("ARGOSY_TEST_MONGODB"));

    stage_must(mongodb_new(context->arena, context->shards, url, "auth", &db));
    mongodb_use(db, mongodb_url_database(db, "auth"));
    *ret_service = 0;
    return auth_store_mongodb(context, url, &store);
}

static void stop(void *service)
{
    store->close(store);
    mongodb_close(db);
}

static const struct setting no_settings[] = {{0}};
static const struct service_module module = {
    .name = "auth", .settings = no_settings, .store_default = "", .start = start, .stop = stop};

static void (*scene)(struct call *call);

static void play(struct call *call, struct stage *stage)
{
    EXPECT_OK(store->open(call, store));
    store->access_ttl_s = 300;
    scene(call);
    EXPECT_OK(auth_mongodb_drop(call, store));
}

static void on_server(void (*fn)(struct call *call))
{
    static const struct stage_plan plan = {.module = &module};

    if (!test_engine("ARGOSY_TEST_MONGODB")) return;
    scene = fn;
    stage_run(&plan, play);
}

static struct status put(struct call *call, const char *device_id, const char *family)
{
    const struct session session = {.email = "Ann@example.com",
                                    .role = "customer",
                                    .device_id = device_id,
                                    .family = family,
                                    .number = 1,
                                    .hash = {7},
                                    .issued_s = 1000,
                                    .expires_s = 2000,
                                    .boot = "",
                                    .generation = 1,
                                    .peer = "192.0.2.1"};

    return store->put(call, store, &session, 10);
}

static struct status rotate(const struct call *call, struct session *session, void *data)
{
    *(int64_t *)data = ++session->number;
    return status_ok();
}

static size_t count_endings(struct call *call)
{
    struct ending *endings;
    size_t count = 0;
    int64_t last;

    EXPECT_OK(store->endings(call, store, 0, 0, 100, &endings, &count, &last));
    return count;
}

static void finds_out(struct call *call)
{
    int64_t number = 0;
    int removed = 0;

    mongodb_lose_answer(1); /* of the insertion of the account's document */
    EXPECT_OK(put(call, "phone", "fa"));
    mongodb_lose_answer(1); /* of its change */
    EXPECT_OK(put(call, "phone", "fb"));
    EXPECT(count_endings(call) == 1);
    mongodb_lose_answer(1);
    EXPECT_OK(store->update(call, store, "ann@example.com", "phone",
                            &(struct session_change){rotate, &number}));
    EXPECT_OK(store->update(call, store, "ann@example.com", "phone",
                            &(struct session_change){rotate, &number}));
    EXPECT(number == 3); /* twice, not three times */
    mongodb_lose_answer(1);
    EXPECT_OK(store->remove(call, store, "ann@example.com", 0, 0, &removed));
    EXPECT(removed == 1 && count_endings(call) == 3);
}

TEST(a_change_of_a_session_whose_answer_was_lost_is_not_made_twice)
{
    on_server(finds_out);
}

static void stores_hashes(struct call *call)
{
    struct str reply = {0};

    EXPECT_OK(put(call, "phone", "fa"));
    EXPECT_OK(mongodb_read(
        call, db, mongodb_document(call->arena, "{find: 'refresh_tokens', limit: 2}"), &reply));
    struct str document = mongodb_part(reply, "cursor.firstBatch.0");
    EXPECT(strcmp(mongodb_text(document, "_id"), "ann@example.com") == 0);
    EXPECT(mongodb_binary(document, "sessions.0.token_hash").length == AUTH_HASH_SIZE);
    EXPECT(!mongodb_has(document, "sessions.0.token") && !mongodb_has(document, "token"));
    EXPECT(!mongodb_has(reply, "cursor.firstBatch.1"));
}

TEST(of_a_refresh_token_only_the_hash_is_stored)
{
    on_server(stores_hashes);
}

/* The existing system's document of the same account. */
static void ignores_old(struct call *call)
{
    struct session *sessions;
    struct str reply;
    size_t count = 9;

    EXPECT_OK(mongodb_write(
        call, db,
        mongodb_document(call->arena,
                         "{insert: 'refresh_tokens', documents: [{_id: %o, email:"
                         " 'ann@example.com', device_id: 'phone', token: 'x', revoked: false}]}",
                         mongodb_id_new()),
        &reply));
    EXPECT_OK(store->list(call, store, "ann@example.com", 0, &sessions, &count));
    EXPECT(count == 0);
    EXPECT_OK(put(call, "phone", "fa"));
    EXPECT_OK(store->list(call, store, "ann@example.com", 0, &sessions, &count));
    EXPECT(count == 1);
}

TEST(the_existing_systems_tokens_are_left_alone)
{
    on_server(ignores_old);
}

/* What is left of a session that ended long ago. */
static void sweeps(struct call *call)
{
    struct ending *endings;
    struct str reply;
    int64_t last, next;
    int removed;
    size_t count;
    bool more;

    EXPECT_OK(put(call, "phone", "fa"));
    EXPECT_OK(store->remove(call, store, "ann@example.com", 0, 0, &removed));
    EXPECT_OK(store->endings(call, store, 0, 0, 100, &endings, &count, &last));
    EXPECT(count == 2);
    stage_pass_s(3600);
    EXPECT_OK(store->events.sweeper->sweep(call, store->events.sweeper,
                                           clock_now_us() - 60 * INT64_C(1000000), &more));
    EXPECT(count_endings(call) == 0);
    EXPECT_OK(
        mongodb_read(call, db, mongodb_document(call->arena, "{find: 'refresh_tokens'}"), &reply));
    EXPECT(!mongodb_has(reply, "cursor.firstBatch.0"));
    EXPECT_OK(store->remove(call, store, "ann@example.com", 0, 0, &removed));
    EXPECT_OK(store->endings(call, store, last, 0, 100, &endings, &count, &next));
    EXPECT(count == 1 && next > last); /* numbers are never used again */
}

TEST(sweeping_leaves_nothing_of_a_session_that_is_over_but_its_number)
{
    on_server(sweeps);
}

/* Endings that a process left in the documents of its accounts: more than one command moves. */
static void moves_backlog(struct call *call)
{
    enum { ACCOUNTS = 70, EACH = 5 };
    struct ending *endings;
    struct str reply;
    size_t count;
    int64_t last;
    bool more;

    for (int i = 0; i < ACCOUNTS; i++) {
        struct str items[EACH];
        for (int j = 0; j < EACH; j++)
            items[j] = mongodb_document(
                call->arena, "{id: %o, family: %s, generation: %l, until_s: %l}", mongodb_id_new(),
                arena_printf(call->arena, "%d.%d", i, j), INT64_MAX, INT64_C(9999999999));
        EXPECT_OK(mongodb_write(
            call, db,
            mongodb_document(call->arena,
                             "{insert: 'refresh_tokens', documents: [{_id: %s, sessions: [],"
                             " argosy: {endings: %a}}]}",
                             arena_printf(call->arena, "%03d@example.com", i),
                             mongodb_array(call->arena, items, EACH)),
            &reply));
        /* Some were moved before the process ended, and not yet removed from their document. */
        if (i % 7 == 0)
            EXPECT_OK(mongodb_write(
                call, db,
                mongodb_document(call->arena, "{insert: 'endings', documents: [%d]}",
                                 mongodb_join(call->arena,
                                              mongodb_document(call->arena, "{_id: %i}", i / 7 + 1),
                                              items[0])),
                &reply));
    }
    EXPECT_OK(store->events.sweeper->sweep(call, store->events.sweeper, 0, &more));
    EXPECT_OK(store->endings(call, store, 0, 0, 1000, &endings, &count, &last));
    EXPECT(count == ACCOUNTS * EACH && last == ACCOUNTS * EACH);
    for (size_t i = 0; i < count; i++) EXPECT(endings[i].number == (int64_t)i + 1);
    EXPECT_OK(mongodb_read(call, db,
                           mongodb_document(call->arena,
                                            "{find: 'refresh_tokens', filter: {argosy.endings.id:"
                                            " {$exists: true}}}"),
                           &reply));
    EXPECT(!mongodb_has(reply, "cursor.firstBatch.0"));
}

TEST(a_backlog_of_endings_is_moved_once_and_without_gaps)
{
    on_server(moves_backlog);
}

/* ---- what a cache remembers of an account ---- */

/* As a refresh with the token of this number. */
struct use {
    int64_t number;
    bool reused;
};

static struct status use_token(const struct call *call, struct session *session, void *data)
{
    struct use *use = data;

    use->reused = use->number != session->number;
    if (use->reused)
        session->ended = true;
    else
        session->number++;
    return status_ok();
}

static struct status refresh(struct call *call, int64_t number, struct account_memory *memory,
                             bool *ret_reused)
{
    struct use use = {.number = number};

    memory->fate = MEMORY_ABSENT;
    struct status st = store->update(call, store, "ann@example.com", "phone",
                                     &(struct session_change){use_token, &use, memory});
    *ret_reused = use.reused;
    return st;
}

static void spares_reads(struct call *call)
{
    struct account_memory memory = {0};
    bool reused = true;

    EXPECT_OK(put(call, "phone", "fa"));
    EXPECT_OK(put(call, "laptop", "fb"));
    EXPECT_OK(refresh(call, 1, &memory, &reused));
    EXPECT(!reused && memory.fate == MEMORY_ABSENT && memory.text.data);
    for (int number = 2; number < 50; number++) { /* more than a document has marks */
        EXPECT_OK(refresh(call, number, &memory, &reused));
        EXPECT(!reused && memory.fate == MEMORY_HELD && memory.text.data);
    }
    struct session *sessions;
    size_t count;
    EXPECT_OK(store->list(call, store, "ann@example.com", 1500, &sessions, &count));
    EXPECT(count == 2); /* the other device's is still there */
    for (size_t i = 0; i < count; i++)
        EXPECT(sessions[i].number == (strcmp(sessions[i].device_id, "phone") == 0 ? 50 : 1));
}

TEST(a_refresh_begins_with_what_the_last_one_left)
{
    on_server(spares_reads);
}

static void sees_theft(struct call *call)
{
    struct account_memory memory = {0}, old;
    bool reused = true;

    EXPECT_OK(put(call, "phone", "fa"));
    EXPECT_OK(refresh(call, 1, &memory, &reused));
    old = memory;
    EXPECT_OK(refresh(call, 2, &memory, &reused));
    EXPECT_OK(refresh(call, 2, &old, &reused)); /* by the old memory this token is the newest */
    EXPECT(reused && old.fate == MEMORY_OUTDATED && count_endings(call) == 2);
    EXPECT_REFUSED(refresh(call, 3, &memory, &reused), NOT_FOUND, SESSION_NOT_FOUND);
    EXPECT(memory.fate == MEMORY_OUTDATED && !memory.text.data);
}

TEST(an_outdated_memory_hides_no_theft)
{
    on_server(sees_theft);
}

static void revives_nothing(struct call *call)
{
    struct account_memory memory = {0}, old;
    bool reused;
    int removed;

    EXPECT_OK(put(call, "phone", "fa"));
    EXPECT_OK(refresh(call, 1, &memory, &reused));
    old = memory;
    EXPECT_OK(store->remove(call, store, "ann@example.com", NULL, NULL, &removed));
    EXPECT_REFUSED(refresh(call, 2, &memory, &reused), NOT_FOUND, SESSION_NOT_FOUND);

    /* Another login brings the account to the very version that the old memory has, as after the
     * restoration of a backup. */
    EXPECT_OK(auth_mongodb_drop(call, store));
    EXPECT_OK(store->open(call, store));
    EXPECT_OK(put(call, "phone", "fb"));
    EXPECT_OK(put(call, "phone", "fc"));
    EXPECT(mongodb_number(old.text, "argosy.version") == 2);
    EXPECT_OK(refresh(call, 2, &old, &reused));
    EXPECT(reused && old.fate == MEMORY_OUTDATED);

    /* A memory that knows nothing of a session is no reason to refuse it. */
    struct account_memory without = {
        .text = mongodb_document(call->arena, "{sessions: %a, argosy: {version: %l}}",
                                 mongodb_array(call->arena, NULL, 0), (int64_t)3)};
    EXPECT_OK(put(call, "phone", "fd"));
    EXPECT_OK(refresh(call, 1, &without, &reused));
    EXPECT(!reused && without.fate == MEMORY_OUTDATED);
}

TEST(a_memory_revives_no_session_and_refuses_none)
{
    on_server(revives_nothing);
}

static void loses_answers(struct call *call)
{
    struct account_memory memory = {0};
    bool reused = true;

    EXPECT_OK(put(call, "phone", "fa"));
    EXPECT_OK(refresh(call, 1, &memory, &reused));
    mongodb_lose_answer(1);
    EXPECT_OK(refresh(call, 2, &memory, &reused));
    EXPECT(!reused);
    EXPECT_OK(refresh(call, 3, &memory, &reused)); /* it was rotated once, not twice */
    EXPECT(!reused);
}

TEST(a_lost_answer_to_a_change_by_memory_is_found_out)
{
    on_server(loses_answers);
}

static void tidies(struct call *call)
{
    struct account_memory memory = {0};
    bool reused = true, more;

    EXPECT_OK(put(call, "phone", "fa"));
    EXPECT_OK(put(call, "laptop", "fb"));
    EXPECT_OK(refresh(call, 1, &memory, &reused));
    EXPECT_OK(store->events.sweeper->sweep(call, store->events.sweeper, 0, &more));
    EXPECT_OK(put(call, "phone", "fc")); /* the sessions had all expired long ago */
    EXPECT_OK(refresh(call, 1, &memory, &reused));
    EXPECT(!reused && memory.fate == MEMORY_OUTDATED);
}

TEST(a_memory_from_before_a_tidying_is_outdated)
{
    on_server(tidies);
}
