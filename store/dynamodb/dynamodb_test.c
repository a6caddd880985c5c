/* SPDX-License-Identifier: Apache-2.0 */
/* The driver against real servers: DynamoDB Local (ARGOSY_TEST_DYNAMODB) for what DynamoDB does,
 * and moto (ARGOSY_TEST_DYNAMODB_IAM) for what becomes of signatures. Each test has a table of its
 * own. */
#include "store/dynamodb/dynamodb.h"

#include "base/random.h"
#include "store/dynamodb/database.h"
#include "store/dynamodb/dynamodb_fate.h"
#include "store/dynamodb/dynamodb_testing.h"

enum { BUYERS = 64, PIECES = 20, MS = 1000 };

static char url_text[512], table_name[] = "Goods";
static const char *const tables[] = {table_name};

/* The URL with a prefix that no other test has. */
static void play_at(const char *variable, const char *options,
                    void (*fn)(struct call *call, struct scene *scene))
{
    const char *url = test_engine(variable);

    if (!url) return;
    snprintf(url_text, sizeof(url_text), "%s&timeout=20000&prefix=test-%llx.%s", url,
             (unsigned long long)random_below(UINT64_MAX), options);
    scene_run(url_text, fn);
}

static void play(void (*fn)(struct call *call, struct scene *scene))
{
    play_at("ARGOSY_TEST_DYNAMODB", "", fn);
}

static const char *table_of(struct call *call, const struct scene *scene)
{
    return dynamodb_table(call->arena, scene->db, table_name);
}

static void make_table(struct call *call, struct scene *scene)
{
    struct str request = dynamodb_json(
        call->arena,
        "{TableName: %t, BillingMode: 'PAY_PER_REQUEST',"
        " KeySchema: [{AttributeName: 'Category', KeyType: 'HASH'},"
        "             {AttributeName: 'ID', KeyType: 'RANGE'}],"
        " AttributeDefinitions: [{AttributeName: 'Category', AttributeType: 'S'},"
        "                        {AttributeName: 'ID', AttributeType: 'S'},"
        "                        {AttributeName: 'Price', AttributeType: 'N'}],"
        " GlobalSecondaryIndexes: [{IndexName: 'ByPrice', Projection: {ProjectionType: 'ALL'},"
        "   KeySchema: [{AttributeName: 'Category', KeyType: 'HASH'},"
        "               {AttributeName: 'Price', KeyType: 'RANGE'}]}]}",
        table_of(call, scene));

    dynamodb_use(scene->db, tables, 1);
    EXPECT_OK(dynamodb_make_table(call, scene->db, table_name, request));
    EXPECT_OK(dynamodb_make_table(call, scene->db, table_name, request)); /* it is there */
}

static struct str key_of(struct call *call, const char *id)
{
    return dynamodb_json(call->arena, "{Category: {S: 'garden'}, ID: %s}", id);
}

static const struct dynamodb_value *get(struct call *call, struct scene *scene, const char *id)
{
    static const struct dynamodb_value none;
    const struct dynamodb_value *answer = &none;

    EXPECT_OK(
        dynamodb_read(call, scene->db, "GetItem",
                      dynamodb_json(call->arena, "{TableName: %t, Key: %j, ConsistentRead: true}",
                                    table_of(call, scene), key_of(call, id)),
                      &answer));
    return dynamodb_member(answer, "Item");
}

static struct status put(struct call *call, struct scene *scene, struct str item)
{
    const struct dynamodb_value *answer;

    return dynamodb_write(
        call, scene->db, "PutItem",
        dynamodb_json(call->arena, "{TableName: %t, Item: %j}", table_of(call, scene), item),
        &answer);
}

/* ---- values ---- */

