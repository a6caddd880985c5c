/* SPDX-License-Identifier: Apache-2.0 */
/* AWS's Signature Version 4 of HTTP requests, as its documentation describes it. Pure. Private to
 * store/dynamodb, and for its tests.
 *
 *     signature_derive_key(secret, "20150830", "us-east-1", "dynamodb", key);     once a day
 *     text = signature_authorize(arena, &scope, &request);                        each request */
#ifndef STORE_DYNAMODB_SIGNATURE_H
#define STORE_DYNAMODB_SIGNATURE_H

#include "base/arena.h"
#include "base/hmac.h"
#include "http/http.h"

enum { SIGNATURE_TIME_SIZE = 17, SIGNATURE_DATE_LENGTH = 8 };

/* "20150830T123600Z", and its first eight characters are the date. */
void signature_format_time(int64_t time_us, char ret_text[SIGNATURE_TIME_SIZE]);

/* The secret must not be empty, and is SIGNATURE_SECRET_MAX bytes long at most. */
enum { SIGNATURE_SECRET_MAX = 256 };
void signature_derive_key(const char *secret, const char *date, const char *region,
                          const char *service, uint8_t ret_key[HMAC_SHA256_SIZE]);

/* Whose signature it is, when and where it counts. */
struct signature_scope {
    const char *key_id;
    const uint8_t *key; /* HMAC_SHA256_SIZE bytes, derived */
    const char *time;   /* the same as the header x-amz-date */
    const char *region, *service;
};

/* All of its headers are signed, so `host` and `x-amz-date` must be among them and none that
 * somebody may change on the way. Their names are in lower case. Path and query are in their
 * canonical form: encoded, and sorted by name. */
struct signature_request {
    const char *method, *path, *query;
    const struct http_headers *headers;
    struct str body;
};

/* The value of the header `authorization`; in the arena. */
const char *signature_authorize(struct arena *arena, const struct signature_scope *scope,
                                const struct signature_request *request);

#endif
