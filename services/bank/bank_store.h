/* SPDX-License-Identifier: Apache-2.0 */
/* The port: what the bank needs of its storage. Charges, and the result of each request by its
 * idempotency key. */
#ifndef SERVICES_BANK_BANK_STORE_H
#define SERVICES_BANK_BANK_STORE_H

#include "fiber/call.h"
#include "rpc/service.h"
#include "services/bank/bank.h"

struct bank_request {
    enum bank_act act;
    const char *key;
    struct str values;     /* the whole request; a key with other values is refused */
    const char *charge_id; /* of all but authorize */
    int64_t amount_minor;  /* of authorize, capture, refund */
    /* Of authorize. */
    enum bank_method method;
    const char *currency, *reference;
};

struct bank_answer {
    bool first;            /* this call took effect; false: an earlier one with this key did */
    struct status refusal; /* if failed: no effect, now or ever, under this key */
    struct charge charge;  /* as it was right after the effect; unset after a refusal */
};

struct bank_store {
    /* Performs a request once for its key, durably before it answers. INVALID_ARGUMENT
     * (IDEMPOTENCY_KEY_REUSED) for a known key with other values. */
    struct status (*perform)(struct call *call, struct bank_store *store,
                             const struct bank_request *request, struct bank_answer *ret_answer);
    /* Finds a charge by its id, or if that is "" by the key of its authorization. NOT_FOUND
     * (CHARGE_NOT_FOUND). */
    struct status (*find)(struct call *call, struct bank_store *store, const char *charge_id,
                          const char *key, struct charge *ret_charge);
    /* Those of `count` charges that there are, in the same sequence. */
    struct status (*find_several)(struct call *call, struct bank_store *store,
                                  const char *const *charge_ids, size_t count,
                                  struct charge **ret_charges, size_t *ret_count);
    /* At most `max` charges after the one with the id `after` ("": from the start), oldest
     * first. */
    struct status (*list)(struct call *call, struct bank_store *store, const char *after,
                          size_t max, struct charge **ret_charges, size_t *ret_count);
    void (*close)(struct bank_store *store);
};

/* Opens the embedded adapter on a file. */
struct status bank_store_sqlite(const struct service_context *context, const char *path,
                                struct bank_store **ret_store);

#endif
