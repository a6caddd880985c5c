/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of writing: all bytes, or an error. */
#include "base/file.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/test.h"

static void check_content(int file, const char *expected)
{
    char text[32] = "";

    CHECK_INT(pread(file, text, sizeof(text) - 1, 0), ==, (ssize_t)strlen(expected));
    CHECK_STR(text, expected);
}

TEST(all_bytes_are_written)
{
    int file = memfd_create("file_test", MFD_CLOEXEC);

    CHECK(file >= 0);
    CHECK(file_write_all(file, STR("")));
    CHECK(file_write_all(file, STR("one ")));
    CHECK(file_write_all(file, STR("two")));
    check_content(file, "one two");
    close(file);
}

/* The first call writes four bytes only, and the next one none. */
TEST(a_write_that_cannot_go_on_fails)
{
    int file = memfd_create("file_test", MFD_CLOEXEC);
    struct rlimit before, limit;

    CHECK(file >= 0);
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), ==, 0);
    limit = before;
    limit.rlim_cur = 4;
    signal(SIGXFSZ, SIG_IGN);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    bool written = file_write_all(file, STR("one two"));
    int error = errno;
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), ==, 0);
    CHECK(!written);
    CHECK_INT(error, ==, EFBIG);
    check_content(file, "one ");
    close(file);
}
