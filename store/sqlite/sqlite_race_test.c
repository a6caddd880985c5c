/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the writer's promises with many fibers on several shards. */
#include "store/sqlite/sqlite_testing.h"

#include <semaphore.h>

#include "base/clock.h"

static const char *const schema[] = {
    "CREATE TABLE counter (id INTEGER PRIMARY KEY, n INTEGER NOT NULL);"
    "CREATE TABLE part (counter INTEGER REFERENCES counter (id) DEFERRABLE INITIALLY DEFERRED);",
    0,
};

static struct status add(const struct call *call, struct sqlite_tx *tx, void *data)
{
    return sqlite_exec(
        tx, 0, "INSERT INTO counter (id, n) VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET n = n + 1",
        "i", *(int *)data);
}

static int64_t read_counter(const struct call *call, int id)
{
    struct sqlite_rows rows;
    int64_t n = 0;

    EXPECT_OK(sqlite_read(call, scene.db, &rows, "SELECT n FROM counter WHERE id = ?", "i", id));
    if (sqlite_next(&rows)) n = sqlite_column_i64(&rows, 0);
    EXPECT_OK(rows.status);
    sqlite_end(&rows);
    return n;
}

enum { FIBERS = 64, ROUNDS = 40, SHARDS = 3 };

static void read_own_writes(struct call *call, int number)
{
    for (int i = 1; i <= ROUNDS; i++) {
        EXPECT_OK(sqlite_write(call, scene.db, add, &number));
        EXPECT(read_counter(call, number) == i);
    }
}

TEST(every_fiber_reads_its_own_writes)
{
    scene_open(SHARDS, ":memory:", schema);
    scene_play(FIBERS, read_own_writes);
    scene_close();
}

/* acked[i] is the lowest value that a reader of counter i may see now. */
static _Atomic int acked[FIBERS];

static void write_and_tell(struct call *call, int number)
{
    for (int i = 1; i <= ROUNDS; i++) {
        EXPECT_OK(sqlite_write(call, scene.db, add, &number));
        atomic_store(&acked[number], i);
    }
}

static void watch(struct call *call, int number)
{
    int id = number % (FIBERS / 2), least;

    do {
        /* Twice in a row, so that the second write finds a transaction open from before the commit.
         */
        for (int i = 0; i < 2; i++) {
            least = atomic_load(&acked[id]);
            EXPECT(read_counter(call, id) >= least);
        }
        EXPECT_OK(fiber_sleep(call, 0));
    } while (least < ROUNDS);
}

/* Shards read while the writer commits. Writing and watching fibers are spread over all shards. */
static void write_or_watch(struct call *call, int number)
{
    if (number < FIBERS / 2)
        write_and_tell(call, number);
    else
        watch(call, number);
}

TEST(a_commit_known_to_one_shard_is_read_by_every_shard)
{
    memset(acked, 0, sizeof(acked));
    scene_open(SHARDS, ":memory:", schema);
    scene_play(FIBERS, write_or_watch);
    scene_close();
}

/* A cache as the services keep it: a value and the generation that it was read under. */
static void watch_cached(struct call *call, int number)
{
    int id = number % (FIBERS / 2), least;
    uint64_t kept_generation = 0;
    int64_t kept = -1;

    do {
        uint64_t generation;
        least = atomic_load(&acked[id]);
        generation = sqlite_generation(call, scene.db);
        if (kept < 0 || generation != kept_generation) kept = read_counter(call, id);
        kept_generation = generation;
        EXPECT(kept >= least);
        EXPECT_OK(fiber_sleep(call, 0));
    } while (least < ROUNDS);
}

static void write_or_watch_cached(struct call *call, int number)
{
    if (number < FIBERS / 2)
        write_and_tell(call, number);
    else
        watch_cached(call, number);
}

TEST(a_cache_under_the_generation_is_never_behind)
{
    memset(acked, 0, sizeof(acked));
    scene_open(SHARDS, ":memory:", schema);
    scene_play(FIBERS, write_or_watch_cached);
    scene_close();
}

static struct status add_or_fail(const struct call *call, struct sqlite_tx *tx, void *data)
{
    int number = *(int *)data;
    struct status st;

