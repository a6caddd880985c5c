/* SPDX-License-Identifier: Apache-2.0 */
/* The driver: documents, errors, a server that is away or silent, and the commands of a real one. */
#include "store/mongodb/mongodb.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/status_testing.h"
#include "base/test.h"
#include "fiber/fiber.h"
#include "reasons.pb-c.h"
#include "store/mongodb/error.h"

/* ---- scenes: a store and shards with fibers that use it ---- */

static struct {
    struct arena arena;
    struct shards *shards;
    struct mongodb *db;
    void (*fn)(struct call *call, int number);
    _Atomic int playing;
} scene;

static void actor(struct call *call, void *data)
{
    scene.fn(call, (int)(intptr_t)data);
    if (atomic_fetch_sub(&scene.playing, 1) == 1) shards_stop(call->shard->shards);
}

static void play(const char *url, int fibers, void (*fn)(struct call *call, int number))
{
    arena_init(&scene.arena, 0);
    scene.shards = shards_new(2);
    CHECK_OK(mongodb_new(&scene.arena, scene.shards, url, "test", &scene.db));
    scene.fn = fn;
    scene.playing = fibers;
    for (int i = 0; i < fibers; i++)
        fiber_post(shards_at(scene.shards, i % 2), actor, 0, (void *)(intptr_t)i);
    shards_run(scene.shards);
    mongodb_close(scene.db);
    shards_free(scene.shards);
    arena_release(&scene.arena);
}

/* A port of this machine on which nobody answers: nobody listens, or nobody speaks. */
static int quiet_port(bool listens, char ret_url[64])
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(fd, (struct sockaddr *)&address, size) == 0);
    CHECK(!listens || listen(fd, 64) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    snprintf(ret_url, 64, "mongodb://127.0.0.1:%d/shop", ntohs(address.sin_port));
    return fd;
}

/* ---- documents ---- */

static void load_library(struct arena *arena)
{
    CHECK_OK(mongodb_library_load(arena));
}

TEST(a_document_has_the_values_of_its_template)
{
    struct mongodb_id id, found;
    struct arena arena;
    size_t count;

    arena_init(&arena, 0);
    load_library(&arena);
    id = mongodb_id_new();
    struct str inner = mongodb_document(&arena, "{a: 1}");
    struct str list = mongodb_array(&arena, (struct str[]){inner, inner}, 2);
    struct str made = mongodb_document(
        &arena,
        "{find: 'users', text: %s, view: %S, none: %s, small: %i, large: %l, yes: %b, when: %t,"
        " bytes: %x, _id: %o, part: %d, list: %a, deep: {a.b: [1, {c: -2}], $x: true, n: null}}",
        "Käse", STR("abc"), (const char *)0, 7, INT64_MIN, 1, (int64_t)-1, str_sized("\0x", 2), id,
        inner, list);
    CHECK(mongodb_is_document(made));
    CHECK_STR(mongodb_text(made, "find"), "users");
    CHECK_STR(mongodb_text(made, "text"), "Käse");
    CHECK_STR(mongodb_text(made, "view"), "abc");
    CHECK(!mongodb_has(made, "none"));
    CHECK(mongodb_number(made, "small") == 7 && mongodb_number(made, "large") == INT64_MIN);
    CHECK(mongodb_flag(made, "yes") && mongodb_flag(made, "deep.$x"));
    CHECK(mongodb_time_us(made, "when") == -1000); /* dates have milliseconds; rounded down */
    CHECK(str_equal(mongodb_binary(made, "bytes"), str_sized("\0x", 2)));
    CHECK(mongodb_read_id(made, "_id", &found) && memcmp(&id, &found, sizeof(id)) == 0);
    CHECK(mongodb_number(made, "part.a") == 1 && mongodb_number(made, "list.1.a") == 1);
    CHECK(mongodb_number(mongodb_part(made, "list.1"), "a") == 1);
    const struct str *items = mongodb_items(&arena, mongodb_part(made, "list"), &count);
    CHECK(count == 2 && mongodb_number(items[1], "a") == 1);
    CHECK(mongodb_has(made, "deep.n"));
    arena_release(&arena);
}

TEST(what_a_document_lacks_reads_as_nothing)
{
    struct mongodb_id id;
    struct arena arena;
    struct str none = {0};
    size_t count;

    arena_init(&arena, 0);
    load_library(&arena);
    struct str made = mongodb_document(&arena, "{text: 'x', number: 1, list: []}");
    const struct str documents[] = {made, none, STR("nonsense"), str_sized(made.data, 9)};
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        struct str document = documents[i];
        CHECK_STR(mongodb_text(document, "number"), "");
        CHECK(mongodb_number(document, "text") == 0 && !mongodb_flag(document, "number"));
        CHECK(mongodb_time_us(document, "number") == 0);
        CHECK(!mongodb_binary(document, "text").data && !mongodb_part(document, "text").data);
        CHECK(!mongodb_read_id(document, "text", &id) && !mongodb_has(document, "absent.path"));
        mongodb_items(&arena, mongodb_part(document, "list"), &count);
        CHECK(count == 0);
    }
    CHECK(mongodb_is_document(made) && !mongodb_is_document(str_sized(made.data, 9)));
    CHECK(!mongodb_is_document(none));
    arena_release(&arena);
}

