/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and endings as parts of documents. */
#include "services/auth/mongodb/auth_document.h"

#include <stdlib.h>
#include <string.h>

static void read_session(struct str item, struct session *ret_session)
{
    struct str hash = mongodb_binary(item, "token_hash");

    *ret_session = (struct session){
        .email = mongodb_text(item, "email"),
        .role = mongodb_text(item, "role"),
        .device_id = mongodb_text(item, "device_id"),
        .family = mongodb_text(item, "family"),
        .number = mongodb_number(item, "number"),
        .issued_s = mongodb_number(item, "issued_s"),
        .expires_s = mongodb_number(item, "expires_s"),
        .created_us = mongodb_number(item, "created_us"),
        .used_us = mongodb_number(item, "used_us"),
        .used_boot_us = mongodb_number(item, "used_boot_us"),
        .boot = mongodb_text(item, "boot"),
        .generation = mongodb_number(item, "generation"),
        .password_changed_us = mongodb_number(item, "password_changed_us"),
        .peer = mongodb_text(item, "peer"),
    };
    if (hash.length == AUTH_HASH_SIZE) memcpy(ret_session->hash, hash.data, AUTH_HASH_SIZE);
}

static struct str write_session(struct arena *arena, const struct session *s)
{
    return mongodb_document(
        arena,
        "{email: %s, device_id: %s, token_hash: %x, role: %s, family: %s, number: %l, issued_s: %l,"
        " expires_s: %l, created_us: %l, used_us: %l, used_boot_us: %l, boot: %s, generation: %l,"
        " password_changed_us: %l, peer: %s}",
        s->email, s->device_id, str_sized(s->hash, AUTH_HASH_SIZE), s->role, s->family, s->number,
        s->issued_s, s->expires_s, s->created_us, s->used_us, s->used_boot_us, s->boot,
        s->generation, s->password_changed_us, s->peer);
}

static int compare_devices(const void *a, const void *b)
{
    return strcmp(((const struct session *)a)->device_id, ((const struct session *)b)->device_id);
}

struct session *auth_document_sessions(struct arena *arena, struct str document, size_t *ret_count)
{
    const struct str *items = mongodb_items(arena, mongodb_part(document, "sessions"), ret_count);
    struct session *sessions = arena_array(arena, struct session, *ret_count + 1);

    for (size_t i = 0; i < *ret_count; i++) read_session(items[i], &sessions[i]);
    if (*ret_count > 1) qsort(sessions, *ret_count, sizeof(*sessions), compare_devices);
    return sessions;
}

static bool has_row(const struct sessions_write *write, const char *device_id)
{
    for (size_t i = 0; i < write->count; i++)
        if (strcmp(write->rows[i].session.device_id, device_id) == 0) return true;
    return false;
}

struct str auth_document_after(struct arena *arena, const struct session *all, size_t count,
                               const struct sessions_write *write)
{
    struct str *items = arena_array(arena, struct str, count + write->count + 1);
    size_t left = 0;

    for (size_t i = 0; i < count; i++)
        if (!has_row(write, all[i].device_id)) items[left++] = write_session(arena, &all[i]);
    for (size_t i = 0; i < write->count; i++)
        if (write->rows[i].fate != SESSION_REMOVED)
            items[left++] = write_session(arena, &write->rows[i].session);
    return mongodb_array(arena, items, left);
}

struct str auth_document_endings(struct arena *arena, struct str document,
                                 const struct sessions_write *write, struct str *ret_account)
{
    struct str *items = arena_array(arena, struct str, write->ending_count + 1), none = {0};
    size_t count = 0;

    *ret_account = none;
    for (size_t i = 0; i < write->ending_count; i++) {
        const struct ending *ending = &write->endings[i];
        bool of_account = ending_is_of_account(ending);
        if (of_account &&
            mongodb_number(document, "argosy.accountEnding.until_s") == ending->until_s &&
            mongodb_number(document, "argosy.accountEnding.generation") >= ending->generation)
            continue;
        items[count++] = mongodb_document(
            arena, "{id: %o, family: %s, generation: %l, until_s: %l}", mongodb_id_new(),
            ending->family, ending->generation, ending->until_s);
        if (of_account)
            *ret_account = mongodb_document(arena, "{generation: %l, until_s: %l}",
                                            ending->generation, ending->until_s);
    }
    return count ? mongodb_array(arena, items, count) : none;
}
