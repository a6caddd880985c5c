/* SPDX-License-Identifier: Apache-2.0 */
/* The auth service's port on MongoDB: the sessions of an account are one document of `refresh_tokens`, and
 * each change is a compare-and-set on its version. The endings that it leaves are in the same document, and
 * are moved into the collection `endings`, a sequence. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "services/auth/mongodb/auth_change_mongodb.h"
#include "services/auth/mongodb/auth_document.h"
#include "services/auth/mongodb/auth_mongodb.h"

enum { SCHEMA = 1, SWEEP_MAX = 128, LIST_MAX = 1000, US_PER_S = 1000000 };

static struct mongodb_auth_store *store_of(struct auth_store *store)
{
    return (struct mongodb_auth_store *)store;
}

static const char *key_of(const struct call *call, const char *email)
{
    return str_lower(call->arena, str_of(email));
}

/* ---- the port's changes ---- */

static struct status decide_put(const struct call *call, struct auth_job *job,
                                struct access_lifetime lifetime)
{
    sessions_put(&job->write, job->data, job->sessions_max, lifetime);
    return status_ok();
}

/* Some expired sessions of anyone. No access token outlives its refresh token, so they need no ending.
 * A change like any other, with a mark of its own. */
static struct status tidy(struct call *call, struct mongodb_auth_store *store, int64_t before_s)
{
    const struct change_cause cause = {0};
    const struct change_record none = {0};
    struct str reply;

    return mongodb_write(
        call, store->db,
        mongodb_document(call->arena,
                         "{update: 'refresh_tokens', updates: [{q: {sessions.expires_s: {$lt: %l}},"
                         " u: {$pull: {sessions: {expires_s: {$lt: %l}}}, $push: %d,"
                         " $inc: {argosy.version: 1}}}]}",
                         before_s, before_s,
                         change_mongodb_end(call, &cause, &none, mongodb_id_new())),
        &reply);
}

static struct status put(struct call *call, struct auth_store *store, const struct session *session,
                         int sessions_max)
{
    struct auth_job job = {.store = store_of(store),
                           .key = key_of(call, session->email),
                           .decide = decide_put,
                           .data = session,
                           .sessions_max = sessions_max};

    struct status st = auth_mongodb_change(call, &job);
    /* The session is there, whatever becomes of the tidying. */
    if (!failed(st)) (void)failed(tidy(call, store_of(store), session->issued_s));
    return st;
}

static struct status decide_update(const struct call *call, struct auth_job *job,
                                   struct access_lifetime lifetime)
{
    return sessions_update(call, &job->write, job->data, lifetime);
}

static struct status update(struct call *call, struct auth_store *store, const char *email,
                            const char *device_id, const struct session_change *session_change)
{
    struct auth_job job = {.store = store_of(store),
                           .key = key_of(call, email),
                           .device_id = device_id,
                           .decide = decide_update,
                           .data = session_change,
                           .memory = session_change->memory};

    return auth_mongodb_change(call, &job);
}

static struct status decide_removal(const struct call *call, struct auth_job *job,
                                    struct access_lifetime lifetime)
{
    sessions_remove(call->arena, &job->write, job->device_id, job->except, lifetime);
    return status_ok();
}

static struct status remove_sessions(struct call *call, struct auth_store *store, const char *email,
                                     const char *device_id, const char *except, int *ret_removed)
{
    struct auth_job job = {.store = store_of(store),
                           .key = key_of(call, email),
                           .device_id = device_id,
                           .decide = decide_removal,
                           .except = except};

    struct status st = auth_mongodb_change(call, &job);
    if (!failed(st)) *ret_removed = job.write.removed;
    return st;
}

static struct status decide_following(const struct call *call, struct auth_job *job,
                                      struct access_lifetime lifetime)
{
    sessions_follow(call->arena, &job->write, job->data, lifetime);
    return status_ok();
}

static struct status follow_account(struct call *call, struct auth_store *store,
                                    const struct account_news *news)
{
    struct auth_job job = {.store = store_of(store),
                           .key = key_of(call, news->email),
                           .cause = {.event = news->event},
                           .decide = decide_following,
                           .data = news};

    return auth_mongodb_change(call, &job);
}

/* ---- reading ---- */

static int compare_uses(const void *a, const void *b)
{
    int64_t first = ((const struct session *)a)->used_us,
            second = ((const struct session *)b)->used_us;

    return first < second ? 1 : first > second ? -1 : 0;
}

