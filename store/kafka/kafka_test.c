/* SPDX-License-Identifier: Apache-2.0 */
/* The driver against a real broker (ARGOSY_TEST_KAFKA): producing, offsets, topics, what is refused,
 * an absent cluster, and TLS. Each test has topics of its own. */
#include "store/kafka/kafka_fate.h"
#include "store/kafka/kafka_testing.h"

static void play(void (*fn)(struct call *call, struct scene *scene))
{
    const char *url = test_engine("ARGOSY_TEST_KAFKA");

    if (url) scene_run(url, fn);
}

static struct kafka_record record_of(int32_t partition, const char *value)
{
    return (struct kafka_record){.topic = "t", .partition = partition, .value = str_of(value)};
}

/* ---- producing ---- */

static void produces(struct call *call, struct scene *scene)
{
    struct kafka_record records[300];
    struct kafka_receipt receipts[300];
    int64_t low, high;

    EXPECT_OK(kafka_open(call, scene->kafka));
    scene_make_topic(call, scene, "t", 3);
    for (int i = 0; i < 300; i++) records[i] = record_of(i % 3, "v");
    EXPECT_OK(kafka_produce(call, scene->kafka, records, 300, receipts));
    for (int i = 0; i < 300; i++) EXPECT(receipts[i].offset == i / 3);
    for (int i = 0; i < 3; i++) {
        EXPECT_OK(kafka_watermarks(call, scene->kafka, "t", i, &low, &high));
        EXPECT(low == 0 && high == 100);
    }
    EXPECT_OK(kafka_produce(call, scene->kafka, records, 0, 0));
}

TEST(each_record_gets_the_next_offset_of_its_partition)
{
    play(produces);
}

static void refuses(struct call *call, struct scene *scene)
{
    char *large = arena_alloc(call->arena, KAFKA_RECORD_SIZE_MAX);
    struct kafka_record records[2] = {record_of(0, "v"), record_of(0, "w")};
    struct kafka_receipt receipts[2];

    EXPECT_REFUSED(kafka_produce(call, scene->kafka, records, 1, receipts), NOT_FOUND,
                   TOPIC_NOT_FOUND);
    EXPECT(receipts[0].offset == KAFKA_NO_OFFSET && failed(receipts[0].st));
    const struct kafka_config small = {.name = "max.message.bytes", .value = "2000"};
    const struct kafka_topic_plan plan = {
        .name = "t", .partitions = 1, .configs = &small, .config_count = 1};
    EXPECT_OK(kafka_create_topic(call, scene->kafka, &plan));
    while (failed(kafka_produce(call, scene->kafka, records, 1, 0)) && !failed(call_check(call)))
        (void)fiber_sleep(call, 50 * US_PER_MS);
    memset(large, 'x', KAFKA_RECORD_SIZE_MAX);
    records[0].value = str_sized(large, 10000);
    EXPECT_REFUSED(kafka_produce(call, scene->kafka, records, 1, receipts), RESOURCE_EXHAUSTED,
                   BODY_TOO_LARGE);
    records[0].value = str_sized(large, KAFKA_RECORD_SIZE_MAX);
    records[0].key = STR("k");
    EXPECT_REFUSED(kafka_produce(call, scene->kafka, records, 1, receipts), RESOURCE_EXHAUSTED,
                   BODY_TOO_LARGE);
    records[0] = record_of(7, "v");
    EXPECT_REFUSED(kafka_produce(call, scene->kafka, records, 2, receipts), NOT_FOUND,
                   TOPIC_NOT_FOUND);
    EXPECT_OK(kafka_produce(call, scene->kafka, &records[1], 1, receipts));
}

TEST(what_the_brokers_refuse_is_an_error)
{
    play(refuses);
}

static void fills(struct call *call, struct scene *scene)
{
    size_t count = KAFKA_RECORDS_MAX + 1;
    struct kafka_record *records = arena_array(call->arena, struct kafka_record, count);
    int64_t low, high;

    scene_make_topic(call, scene, "t", 1);
    for (size_t i = 0; i < count; i++) records[i] = record_of(0, "v");
    EXPECT_REFUSED(kafka_produce(call, scene->kafka, records, count, 0), RESOURCE_EXHAUSTED,
                   QUEUE_FULL);
    EXPECT_OK(kafka_produce(call, scene->kafka, records, count - 1, 0));
    EXPECT_OK(kafka_produce(call, scene->kafka, records, count - 1, 0));
    EXPECT_OK(kafka_watermarks(call, scene->kafka, "t", 0, &low, &high));
    EXPECT(high == 2 * KAFKA_RECORDS_MAX);
}

