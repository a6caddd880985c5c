/* SPDX-License-Identifier: Apache-2.0 */
/* Parses and checks the URLs of external servers, and resolves their hosts. */
#include "http/https_target.h"

#include "base/str.h"
#include "fiber/resolve.h"
#include "http/http_text.h"
#include "reasons.pb-c.h"

enum { PORT_HTTPS = 443, PORT_HTTP = 80 };

/* ---- the URL ---- */

static struct status refuse(struct arena *arena, const char *url, const char *what)
{
    return status_printf(arena, STATUS_INVALID_ARGUMENT, ARGOSY__REASON__SETTING_INVALID,
                         "\"%s\" %s", url, what);
}

/* A DNS name or an address, without characters that libcurl or a resolver might interpret
 * differently. */
static bool is_host(const char *host)
{
    return strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:") ==
           strlen(host);
}

/* Splits host[:port]. */
static bool split_authority(struct arena *arena, struct str authority, uint16_t port,
                            struct https_target *target)
{
    struct str end = authority; /* the part that may contain the port's colon */
    size_t bracket = str_find(authority, ']');

    if (!http_text_is_authority(authority)) return false;
    if (bracket < authority.length)
        end = str_sized(authority.data + bracket, authority.length - bracket);
    bool has_port = str_find(end, ':') < end.length;
    const char *text = has_port ? str_dup(arena, authority)
                                : arena_printf(arena, "%.*s:%d", STR_ARGS(authority), port);
    return address_split(text, target->host, &target->port) && is_host(target->host);
}

struct status https_target_parse(struct arena *arena, const char *url, bool plain,
                                 struct https_target *ret_target)
{
    bool is_plain = str_starts_with(str_of(url), STR("http://"));
    struct https_target target = {0};
    struct sockaddr_storage address;

    if (!is_plain && !str_starts_with(str_of(url), STR("https://")))
        return refuse(arena, url, "is not an https:// URL");
    const char *start = strstr(url, "://") + 3;
    struct str authority = str_sized(start, strcspn(start, "/?#"));
    struct str rest = str_of(authority.data + authority.length);
    if ((rest.length > 0 && !http_text_is_target(rest)) ||
        !split_authority(arena, authority, is_plain ? PORT_HTTP : PORT_HTTPS, &target))
        return refuse(arena, url, "is not the URL of a server");
    target.literal = address_from_ip(target.host, target.port, &address);
    if (is_plain && !plain && !(target.literal && address_is_loopback(&address)))
        return refuse(arena, url, "must be https: http is for this machine's own addresses only");
    *ret_target = target;
    return status_ok();
}

/* ---- its addresses ---- */

/* "+host:port:address,address": the plus lets the entry expire. */
static const char *format(struct arena *arena, const struct https_target *target,
                          const struct resolved *resolved)
{
    const char *text = arena_printf(arena, "+%s:%d:", target->host, target->port);

    for (size_t i = 0; i < resolved->count; i++)
        text = arena_printf(arena, strchr(resolved->ips[i], ':') ? "%s%s[%s]" : "%s%s%s", text,
                            i ? "," : "", resolved->ips[i]);
    return text;
}

struct status https_target_resolve(struct call *call, const struct https_target *target,
                                   const char **ret_resolved)
{
    struct resolved resolved;

    *ret_resolved = NULL;
    if (target->literal) return status_ok();
    struct status st = resolve_host(call, target->host, &resolved);
    if (st.code == STATUS_UNAVAILABLE) st.reason = ARGOSY__REASON__SERVICE_UNREACHABLE;
    if (!failed(st)) *ret_resolved = format(call->arena, target, &resolved);
    return st;
}
