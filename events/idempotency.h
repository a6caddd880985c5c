/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that may be repeated and take effect once, by the key that a client sends with a POST
 * (metadata `idempotency-key`; over HTTP the header Idempotency-Key of
 * draft-ietf-httpapi-idempotency-key-header, plain or as a quoted string).
 *
 *     st = idempotency_of_call(call, &user, &request->base, &idempotency);
 *     ... the store's change, which keeps idempotency_answer(...) with its effect ...
 *     if (replayed.data) return idempotency_replay(call, replayed, &response->base);
 *
 * The service's store writes the record in the transaction of the effect (change.h). A key belongs
 * to its caller, and is kept for a day. A caller may have IDEMPOTENCY_KEYS_MAX records in each
 * store (on MongoDB a document has room for CHANGE_MONGODB_REQUESTS), so that nobody fills a disk
 * with them; a request with one key more is refused. */
#ifndef EVENTS_IDEMPOTENCY_H
#define EVENTS_IDEMPOTENCY_H

#include <protobuf-c/protobuf-c.h>

#include "rpc/rpc.h"

enum { IDEMPOTENCY_KEY_MAX = 255, IDEMPOTENCY_FINGERPRINT_SIZE = 32 };
#define IDEMPOTENCY_KEPT_US (24 * 3600 * INT64_C(1000000))

struct idempotency {
    const char *scope; /* the caller */
    const char *key;   /* "" or NULL: the request has none */
    int64_t keys_max;  /* records that the caller may have; 0: any number */
    uint8_t fingerprint[IDEMPOTENCY_FINGERPRINT_SIZE]; /* SHA-256 of the request's type and bytes */
};

/* Reads the key of the call's request; OK also without one, and then the request never counts as
 * repeated. INVALID_ARGUMENT (IDEMPOTENCY_KEY_INVALID) for a key that is empty, too long, or not
 * printable ASCII. */
struct status idempotency_of_call(const struct call *call, const struct user *user,
                                  const ProtobufCMessage *request,
                                  struct idempotency *ret_idempotency);

static inline bool idempotency_given(const struct idempotency *idempotency)
{
    return idempotency->key && idempotency->key[0] != '\0';
}

/* The error for a key that was sent with another request before: FAILED_PRECONDITION
 * (IDEMPOTENCY_KEY_REUSED). */
struct status idempotency_key_reused(void);

/* The error for a key whose first request has no answer yet: ABORTED (IDEMPOTENCY_KEY_RUNNING). */
struct status idempotency_key_running(void);

/* The error for a new key of a caller who has keys_max records: RESOURCE_EXHAUSTED
 * (IDEMPOTENCY_KEYS_FULL). */
struct status idempotency_keys_full(void);

/* How many records a caller may have, for requests read from now on; 0 restores the default. The
 * bus sets it when it starts, from IDEMPOTENCY_KEYS_MAX. */
enum { IDEMPOTENCY_KEYS_MAX_DEFAULT = 10000 };
void idempotency_limit_keys(int64_t keys_max);

/* An answer in the form in which it is stored. */
struct str idempotency_answer(struct arena *arena, const ProtobufCMessage *response);

/* Fills an initialized response with the first answer, and marks the reply as replayed (metadata
 * `idempotent-replayed: true`). DATA_LOSS if the stored answer can't be read. */
struct status idempotency_replay(const struct call *call, struct str answer,
                                 ProtobufCMessage *response);

/* Marks the reply as replayed; for repeated requests that are recognized without a key. */
struct status idempotency_mark_replayed(const struct call *call);

#endif
