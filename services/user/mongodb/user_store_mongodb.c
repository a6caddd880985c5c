/* SPDX-License-Identifier: Apache-2.0 */
/* The user service's port on MongoDB: compare-and-set on one document of `users` for each
 * account. */
#include <string.h>

#include "observe/log.h"
#include "services/user/mongodb/user_mongodb.h"
#include "store/mongodb/change.h"

struct mongodb_user_store {
    struct user_store port;
    struct mongodb *db;
    bool prepares;
    struct events_sweeper sweeper;         /* of the port */
    struct events_sweeper *events_sweeper; /* of what events leave */
};

static struct mongodb *db_of(struct user_store *store)
{
    return ((struct mongodb_user_store *)store)->db;
}

static struct status not_found(void)
{
    return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__USER_NOT_FOUND,
                       "there is no account with this address; sign up first");
}

static struct status taken(void)
{
    return status_make(STATUS_ALREADY_EXISTS, ARGOSY__REASON__USER_EXISTS,
                       "this address is taken; log in, or sign up with another");
}

static struct status read_document(struct call *call, struct mongodb *db, const char *key,
                                   struct user_document *ret_document)
{
    struct str reply;

    struct status st = mongodb_read(
        call, db,
        mongodb_document(call->arena,
                         "{find: 'users', filter: {argosy.key: %s}, limit: 1, singleBatch: true}",
                         key),
        &reply);
    if (failed(st)) return st;
    struct str found = mongodb_part(reply, "cursor.firstBatch.0");
    if (!found.data) return not_found();
    user_document_read(found, ret_document);
    return status_ok();
}

static struct status find(struct call *call, struct user_store *store, const char *email,
                          struct account **ret_account)
{
    struct user_document *document = arena_new(call->arena, struct user_document);

    struct status st = read_document(call, db_of(store), account_key(call->arena, email), document);
    if (failed(st)) return st;
    *ret_account = &document->account;
    return status_ok();
}

/* The change itself is kept; who reads `customers` sees it later, by the sweeper. */
static void mirror(struct call *call, struct mongodb *db, const struct user_document *document)
{
    struct status st = user_mirror(call, db, document);

    if (failed(st))
        log_debug(call->trace, "user: the collection customers is brought in step later",
                  LOG_STR("error", st.message ? st.message : ""));
}

/* ---- inserting ---- */

struct insertion {
    struct mongodb_user_store *store;
    const struct account_creation *creation;
    const char *key;
    struct mongodb_id id; /* of the document, and of the mark */
};

/* Why a unique index refused the new document: the account or the request is there already.
 * *ret_done is false if neither is, any more: the insertion is tried again. */
static struct status explain(struct call *call, struct mongodb *db,
                             const struct insertion *insertion, bool *ret_done)
{
    const struct change_cause *cause = &insertion->creation->cause;
    const struct change_mongodb_mark mark = {.id = insertion->id};
    struct user_document document;
    struct status st;
    bool found, fresh;

    *ret_done = true;
    st = read_document(call, db, insertion->key, &document);
    if (failed(st) && st.code != STATUS_NOT_FOUND) return st;
    bool exists = !failed(st);
    /* However many changes have followed, and pushed out its mark: it is this insertion's
     * document. */
    if (exists && memcmp(&document.id, &insertion->id, sizeof(document.id)) == 0)
        return status_ok();
    if (exists) {
        st = change_mongodb_begin(call, document.bytes, cause, &mark, &fresh);
        if (failed(st) || !fresh) return st;
    }
    if (cause->request && idempotency_given(&cause->request->idempotency)) {
        st = change_mongodb_find(call, db, "users", cause->request, &found);
        if (failed(st) || found) return st;
    }
    if (exists) return taken();
    *ret_done = false;
    return status_ok();
}

static struct status try_insert(struct call *call, void *data, bool *ret_done)
{
    const struct insertion *insertion = data;
    struct mongodb_user_store *store = insertion->store;
    const struct account_creation *creation = insertion->creation;
    struct change_mongodb_new added;
    struct str reply;
    bool collides;

