/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to the server, in libpq's pipeline mode: statements are queued, sent together, and
 * their results come in the same order. Belongs to a shard, and is used by one fiber at a time.
 *
 *     postgres_link_open(call, ..., &link)                    owned; connects, waiting on the fiber
 *     request = postgres_link_send(arena, link, sql, values)  queues; nothing is sent yet
 *     postgres_link_flush(link) or postgres_link_sync(link)   asks the server to answer
 *     postgres_link_await(call, link, request)                sends, and waits for one result
 *     postgres_link_close(link)
 *
 * Once an error came, the server skips everything until the next sync. A link on which a wait has
 * ended early, or which is broken, must be closed: answers may still be under way. */
#ifndef STORE_POSTGRES_LINK_H
#define STORE_POSTGRES_LINK_H

#include "base/str.h"
#include "fiber/fiber.h"
#include "store/postgres/library.h"
#include "store/postgres/target.h"

enum { POSTGRES_STATEMENTS_MAX = 256 /* a power of two */, POSTGRES_VALUES_MAX = 32 };

/* The values of a statement's parameters, in libpq's form. */
struct postgres_values {
    int count;
    Oid types[POSTGRES_VALUES_MAX];
    const char *values[POSTGRES_VALUES_MAX];
    int lengths[POSTGRES_VALUES_MAX];
    int formats[POSTGRES_VALUES_MAX];
};

/* A statement that is under way on a link, or the one that prepares it, or a sync. */
enum postgres_request_kind { POSTGRES_STATEMENT, POSTGRES_PREPARE, POSTGRES_SYNC };

struct postgres_request {
    struct postgres_request *next;
    enum postgres_request_kind kind;
    const struct postgres_library *library;
    struct postgres_link *link;
    struct postgres_tx *tx;               /* NULL: outside a transaction */
    struct postgres_statement *statement; /* what a POSTGRES_PREPARE prepares */
    PGresult *result;                     /* cleared with the arena; NULL until it has come */
    bool done;
};

/* A statement that is prepared on this link. */
struct postgres_statement {
    const char *sql; /* NULL: a free slot */
    uint64_t hash;   /* of its text */
    int number;      /* its name is "s" and this */
    bool prepared, preparing;
};

struct postgres_link {
    struct postgres_link *next; /* in the pool's list of idle ones */
    const struct postgres_library *library;
    struct shard *shard;
    PGconn *conn;
    const char *host; /* for the log */
    struct poll *poll;
    struct fiber_wait wait;
    bool prepares; /* false: statements are sent as text each time */
    bool broken;
    int64_t life;                   /* of the server, see transaction.c; 0: not known yet */
    int ends;                       /* results that ended without one, in a row */
    struct postgres_request *error; /* the first one that failed since it was last set to NULL */
    int64_t taken_us;               /* when the pool gave it away */
    struct postgres_request *first, *last; /* under way, in order */
    int next_number;
    /* While it is idle: the server has ended the connection, or sent a notification. */
    void (*on_idle)(struct postgres_link *link);
    void *owner;
    struct postgres_statement statements[POSTGRES_STATEMENTS_MAX];
};

/* Connects to the first host that answers and suits, from `*from` on; *from becomes its index. The
 * statuses are for the log: they name hosts. Owned. */
struct status postgres_link_open(struct call *call, const struct postgres_library *library,
                                 const struct postgres_target *target, size_t *from,
                                 struct postgres_link **ret_link);
/* Closes the connection at once, whatever is under way. */
void postgres_link_close(struct postgres_link *link);

/* Queues a statement. The request lives in the arena, and so does its result; the arena must live
 * until the request is done or the link is closed. */
struct postgres_request *postgres_link_send(struct arena *arena, struct postgres_link *link,
                                            const char *sql, const struct postgres_values *values);
void postgres_link_flush(struct postgres_link *link);
/* Ends a transaction that is not explicit, and makes the server listen again after an error. */
struct postgres_request *postgres_link_sync(struct arena *arena, struct postgres_link *link);

/* Sends what is queued and waits until the request is done. UNAVAILABLE if the connection breaks. */
struct status postgres_link_await(struct call *call, struct postgres_link *link,
                                  struct postgres_request *request);
/* Sends what the socket takes, without waiting. */
void postgres_link_push(struct postgres_link *link);

/* Waits until the server sends something that belongs to no request. */
struct status postgres_link_listen(struct call *call, struct postgres_link *link);

#endif
