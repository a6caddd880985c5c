/* SPDX-License-Identifier: Apache-2.0 */
/* One change of an account's document: read it, or begin with what a cache remembers of it, decide,
 * and write it if it is still the same. See auth_change_mongodb.h. */
#include "services/auth/mongodb/auth_change_mongodb.h"

#include <string.h>

#include "base/clock.h"
#include "services/auth/mongodb/auth_document.h"
#include "store/mongodb/change.h"

enum { US_PER_S = 1000000 };

struct status auth_mongodb_read(struct call *call, struct mongodb_auth_store *store,
                                const char *key, struct str *ret_document)
{
    struct str reply;

    struct status st = mongodb_read(
        call, store->db,
        mongodb_document(call->arena,
                         "{find: 'refresh_tokens', filter: {_id: %s}, limit: 1, singleBatch: true}",
                         key),
        &reply);
    if (!failed(st)) *ret_document = mongodb_part(reply, "cursor.firstBatch.0");
    return st;
}

static struct str each(const struct call *call, struct str items, int keep)
{
    struct str none = {0};

    if (!items.data) return none;
    return keep ? mongodb_document(call->arena, "{$each: %a, $slice: %i}", items, -keep)
                : mongodb_document(call->arena, "{$each: %a}", items);
}

static struct status write_new(struct call *call, struct mongodb_auth_store *store,
                               struct auth_job *job, struct str sessions, bool *ret_written)
{
    const struct change_record none = {0};
    struct change_mongodb_new added;
    struct str reply, account, empty = {0};

    change_mongodb_new(call, &job->cause, &none, job->mark.id, &added);
    struct str endings = auth_document_endings(call->arena, empty, &job->write, &account);
    struct status st = mongodb_write(
        call, store->db,
        mongodb_document(
            call->arena,
            "{insert: 'refresh_tokens', documents: [{_id: %s, sessions: %a, touchedUs: %l, argosy:"
            " {version: %l, marks: %a, inbox: %a, endings: %a, accountEnding: %d}}]}",
            job->key, sessions, clock_now_us(), (int64_t)1, added.marks, added.inbox, endings,
            account),
        &reply);
    change_mongodb_written(&job->mark, empty, st);
    /* Another change has made the document, or an earlier attempt of this one: read again. */
    *ret_written = !failed(st);
    if (!failed(st) && endings.data) mongodb_sequence_tell(&store->endings);
    return st.code == STATUS_ALREADY_EXISTS ? status_ok() : st;
}

/* The parts of a document, as it is after the change, that the next change has to know. */
static void remember(const struct call *call, const struct auth_job *job, struct str document,
                     struct str sessions, struct str account)
{
    if (!job->memory) return;
    if (!account.data) account = mongodb_part(document, "argosy.accountEnding");
    job->memory->text = mongodb_document(
        call->arena, "{sessions: %a, argosy: {version: %l, marks: [%o], accountEnding: %d}}",
        sessions, mongodb_number(document, "argosy.version") + 1, job->mark.id, account);
}

/* The document, if it is still as it was. Where it was read from a cache, its version alone would not
 * say so: a server that loses changes, or is restored, gives the same version to another change. The
 * mark of the change that made the version tells them apart. */
static struct str unchanged(const struct call *call, const struct auth_job *job,
                            struct str document, bool is_remembered)
{
    int64_t version = mongodb_number(document, "argosy.version");
    struct mongodb_id mark;

    if (!is_remembered)
        return mongodb_document(call->arena, "{_id: %s, argosy.version: %l}", job->key, version);
    if (!mongodb_read_id(document, "argosy.marks.0", &mark)) mark = job->mark.id; /* matches none */
    return mongodb_document(call->arena, "{_id: %s, argosy.version: %l, argosy.marks: %o}",
                            job->key, version, mark);
}

static struct status write_change(struct call *call, struct auth_job *job, struct str document,
                                  struct str sessions, struct str query, bool *ret_written)
{
    struct mongodb_auth_store *store = job->store;
    const struct change_record none = {0};
    struct str reply, account, set;

