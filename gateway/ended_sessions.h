/* SPDX-License-Identifier: Apache-2.0 */
/* The sessions that have ended while their access tokens may still be in use. Bounded, in memory,
 * shared by all shards; fed by the auth service (gateway/session_watch.h), and checked for every
 * request with a token.
 *
 * A session is identified by the hash of its id. When its bucket is full, no entry is forgotten:
 * the bucket gets a coarse rule, by which every token of its sessions that is as old or older
 * counts as outdated. Clients then refresh it, which is not possible in an ended session. */
#ifndef GATEWAY_ENDED_SESSIONS_H
#define GATEWAY_ENDED_SESSIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct ended_sessions;

/* Room for `slots` sessions, rounded up. Uses memory only as it fills. */
struct ended_sessions *ended_sessions_new(size_t slots);
void ended_sessions_free(struct ended_sessions *ended);

struct ended_session {
    struct str id;
    int64_t generation; /* tokens of earlier generations are invalid; INT64_MAX: all tokens */
    int64_t until_s;    /* the last of its tokens expires at this time */
};

/* Any thread, like the functions below. `now_s` is wall-clock time, `now_us` monotonic: an entry
 * expires when both say so, so that setting the clock does not drop entries. */
void ended_sessions_add(struct ended_sessions *ended, const struct ended_session *session,
                        int64_t now_s, int64_t now_us);

enum session_state { SESSION_GOOD, SESSION_OUTDATED, SESSION_ENDED };

/* The state of a token of this session. */
enum session_state ended_sessions_find(struct ended_sessions *ended, struct str id,
                                       int64_t generation, int64_t issued_s, int64_t now_us);

/* What a token is worth that names no session, as the existing system issues them: by its account
 * and its age. */
enum session_state ended_sessions_find_account(struct ended_sessions *ended, struct str email,
                                               int64_t issued_s, int64_t now_us);

#endif
