/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the collections of accounts ready: indexes, and the documents of the existing system. */
#include "observe/log.h"
#include "services/user/mongodb/user_mongodb.h"

enum {
    SCHEMA = 1,            /* raised when something must be done to older stores */
    COLLISIONS_MAX = 1000, /* groups of addresses that collide */
    PAGE = 100,
};

/* ---- schema ---- */

static struct status make_indexes(struct call *call, struct mongodb *db)
{
    struct status st = mongodb_define(
        call, db,
        mongodb_document(call->arena, "{createIndexes: 'users', indexes: ["
                                      "{name: 'email_1', key: {email: 1}, unique: true},"
                                      "{name: 'argosy_key', key: {argosy.key: 1}, unique: true,"
                                      " partialFilterExpression: {argosy.key: {$exists: true}}},"
                                      "{name: 'argosy_role', key: {role: 1, argosy.key: 1},"
                                      " partialFilterExpression: {argosy.key: {$exists: true}}},"
                                      "{name: 'argosy_behind', key: {argosy.behind: 1},"
                                      " partialFilterExpression: {argosy.behind: true}}]}"));
    if (failed(st)) return st;
    st = mongodb_define(call, db,
                        mongodb_document(call->arena,
                                         "{createIndexes: 'customers', indexes: ["
                                         "{name: 'email_1', key: {email: 1}, unique: true},"
                                         "{name: 'user_1', key: {user: 1}, unique: true}]}"));
    if (failed(st)) return st;
    return events_mongodb_prepare(call, db, "users");
}

struct progress {
    int64_t schema;
    bool taken_over;
};

static struct status read_progress(struct call *call, struct mongodb *db,
                                   struct progress *ret_progress)
{
    struct str reply;

    struct status st = mongodb_read(
        call, db,
        mongodb_document(call->arena, "{find: 'argosy_schema', filter: {_id: 'user'}, limit: 1,"
                                      " singleBatch: true}"),
        &reply);
    if (failed(st)) return st;
    *ret_progress = (struct progress){
        .schema = mongodb_number(reply, "cursor.firstBatch.0.schema"),
        .taken_over = mongodb_flag(reply, "cursor.firstBatch.0.takenOver"),
    };
    if (ret_progress->schema > SCHEMA)
        return status_make(STATUS_FAILED_PRECONDITION, ARGOSY__REASON__STORE_NEWER,
                           "the user service's store was prepared by a newer argosy; use that one");
    return status_ok();
}

static struct status write_progress(struct call *call, struct mongodb *db, bool taken_over)
{
    struct str reply;

    return mongodb_write(
        call, db,
        mongodb_document(call->arena,
                         "{update: 'argosy_schema', updates: [{q: {_id: 'user'}, u: {$set:"
                         " {schema: %i, takenOver: %b}}, upsert: true}]}",
                         SCHEMA, (int)taken_over),
        &reply);
}

struct status user_mongodb_check(struct call *call, struct mongodb *db)
{
    struct progress progress;

    struct status st = read_progress(call, db, &progress);
    if (failed(st) || progress.schema == SCHEMA) return st;
    return status_make(STATUS_FAILED_PRECONDITION, ARGOSY__REASON__STORE_NOT_PREPARED,
                       "the user service's store lacks its indexes; run `argosy store prepare`");
}

/* ---- addresses that collide ---- */

static struct status note_collision(struct call *call, struct mongodb *db, struct str group)
{
    struct str reply;

    log_warn(
        0,
        "user: several accounts have the same address but for its case; none of them can be "
        "used until all but one have another address or are removed, and `argosy store prepare` "
        "has run again",
        LOG_STR("address", mongodb_text(group, "_id")));
    return mongodb_write(
        call, db,
        mongodb_document(call->arena,
                         "{update: 'argosy_collisions', updates: [{q: {_id: %s}, u: {$set:"
                         " {emails: %a}}, upsert: true}]}",
                         mongodb_text(group, "_id"), mongodb_part(group, "emails")),
        &reply);
}

static struct status find_collisions(struct call *call, struct mongodb *db, size_t *ret_count)
{
    struct status st;
    struct str reply;

