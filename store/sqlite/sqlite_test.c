/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of statements, values, jobs and their errors, one fiber at a time. */
#include "store/sqlite/sqlite_testing.h"

#include <sys/stat.h>
#include <unistd.h>

static const char *const schema[] = {
    "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n INTEGER NOT NULL DEFAULT 0 "
    "CHECK (n >= 0),"
    " price REAL, picture BLOB);"
    "CREATE TABLE part (id INTEGER PRIMARY KEY, item INTEGER REFERENCES item (id),"
    " later INTEGER REFERENCES item (id) DEFERRABLE INITIALLY DEFERRED);",
    0,
};

/* Runs fn on one fiber with a new database. */
static void play(void (*fn)(struct call *call, int number))
{
    scene_open(1, ":memory:", schema);
    scene_play(1, fn);
    scene_close();
}

static struct status insert_every_kind(const struct call *call, struct sqlite_tx *tx, void *data)
{
    static const char *const sql =
        "INSERT INTO item (id, name, n, price, picture) VALUES (?, ?, ?, ?, ?)";
    struct status st;
    int changes = 0;

    st = sqlite_exec(tx, &changes, sql, "ltidb", (int64_t)1 << 40, "Ærlig \"ship\"", 7, 19.99,
                     str_sized("\0\xff\0", 3));
    EXPECT(changes == 1);
    if (!failed(st)) st = sqlite_exec(tx, 0, sql, "isiib", 2, STR("a\0b"), 0, 0, STR(""));
    if (!failed(st)) st = sqlite_exec(tx, 0, sql, "itlnn", 3, (const char *)0, (int64_t)1);
    if (!failed(st)) st = sqlite_exec(tx, 0, sql, "isinn", 4, (struct str){0}, 1);
    return st;
}

static void check_every_kind(struct call *call, int number)
{
    struct sqlite_rows rows;

    EXPECT_OK(sqlite_write(call, scene.db, insert_every_kind, 0));
    EXPECT_OK(sqlite_read(call, scene.db, &rows,
                          "SELECT id, name, n, price, picture FROM item ORDER BY n DESC, id", ""));
    EXPECT(sqlite_next(&rows));
    EXPECT(sqlite_column_i64(&rows, 0) == (int64_t)1 << 40);
    EXPECT(strcmp(sqlite_column_text(&rows, 1), "Ærlig \"ship\"") == 0);
    EXPECT(sqlite_column_i64(&rows, 2) == 7);
    EXPECT(sqlite_column_double(&rows, 3) == 19.99);
    EXPECT(str_equal(sqlite_column_blob(&rows, 4), str_sized("\0\xff\0", 3)));

    EXPECT(sqlite_next(&rows));
    EXPECT(sqlite_column_i64(&rows, 0) == 3);
    EXPECT(sqlite_column_is_null(&rows, 1));
    EXPECT(strcmp(sqlite_column_text(&rows, 1), "") == 0);
    EXPECT(sqlite_column_is_null(&rows, 3) && sqlite_column_is_null(&rows, 4));

    EXPECT(sqlite_next(&rows));
    EXPECT(sqlite_column_i64(&rows, 0) == 4);
    EXPECT(!sqlite_column_is_null(&rows, 1)); /* an empty str is the empty text */

    EXPECT(sqlite_next(&rows));
    EXPECT(str_equal(sqlite_column_view(&rows, 1), STR("a\0b")));
    EXPECT(!sqlite_column_is_null(&rows, 4) && sqlite_column_blob(&rows, 4).length == 0);
    EXPECT(!sqlite_next(&rows));
    EXPECT_OK(rows.status);
    EXPECT(!sqlite_next(&rows)); /* past the end it stays at the end */
}

TEST(values_of_every_kind_come_back)
{
    play(check_every_kind);
}

static void expect_status(struct status st, enum status_code code, int reason)
{
    if (st.code != code || st.reason != reason)
        printf("  got %s, reason %d: %s\n", status_code_name(st.code), st.reason, st.message);
    EXPECT(st.code == code && st.reason == reason);
    EXPECT(!failed(st) || st.message);
}

