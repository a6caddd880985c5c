/* SPDX-License-Identifier: Apache-2.0 */
/* Remembers which stream identifiers a peer has used. */
#include "http/http2_ids.h"

#include <string.h>

static uint32_t slot_of(int32_t id)
{
    return (uint32_t)id / 2 % HTTP2_IDS_KEPT;
}

static void set(uint64_t *bits, int32_t id, bool value)
{
    uint64_t mask = UINT64_C(1) << slot_of(id) % 64;

    if (value)
        bits[slot_of(id) / 64] |= mask;
    else
        bits[slot_of(id) / 64] &= ~mask;
}

static bool get(const uint64_t *bits, int32_t id)
{
    return bits[slot_of(id) / 64] >> slot_of(id) % 64 & 1;
}

/* Is it one of those that are remembered? */
static bool is_kept(const struct http2_ids *ids, int32_t id)
{
    return id > 0 && id <= ids->last && (ids->last - id) / 2 < HTTP2_IDS_KEPT;
}

void http2_ids_open(struct http2_ids *ids, int32_t id)
{
    if (id <= ids->last) return;
    if ((id - ids->last) / 2 >= HTTP2_IDS_KEPT) {
        memset(ids->used, 0, sizeof(ids->used));
    } else {
        for (int32_t skipped = ids->last + 2; skipped < id; skipped += 2)
            set(ids->used, skipped, false);
    }
    ids->last = id;
    set(ids->used, id, true);
    set(ids->passed_over, id, false);
}

void http2_ids_close(struct http2_ids *ids, int32_t id, bool by_us)
{
    if (is_kept(ids, id)) set(ids->passed_over, id, by_us);
}

enum http2_id_fault http2_ids_check(const struct http2_ids *ids, int32_t id)
{
    if (!is_kept(ids, id)) return HTTP2_ID_FINE;
    if (!get(ids->used, id)) return HTTP2_ID_SKIPPED;
    return get(ids->passed_over, id) ? HTTP2_ID_FINE : HTTP2_ID_ENDED;
}
