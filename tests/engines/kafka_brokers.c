/* SPDX-License-Identifier: Apache-2.0 */
/* The driver of Kafka on three brokers, each of which is killed and comes back, while records are
 * produced and a group reads them. tests/engines/flows/kafka_brokers.sh starts the brokers and says in
 * the environment where they are:
 *
 *     KAFKA_BROKERS_URL      their URL
 *     KAFKA_BROKERS_SCRIPT   the script that kills and starts them
 *     KAFKA_BROKERS_DIR      its folder */
#include "store/kafka/kafka_reader.h"
#include "store/kafka/kafka_testing.h"

enum { BROKERS = 3, PARTITIONS = 3, PART = 300, NUMBERS_MAX = 1000000 };

/* What has become of the numbers that were produced; on shard 0. */
struct play {
    struct scene *scene;
    int next;     /* the number that is produced next */
    int failures; /* calls that failed */
    bool is_ending;
    bool has_ended;
    struct fiber_wait wait;
    uint8_t tries[NUMBERS_MAX]; /* whose outcome was not known, and the acknowledged one */
    uint8_t acknowledged[NUMBERS_MAX];
    uint8_t read[NUMBERS_MAX];   /* by the group, however often */
    uint8_t stored[NUMBERS_MAX]; /* how often it is in the topic */
    int64_t last[PARTITIONS];    /* the last new number that the group has read */
    size_t left;                 /* of the final reading: partitions not at their ends */
    struct kafka_reader *group;
    struct kafka_position done[PARTITIONS];
    bool is_closed;
    int assigned;
};

static struct play play;

static void wake_play(void)
{
    fiber_wake(shards_at(play.scene->shards, 0), &play.wait);
}

/* ---- brokers: on shard 1, whose loop may be blocked ---- */

struct order {
    const char *verb;
    int broker; /* 0: all */
    bool is_done;
    int result;
};

static void order_done(struct shard *shard, void *data)
{
    struct order *order = data;

    (void)shard;
    order->is_done = true;
    wake_play();
}

static void carry_out(struct shard *shard, void *data)
{
    struct order *order = data;
    char command[1024], broker[8] = "";

    if (order->broker) snprintf(broker, sizeof(broker), "%d", order->broker);
    snprintf(command, sizeof(command), "'%s' %s '%s' %s >/dev/null", getenv("KAFKA_BROKERS_SCRIPT"),
             order->verb, getenv("KAFKA_BROKERS_DIR"), broker);
    order->result = system(command);
    shard_post(shards_at(shard->shards, 0), order_done, order);
}

static void command_brokers(struct call *call, const char *verb, int broker)
{
    struct order order = {verb, broker, false, 0};

    shard_post(shards_at(play.scene->shards, 1), carry_out, &order);
    while (!order.is_done) fiber_suspend_uncancellable(call, &play.wait);
    EXPECT(order.result == 0);
    printf("  %s %d: %d numbers so far, %d failures\n", verb, broker, play.next, play.failures);
}

/* ---- the producer, which repeats what has failed as a relay does ---- */

static void produce_numbers(struct call *call, int count)
{
    struct kafka_record records[PARTITIONS * 10];
    struct kafka_receipt receipts[PARTITIONS * 10];
    char texts[PARTITIONS * 10][16];

    for (int i = 0; i < count; i++) {
        snprintf(texts[i], sizeof(texts[i]), "%d", play.next + i);
        records[i] = (struct kafka_record){
            .topic = "t", .partition = (play.next + i) % PARTITIONS, .value = str_of(texts[i])};
    }
    struct status st = kafka_produce(call, play.scene->kafka, records, (size_t)count, receipts);
    play.failures += failed(st);
    bool all = true;
    for (int i = 0; i < count; i++) {
        bool ok = !failed(receipts[i].st);
        play.acknowledged[play.next + i] |= ok;
        play.tries[play.next + i] += receipts[i].st.reason == ARGOSY__REASON__STORE_OUTCOME_UNKNOWN;
        all &= ok;
    }
    if (all)
        play.next += count;
    else
        (void)fiber_sleep(call, 50 * US_PER_MS);
}

/* One number at a time after a failure, so that what was acknowledged is not repeated. */
static void repeat_failed(struct call *call, int from, int count)
{
    for (int i = from; i < from + count && !failed(call_check(call));) {
        if (!play.acknowledged[i]) {
            play.next = i;
            produce_numbers(call, 1);
        }
        if (play.acknowledged[i]) i++;
    }
    play.next = from + count;
}

