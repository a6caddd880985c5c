/* SPDX-License-Identifier: Apache-2.0 */
/* The driver against a server of our own, which fails in every way: what is sent again, and what
 * becomes of a change whose answer is lost. */
#include <unistd.h>

#include "fiber/stream.h"
#include "http/http_server.h"
#include "store/dynamodb/dynamodb_testing.h"

enum { MS = 1000, ANSWERS_MAX = 8, DRAIN_MS = 20 };

/* What the server does with a request; the last of them with all that follow. */
struct answer {
    int status; /* 0: it closes the connection, -1: it never answers, -2: it answers too much */
    const char *body;
};

struct peer {
    struct http_server *server;
    struct listener *listener;
    struct answer answers[ANSWERS_MAX];
    int answer_count;
    int requests;
    char tokens[2][64]; /* of the first two requests of a transaction */
    char last_body[1024], authorization[512], session[64];
    bool drained;
    struct fiber_wait wait;
    void (*fn)(struct call *call, struct scene *scene);
};

static struct peer peer;

static const struct answer fine = {200, "{\"Item\":{\"a\":{\"S\":\"b\"}}}"};
static const struct answer broken = {500, "{\"__type\":\"x#InternalServerError\"}"};
static const struct answer dropped = {0, ""}, silent = {-1, ""}, large = {-2, ""};
static const struct answer throttled = {
    400, "{\"__type\":\"x#ProvisionedThroughputExceededException\",\"message\":\"slow down\"}"};
static const struct answer refused_condition = {
    400, "{\"__type\":\"x#ConditionalCheckFailedException\",\"Item\":{\"v\":{\"N\":\"7\"}}}"};
static const struct answer conflict = {
    400, "{\"__type\":\"x#TransactionCanceledException\",\"Message\":\"cancelled\","
         "\"CancellationReasons\":[{\"Code\":\"None\"},{\"Code\":\"TransactionConflict\"}]}"};
static const struct answer refused_transaction = {
    400, "{\"__type\":\"x#TransactionCanceledException\",\"CancellationReasons\":"
         "[{\"Code\":\"TransactionConflict\"},{\"Code\":\"ConditionalCheckFailed\","
         "\"Item\":{\"v\":{\"N\":\"7\"}}}]}"};

/* ---- the server ---- */

static void keep(char *place, size_t size, struct str text)
{
    snprintf(place, size, "%.*s", STR_ARGS(text));
}

static void note(struct call *call, const struct http_request *request, struct str body)
{
    const struct dynamodb_value *json = dynamodb_parse(call->arena, body);

    keep(peer.last_body, sizeof(peer.last_body), body);
    keep(peer.authorization, sizeof(peer.authorization),
         http_headers_get(&request->headers, "authorization"));
    keep(peer.session, sizeof(peer.session),
         http_headers_get(&request->headers, "x-amz-security-token"));
    if (json && peer.requests <= 2)
        keep(peer.tokens[peer.requests - 1], sizeof(peer.tokens[0]),
             dynamodb_member(json, "ClientRequestToken")->text);
}

static void handle(struct call *call, struct http_exchange *exchange, void *data)
{
    int at = peer.requests < peer.answer_count ? peer.requests : peer.answer_count - 1;
    const struct answer answer = peer.answers[at];
    struct str body;

    (void)data;
    peer.requests++;
    if (failed(http_read_body(call, exchange, 1 << 20, &body))) return;
    note(call, http_request(exchange), body);
    if (answer.status == 0) http_abort(exchange, 0);
    if (answer.status == -2)
        http_respond(call, exchange, 200, NULL,
                     str_sized(arena_calloc(call->arena, 1, DYNAMODB_ANSWER_SIZE_MAX + 1),
                               DYNAMODB_ANSWER_SIZE_MAX + 1));
    if (answer.status == -1) {
        struct status st = fiber_sleep(call, 60 * 1000 * MS);
        (void)st;
    }
    if (answer.status > 0) http_respond(call, exchange, answer.status, NULL, str_of(answer.body));
}

static void on_accept(void *owner, struct stream *stream)
{
    (void)owner;
    http_server_accept(peer.server, stream);
}

