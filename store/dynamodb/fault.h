/* SPDX-License-Identifier: Apache-2.0 */
/* What a server says when it refuses a request. Pure. Private to store/dynamodb, and for its
 * tests. */
#ifndef STORE_DYNAMODB_FAULT_H
#define STORE_DYNAMODB_FAULT_H

#include "store/dynamodb/item.h"

enum fault_kind {
    FAULT_CONDITION, /* a condition is not met, and nothing was changed */
    FAULT_CONFLICT,  /* another change of the same item is under way; nothing was changed */
    FAULT_THROTTLED, /* too many requests; nothing was changed */
    FAULT_SERVER,    /* the server has failed; what became of a change is not known */
    FAULT_REFUSED,   /* rights or signature */
    FAULT_EXPIRED,   /* credentials that do not count, or no longer */
    FAULT_CLOCK,     /* the time of the signature */
    FAULT_NO_TABLE,
    FAULT_IN_USE,    /* the table is there already, or is being changed */
    FAULT_TOO_LARGE, /* an item, or items with one key, or the request */
    FAULT_NOT_KNOWN, /* the server does not have the operation */
    FAULT_OURS,      /* the request makes no sense */
};

struct fault {
    enum fault_kind kind;
    const char *name;                  /* "ConditionalCheckFailedException"; "" if it says none */
    const char *message;               /* the server's, for operators */
    const struct dynamodb_value *body; /* of JSON; else a missing value */
};

/* The answer has an HTTP status other than 200. In the arena. */
void fault_read(struct arena *arena, int http_status, struct str body, struct fault *ret_fault);

#endif