/* ---- errors ---- */

static struct status translated(struct arena *arena, bool writes, unsigned domain, unsigned code,
                                struct str reply)
{
    bson_error_t error = {.domain = domain, .code = code, .message = "secret.example.com"};

    return mongodb_result_status(
        arena,
        &(struct mongodb_result){
            .name = "user", .writes = writes, .ok = domain == 0, .error = &error, .reply = reply});
}

TEST(errors_become_statuses_that_name_no_address)
{
    static const struct {
        bool writes;
        unsigned domain, code;
        enum status_code status;
        int reason;
    } cases[] = {
        {true, MONGOC_ERROR_SERVER_SELECTION, 1, STATUS_UNAVAILABLE,
         ARGOSY__REASON__STORE_UNREACHABLE},
        {true, MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_SOCKET, STATUS_UNAVAILABLE,
         ARGOSY__REASON__STORE_OUTCOME_UNKNOWN},
        {false, MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_SOCKET, STATUS_UNAVAILABLE,
         ARGOSY__REASON__STORE_UNREACHABLE},
        {true, MONGOC_ERROR_STREAM, MONGOC_ERROR_STREAM_CONNECT, STATUS_UNAVAILABLE,
         ARGOSY__REASON__STORE_UNREACHABLE},
        {true, MONGOC_ERROR_SERVER, 112, STATUS_ABORTED, ARGOSY__REASON__STORE_BUSY},
        {true, MONGOC_ERROR_SERVER, 11000, STATUS_ALREADY_EXISTS, 0},
        {true, MONGOC_ERROR_SERVER, 10107, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE},
        {true, MONGOC_ERROR_SERVER, 11602, STATUS_UNAVAILABLE,
         ARGOSY__REASON__STORE_OUTCOME_UNKNOWN},
        {false, MONGOC_ERROR_SERVER, 50, STATUS_DEADLINE_EXCEEDED, 0},
        {true, MONGOC_ERROR_SERVER, 14031, STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__STORE_FULL},
        {false, MONGOC_ERROR_CLIENT, MONGOC_ERROR_CLIENT_AUTHENTICATE, STATUS_UNAVAILABLE,
         ARGOSY__REASON__STORE_REFUSED},
    };
    struct arena arena;

    arena_init(&arena, 0);
    load_library(&arena);
    struct str empty = mongodb_document(&arena, "{}");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct status st = translated(&arena, cases[i].writes, cases[i].domain, cases[i].code,
                                      empty);
        CHECK_INT(st.code, ==, cases[i].status);
        CHECK_INT(st.reason, ==, cases[i].reason);
        CHECK(!strstr(st.message, "example.com"));
    }
    arena_release(&arena);
}

TEST(an_error_inside_an_accepted_command_is_seen)
{
    struct arena arena;

    arena_init(&arena, 0);
    load_library(&arena);
    struct str duplicate = mongodb_document(
        &arena, "{ok: 1, writeErrors: [{index: 0, code: 11000, errmsg: 'E11000'}],"
                " writeConcernError: {code: 64, errmsg: 'timed out'}}");
    struct str unconfirmed = mongodb_document(
        &arena, "{ok: 1, n: 1, writeConcernError: {code: 64, errmsg: 'timed out'}}");
    struct str demoted = mongodb_document(
        &arena, "{ok: 1, n: 1, writeConcernError: {code: 10107, errmsg: 'not primary'}}");
    CHECK(translated(&arena, true, 0, 0, duplicate).code == STATUS_ALREADY_EXISTS);
    CHECK(translated(&arena, true, 0, 0, unconfirmed).reason ==
          ARGOSY__REASON__STORE_OUTCOME_UNKNOWN);
    CHECK(translated(&arena, true, 0, 0, demoted).reason == ARGOSY__REASON__STORE_OUTCOME_UNKNOWN);
    CHECK_OK(translated(&arena, true, 0, 0, mongodb_document(&arena, "{ok: 1}")));
    arena_release(&arena);
}

TEST(a_url_that_cannot_be_used_is_refused_without_its_secrets)
{
    static const char *const urls[] = {"mongodb://", "mongodb://ann:se/cret@host/",
                                       "mongodb://ann:secret@host/?w=0",
                                       "mongodb://ann:secret@host/?nosuchport:1:2"};
    struct shards *shards = shards_new(1);
    struct mongodb *db;
    struct arena arena;

    arena_init(&arena, 0);
    for (size_t i = 0; i < 3; i++) {
        struct status st = mongodb_new(&arena, shards, urls[i], "user", &db);
        CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
        CHECK(st.reason == ARGOSY__REASON__SETTING_INVALID && !strstr(st.message, "cret"));
    }
    shards_free(shards);
    arena_release(&arena);
}

/* ---- a server that is away ---- */

static struct status ping(struct call *call)
{
    struct str reply;

    return mongodb_read(call, scene.db, mongodb_document(call->arena, "{ping: 1}"), &reply);
}

