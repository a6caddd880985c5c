/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the writer and the scanner in a simulation: without threads, but with the same
 * promises. */
#include "fiber/simulation.h"

#include <dirent.h>

#include "base/clock.h"
#include "store/sqlite/sqlite_testing.h"

static const char *const migrations[] = {
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, moment INTEGER NOT NULL) STRICT;", 0};

static uint64_t moments;

static struct status put(const struct call *call, struct sqlite_tx *tx, void *data)
{
    return sqlite_exec(tx, 0, "INSERT INTO notes (id, moment) VALUES (?, ?)", "il",
                       *(const int *)data, clock_monotonic_us());
}

static struct status count_notes(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct sqlite_rows rows;
    struct status st;

    st = sqlite_query(tx, &rows, "SELECT count(*), sum(moment) FROM notes", "");
    if (failed(st)) return st;
    if (sqlite_next(&rows)) {
        *(int *)data = (int)sqlite_column_i64(&rows, 0);
        moments = (uint64_t)sqlite_column_i64(&rows, 1);
    }
    sqlite_end(&rows);
    return rows.status;
}

enum { WRITERS = 100 };

static void write_and_read(struct call *call, int number)
{
    int count = 0;

    EXPECT_OK(sqlite_write(call, scene.db, put, &number));
    EXPECT(scene_number(call, "SELECT count(*) FROM notes") > 0);
    EXPECT_OK(sqlite_scan(call, scene.db, count_notes, &count));
    EXPECT(count > 0);
}

static int threads_of_process(void)
{
    DIR *folder = opendir("/proc/self/task");
    int count = 0;

    if (!folder) return 0;
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

static void play_once(uint64_t seed)
{
    int threads = threads_of_process();
    struct sqlite_stats stats;

    simulation_begin(seed);
    scene_open(1, ":memory:", migrations);
    scene_play(WRITERS, write_and_read);
    CHECK_INT(threads_of_process(), ==, threads);
    sqlite_stats(scene.db, &stats);
    CHECK_INT(stats.jobs, ==, WRITERS);
    CHECK_INT(stats.commits, <, WRITERS); /* groups form */
    scene_close();
    simulation_end();
}

TEST(simulated_writes_are_grouped_and_repeatable)
{
    uint64_t first;

    play_once(5);
    first = moments;
    play_once(5);
    CHECK(moments == first);
    play_once(6);
    CHECK(moments != first);
}

static void give_up_soon(struct call *call, int number)
{
    struct call child;
    struct status st;

    call_init_child(&child, call, 0);
    child.deadline_us = clock_monotonic_us() + 100;
    st = sqlite_write(&child, scene.db, put, &number);
    EXPECT(!failed(st) || st.code == STATUS_DEADLINE_EXCEEDED);
    EXPECT(scene_number(call, "SELECT count(*) FROM notes") == !failed(st));
}

TEST(a_simulated_write_is_withdrawn_or_waited_for)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        simulation_begin(seed);
        scene_open(1, ":memory:", migrations);
        scene_play(1, give_up_soon);
        scene_close();
        simulation_end();
    }
}
