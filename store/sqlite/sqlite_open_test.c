/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of opening: new files, migrations, and files that must be refused. */
#include "store/sqlite/sqlite_testing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const one[] = {
    "CREATE TABLE item (id INTEGER PRIMARY KEY); INSERT INTO item VALUES (1);",
    0,
};
static const char *const two[] = {
    "CREATE TABLE item (id INTEGER PRIMARY KEY); INSERT INTO item VALUES (1);",
    "ALTER TABLE item ADD COLUMN name TEXT; INSERT INTO item VALUES (2, 'second');",
    0,
};
static const char *const broken[] = {
    "CREATE TABLE item (id INTEGER PRIMARY KEY); INSERT INTO item VALUES (1);",
    "INSERT INTO item VALUES (3); INSERT INTO nowhere VALUES (1);",
    0,
};

static int64_t counted;

static void count_items(struct call *call, int number)
{
    counted = scene_number(call, "SELECT count(*) FROM item");
}

/* How many items the file has after it was opened. */
static int64_t items_of(const char *path, const char *const *migrations)
{
    scene_open(1, path, migrations);
    scene_play(1, count_items);
    scene_close();
    return counted;
}

/* The status of an attempt to open that must fail with a message that names the file. */
static struct status refusal_of(const char *path, const char *const *migrations)
{
    static char message[512];
    struct status st = scene_try(1, path, migrations);

    snprintf(message, sizeof(message), "%s", st.message ? st.message : "");
    st.message = message;
    scene_close();
    if (!failed(st) || !strstr(message, path)) {
        printf("  got %s: %s\n", status_code_name(st.code), message);
        test_failures++;
    }
    return st;
}

TEST(a_new_file_is_private_and_migrated)
{
    char path[64];
    struct stat file;

    scene_folder(path);
    CHECK_INT(items_of(path, one), ==, 1);
    CHECK(stat(path, &file) == 0);
    CHECK_INT(file.st_mode & 0777, ==, 0600);
    scene_remove(path);
}

TEST(each_migration_runs_once)
{
    char path[64];

    scene_folder(path);
    CHECK_INT(items_of(path, one), ==, 1);
    CHECK_INT(items_of(path, one), ==, 1);
    CHECK_INT(items_of(path, two), ==, 2);
    CHECK_INT(items_of(path, two), ==, 2);
    scene_remove(path);
}

TEST(a_file_that_cannot_be_written_is_refused)
{
    char path[64], folder[64];
    bool root = geteuid() == 0; /* who may write everything */
    struct status st;

    scene_folder(path);
    CHECK_INT(items_of(path, one), ==, 1);
    snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
    CHECK(chmod(folder, 0777) == 0 && chmod(path, 0444) == 0);
    if (root) CHECK(seteuid(65534) == 0);
    st = refusal_of(path, one);
    if (root) CHECK(seteuid(0) == 0);
    CHECK_INT(st.code, ==, STATUS_UNAVAILABLE);
    CHECK(strstr(st.message, "cannot be written; check the permissions"));
    scene_remove(path);
}

TEST(a_file_of_a_newer_program_is_refused)
{
    char path[64];
    struct status st;

    scene_folder(path);
    CHECK_INT(items_of(path, two), ==, 2);
    st = refusal_of(path, one);
    CHECK_INT(st.code, ==, STATUS_FAILED_PRECONDITION);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__STORE_NEWER);
    CHECK_INT(items_of(path, two), ==, 2);
    scene_remove(path);
}

/* As refusal_of, for an opening that changes nothing; OK if it succeeds. */
static struct status try_prepared(struct arena *arena, const char *path,
                                  const char *const *migrations)
{
    struct shards *shards = shards_new(1);
    struct sqlite *db = 0;

    struct status st = sqlite_open_prepared(arena, shards, path, migrations, &db);
    if (!failed(st)) sqlite_close(db);
    shards_free(shards);
    return st;
}

TEST(a_file_that_is_to_be_prepared_by_others_is_not_changed)
{
    struct arena arena = {0};
    char path[64];
    struct status st;

    scene_folder(path);
    st = try_prepared(&arena, path, one);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__STORE_NOT_PREPARED);
    CHECK(strstr(st.message, path) && strstr(st.message, "argosy store prepare"));
    CHECK(access(path, F_OK) != 0);

    CHECK_INT(items_of(path, one), ==, 1);
    CHECK(!failed(try_prepared(&arena, path, one)));
    st = try_prepared(&arena, path, two);
    CHECK_INT(st.code, ==, STATUS_FAILED_PRECONDITION);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__STORE_NOT_PREPARED);
    CHECK(strstr(st.message, "1 of 2 migrations"));
    CHECK_INT(items_of(path, two), ==, 2);
    CHECK(!failed(try_prepared(&arena, path, two)));
    CHECK_INT(try_prepared(&arena, path, one).reason, ==, ARGOSY__REASON__STORE_NEWER);
    scene_remove(path);
    arena_release(&arena);
}