static void on_drained_here(struct shard *shard, void *data)
{
    (void)data;
    peer.drained = true;
    fiber_wake(shard, &peer.wait);
}

static void on_drained(void *data)
{
    shard_post(shards_at(data, 0), on_drained_here, NULL);
}

static void play_and_drain(struct call *call, struct scene *scene)
{
    peer.fn(call, scene);
    http_server_drain(peer.server, DRAIN_MS, on_drained, scene->shards);
    while (!peer.drained) fiber_suspend_uncancellable(call, &peer.wait);
}

/* One shard, so that the counts of the server are its own. */
static void play(const char *options, void (*fn)(struct call *call, struct scene *scene))
{
    const struct http_server_options server = {.name = "test", .handler = handle};
    struct scene scene = {0};
    char url[256];

    peer = (struct peer){.server = http_server_new(&server), .fn = fn};
    arena_init(&scene.arena, 0);
    scene.shards = shards_new(1);
    CHECK_OK(
        listener_new(&scene.arena, scene.shards, "127.0.0.1:0", on_accept, NULL, &peer.listener));
    snprintf(url, sizeof(url), "dynamodb://%s/?tls=off&region=us-east-1%s",
             listener_address(peer.listener), options);
    scene_play(&scene, url, play_and_drain);
    listener_free(peer.listener);
    http_server_free(peer.server);
    scene_end(&scene);
}

static void answer_with(const struct answer *answers, int count)
{
    for (int i = 0; i < count; i++) peer.answers[i] = answers[i];
    peer.answer_count = count;
    peer.requests = 0;
}

#define ANSWER(...)                                   \
    answer_with((const struct answer[]){__VA_ARGS__}, \
                sizeof((const struct answer[]){__VA_ARGS__}) / sizeof(struct answer))

static const struct dynamodb_value *last_answer;

static struct status get(struct call *call, struct scene *scene)
{
    return dynamodb_read(call, scene->db, "GetItem", STR("{\"TableName\":\"T\"}"), &last_answer);
}

static struct status put(struct call *call, struct scene *scene)
{
    return dynamodb_write(call, scene->db, "PutItem", STR("{\"TableName\":\"T\"}"), &last_answer);
}

static struct status put_if(struct call *call, struct scene *scene)
{
    return dynamodb_write(call, scene->db, "PutItem",
                          STR("{\"TableName\":\"T\",\"ConditionExpression\":\"v = :v\"}"),
                          &last_answer);
}

static struct status transact(struct call *call, struct scene *scene)
{
    return dynamodb_write(call, scene->db, "TransactWriteItems", STR("{\"TransactItems\":[]}"),
                          &last_answer);
}

/* ---- what is sent ---- */

static void sends(struct call *call, struct scene *scene)
{
    ANSWER(fine);
    EXPECT_OK(get(call, scene));
    EXPECT(str_is(dynamodb_text(dynamodb_member(last_answer, "Item"), "a"), "b"));
    EXPECT(strcmp(peer.last_body, "{\"TableName\":\"T\",\"ReturnConsumedCapacity\":\"TOTAL\"}") ==
           0);
    EXPECT(strstr(peer.authorization, "AWS4-HMAC-SHA256 Credential=local/") == peer.authorization);
    EXPECT(strstr(peer.authorization, "/us-east-1/dynamodb/aws4_request, SignedHeaders="
                                      "content-type;host;x-amz-date;x-amz-security-token;"
                                      "x-amz-target, Signature=") != NULL);
    EXPECT(strcmp(peer.session, "session") == 0);
    EXPECT_OK(transact(call, scene));
    EXPECT(strlen(peer.tokens[1]) == 32);
    char first[64];
    snprintf(first, sizeof(first), "%s", peer.tokens[1]);
    peer.requests = 0;
    EXPECT_OK(transact(call, scene));
    EXPECT(strlen(peer.tokens[0]) == 32 && strcmp(peer.tokens[0], first) != 0);
}

TEST(a_request_is_signed_and_asks_for_its_capacity)
{
    setenv("AWS_ACCESS_KEY_ID", "local", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "local", 1);
    setenv("AWS_SESSION_TOKEN", "session", 1);
    play("&timeout=20000", sends);
    unsetenv("AWS_SESSION_TOKEN");
}