TEST(more_records_than_the_queue_takes_are_refused_at_once)
{
    play(fills);
}

static void loses_answers(struct call *call, struct scene *scene)
{
    const struct kafka_record record = record_of(0, "v");
    struct kafka_receipt receipt;
    int64_t low, high;

    scene_make_topic(call, scene, "t", 1);
    kafka_set_fate(KAFKA_FATE_UNMADE, 1);
    EXPECT_REFUSED(kafka_produce(call, scene->kafka, &record, 1, &receipt), UNAVAILABLE,
                   STORE_OUTCOME_UNKNOWN);
    EXPECT_OK(kafka_watermarks(call, scene->kafka, "t", 0, &low, &high));
    EXPECT(high == 0);
    kafka_set_fate(KAFKA_FATE_MADE, 2);
    EXPECT_OK(kafka_produce(call, scene->kafka, &record, 1, &receipt));
    EXPECT_REFUSED(kafka_produce(call, scene->kafka, &record, 1, &receipt), UNAVAILABLE,
                   STORE_OUTCOME_UNKNOWN);
    EXPECT(receipt.offset == KAFKA_NO_OFFSET && failed(receipt.st));
    EXPECT_OK(kafka_watermarks(call, scene->kafka, "t", 0, &low, &high));
    EXPECT(high == 2);
}

TEST(a_lost_answer_is_an_unknown_outcome)
{
    play(loses_answers);
}

static void fails_producer(struct call *call, struct scene *scene)
{
    const struct kafka_record record = record_of(0, "v");

    scene_make_topic(call, scene, "t", 1);
    for (int i = 0; i < 3; i++) {
        EXPECT_OK(kafka_produce(call, scene->kafka, &record, 1, 0));
        kafka_fail_producer(scene->kafka);
        /* Until the failure is known a call may still get it. */
        while (failed(kafka_produce(call, scene->kafka, &record, 1, 0)) &&
               !failed(call_check(call)))
            (void)fiber_sleep(call, 10 * US_PER_MS);
    }
}

TEST(a_producer_that_has_failed_for_good_is_replaced)
{
    play(fails_producer);
}

static void gives_up(struct call *call, struct scene *scene)
{
    const struct kafka_record record = record_of(0, "v");
    int64_t low, high = 0;
    struct call child;

    scene_make_topic(call, scene, "t", 1);
    call_init_child(&child, call, 1);
    (void)fiber_sleep(call, 2 * US_PER_MS);
    struct status st = kafka_produce(&child, scene->kafka, &record, 1, 0);
    EXPECT(st.code == STATUS_DEADLINE_EXCEEDED);
    while (high == 0 && !failed(call_check(call)))
        EXPECT_OK(kafka_watermarks(call, scene->kafka, "t", 0, &low, &high));
}

TEST(a_record_of_a_call_that_gave_up_is_written_all_the_same)
{
    play(gives_up);
}

/* ---- many at once ---- */

enum { PRODUCERS = 8, ROUNDS = 20 };

struct crowd {
    struct scene *scene;
    _Atomic int running;
    struct fiber_wait wait;
};

static void leave(struct shard *shard, void *data)
{
    struct crowd *crowd = data;

    if (--crowd->running == 0) fiber_wake(shard, &crowd->wait);
}

static void produce_rounds(struct call *call, void *data)
{
    struct crowd *crowd = data;
    struct kafka_record records[10];

    for (int i = 0; i < 10; i++) records[i] = record_of(i % 2, "v");
    for (int i = 0; i < ROUNDS; i++)
        EXPECT_OK(kafka_produce(call, crowd->scene->kafka, records, 10, 0));
    shard_post(shards_at(crowd->scene->shards, 0), leave, crowd);
}

static void produces_on_all_shards(struct call *call, struct scene *scene)
{
    struct crowd crowd = {.scene = scene, .running = PRODUCERS};
    int64_t low, high, sum = 0;

    scene_make_topic(call, scene, "t", 2);
    for (int i = 0; i < PRODUCERS; i++)
        fiber_post(shards_at(scene->shards, i % SCENE_SHARDS), produce_rounds, 0, &crowd);
    while (crowd.running > 0) fiber_suspend_uncancellable(call, &crowd.wait);
    for (int i = 0; i < 2; i++) {
        EXPECT_OK(kafka_watermarks(call, scene->kafka, "t", i, &low, &high));
        sum += high;
    }
    EXPECT(sum == PRODUCERS * ROUNDS * 10);
}

TEST(shards_produce_at_the_same_time)
{
    play(produces_on_all_shards);
}

/* ---- offsets ---- */

