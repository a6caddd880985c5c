/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of statuses and of the mappings to and from HTTP. */
#include "base/status.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/test.h"

TEST(zeros_are_ok)
{
    struct status st = {0};

    CHECK(!failed(st));
    CHECK(!failed(status_ok()));
    CHECK(failed(status_make(STATUS_CANCELLED, 0, "stopped")));
}

TEST(codes_have_their_names)
{
    for (int code = 0; code < STATUS_CODE_COUNT; code++)
        CHECK((code == STATUS_UNKNOWN) ==
              (strcmp(status_code_name((enum status_code)code), "UNKNOWN") == 0));
    CHECK_STR(status_code_name(STATUS_UNAUTHENTICATED), "UNAUTHENTICATED");
    CHECK_STR(status_code_name((enum status_code)17), "UNKNOWN");
    CHECK_STR(status_code_name((enum status_code) - 1), "UNKNOWN");
}

/* google/rpc/code.proto, code by code. */
TEST(codes_map_to_http)
{
    static const int http[STATUS_CODE_COUNT] = {200, 499, 500, 400, 504, 404, 409, 403, 429,
                                                400, 409, 400, 501, 500, 503, 500, 401};

    for (int code = 0; code < STATUS_CODE_COUNT; code++)
        CHECK_INT(status_http((enum status_code)code), ==, http[code]);
    CHECK_INT(status_http((enum status_code)99), ==, 500);
}

TEST(http_of_a_peer_without_grpc_maps_to_codes)
{
    CHECK_INT(status_from_http(400), ==, STATUS_INTERNAL);
    CHECK_INT(status_from_http(401), ==, STATUS_UNAUTHENTICATED);
    CHECK_INT(status_from_http(403), ==, STATUS_PERMISSION_DENIED);
    CHECK_INT(status_from_http(404), ==, STATUS_UNIMPLEMENTED);
    CHECK_INT(status_from_http(429), ==, STATUS_UNAVAILABLE);
    CHECK_INT(status_from_http(502), ==, STATUS_UNAVAILABLE);
    CHECK_INT(status_from_http(503), ==, STATUS_UNAVAILABLE);
    CHECK_INT(status_from_http(504), ==, STATUS_UNAVAILABLE);
    CHECK_INT(status_from_http(200), ==, STATUS_UNKNOWN);
    CHECK_INT(status_from_http(500), ==, STATUS_UNKNOWN);
}

TEST(messages_are_printed)
{
    struct arena arena;

    arena_init(&arena, 0);
    struct status st = status_printf(&arena, STATUS_NOT_FOUND, 7, "no product %s", "p-1");
    CHECK_INT(st.code, ==, STATUS_NOT_FOUND);
    CHECK_INT(st.reason, ==, 7);
    CHECK_STR(st.message, "no product p-1");
    CHECK(!st.details);

    st = status_errno(&arena, ENOENT, "cannot open a.db");
    CHECK_INT(st.code, ==, STATUS_INTERNAL);
    CHECK_STR(st.message, "cannot open a.db: No such file or directory");
    st = status_errno(&arena, ENOSPC, "cannot write a.db");
    CHECK_STR(st.message, "cannot write a.db: No space left on device; make room on the disk");
    arena_release(&arena);
}

TEST(a_field_is_named_in_message_and_details)
{
    struct arena arena;

    arena_init(&arena, 0);
    struct status st = status_field(&arena, 1, "items[2].quantity", "must be at most %d", 99);
    CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_STR(st.message, "items[2].quantity: must be at most 99");
    CHECK_INT(st.details->violation_count, ==, 1);
    CHECK_STR(st.details->violations[0].field, "items[2].quantity");
    CHECK_STR(st.details->violations[0].description, "must be at most 99");
    arena_release(&arena);
}

TEST(a_copy_outlives_its_original)
{
    struct arena brief, lasting;

    arena_init(&brief, 0);
    arena_init(&lasting, 0);
    struct status st = status_field(&brief, 3, "name", "is too long");
    struct status copy = status_dup(&lasting, st);
    struct status plain = status_dup(&lasting, status_ok());
    arena_release(&brief);

    CHECK(!failed(plain) && !plain.message);
    CHECK_INT(copy.reason, ==, 3);
    CHECK_STR(copy.message, "name: is too long");
    CHECK_STR(copy.details->violations[0].field, "name");
    CHECK_STR(copy.details->violations[0].description, "is too long");
    arena_release(&lasting);
}

TEST(a_broken_invariant_ends_the_process)
{
    int result;
    pid_t child = fork();

    if (child == 0) {
        fclose(stderr);
        invariant(child != 0);
        _exit(0);
    }
    CHECK(waitpid(child, &result, 0) == child);
    CHECK(WIFSIGNALED(result) && WTERMSIG(result) == SIGABRT);
}
