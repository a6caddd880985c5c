/* SPDX-License-Identifier: Apache-2.0 */
/* Which of our statuses an error of libmongoc or of the server is. */
#include "store/mongodb/error.h"

#include "base/status.h"
#include "reasons.pb-c.h"
#include "store/mongodb/document.h"

/* The server's error codes (error_codes.yml of the server's source). */
enum {
    CODE_UNAUTHORIZED = 13,
    CODE_AUTHENTICATION_FAILED = 18,
    CODE_NAMESPACE_NOT_FOUND = 26,
    CODE_MAX_TIME_EXPIRED = 50,
    CODE_WRITE_CONCERN_FAILED = 64,
    CODE_WRITE_CONFLICT = 112,
    CODE_DUPLICATE_KEY = 11000,
    CODE_DUPLICATE_KEY_ON_UPDATE = 11001,
    CODE_OUT_OF_DISK = 14031,
};

/* The server is there, but is not the primary, or shuts down, and did nothing. */
static bool says_elsewhere(int64_t code)
{
    return code == 10107 || code == 13435 || code == 13436 || code == 91 || code == 189;
}

/* The same, perhaps after it had begun. */
static bool says_interrupted(int64_t code)
{
    return code == 11600 || code == 11602 || code == 6 || code == 7 || code == 89 || code == 9001 ||
           code == 262;
}

static struct status unreachable(struct arena *arena, const char *name)
{
    return status_printf(arena, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE,
                         "the %s service's store cannot be reached; try again later", name);
}

struct status mongodb_outcome_unknown(struct arena *arena, const char *name)
{
    return status_printf(
        arena, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_OUTCOME_UNKNOWN,
        "the %s service's store did not confirm the change, so whether it was made "
        "is not known; repeat the request with the same Idempotency-Key, or read "
        "before you repeat it",
        name);
}

static struct status lost_connection(struct arena *arena, const struct mongodb_result *result)
{
    if (result->writes) return mongodb_outcome_unknown(arena, result->name);
    if (!result->late) return unreachable(arena, result->name);
    return status_printf(arena, STATUS_DEADLINE_EXCEEDED, 0,
                         "the %s service's store did not answer in time; try again later",
                         result->name);
}

static struct status refused_user(struct arena *arena, const char *name)
{
    return status_printf(
        arena, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_REFUSED,
        "MongoDB refuses the user of the %s service's store; correct the user, the "
        "password and authSource in the store's URL or file, or the user's roles",
        name);
}

bool mongodb_is_login_refused(const bson_error_t *error)
{
    switch (error->domain) {
    case MONGOC_ERROR_SCRAM:
    case MONGOC_ERROR_SASL: return true;
    case MONGOC_ERROR_CLIENT: return error->code == MONGOC_ERROR_CLIENT_AUTHENTICATE;
    case MONGOC_ERROR_SERVER: return error->code == CODE_AUTHENTICATION_FAILED;
    default: return false;
    }
}

/* Why libmongoc can use no server, in OpenSSL's words or its own, and what to do. */
static const struct {
    const char *words, *advice;
} tls_refusals[] = {
    {"certificate has expired", "renew the server's certificate"},
    {"ismatch",
     "use the names in the certificates as the hosts in the store's URL and as the members "
     "of the replica set, or issue certificates for these hosts"},
    {"alert", "give the store's URL a certificate that the server accepts (tlsCertificateKeyFile)"},
    {"certificate verify failed",
     "let tlsCAFile in the store's URL name the authority that signed the "
     "server's certificate"},
    {"initialize TLS", "let tlsCAFile and tlsCertificateKeyFile in the store's URL name readable "
                       "files in PEM format"},
};

struct status mongodb_explain(struct arena *arena, const char *problem, struct status st)
{
    if (!problem[0] || st.reason != ARGOSY__REASON__STORE_UNREACHABLE) return st;
    for (size_t i = 0; i < sizeof(tls_refusals) / sizeof(tls_refusals[0]); i++) {
        if (!strstr(problem, "TLS") || !strstr(problem, tls_refusals[i].words)) continue;
        return status_printf(arena, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_REFUSED, "%s; %s",
                             problem, tls_refusals[i].advice);
    }
    return status_printf(arena, st.code, st.reason, "%s", problem);
}

