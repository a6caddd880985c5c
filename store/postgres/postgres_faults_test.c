/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the driver with peers that fail: servers that are not there or say nothing, and a proxy
 * before the real server that loses connections at chosen moments. */
#include "store/postgres/postgres.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "base/status_testing.h"
#include "base/test.h"
#include "fiber/fiber.h"
#include "fiber/stream.h"
#include "observe/metrics.h"
#include "reasons.pb-c.h"
#include "store/postgres/postgres_testing.h"

enum { SHARDS = 1 };

/* ---- the proxy ---- */

enum mode {
    PASS,
    SILENT,          /* accepts and says nothing */
    REFUSE,          /* closes at once */
    LOSE_COMMIT,     /* a COMMIT does not reach the server */
    LOSE_ANSWER,     /* it does, but its answer is lost */
    LOSE_ANSWER_ALL, /* likewise, and from then on no connection is to be had */
    LOSE_ANY_ANSWER, /* the next answer is lost in its middle */
    MUTE,            /* nothing comes from the server any more, on any connection */
};

static enum mode mode;
static int losses; /* connections that were lost in such a way */
static struct listener *proxy, *closed;
static const char *server_address;

struct pair {
    struct stream *client, *server; /* NULL: closed */
    bool loses_answer;
};

static void pair_closed(struct pair *pair)
{
    if (!pair->client && !pair->server) free(pair);
}

static void cut(struct pair *pair)
{
    if (pair->client) stream_close(pair->client);
    if (pair->server) stream_close(pair->server);
}

static void on_client_data(void *owner, const uint8_t *data, size_t size)
{
    struct iovec part = {(void *)(uintptr_t)data, size};
    struct pair *pair = owner;

    if (memmem(data, size, "COMMIT", 6) && mode >= LOSE_COMMIT && mode <= LOSE_ANSWER_ALL) {
        losses++;
        if (mode == LOSE_COMMIT) {
            mode = PASS;
            cut(pair);
            return;
        }
        mode = mode == LOSE_ANSWER ? PASS : REFUSE;
        pair->loses_answer = true;
    }
    if (pair->server) stream_write(pair->server, &part, 1);
}

static void on_server_data(void *owner, const uint8_t *data, size_t size)
{
    struct iovec part = {(void *)(uintptr_t)data, size};
    struct pair *pair = owner;

    if (mode == MUTE) return;
    if (pair->loses_answer) {
        cut(pair);
        return;
    }
    if (mode == LOSE_ANY_ANSWER) {
        mode = PASS;
        losses++;
        part.iov_len = size / 2;
        if (pair->client) stream_write(pair->client, &part, 1);
        cut(pair);
        return;
    }
    if (pair->client) stream_write(pair->client, &part, 1);
}

static void on_end(void *owner)
{
    cut(owner);
}

static void on_client_close(void *owner, int error)
{
    struct pair *pair = owner;

    pair->client = NULL;
    if (pair->server) stream_close(pair->server);
    pair_closed(pair);
}

static void on_server_close(void *owner, int error)
{
    struct pair *pair = owner;

    pair->server = NULL;
    if (pair->client) stream_close(pair->client);
    pair_closed(pair);
}

static const struct stream_events client_events = {
    .on_data = on_client_data, .on_end = on_end, .on_close = on_client_close};
static const struct stream_events server_events = {
    .on_data = on_server_data, .on_end = on_end, .on_close = on_server_close};

static void on_connected(void *data, struct stream *stream, int error)
{
    struct pair *pair = data;

    invariant(stream);
    pair->server = stream;
    stream_start(stream, &server_events, pair);
    stream_start(pair->client, &client_events, pair);
}

static void on_accept(void *owner, struct stream *stream)
{
    struct pair *pair = calloc(1, sizeof(*pair));

    invariant(pair);
    pair->client = stream;
    if (mode == SILENT || mode == REFUSE) {
        stream_start(stream, &client_events, pair);
        if (mode == REFUSE) stream_close(stream);
        return;
    }
    stream_connect(stream_shard(stream), server_address, 5000, on_connected, pair);
}

/* ---- the stage ---- */

static const char *const migrations[] = {"CREATE TABLE things (id int8 PRIMARY KEY);", NULL};

