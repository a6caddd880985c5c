/* SPDX-License-Identifier: Apache-2.0 */
/* The server's errors as ours. An error reply begins with a code in capitals. */
#include "observe/log.h"
#include "reasons.pb-c.h"
#include "store/redis/database.h"

enum { SHOWN_MAX = 300 };

/* What an error of the server is for callers. */
enum meaning { UNREACHABLE, BUSY, FULL, DAMAGED, REFUSED, OUR_FAULT };

static const struct {
    const char *code;
    enum meaning meaning;
} codes[] = {
    {"READONLY", UNREACHABLE},   /* a replica */
    {"MASTERDOWN", UNREACHABLE}, /* a replica without its primary */
    {"CLUSTERDOWN", UNREACHABLE},
    {"NOREPLICAS", UNREACHABLE}, /* min-replicas-to-write */
    {"NOMASTERLINK", UNREACHABLE},
    {"LOADING", BUSY}, /* reads its data from the disk */
    {"TRYAGAIN", BUSY},
    {"BUSY", BUSY},    /* with a script */
    {"MISCONF", BUSY}, /* cannot write to its disk */
    {"OOM", FULL},     /* maxmemory */
    {"WRONGTYPE", DAMAGED},
    {"NOAUTH", REFUSED},
    {"NOPERM", REFUSED},
    {"WRONGPASS", REFUSED},
};

static enum meaning meaning_of(struct str error)
{
    struct str code = str_sized(error.data, str_find(error, ' '));

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (str_is(code, codes[i].code)) return codes[i].meaning;
    return OUR_FAULT;
}

struct status redis_unreachable(const struct redis *db)
{
    return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE, db->unreachable);
}

struct status redis_translate(const struct call *call, const struct redis *db, struct str error)
{
    if (error.length > SHOWN_MAX) error.length = SHOWN_MAX;
    enum meaning meaning = meaning_of(error);
    if (meaning != OUR_FAULT)
        log_warn(call->trace, "redis: the store's server refuses a command",
                 LOG_STR("store", db->name), LOG_TEXT("error", error));
    switch (meaning) {
    case UNREACHABLE: return redis_unreachable(db);
    case BUSY: return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_BUSY, db->busy);
    case FULL: return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__STORE_FULL, db->full);
    case DAMAGED: return status_make(STATUS_DATA_LOSS, ARGOSY__REASON__STORE_DAMAGED, db->damaged);
    case REFUSED:
        return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_REFUSED, db->refused);
    case OUR_FAULT: break;
    }
    return status_printf(call->arena, STATUS_INTERNAL, 0,
                         "the %s service's store refuses a command: %.*s", db->name,
                         STR_ARGS(error));
}
