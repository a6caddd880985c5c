/* SPDX-License-Identifier: Apache-2.0 */
/* The sessions that have ended while access tokens of theirs may still be around. Bounded, in
 * memory, for all shards; the auth service tells of them (gateway/session_watch.h), and every
 * request with a token looks here and nowhere else.
 *
 * A session is known by the hash of its id. Where there is no room for one more, nothing is
 * forgotten: its neighbourhood becomes coarse, and every token there that is as old or older is
 * outdated. Its owner refreshes it, which an ended session cannot. */
#ifndef GATEWAY_ENDED_SESSIONS_H
#define GATEWAY_ENDED_SESSIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct ended_sessions;

/* Room for `slots` sessions, rounded up. Takes memory as it fills. */
struct ended_sessions *ended_sessions_new(size_t slots);
void ended_sessions_free(struct ended_sessions *ended);

struct ended_session {
    struct str id;
    int64_t generation; /* tokens of earlier ones are over; INT64_MAX: all are */
    int64_t until_s;    /* no token of it is good any longer than this */
};

/* Any thread, as below. `now_s` is the wall's time, `now_us` monotonic: an entry goes when both
 * agree that its time is over, so that a clock that is set forgets nothing. */
void ended_sessions_add(struct ended_sessions *ended, const struct ended_session *session,
                        int64_t now_s, int64_t now_us);

enum session_state { SESSION_GOOD, SESSION_OUTDATED, SESSION_ENDED };

/* What a token of this session is worth. */
enum session_state ended_sessions_find(struct ended_sessions *ended, struct str id,
                                       int64_t generation, int64_t issued_s, int64_t now_us);

/* What a token is worth that names no session, as the existing system issues them: by its account
 * and its age. */
enum session_state ended_sessions_find_account(struct ended_sessions *ended, struct str email,
                                               int64_t issued_s, int64_t now_us);

#endif
