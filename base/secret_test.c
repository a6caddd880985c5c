/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of secrets: given, made, raced for, and refused. */
#include "base/secret.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "base/test.h"

static char directory[] = "/tmp/argosy-secret-XXXXXX";
static struct arena arena;

static const char *fresh_directory(void)
{
    arena_init(&arena, 0);
    memcpy(directory + sizeof(directory) - 7, "XXXXXX", 6);
    return mkdtemp(directory);
}

static void remove_directory(void)
{
    unlink(arena_printf(&arena, "%s/key", directory));
    rmdir(directory);
    arena_release(&arena);
}

TEST(a_given_secret_is_taken_as_it_is)
{
    const char *text;

    fresh_directory();
    CHECK_OK(secret_load(&arena, "mine", directory, "key", &text));
    CHECK_STR(text, "mine");
    CHECK(access(arena_printf(&arena, "%s/key", directory), F_OK) != 0);
    remove_directory();
}

TEST(a_missing_secret_is_made_once_and_only_for_its_owner)
{
    const char *first, *second;
    struct stat info;

    fresh_directory();
    CHECK_OK(secret_load(&arena, "", directory, "key", &first));
    CHECK_OK(secret_load(&arena, "", directory, "key", &second));
    CHECK_INT(strlen(first), ==, 2 * SECRET_SIZE);
    CHECK_STR(first, second);
    CHECK(stat(arena_printf(&arena, "%s/key", directory), &info) == 0);
    CHECK_INT(info.st_mode & 0777, ==, 0600);
    remove_directory();
}

TEST(processes_that_race_read_one_secret)
{
    enum { PROCESSES = 8 };
    int answers[2];
    char seen[PROCESSES][2 * SECRET_SIZE];

    fresh_directory();
    CHECK(pipe(answers) == 0);
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() != 0) continue;
        const char *text = "";
        struct status st = secret_load(&arena, "", directory, "key", &text);
        _exit(failed(st) || write(answers[1], text, 2 * SECRET_SIZE) != 2 * SECRET_SIZE);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int result;
        CHECK(wait(&result) > 0 && result == 0);
        CHECK(read(answers[0], seen[i], sizeof(seen[i])) == sizeof(seen[i]));
        CHECK(memcmp(seen[i], seen[0], sizeof(seen[i])) == 0);
    }
    close(answers[0]);
    close(answers[1]);
    remove_directory();
}

TEST(a_file_left_by_a_crashed_process_with_this_id_does_no_harm)
{
    const char *text;

    fresh_directory();
    const char *left = arena_printf(&arena, "%s/key.%ld", directory, (long)getpid());
    FILE *file = fopen(left, "w");
    CHECK(file != 0);
    fclose(file);
    CHECK_OK(secret_load(&arena, "", directory, "key", &text));
    CHECK(unlink(left) == 0);
    remove_directory();
}

TEST(a_file_that_holds_no_key_or_is_open_to_others_is_refused)
{
    const char *text;

    fresh_directory();
    const char *path = arena_printf(&arena, "%s/key", directory);
    FILE *file = fopen(path, "w");
    CHECK(file != 0);
    fputs("short\n", file);
    fclose(file);
    CHECK(chmod(path, 0600) == 0);
    CHECK_INT(secret_load(&arena, "", directory, "key", &text).code, ==,
              STATUS_FAILED_PRECONDITION);

    CHECK(unlink(path) == 0);
    CHECK_OK(secret_load(&arena, "", directory, "key", &text));
    CHECK(chmod(path, 0644) == 0);
    CHECK_INT(secret_load(&arena, "", directory, "key", &text).code, ==,
              STATUS_FAILED_PRECONDITION);
    remove_directory();
}
