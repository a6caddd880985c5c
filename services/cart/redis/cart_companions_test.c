/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of one cart that wait for their turn and are written together: each is made once and gets its
 * own version and answer, whatever becomes of the one that takes them along. */
#include "services/cart/cart_testing.h"
#include "services/cart/redis/cart_store_redis_testing.h"

#include <hiredis/hiredis.h>

#include "store/redis/redis_fate.h"

STORE_SUITE(cart, {"redis", open_redis, "ARGOSY_TEST_REDIS", connect_redis, drop_redis});

enum { CROWD = 12, PIECES_MAX = 7, PAUSE_MS = 300, HURRY_MS = 60 };
#define LAST_NAME "Mug 11"

static struct {
    struct shard *shard;
    struct fiber_wait wait;
    int begun, ended, made, refused, given_up;
    int leaver; /* whose caller gives up while the server does not answer; -1: nobody's */
    bool paused;
    int pieces_max;
    int64_t versions; /* the sum of those that were answered */
    bool own_lines;   /* each answer has the caller's line */
} crowd;

/* By a connection of its own, because a change does not suspend. */
static void pause_server(void)
{
    const char *url = getenv("ARGOSY_TEST_REDIS"), *at = strchr(url, '@');
    const char *password = strchr(url, ':') + strlen("://:");
    char host[64];

    crowd.paused = true;
    snprintf(host, sizeof(host), "%.*s", (int)strcspn(at + 1, ":"), at + 1);
    redisContext *context = redisConnect(host, (int)strtol(strrchr(url, ':') + 1, 0, 10));
    freeReplyObject(redisCommand(context, "AUTH %b", password, (size_t)(at - password)));
    redisReply *reply = redisCommand(context, "CLIENT PAUSE %d ALL", PAUSE_MS);
    EXPECT(reply && reply->type == REDIS_REPLY_STATUS);
    freeReplyObject(reply);
    redisFree(context);
}

/* The server is paused when the last one is decided on, so that its write is not answered. */
static struct status add_limited(const struct call *call, struct cart *cart, void *data)
{
    const struct cart_limits limits = {.lines_max = 100, .quantity_max = crowd.pieces_max};
    const struct cart_line line = {.product_id = "p",
                                   .variant_id = "p",
                                   .category = "mugs",
                                   .product_name = data,
                                   .options = "",
                                   .image_url = "",
                                   .currency = "USD",
                                   .unit_amount = 1250,
                                   .quantity = 1};

    if (crowd.leaver >= 0 && !crowd.paused && strcmp(data, LAST_NAME) == 0) pause_server();
    return cart_add(call->arena, cart, &line, &limits);
}

static void count_answer(struct status st, const struct cart *cart, const char *name)
{
    if (st.reason == ARGOSY__REASON__CART_QUANTITY_MAX) crowd.refused++;
    if (st.code == STATUS_DEADLINE_EXCEEDED) crowd.given_up++;
    if (failed(st)) return;
    crowd.made++;
    crowd.versions += cart->version;
    if (cart->line_count != 1 || strcmp(cart->lines[0].product_name, name) != 0)
        crowd.own_lines = false;
}

static void join(struct call *call, void *data)
{
    int number = (int)(intptr_t)data;
    char *name = arena_strdup(call->arena, arena_printf(call->arena, "Mug %d", number));
    const struct cart_change change = {add_limited, name};
    struct cart cart;

    if (number == crowd.leaver) call_limit(call, HURRY_MS);
    count_answer(store->update(call, store, "ann@x.com", &change, &cart), &cart, name);
    if (++crowd.ended == CROWD) fiber_wake(call->shard, &crowd.wait);
}

/* All on one shard, so that they wait for each other. */
static void gather(struct call *call, int leaver, int pieces_max)
{
    memset(&crowd, 0, sizeof(crowd));
    crowd.leaver = leaver;
    crowd.pieces_max = pieces_max;
    crowd.own_lines = true;
    for (intptr_t i = 0; i < CROWD; i++) fiber_post(call->shard, join, NULL, (void *)i);
    while (crowd.ended < CROWD) fiber_suspend_uncancellable(call, &crowd.wait);
}

static struct cart stored_cart(struct call *call)
{
    struct cart cart = {0};

    EXPECT_OK(store->load(call, store, "ann@x.com", &cart));
    return cart;
}

static void makes_each(struct call *call, struct stage *stage)
{
    const struct redis_reply *reply;

    gather(call, -1, 1000);
    struct cart cart = stored_cart(call);
    EXPECT(crowd.made == CROWD && crowd.own_lines);
    EXPECT(cart.version == CROWD && cart.owner_version == CROWD);
    EXPECT(cart.lines[0].quantity == CROWD && cart.lines[0].since == 1);
    EXPECT(crowd.versions == CROWD * (CROWD + 1) / 2);
    /* Those that waited behind the first one were written by one script, with one mark: alone each
     * would have had one. */
    struct str key = str_of(arena_printf(call->arena, "%scart:ann@x.com", redis_prefix(beside)));
    EXPECT_OK(redis_read(call, beside, REDIS_WORDS(STR("GET"), key), &reply));
    struct cart_marks marks;
    EXPECT_OK(cart_decode_shared(call->arena, reply->text, &cart, &marks));
    EXPECT(marks.count < CART_MARKS_MAX);
}

TEST(changes_that_wait_together_are_each_made_and_answered)
{
    for_each_adapter(makes_each);
}

static void refuses_beyond(struct call *call, struct stage *stage)
{
    gather(call, -1, PIECES_MAX);
    EXPECT(crowd.made == PIECES_MAX && crowd.refused == CROWD - PIECES_MAX);
    EXPECT(stored_cart(call).lines[0].quantity == PIECES_MAX);
    EXPECT(stored_cart(call).version == PIECES_MAX);
}

TEST(of_changes_that_wait_together_those_beyond_a_limit_are_refused)
{
    for_each_adapter(refuses_beyond);
}

/* The first one takes the others along. If it is the one that gives up, they find out by themselves
 * what has become of the script. */
static void outlives(struct call *call, struct stage *stage)
{
    static const int leavers[] = {0, 1, CROWD / 2, CROWD - 1};

    for (int i = 0; i < 4; i++) {
        EXPECT_OK(drop_redis(call, store));
        gather(call, leavers[i], 1000);
        EXPECT(crowd.paused);
        EXPECT(crowd.given_up <= 1 && crowd.made + crowd.given_up == CROWD);
        int quantity = stored_cart(call).lines[0].quantity;
        EXPECT(quantity == crowd.made || quantity == crowd.made + crowd.given_up);
        EXPECT(stored_cart(call).version == quantity);
    }
}

TEST(a_caller_that_gives_up_takes_nobody_with_it)
{
    for_each_adapter(outlives);
}

static void loses(struct call *call, struct stage *stage)
{
    static const enum redis_fate fates[] = {REDIS_FATE_MADE, REDIS_FATE_UNMADE};

    for (int i = 0; i < 4; i++) {
        EXPECT_OK(drop_redis(call, store));
        redis_set_fate(fates[i % 2], 1 + i / 2);
        gather(call, -1, 1000);
        redis_set_fate(REDIS_FATE_ANSWERED, 0);
        EXPECT(crowd.made == CROWD);
        EXPECT(stored_cart(call).lines[0].quantity == CROWD);
        EXPECT(stored_cart(call).version == CROWD);
    }
}

TEST(changes_whose_common_answer_was_lost_are_each_made_once)
{
    for_each_adapter(loses);
}