    struct status st = user_mongodb_collides(call, store->db, insertion->key, &collides);
    if (failed(st)) return st;
    if (collides) return taken();
    change_mongodb_new(call, &creation->cause, &creation->record, insertion->id, &added);
    struct str document = user_document_new(call, creation->account, insertion->id, &added);
    st = mongodb_write(
        call, store->db,
        mongodb_document(call->arena, "{insert: 'users', documents: [%d]}", document), &reply);
    *ret_done = true;
    if (st.code != STATUS_ALREADY_EXISTS) {
        struct user_document written;
        if (failed(st)) return st;
        user_document_read(document, &written);
        mirror(call, store->db, &written);
        if (creation->record.event_count > 0) events_mongodb_tell(store->port.events.log);
        return st;
    }
    return explain(call, store->db, insertion, ret_done);
}

static struct status insert(struct call *call, struct user_store *port,
                            const struct account_creation *creation)
{
    struct mongodb_user_store *store = (struct mongodb_user_store *)port;
    struct insertion insertion = {.store = store,
                                  .creation = creation,
                                  .key = account_key(call->arena, creation->account->email),
                                  .id = mongodb_id_new()};

    return mongodb_change(call, store->db, insertion.key, try_insert, &insertion);
}

static struct status replay(struct call *call, struct user_store *store,
                            struct change_request *request)
{
    struct str none = {0};
    bool found;

    request->replayed = none;
    if (!idempotency_given(&request->idempotency)) return status_ok();
    return change_mongodb_find(call, db_of(store), "users", request, &found);
}

/* ---- changing ---- */

struct update {
    struct mongodb_user_store *store;
    const char *key;
    const struct account_change *change;
    struct change_mongodb_mark mark;
    struct account_write write;
};

static struct status write_change(struct call *call, struct mongodb *db,
                                  const struct user_document *document, struct update *update,
                                  bool behind, bool *ret_written)
{
    const struct account_write *write = &update->write;
    struct str reply;

    struct status st = mongodb_write(
        call, db,
        mongodb_document(
            call->arena,
            "{update: 'users', updates: [{q: {_id: %o, argosy.version: %l}, u: {$set: %d,"
            " $inc: {argosy.version: 1}, $push: %d}}]}",
            document->id, document->version, user_document_set(call, &write->account, behind),
            change_mongodb_end(call, &update->change->cause, &write->record, update->mark.id)),
        &reply);
    change_mongodb_written(&update->mark, document->bytes, st);
    if (!failed(st)) *ret_written = mongodb_number(reply, "n") == 1;
    return st;
}

/* The key of the request has a record in another account's document. */
static struct status explain_update(struct call *call, struct mongodb *db,
                                    const struct change_cause *cause, bool *ret_done)
{
    invariant(cause->request);
    return change_mongodb_find(call, db, "users", cause->request, ret_done);
}

static struct status try_update(struct call *call, void *data, bool *ret_done)
{
    struct update *update = data;
    struct mongodb_user_store *store = update->store;
    struct user_document document;
    struct status st;
    bool fresh;

    *ret_done = false;
    st = read_document(call, store->db, update->key, &document);
    if (failed(st)) return st;
    st = change_mongodb_begin(call, document.bytes, &update->change->cause, &update->mark, &fresh);
    if (failed(st)) return st;
    struct account before = document.account;
    update->write.account = before;
    if (!fresh) {
        /* An earlier attempt, whose answer was lost, told nobody of its events. */
        if (mongodb_has(document.bytes, "argosy.outbox.0.id"))
            events_mongodb_tell(store->port.events.log);
        *ret_done = true;
        return st;
    }
    st = account_decide(call, update->change, &update->write);
    if (failed(st)) return st;
    bool behind = user_document_differs(&before, &update->write.account);
    st = write_change(call, store->db, &document, update, behind, ret_done);
    if (st.code == STATUS_ALREADY_EXISTS)
        return explain_update(call, store->db, &update->change->cause, ret_done);
    if (failed(st) || !*ret_done) return st;
    document.account = update->write.account;
    document.version++;
    if (behind) mirror(call, store->db, &document);
    if (update->write.record.event_count > 0) events_mongodb_tell(store->port.events.log);
    return st;
}

