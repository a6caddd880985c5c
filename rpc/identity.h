/* SPDX-License-Identifier: Apache-2.0 */
/* Identity between services: who the user is, told by metadata that only a proven peer is believed.
 *
 * The fleet shares one key. Who calls over the network adds `x-fleet-signature`: `v1.<unix
 * ms>.<HMAC-SHA256, base64url>` over the time, the rpc's path, and the identity metadata
 * (x-user-email, x-user-role, x-device-id, x-request-id, x-client-ip). A server believes identity
 * metadata with a good signature that is at most 60 s old, and none else, unless
 * ARGOSY_TRUST_METADATA=1 says that the network itself is trusted. */
#ifndef RPC_IDENTITY_H
#define RPC_IDENTITY_H

#include "base/str.h"
#include "http/http.h"

struct rpc_identity {
    uint8_t key[32];
    bool has_key;
    bool trust_everyone;
    /* Finds the role of a user whom a trusted peer names without one, as the gateway of the existing
     * system does: NOT_FOUND if there is no such user. NULL: such users have no role. */
    struct status (*find_role)(struct call *call, void *data, const char *email,
                               const char **ret_role);
    void *find_role_data;
};

/* The key from the setting FLEET_KEY (64 hexadecimal digits), or if that is empty from
 * `<data_dir>/fleet.key`, which is made at the first start (mode 0600, by whichever process is
 * first). */
struct status rpc_identity_load(struct arena *arena, const char *key_text, const char *data_dir,
                                bool trust_everyone, struct rpc_identity *ret_identity);

/* Adds the signature for these metadata to them. */
struct status rpc_identity_sign(struct arena *arena, const struct rpc_identity *identity,
                                struct str path, int64_t now_ms, struct http_headers *metadata);

/* Does the signature in the metadata prove the peer? */
bool rpc_identity_verify(struct arena *arena, const struct rpc_identity *identity, struct str path,
                         int64_t now_ms, const struct http_headers *metadata);

#endif