    st = add(call, tx, data);
    if (failed(st) || number % 3 != 0) return st;
    return status_printf(call->arena, STATUS_ABORTED, 0, "refused %d", number);
}

static void write_some_in_vain(struct call *call, int number)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct status st = sqlite_write(call, scene.db, add_or_fail, &number);
        if (number % 3 == 0)
            EXPECT(st.code == STATUS_ABORTED &&
                   strcmp(st.message, arena_printf(call->arena, "refused %d", number)) == 0);
        else
            EXPECT_OK(st);
    }
    EXPECT(read_counter(call, number) == (number % 3 == 0 ? 0 : ROUNDS));
}

TEST(jobs_of_one_group_fail_alone_and_groups_are_larger_than_one)
{
    struct sqlite_stats stats;

    scene_open(SHARDS, ":memory:", schema);
    scene_play(FIBERS, write_some_in_vain);
    sqlite_stats(scene.db, &stats);
    scene_close();
    CHECK_INT(stats.jobs, ==, FIBERS * ROUNDS);
    CHECK_INT(stats.jobs_failed, ==, (FIBERS + 2) / 3 * ROUNDS);
    CHECK_INT(stats.waiting, ==, 0);
    CHECK_INT(stats.jobs, >, stats.commits * 2);
}

/* Blocks the writer until the test opens the gate. */
static sem_t gate, reached;

static struct status wait_at_gate(const struct call *call, struct sqlite_tx *tx, void *data)
{
    sem_post(&reached);
    while (sem_wait(&gate) != 0) continue;
    return status_ok();
}

static void open_gates(void)
{
    sem_init(&gate, 0, 0);
    sem_init(&reached, 0, 0);
}

/* Opens the gate once this many jobs wait behind the blocked one. */
static void open_gate_behind(struct call *call, size_t jobs)
{
    struct sqlite_stats stats;

    do {
        EXPECT_OK(fiber_sleep(call, 1000));
        sqlite_stats(scene.db, &stats);
    } while (stats.waiting < jobs);
    sem_post(&gate);
}

static void wait_until_held_up(struct call *call)
{
    while (sem_trywait(&reached) != 0) EXPECT_OK(fiber_sleep(call, 1000));
    sem_post(&reached);
}

static struct status roll_everything_back(const struct call *call, struct sqlite_tx *tx, void *data)
{
    return sqlite_exec(tx, 0, "INSERT OR ROLLBACK INTO counter (id, n) VALUES (1000, 1), (1000, 2)",
                       "");
}

static void join_a_doomed_group(struct call *call, int number)
{
    struct status st;

    if (number == 0) {
        EXPECT_OK(sqlite_write(call, scene.db, wait_at_gate, 0));
        return;
    }
    wait_until_held_up(call);
    if (number == 4) {
        open_gate_behind(call, 3);
        return;
    }
    st = sqlite_write(call, scene.db, number == 2 ? roll_everything_back : add, &number);
    EXPECT(failed(st));
    EXPECT(st.code == (number == 2 ? STATUS_ALREADY_EXISTS : STATUS_UNAVAILABLE));
}

static void expect_nothing(struct call *call, int number)
{
    EXPECT(scene_number(call, "SELECT count(*) FROM counter") == 0);
    EXPECT_OK(sqlite_write(call, scene.db, add, &number));
    EXPECT(scene_number(call, "SELECT count(*) FROM counter") == 1);
}

/* INSERT OR ROLLBACK ends the transaction of the whole group: no job may be reported as
 * committed. */
TEST(when_sqlite_rolls_back_the_group_all_of_it_fails)
{
    open_gates();
    scene_open(1, ":memory:", schema);
    scene_play(5, join_a_doomed_group);
    scene_play(1, expect_nothing);
    scene_close();
}

static void break_a_key_in_a_group(struct call *call, int number)
{
    struct status st;

    if (number == 0) {
        EXPECT_OK(sqlite_write(call, scene.db, wait_at_gate, 0));
        return;
    }
    wait_until_held_up(call);
    if (number == 4) {
        open_gate_behind(call, 3);
        return;
    }
    st = number == 2 ? scene_write(call, "INSERT INTO part VALUES (99)")
                     : sqlite_write(call, scene.db, add, &number);
    EXPECT(st.code == (number == 2 ? STATUS_FAILED_PRECONDITION : STATUS_OK));
}

