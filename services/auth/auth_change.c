/* SPDX-License-Identifier: Apache-2.0 */
/* Which sessions a change writes and removes, and which endings it leaves. */
#include "services/auth/auth_change.h"

#include <string.h>

enum { US_PER_S = 1000000 };

#define OF_ACCOUNT "account:"

void sessions_read(struct arena *arena, const char *key, const struct session *found, size_t count,
                   struct sessions_write *ret_write)
{
    *ret_write = (struct sessions_write){
        .key = key,
        .rows = arena_array(arena, struct session_row, count + 1),
        .count = count,
        /* Each session leaves at most one, a new one replaces at most one, and the account's. */
        .endings = arena_array(arena, struct ending, count + 2),
    };
    for (size_t i = 0; i < count; i++) ret_write->rows[i].session = found[i];
}

bool ending_is_of_account(const struct ending *ending)
{
    return str_starts_with(str_of(ending->family), STR(OF_ACCOUNT));
}

/* ---- endings ---- */

/* Tokens of the session below this generation are over. Its newest access token is as old as its last
 * use; if the clock was set back since, the later of both times counts. */
static void leave_ending(struct sessions_write *write, const struct session *session,
                         int64_t generation, struct access_lifetime lifetime)
{
    int64_t newest_s = session->issued_s > lifetime.now_s ? session->issued_s : lifetime.now_s;

    write->endings[write->ending_count++] = (struct ending){
        .family = session->family,
        .generation = generation,
        .until_s = newest_s + lifetime.ttl_s + 1,
    };
}

/* Access tokens of the account that belong to no session and are as old as `issued_s`, or older, are
 * over. Those that have expired anyway need no ending. */
static void leave_account_ending(struct arena *arena, struct sessions_write *write,
                                 int64_t issued_s, struct access_lifetime lifetime)
{
    int64_t until_s = issued_s + lifetime.ttl_s + 1;

    if (until_s <= lifetime.now_s) return;
    write->endings[write->ending_count++] = (struct ending){
        .family = arena_printf(arena, OF_ACCOUNT "%s", write->key),
        .generation = issued_s + 1,
        .until_s = until_s,
    };
}

static void end_row(struct sessions_write *write, struct session_row *row,
                    struct access_lifetime lifetime)
{
    leave_ending(write, &row->session, INT64_MAX, lifetime);
    row->fate = SESSION_REMOVED;
    write->removed++;
}

/* ---- changes ---- */

static struct session_row *find_row(struct sessions_write *write, const char *device_id)
{
    for (size_t i = 0; i < write->count; i++)
        if (strcmp(write->rows[i].session.device_id, device_id) == 0) return &write->rows[i];
    return 0;
}

/* The least recently used session that is not the new one's; of several the last. */
static struct session_row *oldest_other(struct sessions_write *write, const struct session_row *own)
{
    struct session_row *oldest = 0;

    for (size_t i = 0; i < write->count; i++) {
        struct session_row *row = &write->rows[i];
        if (row == own || row->fate == SESSION_REMOVED) continue;
        if (!oldest || row->session.used_us <= oldest->session.used_us) oldest = row;
    }
    return oldest;
}

void sessions_put(struct sessions_write *write, const struct session *session, int sessions_max,
                  struct access_lifetime lifetime)
{
    struct session_row *own = find_row(write, session->device_id);

    if (!own) {
        own = &write->rows[write->count++];
    } else if (strcmp(own->session.family, session->family) != 0) {
        /* The same session that is put again ends nothing. */
        leave_ending(write, &own->session, INT64_MAX, lifetime);
    }
    own->session = *session;
    own->fate = SESSION_WRITTEN;
    for (size_t left = write->count; left > (size_t)sessions_max && left > 1; left--)
        end_row(write, oldest_other(write, own), lifetime);
}

struct status sessions_update(const struct call *call, struct sessions_write *write,
                              const struct session_change *change, struct access_lifetime lifetime)
{
    if (write->count == 0)
        return status_make(STATUS_NOT_FOUND, ARGOSY__REASON__SESSION_NOT_FOUND,
                           "there is no session on this device; log in first");

    struct session_row *row = &write->rows[0];
    struct status st = change->apply(call, &row->session, change->data);
    if (failed(st)) return st;
    row->fate = SESSION_WRITTEN;
    if (!row->session.ended) return st;
    leave_account_ending(call->arena, write, lifetime.now_s, lifetime);
    end_row(write, row, lifetime);
    return st;
}

void sessions_remove(struct arena *arena, struct sessions_write *write, const char *device_id,
                     const char *except, struct access_lifetime lifetime)
{
    leave_account_ending(arena, write, lifetime.now_s, lifetime);
    for (size_t i = 0; i < write->count; i++) {
        const char *id = write->rows[i].session.device_id;
        if (device_id ? strcmp(id, device_id) == 0 : !except || strcmp(id, except) != 0)
            end_row(write, &write->rows[i], lifetime);
    }
}

static void follow_row(struct sessions_write *write, struct session_row *row,
                       const struct account_news *news, struct access_lifetime lifetime)
{
    struct session *session = &row->session;
    bool here = news->changed_on[0] && strcmp(news->changed_on, session->device_id) == 0;
    bool outdated = session->password_changed_us < news->password_changed_us;

    if (news->gone || (outdated && !here)) {
        end_row(write, row, lifetime);
        return;
    }
    if (outdated) {
        session->password_changed_us = news->password_changed_us;
        row->fate = SESSION_WRITTEN;
    }
    if (strcmp(session->role, news->role) == 0) return;
    session->role = news->role;
    session->generation++;
    row->fate = SESSION_WRITTEN;
    leave_ending(write, session, session->generation, lifetime);
}

void sessions_follow(struct arena *arena, struct sessions_write *write,
                     const struct account_news *news, struct access_lifetime lifetime)
{
    int64_t changed_us = news->password_changed_us;

    if (news->role_changed_us > changed_us) changed_us = news->role_changed_us;
    for (size_t i = 0; i < write->count; i++) follow_row(write, &write->rows[i], news, lifetime);
    leave_account_ending(arena, write, news->gone ? lifetime.now_s : changed_us / US_PER_S,
                         lifetime);
}
