/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps `customers` in step with `users`. A customer's document has the version of the account that it
 * was made from, so that an older state never replaces a newer one. */
#include "services/user/mongodb/user_mongodb.h"

enum { LEFT_MAX = 32 };

/* NULL, which leaves a member out, for an empty text. */
static const char *or_none(const char *text)
{
    return text[0] ? text : 0;
}

static struct str unset_of(const struct call *call, const struct account *a)
{
    struct str none = {0};

    if (a->phone[0] && a->address[0] && a->avatar_url[0]) return none;
    return mongodb_document(call->arena, "{phone: %s, address: %s, avatarUrl: %s}",
                            a->phone[0] ? 0 : "", a->address[0] ? 0 : "",
                            a->avatar_url[0] ? 0 : "");
}

static struct status write_customer(struct call *call, struct mongodb *db,
                                    const struct user_document *document)
{
    const struct account *a = &document->account;
    struct str reply;

    struct str set = mongodb_document(
        call->arena,
        "{name: %s, email: %s, phone: %s, address: %s, avatarUrl: %s, updatedAt: %t,"
        " argosy.version: %l}",
        a->name, a->email, or_none(a->phone), or_none(a->address), or_none(a->avatar_url),
        a->updated_us, document->version);
    struct status st = mongodb_write(
        call, db,
        mongodb_document(
            call->arena,
            "{update: 'customers', updates: [{q: {user: %o, $or: [{argosy.version: {$exists: false}},"
            " {argosy.version: {$lt: %l}}]}, u: {$set: %d, $unset: %d, $setOnInsert: {createdAt: %t,"
            " __v: 0}}, upsert: true}]}",
            document->id, document->version, set, unset_of(call, a), a->created_us),
        &reply);
    /* The document is there with this version or a newer one. */
    return st.code == STATUS_ALREADY_EXISTS ? status_ok() : st;
}

struct status user_mirror(struct call *call, struct mongodb *db,
                          const struct user_document *document)
{
    struct str reply;

    struct status st = write_customer(call, db, document);
    if (failed(st)) return st;
    return mongodb_write(
        call, db,
        mongodb_document(call->arena,
                         "{update: 'users', updates: [{q: {_id: %o, argosy.version: %l},"
                         " u: {$unset: {argosy.behind: ''}}}]}",
                         document->id, document->version),
        &reply);
}

struct status user_mirror_left(struct call *call, struct mongodb *db, bool *ret_more)
{
    struct user_document document;
    struct str reply;
    size_t count;

    struct status st = mongodb_read(
        call, db,
        mongodb_document(call->arena,
                         "{find: 'users', filter: {argosy.behind: true}, limit: %i,"
                         " singleBatch: true}",
                         LEFT_MAX),
        &reply);
    if (failed(st)) return st;
    const struct str *found = mongodb_items(call->arena, mongodb_part(reply, "cursor.firstBatch"),
                                            &count);
    for (size_t i = 0; i < count && !failed(st); i++) {
        user_document_read(found[i], &document);
        st = user_mirror(call, db, &document);
    }
    if (failed(st)) return st;
    *ret_more = count == LEFT_MAX;
    return st;
}
