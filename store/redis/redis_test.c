/* SPDX-License-Identifier: Apache-2.0 */
/* The driver against a real server (ARGOSY_TEST_REDIS): values, errors, scripts, pipelining,
 * deadlines, and TLS. Each test uses keys of its own. */
#include "base/random.h"
#include "base/uuid.h"
#include "store/redis/redis_testing.h"

enum { MS = 1000, LARGE = 3 * 1024 * 1024 };

static char key_text[64];

/* A key that no other test uses. */
static struct str new_key(void)
{
    snprintf(key_text, sizeof(key_text), "test:%llx:%llx",
             (unsigned long long)random_below(UINT64_MAX),
             (unsigned long long)random_below(UINT64_MAX));
    return str_of(key_text);
}

static void play(void (*fn)(struct call *call, struct scene *scene))
{
    const char *url = test_engine("ARGOSY_TEST_REDIS");

    if (url) scene_run(url, fn);
}

static void play_with(const char *variable, const char *options,
                      void (*fn)(struct call *call, struct scene *scene))
{
    const char *url = test_engine(variable);
    char text[512];

    if (!url) return;
    snprintf(text, sizeof(text), "%s%c%s", url, strchr(url, '?') ? '&' : '?', options);
    scene_run(text, fn);
}

/* ---- values ---- */

static const struct redis_reply *ask(struct call *call, struct scene *scene,
                                     const struct str *words, size_t count)
{
    const struct redis_reply *reply = 0;

    EXPECT_OK(redis_write(call, scene->db, words, count, &reply));
    static const struct redis_reply none;
    return reply ? reply : &none;
}

static void moves_values(struct call *call, struct scene *scene)
{
    static const char binary[] = "a\0b\r\n$5\r\n\xff";
    struct str key = new_key(), value = str_sized(binary, sizeof(binary));
    const struct redis_reply *reply;

    EXPECT_OK(redis_open(call, scene->db));
    EXPECT(ask(call, scene, REDIS_WORDS(STR("GET"), key))->kind == REDIS_NIL);
    reply = ask(call, scene, REDIS_WORDS(STR("SET"), key, value, STR("PX"), STR("60000")));
    EXPECT(reply->kind == REDIS_STATUS && str_is(reply->text, "OK"));
    reply = ask(call, scene, REDIS_WORDS(STR("GET"), key));
    EXPECT(reply->kind == REDIS_TEXT && str_equal(reply->text, value));
    reply = ask(call, scene, REDIS_WORDS(STR("MGET"), key, STR("test:nothing"), key));
    EXPECT(reply->kind == REDIS_ARRAY && reply->count == 3);
    EXPECT(reply->items[1]->kind == REDIS_NIL && str_equal(reply->items[2]->text, value));
    reply = ask(call, scene, REDIS_WORDS(STR("SET"), key, STR("")));
    reply = ask(call, scene, REDIS_WORDS(STR("GET"), key));
    EXPECT(reply->kind == REDIS_TEXT && reply->text.length == 0);
    reply = ask(call, scene, REDIS_WORDS(STR("DEL"), key));
    EXPECT(reply->kind == REDIS_INTEGER && reply->integer == 1);
    reply = ask(call, scene, REDIS_WORDS(STR("INCRBY"), key, STR("-7")));
    EXPECT(reply->kind == REDIS_INTEGER && reply->integer == -7);
    ask(call, scene, REDIS_WORDS(STR("DEL"), key));
    reply = ask(call, scene, REDIS_WORDS(STR("LRANGE"), key, STR("0"), STR("-1")));
    EXPECT(reply->kind == REDIS_ARRAY && reply->count == 0);
}

TEST(values_of_every_kind_come_back)
{
    play(moves_values);
}

static void moves_large(struct call *call, struct scene *scene)
{
    char *value = arena_alloc(call->arena, LARGE);
    struct str key = new_key();

    for (size_t i = 0; i < LARGE; i++) value[i] = (char)(i * 31 >> 3);
    ask(call, scene, REDIS_WORDS(STR("SET"), key, str_sized(value, LARGE)));
    const struct redis_reply *reply = ask(call, scene, REDIS_WORDS(STR("GETDEL"), key));
    EXPECT(str_equal(reply->text, str_sized(value, LARGE)));
}

TEST(large_values_come_back)
{
    play(moves_large);
}

static void refuses(struct call *call, struct scene *scene)
{
    const struct redis_reply *reply;
    struct str key = new_key();

    ask(call, scene, REDIS_WORDS(STR("LPUSH"), key, STR("a")));
    EXPECT_REFUSED(redis_read(call, scene->db, REDIS_WORDS(STR("GET"), key), &reply), DATA_LOSS,
                   STORE_DAMAGED);
    EXPECT_REFUSED(redis_read(call, scene->db, REDIS_WORDS(STR("NONSENSE")), &reply), INTERNAL,
                   REASON_UNSPECIFIED);
    ask(call, scene, REDIS_WORDS(STR("DEL"), key));
}