/* ---- throttling and conflicts ---- */

static void is_throttled(struct call *call, struct scene *scene)
{
    struct call hurried;

    ANSWER(throttled, throttled, conflict, throttled, fine);
    EXPECT_OK(put(call, scene));
    EXPECT(peer.requests == 5);
    ANSWER(throttled);
    call_init_child(&hurried, call, 200);
    struct status st = put(&hurried, scene);
    EXPECT(st.reason == ARGOSY__REASON__STORE_BUSY || st.code == STATUS_DEADLINE_EXCEEDED);
    EXPECT(peer.requests > 0);
    ANSWER(conflict, refused_transaction);
    EXPECT_REFUSED(transact(call, scene), ABORTED, REASON_UNSPECIFIED);
    EXPECT(peer.requests == 2 && strcmp(peer.tokens[0], peer.tokens[1]) == 0);
    const struct dynamodb_value *item;
    EXPECT(!dynamodb_refused(last_answer, 0, &item));
    EXPECT(dynamodb_refused(last_answer, 1, &item) && dynamodb_integer(item, "v") == 7);
}

TEST(throttling_and_conflicts_are_repeated_until_the_call_ends)
{
    play("&timeout=20000", is_throttled);
}

/* ---- lost answers ---- */

static void loses(struct call *call, struct scene *scene, struct answer loss)
{
    const struct dynamodb_value *item;

    ANSWER(loss, fine);
    EXPECT_OK(get(call, scene));
    EXPECT(peer.requests == 2);
    ANSWER(loss, fine);
    EXPECT_REFUSED(put(call, scene), UNAVAILABLE, STORE_OUTCOME_UNKNOWN);
    EXPECT(peer.requests == 1 && dynamodb_is_missing(last_answer));
    ANSWER(loss, fine);
    EXPECT_OK(put_if(call, scene));
    EXPECT(peer.requests == 2);
    /* The condition may have been met by the first request, which then has made it false. */
    ANSWER(loss, refused_condition);
    EXPECT_REFUSED(put_if(call, scene), UNAVAILABLE, STORE_OUTCOME_UNKNOWN);
    EXPECT(peer.requests == 2);
    EXPECT(dynamodb_refused(last_answer, 0, &item) && dynamodb_integer(item, "v") == 7);
    ANSWER(refused_condition);
    EXPECT_REFUSED(put_if(call, scene), ABORTED, REASON_UNSPECIFIED);
    ANSWER(loss, fine);
    EXPECT_OK(transact(call, scene));
    EXPECT(peer.requests == 2 && peer.tokens[0][0] && strcmp(peer.tokens[0], peer.tokens[1]) == 0);
    /* The token tells a transaction that is repeated from one that was not made. */
    ANSWER(loss, refused_transaction);
    EXPECT_REFUSED(transact(call, scene), ABORTED, REASON_UNSPECIFIED);
    ANSWER(loss, loss, fine);
    EXPECT_OK(get(call, scene));
}

static void loses_connections(struct call *call, struct scene *scene)
{
    loses(call, scene, dropped);
    ANSWER(dropped, dropped, fine, dropped);
    EXPECT_OK(get(call, scene)); /* the breaker is closed again */
}

TEST(lost_answers_are_repeated_where_that_is_safe)
{
    play("&timeout=20000", loses_connections);
}

static void fails(struct call *call, struct scene *scene)
{
    loses(call, scene, broken);
    ANSWER(broken);
    EXPECT_REFUSED(get(call, scene), UNAVAILABLE, STORE_UNREACHABLE);
    EXPECT(peer.requests == 3);
    EXPECT_REFUSED(transact(call, scene), UNAVAILABLE, STORE_OUTCOME_UNKNOWN);
    EXPECT(peer.requests == 6);
    /* It is there, so it is asked again at once. */
    ANSWER(fine);
    EXPECT_OK(get(call, scene));
}

TEST(failures_of_the_server_are_lost_answers)
{
    play("&timeout=20000", fails);
}