static void find_nobody(struct call *call, int number)
{
    int64_t begun_us;

    (void)number;
    for (int i = 0; i < 3; i++) {
        struct status st = ping(call);
        EXPECT(st.code == STATUS_UNAVAILABLE && st.reason == ARGOSY__REASON__STORE_UNREACHABLE);
        EXPECT(strstr(st.message, "the test service's store") && !strstr(st.message, "127.0.0.1"));
    }
    begun_us = clock_monotonic_us();
    for (int i = 0; i < 100; i++) EXPECT(ping(call).reason == ARGOSY__REASON__STORE_UNREACHABLE);
    EXPECT(clock_monotonic_us() - begun_us < 50000); /* 100 calls */
}

TEST(calls_of_a_store_that_is_away_soon_fail_at_once)
{
    char url[64];
    int fd = quiet_port(false, url);

    play(url, 1, find_nobody);
    close(fd);
}

static void probe_nobody(struct call *call, int number)
{
    (void)number;
    EXPECT(ping(call).reason == ARGOSY__REASON__STORE_UNREACHABLE);
    for (int i = 0; i < 2; i++) {
        EXPECT_OK(fiber_sleep(call, 250000)); /* the breaker's first pauses are shorter */
        int64_t begun_us = clock_monotonic_us();
        EXPECT(ping(call).reason == ARGOSY__REASON__STORE_UNREACHABLE);
        EXPECT(clock_monotonic_us() - begun_us < 500000);
    }
}

TEST(a_probe_of_a_store_that_is_away_does_not_wait_until_it_is_found)
{
    char url[64];
    int fd = quiet_port(false, url);

    play(url, 1, probe_nobody);
    close(fd);
}

static void wait_in_vain(struct call *call, int number)
{
    struct call limited;
    int64_t begun_us = clock_monotonic_us();

    (void)number;
    call_init_child(&limited, call, 200);
    EXPECT(failed(ping(&limited)));
    EXPECT(clock_monotonic_us() - begun_us < 1500000);
}

TEST(a_server_that_accepts_and_is_silent_does_not_hold_a_call_past_its_limit)
{
    char url[64];
    int fd = quiet_port(true, url);

    play(url, 1, wait_in_vain);
    close(fd);
}

/* ---- a real server ---- */

static void open_scene(struct call *call)
{
    EXPECT_OK(mongodb_open(call, scene.db));
    mongodb_use(scene.db, arena_printf(&scene.arena, "test_%llx",
                                       (unsigned long long)random_below(INT64_MAX)));
}

static struct status insert(struct call *call, int id, const char *name)
{
    struct str reply;

    return mongodb_write(call, scene.db,
                         mongodb_document(call->arena,
                                          "{insert: 'things', documents: [{_id: %i, name: %s}]}",
                                          id, name),
                         &reply);
}

static void commands(struct call *call, int number)
{
    struct str reply;

    (void)number;
    open_scene(call);
    EXPECT_OK(insert(call, 1, "one"));
    EXPECT(insert(call, 1, "again").code == STATUS_ALREADY_EXISTS);
    EXPECT_OK(mongodb_read(
        call, scene.db,
        mongodb_document(call->arena, "{find: 'things', filter: {_id: 1}, limit: 1}"), &reply));
    EXPECT(strcmp(mongodb_text(reply, "cursor.firstBatch.0.name"), "one") == 0);
    EXPECT_OK(mongodb_write(
        call, scene.db,
        mongodb_document(call->arena, "{update: 'things', updates: [{q: {_id: 1, name: 'two'},"
                                      " u: {$set: {name: 'three'}}}]}"),
        &reply));
    EXPECT(mongodb_number(reply, "n") == 0);
    EXPECT(
        mongodb_read(call, scene.db, mongodb_document(call->arena, "{nonsense: 1}"), &reply).code ==
        STATUS_INTERNAL);
    EXPECT_OK(mongodb_define(call, scene.db, mongodb_document(call->arena, "{drop: 'nothing'}")));
    EXPECT_OK(mongodb_drop(call, scene.db));
}

TEST(commands_reach_a_real_server)
{
    const char *url = test_engine("ARGOSY_TEST_MONGODB");

    if (url) play(url, 1, commands);
}

static void leave_early(struct call *call, int number)
{
    struct call limited;

    (void)number;
    EXPECT_OK(mongodb_open(call, scene.db));
    call_init_child(&limited, call, 0);
    call_cancel(&limited);
    EXPECT(ping(&limited).code == STATUS_CANCELLED);
    EXPECT_OK(ping(call));
}

TEST(a_cancelled_call_leaves_the_store_usable)
{
    const char *url = test_engine("ARGOSY_TEST_MONGODB");

    if (url) play(url, 1, leave_early);
}

enum { RACERS = 64 };

static void race(struct call *call, int number)
{
    for (int i = 0; i < 5; i++) EXPECT_OK(ping(call));
}

TEST(many_fibers_of_several_shards_share_the_clients)
{
    const char *url = test_engine("ARGOSY_TEST_MONGODB");

    if (url) play(url, RACERS, race);
}
