/* SPDX-License-Identifier: Apache-2.0 */
/* Readers against a real broker (ARGOSY_TEST_KAFKA): what was produced comes back in order, groups
 * share partitions and lose nothing when members come and go, and positions are kept. */
#include "store/kafka/kafka_reader.h"
#include "store/kafka/kafka_testing.h"

enum { PARTITIONS_MAX = 4 };

/* A reader and what it has seen; on shard 0, as the test itself. */
struct watch {
    struct scene *scene;
    struct kafka_reader *reader;
    struct fiber_wait wait;
    int64_t next[PARTITIONS_MAX]; /* of each partition; KAFKA_NO_OFFSET: not ours */
    size_t seen;                  /* records */
    int assigned, ends, troubles;
    struct status trouble;
    bool commits_when_revoked; /* before it releases */
    bool holds;                /* what is revoked */
    bool is_lost, is_closed, is_revoked;
    struct kafka_position last; /* of the last record */
    struct arena arena;         /* copies of the first records */
    struct kafka_record records[16];
};

static void wake(struct watch *watch)
{
    fiber_wake(shards_at(watch->scene->shards, 0), &watch->wait);
}

static void on_assigned(void *owner, const struct kafka_position *partitions, size_t count)
{
    struct watch *watch = owner;

    for (size_t i = 0; i < count; i++) {
        EXPECT(watch->next[partitions[i].partition] == KAFKA_NO_OFFSET);
        watch->next[partitions[i].partition] = KAFKA_BEGINNING;
    }
    watch->assigned += (int)count;
    wake(watch);
}

static struct kafka_record copy_record(struct arena *arena, const struct kafka_record *record)
{
    struct kafka_record copy = *record;
    struct kafka_header *headers = arena_array(arena, struct kafka_header, record->header_count);

    if (copy.key.data) copy.key.data = arena_memdup(arena, copy.key.data, copy.key.length);
    if (copy.value.data) copy.value.data = arena_memdup(arena, copy.value.data, copy.value.length);
    for (size_t i = 0; i < record->header_count; i++) {
        struct str value = record->headers[i].value;
        headers[i].name = arena_strdup(arena, record->headers[i].name);
        headers[i].value = str_sized(arena_memdup(arena, value.data, value.length), value.length);
    }
    copy.headers = headers;
    return copy;
}

static void on_records(void *owner, const struct kafka_record *records, size_t count)
{
    struct watch *watch = owner;

    for (size_t i = 0; i < count; i++) {
        int64_t *next = &watch->next[records[i].partition];
        EXPECT(strcmp(records[i].topic, "t") == 0);
        EXPECT(*next == KAFKA_BEGINNING || *next == records[i].offset);
        if (watch->seen < 16) watch->records[watch->seen] = copy_record(&watch->arena, &records[i]);
        *next = records[i].offset + 1;
        watch->last = (struct kafka_position){"t", records[i].partition, records[i].offset};
        watch->seen++;
    }
    wake(watch);
}

/* Everything that has been seen is done. */
static size_t done_positions(const struct watch *watch, struct kafka_position *positions)
{
    size_t count = 0;

    for (int i = 0; i < PARTITIONS_MAX; i++)
        if (watch->next[i] >= 0)
            positions[count++] = (struct kafka_position){"t", i, watch->next[i]};
    return count;
}

static void on_revoked(void *owner, const struct kafka_position *partitions, size_t count,
                       bool lost)
{
    struct watch *watch = owner;
    struct kafka_position done[PARTITIONS_MAX];

    if (watch->commits_when_revoked && !lost)
        kafka_commit_later(watch->reader, done, done_positions(watch, done));
    for (size_t i = 0; i < count; i++) watch->next[partitions[i].partition] = KAFKA_NO_OFFSET;
    watch->assigned -= (int)count;
    watch->is_lost |= lost;
    watch->is_revoked = true;
    if (!watch->holds) kafka_reader_release(watch->reader);
    wake(watch);
}

static void on_end(void *owner, const struct kafka_position *position)
{
    struct watch *watch = owner;

    EXPECT(strcmp(position->topic, "t") == 0);
    watch->ends++;
    wake(watch);
}

static void on_trouble(void *owner, struct status st)
{
    struct watch *watch = owner;

    watch->trouble = st;
    watch->troubles++;
    wake(watch);
}

static void on_closed(void *owner)
{
    struct watch *watch = owner;

    watch->is_closed = true;
    wake(watch);
}

static const struct kafka_reader_events events = {
    on_assigned, on_records, on_revoked, on_end, on_trouble, on_closed,
};

