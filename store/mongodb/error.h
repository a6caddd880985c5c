/* SPDX-License-Identifier: Apache-2.0 */
/* Translates libmongoc's and the server's errors. Private to store/mongodb. */
#ifndef STORE_MONGODB_ERROR_H
#define STORE_MONGODB_ERROR_H

#include "base/str.h"
#include "store/mongodb/library.h"

/* How a command ended. */
struct mongodb_result {
    const char *name; /* of the store */
    bool writes;
    bool ok;                   /* the server answered the command itself with ok */
    bool late;                 /* the caller's deadline passed while it waited */
    const bson_error_t *error; /* if it is not ok */
    struct str reply;
};

/* OK, or the status of the worst error in the result: of the command, of a write in it, or of the
 * write concern. Messages are in the arena; those for callers name the store and nothing else. */
struct status mongodb_result_status(struct arena *arena, const struct mongodb_result *result);

/* Has the server refused the user or the password? Nothing was done then. */
bool mongodb_is_login_refused(const bson_error_t *error);

/* For operators: the same status with what libmongoc says in it ("": nothing); STORE_REFUSED, and
 * what to do, if it has to do with a certificate. */
struct status mongodb_explain(struct arena *arena, const char *problem, struct status st);

/* UNAVAILABLE (STORE_OUTCOME_UNKNOWN). */
struct status mongodb_outcome_unknown(struct arena *arena, const char *name);

#endif
