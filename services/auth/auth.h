/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: one for each (user, device), and the rule by which its refresh token rotates. Plain
 * values, no I/O.
 *
 * A login begins a family of refresh tokens. Using the newest, number n, issues number n+1. For a
 * short grace its immediate predecessor still works and gets the same successor, because two tabs
 * that refresh at the same moment are no theft. Any other used token of the family counts as stolen
 * and ends the session. Setting the clock back makes no used token valid again: the grace is over
 * when either clock says so, or when the machine has rebooted. A token of an older family (the
 * device has logged in again since) is refused and ends nothing.
 *
 * Tokens are not stored. The claims of the newest follow from the session's fields, so it can be
 * issued again; a presented token's claims are compared with the hash of the newest's. */
#ifndef SERVICES_AUTH_AUTH_H
#define SERVICES_AUTH_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/jwt.h"
#include "base/status.h"

enum { AUTH_HASH_SIZE = 32 };

struct session {
    const char *email; /* as the account has it */
    const char *role;  /* in the newest tokens */
    const char *device_id;
    const char *family;           /* a UUID, new with each login */
    int64_t number;               /* of the newest refresh token, from 1 */
    uint8_t hash[AUTH_HASH_SIZE]; /* SHA-256 of the newest refresh token's claims */
    int64_t issued_s;             /* of the newest refresh token */
    int64_t expires_s;
    int64_t created_us;          /* the login */
    int64_t used_us;             /* the last login or refresh */
    int64_t used_boot_us;        /* the same, by the monotonic clock */
    const char *boot;            /* the boot that this clock counts from; "": unknown */
    int64_t generation;          /* of its access tokens, from 1; a new role begins another */
    int64_t password_changed_us; /* of the account, when the session last checked it */
    const char *peer;            /* the address that used it last */
    bool ended;                  /* set by a change: remove the session */
};

struct token_policy {
    const struct jwt_keys *access_keys, *refresh_keys;
    int64_t access_ttl_s, refresh_ttl_s;
    int64_t grace_us;
    const char *boot; /* the machine's boot id, for session.boot */
};

/* A moment by both clocks: the wall clock, which tokens carry and which may be set back, and the
 * monotonic one, by which the grace is measured too. */
struct moment {
    int64_t now_us, boot_us; /* since 1970, and since the machine started */
};

/* The newest refresh token of a session, signed with the first of the present keys. */
struct str session_refresh_token(struct arena *arena, const struct token_policy *policy,
                                 const struct session *session);

/* A new access token for the session's user. */
struct str session_access_token(struct arena *arena, const struct token_policy *policy,
                                const struct session *session, int64_t now_us);

/* Begins a family: sets number 1, the hash and the times. The caller has filled in email, role,
 * device and peer. */
void session_begin(struct arena *arena, const struct token_policy *policy, struct moment now,
                   struct session *session);

enum refresh_outcome {
    REFRESH_ROTATED,  /* the session now has the next token */
    REFRESH_REPEATED, /* the predecessor within its grace: send the newest token again */
    REFRESH_REUSED,   /* a used token: the session is marked as ended */
    REFRESH_FOREIGN,  /* of another family, or not one of ours */
};

/* Applies the rule to a presented token whose signature, type and expiry have been verified. */
enum refresh_outcome session_refresh(struct arena *arena, const struct token_policy *policy,
                                     struct str token, struct str token_id, struct moment now,
                                     struct session *session);

#endif
