/* SPDX-License-Identifier: Apache-2.0 */
/* The driver against servers that fail in every way: each is played by this test, which logs the
 * client in as Redis does and then follows a script. */
#include <hiredis/hiredis.h>

#include "fiber/stream.h"
#include "observe/metrics.h"
#include "store/redis/redis_testing.h"

enum { MS = 1000, HUGE_SENT = 40 * 1024 * 1024, HUGE_PART = 1024 * 1024 };

/* What a peer does with commands after it has logged the client in. */
struct script {
    const char *greeting; /* instead of Redis's answer to ROLE; "": says nothing */
    const char *answer;   /* to each command; NULL: "+OK" */
    bool closes;          /* after the answer */
    void (*floods)(struct stream *stream);
    int honest_from; /* connections from this number on (0: none) behave like Redis */
};

struct peer {
    struct script script;
    struct listener *listener;
    _Atomic int connections, commands;
    _Atomic int honest_from;
};

struct visit {
    struct peer *peer;
    struct stream *stream;
    redisReader *reader;
    bool honest, closed;
};

static const char master[] = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
static const char replica[] = "*5\r\n$5\r\nslave\r\n$1\r\nx\r\n:1\r\n$9\r\nconnected\r\n:1\r\n";

static void say(struct stream *stream, const char *text)
{
    const struct iovec part = {(void *)(uintptr_t)text, strlen(text)};

    stream_write(stream, &part, 1);
}

static void obey(struct visit *visit)
{
    const struct script *script = &visit->peer->script;

    visit->peer->commands++;
    if (visit->honest) {
        say(visit->stream, "+OK\r\n");
        return;
    }
    if (script->floods) script->floods(visit->stream);
    say(visit->stream, script->answer ? script->answer : "+OK\r\n");
    if (script->closes) stream_shutdown(visit->stream);
}

static void take_command(struct visit *visit, const redisReply *command)
{
    const char *name = command->elements > 0 ? command->element[0]->str : "";
    const char *greeting = visit->peer->script.greeting;

    if (strcmp(name, "CLIENT") == 0)
        say(visit->stream, greeting && !greeting[0] && !visit->honest ? "" : "+OK\r\n");
    else if (strcmp(name, "ROLE") == 0)
        say(visit->stream, greeting && !visit->honest ? greeting : master);
    else
        obey(visit);
}

static void on_data(void *owner, const uint8_t *data, size_t size)
{
    struct visit *visit = owner;
    void *command = 0;

    redisReaderFeed(visit->reader, (const char *)data, size);
    while (!visit->closed && redisReaderGetReply(visit->reader, &command) == REDIS_OK && command) {
        take_command(visit, command);
        freeReplyObject(command);
    }
}

static void on_end(void *owner)
{
    struct visit *visit = owner;

    stream_close(visit->stream);
}

static void on_drain(void *owner)
{
    (void)owner;
}

static void on_close(void *owner, int error)
{
    struct visit *visit = owner;

    (void)error;
    visit->closed = true;
    redisReaderFree(visit->reader);
    free(visit);
}

static const struct stream_events visit_events = {on_data, on_end, on_drain, on_close};

static void on_accept(void *owner, struct stream *stream)
{
    struct visit *visit = calloc(1, sizeof(*visit));

    *visit = (struct visit){.peer = owner, .stream = stream, .reader = redisReaderCreate()};
    int number = ++visit->peer->connections;
    int from = visit->peer->honest_from;
    visit->honest = from > 0 && number >= from;
    stream_start(stream, &visit_events, visit);
}

static struct peer *peer;

/* Plays fn against a peer with this script; `options` go into the URL. */
static void play(struct script script, const char *options,
                 void (*fn)(struct call *call, struct scene *scene))
{
    struct peer played = {.script = script, .honest_from = script.honest_from};
    struct scene scene;
    char url[128];

    peer = &played;
    scene_begin(&scene);
    CHECK_OK(listener_new(&scene.arena, scene.shards, "127.0.0.1:0", on_accept, &played,
                          &played.listener));
    snprintf(url, sizeof(url), "redis://%s?connections=1&timeout=%s",
             listener_address(played.listener), options);
    scene_play(&scene, url, fn);
    listener_free(played.listener);
    scene_end(&scene);
}

static struct status get(struct call *call, struct scene *scene)
{
    const struct redis_reply *reply;

