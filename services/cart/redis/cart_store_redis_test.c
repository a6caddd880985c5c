/* SPDX-License-Identifier: Apache-2.0 */
/* What only the cart's store on Redis does: it shares its carts with the existing system, and finds
 * out what has become of a change whose answer was lost. The rest is in cart_store_test.c. */
#include "services/cart/cart_testing.h"
#include "services/cart/redis/cart_store_redis_testing.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/redis/redis_fate.h"

STORE_SUITE(cart, {"redis", open_redis, "ARGOSY_TEST_REDIS", connect_redis, drop_redis});

/* As the existing system writes it. */
static const char existing[] =
    "{\"email\":\"Ann@X.com\",\"items\":[{\"product_id\":\"p\",\"category\":\"mugs\","
    "\"product_name\":\"Mug\",\"price\":12.5,\"quantity\":2,\"image_url\":\"\",\"subtotal\":25}],"
    "\"total_items\":2,\"subtotal\":25,\"created_at\":\"0001-01-01T00:00:00Z\","
    "\"updated_at\":\"2026-10-04T10:00:00.123456789Z\"}";

static struct status add(struct call *call, const char *email, const char *product_id,
                         struct cart *ret_cart)
{
    return cart_test_store_one(call, store, email, product_id, ret_cart);
}

static struct str key_of(struct call *call, const char *email)
{
    return str_of(arena_printf(call->arena, "%scart:%s", redis_prefix(beside), email));
}

static struct str stored(struct call *call, const char *email)
{
    const struct redis_reply *reply = 0;

    EXPECT_OK(redis_read(call, beside, REDIS_WORDS(STR("GET"), key_of(call, email)), &reply));
    return reply && reply->kind == REDIS_TEXT ? reply->text : STR("");
}

static void write_existing(struct call *call, const char *email, const char *text)
{
    const struct redis_reply *reply;

    EXPECT_OK(redis_write(
        call, beside,
        REDIS_WORDS(STR("SET"), key_of(call, email), str_of(text), STR("EX"), STR("604800")),
        &reply));
}

static int64_t ttl_s(struct call *call, const char *email)
{
    const struct redis_reply *reply = 0;

    EXPECT_OK(redis_read(call, beside, REDIS_WORDS(STR("TTL"), key_of(call, email)), &reply));
    return reply ? reply->integer : -3;
}

/* ---- repeated requests ---- */

static struct str answer_made(const struct call *call, const struct cart *cart)
{
    return STR("made");
}

static struct status add_once(struct call *call, const char *key, struct str *ret_replayed)
{
    static char product_id[] = "p";
    struct change_request request = {
        .idempotency = {.scope = "ann@x.com", .key = key, .keys_max = 2}};
    const struct cart_change change = {
        cart_test_add_one, product_id, {.request = &request}, answer_made};
    struct cart cart;

    struct status st = store->update(call, store, "ann@x.com", &change, &cart);
    *ret_replayed = request.replayed;
    return st;
}

static void limits_keys(struct call *call, struct stage *stage)
{
    const int64_t day_s = IDEMPOTENCY_KEPT_US / 1000000;
    struct str replayed;
    struct cart cart;

    EXPECT_OK(add_once(call, "first", &replayed));
    EXPECT_OK(add_once(call, "second", &replayed));
    EXPECT_REFUSED(add_once(call, "third", &replayed), RESOURCE_EXHAUSTED, IDEMPOTENCY_KEYS_FULL);
    EXPECT_OK(store->load(call, store, "ann@x.com", &cart));
    EXPECT(cart.version == 2 && cart.lines[0].quantity == 2);
    EXPECT_OK(add_once(call, "first", &replayed));
    EXPECT(str_is(replayed, "made"));
    EXPECT_OK(add(call, "ann@x.com", "p", &cart)); /* without a key */
    stage_pass_s(day_s + 1);
    EXPECT_OK(fiber_sleep(call, 1000)); /* the shard reads its clock anew */
    pass_on_redis(call, day_s + 1);
    EXPECT_OK(add_once(call, "third", &replayed));
    EXPECT_OK(add_once(call, "first", &replayed));
    EXPECT(!replayed.data);
}

TEST(a_caller_has_no_more_keys_than_are_allowed_within_a_day)
{
    for_each_adapter(limits_keys);
}

