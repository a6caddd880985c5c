/* SPDX-License-Identifier: Apache-2.0 */
/* The cache in front of a store of sessions: when it answers, and that it is never believed when it
 * should not be. auth_store_test.c holds the whole port to it. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/random.h"
#include "rpc/rpc_testing.h"
#include "services/auth/redis/auth_cache.h"
#include "services/auth/redis/auth_cache_entry.h"
#include "store/redis/redis.h"

enum { NOW_S = 1000, SESSIONS_MAX = 10, US_PER_MS = 1000 };

/* Two processes' stores with one store behind them, and one cache. */
static struct auth_store *behind, *first, *second;
static struct redis *db;
static const char *cache_url, *prefix;
static struct jwt_keys keys = {.count = 1, .keys = {{.secret = "secret", .size = 6}}};

static struct status (*list_behind)(struct call *call, struct auth_store *store, const char *email,
                                    int64_t now_s, struct session **ret_sessions,
                                    size_t *ret_count);
static int lists;                             /* of the store behind */
static void (*after_list)(struct call *call); /* runs once, before its answer is given */

static struct status counted_list(struct call *call, struct auth_store *store, const char *email,
                                  int64_t now_s, struct session **ret_sessions, size_t *ret_count)
{
    void (*then)(struct call * call) = after_list;

    lists++;
    struct status st = list_behind(call, store, email, now_s, ret_sessions, ret_count);
    after_list = NULL;
    if (then) then(call);
    return st;
}

static struct status start(const struct service_context *context, void **ret_service)
{
    const char *url = cache_url;

    prefix = arena_printf(context->arena,
                          "cache_%016llx:", (unsigned long long)random_below(UINT64_MAX));
    url = arena_printf(context->arena, "%s%sprefix=%s", url, strchr(url, '?') ? "&" : "?", prefix);
    invariant(!failed(auth_store_sqlite(context, ":memory:", &behind)));
    list_behind = behind->list;
    behind->list = counted_list;
    lists = 0;
    invariant(!failed(redis_new(context->arena, context->shards, url, "test", &db)));
    invariant(!failed(auth_store_cached(context, url, &keys, behind, &second)));
    *ret_service = NULL;
    return auth_store_cached(context, url, &keys, behind, &first);
}

static void stop(void *service)
{
    (void)service;
    first->close(first);
}

static const struct setting no_settings[] = {{0}};
static const struct service_module module = {
    .name = "auth", .settings = no_settings, .store_default = "", .start = start, .stop = stop};

static void play(void (*fn)(struct call *call, struct stage *stage))
{
    static const struct stage_plan plan = {.module = &module};

    cache_url = test_engine("ARGOSY_TEST_REDIS");
    if (cache_url) stage_run(&plan, fn);
}

static void play_with(const char *url, void (*fn)(struct call *call, struct stage *stage))
{
    static const struct stage_plan plan = {.module = &module};

    cache_url = url;
    stage_run(&plan, fn);
}

static void put(struct call *call, struct auth_store *store, const char *device_id)
{
    const struct session session = {.email = "Ann@example.com",
                                    .role = "customer",
                                    .device_id = device_id,
                                    .family = "family",
                                    .number = 1,
                                    .hash = {1, 2, 3},
                                    .issued_s = NOW_S,
                                    .expires_s = NOW_S + 100,
                                    .boot = "",
                                    .generation = 1,
                                    .peer = "192.0.2.1"};

    EXPECT_OK(store->put(call, store, &session, SESSIONS_MAX));
}

/* The number of ann's sessions, as the store says. */
static size_t count(struct call *call, struct auth_store *store)
{
    struct session *sessions;
    size_t found = 99;

    EXPECT_OK(store->list(call, store, "ann@EXAMPLE.com", NOW_S, &sessions, &found));
    return found;
}

static void remove_phone(struct call *call)
{
    int removed;

    EXPECT_OK(second->remove(call, second, "ann@example.com", "phone", NULL, &removed));
    EXPECT(removed == 1);
}

static void answers(struct call *call, struct stage *stage)
{
    put(call, first, "phone");
    EXPECT(count(call, first) == 1 && lists == 1);
    EXPECT(count(call, first) == 1 && count(call, second) == 1 && lists == 1);
    put(call, second, "laptop");
    EXPECT(count(call, first) == 2 && lists == 2);
    remove_phone(call);
    EXPECT(count(call, first) == 1 && lists == 3);
    EXPECT(count(call, second) == 1 && lists == 3);
}

TEST(a_list_comes_from_the_cache_until_another_process_changes_the_account)
{
    play(answers);
}

