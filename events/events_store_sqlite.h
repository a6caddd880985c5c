/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the embedded adapter share; for the files events_*_sqlite.c only.
 *
 *     events_log_sqlite.c       the outbox as a log, and the groups' positions in it
 *     events_letters_sqlite.c   dead letters
 *     events_store_sqlite.c     the adapter itself, and what tidies up */
#ifndef EVENTS_EVENTS_STORE_SQLITE_H
#define EVENTS_EVENTS_STORE_SQLITE_H

#include "events/events_sqlite.h"

struct sqlite_events_store {
    struct events_store port; /* first */
    struct sqlite *db;
};

static inline struct sqlite *events_db(struct events_store *store)
{
    return ((struct sqlite_events_store *)store)->db;
}

/* Fill in their part of the port. */
void events_log_sqlite_init(struct events_store *port);
void events_letters_sqlite_init(struct events_store *port);

#endif
