/* SPDX-License-Identifier: Apache-2.0 */
/* What a service's adapter for Redis needs of events and of requests that may be repeated: the marks
 * of a change's cause, and the ports of dead letters and of sweeping (events_store.h). There is no
 * log: a service that produces events keeps them elsewhere.
 *
 * A mark is a key beside the value that changes, in the same slot of a Redis Cluster. The adapter's
 * script finds the marks or writes them together with the value:
 *
 *     change_redis_marks(call, slot, &change->cause, marks_ttl_us, &marks);
 *     ... MGET value, marks.keys...; if one is there: change_redis_repeated ...
 *     ... the domain decides ...
 *     change_redis_record(arena, &change->cause, &record, &marks);
 *     ... the script: if no mark is there now and the value is unchanged, SET value, marks ...
 *
 * The keys of requests are also in a sorted set, by their times, whose length the script compares with
 * keys_max (IDEMPOTENCY_KEYS_MAX) before it adds one; see cart_compare.c. */
#ifndef EVENTS_REDIS_EVENTS_REDIS_H
#define EVENTS_REDIS_EVENTS_REDIS_H

#include "events/change.h"
#include "events/events_store.h"
#include "store/redis/redis.h"

enum { CHANGE_REDIS_MARKS_MAX = 2 };

/* The marks of one cause: of its event, of its request, or none. */
struct change_redis_marks {
    struct str keys[CHANGE_REDIS_MARKS_MAX];
    struct str values[CHANGE_REDIS_MARKS_MAX];
    int64_t ttl_ms[CHANGE_REDIS_MARKS_MAX];
    bool of_request[CHANGE_REDIS_MARKS_MAX]; /* only of the last one */
    size_t count;
    struct str requests; /* the sorted set, if there is a mark of a request; data NULL: no limit */
    int64_t keys_max;
};

/* Names the marks. `slot` is the key of the value that changes; they are `{slot}:event:ID` and
 * `{slot}:request:HASH`, and the sorted set `{slot}:requests`. */
void change_redis_marks(const struct call *call, const char *slot, const struct change_cause *cause,
                        int64_t events_ttl_us, struct change_redis_marks *ret_marks);

/* The key of a request's mark. */
struct str change_redis_request_key(const struct call *call, const char *slot,
                                    const struct idempotency *idempotency);

/* Fills in what is to be written: an answer is kept with the request's mark. */
void change_redis_record(struct arena *arena, const struct change_cause *cause,
                         const struct change_record *record, struct change_redis_marks *marks);

/* A mark was found, with this value: the cause took effect before. Sets the answer of a request
 * (`replayed`). FAILED_PRECONDITION (IDEMPOTENCY_KEY_REUSED), ABORTED (IDEMPOTENCY_KEY_RUNNING),
 * DATA_LOSS. */
struct status change_redis_repeated(const struct call *call, struct str value, bool of_request,
                                    struct change_request *request);

/* The ports, in the arena; nothing to close. `name` is the service's. */
struct dead_letters *dead_letters_redis(struct arena *arena, struct redis *db, const char *name);
struct events_sweeper *events_sweeper_redis(struct arena *arena, struct redis *db,
                                            const char *name);

/* The key under which the dead letters are kept. */
struct str dead_letters_redis_base(struct arena *arena, const struct redis *db, const char *name);

#endif
