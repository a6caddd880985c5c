/* SPDX-License-Identifier: Apache-2.0 */
/* Identity between services: signs identity metadata and verifies signatures. */
#include "rpc/identity.h"

#include "base/encode.h"
#include "base/hmac.h"
#include "base/secret.h"
#include "reasons.pb-c.h"

enum { SIGNATURE_AGE_MAX_MS = 60 * 1000 };

static const char *const signed_names[] = {"x-user-email", "x-user-role", "x-device-id",
                                           "x-request-id", "x-client-ip"};

struct status rpc_identity_load(struct arena *arena, const char *key_text, const char *data_dir,
                                bool trust_everyone, struct rpc_identity *ret_identity)
{
    struct rpc_identity identity = {.has_key = true, .trust_everyone = trust_everyone};
    const char *text;
    struct str key;
    struct status st;

    st = secret_load(arena, key_text, data_dir, "fleet.key", &text);
    if (failed(st)) return st;
    if (!hex_decode(arena, str_of(text), &key) || key.length != sizeof(identity.key))
        return status_make(
            STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
            "FLEET_KEY must be 64 hexadecimal digits: `openssl rand -hex 32` makes one");
    memcpy(identity.key, key.data, sizeof(identity.key));
    secret_wipe((void *)(uintptr_t)key.data, key.length);
    *ret_identity = identity;
    return status_ok();
}

/* Signs the values, one per line, which is unambiguous because no header value contains a line
 * break.
 */
static void sign_lines(struct arena *arena, const struct rpc_identity *identity, struct str path,
                       int64_t now_ms, const struct http_headers *metadata,
                       uint8_t ret_mac[HMAC_SHA256_SIZE])
{
    size_t size = path.length + 64;
    char *text, *end;

    for (size_t i = 0; i < sizeof(signed_names) / sizeof(*signed_names); i++)
        size += http_headers_get(metadata, signed_names[i]).length + 1;
    text = arena_alloc(arena, size);
    end = text + snprintf(text, size, "v1\n%lld\n%.*s\n", (long long)now_ms, STR_ARGS(path));
    for (size_t i = 0; i < sizeof(signed_names) / sizeof(*signed_names); i++) {
        struct str value = http_headers_get(metadata, signed_names[i]);
        if (value.length > 0) memcpy(end, value.data, value.length);
        end += value.length;
        *end++ = '\n';
    }
    hmac_sha256(str_sized(identity->key, sizeof(identity->key)),
                str_sized(text, (size_t)(end - text)), ret_mac);
}

struct status rpc_identity_sign(struct arena *arena, const struct rpc_identity *identity,
                                struct str path, int64_t now_ms, struct http_headers *metadata)
{
    uint8_t mac[HMAC_SHA256_SIZE];
    struct str text;
    char *value;

    if (!identity->has_key) return status_ok();
    sign_lines(arena, identity, path, now_ms, metadata, mac);
    text = base64url_encode(arena, str_sized(mac, sizeof(mac)));
    value = arena_printf(arena, "v1.%lld.%.*s", (long long)now_ms, STR_ARGS(text));
    return http_headers_set(arena, metadata, STR("x-fleet-signature"), str_of(value));
}

bool rpc_identity_verify(struct arena *arena, const struct rpc_identity *identity, struct str path,
                         int64_t now_ms, const struct http_headers *metadata)
{
    struct str rest = http_headers_get(metadata, "x-fleet-signature");
    struct str version, time, given;
    uint8_t mac[HMAC_SHA256_SIZE];
    int64_t signed_ms;

    if (!identity->has_key || !rest.data) return false;
    if (!str_split(&rest, '.', &version) || !str_is(version, "v1")) return false;
    if (!str_split(&rest, '.', &time) || !str_to_i64(time, &signed_ms)) return false;
    if (!rest.data || !base64url_decode(arena, rest, &given) || given.length != sizeof(mac))
        return false;
    /* The first comparison keeps the second one from overflowing. */
    if (signed_ms < 0 || signed_ms > now_ms + SIGNATURE_AGE_MAX_MS) return false;
    if (now_ms - signed_ms > SIGNATURE_AGE_MAX_MS) return false;

    sign_lines(arena, identity, path, signed_ms, metadata, mac);
    return str_equal_secret(given, str_sized(mac, sizeof(mac)));
}