/* ---- replicas ---- */

/* A Redis server that follows the test's, and listens on a socket in `dir` alone; 0: it can't be
 * started. */
static pid_t start_replica(const struct call *call, const char *dir)
{
    const char *url = getenv("ARGOSY_TEST_REDIS"), *at = strchr(url, '@');
    const char *password = strchr(url, ':') + strlen("://:");
    int port_at = (int)strcspn(at, ":");
    const char *words[] = {
        "redis-server",
        "--port",
        "0",
        "--unixsocket",
        arena_printf(call->arena, "%s/socket", dir),
        "--dir",
        dir,
        "--logfile",
        "log",
        "--save",
        "",
        "--masterauth",
        arena_printf(call->arena, "%.*s", (int)(at - password), password),
        "--replicaof",
        arena_printf(call->arena, "%.*s", port_at - 1, at + 1),
        at + port_at + 1,
        0,
    };
    pid_t pid;

    return posix_spawnp(&pid, words[0], 0, 0, (char *const *)words, environ) == 0 ? pid : 0;
}

static void stop_replica(const struct call *call, const char *dir, pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, 0, 0);
    unlink(arena_printf(call->arena, "%s/socket", dir));
    unlink(arena_printf(call->arena, "%s/log", dir));
    unlink(arena_printf(call->arena, "%s/dump.rdb", dir));
    rmdir(dir);
}

/* Asks before the change, as the handlers do. */
static struct status replay_once(struct call *call, const char *key, struct str *ret_replayed)
{
    struct change_request request = {.idempotency = {.scope = "ann@x.com", .key = key}};

    struct status st = store->replay(call, store, &request);
    *ret_replayed = request.replayed;
    return st;
}

enum { REPLICA_TRIES = 1000, REPLICA_PAUSE_US = 50000 };

/* Asks until the replica has confirmed in time, which takes a busy machine a while. */
static struct status ask_until_confirmed(struct call *call,
                                         struct status ask(struct call *call, const char *key,
                                                           struct str *ret_replayed),
                                         struct str *ret_replayed)
{
    struct status st = ask(call, "key", ret_replayed);

    for (int i = 0; i < REPLICA_TRIES && st.reason == ARGOSY__REASON__STORE_OUTCOME_UNKNOWN; i++) {
        EXPECT_OK(fiber_sleep(call, REPLICA_PAUSE_US));
        st = ask(call, "key", ret_replayed);
    }
    return st;
}

static void acknowledges_confirmed(struct call *call, struct stage *stage)
{
    char dir[] = "/tmp/argosy-replica.XXXXXX";
    struct str replayed;
    struct cart cart;
    pid_t replica;

    EXPECT_REFUSED(add_once(call, "key", &replayed), UNAVAILABLE, STORE_OUTCOME_UNKNOWN);
    EXPECT_REFUSED(add_once(call, "key", &replayed), UNAVAILABLE, STORE_OUTCOME_UNKNOWN);
    EXPECT_REFUSED(replay_once(call, "key", &replayed), UNAVAILABLE, STORE_OUTCOME_UNKNOWN);
    invariant(mkdtemp(dir));
    replica = start_replica(call, dir);
    invariant(replica);
    EXPECT_OK(ask_until_confirmed(call, replay_once, &replayed));
    EXPECT(str_is(replayed, "made"));
    EXPECT_OK(ask_until_confirmed(call, add_once, &replayed));
    EXPECT(str_is(replayed, "made"));
    EXPECT_OK(store->load(call, store, "ann@x.com", &cart));
    EXPECT(cart.version == 1 && cart.lines[0].quantity == 1);
    stop_replica(call, dir, replica);
}

TEST(a_repeated_request_is_answered_only_when_replicas_have_confirmed_the_change)
{
    more_options = "&wait=1&timeout=1000";
    for_each_adapter(acknowledges_confirmed);
    more_options = "";
}

/* ---- the existing system ---- */

