/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grpc-timeout. */
#include "base/test.h"
#include "rpc/timeout.h"

static int64_t parsed(const char *text)
{
    int64_t timeout_us;

    return rpc_timeout_parse(str_of(text), &timeout_us) ? timeout_us : -1;
}

TEST(units)
{
    CHECK_INT(parsed("5S"), ==, 5000000);
    CHECK_INT(parsed("250m"), ==, 250000);
    CHECK_INT(parsed("7u"), ==, 7);
    CHECK_INT(parsed("3000n"), ==, 3);
    CHECK_INT(parsed("2M"), ==, 120000000);
    CHECK_INT(parsed("1H"), ==, 3600000000);
    CHECK_INT(parsed("0S"), ==, 1); /* has passed already, which is different from no deadline */
    CHECK(parsed("99999999H") > 0);
}

TEST(anything_else_is_refused)
{
    const char *bad[] = {"",    "S",   "5",          "5s",   "-1S", "+1S",
                         " 1S", "1S ", "123456789m", "1.5S", "1SS"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) CHECK_INT(parsed(bad[i]), ==, -1);
}

TEST(formats_what_it_parses)
{
    const int64_t values[] = {1, 999, 1000, 30000000, 99999999, 3600000000, 123456789012345};
    char text[RPC_TIMEOUT_TEXT_SIZE];

    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        rpc_timeout_format(values[i], text);
        int64_t back = parsed(text);
        CHECK(back <= values[i] && back >= values[i] - values[i] / 1000);
    }
    rpc_timeout_format(-5, text);
    CHECK_STR(text, "1u");
}
