/* SPDX-License-Identifier: Apache-2.0 */
/* What libpq's errors about new connections mean. */
#include "store/postgres/refusal.h"

#include <string.h>

#include "base/test.h"
#include "reasons.pb-c.h"

TEST(a_refusal_is_told_from_a_server_that_is_away)
{
    static const struct {
        const char *text, *advice; /* NULL: the server is away */
    } cases[] = {
        {"connection to server at \"db\", port 5432 failed: FATAL:  28P01: password authentication "
         "failed for user \"ann\"\nLOCATION:  auth_failed, auth.c:326\n",
         "correct the user and password"},
        {"FATAL:  28P01: das Passwort war falsch", "correct the user and password"},
        {"FATAL:  28000: role \"ann\" does not exist", "admit it in the server"},
        {"FATAL:  3D000: database \"shop\" does not exist", "or create it"},
        {"connection to server at \"db\", port 5432 failed: SSL error: certificate verify failed",
         "sslrootcert"},
        {"server certificate for \"a\" does not match host name \"b\"", "use the name"},
        {"fe_sendauth: no password supplied", "write the password"},
        {"FATAL:  08P01: unsupported startup parameter: options", "pgbouncer=true"},
        {"FATAL:  57P03: the database system is starting up", NULL},
        {"FATAL:  53300: sorry, too many clients already", NULL},
        {"connection to server at \"db\", port 5432 failed: Connection refused", NULL},
        {"", NULL},
        {":  28", NULL},
        {"FATAL:  28P0", NULL},
    };
    struct arena arena = {0};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct status st = postgres_connect_status(&arena, cases[i].text);
        CHECK_INT(st.code, ==, STATUS_UNAVAILABLE);
        CHECK_INT(st.reason, ==,
                  cases[i].advice ? ARGOSY__REASON__STORE_REFUSED
                                  : ARGOSY__REASON__STORE_UNREACHABLE);
        CHECK(!cases[i].advice || strstr(st.message, cases[i].advice));
        CHECK(!strchr(st.message, '\n'));
    }
    arena_release(&arena);
}