static void is_garbage(struct call *call, struct scene *scene)
{
    ANSWER({200, "<html>hello</html>"});
    EXPECT_REFUSED(get(call, scene), INTERNAL, REASON_UNSPECIFIED);
    EXPECT_REFUSED(put(call, scene), UNAVAILABLE, STORE_OUTCOME_UNKNOWN);
    ANSWER({403, "<html>no</html>"});
    EXPECT_REFUSED(get(call, scene), UNAVAILABLE, STORE_REFUSED);
    ANSWER({400, ""});
    EXPECT_REFUSED(get(call, scene), INTERNAL, REASON_UNSPECIFIED);
    ANSWER({413, ""});
    EXPECT_REFUSED(put(call, scene), RESOURCE_EXHAUSTED, STORE_FULL);
    ANSWER({429, ""}, fine);
    EXPECT_OK(get(call, scene));
}

TEST(answers_that_are_no_json_are_understood_by_their_status)
{
    play("&timeout=20000", is_garbage);
}

static void is_large(struct call *call, struct scene *scene)
{
    ANSWER(large);
    EXPECT_REFUSED(get(call, scene), RESOURCE_EXHAUSTED, RESPONSE_TOO_LARGE);
    EXPECT_REFUSED(put(call, scene), UNAVAILABLE, STORE_OUTCOME_UNKNOWN);
    EXPECT(peer.requests == 2);
}

TEST(an_answer_that_is_too_large_is_refused)
{
    play("&timeout=20000", is_large);
}

/* ---- a server that is not there ---- */

static void is_silent(struct call *call, struct scene *scene)
{
    ANSWER(silent);
    EXPECT_REFUSED(put(call, scene), UNAVAILABLE, STORE_OUTCOME_UNKNOWN);
    EXPECT_REFUSED(put(call, scene), UNAVAILABLE, STORE_OUTCOME_UNKNOWN);
    EXPECT_REFUSED(put(call, scene), UNAVAILABLE, STORE_OUTCOME_UNKNOWN);
    EXPECT(peer.requests == 3);
    EXPECT_REFUSED(put(call, scene), UNAVAILABLE, STORE_UNREACHABLE);
    EXPECT(peer.requests == 3);
    ANSWER(fine);
    EXPECT_OK(fiber_sleep(call, 150 * MS));
    EXPECT_OK(get(call, scene));
    EXPECT_OK(put(call, scene));
}

TEST(a_silent_server_is_left_alone_until_it_answers)
{
    play("&timeout=2000", is_silent);
}

static void hurries(struct call *call, struct scene *scene)
{
    struct call hurried;

    ANSWER(silent);
    for (int i = 0; i < 4; i++) {
        call_init_child(&hurried, call, 30);
        EXPECT(put(&hurried, scene).code == STATUS_DEADLINE_EXCEEDED);
    }
    /* Those who are in a hurry say nothing about the server. */
    ANSWER(fine);
    EXPECT_OK(get(call, scene));
}

TEST(a_deadline_says_nothing_about_the_server)
{
    play("&timeout=20000", hurries);
}

static void is_away(struct call *call, struct scene *scene)
{
    listener_close(peer.listener);
    EXPECT_OK(fiber_sleep(call, 20 * MS));
    for (int i = 0; i < 5; i++) EXPECT_REFUSED(put(call, scene), UNAVAILABLE, STORE_UNREACHABLE);
    struct status st = dynamodb_open(call, scene->db);
    EXPECT_REFUSED(st, UNAVAILABLE, STORE_UNREACHABLE);
    EXPECT(strstr(st.message, "127.0.0.1") != NULL);
    EXPECT(peer.requests == 0);
}

TEST(a_server_that_is_not_there_is_unreachable)
{
    play("&timeout=20000", is_away);
}

/* ---- who is refused ---- */

