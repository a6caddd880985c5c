/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: one for each (user, device), and the rule by which its refresh token rotates. Plain
 * values, no I/O.
 *
 * A login begins a family of refresh tokens. Every use of the newest, number n, makes number n+1.
 * The immediate predecessor is good for a short grace more and answers with the same successor,
 * because two tabs that refresh at the same moment are no theft. Any other used token of the family
 * is: it ends the session. A clock that is set back makes no used token good again: the grace is
 * over when either clock says so, or when the machine has started anew. A token of an older family
 * (the device has logged in anew since) is refused and ends nothing.
 *
 * Tokens are not kept. A token's claims are a function of what the session keeps, so the successor
 * can be told again; the claims of what comes in are compared with the hash of the newest's. */
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
    int64_t used_boot_us;        /* the same, by the clock that only goes on */
    const char *boot;            /* names it; "" unknown */
    int64_t generation;          /* of its access tokens, from 1; a new role begins another */
    int64_t password_changed_us; /* of the account when the session was last vouched for */
    const char *peer;            /* the address that used it last */
    bool ended;                  /* set by a change: remove the session */
};

struct token_policy {
    const struct jwt_keys *access_keys, *refresh_keys;
    int64_t access_ttl_s, refresh_ttl_s;
    int64_t grace_us;
    const char *boot; /* what used_boot_us counts from: another name, another clock */
};

/* A moment by both clocks: the wall's, which tokens carry and which may be set back, and the one
 * that only goes on, by which the grace is measured. */
struct moment {
    int64_t now_us, boot_us; /* since 1970, and since the machine started */
};

/* The newest refresh token of a session, signed with the first key of now. */
struct str session_refresh_token(struct arena *arena, const struct token_policy *policy,
                                 const struct session *session);

/* A new access token for the session's user. */
struct str session_access_token(struct arena *arena, const struct token_policy *policy,
                                const struct session *session, int64_t now_us);

/* Begins a family: number 1, hash and times are set; the caller has filled in email, role, device,
 * peer. */
void session_begin(struct arena *arena, const struct token_policy *policy, struct moment now,
                   struct session *session);

enum refresh_outcome {
    REFRESH_ROTATED,  /* the session has the next token now */
    REFRESH_REPEATED, /* the predecessor within the grace: the newest token again */
    REFRESH_REUSED,   /* a used token: the session is marked as ended */
    REFRESH_FOREIGN,  /* of another family, or not ours */
};

/* Applies the rule to a presented token whose signature, type and expiry are good already. */
enum refresh_outcome session_refresh(struct arena *arena, const struct token_policy *policy,
                                     struct str token, struct str token_id, struct moment now,
                                     struct session *session);

#endif