static struct status list(struct call *call, struct auth_store *store, const char *email,
                          int64_t now_s, struct session **ret_sessions, size_t *ret_count)
{
    struct str document;
    size_t count, left = 0;

    struct status st = auth_mongodb_read(call, store_of(store), key_of(call, email), &document);
    if (failed(st)) return st;
    struct session *sessions = auth_document_sessions(call->arena, document, &count);
    for (size_t i = 0; i < count; i++)
        if (sessions[i].expires_s > now_s) sessions[left++] = sessions[i];
    if (left > 1) qsort(sessions, left, sizeof(*sessions), compare_uses);
    *ret_sessions = sessions;
    *ret_count = left < LIST_MAX ? left : LIST_MAX;
    return st;
}

static struct status find_endings(struct call *call, struct auth_store *port, int64_t after,
                                  int64_t at_s, size_t max, struct ending **ret_endings,
                                  size_t *ret_count, int64_t *ret_last)
{
    struct mongodb_auth_store *store = store_of(port);
    struct str reply;
    size_t count;
    struct status st;

    st = mongodb_sequence_catch_up(call, &store->endings);
    if (!failed(st)) st = mongodb_sequence_newest(call, &store->endings, ret_last);
    if (!failed(st))
        st = mongodb_read(
            call, store->db,
            mongodb_document(call->arena,
                             "{find: 'endings', filter: {_id: {$gt: %l, $lte: %l}, until_s:"
                             " {$gt: %l}}, sort: {_id: 1}, limit: %i, singleBatch: true}",
                             after, *ret_last, at_s, (int)max),
            &reply);
    if (failed(st)) return st;
    const struct str *rows = mongodb_items(call->arena, mongodb_part(reply, "cursor.firstBatch"),
                                           &count);
    struct ending *endings = arena_array(call->arena, struct ending, count + 1);
    for (size_t i = 0; i < count; i++)
        endings[i] = (struct ending){.number = mongodb_number(rows[i], "_id"),
                                     .family = mongodb_text(rows[i], "family"),
                                     .generation = mongodb_number(rows[i], "generation"),
                                     .until_s = mongodb_number(rows[i], "until_s")};
    *ret_endings = endings;
    *ret_count = count;
    return st;
}

/* ---- sweeping ---- */

static struct status sweep_endings(struct call *call, struct mongodb_auth_store *store,
                                   bool *ret_more)
{
    int64_t numbers[SWEEP_MAX];
    struct str reply;
    size_t count;

    struct status st = mongodb_read(
        call, store->db,
        mongodb_document(call->arena,
                         "{find: 'endings', filter: {until_s: {$lt: %l}}, limit: %i,"
                         " singleBatch: true, projection: {_id: 1}}",
                         clock_now_us() / US_PER_S, SWEEP_MAX),
        &reply);
    if (failed(st)) return st;
    const struct str *rows = mongodb_items(call->arena, mongodb_part(reply, "cursor.firstBatch"),
                                           &count);
    for (size_t i = 0; i < count && i < SWEEP_MAX; i++) numbers[i] = mongodb_number(rows[i], "_id");
    if (count == SWEEP_MAX) *ret_more = true;
    return count ? mongodb_sequence_remove(call, &store->endings, numbers, count) : st;
}

/* Documents without sessions, whose inbox nobody needs any more. A change that has read one finds it gone
 * and makes another. */
static struct status sweep_documents(struct call *call, struct mongodb_auth_store *store,
                                     int64_t before_us)
{
    struct str reply;

    return mongodb_write(
        call, store->db,
        mongodb_document(call->arena,
                         "{delete: 'refresh_tokens', deletes: [{q: {touchedUs: {$lt: %l}, sessions:"
                         " {$size: 0}, argosy.endings.id: {$exists: false}}, limit: 0}]}",
                         before_us),
        &reply);
}

static struct mongodb_auth_store *of_sweeper(struct events_sweeper *sweeper)
{
    return (struct mongodb_auth_store *)((char *)sweeper -
                                         offsetof(struct mongodb_auth_store, sweeper));
}

static struct status sweep(struct call *call, struct events_sweeper *sweeper, int64_t before_us,
                           bool *ret_more)
{
    struct mongodb_auth_store *store = of_sweeper(sweeper);
    bool more = false;
    struct status st;

    st = mongodb_sequence_move(call, &store->endings);
    if (!failed(st)) st = tidy(call, store, clock_now_us() / US_PER_S);
    if (!failed(st)) st = sweep_endings(call, store, &more);
    if (!failed(st)) st = sweep_documents(call, store, before_us);
    if (!failed(st)) st = dead_letters_mongodb_sweep(call, store->db, before_us, &more);
    if (failed(st)) return st;
    *ret_more = more;
    return st;
}

