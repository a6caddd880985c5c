/* SPDX-License-Identifier: Apache-2.0 */
/* Identity between services: metadata that says who the user is, accepted only from a peer that
 * proves that it belongs to the fleet.
 *
 * The fleet shares one key. A caller over the network adds `x-fleet-signature`: `v1.<unix
 * ms>.<HMAC-SHA256, base64url>` over the time, the rpc's path, and the identity metadata
 * (x-user-email, x-user-role, x-device-id, x-request-id, x-client-ip). A server accepts identity
 * metadata only with a valid signature that is at most 60 s old, unless ARGOSY_TRUST_METADATA=1
 * says that the network itself is trusted. */
#ifndef RPC_IDENTITY_H
#define RPC_IDENTITY_H

#include "base/str.h"
#include "http/http.h"

struct rpc_identity {
    uint8_t key[32];
    bool has_key;
    bool trust_everyone;
    /* Looks up the role of a user whom a trusted peer names without a role, as the gateway of the
     * existing system does: NOT_FOUND if there is no such user. NULL: such users have no role. */
    struct status (*find_role)(struct call *call, void *data, const char *email,
                               const char **ret_role);
    void *find_role_data;
};

/* The key from the setting FLEET_KEY (64 hexadecimal digits), or if that is empty from
 * `<data_dir>/fleet.key`, which the first process to start creates (mode 0600). */
struct status rpc_identity_load(struct arena *arena, const char *key_text, const char *data_dir,
                                bool trust_everyone, struct rpc_identity *ret_identity);

/* Signs these metadata and adds the signature to them. */
struct status rpc_identity_sign(struct arena *arena, const struct rpc_identity *identity,
                                struct str path, int64_t now_ms, struct http_headers *metadata);

/* Does the signature in the metadata prove that the peer belongs to the fleet? */
bool rpc_identity_verify(struct arena *arena, const struct rpc_identity *identity, struct str path,
                         int64_t now_ms, const struct http_headers *metadata);

#endif