static void moves_values(struct call *call, struct scene *scene)
{
    const struct str colours[] = {STR("blue"), STR("red")};
    struct str list[] = {
        dynamodb_json(call->arena, "{S: 'one'}"),
        dynamodb_json(call->arena, "%m", dynamodb_json(call->arena, "{n: %n}", (int64_t)2))};

    make_table(call, scene);
    EXPECT(dynamodb_is_missing(get(call, scene, "none")));
    EXPECT_OK(
        put(call, scene,
            dynamodb_json(call->arena,
                          "{Category: %s, ID: %s, Name: %s, Price: %N, Empty: %s, Sold: %b, "
                          "Nothing: {NULL: true}, Raw: %x, List: %l, Colours: %z}",
                          "garden", "a", "Spade \"é\"\n", STR("12345678901234567890.123456789"), "",
                          1, str_sized("\0\xff", 2), dynamodb_array(call->arena, list, 2), colours,
                          (size_t)2)));
    const struct dynamodb_value *item = get(call, scene, "a");
    EXPECT(item->count == 10);
    EXPECT(str_is(dynamodb_text(item, "Name"), "Spade \"é\"\n"));
    EXPECT(str_is(dynamodb_digits(item, "Price"), "12345678901234567890.123456789"));
    EXPECT(!dynamodb_is_missing(dynamodb_member(item, "Empty")));
    EXPECT(dynamodb_flag(item, "Sold") && dynamodb_is_null(dynamodb_member(item, "Nothing")));
    EXPECT(str_equal(dynamodb_bytes(call->arena, item, "Raw"), str_sized("\0\xff", 2)));
    EXPECT(dynamodb_list(item, "List")->count == 2);
    const struct dynamodb_value *map = dynamodb_as_map(
        dynamodb_element(dynamodb_list(item, "List"), 1));
    EXPECT(dynamodb_integer(map, "n") == 2);
    EXPECT(dynamodb_set(item, "Colours")->count == 2);
}

TEST(values_of_every_kind_come_back)
{
    play(moves_values);
}

static void queries(struct call *call, struct scene *scene)
{
    const struct dynamodb_value *answer;
    struct str start = {0};
    int count = 0;

    make_table(call, scene);
    for (int i = 0; i < 10; i++)
        EXPECT_OK(put(call, scene,
                      dynamodb_json(call->arena, "{Category: {S: 'garden'}, ID: %s, Price: %n}",
                                    arena_printf(call->arena, "%d", i), (int64_t)(100 - i))));
    for (int pages = 0; pages < 10; pages++) {
        EXPECT_OK(dynamodb_read(
            call, scene->db, "Query",
            dynamodb_json(call->arena,
                          "{TableName: %t, IndexName: 'ByPrice', Limit: %i, "
                          "KeyConditionExpression: 'Category = :c AND Price > :p', "
                          "ExpressionAttributeValues: {:c: %s, :p: %n}, "
                          "ExclusiveStartKey: %j}",
                          table_of(call, scene), (int64_t)3, "garden", (int64_t)93, start),
            &answer));
        count += (int)dynamodb_member(answer, "Items")->count;
        start = dynamodb_member(answer, "LastEvaluatedKey")->json;
        if (!start.data) break;
    }
    EXPECT(count == 7 && start.data == NULL);
}

TEST(a_query_goes_on_with_the_key_that_it_was_given)
{
    play(queries);
}

/* ---- conditions ---- */

static struct status buy(struct call *call, struct scene *scene, const char *id,
                         const struct dynamodb_value **ret_answer)
{
    return dynamodb_write(
        call, scene->db, "UpdateItem",
        dynamodb_json(call->arena,
                      "{TableName: %t, Key: %j, UpdateExpression: 'SET Stock = Stock - :one', "
                      "ConditionExpression: 'Stock >= :one', "
                      "ExpressionAttributeValues: {:one: %n}, "
                      "ReturnValuesOnConditionCheckFailure: 'ALL_OLD'}",
                      table_of(call, scene), key_of(call, id), (int64_t)1),
        ret_answer);
}

static struct str with_stock(struct call *call, const char *id, int64_t stock)
{
    return dynamodb_json(call->arena, "{Category: {S: 'garden'}, ID: %s, Stock: %n}", id, stock);
}

