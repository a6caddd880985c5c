/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors: base64url of the list's fingerprint and the store's position. They are neither secret
 * nor signed: a forged one only starts a page elsewhere in the same list. */
#include "rpc/cursor.h"

#include "base/encode.h"
#include "base/hash.h"
#include "reasons.pb-c.h"
#include "rpc/rpc_arena.h"

uint64_t rpc_cursor_fingerprint(struct arena *arena, const ProtobufCMessage *request)
{
    return hash_bytes(HASH_START, rpc_pack(arena, request));
}

char *rpc_cursor_encode(struct arena *arena, uint64_t fingerprint, struct str position)
{
    char *bytes = arena_alloc(arena, sizeof(fingerprint) + position.length);

    memcpy(bytes, &fingerprint, sizeof(fingerprint));
    memcpy(bytes + sizeof(fingerprint), position.data, position.length);
    return str_dup(
        arena, base64url_encode(arena, str_sized(bytes, sizeof(fingerprint) + position.length)));
}

struct status rpc_cursor_decode(struct arena *arena, uint64_t fingerprint, const char *cursor,
                                struct str *ret_position)
{
    struct str bytes;

    if (!*cursor) {
        *ret_position = (struct str){0};
        return status_ok();
    }
    if (!base64url_decode(arena, str_of(cursor), &bytes) || bytes.length <= sizeof(fingerprint) ||
        memcmp(bytes.data, &fingerprint, sizeof(fingerprint)) != 0)
        return status_make(
            STATUS_INVALID_ARGUMENT, ARGOSY__REASON__PAGE_CURSOR_INVALID,
            "the cursor belongs to another list; keep filters and sort, or start without a cursor");
    *ret_position = str_sized(bytes.data + sizeof(fingerprint), bytes.length - sizeof(fingerprint));
    return status_ok();
}