static void start_watch(struct call *call, struct scene *scene, struct watch *watch,
                        const char *group)
{
    static const char *const topics[] = {"t"};
    const struct kafka_reader_plan plan = {.kafka = scene->kafka,
                                           .shard = call->shard,
                                           .group = group,
                                           .topics = topics,
                                           .topic_count = group ? 1 : 0,
                                           .events = &events,
                                           .owner = watch};

    *watch = (struct watch){.scene = scene};
    arena_init(&watch->arena, 0);
    for (int i = 0; i < PARTITIONS_MAX; i++)
        watch->next[i] = group ? KAFKA_NO_OFFSET : KAFKA_BEGINNING;
    EXPECT_OK(kafka_reader_new(call->arena, &plan, &watch->reader));
}

#define AWAIT(call, watch, condition)                             \
    do {                                                          \
        while (!(condition) && !failed(call_check(call)))         \
            (void)!failed(fiber_suspend((call), &(watch)->wait)); \
        EXPECT(condition);                                        \
    } while (0)

static void end_watch(struct call *call, struct watch *watch)
{
    kafka_reader_close(watch->reader);
    while (!watch->is_closed) fiber_suspend_uncancellable(call, &watch->wait);
    arena_release(&watch->arena);
}

static void produce_numbers(struct call *call, struct scene *scene, int partitions, int count)
{
    struct kafka_record *records = arena_array(call->arena, struct kafka_record, (size_t)count);

    for (int i = 0; i < count; i++)
        records[i] = (struct kafka_record){
            .topic = "t",
            .partition = i % partitions,
            .key = str_of(arena_printf(call->arena, "key-%d", i % partitions)),
            .value = str_of(arena_printf(call->arena, "%d", i))};
    EXPECT_OK(kafka_produce(call, scene->kafka, records, (size_t)count, 0));
}

static void play(void (*fn)(struct call *call, struct scene *scene))
{
    const char *url = test_engine("ARGOSY_TEST_KAFKA");

    if (url) scene_run(url, fn);
}

/* ---- records ---- */

static void moves_records(struct call *call, struct scene *scene)
{
    static const char binary[] = "a\0b\xff";
    const struct kafka_header headers[] = {
        {"ce_id", STR("1")}, {"empty", STR("")}, {"bytes", {binary, sizeof(binary)}}};
    const struct kafka_record records[] = {
        {.topic = "t",
         .key = STR("k"),
         .value = {binary, sizeof(binary)},
         .headers = headers,
         .header_count = 3,
         .timestamp_ms = 1700000000123},
        {.topic = "t", .value = STR("")},
        {.topic = "t", .key = STR("k")},
    };
    const struct kafka_position start = {"t", 0, KAFKA_BEGINNING};
    struct watch watch;

    scene_make_topic(call, scene, "t", 1);
    EXPECT_OK(kafka_produce(call, scene->kafka, records, 3, 0));
    start_watch(call, scene, &watch, 0);
    kafka_reader_assign(watch.reader, &start, 1);
    AWAIT(call, &watch, watch.seen == 3 && watch.ends == 1);
    const struct kafka_record *got = watch.records;
    EXPECT(str_is(got[0].key, "k") && got[0].timestamp_ms == 1700000000123);
    EXPECT(str_equal(got[0].value, records[0].value) && got[0].header_count == 3);
    for (int i = 0; i < 3; i++) {
        EXPECT(strcmp(got[0].headers[i].name, headers[i].name) == 0);
        EXPECT(str_equal(got[0].headers[i].value, headers[i].value));
    }
    EXPECT(!got[1].key.data && got[1].value.data && got[1].value.length == 0);
    EXPECT(got[1].header_count == 0 && got[1].timestamp_ms > 1700000000123);
    EXPECT(str_is(got[2].key, "k") && !got[2].value.data && got[2].offset == 2);
    end_watch(call, &watch);
}

TEST(keys_values_headers_and_times_come_back)
{
    play(moves_records);
}

static void reads_from(struct call *call, struct scene *scene)
{
    struct kafka_position at[] = {{"t", 0, 40}, {"t", 1, KAFKA_END}};
    struct watch watch;

    scene_make_topic(call, scene, "t", 2);
    produce_numbers(call, scene, 2, 100);
    start_watch(call, scene, &watch, 0);
    kafka_reader_assign(watch.reader, at, 2);
    AWAIT(call, &watch, watch.seen == 10 && watch.ends == 2);
    EXPECT(watch.records[0].offset == 40);
    produce_numbers(call, scene, 2, 2);
    AWAIT(call, &watch, watch.seen == 12);
    watch.next[0] = watch.next[1] = KAFKA_BEGINNING;
    kafka_reader_assign(watch.reader, &(struct kafka_position){"t", 1, 48}, 1);
    AWAIT(call, &watch, watch.seen == 15);
    EXPECT(watch.last.partition == 1 && watch.last.offset == 50);
    end_watch(call, &watch);
}