static void conditions(struct call *call, struct scene *scene)
{
    const struct dynamodb_value *answer, *item;

    make_table(call, scene);
    EXPECT_OK(put(call, scene, with_stock(call, "a", 1)));
    EXPECT_OK(buy(call, scene, "a", &answer));
    EXPECT_REFUSED(buy(call, scene, "a", &answer), ABORTED, REASON_UNSPECIFIED);
    EXPECT(dynamodb_refused(answer, 0, &item) && dynamodb_integer(item, "Stock") == 0);
    EXPECT(!dynamodb_is_missing(dynamodb_member(item, "Stock")));
    EXPECT(!dynamodb_refused(answer, 1, &item));
    EXPECT_REFUSED(buy(call, scene, "none", &answer), ABORTED, REASON_UNSPECIFIED);
    EXPECT(dynamodb_refused(answer, 0, &item) && dynamodb_is_missing(item));
}

TEST(a_condition_that_is_not_met_is_aborted_with_the_old_item)
{
    play(conditions);
}

static struct str action(struct call *call, struct scene *scene, const char *id)
{
    return dynamodb_json(
        call->arena,
        "{Update: {TableName: %t, Key: %j, "
        "UpdateExpression: 'SET Stock = Stock - :one', "
        "ConditionExpression: 'Stock >= :one', ExpressionAttributeValues: {:one: %n}, "
        "ReturnValuesOnConditionCheckFailure: 'ALL_OLD'}}",
        table_of(call, scene), key_of(call, id), (int64_t)1);
}

static struct status buy_both(struct call *call, struct scene *scene, const char *first,
                              const char *second, const struct dynamodb_value **ret_answer)
{
    const struct str actions[] = {action(call, scene, first), action(call, scene, second)};

    return dynamodb_write(
        call, scene->db, "TransactWriteItems",
        dynamodb_json(call->arena, "{TransactItems: %j}", dynamodb_array(call->arena, actions, 2)),
        ret_answer);
}

static void transactions(struct call *call, struct scene *scene)
{
    const struct dynamodb_value *answer, *item;

    make_table(call, scene);
    EXPECT_OK(put(call, scene, with_stock(call, "a", 2)));
    EXPECT_OK(put(call, scene, with_stock(call, "b", 1)));
    EXPECT_OK(buy_both(call, scene, "a", "b", &answer));
    EXPECT_REFUSED(buy_both(call, scene, "a", "b", &answer), ABORTED, REASON_UNSPECIFIED);
    EXPECT(!dynamodb_refused(answer, 0, &item) && dynamodb_is_missing(item));
    EXPECT(dynamodb_refused(answer, 1, &item) && str_is(dynamodb_digits(item, "Stock"), "0"));
    EXPECT(!dynamodb_refused(answer, 2, &item));
    EXPECT(dynamodb_integer(get(call, scene, "a"), "Stock") == 1); /* nothing of it was done */
}

TEST(a_cancelled_transaction_says_which_condition_was_not_met)
{
    play(transactions);
}

/* ---- races ---- */

struct race {
    struct scene *scene;
    _Atomic int running, bought, refused, other;
    bool together; /* by transactions over two items */
    struct fiber_wait wait;
};

static void on_last(struct shard *shard, void *data)
{
    fiber_wake(shard, &((struct race *)data)->wait);
}

static void buyer(struct call *call, void *data)
{
    struct race *race = data;
    const struct dynamodb_value *answer;

    call_limit(call, SCENE_TIMEOUT_MS);
    struct status st = race->together ? buy_both(call, race->scene, "a", "b", &answer)
                                      : buy(call, race->scene, "a", &answer);
    if (!failed(st))
        race->bought++;
    else if (st.code == STATUS_ABORTED)
        race->refused++;
    else
        race->other++;
    if (failed(st) && st.code != STATUS_ABORTED) printf("  %s\n", st.message);
    if (--race->running == 0) shard_post(shards_at(race->scene->shards, 0), on_last, race);
}

static void run_race(struct call *call, struct scene *scene, bool together)
{
    struct race race = {.scene = scene, .running = BUYERS, .together = together};

    make_table(call, scene);
    EXPECT_OK(put(call, scene, with_stock(call, "a", PIECES)));
    EXPECT_OK(put(call, scene, with_stock(call, "b", BUYERS)));
    for (int i = 0; i < BUYERS; i++)
        fiber_post(shards_at(scene->shards, i % SCENE_SHARDS), buyer, NULL, &race);
    while (race.running > 0) fiber_suspend_uncancellable(call, &race.wait);
    EXPECT(race.bought == PIECES && race.refused == BUYERS - PIECES && race.other == 0);
    EXPECT(dynamodb_integer(get(call, scene, "a"), "Stock") == 0);
    EXPECT(dynamodb_integer(get(call, scene, "b"), "Stock") ==
           (together ? BUYERS - PIECES : BUYERS));
}

