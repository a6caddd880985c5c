/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of statuses written to trailers and read back. */
#include "base/test.h"
#include "rpc/rpc_status.h"
#include "reasons.pb-c.h"

static struct arena arena;

static struct status there_and_back(struct status st)
{
    struct http_headers trailers = {0};
    struct status back = {0};

    rpc_status_write(&arena, st, &trailers);
    EXPECT(rpc_status_read(&arena, &trailers, &back));
    return back;
}

TEST(ok_is_one_header)
{
    arena_init(&arena, 0);
    struct http_headers trailers = {0};

    rpc_status_write(&arena, status_ok(), &trailers);
    CHECK_INT(trailers.count, ==, 1);
    CHECK(str_is(http_headers_get(&trailers, "grpc-status"), "0"));
    CHECK(!failed(there_and_back(status_ok())));
    arena_release(&arena);
}

TEST(messages_are_percent_encoded)
{
    arena_init(&arena, 0);
    struct http_headers trailers = {0};
    const char *text = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n 100%";

    rpc_status_write(&arena, status_make(STATUS_UNKNOWN, 0, text), &trailers);
    CHECK(str_starts_with(http_headers_get(&trailers, "grpc-message"),
                          STR("%09%0Atest with whitespace%0D%0Aand Unicode BMP %E2%98%BA")));
    CHECK_STR(there_and_back(status_make(STATUS_UNKNOWN, 0, text)).message, text);
    arena_release(&arena);
}

TEST(every_code_comes_back)
{
    arena_init(&arena, 0);
    for (int code = 0; code < STATUS_CODE_COUNT; code++)
        CHECK_INT(there_and_back(status_make((enum status_code)code, 0, "x")).code, ==, code);
    arena_release(&arena);
}

TEST(details_come_back)
{
    arena_init(&arena, 0);
    struct field_violation violations[] = {{"items[2].quantity", "must be positive"},
                                           {"name", "is too long"}};
    struct status_details details = {violations, 2, 1500};
    struct status st = status_make(STATUS_INVALID_ARGUMENT, ARGOSY__REASON__INVALID_FIELDS, "no");

    st.details = &details;
    st = there_and_back(st);
    CHECK_INT(st.code, ==, STATUS_INVALID_ARGUMENT);
    CHECK_INT(st.reason, ==, ARGOSY__REASON__INVALID_FIELDS);
    CHECK_STR(st.message, "no");
    CHECK(st.details != NULL);
    CHECK_INT(st.details->violation_count, ==, 2);
    CHECK_STR(st.details->violations[0].field, "items[2].quantity");
    CHECK_STR(st.details->violations[1].description, "is too long");
    CHECK_INT(st.details->retry_after_ms, ==, 1500);
    arena_release(&arena);
}

TEST(foreign_trailers_are_accepted_as_they_are)
{
    arena_init(&arena, 0);
    struct http_headers trailers = {0};
    struct status st;

    CHECK(!rpc_status_read(&arena, &trailers, &st));
    CHECK_OK(http_headers_add(&arena, &trailers, STR("grpc-status"), STR("99")));
    CHECK_OK(http_headers_add(&arena, &trailers, STR("grpc-message"), STR("broken %zz escape")));
    CHECK_OK(http_headers_add(&arena, &trailers, STR("grpc-status-details-bin"), STR("//////8")));
    CHECK(rpc_status_read(&arena, &trailers, &st));
    CHECK_INT(st.code, ==, STATUS_UNKNOWN);
    CHECK_STR(st.message, "broken %zz escape");
    CHECK(st.details && st.details->violation_count == 0 && st.reason == 0);
    arena_release(&arena);
}

/* Details that this program does not understand, and a reason of another system, are passed on
 * unchanged. */
TEST(details_of_a_peer_are_kept)
{
    arena_init(&arena, 0);
    static const char encoded[] = "CAkSAm5vGhwKEnguZXhhbXBsZS9zaG9wLkFnZRIGCgR0ZXN0";
    struct http_headers trailers = {0}, again = {0};
    const struct rpc_detail *details;
    struct status st;

    CHECK_OK(http_headers_add(&arena, &trailers, STR("grpc-status"), STR("9")));
    CHECK_OK(http_headers_add(&arena, &trailers, STR("grpc-status-details-bin"), str_of(encoded)));
    CHECK(rpc_status_read(&arena, &trailers, &st));
    st = status_dup(&arena, st);
    rpc_status_write(&arena, st, &again);
    CHECK(str_is(http_headers_get(&again, "grpc-status-details-bin"), encoded));
    CHECK_INT(rpc_status_peer_details(&arena, st, &details), ==, 1);
    CHECK(str_is(details[0].type_url, "x.example/shop.Age"));
    arena_release(&arena);
}

TEST(reasons_have_names)
{
    CHECK_STR(rpc_reason_name(ARGOSY__REASON__LOGIN_REQUIRED), "LOGIN_REQUIRED");
    CHECK_STR(rpc_reason_name(0), "");
    CHECK_STR(rpc_reason_name(99999), "");
}