TEST(without_a_group_a_reader_begins_where_it_is_told)
{
    play(reads_from);
}

static void moves_large(struct call *call, struct scene *scene)
{
    enum { LARGE = 40, SIZE = 300000 };
    char *value = arena_alloc(call->arena, SIZE);
    struct watch watch;

    memset(value, 'x', SIZE);
    scene_make_topic(call, scene, "t", 1);
    for (int i = 0; i < LARGE; i++) {
        const struct kafka_record record = {.topic = "t", .value = {value, SIZE}};
        EXPECT_OK(kafka_produce(call, scene->kafka, &record, 1, 0));
    }
    start_watch(call, scene, &watch, 0);
    kafka_reader_assign(watch.reader, &(struct kafka_position){"t", 0, 0}, 1);
    AWAIT(call, &watch, watch.seen == LARGE);
    EXPECT(watch.records[0].value.length == SIZE);
    end_watch(call, &watch);
}

TEST(batches_of_large_records_come_whole)
{
    play(moves_large);
}

/* ---- positions ---- */

static void commits(struct call *call, struct scene *scene)
{
    struct kafka_position done[] = {{"t", 0, 7}, {"t", 1, 50}},
                          found[] = {{"t", 1, 0}, {"t", 0, 0}};
    struct watch watch;

    scene_make_topic(call, scene, "t", 2);
    produce_numbers(call, scene, 2, 100);
    start_watch(call, scene, &watch, "g");
    AWAIT(call, &watch, watch.seen == 100);
    EXPECT_OK(kafka_group_positions(call, scene->kafka, "g", found, 2));
    EXPECT(found[0].offset == KAFKA_NO_OFFSET && found[1].offset == KAFKA_NO_OFFSET);
    EXPECT_OK(kafka_commit(call, watch.reader, done, 2));
    EXPECT_OK(kafka_group_positions(call, scene->kafka, "g", found, 2));
    EXPECT(found[0].offset == 50 && found[1].offset == 7);
    end_watch(call, &watch);

    start_watch(call, scene, &watch, "g");
    AWAIT(call, &watch, watch.seen == 43);
    EXPECT(watch.records[0].partition == 0 && watch.records[0].offset == 7);
    done[0].offset = 50;
    kafka_commit_later(watch.reader, done, 2);
    end_watch(call, &watch);
    EXPECT_OK(kafka_group_positions(call, scene->kafka, "g", found, 2));
    EXPECT(found[1].offset == 50);
}

TEST(a_group_goes_on_where_it_has_committed)
{
    play(commits);
}

static void pauses(struct call *call, struct scene *scene)
{
    const struct kafka_position first = {"t", 0, 0}, both[] = {{"t", 0, 0}, {"t", 1, 0}};
    struct watch watch;

    scene_make_topic(call, scene, "t", 2);
    start_watch(call, scene, &watch, "g");
    AWAIT(call, &watch, watch.assigned == 2);
    kafka_reader_pause(watch.reader, &first, 1);
    produce_numbers(call, scene, 2, 200);
    AWAIT(call, &watch, watch.next[1] == 100);
    EXPECT(watch.seen == 100);
    kafka_reader_resume(watch.reader, &first, 1);
    AWAIT(call, &watch, watch.next[0] == 100);

    /* Again in the middle of a stream: whatever the moment, nothing is left out or comes twice. */
    for (int i = 0; i < 10; i++) {
        produce_numbers(call, scene, 2, 100);
        kafka_reader_pause(watch.reader, both, 2);
        kafka_reader_resume(watch.reader, both, 2);
    }
    AWAIT(call, &watch, watch.next[0] == 600 && watch.next[1] == 600);
    EXPECT(watch.seen == 1200);
    end_watch(call, &watch);
}

TEST(a_paused_partition_waits_alone_and_goes_on_where_it_was)
{
    play(pauses);
}

static void seeks(struct call *call, struct scene *scene)
{
    const struct kafka_position back = {"t", 0, 20};
    struct watch watch;

    scene_make_topic(call, scene, "t", 1);
    produce_numbers(call, scene, 1, 100);
    start_watch(call, scene, &watch, "g");
    AWAIT(call, &watch, watch.seen == 100);
    watch.next[0] = 20;
    kafka_reader_seek(watch.reader, &back, 1);
    AWAIT(call, &watch, watch.seen == 180);
    end_watch(call, &watch);
}

TEST(a_reader_goes_back_to_an_earlier_record)
{
    play(seeks);
}

/* ---- groups ---- */

