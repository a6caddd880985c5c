/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Tokens (RFC 7519) signed with HS256 (RFC 7515, RFC 7518 section 3.2); only the part of
 * the standard that the shop needs.
 *
 * The algorithm is fixed and never taken from the token: a header that names another one is refused
 * before anything else. Keys have ids: a token names its key by `kid`; one without `kid` is tried
 * with all keys. The first key signs. */
#ifndef BASE_JWT_H
#define BASE_JWT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

enum { JWT_KEYS_MAX = 8, JWT_KEY_SIZE_SAFE = 32, JWT_KEY_SIZE_MAX = 256, JWT_SIZE_MAX = 4096 };

struct jwt_key {
    char id[32];
    uint8_t secret[JWT_KEY_SIZE_MAX];
    size_t size;
};

struct jwt_keys {
    struct jwt_key keys[JWT_KEYS_MAX]; /* the first one signs, all of them verify */
    size_t count;
    bool shared; /* tokens of other types are signed with them too: a token without typ is
                  * refused */
};

/* Reads "secret" or "id:secret[,id:secret...]", each secret of 1 to 256 bytes. `ret_error` is
 * static. */
bool jwt_keys_parse(struct str text, struct jwt_keys *ret_keys, const char **ret_error);
/* Uses the whole text, colons and commas included, as one secret without an id. */
bool jwt_keys_of_secret(struct str secret, struct jwt_keys *ret_keys, const char **ret_error);
void jwt_keys_wipe(struct jwt_keys *keys);

/* Is one of the secrets shorter than the 32 bytes that RFC 7518, section 3.2, asks of HS256? Such
 * keys are accepted, because the existing system ships with one, but deserve a warning. */
bool jwt_keys_are_short(const struct jwt_keys *keys);
/* Do the two sets share a secret? */
bool jwt_keys_overlap(const struct jwt_keys *one, const struct jwt_keys *other);

/* The claims of the contract: Email, Role, DeviceId (and, as our tokens have always had it,
 * device_id), exp, iat; and our own typ ("access", "refresh"), jti, sid and gen. */
struct jwt_claims {
    struct str email;
    struct str role;
    struct str device_id;
    struct str type;
    struct str id;
    struct str session; /* sid: the session it belongs to; empty: unknown */
    int64_t generation; /* gen: tokens of a session's earlier generations are outdated */
    int64_t issued_s;   /* seconds since 1970 */
    int64_t expires_s;
};

/* A signed token in the arena. */
struct str jwt_sign(struct arena *arena, const struct jwt_keys *keys,
                    const struct jwt_claims *claims);

/* Verifies signature, algorithm, expiry (at `now_s`, no leeway) and that `typ` is `type`. A token
 * without typ, as the existing system makes them, has the type that its key is for; it is refused
 * if the keys are shared. Claims are views of the token or in the arena. UNAUTHENTICATED with one
 * of the reasons TOKEN_MALFORMED, TOKEN_FORGED, TOKEN_EXPIRED, TOKEN_WRONG_TYPE. */
struct status jwt_verify(struct arena *arena, const struct jwt_keys *keys, struct str token,
                         const char *type, int64_t now_s, struct jwt_claims *ret_claims);

#endif
