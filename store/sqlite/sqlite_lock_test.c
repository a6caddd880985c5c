/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the lock that admits one process per database. */
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "base/test.h"
#include "store/sqlite/lock.h"

static struct arena arena;
static char path[64];

static void begin(void)
{
    char folder[32] = "/tmp/sqlite_lock_test_XXXXXX";

    arena_init(&arena, 0);
    CHECK(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/shop.db", folder);
}

static void end(void)
{
    char name[80];

    snprintf(name, sizeof(name), "%s.lock", path);
    CHECK(remove(name) == 0);
    *strrchr(path, '/') = 0;
    CHECK(rmdir(path) == 0);
    arena_release(&arena);
}

static struct sqlite_lock *try(struct sqlite_holder *ret_holder)
{
    struct sqlite_lock *lock = 0;

    CHECK_OK(sqlite_lock_try(&arena, path, &lock, ret_holder));
    return lock;
}

/* A process that has the lock until it is killed; returns when it has it. */
static pid_t start_holder(void)
{
    struct sqlite_holder holder;
    int ready[2];
    char byte;

    CHECK(pipe(ready) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct sqlite_lock *lock = try(&holder);
        sqlite_lock_announce(lock, "127.0.0.1:5003");
        if (write(ready[1], lock ? "y" : "n", 1) == 1) pause();
        _exit(1);
    }
    CHECK(read(ready[0], &byte, 1) == 1 && byte == 'y');
    close(ready[0]);
    close(ready[1]);
    return pid;
}

TEST(a_second_process_learns_of_the_first_until_that_one_is_killed)
{
    struct sqlite_holder holder = {0};

    begin();
    pid_t pid = start_holder();
    CHECK(!try(&holder));
    CHECK(holder.pid == pid);
    CHECK_STR(holder.address, "127.0.0.1:5003");
    kill(pid, SIGKILL);
    CHECK(waitpid(pid, 0, 0) == pid);
    struct sqlite_lock *lock = try(&holder);
    CHECK(lock);
    sqlite_lock_free(lock);
    end();
}

TEST(a_lock_is_exclusive_within_a_process_too_and_can_be_released)
{
    struct sqlite_holder holder = {0};

    begin();
    struct sqlite_lock *first = try(&holder);
    CHECK(first && !try(&holder));
    CHECK(holder.pid == getpid());
    CHECK_STR(holder.address, "");
    sqlite_lock_free(first);
    struct sqlite_lock *second = try(&holder);
    CHECK(second);
    sqlite_lock_free(second);
    end();
}

TEST(a_missing_folder_of_the_lock_is_named)
{
    struct sqlite_holder holder;
    struct sqlite_lock *lock;

    arena_init(&arena, 0);
    struct status st = sqlite_lock_try(&arena, "/no/such/shop.db", &lock, &holder);
    CHECK(st.code == STATUS_FAILED_PRECONDITION && strstr(st.message, "/no/such/shop.db.lock"));
    arena_release(&arena);
}

/* Counting takes a lock that all threads share. The shop takes its databases' locks before it opens
 * the first one. */
TEST(sqlite_does_not_count_its_memory_though_a_lock_is_the_first_to_use_it)
{
    struct sqlite_holder holder;

    begin();
    struct sqlite_lock *lock = try(&holder);
    void *memory = sqlite3_malloc(4096);
    CHECK(memory && sqlite3_memory_used() == 0);
    sqlite3_free(memory);
    sqlite_lock_free(lock);
    end();
}
