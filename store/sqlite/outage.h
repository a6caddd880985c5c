/* SPDX-License-Identifier: Apache-2.0 */
/* The stores of this process that can't be written at the moment, because the disk did not confirm
 * a commit. The writers keep this list, and readiness reads it. */
#ifndef STORE_SQLITE_OUTAGE_H
#define STORE_SQLITE_OUTAGE_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/status.h"

/* A writer's entry in the list. */
struct outage {
    const char *path; /* borrowed until outage_leave */
    atomic_bool on;
    struct outage *next;
};

void outage_join(struct outage *outage, const char *path);
void outage_leave(struct outage *outage);

/* OK, or UNAVAILABLE while the last commit of this process in the database at the path was not
 * confirmed. Any thread. */
struct status sqlite_check_writing(struct arena *arena, const char *path);

#endif