static void rebalances(struct call *call, struct scene *scene)
{
    struct watch one, two;

    scene_make_topic(call, scene, "t", 4);
    start_watch(call, scene, &one, "g");
    one.commits_when_revoked = true;
    AWAIT(call, &one, one.assigned == 4);
    produce_numbers(call, scene, 4, 400);
    AWAIT(call, &one, one.seen == 400);
    start_watch(call, scene, &two, "g");
    two.commits_when_revoked = true;
    AWAIT(call, &two, two.assigned == 2);
    AWAIT(call, &one, one.assigned == 2);
    EXPECT(!one.is_lost && one.is_revoked && !two.is_revoked);
    produce_numbers(call, scene, 4, 400);
    AWAIT(call, &one, one.seen == 600);
    AWAIT(call, &two, two.seen == 200);

    end_watch(call, &one);
    AWAIT(call, &two, two.assigned == 4);
    produce_numbers(call, scene, 4, 400);
    AWAIT(call, &two, two.seen == 600);
    end_watch(call, &two);
    EXPECT(one.seen + two.seen == 1200); /* none twice, as `next` has shown for each member */
}

TEST(members_that_come_and_go_lose_nothing_and_read_nothing_twice)
{
    play(rebalances);
}

static void keeps_partitions(struct call *call, struct scene *scene)
{
    struct kafka_position done = {"t", 0, 1};
    struct watch one, two;

    scene_make_topic(call, scene, "t", 4);
    start_watch(call, scene, &one, "g");
    AWAIT(call, &one, one.assigned == 4);
    one.holds = true;
    start_watch(call, scene, &two, "g");
    AWAIT(call, &one, one.is_revoked);
    AWAIT(call, &two, two.assigned == 2);
    AWAIT(call, &one, one.troubles == 1);
    EXPECT(one.trouble.code == STATUS_ABORTED && !one.is_lost);
    for (int i = 0; i < 4; i++) {
        done.partition = i;
        struct status st = kafka_commit(call, one.reader, &done, 1);
        if (one.next[i] == KAFKA_NO_OFFSET)
            EXPECT_REFUSED(st, ABORTED, STORE_BUSY);
        else
            EXPECT_OK(st);
    }
    kafka_reader_release(one.reader); /* too late */
    one.holds = false;
    end_watch(call, &two);
    AWAIT(call, &one, one.assigned == 4);
    end_watch(call, &one);
}

TEST(a_member_that_keeps_what_is_revoked_loses_it_and_cannot_commit_it)
{
    const char *url = test_engine("ARGOSY_TEST_KAFKA");
    struct arena arena;

    if (!url) return;
    arena_init(&arena, 0);
    scene_run(scene_url(&arena, url, "session=1000&patience=1000"), keeps_partitions);
    arena_release(&arena);
}

static void stops(struct call *call, struct scene *scene)
{
    static struct watch watch;

    scene_make_topic(call, scene, "t", 1);
    produce_numbers(call, scene, 1, 10);
    start_watch(call, scene, &watch, "g");
    AWAIT(call, &watch, watch.seen == 10);
    arena_release(&watch.arena);
}

TEST(a_stopping_shard_closes_its_readers)
{
    play(stops);
}

static void closes_at_once(struct call *call, struct scene *scene)
{
    struct watch watch;

    scene_make_topic(call, scene, "t", 1);
    for (int i = 0; i < 5; i++) {
        start_watch(call, scene, &watch, i % 2 ? "g" : 0);
        end_watch(call, &watch);
    }
    EXPECT(watch.troubles == 0);
}

TEST(a_reader_may_be_closed_before_it_has_begun)
{
    play(closes_at_once);
}

static void closes_without_cluster(struct call *call, struct scene *scene)
{
    struct watch watch;

    for (int i = 0; i < 2; i++) {
        start_watch(call, scene, &watch, i ? "g" : 0);
        if (i == 0) kafka_reader_assign(watch.reader, &(struct kafka_position){"t", 0, 0}, 1);
        AWAIT(call, &watch, watch.troubles > 0);
        EXPECT(watch.trouble.code == STATUS_UNAVAILABLE);
        end_watch(call, &watch);
    }
}

TEST(a_reader_that_finds_no_broker_says_so_and_can_be_closed)
{
    struct arena arena;
    int fd;

    if (!test_engine("ARGOSY_TEST_KAFKA")) return; /* librdkafka may not be installed either */
    arena_init(&arena, 0);
    int port = scene_take_port(&fd);
    scene_run(arena_printf(&arena, "kafka://127.0.0.1:%d", port), closes_without_cluster);
    close(fd);
    arena_release(&arena);
}

static void misses_topic(struct call *call, struct scene *scene)
{
    struct watch watch;

    start_watch(call, scene, &watch, "g");
    AWAIT(call, &watch, watch.troubles > 0);
    EXPECT(watch.trouble.code == STATUS_NOT_FOUND);
    end_watch(call, &watch);
}

TEST(a_topic_that_is_not_there_is_trouble)
{
    play(misses_topic);
}
