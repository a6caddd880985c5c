/* SPDX-License-Identifier: Apache-2.0 */
/* For tests with stores on PostgreSQL: a schema of their own, which is deleted afterwards. Included
 * by test programs only.
 *
 *     url = postgres_testing_url(arena);      ARGOSY_TEST_POSTGRES with a schema of a random name
 *     ... postgres_new, postgres_open, postgres_prepare ...
 *     st = postgres_testing_drop(call, db); */
#ifndef STORE_POSTGRES_POSTGRES_TESTING_H
#define STORE_POSTGRES_POSTGRES_TESTING_H

#include <stdlib.h>

#include "base/random.h"
#include "store/postgres/postgres.h"

/* `url` with a schema of its own. */
static inline const char *postgres_testing_url_of(struct arena *arena, const char *url)
{
    return arena_printf(arena, "%s%sschema=test_%016llx", url, strchr(url, '?') ? "&" : "?",
                        (unsigned long long)random_below(UINT64_MAX));
}

static inline const char *postgres_testing_url(struct arena *arena)
{
    const char *url = getenv("ARGOSY_TEST_POSTGRES");

    invariant(url);
    return postgres_testing_url_of(arena, url);
}

static inline struct status postgres_testing_drop_job(struct call *call, struct postgres_tx *tx,
                                                      void *data)
{
    const struct postgres *db = data;

    postgres_exec(
        tx, arena_printf(call->arena, "DROP SCHEMA IF EXISTS \"%s\" CASCADE", postgres_schema(db)),
        "");
    return status_ok();
}

static inline struct status postgres_testing_drop(struct call *call, struct postgres *db)
{
    return postgres_write(call, db, postgres_testing_drop_job, db);
}

#endif
