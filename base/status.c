/* SPDX-License-Identifier: Apache-2.0 */
/* Statuses: making and copying them, and the tables of code names and HTTP statuses. */
#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* By number: the name and the HTTP status that google/rpc/code.proto documents. */
static const struct {
    const char *name;
    int http;
} codes[STATUS_CODE_COUNT] = {
    [STATUS_OK] = {"OK", 200},
    [STATUS_CANCELLED] = {"CANCELLED", 499},
    [STATUS_UNKNOWN] = {"UNKNOWN", 500},
    [STATUS_INVALID_ARGUMENT] = {"INVALID_ARGUMENT", 400},
    [STATUS_DEADLINE_EXCEEDED] = {"DEADLINE_EXCEEDED", 504},
    [STATUS_NOT_FOUND] = {"NOT_FOUND", 404},
    [STATUS_ALREADY_EXISTS] = {"ALREADY_EXISTS", 409},
    [STATUS_PERMISSION_DENIED] = {"PERMISSION_DENIED", 403},
    [STATUS_RESOURCE_EXHAUSTED] = {"RESOURCE_EXHAUSTED", 429},
    [STATUS_FAILED_PRECONDITION] = {"FAILED_PRECONDITION", 400},
    [STATUS_ABORTED] = {"ABORTED", 409},
    [STATUS_OUT_OF_RANGE] = {"OUT_OF_RANGE", 400},
    [STATUS_UNIMPLEMENTED] = {"UNIMPLEMENTED", 501},
    [STATUS_INTERNAL] = {"INTERNAL", 500},
    [STATUS_UNAVAILABLE] = {"UNAVAILABLE", 503},
    [STATUS_DATA_LOSS] = {"DATA_LOSS", 500},
    [STATUS_UNAUTHENTICATED] = {"UNAUTHENTICATED", 401},
};

struct status status_make(enum status_code code, int reason, const char *message)
{
    return (struct status){.code = code, .reason = reason, .message = message};
}

struct status status_printf(struct arena *arena, enum status_code code, int reason,
                            const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    char *message = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return status_make(code, reason, message);
}

struct status status_field(struct arena *arena, int reason, const char *field, const char *format,
                           ...)
{
    struct field_violation *violation = arena_new(arena, struct field_violation);
    struct status_details *details = arena_new(arena, struct status_details);
    va_list arguments;

    va_start(arguments, format);
    violation->description = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    violation->field = arena_strdup(arena, field);
    details->violations = violation;
    details->violation_count = 1;

    struct status st = status_printf(arena, STATUS_INVALID_ARGUMENT, reason, "%s: %s", field,
                                     violation->description);
    st.details = details;
    return st;
}

/* What whoever runs the program can do about it. */
static const char *advice(int error)
{
    switch (error) {
    case ENOSPC: return "; make room on the disk";
    case EDQUOT: return "; make room, or raise the quota";
    case EROFS: return "; the file system is mounted read-only";
    case EACCES: return "; check its owner and permissions, and those of its directories";
    case EMFILE: return "; raise the limit of open files (ulimit -n)";
    default: return "";
    }
}

struct status status_errno(struct arena *arena, int error, const char *what)
{
    char text[128];
    const char *description = strerror_r(error, text, sizeof(text));

    return status_printf(arena, STATUS_INTERNAL, 0, "%s: %s%s", what, description, advice(error));
}

static struct status_details *dup_details(struct arena *arena, const struct status_details *from)
{
    struct status_details *details = arena_new(arena, struct status_details);
    struct field_violation *violations = arena_array(arena, struct field_violation,
                                                     from->violation_count);

    *details = *from;
    details->violations = violations;
    for (size_t i = 0; i < from->violation_count; i++) {
        violations[i].field = arena_strdup(arena, from->violations[i].field);
        violations[i].description = arena_strdup(arena, from->violations[i].description);
    }
    if (from->peer_reason) details->peer_reason = arena_strdup(arena, from->peer_reason);
    if (from->peer_status)
        details->peer_status = arena_memdup(arena, from->peer_status, from->peer_status_size);
    return details;
}

struct status status_dup(struct arena *arena, struct status st)
{
    if (st.message) st.message = arena_strdup(arena, st.message);
    if (st.details) st.details = dup_details(arena, st.details);
    return st;
}

const char *status_code_name(enum status_code code)
{
    return (unsigned)code < STATUS_CODE_COUNT ? codes[code].name : codes[STATUS_UNKNOWN].name;
}

int status_http(enum status_code code)
{
    return (unsigned)code < STATUS_CODE_COUNT ? codes[code].http : codes[STATUS_UNKNOWN].http;
}

enum status_code status_from_http(int http_status)
{
    switch (http_status) {
    case 400: return STATUS_INTERNAL;
    case 401: return STATUS_UNAUTHENTICATED;
    case 403: return STATUS_PERMISSION_DENIED;
    case 404: return STATUS_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504: return STATUS_UNAVAILABLE;
    default: return STATUS_UNKNOWN;
    }
}

void invariant_broken(const char *condition, const char *file, int line)
{
    fprintf(stderr, "argosy: %s:%d: broken invariant: %s\n", file, line, condition);
    abort();
}
