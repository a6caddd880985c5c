/* SPDX-License-Identifier: Apache-2.0 */
/* Translates answers of the existing system's services. */
#include "rpc/existing_system.h"

#include "base/str.h"

static enum status_code code_of(int32_t http_status)
{
    switch (http_status) {
    case 400: return STATUS_INVALID_ARGUMENT;
    case 401: return STATUS_UNAUTHENTICATED;
    case 403: return STATUS_PERMISSION_DENIED;
    case 404: return STATUS_NOT_FOUND;
    case 409: return STATUS_ALREADY_EXISTS;
    case 429: return STATUS_RESOURCE_EXHAUSTED;
    case 503: return STATUS_UNAVAILABLE;
    default: return STATUS_INTERNAL;
    }
}

struct status existing_envelope_status(struct arena *arena, bool success, int32_t status_code,
                                       const char *message, int not_found)
{
    enum status_code code = code_of(status_code);

    if (success) return status_ok();
    if (str_ends_with(str_of(message), STR("not found"))) code = STATUS_NOT_FOUND;
    return status_printf(arena, code, code == STATUS_NOT_FOUND ? not_found : 0, "%s", message);
}

bool existing_status_for_sale(const char *status)
{
    return !status[0] || strcmp(status, "active") == 0 || strcmp(status, "available") == 0 ||
           strcmp(status, "in_stock") == 0;
}