TEST(what_the_server_refuses_is_an_error)
{
    play(refuses);
}

/* ---- scripts ---- */

static void runs_scripts(struct call *call, struct scene *scene)
{
    const char *source = "return {redis.call('INCRBY', KEYS[1], ARGV[1]), ARGV[2], {KEYS[1]}}";
    const struct redis_script *script = redis_script_new(call->arena, source);
    struct str key = new_key();
    const struct redis_arguments arguments = {.keys = &key,
                                              .key_count = 1,
                                              .values = (struct str[]){STR("5"), STR("b")},
                                              .value_count = 2};
    const struct redis_reply *reply;

    for (int i = 1; i <= 3; i++) {
        EXPECT_OK(redis_eval(call, scene->db, script, &arguments, &reply));
        EXPECT(reply->count == 3 && reply->items[0]->integer == 5 * i);
        EXPECT(str_is(reply->items[1]->text, "b"));
        EXPECT(str_equal(reply->items[2]->items[0]->text, key));
        if (i == 1) ask(call, scene, REDIS_WORDS(STR("SCRIPT"), STR("FLUSH")));
    }
    const struct redis_script *broken = redis_script_new(call->arena, "return redis.call('GET')");
    EXPECT_REFUSED(redis_eval(call, scene->db, broken, &arguments, &reply), INTERNAL,
                   REASON_UNSPECIFIED);
    ask(call, scene, REDIS_WORDS(STR("DEL"), key));
}

TEST(a_script_runs_also_on_a_server_that_has_forgotten_it)
{
    play(runs_scripts);
}

/* ---- many at once ---- */

enum { CALLS = 4000 };

struct crowd {
    struct scene *scene;
    struct str key;
    struct shard *home;
    struct fiber_wait wait;
    _Atomic int left;
    bool done;
};

static void end_crowd(struct shard *shard, void *data)
{
    struct crowd *crowd = data;

    crowd->done = true;
    fiber_wake(shard, &crowd->wait);
}

/* Each also asks for a value of its own, which shows that answers do not change places. */
static void count_up(struct call *call, void *data)
{
    struct crowd *crowd = data;
    char number[32];

    ask(call, crowd->scene, REDIS_WORDS(STR("INCR"), crowd->key));
    snprintf(number, sizeof(number), "%llu", (unsigned long long)random_below(UINT64_MAX));
    const struct redis_reply *reply = ask(call, crowd->scene,
                                          REDIS_WORDS(STR("ECHO"), str_of(number)));
    EXPECT(str_is(reply->text, number));
    if (atomic_fetch_sub(&crowd->left, 1) == 1) shard_post(crowd->home, end_crowd, crowd);
}

static void counts(struct call *call, struct scene *scene)
{
    struct crowd crowd = {.scene = scene, .key = new_key(), .home = call->shard, .left = CALLS};
    char total[32];

    for (int i = 0; i < CALLS; i++)
        fiber_post(shards_at(scene->shards, i % SCENE_SHARDS), count_up, NULL, &crowd);
    while (!crowd.done) fiber_suspend_uncancellable(call, &crowd.wait);
    snprintf(total, sizeof(total), "%d", CALLS);
    EXPECT(str_is(ask(call, scene, REDIS_WORDS(STR("GETDEL"), crowd.key))->text, total));
}

TEST(thousands_of_fibers_share_a_few_connections)
{
    play(counts);
}

/* ---- giving up ---- */

static void gives_up(struct call *call, struct scene *scene)
{
    const struct redis_reply *reply;
    struct call hurried;

    call_init_child(&hurried, call, 50);
    int64_t begun_us = clock_monotonic_us();
    EXPECT(redis_read(&hurried, scene->db, REDIS_WORDS(STR("BLPOP"), new_key(), STR("0.4")), &reply)
               .code == STATUS_DEADLINE_EXCEEDED);
    EXPECT(clock_monotonic_us() - begun_us < 300 * MS);
    /* The same connection; the answer to the command that was given up comes first. */
    EXPECT(str_is(ask(call, scene, REDIS_WORDS(STR("ECHO"), STR("mine")))->text, "mine"));
    EXPECT(clock_monotonic_us() - begun_us >= 350 * MS);

    call_cancel(&hurried);
    EXPECT(redis_read(&hurried, scene->db, REDIS_WORDS(STR("PING")), &reply).code ==
           STATUS_CANCELLED);
}

TEST(a_command_that_is_given_up_keeps_its_place_in_the_line)
{
    play_with("ARGOSY_TEST_REDIS", "connections=1", gives_up);
}