    return redis_read(call, scene->db, REDIS_WORDS(STR("GET"), STR("k")), &reply);
}

static struct status set(struct call *call, struct scene *scene)
{
    const struct redis_reply *reply;

    return redis_write(call, scene->db, REDIS_WORDS(STR("SET"), STR("k"), STR("v")), &reply);
}

/* ---- silence ---- */

static void meets_silence(struct call *call, struct scene *scene)
{
    int64_t begun_us = clock_monotonic_us();

    EXPECT_REFUSED(get(call, scene), UNAVAILABLE, STORE_UNREACHABLE);
    EXPECT(clock_monotonic_us() - begun_us >= 100 * MS);
    begun_us = clock_monotonic_us();
    for (int i = 0; i < 20; i++) EXPECT_REFUSED(get(call, scene), UNAVAILABLE, STORE_UNREACHABLE);
    EXPECT(clock_monotonic_us() - begun_us < 20 * 20 * MS);
    EXPECT(peer->connections == 1);
}

TEST(a_server_that_says_nothing_makes_only_the_first_caller_wait)
{
    play((struct script){.greeting = ""}, "100", meets_silence);
}

static void meets_late_silence(struct call *call, struct scene *scene)
{
    EXPECT_REFUSED(set(call, scene), UNAVAILABLE, STORE_OUTCOME_UNKNOWN);
    int64_t begun_us = clock_monotonic_us();
    EXPECT_REFUSED(set(call, scene), UNAVAILABLE, STORE_UNREACHABLE);
    EXPECT(clock_monotonic_us() - begun_us < 20 * MS);
}

TEST(a_change_without_an_answer_has_an_unknown_outcome)
{
    play((struct script){.answer = ""}, "100", meets_late_silence);
}

static void recovers(struct call *call, struct scene *scene)
{
    struct status st;

    EXPECT_REFUSED(set(call, scene), UNAVAILABLE, STORE_OUTCOME_UNKNOWN);
    do {
        EXPECT_OK(fiber_sleep(call, 20 * MS));
        st = set(call, scene);
    } while (failed(st) && !failed(call_check(call)));
    EXPECT_OK(st);
    EXPECT(peer->connections == 2);
}

TEST(a_server_that_answers_again_is_used_again)
{
    play((struct script){.answer = "", .honest_from = 2}, "100", recovers);
}

/* Two shards have noticed that the server is silent; one finds it again, and tells the other. */
struct visitor {
    struct scene *scene;
    struct shard *home;
    struct fiber_wait wait;
    struct status st;
    bool done;
};

static void report_visit(struct shard *shard, void *data)
{
    struct visitor *visitor = data;

    visitor->done = true;
    fiber_wake(shard, &visitor->wait);
}

static void visit_other(struct call *call, void *data)
{
    struct visitor *visitor = data;

    visitor->st = set(call, visitor->scene);
    visitor->st.message = 0;
    shard_post(visitor->home, report_visit, visitor);
}

static struct status set_on_other_shard(struct call *call, struct scene *scene)
{
    struct visitor visitor = {.scene = scene, .home = call->shard};

    fiber_post(shards_at(scene->shards, 1), visit_other, NULL, &visitor);
    while (!visitor.done) fiber_suspend_uncancellable(call, &visitor.wait);
    return visitor.st;
}

static void tells_the_other(struct call *call, struct scene *scene)
{
    struct status st = status_ok();

    /* The other shard's pause grows to a second and more. */
    for (int i = 0; i < 200 && peer->connections < 5; i++) {
        EXPECT(failed(set_on_other_shard(call, scene)));
        EXPECT_OK(fiber_sleep(call, 10 * MS));
    }
    peer->honest_from = 1;
    do {
        st = set(call, scene);
        if (failed(st)) EXPECT_OK(fiber_sleep(call, 10 * MS));
    } while (failed(st) && !failed(call_check(call)));
    EXPECT_OK(st);
    EXPECT_OK(fiber_sleep(call, 10 * MS));
    EXPECT_OK(set_on_other_shard(call, scene));
}

TEST(a_shard_that_finds_the_server_again_tells_the_others)
{
    play((struct script){.greeting = ""}, "60", tells_the_other);
}

/* ---- broken answers ---- */