static void takes_over(struct call *call, struct stage *stage)
{
    struct cart cart;

    write_existing(call, "Ann@X.com", existing);
    EXPECT_OK(store->load(call, store, "Ann@X.com", &cart));
    EXPECT(cart.line_count == 1 && cart.lines[0].unit_amount == 1250);
    EXPECT(strcmp(cart.lines[0].currency, "USD") == 0);
    EXPECT(cart.lines[0].quantity == 2 && strcmp(cart.lines[0].variant_id, "p") == 0);

    EXPECT_OK(add(call, "Ann@X.com", "p", &cart));
    EXPECT(cart.line_count == 1 && cart.lines[0].quantity == 3);
    EXPECT(stored(call, "Ann@X.com").length == 0);
    EXPECT(ttl_s(call, "ann@x.com") > REDIS_TTL_S - 60 && ttl_s(call, "ann@x.com") <= REDIS_TTL_S);
    EXPECT_OK(store->load(call, store, "ann@x.com", &cart));
    EXPECT(cart.lines[0].quantity == 3);
}

TEST(a_cart_of_the_existing_system_is_taken_over)
{
    for_each_adapter(takes_over);
}

static void writes_for_others(struct call *call, struct stage *stage)
{
    static const char start[] =
        "{\"email\":\"ann@x.com\",\"items\":[{\"product_id\":\"p\",\"category\":\"mugs\","
        "\"product_name\":\"Mug\",\"price\":12.5,\"quantity\":1,\"image_url\":\"\","
        "\"subtotal\":12.5,\"variant_id\":\"p\",";
    static const char middle[] = "}],\"total_items\":1,\"subtotal\":12.5,\"created_at\":\"20";
    struct cart cart;

    EXPECT_OK(add(call, "ann@x.com", "p", &cart));
    struct str text = stored(call, "ann@x.com");
    EXPECT(str_starts_with(text, STR(start)));
    EXPECT(strstr(text.data, middle) != 0);
    if (!strstr(text.data, middle)) printf("  %s\n", text.data);
}

TEST(the_stored_cart_has_the_members_of_the_existing_system)
{
    for_each_adapter(writes_for_others);
}

/* A writer that knows no versions writes between our reading and our writing. */
static const char *written_between;

static void write_between(const char *email)
{
    const char *url = getenv("ARGOSY_TEST_REDIS");
    const char *at = strchr(url, '@');
    char host[64];

    snprintf(host, sizeof(host), "%.*s", (int)strcspn(at + 1, ":"), at + 1);
    redisContext *context = redisConnect(host, (int)strtol(strrchr(url, ':') + 1, 0, 10));
    freeReplyObject(redisCommand(context, "AUTH %b", strchr(url + 8, ':') + 1,
                                 (size_t)(at - strchr(url + 8, ':') - 1)));
    redisReply *reply = redisCommand(context, "SET %scart:%s %s EX 604800", redis_prefix(beside),
                                     email, written_between);
    EXPECT(reply && reply->type == REDIS_REPLY_STATUS);
    freeReplyObject(reply);
    redisFree(context);
}

static struct status add_while_others_write(const struct call *call, struct cart *cart, void *data)
{
    if (written_between) write_between("ann@x.com");
    written_between = 0;
    return cart_test_add_one(call, cart, data);
}

static void notices(struct call *call, struct stage *stage)
{
    const struct cart_change change = {add_while_others_write, (void *)(uintptr_t) "q"};
    struct cart cart;

    EXPECT_OK(add(call, "ann@x.com", "p", &cart));
    int64_t version = cart.version;
    written_between = existing;
    EXPECT_OK(store->update(call, store, "ann@x.com", &change, &cart));
    EXPECT(cart.line_count == 2 && cart.lines[0].quantity == 2 && cart.version > version);
    written_between = existing; /* creates a cart where there was none */
    EXPECT_OK(drop_redis(call, store));
    EXPECT_OK(store->update(call, store, "ann@x.com", &change, &cart));
    EXPECT(cart.line_count == 2 && cart.lines[0].quantity == 2);
    EXPECT_OK(store->load(call, store, "ann@x.com", &cart));
    EXPECT(cart.line_count == 2);
}

TEST(a_writer_that_knows_no_versions_is_noticed)
{
    for_each_adapter(notices);
}

/* ---- what a shard remembers ---- */

static struct status remove_mug(const struct call *call, struct cart *cart, void *data)
{
    return cart_remove(call->arena, cart, data, "");
}