    struct str endings = auth_document_endings(call->arena, document, &job->write, &account);
    struct str push = mongodb_join(
        call->arena, change_mongodb_end(call, &job->cause, &none, job->mark.id),
        mongodb_document(call->arena, "{argosy.endings: %d}", each(call, endings, 0)));
    set = mongodb_document(call->arena, "{sessions: %a, touchedUs: %l, argosy.accountEnding: %d}",
                           sessions, clock_now_us(), account);
    struct status st = mongodb_write(
        call, store->db,
        mongodb_document(call->arena,
                         "{update: 'refresh_tokens', updates: [{q: %d,"
                         " u: {$set: %d, $push: %d, $inc: {argosy.version: 1}}}]}",
                         query, set, push),
        &reply);
    change_mongodb_written(&job->mark, document, st);
    if (failed(st)) return st;
    *ret_written = mongodb_number(reply, "n") == 1;
    if (!*ret_written) return st;
    if (endings.data) mongodb_sequence_tell(&store->endings);
    remember(call, job, document, sessions, account);
    return st;
}

/* Is there anything to write? */
static bool changes_something(const struct auth_job *job)
{
    if (job->cause.event || job->write.ending_count > 0) return true;
    for (size_t i = 0; i < job->write.count; i++)
        if (job->write.rows[i].fate != SESSION_KEPT) return true;
    return false;
}

/* Lets the change decide by a document. *ret_after are its sessions afterwards; data NULL: there is
 * nothing to write. */
static struct status decide_by(struct call *call, struct auth_job *job, struct str document,
                               struct str *ret_after)
{
    struct access_lifetime lifetime = {job->store->port.access_ttl_s, clock_now_us() / US_PER_S};
    size_t count, own_count = 0;
    struct str none = {0};

    struct session *all = auth_document_sessions(call->arena, document, &count);
    struct session *own = arena_array(call->arena, struct session, count + 1);
    for (size_t i = 0; i < count; i++)
        if (!job->device_id || strcmp(all[i].device_id, job->device_id) == 0)
            own[own_count++] = all[i];
    sessions_read(call->arena, job->key, own, own_count, &job->write);
    struct status st = job->decide(call, job, lifetime);
    if (failed(st)) return st;
    *ret_after = changes_something(job) ? auth_document_after(call->arena, all, count, &job->write)
                                        : none;
    return st;
}

/* Begins with what a cache remembers. Only a write that finds the account as remembered counts:
 * whatever else comes of it, the account is to be read, and nothing is remembered any more. */
static struct status try_remembered(struct call *call, struct auth_job *job, bool *ret_done)
{
    struct str document = job->memory->text, none = {0}, after;
    bool written = false;

    job->memory->text = none;
    job->memory->fate = MEMORY_OUTDATED;
    if (!mongodb_is_document(document)) return status_ok();
    if (failed(decide_by(call, job, document, &after)) || !after.data) return status_ok();
    struct status st = write_change(call, job, document, after,
                                    unchanged(call, job, document, true), &written);
    if (!failed(st) && written) job->memory->fate = MEMORY_HELD;
    if (!failed(st)) *ret_done = written;
    return st;
}

static struct status try_read(struct call *call, struct auth_job *job, bool *ret_done)
{
    struct mongodb_auth_store *store = job->store;
    struct str document, after;
    bool fresh = true;
    struct status st;

    st = auth_mongodb_read(call, store, job->key, &document);
    if (failed(st)) return st;
    st = change_mongodb_begin(call, document, &job->cause, &job->mark, &fresh);
    /* An earlier attempt, whose answer was lost, told nobody of its endings. */
    if (!fresh && mongodb_has(document, "argosy.endings.0.id"))
        mongodb_sequence_tell(&store->endings);
    *ret_done = true;
    if (failed(st) || !fresh) return st;
    st = decide_by(call, job, document, &after);
    if (failed(st) || !after.data) return st;
    if (!document.data) return write_new(call, store, job, after, ret_done);
    return write_change(call, job, document, after, unchanged(call, job, document, false),
                        ret_done);
}

static struct status try_change(struct call *call, void *data, bool *ret_done)
{
    struct auth_job *job = data;
    struct status st = status_ok();

    *ret_done = false;
    if (job->memory && job->memory->text.data) st = try_remembered(call, job, ret_done);
    return failed(st) || *ret_done ? st : try_read(call, job, ret_done);
}

struct status auth_mongodb_change(struct call *call, struct auth_job *job)
{
    job->mark.id = mongodb_id_new();
    return mongodb_change(call, job->store->db, job->key, try_change, job);
}
