/* SPDX-License-Identifier: Apache-2.0 */
/* What a change records in its document: marks, events, and the causes that took effect. */
#include "events/mongodb/events_mongodb.h"

#include "base/clock.h"
#include "reasons.pb-c.h"

static bool given(const struct change_cause *cause)
{
    return cause->request && idempotency_given(&cause->request->idempotency);
}

/* A key belongs to its caller; neither part has a newline. */
static const char *request_id(const struct call *call, const struct idempotency *idempotency)
{
    return arena_printf(call->arena, "%s\n%s", idempotency->scope, idempotency->key);
}

/* ---- has it taken effect? ---- */

static bool has_mark(const struct call *call, struct str document, struct mongodb_id mark)
{
    struct mongodb_id found;
    char path[32];

    for (int i = 0; i < CHANGE_MONGODB_MARKS; i++) {
        snprintf(path, sizeof(path), "argosy.marks.%d", i);
        if (!mongodb_read_id(document, path, &found)) return false;
        if (memcmp(&found, &mark, sizeof(mark)) == 0) return true;
    }
    return false;
}

void change_mongodb_written(struct change_mongodb_mark *mark, struct str document, struct status st)
{
    if (mark->lost || st.reason != ARGOSY__REASON__STORE_OUTCOME_UNKNOWN) return;
    mark->lost = true;
    mark->version = mongodb_number(document, "argosy.version");
}

/* May a lost write have left its mark, which others' have pushed out since? A document that was
 * deleted, or made anew, has fewer versions, and no marks of the time before. */
static bool may_have_had(struct str document, const struct change_mongodb_mark *mark)
{
    int64_t version = mongodb_number(document, "argosy.version");

    return mark->lost &&
           (version < mark->version || version - mark->version > CHANGE_MONGODB_MARKS);
}

static bool has_event(const struct call *call, struct str document, const char *id)
{
    size_t count;
    const struct str *inbox = mongodb_items(call->arena, mongodb_part(document, "argosy.inbox"),
                                            &count);

    for (size_t i = 0; i < count; i++)
        if (strcmp(mongodb_text(inbox[i], "id"), id) == 0) return true;
    return false;
}

/* The newest record of a request in a document, which may have expired; data NULL: none. */
static struct str record_of(const struct call *call, struct str document, const char *id)
{
    struct str none = {0};
    size_t count;
    const struct str *requests = mongodb_items(call->arena,
                                               mongodb_part(document, "argosy.requests"), &count);

    while (count-- > 0)
        if (strcmp(mongodb_text(requests[count], "id"), id) == 0) return requests[count];
    return none;
}

static bool has_expired(struct str record)
{
    return mongodb_number(record, "timeUs") <= clock_now_us() - IDEMPOTENCY_KEPT_US;
}

static struct status replay(const struct call *call, struct str record,
                            struct change_request *request)
{
    struct str fingerprint = str_sized(request->idempotency.fingerprint,
                                       IDEMPOTENCY_FINGERPRINT_SIZE);

    if (!str_equal(mongodb_binary(record, "fingerprint"), fingerprint))
        return idempotency_key_reused();
    if (!mongodb_has(record, "answer")) return idempotency_key_running();
    struct str answer = mongodb_binary(record, "answer");
    request->replayed = answer.length > 0 ? answer : STR("");
    return status_ok();
}

/* Would one more push out a record before its day is over, or be one too many? */
static bool is_full(const struct call *call, struct str document,
                    const struct idempotency *idempotency)
{
    int64_t max = idempotency->keys_max;
    size_t count, used = 0;
    const struct str *requests = mongodb_items(call->arena,
                                               mongodb_part(document, "argosy.requests"), &count);

    if (max == 0 || max > CHANGE_MONGODB_REQUESTS) max = CHANGE_MONGODB_REQUESTS;
    for (size_t i = 0; i < count; i++) used += !has_expired(requests[i]);
    return used >= (size_t)max;
}

struct status change_mongodb_begin(const struct call *call, struct str document,
                                   const struct change_cause *cause,
                                   const struct change_mongodb_mark *mark, bool *ret_fresh)
{
    struct str record = {0}, none = {0};
    struct status st = status_ok();
    bool fresh = true;

    if (cause->request) cause->request->replayed = none;
    if (has_mark(call, document, mark->id)) {
        *ret_fresh = false;
        return st;
    }
    if (may_have_had(document, mark))
        return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_OUTCOME_UNKNOWN,
                           "whether the change was made is not known, because many others came "
                           "after it; repeat the request with the same Idempotency-Key, or read "
                           "before you repeat it");
    if (cause->event) fresh = !has_event(call, document, cause->event->id);
    if (fresh && given(cause))
        record = record_of(call, document, request_id(call, &cause->request->idempotency));
    if (record.data && !has_expired(record)) {
        st = replay(call, record, cause->request);
        fresh = false;
    } else if (fresh && given(cause) && is_full(call, document, &cause->request->idempotency)) {
        st = idempotency_keys_full();
    }
    if (failed(st)) return st;
    *ret_fresh = fresh;
    return st;
}