static struct status update(struct call *call, struct user_store *port, const char *email,
                            const struct account_change *change, struct account **ret_account)
{
    struct mongodb_user_store *store = (struct mongodb_user_store *)port;
    struct update *job = arena_new(call->arena, struct update);

    job->store = store;
    job->key = account_key(call->arena, email);
    job->change = change;
    job->mark.id = mongodb_id_new();
    struct status st = mongodb_change(call, store->db, job->key, try_update, job);
    if (!failed(st)) *ret_account = &job->write.account;
    return st;
}

static struct status list(struct call *call, struct user_store *store, const char *after,
                          const char *role, int limit, struct account **ret_accounts,
                          size_t *ret_count)
{
    struct user_document document;
    struct str reply;
    size_t count;

    struct status st = mongodb_read(
        call, db_of(store),
        mongodb_document(call->arena,
                         "{find: 'users', filter: {argosy.key: {$gt: %s}, role: %s},"
                         " sort: {argosy.key: 1}, limit: %i, singleBatch: true}",
                         after, role[0] ? role : 0, limit),
        &reply);
    if (failed(st)) return st;
    const struct str *found = mongodb_items(call->arena, mongodb_part(reply, "cursor.firstBatch"),
                                            &count);
    struct account *accounts = arena_array(call->arena, struct account, count + 1);
    for (size_t i = 0; i < count; i++) {
        user_document_read(found[i], &document);
        accounts[i] = document.account;
    }
    *ret_accounts = accounts;
    *ret_count = count;
    return status_ok();
}

/* ---- a store's life ---- */

static struct mongodb_user_store *of_sweeper(struct events_sweeper *sweeper)
{
    return (struct mongodb_user_store *)((char *)sweeper -
                                         offsetof(struct mongodb_user_store, sweeper));
}

static struct status sweep(struct call *call, struct events_sweeper *sweeper, int64_t before_us,
                           bool *ret_more)
{
    struct mongodb_user_store *store = of_sweeper(sweeper);
    bool events = false, mirrors = false;
    struct status st;

    st = store->events_sweeper->sweep(call, store->events_sweeper, before_us, &events);
    if (!failed(st)) st = user_mirror_left(call, store->db, &mirrors);
    if (failed(st)) return st;
    *ret_more = events || mirrors;
    return st;
}

static struct status open_store(struct call *call, struct user_store *port)
{
    struct mongodb_user_store *store = (struct mongodb_user_store *)port;

    struct status st = mongodb_open(call, store->db);
    if (failed(st)) return st;
    return store->prepares ? user_mongodb_prepare(call, store->db)
                           : user_mongodb_check(call, store->db);
}

static struct status check_store(struct call *call, struct user_store *port,
                                 struct store_findings *findings)
{
    return mongodb_check(call, db_of(port), findings);
}

static void close_store(struct user_store *store)
{
    mongodb_close(db_of(store));
}

struct status user_mongodb_drop(struct call *call, struct user_store *store)
{
    return mongodb_drop(call, db_of(store));
}

struct status user_store_mongodb(const struct service_context *context, const char *url,
                                 struct user_store **ret_store)
{
    struct mongodb_user_store *store = arena_new(context->arena, struct mongodb_user_store);

    struct status st = mongodb_new(context->arena, context->shards, url, "user", &store->db);
    if (failed(st)) return st;
    mongodb_use(store->db, mongodb_url_database(store->db, "user_service"));
    struct events_store events = events_store_mongodb(context->arena, store->db, "users");
    store->events_sweeper = events.sweeper;
    store->sweeper.sweep = sweep;
    events.sweeper = &store->sweeper;
    events.letters = 0; /* it consumes nothing */
    store->prepares = context->prepares;
    store->port = (struct user_store){
        .find = find,
        .insert = insert,
        .replay = replay,
        .update = update,
        .list = list,
        .open = open_store,
        .check = check_store,
        .close = close_store,
        .events = events,
    };
    *ret_store = &store->port;
    return status_ok();
}