TEST(a_failed_migration_leaves_the_file_as_it_was)
{
    char path[64];
    struct status st;

    scene_folder(path);
    CHECK_INT(items_of(path, one), ==, 1);
    st = refusal_of(path, broken);
    CHECK_INT(st.code, ==, STATUS_INTERNAL);
    CHECK(strstr(st.message, "migration 2"));
    CHECK(strstr(st.message, "no such table: nowhere"));
    CHECK_INT(items_of(path, two), ==, 2);
    scene_remove(path);
}

TEST(a_file_of_another_program_is_refused)
{
    char path[64];
    sqlite3 *handle;

    scene_folder(path);
    CHECK(sqlite3_open(path, &handle) == SQLITE_OK);
    CHECK(sqlite3_exec(handle, "CREATE TABLE bookmarks (url)", 0, 0, 0) == SQLITE_OK);
    sqlite3_close(handle);
    CHECK_INT(refusal_of(path, one).code, ==, STATUS_FAILED_PRECONDITION);
    scene_remove(path);
}

static void overwrite(const char *path, off_t offset, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);

    invariant(fd >= 0 && pwrite(fd, text, strlen(text), offset) == (ssize_t)strlen(text));
    close(fd);
}

TEST(a_damaged_header_is_data_loss)
{
    char path[64];
    struct status st;

    scene_folder(path);
    CHECK_INT(items_of(path, one), ==, 1);
    overwrite(path, 0, "this is no database at all");
    st = refusal_of(path, one);
    CHECK_INT(st.code, ==, STATUS_DATA_LOSS);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__STORE_DAMAGED);
    CHECK(strstr(st.message, "backup"));
    scene_remove(path);
}

static void fill(struct call *call, int number)
{
    EXPECT_OK(scene_write(
        call, "WITH RECURSIVE c (x) AS (VALUES (10) UNION ALL SELECT x + 1 FROM c WHERE x < 5000)"
              " INSERT INTO item SELECT x FROM c"));
}

static struct status found;

static void read_damaged(struct call *call, int number)
{
    struct sqlite_rows rows;

    found = sqlite_read(call, scene.db, &rows, "SELECT sum(id) FROM item", "");
    if (!failed(found)) {
        while (sqlite_next(&rows)) continue;
        found = rows.status;
    }
}

TEST(a_damaged_page_is_found_by_verify_and_by_reading)
{
    static char garbage[2000];
    char path[64];
    struct status st;

    memset(garbage, 'g', sizeof(garbage) - 1);
    scene_folder(path);
    scene_open(1, path, one);
    scene_play(1, fill);
    CHECK_OK(sqlite_verify(&scene.arena, scene.db));
    scene_close();

    overwrite(path, 3 * 4096, garbage);
    scene_open(1, path, one);
    st = sqlite_verify(&scene.arena, scene.db);
    CHECK_INT(st.code, ==, STATUS_DATA_LOSS);
    CHECK(strstr(st.message, path));
    scene_play(1, read_damaged);
    CHECK_INT(found.code, ==, STATUS_DATA_LOSS);
    scene_close();
    scene_remove(path);
}

TEST(a_missing_folder_is_named)
{
    struct status st = refusal_of("/tmp/there is no such folder/shop.db", one);

    CHECK_INT(st.code, ==, STATUS_FAILED_PRECONDITION);
    CHECK(strstr(st.message, "folder"));
}

TEST(a_folder_instead_of_a_file_is_refused)
{
    CHECK(failed(refusal_of("/tmp", one)));
}

static void use_two(struct call *call, int number)
{
    EXPECT_OK(scene_write(call, "INSERT INTO item VALUES (77)"));
    EXPECT(scene_number(call, "SELECT max(id) FROM item") == 77);
}

TEST(closing_removes_the_log)
{
    char path[64], log_path[80];

    scene_folder(path);
    snprintf(log_path, sizeof(log_path), "%s-wal", path);
    scene_open(2, path, one);
    scene_play(2, count_items);
    scene_play(1, use_two);
    CHECK(access(log_path, F_OK) == 0);
    scene_close();
    CHECK(access(log_path, F_OK) != 0);
    CHECK_INT(items_of(path, one), ==, 2);
    scene_remove(path);
}

TEST(no_file_is_mapped_into_memory)
{
    char path[64];
    int64_t mapped = -1;

    scene_folder(path);
    scene_open(1, path, one);
    CHECK_OK(connection_read_i64(&scene.arena, writer_connection(scene.db->writer),
                                 "PRAGMA mmap_size", &mapped));
    scene_close();
    scene_remove(path);
    CHECK_INT(mapped, ==, 0);
}
