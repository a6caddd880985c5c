/* SPDX-License-Identifier: Apache-2.0 */
/* Temporary credentials, from endpoints of our own that stand in for a container's agent and a
 * machine's metadata service. */
#include "store/dynamodb/credentials.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/status_testing.h"
#include "fiber/fiber.h"
#include "fiber/stream.h"
#include "http/http_server.h"
#include "reasons.pb-c.h"
#include "store/dynamodb/sources.h"

enum { MS = 1000, DRAIN_MS = 20, SHARDS = 2 };

struct world {
    struct arena arena;
    struct shards *shards;
    struct http_server *server;
    struct listener *listener;
    struct settings settings;
    struct credentials *credentials;
    void (*fn)(struct call *call);
    _Atomic int asked; /* how often credentials were handed out */
    int refuse;        /* so many of the next requests get HTTP 500 */
    int64_t lives_s;   /* of what is handed out */
    int64_t delay_us;  /* of an answer */
    char token[64];    /* what the last request for credentials has shown */
    bool drained;
    struct fiber_wait wait;
};

static struct world world;
static char profile_path[64];

/* ---- the endpoint ---- */

static const char *make_credentials(struct call *call)
{
    char expires[CLOCK_TEXT_SIZE];

    clock_format(clock_now_us() / 1000000 * 1000000 + world.lives_s * 1000000, expires);
    return arena_printf(
        call->arena,
        "{\"Code\":\"Success\",\"AccessKeyId\":\"ID%d\",\"SecretAccessKey\":\"hidden\","
        "\"Token\":\"session\",\"Expiration\":\"%s\"}",
        ++world.asked, expires);
}

static bool is_machine_path(const struct http_request *request)
{
    return str_is(request->path, "/latest/meta-data/iam/security-credentials/shop-role");
}

static void handle(struct call *call, struct http_exchange *exchange, void *data)
{
    const struct http_request *request = http_request(exchange);
    struct str token = http_headers_get(&request->headers, "x-aws-ec2-metadata-token");

    (void)data;
    if (world.delay_us) EXPECT_OK(fiber_sleep(call, world.delay_us));
    if (world.refuse > 0) {
        world.refuse--;
        http_respond(call, exchange, 500, NULL, STR("hidden"));
        return;
    }
    if (str_is(request->path, "/latest/api/token")) {
        EXPECT(str_is(request->method, "PUT"));
        EXPECT(str_is(http_headers_get(&request->headers, "x-aws-ec2-metadata-token-ttl-seconds"),
                      "21600"));
        http_respond(call, exchange, 200, NULL, STR("machine-token"));
    } else if (str_is(request->path, "/latest/meta-data/iam/security-credentials/")) {
        http_respond(call, exchange, str_is(token, "machine-token") ? 200 : 401, NULL,
                     STR("shop-role\n"));
    } else if (str_is(request->path, "/container") || is_machine_path(request)) {
        if (!is_machine_path(request)) token = http_headers_get(&request->headers, "authorization");
        snprintf(world.token, sizeof(world.token), "%.*s", STR_ARGS(token));
        http_respond(call, exchange, 200, NULL, str_of(make_credentials(call)));
    } else {
        http_respond(call, exchange, 404, NULL, STR("nothing"));
    }
}

/* ---- the scene ---- */

static void on_accept(void *owner, struct stream *stream)
{
    (void)owner;
    http_server_accept(world.server, stream);
}

static void on_drained_here(struct shard *shard, void *data)
{
    (void)data;
    world.drained = true;
    fiber_wake(shard, &world.wait);
}

static void on_drained(void *data)
{
    (void)data;
    shard_post(shards_at(world.shards, 0), on_drained_here, NULL);
}

static void play_fiber(struct call *call, void *data)
{
    (void)data;
    call_limit(call, 60000);
    EXPECT_OK(credentials_new(&world.arena, world.shards, &world.settings, &world.credentials));
    world.fn(call);
    http_server_drain(world.server, DRAIN_MS, on_drained, NULL);
    while (!world.drained) fiber_suspend_uncancellable(call, &world.wait);
    shards_stop(world.shards);
}

static void play(enum keys_source source, void (*fn)(struct call *call))
{
    const struct http_server_options server = {.name = "test", .handler = handle};

    world = (struct world){.server = http_server_new(&server), .fn = fn, .lives_s = 3600};
    arena_init(&world.arena, 0);
    world.shards = shards_new(SHARDS);
    CHECK_OK(
        listener_new(&world.arena, world.shards, "127.0.0.1:0", on_accept, NULL, &world.listener));
    const char *address = listener_address(world.listener);
    world.settings = (struct settings){
        .source = source,
        .region = "us-east-1",
        .container_url = arena_printf(&world.arena, "http://%s/container", address),
        .container_token = "",
        .container_token_file = "",
        .profile = "default",
        .credentials_file = profile_path,
        .config_file = "",
        .metadata_url = arena_printf(&world.arena, "http://%s", address),
    };
    if (source == KEYS_PROFILE)
        CHECK_OK(settings_read_profile(&world.arena, &world.settings, &world.settings.keys));
    fiber_post(shards_at(world.shards, 0), play_fiber, NULL, NULL);
    shards_run(world.shards);
    credentials_free(world.credentials);
    listener_free(world.listener);
    http_server_free(world.server);
    shards_free(world.shards);
    arena_release(&world.arena);
}