static void races(struct call *call, struct scene *scene)
{
    run_race(call, scene, false);
}

TEST(as_many_buyers_as_there_are_pieces_succeed)
{
    play(races);
}

static void transaction_races(struct call *call, struct scene *scene)
{
    run_race(call, scene, true);
}

TEST(transactions_in_conflict_all_come_to_an_end)
{
    play(transaction_races);
}

/* ---- what is refused ---- */

static void refusals(struct call *call, struct scene *scene)
{
    const struct dynamodb_value *answer;
    char *large = arena_alloc(call->arena, 500000);

    struct status st = put(call, scene, with_stock(call, "a", 1));
    EXPECT_REFUSED(st, FAILED_PRECONDITION, STORE_NOT_PREPARED);
    EXPECT(strstr(st.message, table_of(call, scene)) != NULL);
    make_table(call, scene);
    memset(large, 'x', 500000);
    EXPECT_REFUSED(
        put(call, scene,
            dynamodb_json(call->arena, "{Category: {S: 'garden'}, ID: {S: 'l'}, Text: %S}",
                          str_sized(large, 500000))),
        RESOURCE_EXHAUSTED, STORE_FULL);
    EXPECT_REFUSED(dynamodb_read(call, scene->db, "GetItem",
                                 dynamodb_json(call->arena, "{TableName: %t, Key: {X: %s}}",
                                               table_of(call, scene), "y"),
                                 &answer),
                   INTERNAL, REASON_UNSPECIFIED);
    EXPECT_REFUSED(dynamodb_read(call, scene->db, "Nonsense", STR("{}"), &answer), UNIMPLEMENTED,
                   REASON_UNSPECIFIED);
}

TEST(what_the_server_refuses_is_translated)
{
    play(refusals);
}

static void hurries(struct call *call, struct scene *scene)
{
    struct call hurried;

    make_table(call, scene);
    call_init_child(&hurried, call, 1);
    while (!failed(call_check(&hurried))) EXPECT_OK(fiber_sleep(call, MS));
    EXPECT(put(&hurried, scene, with_stock(call, "a", 1)).code == STATUS_DEADLINE_EXCEEDED);
    call_init_child(&hurried, call, 0);
    call_cancel(&hurried);
    EXPECT(put(&hurried, scene, with_stock(call, "a", 1)).code == STATUS_CANCELLED);
    EXPECT_OK(put(call, scene, with_stock(call, "a", 1)));
}

TEST(a_call_that_has_ended_sends_nothing)
{
    play(hurries);
}

/* ---- fates and metrics ---- */

static void fates(struct call *call, struct scene *scene)
{
    make_table(call, scene);
    dynamodb_set_fate(DYNAMODB_FATE_MADE, 2);
    EXPECT_OK(put(call, scene, with_stock(call, "a", 1)));
    EXPECT_REFUSED(put(call, scene, with_stock(call, "a", 2)), UNAVAILABLE, STORE_OUTCOME_UNKNOWN);
    EXPECT(dynamodb_integer(get(call, scene, "a"), "Stock") == 2);
    dynamodb_set_fate(DYNAMODB_FATE_UNMADE, 1);
    EXPECT_REFUSED(put(call, scene, with_stock(call, "a", 3)), UNAVAILABLE, STORE_OUTCOME_UNKNOWN);
    EXPECT(dynamodb_integer(get(call, scene, "a"), "Stock") == 2);
    EXPECT_OK(put(call, scene, with_stock(call, "a", 4)));
}

TEST(answers_can_be_lost_on_purpose)
{
    play(fates);
}