static void is_late(struct call *call, struct scene *scene)
{
    ANSWER({400, "{\"__type\":\"x#InvalidSignatureException\",\"message\":\"Signature expired: "
                 "20150830T123600Z is now earlier than\"}"});
    struct status st = dynamodb_open(call, scene->db);
    EXPECT_REFUSED(st, UNAVAILABLE, STORE_REFUSED);
    EXPECT(strstr(st.message, "this machine's clock") != NULL);
    ANSWER(
        {400, "{\"__type\":\"x#AccessDeniedException\",\"Message\":\"User u is not authorized\"}"});
    st = dynamodb_open(call, scene->db);
    EXPECT_REFUSED(st, UNAVAILABLE, STORE_REFUSED);
    EXPECT(strstr(st.message, "User u is not authorized") != NULL);
    st = get(call, scene);
    EXPECT_REFUSED(st, UNAVAILABLE, STORE_REFUSED);
    EXPECT(strstr(st.message, "User u") == NULL);
    ANSWER({400, "{\"__type\":\"x#ExpiredTokenException\"}"});
    EXPECT_REFUSED(get(call, scene), UNAVAILABLE, STORE_REFUSED);
    EXPECT(peer.requests == 1); /* the environment has no others */
}

TEST(operators_are_told_why_they_are_refused)
{
    play("&timeout=20000", is_late);
}

/* ---- queues ---- */

struct crowd {
    struct scene *scene;
    int full;
};

static void ask(struct call *call, void *data)
{
    struct crowd *crowd = data;

    struct status st = get(call, crowd->scene);
    crowd->full += st.reason == ARGOSY__REASON__QUEUE_FULL && st.code == STATUS_RESOURCE_EXHAUSTED;
}

static void crowds(struct call *call, struct scene *scene)
{
    struct crowd crowd = {.scene = scene};
    struct fiber_group group = {0};

    ANSWER(silent);
    for (int i = 0; i < DYNAMODB_WAITERS_MAX + 10; i++)
        EXPECT_OK(fiber_group_start(call, &group, ask, &crowd));
    EXPECT(crowd.full == 8); /* two are under way */
    fiber_group_cancel(&group);
    fiber_group_wait(call, &group);
    EXPECT(crowd.full == 8);
    ANSWER(fine);
    EXPECT_OK(get(call, scene));
}

TEST(a_full_queue_refuses_at_once)
{
    play("&connections=2&timeout=20000", crowds);
}

static void gives_up(struct call *call, struct scene *scene)
{
    struct fiber_group group = {0};
    struct crowd crowd = {.scene = scene};
    struct call hurried;

    ANSWER(silent);
    EXPECT_OK(fiber_group_start(call, &group, ask, &crowd));
    call_init_child(&hurried, call, 30);
    EXPECT(get(&hurried, scene).code == STATUS_DEADLINE_EXCEEDED);
    EXPECT(peer.requests <= 1);
    fiber_group_cancel(&group);
    fiber_group_wait(call, &group);
    ANSWER(fine);
    EXPECT_OK(get(call, scene));
}

TEST(waiting_for_a_place_ends_with_the_call)
{
    play("&connections=1&timeout=20000", gives_up);
}

/* ---- credentials that expire ---- */

static void write_profile(const char *path, const char *id)
{
    FILE *file = fopen(path, "we");

    invariant(file);
    fprintf(file,
            "[default]\naws_access_key_id = %s\naws_secret_access_key = s\n"
            "aws_session_token = t\n",
            id);
    fclose(file);
}

static char profile_path[64];

static void renews(struct call *call, struct scene *scene)
{
    const struct answer expired = {400, "{\"__type\":\"x#ExpiredTokenException\"}"};

    ANSWER(fine);
    EXPECT_OK(put(call, scene));
    EXPECT(strstr(peer.authorization, "Credential=first/") != NULL);
    write_profile(profile_path, "second");
    ANSWER(expired, fine);
    EXPECT_OK(put(call, scene));
    EXPECT(peer.requests == 2 && strstr(peer.authorization, "Credential=second/") != NULL);
    EXPECT_OK(put(call, scene));
    EXPECT(strstr(peer.authorization, "Credential=second/") != NULL);
    ANSWER(expired);
    EXPECT_REFUSED(put(call, scene), UNAVAILABLE, STORE_REFUSED);
}

TEST(expired_credentials_are_read_anew)
{
    snprintf(profile_path, sizeof(profile_path), "/tmp/argosy-dynamodb-%d", (int)getpid());
    write_profile(profile_path, "first");
    scene_environment();
    setenv("AWS_ACCESS_KEY_ID", "", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", profile_path, 1);
    play("&timeout=20000", renews);
    unlink(profile_path);
}
