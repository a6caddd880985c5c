/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer may make an HTTP/2 session do for nothing. See http/http2_session.h. */
#include "http/http2_session.h"

enum {
    /* Limit on the stream resets, by either side, that a client causes: opening and resetting a
     * stream is cheaper than serving it (CVE-2023-44487, CVE-2025-8671). */
    RESETS_BURST = 1000,
    RESETS_PER_SECOND = 200,
    /* Limit on useless frames: SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA and CONTINUATION,
     * unknown types; from a server also interim heads, and heads on streams that have ended. Each
     * DATA frame that we send allows EMPTIES_EARNED more, because the peer may open the window for
     * it. */
    EMPTIES_BURST = 2000,
    EMPTIES_PER_SECOND = 500,
    EMPTIES_EARNED = 4,
    /* Limit on PING frames: keepalive pings come every ten seconds or so; pings that measure the
     * link come with data, so each frame of a response allows one more. */
    PINGS_BURST = 20,
    PINGS_PER_SECOND = 1,
};

static bool spend(struct http2_session *session, struct http2_bucket *bucket, int64_t burst,
                  int64_t rate)
{
    int64_t now_us = shard_now_us(session->shard);
    if (bucket->filled_us == 0) {
        bucket->tokens = burst;
        bucket->filled_us = now_us;
    }
    int64_t earned = (now_us - bucket->filled_us) / 1000 * rate / 1000;
    if (earned > 0) {
        bucket->tokens = bucket->tokens + earned > burst ? burst : bucket->tokens + earned;
        bucket->filled_us = now_us;
    }
    return bucket->tokens-- > 0;
}

void http2_limits_calm(struct http2_session *session, enum http_refusal refusal)
{
    if (session->refusal) return;
    session->refusal = refusal;
    (void)nghttp2_session_terminate_session(session->ng, NGHTTP2_ENHANCE_YOUR_CALM);
}

void http2_limits_count_reset(struct http2_session *session)
{
    if (session->server && !spend(session, &session->resets, RESETS_BURST, RESETS_PER_SECOND))
        http2_limits_calm(session, HTTP_REFUSED_RESETS);
}

void http2_limits_count_empty(struct http2_session *session)
{
    if (!spend(session, &session->empties, EMPTIES_BURST, EMPTIES_PER_SECOND))
        http2_limits_calm(session, HTTP_REFUSED_FLOOD);
}

/* gRPC clients recognize this text and ping less often afterwards. */
static void count_ping(struct http2_session *session)
{
    static const char text[] = "too_many_pings";

    if (!session->server || session->refusal) return;
    if (spend(session, &session->pings, PINGS_BURST, PINGS_PER_SECOND)) return;
    (void)nghttp2_submit_goaway(session->ng, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(session->ng),
                                NGHTTP2_ENHANCE_YOUR_CALM, (const uint8_t *)text, sizeof(text) - 1);
    http2_limits_calm(session, HTTP_REFUSED_PINGS);
}

void http2_limits_earn(struct http2_session *session, bool data)
{
    if (data && session->empties.tokens < EMPTIES_BURST) session->empties.tokens += EMPTIES_EARNED;
    if (session->pings.tokens < PINGS_BURST) session->pings.tokens++;
}

void http2_limits_count_frame(struct http2_session *session, const struct http2_frame_seen *seen)
{
    if (seen->type == NGHTTP2_PING && !(seen->flags & NGHTTP2_FLAG_ACK))
        count_ping(session);
    else if (http2_frame_is_empty(seen))
        http2_limits_count_empty(session);
}
