/* SPDX-License-Identifier: Apache-2.0 */
/* libpq has no SQLSTATE for a connection that was not made, but with PQERRORS_VERBOSE its text
 * contains the server's: "FATAL:  28P01: password authentication failed ...". What libpq itself and
 * PgBouncer say has none, and is always English (this program sets no locale), so it is known by its
 * words. */
#include "store/postgres/refusal.h"

#include <string.h>

#include "reasons.pb-c.h"

enum { STATE_LENGTH = 5 };

/* What to do about a refusal, by the beginning of its SQLSTATE or by libpq's words. */
struct refusal {
    const char *sign;
    const char *advice;
};

static const struct refusal by_state[] = {
    {"28P01", "correct the user and password in the store's URL or file, or in the server"},
    {"28", "correct the user in the store's URL, or admit it in the server (CREATE ROLE, "
           "pg_hba.conf)"},
    {"3D000", "correct the database in the store's URL, or create it"},
    {"42501", "give the user the right to connect to the database (GRANT CONNECT)"},
    {"42704", "correct the options in the store's URL"},
    {"22023", "correct the options in the store's URL"},
};

static const struct refusal by_words[] = {
    {"certificate verify failed",
     "let sslrootcert in the store's URL name the authority that signed the server's certificate, "
     "or renew the certificate if it has expired"},
    {"does not match host name",
     "use the name in the certificate as the host in the store's URL, or issue a certificate for "
     "this host"},
    {"could not get server's host name",
     "use the name in the certificate as the host in the store's URL"},
    {"root certificate",
     "let sslrootcert in the store's URL name a readable file with the authorities"},
    {"private key file",
     "let sslkey in the store's URL name a key that only this program may read"},
    {"certificate file", "correct sslcert and sslkey in the store's URL"},
    {"alert unknown ca", "let sslcert be signed by an authority that the server knows"},
    {"alert certificate", "give the store's URL a certificate that the server accepts (sslcert)"},
    {"does not support SSL", "turn TLS on in the server (ssl=on), or choose another sslmode"},
    {"no password supplied",
     "write the password into the store's URL or file, or into PGPASSWORD or a passfile"},
    {"unsupported startup parameter", "add pgbouncer=true to the store's URL"},
    {"authentication failed",
     "correct the user and password in the store's URL or file, or in the server"},
};

/* The SQLSTATE in libpq's text: after the severity, a colon and two spaces. */
static const char *find_state(const char *text)
{
    static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    for (const char *at = strstr(text, ":  "); at; at = strstr(at + 1, ":  ")) {
        const char *state = at + strlen(":  ");
        if (strspn(state, capitals) == STATE_LENGTH && state[STATE_LENGTH] == ':') return state;
    }
    return NULL;
}

static const char *find_advice(const char *text)
{
    const char *state = find_state(text);

    for (size_t i = 0; state && i < sizeof(by_state) / sizeof(by_state[0]); i++)
        if (strncmp(state, by_state[i].sign, strlen(by_state[i].sign)) == 0)
            return by_state[i].advice;
    for (size_t i = 0; i < sizeof(by_words) / sizeof(by_words[0]); i++)
        if (strstr(text, by_words[i].sign)) return by_words[i].advice;
    return NULL;
}

struct status postgres_connect_status(struct arena *arena, const char *text)
{
    const char *advice = find_advice(text);
    int length = (int)strcspn(text, "\n");

    if (!advice)
        return status_printf(arena, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE, "%.*s",
                             length, text);
    return status_printf(arena, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_REFUSED, "%.*s; %s",
                         length, text, advice);
}