static void produce_on(struct call *call, void *data)
{
    (void)data;
    call_limit(call, SCENE_TIMEOUT_MS * 4);
    while (!play.is_ending && !failed(call_check(call))) {
        int from = play.next;
        invariant(from + PARTITIONS * 10 < NUMBERS_MAX);
        produce_numbers(call, PARTITIONS * 10);
        if (play.next == from) repeat_failed(call, from, PARTITIONS * 10);
        (void)fiber_sleep(call, 5 * US_PER_MS);
        wake_play();
    }
    play.has_ended = true;
    wake_play();
}

/* ---- readers ---- */

static int number_of(const struct kafka_record *record)
{
    int64_t number = -1;

    EXPECT(str_to_i64(record->value, &number) && number >= 0 && number < NUMBERS_MAX);
    EXPECT(number % PARTITIONS == record->partition);
    return (int)number;
}

static void on_group_records(void *owner, const struct kafka_record *records, size_t count)
{
    (void)owner;
    for (size_t i = 0; i < count; i++) {
        int number = number_of(&records[i]), part = records[i].partition;
        if (!play.read[number]) {
            EXPECT(number > play.last[part]); /* new ones come in their order */
            play.last[part] = number;
        }
        play.read[number] = 1;
        play.done[part] = (struct kafka_position){"t", part, records[i].offset + 1};
    }
    for (int i = 0; i < PARTITIONS; i++)
        if (play.done[i].topic) kafka_commit_later(play.group, &play.done[i], 1);
    wake_play();
}

static void on_group_assigned(void *owner, const struct kafka_position *partitions, size_t count)
{
    (void)owner;
    (void)partitions;
    play.assigned += (int)count;
    wake_play();
}

static void on_all_records(void *owner, const struct kafka_record *records, size_t count)
{
    (void)owner;
    for (size_t i = 0; i < count; i++) play.stored[number_of(&records[i])]++;
}

static void on_end(void *owner, const struct kafka_position *position)
{
    (void)owner;
    (void)position;
    play.left--;
    wake_play();
}

static void on_closed(void *owner)
{
    (void)owner;
    play.is_closed = true;
    wake_play();
}

static struct kafka_reader *start_reader(struct call *call, const char *group,
                                         const struct kafka_reader_events *events)
{
    static const char *const topics[] = {"t"};
    const struct kafka_reader_plan plan = {.kafka = play.scene->kafka,
                                           .shard = call->shard,
                                           .group = group,
                                           .topics = topics,
                                           .topic_count = group ? 1 : 0,
                                           .events = events};
    struct kafka_reader *reader = 0;

    EXPECT_OK(kafka_reader_new(call->arena, &plan, &reader));
    invariant(reader);
    return reader;
}

static void end_reader(struct call *call, struct kafka_reader *reader)
{
    play.is_closed = false;
    kafka_reader_close(reader);
    while (!play.is_closed) fiber_suspend_uncancellable(call, &play.wait);
}

static void read_all(struct call *call)
{
    static const struct kafka_reader_events events = {
        .on_records = on_all_records, .on_end = on_end, .on_closed = on_closed};
    struct kafka_position from[PARTITIONS];

    for (int i = 0; i < PARTITIONS; i++) from[i] = (struct kafka_position){"t", i, 0};
    play.left = PARTITIONS;
    struct kafka_reader *reader = start_reader(call, 0, &events);
    kafka_reader_assign(reader, from, PARTITIONS);
    while (play.left > 0) (void)!failed(fiber_suspend(call, &play.wait));
    end_reader(call, reader);
}

/* ---- the play ---- */

static void wait_for_numbers(struct call *call, int more)
{
    int until = play.next + more;

    while (play.next < until && !failed(call_check(call)))
        (void)!failed(fiber_suspend(call, &play.wait));
    EXPECT(play.next >= until);
}

static void wait_until_in_sync(struct call *call)
{
    struct kafka_topic topic = {0};

    while (topic.in_sync < BROKERS && !failed(call_check(call))) {
        (void)!failed(kafka_describe_topic(call, play.scene->kafka, "t", &topic));
        if (topic.in_sync < BROKERS) (void)fiber_sleep(call, 100 * US_PER_MS);
    }
    EXPECT(topic.in_sync == BROKERS && topic.replication == BROKERS && topic.leaderless == 0);
}