static void keeps_fields(struct call *call, struct stage *stage)
{
    struct session *sessions, *cached;
    size_t found;

    put(call, first, "phone");
    EXPECT_OK(first->list(call, first, "ann@example.com", NOW_S, &sessions, &found));
    EXPECT_OK(first->list(call, first, "ann@example.com", NOW_S + 1, &cached, &found));
    EXPECT(found == 1 && lists == 1);
    EXPECT(strcmp(cached->email, "Ann@example.com") == 0 && strcmp(cached->role, "customer") == 0);
    EXPECT(strcmp(cached->device_id, "phone") == 0 && strcmp(cached->peer, "192.0.2.1") == 0);
    EXPECT(cached->issued_s == NOW_S && cached->expires_s == NOW_S + 100);
    EXPECT(memcmp(cached->hash, sessions->hash, sizeof(cached->hash)) == 0);
    EXPECT_OK(first->list(call, first, "ann@example.com", NOW_S + 100, &cached, &found));
    EXPECT(found == 0); /* it has expired meanwhile */
    EXPECT_OK(first->list(call, first, "ann@example.com", NOW_S - 1, &cached, &found));
    EXPECT(found == 1 && lists == 2); /* the entry cannot know of that moment */
}

TEST(an_entry_has_all_fields_and_knows_what_expires)
{
    play(keeps_fields);
}

static void is_not_kept(struct call *call, struct stage *stage)
{
    put(call, first, "phone");
    after_list = remove_phone;
    EXPECT(count(call, first) == 1); /* it was read before the removal */
    EXPECT(count(call, first) == 0 && lists == 2);
}

TEST(a_list_that_was_read_before_a_change_is_not_kept_after_it)
{
    play(is_not_kept);
}

/* ---- wrong entries ---- */

static struct str key_of(struct call *call, const char *email)
{
    return str_of(arena_printf(call->arena, "%saccount:%s:sessions", prefix, email));
}

static void write_entry(struct call *call, struct str text)
{
    const struct redis_reply *reply;

    EXPECT_OK(redis_write(call, db, REDIS_WORDS(STR("SET"), key_of(call, "ann@example.com"), text),
                          &reply));
}

static struct str read_entry(struct call *call)
{
    const struct redis_reply *reply;

    EXPECT_OK(
        redis_read(call, db, REDIS_WORDS(STR("GET"), key_of(call, "ann@example.com")), &reply));
    return reply->kind == REDIS_TEXT ? reply->text : STR("");
}

static void are_ignored(struct call *call, struct stage *stage)
{
    static const struct session invented = {
        .email = "x", .role = "", .device_id = "", .family = "", .boot = "", .peer = ""};
    struct auth_cache_entry forged = {.account = "ann@example.com",
                                      .until_us = clock_now_us() + 1000000,
                                      .sessions = &invented,
                                      .count = 1};
    struct str other = auth_cache_entry_write(call->arena, STR("another key"), &forged);
    const struct redis_reply *reply;

    put(call, first, "phone");
    put(call, first, "laptop");
    EXPECT(count(call, first) == 2);
    struct str good = read_entry(call);
    EXPECT(good.length > 100);
    char *bent = arena_memdup(call->arena, good.data, good.length);
    bent[good.length - 1] ^= 1;
    const struct str wrong[] = {STR(""),
                                STR("{\"Token\":\"x\"}"),
                                str_sized(good.data, good.length - 1),
                                str_sized(good.data, 32),
                                str_sized(good.data, 31),
                                str_sized(bent, good.length),
                                other};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        write_entry(call, wrong[i]);
        lists = 0;
        EXPECT(count(call, first) == 2 && lists == 1);
        EXPECT(count(call, first) == 2 && lists == 1); /* and a right one is in its place */
    }
    EXPECT_OK(
        redis_write(call, db, REDIS_WORDS(STR("DEL"), key_of(call, "ann@example.com")), &reply));
    EXPECT_OK(redis_write(
        call, db, REDIS_WORDS(STR("SADD"), key_of(call, "ann@example.com"), STR("a set")), &reply));
    EXPECT(count(call, first) == 2);
    put(call, first, "watch"); /* deletes it */
    EXPECT(count(call, first) == 3);
}

TEST(a_wrong_or_forged_entry_is_no_entry)
{
    play(are_ignored);
}

TEST(an_entry_is_good_for_its_account_and_its_time_only)
{
    static const struct session session = {
        .email = "a", .role = "b", .device_id = "c", .family = "d", .boot = "", .peer = ""};
    struct auth_cache_entry entry = {
        .account = "ann@example.com", .until_us = 1000, .sessions = &session, .count = 1};
    struct auth_cache_entry found;
    struct arena arena = {0};
    struct str key = STR("key");

    struct str text = auth_cache_entry_write(&arena, key, &entry);
    CHECK(auth_cache_entry_read(&arena, key, "ann@example.com", text, 999, &found));
    CHECK(found.count == 1 && strcmp(found.sessions[0].device_id, "c") == 0);
    CHECK(!auth_cache_entry_read(&arena, key, "ann@example.com", text, 1000, &found));
    CHECK(!auth_cache_entry_read(&arena, key, "bob@example.com", text, 999, &found));
    CHECK(!auth_cache_entry_read(&arena, STR("yek"), "ann@example.com", text, 999, &found));
    entry.until_us = INT64_MAX; /* nobody may be believed for long */
    text = auth_cache_entry_write(&arena, key, &entry);
    CHECK(!auth_cache_entry_read(&arena, key, "ann@example.com", text, 999, &found));
    for (size_t length = 0; length < text.length; length++)
        CHECK(!auth_cache_entry_read(&arena, key, "ann@example.com", str_sized(text.data, length),
                                     INT64_MAX - 2000, &found));
    arena_release(&arena);
}