static void finds_times(struct call *call, struct scene *scene)
{
    struct kafka_record records[3] = {record_of(0, "a"), record_of(0, "b"), record_of(0, "c")};
    struct kafka_position position = {.topic = "t"};

    scene_make_topic(call, scene, "t", 1);
    for (int i = 0; i < 3; i++) records[i].timestamp_ms = 1700000000000 + i * 1000LL;
    EXPECT_OK(kafka_produce(call, scene->kafka, records, 3, 0));
    EXPECT_OK(kafka_find_time(call, scene->kafka, 1700000000500, &position, 1));
    EXPECT(position.offset == 1);
    EXPECT_OK(kafka_find_time(call, scene->kafka, 1600000000000, &position, 1));
    EXPECT(position.offset == 0);
    EXPECT_OK(kafka_find_time(call, scene->kafka, 1800000000000, &position, 1));
    EXPECT(position.offset == KAFKA_END);
}

TEST(records_are_found_by_their_time)
{
    play(finds_times);
}

/* ---- topics ---- */

static void makes_topics(struct call *call, struct scene *scene)
{
    const struct kafka_config configs[] = {{.name = "retention.ms", .value = "86400000"},
                                           {.name = "min.insync.replicas", .value = "1"}};
    const struct kafka_topic_plan plan = {
        .name = "t", .partitions = 2, .configs = configs, .config_count = 2};
    const struct kafka_config change = {.name = "retention.ms", .value = "3600000"};
    struct kafka_topic topic;

    EXPECT_REFUSED(kafka_describe_topic(call, scene->kafka, "t", &topic), NOT_FOUND,
                   TOPIC_NOT_FOUND);
    EXPECT_OK(kafka_create_topic(call, scene->kafka, &plan));
    EXPECT_REFUSED(kafka_create_topic(call, scene->kafka, &plan), ALREADY_EXISTS,
                   REASON_UNSPECIFIED);
    EXPECT_OK(kafka_describe_topic(call, scene->kafka, "t", &topic));
    EXPECT(topic.partitions == 2 && topic.replication == 1);
    EXPECT(strcmp(kafka_topic_config(&topic, "retention.ms"), "86400000") == 0);
    EXPECT(!kafka_topic_config(&topic, "no.such.setting"));

    EXPECT_OK(kafka_alter_topic(call, scene->kafka, "t", &change, 1));
    EXPECT_OK(kafka_add_partitions(call, scene->kafka, "t", 5));
    EXPECT_OK(kafka_describe_topic(call, scene->kafka, "t", &topic));
    EXPECT(topic.partitions == 5);
    EXPECT(strcmp(kafka_topic_config(&topic, "retention.ms"), "3600000") == 0);
    int own = 0;
    for (size_t i = 0; i < topic.config_count; i++) own += topic.configs[i].is_own;
    EXPECT(own == 2); /* the other one was kept */

    const struct kafka_config nonsense = {.name = "retention.ms", .value = "soon"};
    EXPECT(failed(kafka_alter_topic(call, scene->kafka, "t", &nonsense, 1)));
    EXPECT(failed(kafka_add_partitions(call, scene->kafka, "t", 2)));
    EXPECT_OK(kafka_delete_topic(call, scene->kafka, "t"));
    EXPECT_REFUSED(kafka_delete_topic(call, scene->kafka, "t"), NOT_FOUND, TOPIC_NOT_FOUND);
}

TEST(topics_are_made_described_changed_and_deleted)
{
    play(makes_topics);
}

static bool finds(const struct store_findings *findings, const char *text)
{
    for (size_t i = 0; i < findings->count; i++)
        if (strstr(findings->items[i].text, text)) return true;
    return false;
}

static void checks(struct call *call, struct scene *scene)
{
    struct store_findings findings = {.arena = call->arena};

    scene_make_topic(call, scene, "t", 1);
    EXPECT_OK(kafka_check(call, scene->kafka, &findings));
    EXPECT(finds(&findings, "1 broker"));
    EXPECT(finds(&findings, "fewer than 3 brokers"));
    EXPECT(finds(&findings, "min.insync.replicas=1"));
    EXPECT(finds(&findings, "default.replication.factor=1"));
    EXPECT(!finds(&findings, "auto.create.topics"));
    EXPECT(!finds(&findings, "unclean"));
    findings.count = 0;
    EXPECT_OK(kafka_check_topic(call, scene->kafka, "t", &findings));
    EXPECT(finds(&findings, "on one broker only"));
}

TEST(settings_that_lose_records_are_found)
{
    play(checks);
}

/* ---- an absent cluster ---- */

enum { CALLS = 50, TIMEOUT_MS = 10000 };