static const char *get_id(struct call *call)
{
    const struct keys *keys;
    struct status st = credentials_get(call, world.credentials, &keys);

    if (failed(st)) printf("  %s\n", st.message);
    return failed(st) ? "" : arena_strdup(call->arena, keys->id);
}

/* ---- sources ---- */

static void asks_container(struct call *call)
{
    world.settings.container_token = "Basic agent";
    EXPECT(strcmp(get_id(call), "ID1") == 0 && strcmp(world.token, "Basic agent") == 0);
    EXPECT(strcmp(get_id(call), "ID1") == 0 && world.asked == 1);
}

TEST(a_container_has_credentials)
{
    play(KEYS_CONTAINER, asks_container);
}

static void reads_token(struct call *call)
{
    char path[64];

    snprintf(path, sizeof(path), "/tmp/argosy-token-%d", (int)getpid());
    FILE *file = fopen(path, "we");
    EXPECT(file && fputs("from a file\n", file) >= 0 && fclose(file) == 0);
    world.settings.container_token_file = path;
    EXPECT(strcmp(get_id(call), "ID1") == 0 && strcmp(world.token, "from a file") == 0);
    unlink(path);
}

TEST(a_containers_token_may_be_in_a_file)
{
    play(KEYS_CONTAINER, reads_token);
}

static void asks_machine(struct call *call)
{
    EXPECT(strcmp(get_id(call), "ID1") == 0 && strcmp(world.token, "machine-token") == 0);
}

TEST(a_machine_has_credentials)
{
    play(KEYS_MACHINE, asks_machine);
}

/* ---- time ---- */

struct getter {
    struct fiber_group group;
    int got;
};

static void get_one(struct call *call, void *data)
{
    ((struct getter *)data)->got += strcmp(get_id(call), "ID1") == 0;
}

static void asks_once(struct call *call)
{
    struct getter getter = {0};

    world.delay_us = 50 * MS;
    for (int i = 0; i < 20; i++)
        EXPECT_OK(fiber_group_start(call, &getter.group, get_one, &getter));
    fiber_group_wait(call, &getter.group);
    EXPECT(getter.got == 20 && world.asked == 1);
}

TEST(one_fiber_asks_for_all)
{
    play(KEYS_CONTAINER, asks_once);
}

struct other_shard {
    int got;
    _Atomic int running;
    struct fiber_wait wait;
};

static void on_other_done(struct shard *shard, void *data)
{
    fiber_wake(shard, &((struct other_shard *)data)->wait);
}

static void get_elsewhere(struct call *call, void *data)
{
    struct other_shard *other = data;

    call_limit(call, 60000);
    other->got += strcmp(get_id(call), "ID1") == 0;
    if (--other->running == 0) shard_post(shards_at(world.shards, 0), on_other_done, other);
}

static void asks_for_shards(struct call *call)
{
    struct other_shard other = {.running = 10};

    world.delay_us = 50 * MS;
    for (int i = 0; i < 10; i++)
        fiber_post(shards_at(world.shards, 1), get_elsewhere, NULL, &other);
    EXPECT(strcmp(get_id(call), "ID1") == 0);
    while (other.running > 0) fiber_suspend_uncancellable(call, &other.wait);
    EXPECT(other.got == 10 && world.asked == 1);
}

TEST(one_shard_asks_for_all_of_them)
{
    play(KEYS_CONTAINER, asks_for_shards);
}

static void write_profile(const char *id)
{
    snprintf(profile_path, sizeof(profile_path), "/tmp/argosy-profile-%d", (int)getpid());
    FILE *file = fopen(profile_path, "we");
    invariant(file);
    fprintf(file, "[default]\naws_access_key_id=%s\naws_secret_access_key=hidden\n", id);
    fclose(file);
}

static void renew_elsewhere(struct call *call, void *data)
{
    struct other_shard *other = data;

    call_limit(call, 60000);
    write_profile("ID2");
    EXPECT(credentials_refused(call, world.credentials, "ID1"));
    EXPECT(strcmp(get_id(call), "ID2") == 0);
    other->running = 0;
}

/* The shard does not return to its loop, so the message has not arrived. */
static void asks_before_message(struct call *call)
{
    struct other_shard other = {.running = 1};

    EXPECT(strcmp(get_id(call), "ID1") == 0);
    fiber_post(shards_at(world.shards, 1), renew_elsewhere, NULL, &other);
    while (other.running > 0) usleep(MS);
    EXPECT(credentials_refused(call, world.credentials, "ID1"));
    EXPECT(strcmp(get_id(call), "ID2") == 0);
}