static void check_constraints(struct call *call, int number)
{
    EXPECT_OK(scene_write(call, "INSERT INTO item (id, name) VALUES (1, 'a')"));
    expect_status(scene_write(call, "INSERT INTO item (id) VALUES (1)"), STATUS_ALREADY_EXISTS, 0);
    expect_status(scene_write(call, "INSERT INTO item (name) VALUES ('a')"), STATUS_ALREADY_EXISTS,
                  0);
    expect_status(scene_write(call, "UPDATE item SET n = -1"), STATUS_FAILED_PRECONDITION, 0);
    expect_status(scene_write(call, "INSERT INTO part (item) VALUES (99)"),
                  STATUS_FAILED_PRECONDITION, 0);
    expect_status(scene_write(call, "INSERT INTO part (later) VALUES (99)"),
                  STATUS_FAILED_PRECONDITION, 0);
    expect_status(scene_write(call, "UPDATE item SET n = NULL"), STATUS_INTERNAL, 0);
    EXPECT(scene_number(call, "SELECT count(*) FROM part") == 0);
    EXPECT(scene_number(call, "SELECT count(*) FROM item") == 1);
}

TEST(constraints_are_translated)
{
    play(check_constraints);
}

static struct status run_bad_formats(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct sqlite_rows rows;

    expect_status(sqlite_exec(tx, 0, "DELETE FROM item WHERE id = ?", ""), STATUS_INTERNAL, 0);
    expect_status(sqlite_exec(tx, 0, "DELETE FROM item WHERE id = ?", "ii", 1, 2), STATUS_INTERNAL,
                  0);
    expect_status(sqlite_exec(tx, 0, "DELETE FROM item WHERE id = ?", "x", 1), STATUS_INTERNAL, 0);
    expect_status(sqlite_exec(tx, 0, "DELETE FROM item; DELETE FROM part", ""), STATUS_INTERNAL, 0);
    expect_status(sqlite_query(tx, &rows, "SELEKT 1", ""), STATUS_INTERNAL, 0);
    EXPECT(!sqlite_next(&rows));
    sqlite_end(&rows);
    expect_status(sqlite_exec(tx, 0, "", ""), STATUS_INTERNAL, 0);
    return sqlite_exec(tx, 0, "INSERT INTO item (id) VALUES (1);  \n", "");
}

static void check_bad_formats(struct call *call, int number)
{
    EXPECT_OK(sqlite_write(call, scene.db, run_bad_formats, 0));
    EXPECT(scene_number(call, "SELECT count(*) FROM item") == 1);
}

TEST(formats_must_fit_their_statement)
{
    play(check_bad_formats);
}

static struct status insert_then_fail(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct sqlite_rows rows;
    struct status st;

    st = sqlite_exec(tx, 0, "INSERT INTO item (id, name) VALUES (5, 'gone')", "");
    if (failed(st)) return st;
    st = sqlite_query(tx, &rows, "SELECT name FROM item WHERE id = ?", "i", 5);
    if (failed(st)) return st;
    EXPECT(sqlite_next(&rows)); /* sees its own row, and leaves the query open */
    return status_printf(call->arena, STATUS_NOT_FOUND, ARGOSY__REASON__PRODUCT_NOT_FOUND, "no %s",
                         sqlite_column_text(&rows, 0));
}

static void check_failed_job(struct call *call, int number)
{
    struct status st;

    EXPECT_OK(scene_write(call, "INSERT INTO item (id) VALUES (1)"));
    st = sqlite_write(call, scene.db, insert_then_fail, 0);
    expect_status(st, STATUS_NOT_FOUND, ARGOSY__REASON__PRODUCT_NOT_FOUND);
    EXPECT(strcmp(st.message, "no gone") == 0);
    EXPECT(scene_number(call, "SELECT count(*) FROM item") == 1);
}

TEST(a_failed_job_is_rolled_back_and_its_status_is_the_answer)
{
    play(check_failed_job);
}

static void check_open_rows(struct call *call, int number)
{
    static const char *const sql =
        "WITH RECURSIVE c (x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c WHERE x < 3)"
        " SELECT x FROM c";
    struct sqlite_rows outer, inner;
    int pairs = 0;

    EXPECT_OK(sqlite_read(call, scene.db, &outer, sql, ""));
    while (sqlite_next(&outer)) {
        EXPECT_OK(sqlite_read(call, scene.db, &inner, sql, ""));
        while (sqlite_next(&inner))
            pairs += sqlite_column_i64(&outer, 0) <= sqlite_column_i64(&inner, 0);
    }
    EXPECT(pairs == 6);

    EXPECT_OK(sqlite_read(call, scene.db, &outer, sql, ""));
    EXPECT(sqlite_next(&outer));
    EXPECT_OK(fiber_sleep(call, 1000)); /* which is not allowed now */
    EXPECT(!sqlite_next(&outer));
    EXPECT(sqlite_column_i64(&outer, 0) == 0);
    expect_status(outer.status, STATUS_INTERNAL, 0);
    EXPECT(scene.db->readers[0].connection->busy == 0);
    EXPECT(scene_number(call, "SELECT 7") == 7);
}

