/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of services that take idempotency keys. Included by test programs only.
 *
 *     key_with(call, "k1", &keyed);
 *     st = order_service_create_order_with(call, channel, &request, &keyed.options, &response);
 *     EXPECT(is_replayed(&keyed)); */
#ifndef EVENTS_IDEMPOTENCY_TESTING_H
#define EVENTS_IDEMPOTENCY_TESTING_H

#include "base/test.h"
#include "rpc/channel.h"

/* A request's metadata with a key, and its answer's. */
struct keyed {
    struct http_headers sent, answered;
    struct rpc_options options;
};

static inline void key_with(struct call *call, const char *key, struct keyed *ret_keyed)
{
    *ret_keyed = (struct keyed){0};
    struct status st = http_headers_add(call->arena, &ret_keyed->sent, STR("idempotency-key"),
                                        str_of(key));
    EXPECT(!failed(st));
    ret_keyed->options.metadata = &ret_keyed->sent;
    ret_keyed->options.ret_metadata = &ret_keyed->answered;
}

/* Was the last answer marked as replayed? */
static inline bool is_replayed(const struct keyed *keyed)
{
    return str_is(http_headers_get(&keyed->answered, "idempotent-replayed"), "true");
}

#endif
