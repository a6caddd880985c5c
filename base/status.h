/* SPDX-License-Identifier: Apache-2.0 */
/* What a function returns: OK, or what went wrong.
 *
 *     st = cart_load(call, store, email, &cart);
 *     if (failed(st)) return st;
 *
 * A status is small and goes by value. All zeros is OK. It carries one of the gRPC codes, a stable
 * reason from proto/reasons.proto that tests and metrics use, a message for people, and, rarely,
 * details. The message of STATUS_INTERNAL is for the log and never leaves the process. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* google.rpc.Code, by number. */
enum status_code {
    STATUS_OK = 0,
    STATUS_CANCELLED = 1,
    STATUS_UNKNOWN = 2,
    STATUS_INVALID_ARGUMENT = 3,
    STATUS_DEADLINE_EXCEEDED = 4,
    STATUS_NOT_FOUND = 5,
    STATUS_ALREADY_EXISTS = 6,
    STATUS_PERMISSION_DENIED = 7,
    STATUS_RESOURCE_EXHAUSTED = 8,
    STATUS_FAILED_PRECONDITION = 9,
    STATUS_ABORTED = 10,
    STATUS_OUT_OF_RANGE = 11,
    STATUS_UNIMPLEMENTED = 12,
    STATUS_INTERNAL = 13,
    STATUS_UNAVAILABLE = 14,
    STATUS_DATA_LOSS = 15,
    STATUS_UNAUTHENTICATED = 16,
    STATUS_CODE_COUNT = 17,
};

/* One field of a request that breaks a rule; `field` is its path in proto names, such as
 * `items[2].quantity`. */
struct field_violation {
    const char *field;
    const char *description;
};

/* Details that some errors carry: google.rpc.BadRequest and google.rpc.RetryInfo. An error of a
 * peer may carry more than we understand, so its details are kept as received; the other members
 * hold those that we understood. */
struct status_details {
    const struct field_violation *violations;
    size_t violation_count;
    int64_t retry_after_ms;  /* 0: none */
    const char *peer_reason; /* a reason that reasons.proto does not have; NULL: none */
    const void *peer_status; /* the bytes of the peer's google.rpc.Status; NULL: none */
    size_t peer_status_size;
};

struct [[nodiscard]] status {
    enum status_code code;
    int reason;                           /* enum Reason of proto/reasons.proto; 0: none */
    const char *message;                  /* in the arena or static; NULL when OK */
    const struct status_details *details; /* in the arena; usually NULL */
};

static inline bool failed(struct status st)
{
    return st.code != STATUS_OK;
}

static inline struct status status_ok(void)
{
    return (struct status){0};
}

/* A status with a static (or otherwise long-lived) message, which is borrowed for the status's
 * life. */
struct status status_make(enum status_code code, int reason, const char *message);

/* A status whose message is printed into the arena. */
struct status status_printf(struct arena *arena, enum status_code code, int reason,
                            const char *format, ...) __attribute__((format(printf, 4, 5)));

/* INVALID_ARGUMENT that names one field; the message reads "`field`: description". */
struct status status_field(struct arena *arena, int reason, const char *field, const char *format,
                           ...) __attribute__((format(printf, 4, 5)));

/* INTERNAL from an errno-like number; `what` says what was tried. The message ends with what to do
 * about a full disk and the like. */
struct status status_errno(struct arena *arena, int error, const char *what);

/* The same status with its message and details copied into another arena, for one that outlives a
 * call. */
struct status status_dup(struct arena *arena, struct status st);

/* "INVALID_ARGUMENT" and the like; static. Unknown numbers are "UNKNOWN". */
const char *status_code_name(enum status_code code);

/* The HTTP status that google.rpc.Code documents for a code: 400 for INVALID_ARGUMENT, 499 for
 * CANCELLED. */
int status_http(enum status_code code);

/* The code that the gRPC specification gives for the HTTP status of a peer that did not answer in
 * gRPC (doc/http-grpc-status-mapping): 401 is UNAUTHENTICATED, 503 is UNAVAILABLE, and so on. */
enum status_code status_from_http(int http_status);

/* Ends the process with a message when a promise inside the program is broken; in release too. */
#define invariant(condition) \
    ((condition) ? (void)0 : invariant_broken(#condition, __FILE__, __LINE__))
_Noreturn void invariant_broken(const char *condition, const char *file, int line);

#endif
