/* SPDX-License-Identifier: Apache-2.0 */
/* The rotation of refresh tokens: what a token's claims are, and what a presented token does to its
 * session. */
#include "services/auth/auth.h"

#include <string.h>

#include "base/digest.h"
#include "base/str.h"
#include "base/uuid.h"

enum { US_PER_S = 1000000 };

/* Hashes the claims alone: a token that is issued again after the keys were rotated has another
 * signature and is still the same token. */
static void hash_token(struct str token, uint8_t ret_hash[AUTH_HASH_SIZE])
{
    struct str header, claims = {0};

    if (str_split(&token, '.', &header)) (void)str_split(&token, '.', &claims);
    digest_sha256(claims, ret_hash);
}

/* "family.number" */
static struct str token_id(struct arena *arena, const struct session *session)
{
    return str_of(arena_printf(arena, "%s.%lld", session->family, (long long)session->number));
}

/* False for an id of another form. */
static bool read_token_id(struct str id, struct str *ret_family, int64_t *ret_number)
{
    struct str rest = id;

    return str_split(&rest, '.', ret_family) && uuid_is_valid(*ret_family) &&
           str_to_i64(rest, ret_number);
}

struct str session_refresh_token(struct arena *arena, const struct token_policy *policy,
                                 const struct session *session)
{
    struct jwt_claims claims = {
        .email = str_of(session->email),
        .role = str_of(session->role),
        .device_id = str_of(session->device_id),
        .type = STR("refresh"),
        .id = token_id(arena, session),
        .issued_s = session->issued_s,
        .expires_s = session->expires_s,
    };

    return jwt_sign(arena, policy->refresh_keys, &claims);
}

struct str session_access_token(struct arena *arena, const struct token_policy *policy,
                                const struct session *session, int64_t now_us)
{
    struct jwt_claims claims = {
        .email = str_of(session->email),
        .role = str_of(session->role),
        .device_id = str_of(session->device_id),
        .type = STR("access"),
        .id = str_of(uuid_new(arena)),
        .session = str_of(session->family),
        .generation = session->generation,
        .issued_s = now_us / US_PER_S,
        .expires_s = now_us / US_PER_S + policy->access_ttl_s,
    };

    return jwt_sign(arena, policy->access_keys, &claims);
}

/* Sets the times and the hash of the token with the session's present number. */
static void issue(struct arena *arena, const struct token_policy *policy, struct moment now,
                  struct session *session)
{
    session->used_us = now.now_us;
    session->used_boot_us = now.boot_us;
    session->boot = policy->boot;
    session->issued_s = now.now_us / US_PER_S;
    session->expires_s = session->issued_s + policy->refresh_ttl_s;
    hash_token(session_refresh_token(arena, policy, session), session->hash);
}

void session_begin(struct arena *arena, const struct token_policy *policy, struct moment now,
                   struct session *session)
{
    session->family = uuid_new(arena);
    session->number = 1;
    session->generation = 1;
    session->created_us = now.now_us;
    issue(arena, policy, now, session);
}

static bool is_newest(const struct session *session, struct str token)
{
    uint8_t hash[AUTH_HASH_SIZE];

    hash_token(token, hash);
    return str_equal_secret(str_sized(hash, sizeof(hash)),
                            str_sized(session->hash, sizeof(session->hash)));
}

/* Concurrent calls read the clocks in any order, so a moment shortly before the last use counts
 * like one shortly after it. */
static bool is_within_grace(const struct token_policy *policy, const struct session *session,
                            struct moment now)
{
    int64_t since_us = now.boot_us - session->used_boot_us;

    return strcmp(policy->boot, session->boot) == 0 && since_us <= policy->grace_us &&
           since_us >= -policy->grace_us && now.now_us - session->used_us <= policy->grace_us;
}

enum refresh_outcome session_refresh(struct arena *arena, const struct token_policy *policy,
                                     struct str token, struct str id, struct moment now,
                                     struct session *session)
{
    struct str family;
    int64_t number;

    if (!read_token_id(id, &family, &number) || !str_is(family, session->family))
        return REFRESH_FOREIGN;

    if (number == session->number) {
        if (!is_newest(session, token)) return REFRESH_FOREIGN;
        session->number++;
        issue(arena, policy, now, session);
        return REFRESH_ROTATED;
    }
    if (number == session->number - 1 && is_within_grace(policy, session, now))
        return REFRESH_REPEATED;

    session->ended = true;
    return REFRESH_REUSED;
}