    st = mongodb_define(call, db, mongodb_document(call->arena, "{drop: 'argosy_collisions'}"));
    if (!failed(st))
        st = mongodb_read(
            call, db,
            mongodb_document(call->arena,
                             "{aggregate: 'users', pipeline: [{$group: {_id: {$toLower: '$email'},"
                             " n: {$sum: 1}, emails: {$push: '$email'}}}, {$match: {n: {$gt: 1}}},"
                             " {$limit: %i}], cursor: {batchSize: %i}, allowDiskUse: true}",
                             COLLISIONS_MAX, COLLISIONS_MAX + 1),
            &reply);
    if (failed(st)) return st;
    const struct str *groups = mongodb_items(call->arena, mongodb_part(reply, "cursor.firstBatch"),
                                             ret_count);
    if (*ret_count >= COLLISIONS_MAX)
        return status_make(STATUS_FAILED_PRECONDITION, ARGOSY__REASON__STORE_NOT_PREPARED,
                           "too many accounts have the same address but for its case; mend them in "
                           "the collection users first");
    for (size_t i = 0; i < *ret_count && !failed(st); i++) st = note_collision(call, db, groups[i]);
    return st;
}

struct status user_mongodb_collides(struct call *call, struct mongodb *db, const char *key,
                                    bool *ret_collides)
{
    struct str reply;

    struct status st = mongodb_read(
        call, db,
        mongodb_document(call->arena,
                         "{find: 'argosy_collisions', filter: {_id: %s}, limit: 1,"
                         " singleBatch: true}",
                         key),
        &reply);
    if (!failed(st)) *ret_collides = mongodb_has(reply, "cursor.firstBatch.0");
    return st;
}

/* ---- documents of the existing system ---- */

/* Gives a document its key, and the fields that the existing system keeps in `customers`. */
static struct status take_over(struct call *call, struct mongodb *db, struct str user)
{
    const char *key = account_key(call->arena, mongodb_text(user, "email"));
    struct mongodb_id id;
    struct str reply;
    bool collides;

    if (!mongodb_read_id(user, "_id", &id) || !key[0]) return status_ok();
    struct status st = user_mongodb_collides(call, db, key, &collides);
    if (failed(st) || collides) return st;
    st = mongodb_read(call, db,
                      mongodb_document(call->arena,
                                       "{find: 'customers', filter: {user: %o}, limit: 1,"
                                       " singleBatch: true}",
                                       id),
                      &reply);
    if (failed(st)) return st;
    struct str customer = mongodb_part(reply, "cursor.firstBatch.0");
    int64_t changed_us = mongodb_time_us(
        user, mongodb_has(user, "passwordChangedAt") ? "passwordChangedAt" : "createdAt");
    struct str own = mongodb_document(
        call->arena,
        "{key: %s, version: %l, name: %s, phone: %s, address: %s, avatarUrl: %s,"
        " passwordChangedUs: %l}",
        key, (int64_t)1, mongodb_text(customer, "name"), mongodb_text(customer, "phone"),
        mongodb_text(customer, "address"), mongodb_text(customer, "avatarUrl"), changed_us);
    return mongodb_write(
        call, db,
        mongodb_document(call->arena,
                         "{update: 'users', updates: [{q: {_id: %o, argosy: {$exists: false}},"
                         " u: {$set: {argosy: %d}}}]}",
                         id, own),
        &reply);
}

static struct status take_over_page(struct call *call, struct mongodb *db, struct mongodb_id *after,
                                    size_t *ret_count)
{
    struct str reply;

    struct status st = mongodb_read(
        call, db,
        mongodb_document(call->arena,
                         "{find: 'users', filter: {_id: {$gt: %o}, argosy: {$exists: false}},"
                         " sort: {_id: 1}, limit: %i, singleBatch: true}",
                         *after, PAGE),
        &reply);
    if (failed(st)) return st;
    const struct str *users = mongodb_items(call->arena, mongodb_part(reply, "cursor.firstBatch"),
                                            ret_count);
    for (size_t i = 0; i < *ret_count && !failed(st); i++) {
        st = take_over(call, db, users[i]);
        if (!mongodb_read_id(users[i], "_id", after)) *ret_count = 0;
    }
    return st;
}

static struct status take_over_all(struct call *call, struct mongodb *db)
{
    struct mongodb_id after = {0};
    size_t count = PAGE;
    struct status st = status_ok();

    while (count == PAGE && !failed(st)) {
        struct arena arena;
        struct call page;
        arena_init(&arena, 0);
        call_init_child(&page, call, 0);
        page.arena = &arena;
        st = take_over_page(&page, db, &after, &count);
        st = status_dup(call->arena, st);
        arena_release(&arena);
    }
    return st;
}

struct status user_mongodb_prepare(struct call *call, struct mongodb *db)
{
    struct progress progress;
    size_t collisions = 0;

    struct status st = read_progress(call, db, &progress);
    if (failed(st) || (progress.schema == SCHEMA && progress.taken_over)) return st;
    st = make_indexes(call, db);
    if (!failed(st)) st = find_collisions(call, db, &collisions);
    if (!failed(st)) st = take_over_all(call, db);
    if (failed(st)) return st;
    return write_progress(call, db, collisions == 0);
}