static void fails_at_once(struct call *call, struct scene *scene)
{
    const struct kafka_record record = record_of(0, "v");

    EXPECT_REFUSED(kafka_open(call, scene->kafka), UNAVAILABLE, STORE_UNREACHABLE);
    int64_t begun_us = clock_monotonic_us();
    for (int i = 0; i < CALLS; i++)
        EXPECT_REFUSED(kafka_produce(call, scene->kafka, &record, 1, 0), UNAVAILABLE,
                       STORE_UNREACHABLE);
    int64_t took_us = clock_monotonic_us() - begun_us;
    EXPECT(took_us < CALLS * TIMEOUT_MS * (int64_t)US_PER_MS / 50); /* most of it the machine's */
}

TEST(an_absent_cluster_fails_its_callers_at_once)
{
    char url[64];
    int fd;

    if (!test_engine("ARGOSY_TEST_KAFKA")) return; /* librdkafka may not be installed either */
    snprintf(url, sizeof(url), "kafka://127.0.0.1:%d", scene_take_port(&fd));
    scene_run(url, fails_at_once);
    close(fd);
}

/* ---- who may ---- */

static void opens(struct call *call, struct scene *scene)
{
    const struct kafka_record record = record_of(0, "v");

    EXPECT_OK(kafka_open(call, scene->kafka));
    scene_make_topic(call, scene, "t", 1);
    EXPECT_OK(kafka_produce(call, scene->kafka, &record, 1, 0));
}

static void is_refused(struct call *call, struct scene *scene)
{
    struct status st = kafka_open(call, scene->kafka);

    EXPECT_REFUSED(st, UNAVAILABLE, STORE_REFUSED);
    EXPECT(!strstr(st.message, "secret"));
}

static struct arena arena;

/* `url` with another user, password, option ... in place of `old`; in the arena. */
static const char *replace(const char *url, const char *old, const char *new)
{
    const char *at = strstr(url, old);

    invariant(at);
    return arena_printf(&arena, "%.*s%s%s", (int)(at - url), url, new, at + strlen(old));
}

TEST(users_log_in_over_tls_by_every_mechanism)
{
    const char *url = test_engine("ARGOSY_TEST_KAFKA_TLS");

    if (!url) return;
    scene_run(url, opens);
    scene_run(replace(url, "scram-sha-512", "scram-sha-256"), opens);
    scene_run(replace(url, "scram-sha-512", "plain"), opens);
    arena_release(&arena);
}

TEST(a_password_comes_from_a_file)
{
    const char *url = test_engine("ARGOSY_TEST_KAFKA_TLS");
    char path[] = "/tmp/kafka-password-XXXXXX", option[64];

    if (!url) return;
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, "kafka-secret\nmore", 17) == 17);
    close(fd);
    snprintf(option, sizeof(option), "passwordfile=%s", path);
    scene_run(scene_url(&arena, replace(url, ":kafka-secret@", "@"), option), opens);
    unlink(path);
    arena_release(&arena);
}

TEST(a_wrong_password_is_refused)
{
    const char *url = test_engine("ARGOSY_TEST_KAFKA_TLS");

    if (!url) return;
    url = replace(url, "kafka-secret", "other-secret");
    scene_run(url, is_refused);
    scene_run(replace(url, "scram-sha-512", "plain"), is_refused);
    arena_release(&arena);
}

TEST(a_certificate_of_another_authority_or_name_is_refused)
{
    const char *url = test_engine("ARGOSY_TEST_KAFKA_TLS");
    const char *other_ca = getenv("ARGOSY_TEST_KAFKA_OTHER_CA");

    if (!url) return;
    CHECK(other_ca);
    const char *at = strstr(url, "cafile=") + strlen("cafile=");
    const char *ca = arena_strndup(&arena, at, strcspn(at, "&"));
    scene_run(replace(url, ca, other_ca), is_refused);
    scene_run(replace(url, "localhost", "127.0.0.1"), is_refused);
    arena_release(&arena);
}

static void may_nothing(struct call *call, struct scene *scene)
{
    const struct kafka_record record = record_of(0, "v");
    const struct kafka_topic_plan plan = {.name = "t", .partitions = 1};

    EXPECT_OK(kafka_open(call, scene->kafka));
    EXPECT_REFUSED(kafka_produce(call, scene->kafka, &record, 1, 0), UNAVAILABLE, STORE_REFUSED);
    EXPECT_REFUSED(kafka_create_topic(call, scene->kafka, &plan), UNAVAILABLE, STORE_REFUSED);
}

TEST(a_user_without_rights_is_refused)
{
    const char *url = test_engine("ARGOSY_TEST_KAFKA_TLS");

    if (url) scene_run(replace(url, "shop:", "guest:"), may_nothing);
    arena_release(&arena);
}
