/* SPDX-License-Identifier: Apache-2.0 */
/* Finds a service's store from its setting. */
#include "rpc/service.h"

#include "reasons.pb-c.h"

static char *setting_name(struct arena *arena, const char *service)
{
    char *name = arena_printf(arena, "%s_STORE", service);

    for (char *letter = name; *letter; letter++)
        if (*letter >= 'a' && *letter <= 'z') *letter = (char)(*letter - 'a' + 'A');
    return name;
}

const char *service_store_url(const struct service_context *context,
                              const struct service_module *module)
{
    static const char placeholder[] = "{data}";
    const char *url, *place;

    url = config_text(context->config, setting_name(context->arena, module->name));
    if (!*url) url = module->store_default;
    place = strstr(url, placeholder);
    if (!place) return url;
    return arena_printf(context->arena, "%.*s%s%s", (int)(place - url), url, context->data_dir,
                        place + sizeof(placeholder) - 1);
}

struct status service_store_path(const struct service_context *context,
                                 const struct service_module *module, const char **ret_path)
{
    static const char scheme[] = "sqlite:";
    const char *url = service_store_url(context, module);

    if (!str_starts_with(str_of(url), STR(scheme)))
        return status_printf(context->arena, STATUS_INVALID_ARGUMENT,
                             ARGOSY__REASON__SETTING_INVALID,
                             "%s=%s: the %s service keeps its data in sqlite:PATH",
                             setting_name(context->arena, module->name), url, module->name);
    *ret_path = url + strlen(scheme);
    return status_ok();
}
