/* SPDX-License-Identifier: Apache-2.0 */
/* Tests that a process killed while it writes loses no acknowledged commit.
 *
 * The child writes rows from many fibers and reports each acknowledged one through a pipe; the
 * parent kills it at some moment, opens the file and looks for them. (A kill does not lose pages
 * that the kernel has. Syncing commits is up to SQLite's synchronous=FULL; here only the setting is
 * checked.) */
#include "store/sqlite/sqlite_testing.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIBERS = 24, CRASHES = 10, ROWS_MAX = 1 << 20 };

static const char *const schema[] = {
    "CREATE TABLE row (id INTEGER PRIMARY KEY, text TEXT NOT NULL);"
    "CREATE TABLE total (n INTEGER NOT NULL); INSERT INTO total VALUES (0);",
    0,
};

static bool acknowledged[ROWS_MAX];
static int next_id, pipe_end;

static struct status insert(const struct call *call, struct sqlite_tx *tx, void *data)
{
    int id = *(int *)data;
    struct status st;

    st = sqlite_exec(tx, 0, "INSERT INTO row VALUES (?, ?)", "it", id,
                     arena_printf(call->arena, "text of %d", id));
    if (failed(st)) return st;
    return sqlite_exec(tx, 0, "UPDATE total SET n = n + 1", "");
}

static void write_until_killed(struct call *call, int number)
{
    for (;;) {
        int id = ++next_id;
        struct status st = sqlite_write(call, scene.db, insert, &id);
        if (failed(st) || write(pipe_end, &id, sizeof(id)) != sizeof(id)) _exit(3);
    }
}

static void run_child(const char *path, int first_id, int fd)
{
    next_id = first_id;
    pipe_end = fd;
    if (failed(scene_try(1, path, schema))) _exit(2);
    scene_play(FIBERS, write_until_killed);
    _exit(4);
}

/* Reads acknowledgements until the pipe ends; kills the child after kill_ms. Returns their number.
 */
static int listen_and_kill(pid_t child, int fd, int kill_ms)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    int count = 0, id, status;

    /* The time runs from the first row, so that a slow start does not use it up. */
    poll(&waiting, 1, 20000);
    usleep((useconds_t)kill_ms * 1000);
    kill(child, SIGKILL);
    while (read(fd, &id, sizeof(id)) == sizeof(id)) {
        CHECK(id > 0 && id < ROWS_MAX);
        acknowledged[id] = true;
        count++;
    }
    close(fd);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    return count;
}

static int64_t missing, rows_found, total, last_id;

static void look_for_all(struct call *call, int number)
{
    struct sqlite_rows rows;

    missing = 0;
    for (int id = 1; id < ROWS_MAX; id++) {
        if (!acknowledged[id]) continue;
        EXPECT_OK(sqlite_read(call, scene.db, &rows, "SELECT text FROM row WHERE id = ?", "i", id));
        missing += !sqlite_next(&rows);
        sqlite_end(&rows);
    }
    rows_found = scene_number(call, "SELECT count(*) FROM row");
    last_id = scene_number(call, "SELECT coalesce(max(id), 0) FROM row");
    total = scene_number(call, "SELECT n FROM total");
}

TEST(nothing_acknowledged_is_missing_after_a_kill)
{
    char path[64];
    int all = 0;

    scene_folder(path);
    last_id = 0;
    for (int crash = 0; crash < CRASHES; crash++) {
        int ends[2];
        pid_t child;

        CHECK(pipe(ends) == 0);
        child = fork();
        CHECK(child >= 0);
        if (child == 0) run_child(path, (int)last_id, ends[1]);
        close(ends[1]);
        all += listen_and_kill(child, ends[0], 5 + crash * 13 % 60);

        scene_open(1, path, schema);
        CHECK_OK(sqlite_verify(&scene.arena, scene.db));
        scene_play(1, look_for_all);
        scene_close();
        CHECK_INT(missing, ==, 0);
        CHECK_INT(rows_found, ==, total); /* both statements of each job, or none */
    }
    scene_remove(path);
    CHECK_INT(all, >, CRASHES);
    CHECK_INT(rows_found, >=, all);
}

TEST(commits_are_synced_in_full)
{
    char path[64];
    int64_t level = 0;

    scene_folder(path);
    scene_open(1, path, schema);
    CHECK_OK(connection_read_i64(&scene.arena, writer_connection(scene.db->writer),
                                 "PRAGMA synchronous", &level));
    scene_close();
    scene_remove(path);
    CHECK_INT(level, ==, 2);
}