/* A deferred key is checked by COMMIT, which the whole group shares. */
TEST(a_broken_deferred_key_fails_its_job_alone)
{
    struct sqlite_stats stats;

    open_gates();
    scene_open(1, ":memory:", schema);
    scene_play(5, break_a_key_in_a_group);
    sqlite_stats(scene.db, &stats);
    scene_close();
    CHECK_INT(stats.commits, ==, 2);
}

static _Atomic bool ran;

static struct status note_run(const struct call *call, struct sqlite_tx *tx, void *data)
{
    atomic_store(&ran, true);
    return status_ok();
}

static struct status slow(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct timespec pause = {.tv_nsec = 60 * 1000 * 1000};

    nanosleep(&pause, 0);
    return add(call, tx, data);
}

static void wait_with_deadlines(struct call *call, int number)
{
    struct call child;
    struct status st;

    if (number == 0) {
        EXPECT_OK(sqlite_write(call, scene.db, wait_at_gate, 0));
        /* The caller waits for a job that has begun, whatever the deadline. */
        call_init_child(&child, call, 10);
        EXPECT_OK(sqlite_write(&child, scene.db, slow, &number));
        EXPECT(child.deadline_us < clock_monotonic_us());
        st = sqlite_write(&child, scene.db, note_run, 0);
        EXPECT(st.code == STATUS_DEADLINE_EXCEEDED);
        return;
    }
    wait_until_held_up(call);
    call_init_child(&child, call, 20);
    st = sqlite_write(&child, scene.db, note_run, 0);
    EXPECT(st.code == STATUS_DEADLINE_EXCEEDED);
    sem_post(&gate);
}

TEST(an_expired_job_leaves_the_queue_and_a_begun_one_is_waited_for)
{
    struct sqlite_stats stats;

    open_gates();
    atomic_store(&ran, false);
    scene_open(1, ":memory:", schema);
    scene_play(2, wait_with_deadlines);
    sqlite_stats(scene.db, &stats);
    scene_close();
    CHECK(!atomic_load(&ran));
    CHECK_INT(stats.jobs, ==, 2);
    CHECK_INT(stats.waiting, ==, 0);
}

static struct call *victim;

static void be_cancelled(struct call *call, int number)
{
    struct status st;

    if (number == 0) {
        EXPECT_OK(sqlite_write(call, scene.db, wait_at_gate, 0));
        return;
    }
    wait_until_held_up(call);
    if (number == 1) {
        victim = call;
        st = sqlite_write(call, scene.db, note_run, 0);
        EXPECT(st.code == STATUS_CANCELLED);
        victim = 0;
        return;
    }
    while (!victim) EXPECT_OK(fiber_sleep(call, 1000));
    call_cancel(victim);
    while (victim) EXPECT_OK(fiber_sleep(call, 1000));
    sem_post(&gate);
}

TEST(a_cancelled_job_leaves_the_queue)
{
    open_gates();
    atomic_store(&ran, false);
    scene_open(1, ":memory:", schema);
    scene_play(3, be_cancelled);
    scene_close();
    CHECK(!atomic_load(&ran));
}

/* Every other fiber's jobs are patient; some give up while they wait. */
static void write_patiently(struct call *call, int number)
{
    int written = 0;

    for (int i = 0; i < ROUNDS; i++) {
        struct call writing;
        call_init_child(&writing, call, i % 5 == 4 ? 1 : 0);
        writing.patient = number % 2 == 0;
        struct status st = sqlite_write(&writing, scene.db, add, &number);
        EXPECT(!failed(st) || st.code == STATUS_DEADLINE_EXCEEDED);
        written += !failed(st);
    }
    EXPECT(read_counter(call, number) == written);
}

TEST(patient_jobs_are_written_among_urgent_ones_or_withdrawn)
{
    scene_open(SHARDS, ":memory:", schema);
    scene_play(FIBERS, write_patiently);
    scene_close();
}

static void hold_up(struct call *call, void *data)
{
    EXPECT_OK(sqlite_write(call, scene.db, wait_at_gate, 0));
}

