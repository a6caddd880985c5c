/* SPDX-License-Identifier: Apache-2.0 */
/* Which stream identifiers a peer has used. */
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

/* Is it among those that are remembered? */
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

static size_t take(struct str *rest, size_t wanted)
{
    size_t size = rest->length < wanted ? rest->length : wanted;

    rest->data += size;
    rest->length -= size;
    return size;
}

bool http2_frame_walk_next(struct http2_frame_walk *walk, struct str *rest, uint8_t *ret_type,
                           int32_t *ret_id)
{
    const uint8_t *head = walk->head;

    walk->passed += take(rest, HTTP2_PREFACE_SIZE - walk->passed);
    walk->left -= take(rest, walk->left);
    while (rest->length > 0 && walk->head_length < HTTP2_FRAME_HEAD_SIZE) {
        walk->head[walk->head_length++] = (uint8_t)*rest->data;
        take(rest, 1);
    }
    if (walk->head_length < HTTP2_FRAME_HEAD_SIZE) return false;
    walk->head_length = 0;
    walk->left = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
    *ret_type = head[3];
    *ret_id = (int32_t)((uint32_t)(head[5] & 0x7f) << 24 | (uint32_t)head[6] << 16 |
                        (uint32_t)head[7] << 8 | head[8]);
    return true;
}