static void believes_no_guess(struct call *call, struct stage *stage)
{
    const struct cart_change removal = {remove_mug, (void *)(uintptr_t) "p"};
    struct cart cart;

    EXPECT_OK(add(call, "ann@x.com", "q", &cart));
    write_existing(call, "ann@x.com", existing); /* with `p` alone */
    EXPECT_OK(store->update(call, store, "ann@x.com", &removal, &cart));
    EXPECT(cart.line_count == 0);
    EXPECT_OK(add(call, "ann@x.com", "p", &cart));
    EXPECT_OK(drop_redis(call, store));
    EXPECT_REFUSED(store->update(call, store, "ann@x.com", &removal, &cart), NOT_FOUND,
                   CART_LINE_NOT_FOUND);
    EXPECT(stored(call, "ann@x.com").length == 0);
}

TEST(a_change_is_not_decided_by_what_the_shard_remembers)
{
    for_each_adapter(believes_no_guess);
}

static void takes_over_later(struct call *call, struct stage *stage)
{
    struct cart cart;

    EXPECT_OK(add(call, "Ann@X.com", "p", &cart));
    EXPECT_OK(drop_redis(call, store));
    write_existing(call, "Ann@X.com", existing);
    EXPECT_OK(add(call, "Ann@X.com", "p", &cart));
    EXPECT(cart.line_count == 1 && cart.lines[0].quantity == 3);
}

TEST(a_cart_of_the_existing_system_is_taken_over_after_our_own_has_expired)
{
    for_each_adapter(takes_over_later);
}

static void refuses_damaged(struct call *call, struct stage *stage)
{
    struct cart cart;

    write_existing(call, "ann@x.com", "{\"items\":7}");
    EXPECT_REFUSED(store->load(call, store, "ann@x.com", &cart), DATA_LOSS, STORE_DAMAGED);
    EXPECT_REFUSED(add(call, "ann@x.com", "p", &cart), DATA_LOSS, STORE_DAMAGED);
    EXPECT(str_is(stored(call, "ann@x.com"), "{\"items\":7}"));
}

TEST(a_cart_that_cannot_be_read_is_not_overwritten)
{
    for_each_adapter(refuses_damaged);
}

/* ---- lost answers ---- */

static void resolves(struct call *call, struct stage *stage)
{
    static const enum redis_fate fates[] = {REDIS_FATE_MADE, REDIS_FATE_UNMADE};
    struct cart cart;

    EXPECT_OK(add(call, "ann@x.com", "p", &cart));
    for (int i = 0; i < 10; i++) {
        redis_set_fate(fates[i % 2], 1);
        EXPECT_OK(add(call, "ann@x.com", "p", &cart));
        EXPECT(cart.lines[0].quantity == i + 2 && cart.version == i + 2);
    }
    EXPECT_OK(store->load(call, store, "ann@x.com", &cart));
    EXPECT(cart.lines[0].quantity == 11);
}

TEST(a_change_whose_answer_was_lost_is_made_once)
{
    for_each_adapter(resolves);
}

static struct str answer_version(const struct call *call, const struct cart *cart)
{
    return str_of(arena_printf(call->arena, "version %lld", (long long)cart->version));
}

static void resolves_request(struct call *call, struct stage *stage)
{
    static const enum redis_fate fates[] = {REDIS_FATE_MADE, REDIS_FATE_UNMADE};
    struct cart cart;

    for (int i = 0; i < 2; i++) {
        struct change_request request = {
            .idempotency = {.scope = "ann@x.com", .key = i ? "one" : "two"}};
        const struct cart_change change = {.apply = cart_test_add_one,
                                           .data = (void *)(uintptr_t) "p",
                                           .cause = {.request = &request},
                                           .answer = answer_version};
        redis_set_fate(fates[i], 1);
        EXPECT_OK(store->update(call, store, "ann@x.com", &change, &cart));
        EXPECT_OK(store->update(call, store, "ann@x.com", &change, &cart));
        EXPECT(str_is(request.replayed, i ? "version 2" : "version 1"));
    }
    EXPECT_OK(store->load(call, store, "ann@x.com", &cart));
    EXPECT(cart.lines[0].quantity == 2);
}

TEST(a_request_whose_answer_was_lost_is_answered_once)
{
    for_each_adapter(resolves_request);
}

