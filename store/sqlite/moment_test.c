/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of consistent copies of several databases. */
#include "store/sqlite/moment.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reasons.pb-c.h"
#include "store/sqlite/sqlite_testing.h"

static const char *const counter[] = {
    "CREATE TABLE counter (value INTEGER); INSERT INTO counter VALUES (0);"
    "CREATE TABLE filling (text BLOB); INSERT INTO filling VALUES (randomblob(300000));",
    0,
};

/* Databases between the two, so that some time passes between reading the first and the last. */
enum { FILLERS = 20 };

static struct {
    char first[64], second[64], copy[80], other[80], fillers[FILLERS][64];
    atomic_bool running;
    int64_t written;
} place;

static int64_t read_number(const char *path, const char *sql)
{
    sqlite3 *handle = 0;
    sqlite3_stmt *statement = 0;
    int64_t number = -1;

    CHECK(sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, 0) == SQLITE_OK);
    CHECK(sqlite3_prepare_v2(handle, sql, -1, &statement, 0) == SQLITE_OK);
    if (sqlite3_step(statement) == SQLITE_ROW) number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(handle);
    return number;
}

static void make_database(char path[64])
{
    scene_folder(path);
    scene_open(1, path, counter);
    scene_close();
}

static void make_databases(void)
{
    make_database(place.first);
    make_database(place.second);
    snprintf(place.copy, sizeof(place.copy), "%s.copy", place.first);
    snprintf(place.other, sizeof(place.other), "%s.copy", place.second);
}

static void remove_databases(void)
{
    unlink(place.copy);
    unlink(place.other);
    scene_remove(place.first);
    scene_remove(place.second);
}

static sqlite3 *open_raw(const char *path)
{
    sqlite3 *handle = 0;

    CHECK(sqlite3_open(path, &handle) == SQLITE_OK);
    sqlite3_busy_timeout(handle, 10000);
    CHECK(sqlite3_exec(handle, "PRAGMA synchronous = OFF", 0, 0, 0) == SQLITE_OK);
    return handle;
}

/* Counts in the first database, then in the second: they never differ by more than one. */
static void *write_both(void *data)
{
    static const char add[] = "UPDATE counter SET value = value + 1";
    sqlite3 *first = open_raw(place.first), *second = open_raw(place.second);

    while (place.running) {
        CHECK(sqlite3_exec(first, add, 0, 0, 0) == SQLITE_OK);
        CHECK(sqlite3_exec(second, add, 0, 0, 0) == SQLITE_OK);
        place.written++;
    }
    sqlite3_close(first);
    sqlite3_close(second);
    return data;
}

/* The last becomes `other`. */
static void copy_both(struct arena *arena, const char *first, const char *last)
{
    const char *paths[FILLERS + 2] = {first};
    struct sqlite_progress nobody = {0};
    struct sqlite_moment *moment;

    for (int i = 0; i < FILLERS; i++) paths[i + 1] = place.fillers[i];
    paths[FILLERS + 1] = last;
    CHECK_OK(sqlite_moment_new(arena, paths, FILLERS + 2, &moment));
    CHECK_OK(sqlite_moment_copy(arena, moment, 0, place.copy, &nobody));
    usleep(500); /* writers continue between two copies */
    CHECK_OK(sqlite_moment_copy(arena, moment, FILLERS + 1, place.other, &nobody));
    sqlite_moment_free(moment);
}

TEST(copies_of_two_databases_are_of_one_moment)
{
    pthread_t writer;
    struct arena arena;
    int64_t version;

    make_databases();
    for (int i = 0; i < FILLERS; i++) make_database(place.fillers[i]);
    arena_init(&arena, 0);
    place.running = true;
    pthread_create(&writer, 0, write_both, 0);
    for (int round = 0; round < 60; round++) {
        /* In both orders: copying one after the other would show in one of them. */
        bool turned = round % 2;
        copy_both(&arena, turned ? place.second : place.first, turned ? place.first : place.second);
        int64_t one = read_number(place.copy, "SELECT value FROM counter");
        int64_t two = read_number(place.other, "SELECT value FROM counter");
        int64_t apart = turned ? two - one : one - two;
        CHECK(apart == 0 || apart == 1);
        CHECK_OK(sqlite_check_copy(&arena, place.copy, &version));
        CHECK(version == 1);
        unlink(place.copy);
        unlink(place.other);
    }
    place.running = false;
    pthread_join(writer, 0);
    CHECK(place.written > 60);
    CHECK(read_number(place.first, "SELECT value FROM counter") == place.written);
    for (int i = 0; i < FILLERS; i++) scene_remove(place.fillers[i]);
    arena_release(&arena);
    remove_databases();
}

static void note_progress(void *data, int64_t copied)
{
    int64_t *last = data;

    CHECK(copied >= *last);
    *last = copied;
}

TEST(a_copy_is_private_and_complete_and_reports_progress)
{
    const char *paths[] = {place.first};
    struct sqlite_moment *moment;
    struct arena arena;
    struct stat file;
    int64_t copied = 0;
    struct sqlite_progress progress = {note_progress, &copied};

    make_databases();
    arena_init(&arena, 0);
    CHECK_OK(sqlite_moment_new(&arena, paths, 1, &moment));
    CHECK_OK(sqlite_moment_copy(&arena, moment, 0, place.copy, &progress));
    CHECK(stat(place.copy, &file) == 0 && (file.st_mode & 07777) == 0600);
    CHECK(file.st_size == sqlite_moment_size(moment, 0) && file.st_size > 300000);
    CHECK(copied == file.st_size);
    CHECK(sqlite_moment_version(moment, 0) == 1);
    CHECK(failed(sqlite_moment_copy(&arena, moment, 0, place.copy, &progress))); /* there */
    sqlite_moment_free(moment);
    arena_release(&arena);
    remove_databases();
}

TEST(a_missing_or_foreign_database_is_refused)
{
    const char *paths[] = {place.first, place.second};
    struct sqlite_moment *moment;
    struct arena arena;

    make_databases();
    arena_init(&arena, 0);
    read_number(place.second, "PRAGMA application_id = 7");
    CHECK(sqlite_moment_new(&arena, paths, 2, &moment).code == STATUS_FAILED_PRECONDITION);
    unlink(place.second);
    CHECK(sqlite_moment_new(&arena, paths, 2, &moment).code == STATUS_NOT_FOUND);
    arena_release(&arena);
    remove_databases();
}

TEST(a_damaged_copy_is_found)
{
    const char *paths[] = {place.first};
    struct sqlite_progress nobody = {0};
    struct sqlite_moment *moment;
    struct arena arena;
    int64_t version;

    make_databases();
    arena_init(&arena, 0);
    CHECK_OK(sqlite_moment_new(&arena, paths, 1, &moment));
    CHECK_OK(sqlite_moment_copy(&arena, moment, 0, place.copy, &nobody));
    sqlite_moment_free(moment);
    CHECK(truncate(place.copy, 100 * 1024) == 0);
    struct status st = sqlite_check_copy(&arena, place.copy, &version);
    CHECK(st.code == STATUS_DATA_LOSS && st.reason == ARGOSY__REASON__STORE_DAMAGED);
    arena_release(&arena);
    remove_databases();
}