TEST(queries_nest_but_do_not_survive_a_suspension)
{
    play(check_open_rows);
}

static void check_statements(struct call *call, int number)
{
    struct connection *connection;
    char text[64];
    int filled;

    EXPECT(scene_number(call, "SELECT 1") == 1);
    connection = scene.db->readers[0].connection;
    filled = connection->filled;
    for (int i = 0; i < 100; i++) EXPECT(scene_number(call, "SELECT 2") == 2);
    EXPECT(connection->filled == filled + 1);

    /* The same address with a different text. */
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof(text), "SELECT %d", i * 11);
        EXPECT(scene_number(call, text) == i * 11);
    }
}

TEST(statements_are_prepared_once_and_distinguished_by_text)
{
    play(check_statements);
}

static void check_many_statements(struct call *call, int number)
{
    enum { MANY = STATEMENTS_MAX * 3 };
    char *texts[MANY];

    for (int i = 0; i < MANY; i++) texts[i] = arena_printf(call->arena, "SELECT %d", i);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < MANY; i++) EXPECT(scene_number(call, texts[i]) == i);
    EXPECT(scene.db->readers[0].connection->filled <= STATEMENTS_MAX);
}

TEST(more_statements_than_fit_replace_each_other)
{
    play(check_many_statements);
}

static void check_too_many_open(struct call *call, int number)
{
    static const char *const sql = "SELECT 1 UNION SELECT 2";
    struct sqlite_rows rows[STATEMENTS_MAX];
    struct status st = status_ok();
    int open = 0;

    while (open < STATEMENTS_MAX && !failed(st)) {
        st = sqlite_read(call, scene.db, &rows[open], sql, "");
        if (!failed(st)) EXPECT(sqlite_next(&rows[open++]));
    }
    for (int i = 0; i < open; i++) sqlite_end(&rows[i]);
    EXPECT(open > STATEMENTS_MAX / 2);
    EXPECT(scene_number(call, sql) == 1);
}

TEST(open_queries_have_a_limit)
{
    play(check_too_many_open);
}

static sqlite3 *open_outside(void)
{
    sqlite3 *handle;

    invariant(sqlite3_open(scene.db->path, &handle) == SQLITE_OK);
    return handle;
}

static void run_outside(sqlite3 *handle, const char *sql)
{
    EXPECT(sqlite3_exec(handle, sql, 0, 0, 0) == SQLITE_OK);
}

static void check_generation(struct call *call, int number)
{
    sqlite3 *outside = open_outside();
    uint64_t first, second, third;

    first = sqlite_generation(call, scene.db);
    EXPECT(first != 0);
    EXPECT(first == sqlite_generation(call, scene.db));
    EXPECT_OK(fiber_sleep(call, 1000));
    EXPECT(first == sqlite_generation(call, scene.db));

    EXPECT_OK(scene_write(call, "INSERT INTO item (id) VALUES (1)"));
    second = sqlite_generation(call, scene.db);
    EXPECT(second != first);
    EXPECT_OK(fiber_sleep(call, 1000));
    EXPECT(second == sqlite_generation(call, scene.db));

    run_outside(outside, "INSERT INTO item (id) VALUES (2)");
    EXPECT_OK(fiber_sleep(call, 1000));
    third = sqlite_generation(call, scene.db);
    EXPECT(third != second);
    EXPECT(scene_number(call, "SELECT count(*) FROM item") == 2);
    EXPECT_OK(fiber_sleep(call, 1000));
    EXPECT(third == sqlite_generation(call, scene.db));
    sqlite3_close(outside);
}

TEST(generation_changes_with_commits_of_this_and_other_processes_only)
{
    play(check_generation);
}

static void check_outside_twice(struct call *call, int number)
{
    sqlite3 *outside = open_outside();
    uint64_t before = sqlite_generation(call, scene.db);

    for (int i = 1; i <= 6; i++) {
        run_outside(outside, "INSERT INTO item DEFAULT VALUES");
        EXPECT_OK(fiber_sleep(call, 1000));
        uint64_t after = sqlite_generation(call, scene.db);
        EXPECT(after != before);
        before = after;
    }
    sqlite3_close(outside);
}

TEST(each_of_several_successive_changes_from_outside_is_noticed)
{
    play(check_outside_twice);
}

