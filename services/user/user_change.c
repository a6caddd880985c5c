/* SPDX-License-Identifier: Apache-2.0 */
/* Applies a change to an account and makes its event, for the store of any engine. */
#include <string.h>

#include "base/hash.h"
#include "events.pb-c.h"
#include "services/user/user_store.h"

/* An address may be longer than an event's key, so the key is a hash of it. */
static const char *event_key(struct arena *arena, const char *email)
{
    return arena_printf(arena, "%016llx",
                        (unsigned long long)hash_text(HASH_START, account_key(arena, email)));
}

/* The auth service relies on this event: it ends the account's sessions or changes their role. */
static void add_event(const struct call *call, const struct account_change *change,
                      const struct account *before, struct account_write *write)
{
    const struct account *now = &write->account;
    Events__AccountChangedEvent changed = EVENTS__ACCOUNT_CHANGED_EVENT__INIT;

    if (strcmp(now->role, before->role) == 0 && strcmp(now->status, before->status) == 0 &&
        now->deleted == before->deleted && now->password_changed_us == before->password_changed_us)
        return;
    changed.email = (char *)now->email;
    changed.role = (char *)now->role;
    changed.status = (char *)now->status;
    changed.is_deleted = now->deleted;
    changed.password_changed_us = now->password_changed_us;
    if (strcmp(now->role, before->role) != 0) changed.role_changed_us = now->updated_us;
    if (change->device_id && now->password_changed_us != before->password_changed_us)
        changed.password_changed_on = (char *)change->device_id;
    change_tell(call, &write->record, "user-events", event_key(call->arena, now->email),
                &changed.base);
}

struct status account_decide(const struct call *call, const struct account_change *change,
                             struct account_write *write)
{
    const struct account before = write->account;

    write->record = (struct change_record){0};
    struct status st = change->apply(call, &write->account, change->data);
    if (failed(st)) return st;
    add_event(call, change, &before, write);
    return status_ok();
}
