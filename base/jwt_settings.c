/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the keys of tokens. See base/jwt_settings.h. */
#include "base/jwt_settings.h"

#include <string.h>

#include "base/secret.h"
#include "reasons.pb-c.h"

struct status jwt_keys_load(struct arena *arena, const struct config *config, const char *data_dir,
                            const char *setting, struct jwt_keys *ret_keys)
{
    bool access = strcmp(setting, JWT_ACCESS_SETTING) == 0;
    const char *text, *error;
    struct status st = secret_load(arena, config_text(config, setting), data_dir,
                                   access ? "jwt-access.key" : "jwt-refresh.key", &text);

    if (failed(st)) return st;
    if (!jwt_keys_parse(str_of(text), ret_keys, &error))
        return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                             "%s: %s", setting, error);
    return status_ok();
}