static void check_turn(struct call *call, int number)
{
    sqlite3 *outside = open_outside();

    EXPECT(scene_number(call, "SELECT count(*) FROM item") == 0);
    run_outside(outside, "INSERT INTO item (id) VALUES (1)");
    EXPECT(scene_number(call, "SELECT count(*) FROM item") == 0);
    EXPECT_OK(fiber_sleep(call, 1000));
    EXPECT(scene_number(call, "SELECT count(*) FROM item") == 1);
    sqlite3_close(outside);
}

TEST(reads_of_one_turn_see_one_state)
{
    play(check_turn);
}

static int refuse_commit(void *data)
{
    return ++*(int *)data == 1;
}

static void check_commit_failure(struct call *call, int number)
{
    uint64_t before = sqlite_generation(call, scene.db);
    struct sqlite_stats stats;
    struct status st;
    int commits = 0;

    sqlite3_commit_hook(writer_connection(scene.db->writer)->handle, refuse_commit, &commits);
    st = scene_write(call, "INSERT INTO item (id) VALUES (1)");
    EXPECT(failed(st) && st.message);
    EXPECT(before == sqlite_generation(call, scene.db));
    EXPECT(scene_number(call, "SELECT count(*) FROM item") == 0);
    EXPECT_OK(scene_write(call, "INSERT INTO item (id) VALUES (2)"));
    EXPECT(scene_number(call, "SELECT id FROM item") == 2);
    sqlite_stats(scene.db, &stats);
    EXPECT(stats.commits == 1 && stats.jobs == 2 && stats.jobs_failed == 1);
}

TEST(a_failed_commit_fails_its_jobs_and_the_next_one_works)
{
    play(check_commit_failure);
}

static void check_full_and_readonly(struct call *call, int number)
{
    static const char *const big = "INSERT INTO item (picture) VALUES (zeroblob(200000))";

    EXPECT_OK(scene_write(call, "PRAGMA max_page_count = 30"));
    expect_status(scene_write(call, big), STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__STORE_FULL);
    EXPECT_OK(scene_write(call, "INSERT INTO item (id) VALUES (1)"));
    EXPECT_OK(scene_write(call, "PRAGMA max_page_count = 100000"));
    EXPECT_OK(scene_write(call, big));

    EXPECT_OK(scene_write(call, "PRAGMA query_only = 1"));
    EXPECT(scene_write(call, "DELETE FROM item").code == STATUS_UNAVAILABLE);
    sqlite3_exec(writer_connection(scene.db->writer)->handle, "PRAGMA query_only = 0", 0, 0, 0);
    EXPECT(scene_number(call, "SELECT count(*) FROM item") == 2);
}

TEST(a_full_and_a_readonly_store_are_distinguished)
{
    play(check_full_and_readonly);
}

static void check_busy(struct call *call, int number)
{
    sqlite3 *outside = open_outside();

    sqlite3_busy_timeout(writer_connection(scene.db->writer)->handle, 20);
    run_outside(outside, "BEGIN IMMEDIATE");
    expect_status(scene_write(call, "INSERT INTO item (id) VALUES (1)"), STATUS_UNAVAILABLE,
                  ARGOSY__REASON__STORE_BUSY);
    EXPECT(scene_number(call, "SELECT count(*) FROM item") == 0); /* readers continue */
    run_outside(outside, "COMMIT");
    EXPECT_OK(scene_write(call, "INSERT INTO item (id) VALUES (1)"));
    sqlite3_close(outside);
}

TEST(another_process_that_writes_for_too_long_makes_us_unavailable)
{
    play(check_busy);
}

static struct status collect(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct str *ret_text = data;
    struct sqlite_rows rows;
    struct status st;

    st = sqlite_query(tx, &rows, "SELECT group_concat(name, '+') FROM item WHERE name >= ?", "t",
                      "a");
    if (failed(st)) return st;
    if (sqlite_next(&rows)) *ret_text = str_of(sqlite_column_text(&rows, 0));
    sqlite_end(&rows);
    return rows.status;
}

static struct status count_for_ever(const struct call *call, struct sqlite_tx *tx, void *data)
{
    struct sqlite_rows rows;
    struct status st;

    st = sqlite_query(
        tx, &rows,
        "WITH RECURSIVE c (x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c",
        "");
    if (failed(st)) return st;
    EXPECT(!sqlite_next(&rows));
    return rows.status;
}

