/* SPDX-License-Identifier: Apache-2.0 */
/* Translates what the server refuses, and tells operators why. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "observe/log.h"
#include "reasons.pb-c.h"
#include "store/dynamodb/database.h"

enum { COMPLAINT_US = 10 * 1000000, US_PER_S = 1000000 };

struct status dynamodb_unreachable(const struct dynamodb *db)
{
    return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE, db->unreachable);
}

struct status dynamodb_outcome_unknown(const struct dynamodb *db)
{
    return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_OUTCOME_UNKNOWN, db->unknown);
}

/* ---- for operators ---- */

/* Seconds that this machine's clock is ahead of the server's, as the answer's Date says; 0 if it
 * says nothing. */
static long long clock_ahead_s(const struct https_answer *answer)
{
    struct str date = http_headers_get(&answer->headers, "date");
    char text[64];
    struct tm utc = {0};

    if (date.length == 0 || date.length >= sizeof(text)) return 0;
    snprintf(text, sizeof(text), "%.*s", STR_ARGS(date));
    if (!strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &utc)) return 0;
    return (long long)(clock_now_us() / US_PER_S) - (long long)timegm(&utc);
}

static const char *describe_clock(struct arena *arena, const struct https_answer *answer)
{
    long long ahead_s = clock_ahead_s(answer);

    if (ahead_s == 0) return "this machine's clock is wrong; synchronize it (NTP)";
    return arena_printf(
        arena, "this machine's clock is %lld seconds %s the server's; synchronize it (NTP)",
        llabs(ahead_s), ahead_s > 0 ? "ahead of" : "behind");
}

static const char *advice(struct call *call, const struct dynamodb *db, const struct fault *fault,
                          const struct https_answer *answer)
{
    if (fault->kind == FAULT_CLOCK) return describe_clock(call->arena, answer);
    return arena_printf(call->arena, "correct the credentials, which come from %s, or their rights",
                        credentials_origin(db->credentials));
}

/* Remembered for dynamodb_open, and said in the log now and then. */
static void complain(struct call *call, struct dynamodb *db, const struct fault *fault,
                     const struct https_answer *answer)
{
    struct dynamodb_own *own = dynamodb_own_of(call, db);
    int64_t now_us = shard_now_us(call->shard);

    snprintf(own->problem, sizeof(own->problem), "%s refuses the request: %s: %s; %s", db->host,
             fault->name[0] ? fault->name : arena_printf(call->arena, "HTTP %d", answer->status),
             fault->message, advice(call, db, fault, answer));
    if (own->complained_us && now_us - own->complained_us < COMPLAINT_US) return;
    own->complained_us = now_us;
    log_warn(call->trace, "dynamodb: the store refuses requests", LOG_STR("store", db->name),
             LOG_STR("error", own->problem));
}

/* ---- for callers ---- */

/* The table that the request names; NULL if it names several. */
static const char *table_of(struct arena *arena, struct str request)
{
    struct json_reader reader;
    enum json_token token;

    json_reader_init(&reader, request, JSON_DEPTH_MAX);
    if (json_next(&reader) != JSON_OBJECT) return 0;
    while (json_next(&reader) == JSON_KEY) {
        bool found = str_is(reader.raw, "TableName");
        token = json_next(&reader);
        if (found && token == JSON_STRING) return str_dup(arena, json_string(&reader, arena));
        if (!json_skip(&reader, token)) return 0;
    }
    return 0;
}

static struct status no_table(struct call *call, const struct dynamodb *db, struct str request)
{
    const char *table = table_of(call->arena, request);

    if (table)
        return status_printf(call->arena, STATUS_FAILED_PRECONDITION,
                             ARGOSY__REASON__STORE_NOT_PREPARED,
                             "the %s service's store lacks the table %s or an index of it; run "
                             "`argosy store prepare`",
                             db->name, table);
    return status_printf(
        call->arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__STORE_NOT_PREPARED,
        "the %s service's store lacks a table; run `argosy store prepare`", db->name);
}

static struct status internal(struct call *call, const struct dynamodb *db,
                              const struct fault *fault, int http_status)
{
    return status_printf(
        call->arena, STATUS_INTERNAL, 0, "%s: DynamoDB refuses a request: %s: %s", db->name,
        fault->name[0] ? fault->name : arena_printf(call->arena, "HTTP %d", http_status),
        fault->message);
}

struct status dynamodb_translate(struct call *call, struct dynamodb *db, const struct fault *fault,
                                 const struct https_answer *answer, struct str request)
{
    switch (fault->kind) {
    case FAULT_CONDITION:
        return status_printf(call->arena, STATUS_ABORTED, 0,
                             "somebody else has changed what the %s service's store has", db->name);
    case FAULT_CONFLICT:
    case FAULT_THROTTLED:
        return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_BUSY, db->busy);
    case FAULT_SERVER: return dynamodb_unreachable(db);
    case FAULT_REFUSED:
    case FAULT_EXPIRED:
    case FAULT_CLOCK:
        complain(call, db, fault, answer);
        return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_REFUSED, db->refused);
    case FAULT_NO_TABLE: return no_table(call, db, request);
    case FAULT_IN_USE:
        return status_make(STATUS_ALREADY_EXISTS, 0, "the table is there, or is being changed");
    case FAULT_TOO_LARGE:
        return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__STORE_FULL, db->full);
    case FAULT_NOT_KNOWN:
        return status_make(STATUS_UNIMPLEMENTED, 0, "the server does not know the operation");
    default: return internal(call, db, fault, answer->status);
    }
}
