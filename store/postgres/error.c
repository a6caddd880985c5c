/* SPDX-License-Identifier: Apache-2.0 */
/* Translates the server's errors. Texts of the server may name hosts, tables and values, so they are
 * part of statuses that are only logged (INTERNAL, DATA_LOSS), or are logged here. */
#include "store/postgres/error.h"

#include "observe/log.h"
#include "reasons.pb-c.h"
#include "store/postgres/database.h"

struct status postgres_unreachable(struct arena *arena, const struct postgres *db)
{
    return status_printf(arena, STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE,
                         "%s cannot be reached now; try again later", db->shown);
}

bool postgres_is_unreachable(struct status st)
{
    return st.code == STATUS_UNAVAILABLE && st.reason == ARGOSY__REASON__STORE_UNREACHABLE;
}

/* An SQLSTATE, or the class at its beginning, and what it means. */
struct meaning {
    const char *state;
    enum status_code code;
    int reason;
    const char *message; /* follows the store's name; NULL: the server's text */
};

static const struct meaning meanings[] = {
    {"23505", STATUS_ALREADY_EXISTS, 0, "has such a row already"},
    {"23", STATUS_FAILED_PRECONDITION, 0, "does not allow such a row"},
    {"40001", STATUS_ABORTED, 0, "was changed by another transaction"},
    {"40P01", STATUS_ABORTED, 0, "was locked by another transaction"},
    {"55P03", STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_BUSY, "is locked; try again later"},
    {"57014", STATUS_DEADLINE_EXCEEDED, 0, "did not answer in time; try again later"},
    {"25006", STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE,
     "accepts no changes now; try again later"},
    {"25P03", STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE,
     "ended a transaction that stood still; try again later"},
    {"57P", STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE,
     "cannot be reached now; try again later"},
    {"08", STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_UNREACHABLE,
     "cannot be reached now; try again later"},
    {"53100", STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__STORE_FULL, "has no room left"},
    {"53", STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_BUSY, "is busy; try again later"},
    {"XX001", STATUS_DATA_LOSS, ARGOSY__REASON__STORE_DAMAGED, NULL},
    {"XX002", STATUS_DATA_LOSS, ARGOSY__REASON__STORE_DAMAGED, NULL},
};

static struct status translate(struct arena *arena, const struct postgres *db, const char *state,
                               const char *text)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        const struct meaning *meaning = &meanings[i];
        if (strncmp(state, meaning->state, strlen(meaning->state)) != 0) continue;
        if (meaning->reason)
            log_warn(NULL, "store: PostgreSQL refused a request", LOG_STR("store", db->name),
                     LOG_STR("state", state), LOG_STR("error", text));
        return status_printf(arena, meaning->code, meaning->reason, "%s %s", db->shown,
                             meaning->message ? meaning->message : text);
    }
    return status_printf(arena, STATUS_INTERNAL, 0, "%s: %s (%s)", db->shown, text, state);
}

struct status postgres_result_status(struct arena *arena, const struct postgres *db,
                                     const struct postgres_request *request)
{
    const struct postgres_library *library = request->library;
    const char *state, *text;

    switch (library->resultStatus(request->result)) {
    case PGRES_FATAL_ERROR:
    case PGRES_BAD_RESPONSE:
    case PGRES_NONFATAL_ERROR: break;
    default: return status_ok();
    }
    state = library->resultErrorField(request->result, PG_DIAG_SQLSTATE);
    text = library->resultErrorField(request->result, PG_DIAG_MESSAGE_PRIMARY);
    if (!state) return postgres_unreachable(arena, db); /* libpq's own: the connection is lost */
    return translate(arena, db, state, text ? text : "");
}
