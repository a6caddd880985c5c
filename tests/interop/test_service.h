/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.testing.TestService on rpc/, as the conformance tests of gRPC describe it
 * (grpc/doc/interop-test-descriptions.md). For the interop server and for the tests of rpc/. */
#ifndef INTEROP_TEST_SERVICE_H
#define INTEROP_TEST_SERVICE_H

#include "grpc/testing/test.rpc.h"

/* Everything but UnimplementedCall. Give a struct test_service as the service to rpc_server_add, or
 * NULL. */
extern const struct grpc_testing_test_service_handlers test_service_handlers;

/* State that the tests of rpc/ read and change; for a service on a single shard. */
struct test_service {
    int calls;            /* of UnaryCall and CacheableUnaryCall */
    int fail_unavailable; /* this many of them answer UNAVAILABLE first */
    int fail_reason;      /* with this reason */
    int cancelled;        /* handlers that ended because their call was cancelled */
    struct user user;     /* of the last call; its texts live as long as the call */
    char email[64], role[32], peer[64];
    bool is_peer;
    int64_t remaining_us; /* of the last call's deadline */
};

#endif