static struct postgres *db;
static struct shards *shards;
static void (*scene)(struct call *call);

static void end_scene(void)
{
    if (proxy) listener_close(proxy);
    shards_stop(shards);
}

static void run_scene(struct call *call, void *data)
{
    postgres_serve(db);
    scene(call);
    end_scene();
}

static void run_proxied(struct call *call, void *data)
{
    mode = PASS;
    losses = 0;
    struct status st = postgres_open(call, db);
    EXPECT_OK(st);
    if (!failed(st)) EXPECT_OK(postgres_prepare(call, db, migrations));
    postgres_serve(db);
    if (!failed(st)) scene(call);
    mode = PASS;
    EXPECT_OK(fiber_sleep(call, 200000)); /* a breaker that is open closes again */
    for (int i = 0; i < 100 && failed(postgres_testing_drop(call, db)); i++)
        EXPECT_OK(fiber_sleep(call, 20000));
    end_scene();
}

static void play_at(struct arena *arena, const char *url,
                    void (*run)(struct call *call, void *data), void (*fn)(struct call *call))
{
    scene = fn;
    CHECK_OK(postgres_new(arena, shards, url, "test", &db));
    fiber_post(shards_at(shards, 0), run, NULL, NULL);
    shards_run(shards);
    postgres_close(db);
    if (proxy) listener_free(proxy);
    if (closed) listener_free(closed);
    proxy = closed = NULL;
    shards_free(shards);
    arena_release(arena);
}

/* The URL with the proxy's address; the real one's goes to server_address. Statements are sent as
 * text, so that the proxy finds the COMMIT. */
static const char *proxied_url(struct arena *arena, const char *url)
{
    const char *at = strrchr(url, '@'), *end;

    invariant(at);
    end = at + strcspn(at, "/?");
    server_address = arena_strndup(arena, at + 1, (size_t)(end - at - 1));
    url = arena_printf(arena, "%.*s%s%s", (int)(at - url + 1), url, listener_address(proxy), end);
    url = arena_printf(arena, "%s%spgbouncer=true", url, strchr(url, '?') ? "&" : "?");
    return postgres_testing_url_of(arena, url);
}

/* Plays the scene with a prepared store behind the proxy. */
static void play_proxied(void (*fn)(struct call *call))
{
    const char *url = test_engine("ARGOSY_TEST_POSTGRES");
    struct arena arena = {0};

    if (!url) return;
    arena_init(&arena, 0);
    shards = shards_new(SHARDS);
    CHECK_OK(listener_new(&arena, shards, "127.0.0.1:0", on_accept, NULL, &proxy));
    play_at(&arena, proxied_url(&arena, url), run_proxied, fn);
}

static int64_t elapsed_ms(int64_t begun_us)
{
    return (clock_monotonic_us() - begun_us) / 1000;
}

/* ---- without a server ---- */

/* Many calls: the first few find out, the others are refused at once, and nobody is told where. */
static void fails_fast(struct call *call)
{
    struct postgres_rows rows;
    int64_t begun_us;

    for (int i = 0; i < 3; i++)
        EXPECT(postgres_read(call, db, &rows, "SELECT 1", "").reason ==
               ARGOSY__REASON__STORE_UNREACHABLE);
    begun_us = clock_monotonic_us();
    for (int i = 0; i < 1000; i++) {
        struct status st = postgres_read(call, db, &rows, "SELECT 1", "");
        EXPECT(st.code == STATUS_UNAVAILABLE && st.reason == ARGOSY__REASON__STORE_UNREACHABLE);
        EXPECT(strstr(st.message, "the test service's store") && !strstr(st.message, "127.0.0.1"));
    }
    EXPECT(elapsed_ms(begun_us) < 1000);
}

static const char *closed_port(struct arena *arena)
{
    /* Nobody listens at a port that was just closed. */
    CHECK_OK(listener_new(arena, shards, "127.0.0.1:0", on_accept, NULL, &closed));
    const char *url = arena_printf(arena, "postgres://ann:s3cret@%s/shop",
                                   listener_address(closed));
    listener_close(closed);
    return url;
}

TEST(calls_fail_at_once_while_nobody_listens)
{
    struct arena arena = {0};

    arena_init(&arena, 0);
    shards = shards_new(SHARDS);
    play_at(&arena, closed_port(&arena), run_scene, fails_fast);
}