static void no_answer_helps(struct call *call, struct scene *scene)
{
    EXPECT_REFUSED(set(call, scene), UNAVAILABLE, STORE_OUTCOME_UNKNOWN);
    EXPECT_REFUSED(get(call, scene), UNAVAILABLE, STORE_UNREACHABLE);
}

TEST(a_broken_answer_ends_the_connection)
{
    static const char *const answers[] = {
        "$100\r\nabc",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "\r\n",
        "$-7\r\n",
        "$abc\r\n",
        "*2147483647\r\n",
        "*100000\r\n",
        "*-5\r\n",
        ":12x\r\n",
        "$99999999999999999999\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
    };

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        int before = test_failures;
        play((struct script){.answer = answers[i], .closes = true}, "300", no_answer_helps);
        if (test_failures != before) printf("  of the answer %s\n", answers[i]);
    }
}

static void send_zeros(struct stream *stream, const char *head)
{
    static char zeros[HUGE_PART];
    const struct iovec part = {zeros, sizeof(zeros)};

    say(stream, head);
    for (size_t sent = 0; sent < HUGE_SENT; sent += sizeof(zeros)) stream_write(stream, &part, 1);
}

static void announce_600_mb(struct stream *stream)
{
    send_zeros(stream, "$629145600\r\n");
}

TEST(an_answer_of_600_mb_is_not_waited_for)
{
    play((struct script){.floods = announce_600_mb}, "5000", no_answer_helps);
}

static void send_many(struct stream *stream)
{
    enum { TEXTS = 40 };
    char head[32];

    say(stream, "*40\r\n");
    for (int i = 0; i < TEXTS; i++) {
        static char text[HUGE_PART];
        const struct iovec part = {text, sizeof(text)};
        memset(text, 'x', sizeof(text));
        snprintf(head, sizeof(head), "$%d\r\n", HUGE_PART);
        say(stream, head);
        stream_write(stream, &part, 1);
        say(stream, "\r\n");
    }
}

TEST(an_array_that_is_too_large_in_sum_is_not_kept)
{
    play((struct script){.floods = send_many}, "5000", no_answer_helps);
}

static void asks_once(struct call *call, struct scene *scene)
{
    EXPECT_OK(get(call, scene));
    EXPECT_OK(fiber_sleep(call, 50 * MS));
    EXPECT_OK(get(call, scene));
    EXPECT(peer->connections == 2);
}

TEST(an_answer_to_nothing_ends_the_connection)
{
    play((struct script){.answer = "+OK\r\n+AGAIN\r\n", .honest_from = 2}, "1000", asks_once);
}

static void reads_again(struct call *call, struct scene *scene)
{
    EXPECT_OK(get(call, scene));
    EXPECT(peer->connections == 2 && peer->commands == 2);
}

TEST(a_read_whose_answer_was_lost_is_sent_again)
{
    play((struct script){.answer = "$10\r\nab", .closes = true, .honest_from = 2}, "1000",
         reads_again);
}

/* ---- refusals ---- */

static void is_refused_at_once(struct call *call, struct scene *scene)
{
    int64_t begun_us = clock_monotonic_us();

    for (int i = 0; i < 30; i++) EXPECT_REFUSED(set(call, scene), UNAVAILABLE, STORE_UNREACHABLE);
    EXPECT(clock_monotonic_us() - begun_us < 30 * 50 * MS);
}

static enum status_code wanted_code;
static int wanted_reason;

static void is_translated(struct call *call, struct scene *scene)
{
    struct status st = set(call, scene);

    EXPECT(st.code == wanted_code && st.reason == wanted_reason);
    if (st.code != wanted_code || st.reason != wanted_reason)
        printf("  %s: %s\n", status_code_name(st.code), st.message ? st.message : "");
    EXPECT(failed(st) && !strstr(st.message, "127.0.0.1"));
}