TEST(credentials_that_another_shard_has_got_are_used_before_its_message_arrives)
{
    write_profile("ID1");
    play(KEYS_PROFILE, asks_before_message);
    unlink(profile_path);
}

/* Those that will expire soon are used until there are others. */
static void renews(struct call *call)
{
    world.lives_s = CREDENTIALS_EARLY_S - 10;
    EXPECT(strcmp(get_id(call), "ID1") == 0);
    EXPECT_OK(fiber_sleep(call, (CREDENTIALS_PAUSE_MIN_MS + 10) * MS));
    world.lives_s = 3600;
    EXPECT(strcmp(get_id(call), "ID1") == 0);
    while (strcmp(get_id(call), "ID1") == 0) EXPECT_OK(fiber_sleep(call, 5 * MS));
    EXPECT(strcmp(get_id(call), "ID2") == 0 && world.asked == 2);
    /* The old ones are no longer in use, so nobody is asked because of them. */
    EXPECT(credentials_refused(call, world.credentials, "ID1"));
    EXPECT(strcmp(get_id(call), "ID2") == 0 && world.asked == 2);
}

TEST(credentials_are_replaced_before_they_expire)
{
    play(KEYS_CONTAINER, renews);
}

static void fails_first(struct call *call)
{
    const struct keys *keys;

    world.refuse = 1;
    struct status st = credentials_get(call, world.credentials, &keys);
    EXPECT_REFUSED(st, UNAVAILABLE, STORE_REFUSED);
    EXPECT(strstr(st.message, "500") != NULL && strstr(st.message, "hidden") == NULL);
    /* During the pause nobody is asked. */
    EXPECT_REFUSED(credentials_get(call, world.credentials, &keys), UNAVAILABLE, STORE_REFUSED);
    EXPECT_OK(fiber_sleep(call, (CREDENTIALS_PAUSE_MIN_MS + 10) * MS));
    EXPECT(strcmp(get_id(call), "ID1") == 0);
}

TEST(an_attempt_that_fails_is_repeated_after_a_pause)
{
    play(KEYS_MACHINE, fails_first);
}

static void hurries(struct call *call)
{
    const struct keys *keys;
    struct call hurried;

    world.delay_us = 100 * MS;
    call_init_child(&hurried, call, 10);
    EXPECT(credentials_get(&hurried, world.credentials, &keys).code == STATUS_DEADLINE_EXCEEDED);
    EXPECT(strcmp(get_id(call), "ID1") == 0 && world.asked == 1);
}

TEST(waiting_for_credentials_ends_with_the_call)
{
    play(KEYS_CONTAINER, hurries);
}

/* ---- answers and URLs ---- */

TEST(answers_are_read_whole_or_not_at_all)
{
    static const char *const broken[] = {
        "",
        "<html>",
        "{}",
        "{\"AccessKeyId\":\"a\"}",
        "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":5,\"Token\":\"t\"}",
        "{\"AccessKeyId\":\"a b\",\"SecretAccessKey\":\"s\"}",
        "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\",\"Expiration\":\"soon\"}",
    };
    struct arena arena;
    struct keys keys;

    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        CHECK(!sources_parse(&arena, str_of(broken[i]), &keys));
    CHECK(sources_parse(&arena,
                        STR("{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\",\"Token\":\"t\","
                            "\"Expiration\":\"2026-11-24T18:40:36Z\"}"),
                        &keys));
    CHECK_INT(keys.expires_us, ==, 1795545636LL * 1000000);
    CHECK_STR(keys.token, "t");
    CHECK(!sources_parse_sts(&arena, STR("<Error><Code>x</Code></Error>"), &keys));
    CHECK(sources_parse_sts(&arena,
                            STR("<R><Credentials><AccessKeyId>a</AccessKeyId><SecretAccessKey>s"
                                "</SecretAccessKey><SessionToken> t </SessionToken><Expiration>"
                                "2026-11-24T18:40:36Z</Expiration></Credentials></R>"),
                            &keys));
    CHECK(strcmp(keys.id, "a") == 0 && strcmp(keys.token, "t") == 0);
    arena_release(&arena);
}

TEST(a_containers_url_is_not_any_url)
{
    struct arena arena;

    arena_init(&arena, 0);
    CHECK(sources_is_container_url(&arena, "http://169.254.170.2/v2/x"));
    CHECK(sources_is_container_url(&arena, "http://169.254.170.23/v1/credentials"));
    CHECK(sources_is_container_url(&arena, "http://[fd00:ec2::23]/v1/credentials"));
    CHECK(sources_is_container_url(&arena, "http://127.0.0.1:8080/x"));
    CHECK(sources_is_container_url(&arena, "https://agent.example/x"));
    CHECK(!sources_is_container_url(&arena, "http://agent.example/x"));
    CHECK(!sources_is_container_url(&arena, "http://169.254.170.2.example/x"));
    CHECK(!sources_is_container_url(&arena, "http://169.254.170.234/x"));
    CHECK(!sources_is_container_url(&arena, "http://169.254.170.2"));
    arena_release(&arena);
}