/* ---- a store's life ---- */

static struct status read_schema(struct call *call, struct mongodb_auth_store *store,
                                 int64_t *ret_schema)
{
    struct str reply;

    struct status st = mongodb_read(
        call, store->db,
        mongodb_document(call->arena, "{find: 'argosy_schema', filter: {_id: 'auth'}, limit: 1,"
                                      " singleBatch: true}"),
        &reply);
    if (failed(st)) return st;
    *ret_schema = mongodb_number(reply, "cursor.firstBatch.0.schema");
    if (*ret_schema > SCHEMA)
        return status_make(STATUS_FAILED_PRECONDITION, ARGOSY__REASON__STORE_NEWER,
                           "the auth service's store was prepared by a newer argosy; use that one");
    return st;
}

static struct status prepare(struct call *call, struct mongodb_auth_store *store)
{
    struct str reply;
    struct status st;

    st = mongodb_sequence_prepare(call, &store->endings);
    if (!failed(st))
        st = mongodb_define(
            call, store->db,
            mongodb_document(call->arena, "{createIndexes: 'refresh_tokens', indexes: ["
                                          "{name: 'argosy_expiry', key: {sessions.expires_s: 1}},"
                                          "{name: 'argosy_touched', key: {touchedUs: 1}}]}"));
    if (!failed(st))
        st = mongodb_define(call, store->db,
                            mongodb_document(call->arena,
                                             "{createIndexes: 'endings', indexes:"
                                             " [{name: 'argosy_until', key: {until_s: 1}}]}"));
    if (!failed(st)) st = dead_letters_mongodb_prepare(call, store->db);
    if (failed(st)) return st;
    return mongodb_write(
        call, store->db,
        mongodb_document(call->arena,
                         "{update: 'argosy_schema', updates: [{q: {_id: 'auth'}, u:"
                         " {$set: {schema: %i}}, upsert: true}]}",
                         SCHEMA),
        &reply);
}

static struct status open_store(struct call *call, struct auth_store *port)
{
    struct mongodb_auth_store *store = store_of(port);
    int64_t schema = 0;
    struct status st;

    st = mongodb_open(call, store->db);
    if (!failed(st)) st = read_schema(call, store, &schema);
    if (failed(st) || schema == SCHEMA) return st;
    if (store->prepares) return prepare(call, store);
    return status_make(STATUS_FAILED_PRECONDITION, ARGOSY__REASON__STORE_NOT_PREPARED,
                       "the auth service's store lacks its indexes; run `argosy store prepare`");
}

static void on_ending(struct auth_store *port, void (*fn)(void *data), void *data)
{
    struct mongodb_sequence *endings = &store_of(port)->endings;

    endings->data = data;
    endings->on_append = fn;
}

static struct status check_store(struct call *call, struct auth_store *port,
                                 struct store_findings *findings)
{
    return mongodb_check(call, store_of(port)->db, findings);
}

static void close_store(struct auth_store *store)
{
    mongodb_close(store_of(store)->db);
}

struct status auth_mongodb_drop(struct call *call, struct auth_store *store)
{
    return mongodb_drop(call, store_of(store)->db);
}

struct status auth_store_mongodb(const struct service_context *context, const char *url,
                                 struct auth_store **ret_store)
{
    struct mongodb_auth_store *store = arena_new(context->arena, struct mongodb_auth_store);

    struct status st = mongodb_new(context->arena, context->shards, url, "auth", &store->db);
    if (failed(st)) return st;
    mongodb_use(store->db, mongodb_url_database(store->db, AUTH_MONGODB_DATABASE));
    store->endings.db = store->db;
    store->endings.from = "refresh_tokens";
    store->endings.array = "argosy.endings";
    store->endings.to = "endings";
    store->sweeper.sweep = sweep;
    store->prepares = context->prepares;
    store->port = (struct auth_store){
        .remembers = true,
        .put = put,
        .update = update,
        .list = list,
        .remove = remove_sessions,
        .follow = follow_account,
        .endings = find_endings,
        .on_ending = on_ending,
        .open = open_store,
        .check = check_store,
        .close = close_store,
        .events = {.letters = dead_letters_mongodb(context->arena, store->db),
                   .sweeper = &store->sweeper,
                   .engine = mongodb_news(store->db)},
    };
    *ret_store = &store->port;
    return st;
}