TEST(errors_of_the_server_are_translated)
{
    static const struct {
        const char *answer;
        enum status_code code;
        int reason;
    } errors[] = {
        {"-LOADING Redis is loading the dataset in memory\r\n", STATUS_UNAVAILABLE,
         ARGOSY__REASON__STORE_BUSY},
        {"-BUSY Redis is busy running a script.\r\n", STATUS_UNAVAILABLE,
         ARGOSY__REASON__STORE_BUSY},
        {"-MISCONF Errors writing to the AOF file: No space left on device\r\n", STATUS_UNAVAILABLE,
         ARGOSY__REASON__STORE_BUSY},
        {"-MASTERDOWN Link with MASTER is down\r\n", STATUS_UNAVAILABLE,
         ARGOSY__REASON__STORE_UNREACHABLE},
        {"-READONLY You can't write against a read only replica.\r\n", STATUS_UNAVAILABLE,
         ARGOSY__REASON__STORE_UNREACHABLE},
        {"-NOREPLICAS Not enough good replicas to write.\r\n", STATUS_UNAVAILABLE,
         ARGOSY__REASON__STORE_UNREACHABLE},
        {"-OOM command not allowed when used memory > 'maxmemory'.\r\n", STATUS_RESOURCE_EXHAUSTED,
         ARGOSY__REASON__STORE_FULL},
        {"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n", STATUS_DATA_LOSS,
         ARGOSY__REASON__STORE_DAMAGED},
        {"-NOPERM this user has no permissions to run the 'set' command\r\n", STATUS_UNAVAILABLE,
         ARGOSY__REASON__STORE_REFUSED},
        {"-ERR syntax error\r\n", STATUS_INTERNAL, 0},
        {"-MOVED 1234 10.0.0.1:6379\r\n", STATUS_INTERNAL, 0},
    };

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        int before = test_failures;
        wanted_code = errors[i].code;
        wanted_reason = errors[i].reason;
        play((struct script){.answer = errors[i].answer}, "1000", is_translated);
        if (test_failures != before) printf("  of the error %s\n", errors[i].answer);
    }
}

static void follows_primary(struct call *call, struct scene *scene)
{
    EXPECT_OK(set(call, scene));
    EXPECT(peer->connections == 2 && peer->commands == 2);
}

TEST(a_server_that_has_become_a_replica_is_left)
{
    play((struct script){.answer = "-READONLY You can't write against a read only replica.\r\n",
                         .honest_from = 2},
         "1000", follows_primary);
}

TEST(a_replica_is_not_used)
{
    play((struct script){.greeting = replica}, "1000", is_refused_at_once);
}

static void opens_not(struct call *call, struct scene *scene)
{
    EXPECT_REFUSED(redis_open(call, scene->db), UNAVAILABLE, STORE_REFUSED);
}

TEST(a_server_that_wants_a_password_is_named_at_the_start)
{
    play((struct script){.greeting = "-NOAUTH Authentication required.\r\n"}, "1000", opens_not);
}

/* ---- its own limits ---- */

TEST(a_server_that_is_not_there_costs_its_callers_milliseconds)
{
    scene_run("redis://127.0.0.1:1", is_refused_at_once);
}

struct crowd {
    struct scene *scene;
    struct fiber_wait wait;
    int left, full, timed_out, other;
};

static void ask_briefly(struct call *call, void *data)
{
    struct crowd *crowd = data;
    struct call hurried;

    call_init_child(&hurried, call, 600);
    struct status st = get(&hurried, crowd->scene);
    if (st.reason == ARGOSY__REASON__QUEUE_FULL)
        crowd->full++;
    else if (st.code == STATUS_DEADLINE_EXCEEDED)
        crowd->timed_out++;
    else
        crowd->other++;
    if (--crowd->left == 0) fiber_wake(call->shard, &crowd->wait);
}

/* In rounds, because under the sanitizers there can't be so many fibers at once. Who has given up
 * keeps the place in the line. */
static void fills_line(struct call *call, struct scene *scene)
{
    enum { ROUNDS = 5, CALLS = 1200, LINE = 4096 };
    struct crowd crowd = {.scene = scene};
    struct call hurried;

    call_init_child(&hurried, call, 100);
    EXPECT(get(&hurried, scene).code == STATUS_DEADLINE_EXCEEDED);
    for (int round = 0; round < ROUNDS; round++) {
        crowd.left = CALLS;
        for (int i = 0; i < CALLS; i++) EXPECT_OK(fiber_start(call->shard, 0, ask_briefly, &crowd));
        while (crowd.left > 0) fiber_suspend_uncancellable(call, &crowd.wait);
    }
    EXPECT(crowd.timed_out == LINE - 1 && crowd.full == ROUNDS * CALLS - (LINE - 1));
    EXPECT(crowd.other == 0 && peer->connections == 1);
}

TEST(a_full_line_refuses_further_commands)
{
    play((struct script){.answer = ""}, "60000", fills_line);
}