enum { RACERS = 60 };

static _Atomic int made, unknown;

static void race_with_losses(struct call *call, struct stage *stage, int number)
{
    struct cart cart;

    if (number % 3 == 0) redis_set_fate(number % 2 ? REDIS_FATE_MADE : REDIS_FATE_UNMADE, 1);
    struct status st = add(call, "ann@x.com", "p", &cart);
    if (!failed(st))
        made++;
    else if (st.reason == ARGOSY__REASON__STORE_OUTCOME_UNKNOWN)
        unknown++;
}

static void resolves_in_races(struct call *call, struct stage *stage)
{
    struct cart cart;

    made = unknown = 0;
    stage_spread(call, stage, RACERS, race_with_losses);
    redis_set_fate(REDIS_FATE_ANSWERED, 0);
    EXPECT(made + unknown == RACERS && made > RACERS / 2);
    EXPECT_OK(store->load(call, store, "ann@x.com", &cart));
    EXPECT(cart.lines[0].quantity >= made && cart.lines[0].quantity <= made + unknown);
    EXPECT(cart.version == cart.lines[0].quantity);
}

TEST(lost_answers_in_a_race_lose_and_double_nothing)
{
    for_each_adapter(resolves_in_races);
}

/* Others change the cart so often meanwhile that their marks push ours out. */
static struct status add_after_many(const struct call *call, struct cart *cart, void *data)
{
    static char text[2048];

    if (cart->version == 1) {
        snprintf(text, sizeof(text),
                 "{\"email\":\"ann@x.com\",\"items\":[],\"created_at\":\"2026-01-01T00:00:00Z\","
                 "\"updated_at\":\"2026-01-01T00:00:00Z\",\"version\":20,\"changes\":[\"a\","
                 "\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\"]}");
        written_between = text;
        write_between("ann@x.com");
        written_between = 0;
    }
    return cart_test_add_one(call, cart, data);
}

static void stays_unknown(struct call *call, struct stage *stage)
{
    const struct cart_change change = {add_after_many, (void *)(uintptr_t) "q"};
    struct cart cart;

    EXPECT_OK(add(call, "ann@x.com", "p", &cart));
    redis_set_fate(REDIS_FATE_MADE, 1);
    EXPECT_REFUSED(store->update(call, store, "ann@x.com", &change, &cart), UNAVAILABLE,
                   STORE_OUTCOME_UNKNOWN);
    EXPECT_OK(store->load(call, store, "ann@x.com", &cart));
    EXPECT(cart.version == 20);
}

TEST(a_lost_change_behind_many_others_is_not_made_again)
{
    for_each_adapter(stays_unknown);
}

/* ---- where it is kept ---- */

static void shares_slot(struct call *call, struct stage *stage)
{
    struct change_request request = {.idempotency = {.scope = "ann@x.com", .key = "a}b{c"}};
    const struct event event = {.id = "e1", .topic = "order-events", .key = "o", .type = ""};
    const struct cart_change change = {.apply = cart_test_add_one,
                                       .data = (void *)(uintptr_t) "p",
                                       .cause = {.request = &request, .event = &event},
                                       .answer = answer_version};
    const struct redis_reply *reply;
    struct cart cart;

    EXPECT_OK(store->update(call, store, "Ann@x.com", &change, &cart));
    const char *pattern = arena_printf(call->arena, "{%s*", redis_prefix(beside));
    EXPECT_OK(redis_read(call, beside, REDIS_WORDS(STR("KEYS"), str_of(pattern)), &reply));
    EXPECT(reply->count == 2);
    const char *slot = arena_printf(call->arena, "{%scart:ann@x.com}:", redis_prefix(beside));
    for (size_t i = 0; i < reply->count; i++) {
        const struct redis_reply *ttl = 0;
        EXPECT(str_starts_with(reply->items[i]->text, str_of(slot)));
        EXPECT_OK(redis_read(call, beside, REDIS_WORDS(STR("TTL"), reply->items[i]->text), &ttl));
        EXPECT(ttl && ttl->integer > 0);
    }
}

TEST(what_belongs_to_a_cart_lies_in_its_slot_and_expires)
{
    for_each_adapter(shares_slot);
}