static void check_scan(struct call *call, int number)
{
    struct call child;
    struct str text = {0};

    EXPECT_OK(scene_write(call, "INSERT INTO item (name) VALUES ('a'), ('b')"));
    EXPECT_OK(sqlite_scan(call, scene.db, collect, &text));
    EXPECT(str_is(text, "a+b"));
    EXPECT_OK(scene_write(call, "INSERT INTO item (name) VALUES ('c')"));
    EXPECT_OK(sqlite_scan(call, scene.db, collect, &text));
    EXPECT(str_is(text, "a+b+c"));
    EXPECT(failed(sqlite_scan(call, scene.db, scene_sql, (void *)(uintptr_t) "DELETE FROM item")));

    call_init_child(&child, call, 50);
    expect_status(sqlite_scan(&child, scene.db, count_for_ever, 0), STATUS_DEADLINE_EXCEEDED, 0);
    EXPECT_OK(sqlite_scan(call, scene.db, collect, &text));
    EXPECT(str_is(text, "a+b+c"));
}

static void scan_for_ever(struct call *call, void *data)
{
    expect_status(sqlite_scan(call, scene.db, count_for_ever, 0), STATUS_CANCELLED, 0);
}

static void cancel_scan(struct call *call, int number)
{
    struct fiber_group group = {0};
    struct str text;

    EXPECT_OK(fiber_group_start(call, &group, scan_for_ever, 0));
    EXPECT_OK(fiber_sleep(call, 20000)); /* a thread is running it by now */
    fiber_group_cancel(&group);
    fiber_group_wait(call, &group);
    EXPECT_OK(sqlite_scan(call, scene.db, collect, &text));
}

TEST(a_cancelled_scan_ends_at_once)
{
    play(cancel_scan);
}

TEST(scans_see_commits_cannot_write_and_end_at_the_deadline)
{
    play(check_scan);
}

enum { MIB = 1024 * 1024 };

static int64_t file_size(const char *ending)
{
    char path[128];
    struct stat file;

    snprintf(path, sizeof(path), "%s%s", scene.db->path, ending);
    EXPECT(stat(path, &file) == 0);
    return file.st_size;
}

static void grow(struct call *call, int number)
{
    for (int i = 0; i < 400; i++) {
        EXPECT_OK(scene_write(
            call, "INSERT OR REPLACE INTO item (id, picture) VALUES (1, randomblob(200000))"));
        EXPECT(scene_number(call, "SELECT length(picture) FROM item") == 200000);
    }
    EXPECT(file_size("-wal") < 24 * MIB); /* of 80 MB that went through it */
}

TEST(the_log_is_checkpointed_while_the_store_is_written)
{
    play(grow);
}

static void rest(struct call *call, int number)
{
    /* At once: a pause between writes is one in which the log is copied. */
    EXPECT_OK(scene_write(call, "INSERT INTO item (picture) VALUES (randomblob(6000000))"));
    for (int i = 0; i < 500 && file_size("") <= 5 * MIB; i++) EXPECT_OK(fiber_sleep(call, 10000));
    EXPECT(file_size("") > 5 * MIB);
}

TEST(the_log_is_checkpointed_when_there_are_no_writes_for_a_while)
{
    play(rest);
}

static void read_folder(struct call *call, int number)
{
    EXPECT(scene_number(call, "SELECT 1") == 1);
}

TEST(a_memory_database_leaves_nothing_behind)
{
    char folder[128];

    scene_open(1, ":memory:", schema);
    snprintf(folder, sizeof(folder), "%s", scene.db->directory);
    scene_play(1, read_folder);
    CHECK(access(folder, F_OK) == 0);
    scene_close();
    CHECK(access(folder, F_OK) != 0);
}

/* ---- announcing commits ---- */

static _Atomic int told;

/* On the writer thread. */
static void count_announced(void *data)
{
    told++;
}

static struct status insert_and_tell(const struct call *call, struct sqlite_tx *tx, void *data)
{
    const int *fails = data;
    struct status st;

    sqlite_tell_commit(tx);
    st = sqlite_exec(tx, 0, "INSERT INTO item (name) VALUES (NULL)", "");
    return *fails ? status_make(STATUS_ABORTED, 0, "no") : st;
}

static void check_telling(struct call *call, int number)
{
    int fails = 0;

    told = 0;
    sqlite_on_commit(scene.db, count_announced, 0);
    EXPECT_OK(scene_write(call, "INSERT INTO item (name) VALUES ('a')"));
    EXPECT(told == 0);
    EXPECT_OK(sqlite_write(call, scene.db, insert_and_tell, &fails));
    EXPECT(told == 1);
    fails = 1;
    EXPECT(sqlite_write(call, scene.db, insert_and_tell, &fails).code == STATUS_ABORTED);
    EXPECT(told == 1);
}

TEST(a_commit_is_announced_if_a_job_asked_for_it)
{
    play(check_telling);
}
