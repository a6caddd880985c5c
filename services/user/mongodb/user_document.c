/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts as documents of `users`. */
#include <string.h>

#include "services/user/mongodb/user_mongodb.h"

/* A document of the existing system that was not changed since it was taken over has no times in
 * microseconds. */
static int64_t time_of(struct str bytes, const char *exact, const char *date)
{
    return mongodb_has(bytes, exact) ? mongodb_number(bytes, exact) : mongodb_time_us(bytes, date);
}

void user_document_read(struct str bytes, struct user_document *ret_document)
{
    *ret_document = (struct user_document){
        .bytes = bytes,
        .version = mongodb_number(bytes, "argosy.version"),
        .account = {
            .email = mongodb_text(bytes, "email"),
            .name = mongodb_text(bytes, "argosy.name"),
            .phone = mongodb_text(bytes, "argosy.phone"),
            .address = mongodb_text(bytes, "argosy.address"),
            .avatar_url = mongodb_text(bytes, "argosy.avatarUrl"),
            .role = mongodb_text(bytes, "role"),
            .status = mongodb_text(bytes, "status"),
            .password_hash = mongodb_text(bytes, "password"),
            .deleted = mongodb_flag(bytes, "isDeleted"),
            .created_us = time_of(bytes, "argosy.createdUs", "createdAt"),
            .updated_us = time_of(bytes, "argosy.updatedUs", "updatedAt"),
            .password_changed_us = time_of(bytes, "argosy.passwordChangedUs", "passwordChangedAt"),
        }};
    (void)mongodb_read_id(bytes, "_id", &ret_document->id);
}

struct str user_document_new(const struct call *call, const struct account *a, struct mongodb_id id,
                             const struct change_mongodb_new *added)
{
    struct str own = mongodb_document(
        call->arena,
        "{key: %s, version: %l, marks: %a, outbox: %a, inbox: %a, requests: %a, name: %s,"
        " phone: %s, address: %s, avatarUrl: %s, createdUs: %l, updatedUs: %l,"
        " passwordChangedUs: %l, behind: true}",
        account_key(call->arena, a->email), (int64_t)1, added->marks, added->outbox, added->inbox,
        added->requests, a->name, a->phone, a->address, a->avatar_url, a->created_us, a->updated_us,
        a->password_changed_us);

    return mongodb_document(
        call->arena,
        "{_id: %o, email: %s, password: %s, role: %s, status: %s, isDeleted: %b, createdAt: %t,"
        " updatedAt: %t, passwordChangedAt: %t, __v: 0, argosy: %d}",
        id, a->email, a->password_hash, a->role, a->status, (int)a->deleted, a->created_us,
        a->updated_us, a->password_changed_us, own);
}

#define SET                                                                                    \
    "password: %s, role: %s, status: %s, isDeleted: %b, updatedAt: %t, passwordChangedAt: %t," \
    " argosy.name: %s, argosy.phone: %s, argosy.address: %s, argosy.avatarUrl: %s,"            \
    " argosy.updatedUs: %l, argosy.passwordChangedUs: %l"

struct str user_document_set(const struct call *call, const struct account *a, bool behind)
{
    return mongodb_document(call->arena, behind ? "{" SET ", argosy.behind: true}" : "{" SET "}",
                            a->password_hash, a->role, a->status, (int)a->deleted, a->updated_us,
                            a->password_changed_us, a->name, a->phone, a->address, a->avatar_url,
                            a->updated_us, a->password_changed_us);
}

bool user_document_differs(const struct account *a, const struct account *b)
{
    return strcmp(a->name, b->name) != 0 || strcmp(a->phone, b->phone) != 0 ||
           strcmp(a->address, b->address) != 0 || strcmp(a->avatar_url, b->avatar_url) != 0;
}