/* An expired record that was not swept yet is in the way of a new one in another document. */
static struct status drop_expired(struct call *call, struct mongodb *db, const char *collection,
                                  const char *id)
{
    struct str reply;

    return mongodb_write(
        call, db,
        mongodb_document(call->arena,
                         "{update: %s, updates: [{q: {argosy.requests.id: %s},"
                         " u: {$pull: {argosy.requests: {id: %s, timeUs: {$lte: %l}}}}}]}",
                         collection, id, id, clock_now_us() - IDEMPOTENCY_KEPT_US),
        &reply);
}

struct status change_mongodb_find(struct call *call, struct mongodb *db, const char *collection,
                                  struct change_request *request, bool *ret_found)
{
    const char *id = request_id(call, &request->idempotency);
    struct str reply, none = {0};

    request->replayed = none;
    *ret_found = false;
    struct status st = mongodb_read(
        call, db,
        mongodb_document(call->arena,
                         "{find: %s, filter: {argosy.requests.id: %s}, limit: 1, singleBatch: true,"
                         " projection: {argosy.requests: 1}}",
                         collection, id),
        &reply);
    if (failed(st)) return st;
    struct str record = record_of(call, mongodb_part(reply, "cursor.firstBatch.0"), id);
    if (!record.data) return status_ok();
    if (has_expired(record)) return drop_expired(call, db, collection, id);
    *ret_found = true;
    return replay(call, record, request);
}

/* ---- what is recorded ---- */

static struct str events_of(const struct call *call, const struct change_record *record)
{
    struct str documents[CHANGE_EVENTS_MAX], none = {0};

    for (size_t i = 0; i < record->event_count; i++) {
        const struct event *event = &record->events[i];
        invariant(event->payload.length <= EVENT_PAYLOAD_MAX);
        documents[i] = mongodb_document(
            call->arena,
            "{id: %s, topic: %s, key: %s, type: %s, payload: %x, timeUs: %l, traceparent: %s}",
            event->id, event->topic, event->key, event->type,
            event->payload.data ? event->payload : STR(""), event->time_us, event->traceparent);
    }
    return record->event_count ? mongodb_array(call->arena, documents, record->event_count) : none;
}

static struct str request_of(const struct call *call, const struct change_cause *cause,
                             const struct change_record *record)
{
    struct str none = {0}, one;

    if (!given(cause) || record->forget) return none;
    const struct idempotency *idempotency = &cause->request->idempotency;
    one = mongodb_document(call->arena, "{id: %s, fingerprint: %x, answer: %x, timeUs: %l}",
                           request_id(call, idempotency),
                           str_sized(idempotency->fingerprint, IDEMPOTENCY_FINGERPRINT_SIZE),
                           record->answer.data ? record->answer : none, clock_now_us());
    return mongodb_array(call->arena, &one, 1);
}

static struct str inbox_of(const struct call *call, const struct change_cause *cause)
{
    struct str none = {0}, one;

    if (!cause->event) return none;
    one = mongodb_document(call->arena, "{id: %s, timeUs: %l}", cause->event->id, clock_now_us());
    return mongodb_array(call->arena, &one, 1);
}

void change_mongodb_new(const struct call *call, const struct change_cause *cause,
                        const struct change_record *record, struct mongodb_id mark,
                        struct change_mongodb_new *ret_new)
{
    struct str marks = mongodb_document(call->arena, "{marks: [%o]}", mark);

    *ret_new = (struct change_mongodb_new){
        .marks = mongodb_part(marks, "marks"),
        .outbox = events_of(call, record),
        .inbox = inbox_of(call, cause),
        .requests = request_of(call, cause, record),
    };
}

static struct str push(const struct call *call, struct str each, int keep)
{
    struct str none = {0};

    return each.data ? mongodb_document(call->arena, "{$each: %a, $slice: %i}", each, -keep) : none;
}

struct str change_mongodb_end(const struct call *call, const struct change_cause *cause,
                              const struct change_record *record, struct mongodb_id mark)
{
    struct change_mongodb_new added;
    struct str none = {0};

    change_mongodb_new(call, cause, record, mark, &added);
    /* No event may be lost, so the outbox is not shortened. */
    struct str outbox = added.outbox.data
                            ? mongodb_document(call->arena, "{$each: %a}", added.outbox)
                            : none;
    return mongodb_document(
        call->arena, "{argosy.marks: %d, argosy.outbox: %d, argosy.inbox: %d, argosy.requests: %d}",
        push(call, added.marks, CHANGE_MONGODB_MARKS), outbox,
        push(call, added.inbox, CHANGE_MONGODB_INBOX),
        push(call, added.requests, CHANGE_MONGODB_REQUESTS));
}