/* An error that the server reported, of the command or of a write in it. */
static struct status of_code(struct arena *arena, const struct mongodb_result *result, int64_t code,
                             const char *message)
{
    switch (code) {
    case CODE_DUPLICATE_KEY:
    case CODE_DUPLICATE_KEY_ON_UPDATE:
        return status_make(STATUS_ALREADY_EXISTS, 0, "a unique value is taken");
    case CODE_WRITE_CONFLICT:
        return status_make(STATUS_ABORTED, ARGOSY__REASON__STORE_BUSY,
                           "another change was made at the same moment; try again");
    case CODE_MAX_TIME_EXPIRED:
        return status_printf(arena, STATUS_DEADLINE_EXCEEDED, 0,
                             "the %s service's store did not finish in time; try again later",
                             result->name);
    case CODE_OUT_OF_DISK:
        return status_printf(arena, STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__STORE_FULL,
                             "the disk of the %s service's store is full", result->name);
    case CODE_UNAUTHORIZED:
    case CODE_AUTHENTICATION_FAILED: return refused_user(arena, result->name);
    case CODE_NAMESPACE_NOT_FOUND:
        return status_make(STATUS_NOT_FOUND, 0, "there is no such collection");
    case CODE_WRITE_CONCERN_FAILED: return mongodb_outcome_unknown(arena, result->name);
    default: break;
    }
    if (says_elsewhere(code)) return unreachable(arena, result->name);
    if (says_interrupted(code)) return lost_connection(arena, result);
    return status_printf(arena, STATUS_INTERNAL, 0, "MongoDB refused a command (%lld): %s",
                         (long long)code, message);
}

/* libmongoc marks codes of its own by their domain: a server's code may have the same number. */
static struct status of_error(struct arena *arena, const struct mongodb_result *result)
{
    const bson_error_t *error = result->error;

    if (mongodb_is_login_refused(error)) return refused_user(arena, result->name);
    switch (error->domain) {
    case MONGOC_ERROR_SERVER_SELECTION: return unreachable(arena, result->name);
    case MONGOC_ERROR_STREAM:
        if (error->code == MONGOC_ERROR_STREAM_CONNECT ||
            error->code == MONGOC_ERROR_STREAM_NAME_RESOLUTION)
            return unreachable(arena, result->name);
        return lost_connection(arena, result);
    case MONGOC_ERROR_CLIENT:
    case MONGOC_ERROR_PROTOCOL: return lost_connection(arena, result);
    case MONGOC_ERROR_SERVER:
    case MONGOC_ERROR_WRITE_CONCERN:
    case MONGOC_ERROR_QUERY: return of_code(arena, result, error->code, error->message);
    default:
        return status_printf(arena, STATUS_INTERNAL, 0, "libmongoc failed (%u.%u): %s",
                             error->domain, error->code, error->message);
    }
}

struct status mongodb_result_status(struct arena *arena, const struct mongodb_result *result)
{
    struct str reply = result->reply;
    int64_t code = mongodb_number(reply, "writeErrors.0.code");

    /* An error of a write says more than that of the write concern, which may come with it. */
    if (code) return of_code(arena, result, code, mongodb_text(reply, "writeErrors.0.errmsg"));
    if (mongodb_has(reply, "writeConcernError")) {
        int64_t concern = mongodb_number(reply, "writeConcernError.code");
        if (says_elsewhere(concern) || concern == CODE_MAX_TIME_EXPIRED)
            concern = CODE_WRITE_CONCERN_FAILED; /* it is written, but not yet by a majority */
        return of_code(arena, result, concern, mongodb_text(reply, "writeConcernError.errmsg"));
    }
    return result->ok ? status_ok() : of_error(arena, result);
}