static void counts_capacity(struct call *call, struct scene *scene)
{
    struct buffer text;

    make_table(call, scene);
    for (int i = 0; i < 4; i++) EXPECT_OK(put(call, scene, with_stock(call, "a", 1)));
    get(call, scene, "a");
    get(call, scene, "a");
    buffer_init(&text, 1 << 20);
    metrics_export(&text);
    buffer_append_byte(&text, 0);
    const char *name = table_of(call, scene);
    EXPECT(strstr(text.data,
                  arena_printf(call->arena,
                               "argosy_store_capacity_units_total{store=\"test\",table=\"%s\","
                               "kind=\"write\"} 4",
                               name)) != NULL);
    EXPECT(strstr(text.data,
                  arena_printf(call->arena,
                               "argosy_store_capacity_units_total{store=\"test\",table=\"%s\","
                               "kind=\"read\"} 2",
                               name)) != NULL);
    buffer_release(&text);
}

TEST(consumed_capacity_is_counted)
{
    play(counts_capacity);
}

/* ---- opening ---- */

static bool says(const struct store_findings *findings, size_t at, const char *text)
{
    return at < findings->count && strstr(findings->items[at].text, text) != NULL;
}

static void opens(struct call *call, struct scene *scene)
{
    struct store_findings findings = {.arena = call->arena};

    EXPECT_OK(dynamodb_open(call, scene->db));
    dynamodb_use(scene->db, tables, 1);
    EXPECT_OK(dynamodb_open(call, scene->db));
    EXPECT_OK(dynamodb_check(call, scene->db, &findings));
    EXPECT(findings.count == 2 && says(&findings, 1, "is not there"));
    make_table(call, scene);
    findings.count = 0;
    EXPECT_OK(dynamodb_check(call, scene->db, &findings));
    EXPECT(says(&findings, 0, "not AWS's own") && says(&findings, 1, "ACTIVE, on demand"));
    EXPECT(says(&findings, 2, "deletion protection is off") && findings.items[2].is_warning);
}

TEST(opening_looks_at_the_tables)
{
    play(opens);
}

/* ---- signatures ---- */

static void is_signed(struct call *call, struct scene *scene)
{
    struct store_findings findings = {.arena = call->arena};

    make_table(call, scene);
    EXPECT_OK(put(call, scene, with_stock(call, "a", 1)));
    EXPECT(dynamodb_integer(get(call, scene, "a"), "Stock") == 1);
    EXPECT_OK(dynamodb_check(call, scene->db, &findings));
    EXPECT(findings.count == 4 && says(&findings, 3, "point-in-time recovery is off"));
}

TEST(a_right_signature_is_accepted)
{
    play_at("ARGOSY_TEST_DYNAMODB_IAM", "", is_signed);
}

static void is_refused(struct call *call, struct scene *scene)
{
    EXPECT_REFUSED(put(call, scene, with_stock(call, "a", 1)), UNAVAILABLE, STORE_REFUSED);
    struct status st = dynamodb_open(call, scene->db);
    EXPECT_REFUSED(st, UNAVAILABLE, STORE_REFUSED);
    EXPECT(strstr(st.message, "which come from the environment") != NULL);
    EXPECT(strstr(st.message, getenv("AWS_SECRET_ACCESS_KEY")) == NULL);
}

static void play_with_keys(const char *id, const char *secret)
{
    const char *right_id = getenv("AWS_ACCESS_KEY_ID"), *right = getenv("AWS_SECRET_ACCESS_KEY");
    char kept_id[256], kept[256];

    snprintf(kept_id, sizeof(kept_id), "%s", right_id ? right_id : "");
    snprintf(kept, sizeof(kept), "%s", right ? right : "");
    setenv("AWS_ACCESS_KEY_ID", id ? id : kept_id, 1);
    setenv("AWS_SECRET_ACCESS_KEY", secret ? secret : kept, 1);
    play_at("ARGOSY_TEST_DYNAMODB_IAM", "", is_refused);
    setenv("AWS_ACCESS_KEY_ID", kept_id, 1);
    setenv("AWS_SECRET_ACCESS_KEY", kept, 1);
}

TEST(a_wrong_secret_is_refused)
{
    play_with_keys(NULL, "0123456789abcdef0123456789abcdef01234567");
}

TEST(an_unknown_key_is_refused)
{
    play_with_keys("NOBODYSKEY0000000000", NULL);
}