static void waits_for_silence(struct call *call)
{
    int64_t begun_us = clock_monotonic_us();
    struct postgres_rows rows;
    struct call hasty;

    call_init_child(&hasty, call, 200);
    EXPECT(postgres_open(&hasty, db).code == STATUS_DEADLINE_EXCEEDED);
    EXPECT(elapsed_ms(begun_us) < 900);
    struct status st = postgres_open(call, db); /* connect_timeout=1 */
    EXPECT(st.code == STATUS_UNAVAILABLE && elapsed_ms(begun_us) < 2500);
    for (int i = 0; i < 3; i++) (void)failed(postgres_read(call, db, &rows, "SELECT 1", ""));
    begun_us = clock_monotonic_us();
    st = postgres_read(call, db, &rows, "SELECT 1", "");
    EXPECT(st.reason == ARGOSY__REASON__STORE_UNREACHABLE && elapsed_ms(begun_us) < 50);
}

TEST(a_server_that_says_nothing_is_given_up)
{
    struct arena arena = {0};

    arena_init(&arena, 0);
    shards = shards_new(SHARDS);
    mode = SILENT;
    CHECK_OK(listener_new(&arena, shards, "127.0.0.1:0", on_accept, NULL, &proxy));
    play_at(&arena,
            arena_printf(&arena, "postgres://ann:s3cret@%s/shop?connect_timeout=1",
                         listener_address(proxy)),
            run_scene, waits_for_silence);
}

/* ---- lost connections ---- */

struct thing {
    int64_t id;
    int runs;
};

static struct status add_thing(struct call *call, struct postgres_tx *tx, void *data)
{
    struct thing *thing = data;
    struct postgres_rows rows;

    thing->runs++;
    postgres_query(tx, &rows, "SELECT count(*) FROM things", "");
    if (!postgres_next(call, &rows)) return rows.status;
    postgres_exec(tx, "INSERT INTO things (id) VALUES ($1)", "l", thing->id);
    return status_ok();
}

static int64_t count_things(struct call *call)
{
    struct postgres_rows rows;
    struct status st = postgres_read(call, db, &rows, "SELECT count(*) FROM things", "");

    EXPECT_OK(st);
    return !failed(st) && postgres_next(call, &rows) ? postgres_column_i64(&rows, 0) : -1;
}

static void loses_commit(struct call *call)
{
    struct thing thing = {.id = 1};

    mode = LOSE_COMMIT;
    EXPECT_OK(postgres_write(call, db, add_thing, &thing));
    EXPECT(losses == 1 && thing.runs == 2 && count_things(call) == 1);
}

TEST(a_commit_that_never_reached_the_server_is_found_out_and_made_again)
{
    play_proxied(loses_commit);
}

static void loses_answer(struct call *call)
{
    struct thing thing = {.id = 1};

    mode = LOSE_ANSWER;
    EXPECT_OK(postgres_write(call, db, add_thing, &thing));
    EXPECT(losses == 1 && thing.runs == 1 && count_things(call) == 1);
}

TEST(a_commit_whose_answer_is_lost_is_found_out)
{
    play_proxied(loses_answer);
}

/* What a server does when it recovers from a crash. After that it may give a transaction's id to
 * another one, which commits. */
static struct status add_thing_and_crash(struct call *call, struct postgres_tx *tx, void *data)
{
    struct postgres_rows rows;

    struct status st = add_thing(call, tx, data);
    if (failed(st)) return st;
    postgres_query(tx, &rows, "SELECT pg_stat_reset_shared('bgwriter')::text", "");
    return postgres_next(call, &rows) ? status_ok() : rows.status;
}

static void crashes_at_commit(struct call *call)
{
    struct thing thing = {.id = 1};
    struct status st;

    mode = LOSE_ANSWER;
    st = postgres_write(call, db, add_thing_and_crash, &thing);
    EXPECT(st.code == STATUS_UNAVAILABLE && st.reason == ARGOSY__REASON__STORE_OUTCOME_UNKNOWN);
    EXPECT(losses == 1 && thing.runs == 1);

    /* Certainly not committed: made again. */
    thing = (struct thing){.id = 2};
    mode = LOSE_COMMIT;
    EXPECT_OK(postgres_write(call, db, add_thing_and_crash, &thing));
    EXPECT(losses == 2 && thing.runs == 2 && count_things(call) == 2);
}

