/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of SQLite on a disk that crashes: exactly the committed data must exist afterwards. */
#include "tests/sim/sim_vfs.h"

#include <sqlite3.h>

#include "base/test.h"
#include "fiber/simulation.h"

enum { ROWS = 12, TRANSACTIONS = 60, CRASHES = 3, SEEDS = 700 };

/* One database through several crashes. Transaction n sets `turns` to n and some rows to n, so that
 * after it every row is what a replay of 1..n makes it. */
static struct {
    struct sim_disk *disk;
    sqlite3 *writer, *reader;
    uint64_t random;
    int begun, committed; /* transactions; between the two, nobody knows */
} bank;

static uint64_t draw(uint64_t bound)
{
    bank.random = bank.random * 6364136223846793005u + 1442695040888963407u;
    return (bank.random >> 33) % bound;
}

static int run(sqlite3 *handle, const char *sql)
{
    return sqlite3_exec(handle, sql, NULL, NULL, NULL);
}

static bool touches(int turn, int row)
{
    return (turn * 7 + row * 3) % 4 == 0;
}

static int number(sqlite3 *handle, const char *sql)
{
    sqlite3_stmt *statement;
    int value = -1;

    if (sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) != SQLITE_OK) return -1;
    if (sqlite3_step(statement) == SQLITE_ROW) value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

/* EXTRA is FULL in WAL mode; with a journal it also syncs the folder after the commit. */
static int open_bank(const char *mode)
{
    char sql[256];
    int code = sqlite3_open_v2("disk/bank.db", &bank.writer,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);

    if (code != SQLITE_OK) return code;
    snprintf(sql, sizeof(sql),
             "PRAGMA journal_mode = %s; PRAGMA synchronous = EXTRA; PRAGMA wal_autocheckpoint = 20;"
             "PRAGMA cache_size = 8; PRAGMA temp_store = MEMORY;",
             mode);
    code = run(bank.writer, sql);
    if (code == SQLITE_OK)
        code = run(bank.writer, "BEGIN; CREATE TABLE IF NOT EXISTS turns (turn INTEGER);"
                                "CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY,"
                                " turn INTEGER, filler TEXT);"
                                "INSERT INTO turns SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM turns);"
                                "COMMIT;");
    if (code != SQLITE_OK) return code;
    return sqlite3_open_v2("disk/bank.db", &bank.reader, SQLITE_OPEN_READONLY, NULL);
}

static void close_bank(void)
{
    CHECK_INT(sqlite3_close(bank.reader), ==, SQLITE_OK);
    CHECK_INT(sqlite3_close(bank.writer), ==, SQLITE_OK);
    bank.reader = bank.writer = NULL;
}

static int transact(int turn)
{
    char sql[256];
    int code = run(bank.writer, "BEGIN IMMEDIATE");

    for (int row = 0; row < ROWS && code == SQLITE_OK; row++) {
        if (!touches(turn, row)) continue;
        snprintf(sql, sizeof(sql),
                 "INSERT OR REPLACE INTO rows VALUES (%d, %d, hex(randomblob(%d)))", row, turn,
                 (int)draw(1500));
        code = run(bank.writer, sql);
    }
    snprintf(sql, sizeof(sql), "UPDATE turns SET turn = %d", turn);
    if (code == SQLITE_OK) code = run(bank.writer, sql);
    if (code == SQLITE_OK) code = run(bank.writer, "COMMIT");
    if (code != SQLITE_OK && !sqlite3_get_autocommit(bank.writer))
        (void)run(bank.writer, "ROLLBACK");
    return code;
}

/* Goes on until TRANSACTIONS, or the first failure once the disk is frozen. */
static void work(void)
{
    while (bank.begun < TRANSACTIONS && !sim_disk_is_frozen(bank.disk)) {
        int turn = bank.committed + 1;
        bank.begun = turn;
        if (transact(turn) == SQLITE_OK) bank.committed = turn;
        if (draw(4) == 0) (void)number(bank.reader, "SELECT turn FROM turns");
    }
}

