/* SPDX-License-Identifier: Apache-2.0 */
/* The key of a request and the first answer sent again, through real calls. */
#include "events/idempotency.h"

#include "events.rpc.h"
#include "rpc/rpc_testing.h"

/* What the last call's key was, and the answer of the first call. */
static struct arena kept;
static struct idempotency taken;
static struct str first_answer;

/* Any rpc would do; this one answers how often it has taken effect. */
static struct status replay_dead_letters(struct call *call,
                                         const Events__ReplayDeadLettersRequest *request,
                                         Events__ReplayDeadLettersResponse *response)
{
    static int64_t effects;
    struct user user;

    call_user_optional(call, &user);
    struct status st = idempotency_of_call(call, &user, &request->base, &taken);
    if (failed(st)) return st;
    taken.scope = arena_strdup(&kept, taken.scope);
    taken.key = arena_strdup(&kept, taken.key);
    if (first_answer.data) return idempotency_replay(call, first_answer, &response->base);
    response->count = ++effects;
    first_answer = idempotency_answer(&kept, &response->base);
    return status_ok();
}

static const struct event_service_handlers handlers = {
    .replay_dead_letters = replay_dead_letters,
};

static struct status ask(struct call *call, struct rpc_channel *channel, const char *key,
                         struct http_headers *ret_metadata,
                         Events__ReplayDeadLettersResponse **ret_response)
{
    Events__ReplayDeadLettersRequest request = EVENTS__REPLAY_DEAD_LETTERS_REQUEST__INIT;
    struct http_headers metadata = {0};
    struct rpc_options options = {.metadata = &metadata, .ret_metadata = ret_metadata};

    request.group = (char *)(uintptr_t) "cart";
    if (key) {
        struct status st = http_headers_add(call->arena, &metadata, STR("idempotency-key"),
                                            str_of(key));
        if (failed(st)) return st;
    }
    return event_service_replay_dead_letters_with(call, channel, &request, &options, ret_response);
}

static void play(void (*fn)(struct call *call, struct stage *stage))
{
    const struct stage_plan plan = {.fakes = {{&event_service_rpc, &handlers, 0}}};

    first_answer = (struct str){0};
    arena_init(&kept, 0);
    stage_run(&plan, fn);
    arena_release(&kept);
}

static void check_key(struct call *call, struct stage *stage, const char *key, const char *wanted)
{
    Events__ReplayDeadLettersResponse *response;
    struct http_headers metadata = {0};

    EXPECT_OK(ask(call, stage->outside, key, &metadata, &response));
    if (strcmp(taken.key, wanted) != 0) printf("  %s is %s\n", key ? key : "none", taken.key);
    EXPECT(strcmp(taken.key, wanted) == 0);
    EXPECT(idempotency_given(&taken) == (wanted[0] != '\0'));
}

static void takes_keys(struct call *call, struct stage *stage)
{
    check_key(call, stage, NULL, "");
    check_key(call, stage, "abc", "abc");
    check_key(call, stage, "8e03978e-40d5-43dd-bc93-6894a57f9324",
              "8e03978e-40d5-43dd-bc93-6894a57f9324");
    check_key(call, stage, "\"abc\"", "abc");
    check_key(call, stage, "\"a \\\"b\\\" \\\\c\"", "a \"b\" \\c");
    check_key(call, stage, "a\"b", "a\"b");
}

TEST(a_key_comes_plain_or_quoted)
{
    play(takes_keys);
}

static void refuses_keys(struct call *call, struct stage *stage)
{
    static const char *const bad[] = {
        "",      "\"",        "\"\"",     "\"abc",       "\"a\"b\"",
        "\"a\\", "\"abc\\\"", "\"a\\b\"", "\"abc\";a=1", "caf\xc3\xa9"};
    Events__ReplayDeadLettersResponse *response;
    struct http_headers metadata = {0};

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct status st = ask(call, stage->inside, bad[i], &metadata, &response);
        if (!failed(st)) printf("  taken: %s\n", bad[i]);
        EXPECT_REFUSED(st, INVALID_ARGUMENT, IDEMPOTENCY_KEY_INVALID);
    }
    char *longest = arena_alloc(call->arena, IDEMPOTENCY_KEY_MAX + 2);
    memset(longest, 'k', IDEMPOTENCY_KEY_MAX + 1);
    longest[IDEMPOTENCY_KEY_MAX + 1] = '\0';
    EXPECT_REFUSED(ask(call, stage->inside, longest, &metadata, &response), INVALID_ARGUMENT,
                   IDEMPOTENCY_KEY_INVALID);
    check_key(call, stage, longest + 1, longest + 1);
}

TEST(a_broken_key_is_refused)
{
    play(refuses_keys);
}

static void replays(struct call *call, struct stage *stage)
{
    Events__ReplayDeadLettersResponse *first, *second;
    struct http_headers once = {0}, again = {0};

    EXPECT_OK(ask(call, stage->outside, "k", &once, &first));
    EXPECT_OK(ask(call, stage->outside, "k", &again, &second));
    EXPECT(first->count > 0 && second->count == first->count);
    EXPECT(!http_headers_get(&once, "idempotent-replayed").data);
    EXPECT(str_is(http_headers_get(&again, "idempotent-replayed"), "true"));

    first_answer = STR("\xff");
    EXPECT(ask(call, stage->inside, "k", &again, &second).code == STATUS_DATA_LOSS);
}

TEST(the_first_answer_is_sent_again_and_marked)
{
    play(replays);
}

/* ---- caller and fingerprint ---- */

static void identifies(struct call *call, struct stage *stage)
{
    Events__ReplayDeadLettersResponse *response;
    struct http_headers metadata = {0};
    struct idempotency first;

    stage_as(call, "Ann@Example.com", "customer", "phone");
    EXPECT_OK(ask(call, stage->inside, "k", &metadata, &response));
    EXPECT(strcmp(taken.scope, "ann@example.com") == 0);
    first = taken;
    stage_as(call, "bob@example.com", "customer", "phone");
    EXPECT_OK(ask(call, stage->inside, "k", &metadata, &response));
    EXPECT(strcmp(taken.scope, "bob@example.com") == 0);
    EXPECT(memcmp(first.fingerprint, taken.fingerprint, IDEMPOTENCY_FINGERPRINT_SIZE) == 0);
}

TEST(a_key_belongs_to_its_caller_and_the_fingerprint_to_the_request)
{
    play(identifies);
}
