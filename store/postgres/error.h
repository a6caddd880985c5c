/* SPDX-License-Identifier: Apache-2.0 */
/* Translates the server's errors (SQLSTATE). Private to this folder. */
#ifndef STORE_POSTGRES_ERROR_H
#define STORE_POSTGRES_ERROR_H

#include "store/postgres/link.h"

struct postgres;

/* Two transactions were in each other's way; the whole transaction may be run again. The status of
 * such an error is ABORTED without a reason, which the driver never returns to its callers. A job
 * that refuses with ABORTED has a reason. */
static inline bool postgres_is_conflict(struct status st)
{
    return st.code == STATUS_ABORTED && st.reason == 0;
}

/* The server cannot be reached, is stopping, or has become a standby: the connection is of no use
 * any more. */
bool postgres_is_unreachable(struct status st);

/* The status of a result; OK also for one that was skipped because of an earlier error, which
 * link->error has. */
struct status postgres_result_status(struct arena *arena, const struct postgres *db,
                                     const struct postgres_request *request);

/* UNAVAILABLE (STORE_UNREACHABLE), for callers. */
struct status postgres_unreachable(struct arena *arena, const struct postgres *db);

#endif