/* ---- what the store behind wants to be remembered ---- */

static struct status (*update_behind)(struct call *call, struct auth_store *store,
                                      const char *email, const char *device_id,
                                      const struct session_change *change);
static const char *recalled; /* by the last update; "" nothing */
static const char *to_remember;

/* A store that has something to remember. */
static struct status remembering_update(struct call *call, struct auth_store *store,
                                        const char *email, const char *device_id,
                                        const struct session_change *change)
{
    struct account_memory *memory = change->memory;

    recalled = memory->text.data ? str_dup(call->arena, memory->text) : "";
    struct status st = update_behind(call, store, email, device_id, change);
    memory->text = to_remember ? str_of(to_remember) : (struct str){0};
    return st;
}

static struct status leave_alone(const struct call *call, struct session *session, void *data)
{
    return status_ok();
}

static void touch(struct call *call, struct auth_store *store, const char *remember)
{
    to_remember = remember;
    EXPECT_OK(store->update(call, store, "ann@example.com", "phone",
                            &(struct session_change){leave_alone}));
}

static struct str memory_key(struct call *call, const char *email)
{
    return str_of(arena_printf(call->arena, "%saccount:%s:memory", prefix, email));
}

static void remembers(struct call *call, struct stage *stage)
{
    const struct redis_reply *reply, *other;

    behind->remembers = true;
    update_behind = behind->update;
    behind->update = remembering_update;
    put(call, first, "phone");
    touch(call, first, "one");
    EXPECT(strcmp(recalled, "") == 0);
    touch(call, second, "two");
    EXPECT(strcmp(recalled, "one") == 0);
    touch(call, first, NULL);
    EXPECT(strcmp(recalled, "two") == 0);
    touch(call, first, "three");
    EXPECT(strcmp(recalled, "") == 0);
    put(call, second, "laptop"); /* another change: what was remembered is outdated */
    touch(call, first, "four");
    EXPECT(strcmp(recalled, "") == 0);
    EXPECT(count(call, first) == 2);
    touch(call, first, "five"); /* and the list is dropped by a change like this one too */
    EXPECT(count(call, first) == 2 && lists == 2);

    /* What is forged, of another account, or of the wrong type is not recalled. */
    EXPECT_OK(
        redis_read(call, db, REDIS_WORDS(STR("GET"), memory_key(call, "ann@example.com")), &reply));
    EXPECT(reply->text.length > 32);
    const struct str forged[] = {
        STR("five"), STR("12345678901234567890123456789012five"),
        auth_cache_memory_write(call->arena, STR("another key"), "ann@example.com", STR("five"))};
    for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
        EXPECT_OK(redis_write(
            call, db, REDIS_WORDS(STR("SET"), memory_key(call, "ann@example.com"), forged[i]),
            &other));
        touch(call, first, "six");
        EXPECT(strcmp(recalled, "") == 0);
    }
    EXPECT(!auth_cache_memory_read(
                call->arena, STR("k"), "bob@example.com",
                auth_cache_memory_write(call->arena, STR("k"), "ann@example.com", STR("five")))
                .data);
    char *large = arena_alloc(call->arena, AUTH_CACHE_ENTRY_SIZE_MAX + 1);
    memset(large, 'x', AUTH_CACHE_ENTRY_SIZE_MAX);
    large[AUTH_CACHE_ENTRY_SIZE_MAX] = '\0';
    touch(call, first, large);
    touch(call, first, "seven");
    EXPECT(strcmp(recalled, "") == 0);
}

TEST(what_a_store_wants_remembered_is_there_for_the_next_process_until_another_change)
{
    play(remembers);
}

/* ---- a cache that is away ---- */

static void goes_on(struct call *call, struct stage *stage)
{
    int64_t begun_us = clock_monotonic_us();

    put(call, first, "phone");
    for (int i = 0; i < 100; i++) EXPECT(count(call, first) == 1);
    EXPECT(lists == 100);
    remove_phone(call);
    EXPECT(count(call, first) == 0);
    EXPECT(clock_monotonic_us() - begun_us < 3000 * US_PER_MS);
}

TEST(without_its_cache_a_store_answers_the_same)
{
    play_with("redis://127.0.0.1:9", goes_on);
}

TEST(a_cache_that_never_answers_costs_little)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    char url[64];
    int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    invariant(silent >= 0 && bind(silent, (struct sockaddr *)&address, size) == 0);
    invariant(listen(silent, 16) == 0);
    invariant(getsockname(silent, (struct sockaddr *)&address, &size) == 0);
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d?timeout=200", ntohs(address.sin_port));
    play_with(url, goes_on);
    close(silent);
}