static bool rows_are_of(int turn)
{
    char sql[128];

    for (int row = 0; row < ROWS; row++) {
        int wanted = turn;
        while (wanted > 0 && !touches(wanted, row)) wanted--;
        snprintf(sql, sizeof(sql), "SELECT coalesce((SELECT turn FROM rows WHERE id = %d), 0)",
                 row);
        if (number(bank.writer, sql) != wanted) return false;
    }
    return true;
}

static bool is_whole(void)
{
    sqlite3_stmt *statement;
    bool whole = false;

    if (sqlite3_prepare_v2(bank.writer, "PRAGMA integrity_check", -1, &statement, NULL) !=
        SQLITE_OK)
        return false;
    if (sqlite3_step(statement) == SQLITE_ROW)
        whole = strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;
    sqlite3_finalize(statement);
    return whole;
}

/* Nothing that was committed is missing, and nothing is there by halves. */
static void check_bank(const char *mode)
{
    int turn;

    CHECK_INT(open_bank(mode), ==, SQLITE_OK);
    CHECK(is_whole());
    turn = number(bank.writer, "SELECT turn FROM turns");
    CHECK_INT(turn, >=, bank.committed);
    CHECK_INT(turn, <=, bank.begun);
    CHECK(rows_are_of(turn));
    bank.begun = bank.committed = turn;
}

static void crash_often(uint64_t seed, const char *mode)
{
    bank.random = seed;
    bank.begun = bank.committed = 0;
    simulation_begin(seed);
    sim_vfs_begin();
    bank.disk = sim_disk_new("disk", seed);
    sim_vfs_mount(bank.disk);
    for (int crash = 0; crash < CRASHES; crash++) {
        sim_disk_crash_after(bank.disk, 1 + draw(200), NULL, NULL);
        if (open_bank(mode) == SQLITE_OK) work();
        sim_disk_freeze(bank.disk);
        close_bank();
        sim_disk_recover(bank.disk);
        check_bank(mode);
        close_bank();
    }
    sim_disk_free(bank.disk);
    sim_vfs_end();
    simulation_end();
}

TEST(commits_survive_any_crash_with_a_log)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) crash_often(seed, "WAL");
}

TEST(commits_survive_any_crash_with_a_journal)
{
    for (uint64_t seed = 1; seed <= SEEDS / 3; seed++) crash_often(seed, "DELETE");
}

TEST(a_full_disk_refuses_and_loses_nothing)
{
    for (uint64_t seed = 1; seed <= SEEDS / 5; seed++) {
        bank.random = seed;
        bank.begun = bank.committed = 0;
        simulation_begin(seed);
        sim_vfs_begin();
        bank.disk = sim_disk_new("disk", seed);
        sim_vfs_mount(bank.disk);
        CHECK_INT(open_bank("WAL"), ==, SQLITE_OK);
        sim_disk_fail_after(bank.disk, 1 + draw(50), 1 + draw(10),
                            draw(2) ? SIM_DISK_FULL : SIM_DISK_BROKEN);
        work();
        CHECK_INT(bank.committed, ==, TRANSACTIONS);
        CHECK_INT(number(bank.reader, "SELECT turn FROM turns"), ==, TRANSACTIONS);
        close_bank();
        check_bank("WAL");
        close_bank();
        sim_disk_free(bank.disk);
        sim_vfs_end();
        simulation_end();
    }
}

/* The counterpart: the disk does forget, else the tests above would show nothing. */
TEST(without_a_sync_commits_are_lost)
{
    int lost = 0;

    for (uint64_t seed = 1; seed <= 40; seed++) {
        bank.random = seed;
        bank.begun = bank.committed = 0;
        simulation_begin(seed);
        sim_vfs_begin();
        bank.disk = sim_disk_new("disk", seed);
        sim_vfs_mount(bank.disk);
        CHECK_INT(open_bank("WAL"), ==, SQLITE_OK);
        CHECK_INT(run(bank.writer, "PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0"), ==,
                  SQLITE_OK);
        work();
        sim_disk_freeze(bank.disk);
        close_bank();
        sim_disk_recover(bank.disk);
        if (open_bank("WAL") == SQLITE_OK)
            lost += number(bank.writer, "SELECT turn FROM turns") < TRANSACTIONS;
        close_bank();
        sim_disk_free(bank.disk);
        sim_vfs_end();
        simulation_end();
    }
    CHECK_INT(lost, >=, 10);
}