static void is_killed(struct call *call, struct scene *scene)
{
    const struct redis_reply *reply;

    EXPECT_OK(redis_read(call, scene->db, REDIS_WORDS(STR("CLIENT"), STR("ID")), &reply));
    const char *id = arena_printf(call->arena, "%lld", (long long)reply->integer);
    ask(call, scene,
        REDIS_WORDS(STR("CLIENT"), STR("KILL"), STR("ID"), str_of(id), STR("SKIPME"), STR("no")));
    for (int i = 0; i < 5; i++)
        EXPECT_OK(redis_read(call, scene->db, REDIS_WORDS(STR("PING")), &reply));
    EXPECT_OK(redis_read(call, scene->db, REDIS_WORDS(STR("CLIENT"), STR("ID")), &reply));
    EXPECT(strcmp(arena_printf(call->arena, "%lld", (long long)reply->integer), id) != 0);
}

TEST(a_connection_that_was_cut_is_made_again)
{
    play_with("ARGOSY_TEST_REDIS", "connections=1", is_killed);
}

static void waits_for_replicas(struct call *call, struct scene *scene)
{
    const struct redis_reply *reply;
    struct str key = new_key();

    EXPECT_REFUSED(redis_write(call, scene->db, REDIS_WORDS(STR("SET"), key, STR("v")), &reply),
                   UNAVAILABLE, STORE_OUTCOME_UNKNOWN);
    EXPECT_OK(redis_read(call, scene->db, REDIS_WORDS(STR("GET"), key), &reply));
    EXPECT(str_is(reply->text, "v"));
}

TEST(a_change_that_too_few_replicas_confirm_is_not_acknowledged)
{
    play_with("ARGOSY_TEST_REDIS", "wait=1&timeout=200", waits_for_replicas);
}

/* ---- who may come in ---- */

static void is_refused(struct call *call, struct scene *scene)
{
    EXPECT_REFUSED(redis_open(call, scene->db), UNAVAILABLE, STORE_REFUSED);
}

TEST(a_wrong_password_is_named_at_the_start)
{
    const char *url = test_engine("ARGOSY_TEST_REDIS");
    char text[256];

    if (!url) return;
    snprintf(text, sizeof(text), "redis://:wrong@%s", strchr(url, '@') + 1);
    scene_run(text, is_refused);
    snprintf(text, sizeof(text), "redis://%s", strchr(url, '@') + 1);
    scene_run(text, is_refused);
}

static void reports(struct call *call, struct scene *scene)
{
    struct store_findings findings = {.arena = call->arena};

    EXPECT_OK(redis_check(call, scene->db, &findings));
    EXPECT(findings.count == 1 && !findings.items[0].is_warning);
    EXPECT(strncmp(findings.items[0].text, "Redis ", 6) == 0);
}

TEST(a_server_that_keeps_what_it_acknowledges_has_no_findings)
{
    play(reports);
}

/* ---- TLS ---- */

TEST(everything_works_over_tls)
{
    play_with("ARGOSY_TEST_REDIS_TLS", "prefix=", moves_values);
    play_with("ARGOSY_TEST_REDIS_TLS", "prefix=", moves_large);
    play_with("ARGOSY_TEST_REDIS_TLS", "prefix=", counts);
    play_with("ARGOSY_TEST_REDIS_TLS", "connections=1", is_killed);
}

static void is_not_trusted(struct call *call, struct scene *scene)
{
    int64_t begun_us = clock_monotonic_us();

    struct status st = redis_open(call, scene->db);
    EXPECT_REFUSED(st, UNAVAILABLE, STORE_REFUSED);
    EXPECT(strstr(st.message, "the server's certificate is not accepted"));
    EXPECT(clock_monotonic_us() - begun_us < 1000 * MS);
}

TEST(a_certificate_of_another_authority_or_name_is_refused)
{
    const char *url = test_engine("ARGOSY_TEST_REDIS_TLS");
    char text[512];

    if (!url) return;
    snprintf(text, sizeof(text), "%.*s", (int)strcspn(url, "?"), url);
    scene_run(text, is_not_trusted); /* the system's authorities did not sign it */
    const char *host = strstr(url, "localhost");
    snprintf(text, sizeof(text), "%.*s127.0.0.1%s", (int)(host - url), url,
             host + strlen("localhost"));
    scene_run(text, is_not_trusted); /* it is made out for a name, not for this address */
}

TEST(a_missing_cafile_is_named)
{
    struct shards *shards = shards_new(1);
    struct redis *db;
    struct arena arena;

    arena_init(&arena, 0);
    struct status st = redis_new(&arena, shards, "rediss://localhost?cafile=/nowhere/ca.crt",
                                 "test", &db);
    CHECK_INT(st.code, ==, STATUS_FAILED_PRECONDITION);
    CHECK(strstr(st.message, "/nowhere/ca.crt") != 0);
    shards_free(shards);
    arena_release(&arena);
}
