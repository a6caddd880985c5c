/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the SQLite driver on a disk that fails to sync: the pages count as written from then on,
 * as on Linux, and are not on the disk. */
#include "base/status_testing.h"
#include "base/test.h"
#include "fiber/simulation.h"
#include "reasons.pb-c.h"
#include "store/sqlite/checkpoint.h"
#include "tests/sim/sim_vfs.h"

enum { ROWS = 60, SEEDS = 40 };

static struct {
    struct arena arena;
    struct sim_disk *disk;
    struct connection *writer, *reader;
    struct checkpoint checkpoint;
} scene;

static void run(struct connection *connection, const char *sql)
{
    CHECK_OK(connection_run(&scene.arena, connection, sql));
}

static int64_t number(struct connection *connection, const char *sql)
{
    int64_t value = -1;

    CHECK_OK(connection_read_i64(&scene.arena, connection, sql, &value));
    return value;
}

static void open_file(void)
{
    CHECK_OK(connection_new(&scene.arena, "disk/a.db", CONNECTION_WRITER, &scene.writer));
    CHECK_OK(connection_new(&scene.arena, "disk/a.db", CONNECTION_READER, &scene.reader));
    scene.checkpoint = (struct checkpoint){.path = "disk/a.db"};
}

static void close_file(void)
{
    connection_free(scene.reader);
    checkpoint_end(&scene.checkpoint, scene.writer);
    connection_free(scene.writer);
}

static void begin(uint64_t seed)
{
    simulation_begin(seed);
    sim_vfs_begin();
    arena_init(&scene.arena, 0);
    scene.disk = sim_disk_new("disk", seed);
    sim_vfs_mount(scene.disk);
    open_file();
    run(scene.writer, "CREATE TABLE rows (id INTEGER PRIMARY KEY, turn INTEGER, filler TEXT)");
}

static void end(void)
{
    close_file();
    sim_disk_free(scene.disk);
    arena_release(&scene.arena);
    sim_vfs_end();
    simulation_end();
}

static void crash(void)
{
    sim_disk_freeze(scene.disk);
    close_file();
    sim_disk_recover(scene.disk);
    open_file();
}

static void write_rows(int first, int turn)
{
    run(scene.writer,
        arena_printf(&scene.arena,
                     "WITH RECURSIVE n (i) AS (VALUES (%d) UNION ALL SELECT i + 1 FROM n WHERE"
                     " i < %d) INSERT OR REPLACE INTO rows SELECT i, %d, hex(zeroblob(500)) FROM n",
                     first, first + ROWS - 1, turn));
}

TEST(a_commit_whose_sync_failed_is_neither_acknowledged_nor_left_in_the_log)
{
    int unknown = 0;

    for (uint64_t change = 1; change <= 4; change++) {
        begin(change);
        uint64_t length = sim_disk_length(scene.disk, "disk/a.db-wal");
        sim_disk_fail_after(scene.disk, change, 1, SIM_DISK_BROKEN);
        struct status st = connection_run(&scene.arena, scene.writer,
                                          "INSERT INTO rows VALUES (1, 1, '')");
        if (st.reason == ARGOSY__REASON__STORE_OUTCOME_UNKNOWN) {
            unknown++;
            CHECK_INT(st.code, ==, STATUS_UNAVAILABLE);
            CHECK_INT(sim_disk_length(scene.disk, "disk/a.db-wal"), ==, length);
            CHECK_INT(number(scene.reader, "SELECT count(*) FROM rows"), ==, 0);
        }
        /* What is committed afterwards is kept, in any kind of crash. */
        sim_disk_fail_after(scene.disk, 0, 0, SIM_DISK_OK);
        run(scene.writer, "INSERT OR REPLACE INTO rows VALUES (1, 2, '')");
        crash();
        CHECK_INT(number(scene.reader, "SELECT turn FROM rows"), ==, 2);
        end();
    }
    CHECK_INT(unknown, ==, 1);
}

/* A reader lets the first checkpoint copy a part only, which SQLite does not sync. The sync of the
 * second one fails for both, at any of its changes. */
static void fail_checkpoint(uint64_t seed, uint64_t change)
{
    begin(seed);
    write_rows(1, 1);
    run(scene.reader, "BEGIN");
    CHECK_INT(number(scene.reader, "SELECT count(*) FROM rows"), ==, ROWS);
    write_rows(1 + ROWS, 2);
    checkpoint_run(&scene.checkpoint, scene.writer);
    CHECK_INT(scene.checkpoint.copied, >, 0);
    run(scene.reader, "COMMIT");

    sim_disk_fail_after(scene.disk, change, 1, SIM_DISK_BROKEN);
    checkpoint_run(&scene.checkpoint, scene.writer);
    sim_disk_fail_after(scene.disk, 0, 0, SIM_DISK_OK);
    if (seed % 2 == 0) checkpoint_run(&scene.checkpoint, scene.writer);
    if (seed % 3 == 0) write_rows(1 + 2 * ROWS, 3);
    if (seed % 5 == 0) {
        close_file();
        open_file();
    }
    crash();
    CHECK_INT(number(scene.reader, "SELECT sum(turn) FROM rows"), ==,
              ROWS * (1 + 2 + (seed % 3 == 0 ? 3 : 0)));
    CHECK_INT(number(scene.reader, "SELECT count(*) FROM pragma_integrity_check"
                                   " WHERE integrity_check = 'ok'"),
              ==, 1);
    end();
}

TEST(a_checkpoint_whose_sync_failed_copies_the_whole_log_again)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        for (uint64_t change = 1; change <= 45; change++) fail_checkpoint(seed, change);
}