static void check_numbers(void)
{
    int lost = 0, doubled = 0, unread = 0;

    for (int i = 0; i < play.next; i++) {
        if (!play.acknowledged[i]) continue;
        lost += play.stored[i] == 0;
        doubled += play.stored[i] > 1 + play.tries[i];
        unread += !play.read[i];
    }
    printf("  %d numbers, %d calls failed, %d lost, %d doubled, %d unread\n", play.next,
           play.failures, lost, doubled, unread);
    EXPECT(lost == 0 && doubled == 0 && unread == 0);
}

static bool has_read_all(void)
{
    for (int i = 0; i < play.next; i++)
        if (!play.read[i]) return false;
    return true;
}

static void kills_brokers(struct call *call, struct scene *scene)
{
    static const struct kafka_reader_events events = {
        .on_assigned = on_group_assigned, .on_records = on_group_records, .on_closed = on_closed};

    play.scene = scene;
    for (int i = 0; i < PARTITIONS; i++) play.last[i] = -1;
    EXPECT_OK(kafka_open(call, scene->kafka));
    scene_make_topic(call, scene, "t", PARTITIONS);
    wait_until_in_sync(call);
    play.group = start_reader(call, "g", &events);
    while (play.assigned < PARTITIONS) (void)!failed(fiber_suspend(call, &play.wait));
    EXPECT_OK(fiber_start(call->shard, 0, produce_on, 0));
    wait_for_numbers(call, PART);
    /* Each broker leads a partition, and one of them the group. */
    for (int broker = 1; broker <= BROKERS; broker++) {
        command_brokers(call, "kill", broker);
        wait_for_numbers(call, PART);
        command_brokers(call, "bring", broker);
        wait_for_numbers(call, PART);
        wait_until_in_sync(call);
    }
    play.is_ending = true;
    while (!play.has_ended) fiber_suspend_uncancellable(call, &play.wait);
    while (!has_read_all() && !failed(call_check(call)))
        (void)!failed(fiber_suspend(call, &play.wait));
    end_reader(call, play.group);
    read_all(call);
    check_numbers();
}

TEST(nothing_acknowledged_is_lost_or_doubled_when_brokers_are_killed)
{
    const char *url = getenv("KAFKA_BROKERS_URL");

    CHECK(url);
    scene_run(url, kills_brokers);
}

enum { CALLS = 40, TIMEOUT_MS = 2000 }; /* of the URL */

static void on_no_records(void *owner, const struct kafka_record *records, size_t count)
{
    (void)owner;
    (void)records;
    (void)count;
}

static void kills_all(struct call *call, struct scene *scene)
{
    const struct kafka_record record = {.topic = "t", .value = STR("v")};
    int64_t low, high;
    int made = 0;

    static const struct kafka_reader_events events = {
        .on_assigned = on_group_assigned, .on_records = on_no_records, .on_closed = on_closed};

    play.scene = scene;
    scene_make_topic(call, scene, "t", 1);
    EXPECT_OK(kafka_produce(call, scene->kafka, &record, 1, 0));
    play.group = start_reader(call, "g", &events);
    while (play.assigned < 1) (void)!failed(fiber_suspend(call, &play.wait));
    command_brokers(call, "kill", 0);
    end_reader(call, play.group); /* it cannot tell anybody that it leaves */
    /* The first ones may wait for the brokers that they still know of. */
    for (int i = 0; i < 5; i++) (void)!failed(kafka_produce(call, scene->kafka, &record, 1, 0));
    int64_t begun_us = clock_monotonic_us();
    for (int i = 0; i < CALLS; i++)
        EXPECT_REFUSED(kafka_produce(call, scene->kafka, &record, 1, 0), UNAVAILABLE,
                       STORE_UNREACHABLE);
    EXPECT(clock_monotonic_us() - begun_us < CALLS * TIMEOUT_MS * (int64_t)US_PER_MS / 4);
    command_brokers(call, "start", 0);
    while (made < 3 && !failed(call_check(call))) {
        made += !failed(kafka_produce(call, scene->kafka, &record, 1, 0));
        (void)fiber_sleep(call, 20 * US_PER_MS);
    }
    EXPECT_OK(kafka_watermarks(call, scene->kafka, "t", 0, &low, &high));
    EXPECT(high >= 4);
}

TEST(callers_fail_at_once_while_all_brokers_are_away_and_go_on_afterwards)
{
    const char *url = getenv("KAFKA_BROKERS_URL");

    CHECK(url);
    scene_run(url, kills_all);
}
