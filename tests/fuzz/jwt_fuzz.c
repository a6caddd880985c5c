/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes token verification: no generated token may verify. The input is tried as a whole token,
 * and as header and claims under a valid signature, so that the claims' parser is reached too. */
#include "base/encode.h"
#include "base/hmac.h"
#include "base/jwt.h"
#include "tests/fuzz/fuzz.h"

static const char secret[] = "a secret of at least thirty-two bytes";

static struct str sign(struct arena *arena, struct str unsigned_part)
{
    uint8_t mac[32];

    hmac_sha256(str_of(secret), unsigned_part, mac);
    struct str signature = base64url_encode(arena, str_sized(mac, sizeof(mac)));
    return str_of(arena_printf(arena, "%.*s.%.*s", STR_ARGS(unsigned_part), STR_ARGS(signature)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jwt_keys keys;
    struct jwt_claims claims;
    struct arena arena;
    const char *error;

    invariant(jwt_keys_parse(str_of(secret), &keys, &error));
    arena_init(&arena, 0);
    invariant(failed(jwt_verify(&arena, &keys, str_sized(data, size), "access", 1, &claims)));

    struct str claims_text = base64url_encode(&arena, str_sized(data, size < 2000 ? size : 2000));
    const char *unsigned_part = arena_printf(&arena, "eyJhbGciOiJIUzI1NiJ9.%.*s",
                                             STR_ARGS(claims_text));
    (void)failed(
        jwt_verify(&arena, &keys, sign(&arena, str_of(unsigned_part)), "access", 1, &claims));
    arena_release(&arena);
    return 0;
}
