/* SPDX-License-Identifier: Apache-2.0 */
/* The marks of events that were applied and of requests that were answered. The mark of a request is
 * its fingerprint, a letter (a: answered, r: still running), and the answer. */
#include <string.h>

#include "base/digest.h"
#include "base/encode.h"
#include "events/redis/events_redis.h"
#include "reasons.pb-c.h"

enum { US_PER_MS = 1000, HEAD_SIZE = IDEMPOTENCY_FINGERPRINT_SIZE + 1 };

/* A hash, because a client chooses the key freely, and it may contain what ends a slot. */
struct str change_redis_request_key(const struct call *call, const char *slot,
                                    const struct idempotency *idempotency)
{
    const char *named = arena_printf(call->arena, "%s %s", idempotency->scope, idempotency->key);
    uint8_t digest[SHA256_SIZE];

    digest_sha256(str_of(named), digest);
    struct str hash = hex_encode(call->arena, str_sized(digest, sizeof(digest)));
    return str_of(arena_printf(call->arena, "{%s}:request:%.*s", slot, STR_ARGS(hash)));
}

void change_redis_marks(const struct call *call, const char *slot, const struct change_cause *cause,
                        int64_t events_ttl_us, struct change_redis_marks *ret_marks)
{
    struct change_redis_marks marks = {0};

    if (cause->event) {
        marks.keys[0] = str_of(arena_printf(call->arena, "{%s}:event:%s", slot, cause->event->id));
        marks.values[0] = STR("1");
        marks.ttl_ms[0] = events_ttl_us / US_PER_MS;
        marks.count = 1;
    }
    if (cause->request && idempotency_given(&cause->request->idempotency)) {
        marks.keys[marks.count] = change_redis_request_key(call, slot,
                                                           &cause->request->idempotency);
        marks.ttl_ms[marks.count] = IDEMPOTENCY_KEPT_US / US_PER_MS;
        marks.of_request[marks.count++] = true;
        marks.keys_max = cause->request->idempotency.keys_max;
        if (marks.keys_max > 0)
            marks.requests = str_of(arena_printf(call->arena, "{%s}:requests", slot));
    }
    *ret_marks = marks;
}

void change_redis_record(struct arena *arena, const struct change_cause *cause,
                         const struct change_record *record, struct change_redis_marks *marks)
{
    size_t last = marks->count - 1;

    invariant(record->event_count == 0); /* there is no log to put them into */
    if (marks->count == 0 || !marks->of_request[last]) return;
    if (record->forget) {
        marks->count = last;
        marks->requests = (struct str){0};
        return;
    }
    size_t size = HEAD_SIZE + record->answer.length;
    char *value = arena_alloc(arena, size);
    memcpy(value, cause->request->idempotency.fingerprint, IDEMPOTENCY_FINGERPRINT_SIZE);
    value[HEAD_SIZE - 1] = record->answer.data ? 'a' : 'r';
    if (record->answer.length > 0)
        memcpy(value + HEAD_SIZE, record->answer.data, record->answer.length);
    marks->values[last] = str_sized(value, size);
}

struct status change_redis_repeated(const struct call *call, struct str value, bool of_request,
                                    struct change_request *request)
{
    if (!of_request) return status_ok();
    if (value.length < HEAD_SIZE)
        return status_make(STATUS_DATA_LOSS, ARGOSY__REASON__STORE_DAMAGED,
                           "the stored record of an Idempotency-Key cannot be read");
    if (memcmp(value.data, request->idempotency.fingerprint, IDEMPOTENCY_FINGERPRINT_SIZE) != 0)
        return idempotency_key_reused();
    if (value.data[HEAD_SIZE - 1] != 'a') return idempotency_key_running();
    size_t size = value.length - HEAD_SIZE;
    const char *answer = arena_strndup(call->arena, value.data + HEAD_SIZE, size);
    request->replayed = str_sized(answer, size);
    return status_ok();
}