static void add_one(struct call *call, void *data)
{
    struct status st = sqlite_write(call, scene.db, add, data);

    EXPECT(!failed(st) || st.code == STATUS_CANCELLED);
}

/* After a group of several jobs the writer pauses for more; meanwhile its only job is withdrawn. */
static void withdraw_while_it_pauses(struct call *call, int number)
{
    enum { TRIES = 5, TOGETHER = 4, AFTER_THE_PAUSE_US = 10000 };
    struct status st = status_ok();
    struct call limited;
    int id = 0;

    for (int i = 0; i < TRIES && !failed(st); i++) {
        struct fiber_group crowd = {0}, victims = {0};
        EXPECT_OK(fiber_group_start(call, &crowd, hold_up, 0));
        wait_until_held_up(call);
        EXPECT(sem_trywait(&reached) == 0);
        for (int j = 0; j < TOGETHER; j++) EXPECT_OK(fiber_group_start(call, &crowd, add_one, &id));
        open_gate_behind(call, TOGETHER);
        fiber_group_wait(call, &crowd);
        EXPECT_OK(fiber_group_start(call, &victims, add_one, &id));
        EXPECT_OK(fiber_sleep(call, 100));
        fiber_group_cancel(&victims);
        fiber_group_wait(call, &victims);
        EXPECT_OK(fiber_sleep(call, AFTER_THE_PAUSE_US));
        call_init_child(&limited, call, 2000);
        st = sqlite_write(&limited, scene.db, add, &id);
        EXPECT_OK(st);
    }
}

TEST(the_writer_outlives_a_pause_in_which_all_jobs_are_withdrawn)
{
    open_gates();
    scene_open(1, ":memory:", schema);
    scene_play(1, withdraw_while_it_pauses);
    scene_close();
}

static _Atomic int refused;

static void crowd(struct call *call, int number)
{
    struct status st;

    if (number == 0) {
        EXPECT_OK(sqlite_write(call, scene.db, wait_at_gate, 0));
        return;
    }
    wait_until_held_up(call);
    st = sqlite_write(call, scene.db, add, &number);
    if (!failed(st)) return;
    EXPECT(st.code == STATUS_RESOURCE_EXHAUSTED && st.reason == ARGOSY__REASON__QUEUE_FULL);
    if (atomic_fetch_add(&refused, 1) == 9) sem_post(&gate);
}

TEST(a_full_queue_refuses_at_once_and_the_rest_is_written)
{
    struct sqlite_stats stats;

    open_gates();
    atomic_store(&refused, 0);
    scene_open(2, ":memory:", schema); /* ThreadSanitizer allows fewer fibers on one */
    scene_play(1 + SQLITE_QUEUE_MAX + 10, crowd);
    sqlite_stats(scene.db, &stats);
    scene_close();
    CHECK_INT(refused, ==, 10);
    CHECK_INT(stats.jobs, ==, SQLITE_QUEUE_MAX + 1);
    CHECK_INT(stats.commits, <, 20);
}

/* Siblings share an arena. The writer thread allocates for one while the shard allocates for the
 * other. */
static struct status allocate_on_writer(const struct call *call, struct sqlite_tx *tx, void *data)
{
    char **ret_text = data;

    for (int i = 0; i < 200; i++) *ret_text = arena_printf(call->arena, "written %d", i);
    return status_ok();
}

static void write_text(struct call *call, void *data)
{
    EXPECT_OK(sqlite_write(call, scene.db, allocate_on_writer, data));
}

static void allocate_on_shard(struct call *call, int number)
{
    for (int round = 0; round < 20; round++) {
        struct fiber_group group = {0};
        char *text = 0;

        EXPECT_OK(fiber_group_start(call, &group, write_text, &text));
        for (int i = 0; i < 200; i++) EXPECT(arena_printf(call->arena, "read %d", i)[0] == 'r');
        fiber_group_wait(call, &group);
        EXPECT(text && strcmp(text, "written 199") == 0);
    }
}

TEST(a_job_allocates_while_its_siblings_do)
{
    scene_open(2, ":memory:", schema);
    scene_play(4, allocate_on_shard);
    scene_close();
}
