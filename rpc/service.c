/* SPDX-License-Identifier: Apache-2.0 */
/* Finds a service's store from its setting. */
#include "rpc/service.h"

#include "reasons.pb-c.h"

const char *service_store_setting(struct arena *arena, const struct service_module *module)
{
    char *name = arena_printf(arena, "%s_STORE", module->name);

    for (char *letter = name; *letter; letter++)
        if (*letter >= 'a' && *letter <= 'z') *letter = (char)(*letter - 'a' + 'A');
    return name;
}

const char *service_store_url(const struct service_context *context,
                              const struct service_module *module)
{
    static const char placeholder[] = "{data}";
    const char *url, *place;

    url = config_text(context->config, service_store_setting(context->arena, module));
    if (!*url) url = module->store_default;
    place = strstr(url, placeholder);
    if (!place) return url;
    return arena_printf(context->arena, "%.*s%s%s", (int)(place - url), url, context->data_dir,
                        place + sizeof(placeholder) - 1);
}

static const char *const embedded_alone[] = {"sqlite", NULL};

/* "sqlite:, postgres: or redis:" */
static const char *list_schemes(struct arena *arena, const char *const *schemes)
{
    const char *list = "";

    for (size_t i = 0; schemes[i]; i++)
        list = arena_printf(arena, "%s%s%s:", list,
                            i == 0           ? ""
                            : schemes[i + 1] ? ", "
                                             : " or ",
                            schemes[i]);
    return list;
}

struct status service_store_scheme(const struct service_context *context,
                                   const struct service_module *module, const char **ret_scheme)
{
    const char *const *schemes = module->store_schemes ? module->store_schemes : embedded_alone;
    const char *url = service_store_url(context, module);
    struct str scheme = str_sized(url, strcspn(url, ":"));

    for (size_t i = 0; schemes[i]; i++) {
        if (!str_is(scheme, schemes[i])) continue;
        *ret_scheme = schemes[i];
        return status_ok();
    }
    return status_printf(
        context->arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
        "%s=%s: this program keeps the data of the %s service in %s; set it to such "
        "a URL",
        service_store_setting(context->arena, module), config_url_shown(context->arena, url),
        module->name, list_schemes(context->arena, schemes));
}

struct status service_store_path(const struct service_context *context,
                                 const struct service_module *module, const char **ret_path)
{
    const char *url = service_store_url(context, module);
    const char *scheme;

    struct status st = service_store_scheme(context, module, &scheme);
    if (failed(st)) return st;
    if (strcmp(scheme, "sqlite") != 0)
        return status_printf(
            context->arena, STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
            "%s=%s: this command works with sqlite: files only; use the engine's own tools",
            service_store_setting(context->arena, module), config_url_shown(context->arena, url));
    url += strlen("sqlite:");
    if (!url[0])
        return status_printf(context->arena, STATUS_INVALID_ARGUMENT,
                             ARGOSY__REASON__SETTING_INVALID,
                             "%s=sqlite: names no file; write it like sqlite:{data}/%s.db",
                             service_store_setting(context->arena, module), module->name);
    *ret_path = url;
    return status_ok();
}
