/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of traces and request ids. */
#include "base/trace.h"

#include "base/test.h"
#include "base/uuid.h"

static const char given[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(a_new_trace_has_ids)
{
    struct trace first, second;
    char text[TRACEPARENT_SIZE];

    trace_start(&first);
    trace_start(&second);
    CHECK(first.sampled);
    CHECK(memcmp(first.trace_id, second.trace_id, 16) != 0);
    CHECK(memcmp(first.span_id, second.span_id, 8) != 0);
    CHECK(uuid_is_valid(str_of(first.request_id)));
    CHECK(strcmp(first.request_id, second.request_id) != 0);
    trace_format(&first, text);
    CHECK_INT(strlen(text), ==, TRACEPARENT_SIZE - 1);
}

TEST(a_trace_goes_on_in_a_new_span)
{
    struct trace trace;
    char text[TRACEPARENT_SIZE];

    trace_continue(str_of(given), STR("req-1.A_b:2"), &trace);
    trace_format(&trace, text);
    CHECK(memcmp(text, given, 36) == 0);
    CHECK(memcmp(text + 36, given + 36, 16) != 0);
    CHECK_STR(text + 52, "-01");
    CHECK_STR(trace.request_id, "req-1.A_b:2");

    trace_continue(STR("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"), STR(""), &trace);
    trace_format(&trace, text);
    CHECK(!trace.sampled);
    CHECK_STR(text + 52, "-00");
    CHECK(uuid_is_valid(str_of(trace.request_id)));
}

static bool is_taken_over(const char *traceparent)
{
    static const uint8_t id[] = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6,
                                 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36};
    struct trace trace;

    trace_continue(str_of(traceparent), STR("r"), &trace);
    CHECK_STR(trace.request_id, "r");
    return memcmp(trace.trace_id, id, sizeof(id)) == 0;
}

TEST(invalid_traceparents_start_a_new_trace)
{
    CHECK(is_taken_over(given));
    CHECK(is_taken_over("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"));
    CHECK(!is_taken_over(""));
    CHECK(!is_taken_over("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0"));
    CHECK(!is_taken_over("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"));
    CHECK(!is_taken_over("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more"));
    CHECK(!is_taken_over("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
    CHECK(!is_taken_over("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"));
    CHECK(!is_taken_over("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"));
    CHECK(!is_taken_over("00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01"));
    CHECK(!is_taken_over("00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
}

TEST(a_trace_of_zeros_starts_a_new_trace)
{
    struct trace trace;

    trace_continue(STR("00-00000000000000000000000000000000-00f067aa0ba902b7-01"), STR(""), &trace);
    CHECK(trace.trace_id[15] != 0);
}

static bool is_kept(struct str request_id)
{
    struct trace trace;

    trace_continue(STR(""), request_id, &trace);
    return str_is(request_id, trace.request_id);
}

TEST(request_ids_are_kept_if_they_are_well_formed)
{
    char longest[TRACE_REQUEST_ID_MAX + 1];

    memset(longest, 'x', sizeof(longest));
    CHECK(is_kept(STR("a")));
    CHECK(is_kept(str_sized(longest, TRACE_REQUEST_ID_MAX)));
    CHECK(!is_kept(str_sized(longest, TRACE_REQUEST_ID_MAX + 1)));
    CHECK(!is_kept(STR("a b")));
    CHECK(!is_kept(STR("a\nb")));
    CHECK(!is_kept(STR("a\0b")));
    CHECK(!is_kept(STR("\xc3\xa9")));
    CHECK(!is_kept(STR("\"")));
}