TEST(a_server_that_crashed_is_not_believed_about_transactions_of_before)
{
    play_proxied(crashes_at_commit);
}

static void loses_all(struct call *call)
{
    struct thing thing = {.id = 1};
    struct call hasty;

    mode = LOSE_ANSWER_ALL;
    call_init_child(&hasty, call, 500);
    struct status st = postgres_write(&hasty, db, add_thing, &thing);
    EXPECT(st.code == STATUS_UNAVAILABLE && st.reason == ARGOSY__REASON__STORE_OUTCOME_UNKNOWN);
    EXPECT(losses == 1 && thing.runs == 1);
    EXPECT(st.message && strstr(st.message, "Idempotency-Key"));
    mode = PASS;
    EXPECT_OK(fiber_sleep(call, 500000));
    EXPECT(count_things(call) == 1); /* it was made */
}

TEST(a_commit_whose_outcome_cannot_be_found_out_is_said_to_be_unknown)
{
    play_proxied(loses_all);
}

static void loses_any(struct call *call)
{
    struct thing thing = {.id = 1};

    EXPECT(count_things(call) == 0);
    mode = LOSE_ANY_ANSWER;
    EXPECT(count_things(call) == 0 && losses == 1);
    mode = LOSE_ANY_ANSWER;
    EXPECT_OK(postgres_write(call, db, add_thing, &thing));
    EXPECT(losses == 2 && thing.runs == 2 && count_things(call) == 1);
}

TEST(what_was_lost_before_the_commit_is_asked_again)
{
    play_proxied(loses_any);
}

/* A network that swallows everything: calls wait for their deadlines, until there were enough. */
static void goes_mute(struct call *call)
{
    struct postgres_rows rows;
    struct call hasty;
    int64_t begun_us;

    EXPECT(count_things(call) == 0);
    mode = MUTE;
    for (int i = 0; i < 3; i++) {
        call_init_child(&hasty, call, 1100);
        EXPECT(failed(postgres_read(&hasty, db, &rows, "SELECT 1", "")));
    }
    begun_us = clock_monotonic_us();
    EXPECT(postgres_read(call, db, &rows, "SELECT 1", "").reason ==
           ARGOSY__REASON__STORE_UNREACHABLE);
    EXPECT(elapsed_ms(begun_us) < 50);
    mode = PASS;
    EXPECT_OK(fiber_sleep(call, 300000));
    EXPECT(count_things(call) == 0); /* it is well again by itself */
}

TEST(silence_opens_the_breaker_and_an_answer_closes_it)
{
    play_proxied(goes_mute);
}

/* ---- several hosts ---- */

static void uses_the_other(struct call *call)
{
    EXPECT(count_things(call) == 0);
}

TEST(a_host_that_is_away_is_passed_over)
{
    const char *url = test_engine("ARGOSY_TEST_POSTGRES");
    struct arena arena = {0};

    if (!url) return;
    arena_init(&arena, 0);
    shards = shards_new(SHARDS);
    const char *away = strchr(closed_port(&arena), '@') + 1, *at = strrchr(url, '@') + 1;
    url = arena_printf(&arena, "%.*s%.*s,%s", (int)(at - url), url, (int)strcspn(away, "/"), away,
                       at);
    play_at(&arena, postgres_testing_url_of(&arena, url), run_proxied, uses_the_other);
}

/* ---- credentials ---- */

static void is_refused(struct call *call)
{
    struct status st = postgres_open(call, db);

    EXPECT(st.reason == ARGOSY__REASON__STORE_REFUSED); /* it is told at once */
    EXPECT(st.message && !strstr(st.message, "wrong-password"));
}

TEST(a_wrong_password_is_said_at_once)
{
    const char *url = test_engine("ARGOSY_TEST_POSTGRES"), *at;
    struct arena arena = {0};

    if (!url) return;
    arena_init(&arena, 0);
    shards = shards_new(SHARDS);
    at = strrchr(url, '@');
    play_at(&arena, arena_printf(&arena, "postgres://shop:wrong-password%s", at), run_scene,
            is_refused);
}
