/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of tokens, as the settings say. The service that signs tokens and the gateway that
 * verifies them both declare these, and read them in the same way. */
#ifndef BASE_JWT_SETTINGS_H
#define BASE_JWT_SETTINGS_H

#include "base/config.h"
#include "base/jwt.h"

#define JWT_ACCESS_SETTING "JWT_ACCESS_TOKEN_SECRET"
#define JWT_REFRESH_SETTING "JWT_REFRESH_TOKEN_SECRET"

/* Rows for a module's own table of settings. */
/* clang-format off */
#define JWT_SETTINGS                                                                               \
    {JWT_ACCESS_SETTING, SETTING_SECRET, "",                                                       \
     "Signs access tokens (HS256): a secret of 32 bytes or more, or id:secret[,id:secret...], of " \
     "which the first signs and all verify; if empty, <data>/jwt-access.key is used, which the "   \
     "first start creates.",                                                                       \
     0, 0},                                                                                        \
    {JWT_REFRESH_SETTING, SETTING_SECRET, "",                                                      \
     "Signs refresh tokens, in the same form; if empty, <data>/jwt-refresh.key is used.", 0, 0}
/* clang-format on */

/* The keys of one of these settings, or of its file. INVALID_ARGUMENT (SETTING_INVALID) names the
 * setting and what is wrong with it. */
struct status jwt_keys_load(struct arena *arena, const struct config *config, const char *data_dir,
                            const char *setting, struct jwt_keys *ret_keys);

#endif
