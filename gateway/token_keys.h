/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a route's auth-token-validator, for plugins that need to know the user before it
 * runs. */
#ifndef GATEWAY_TOKEN_KEYS_H
#define GATEWAY_TOKEN_KEYS_H

#include "base/jwt.h"
#include "gateway/plugins/plugins.h"

extern const struct plugin plugin_auth_token_validator;

/* `config` is the plugin's. Borrowed. */
const struct jwt_keys *auth_token_keys(const void *config);

#endif
