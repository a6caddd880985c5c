/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.reflection.v1 and v1alpha: describes a server's services from the schema. Private to rpc/.
 *
 *     reflection = rpc_reflection_new(schema);
 *     rpc_reflection_add(reflection, "cart_service.CartService");    before serving starts */
#ifndef RPC_REFLECTION_H
#define RPC_REFLECTION_H

#include "grpc/reflection/v1/reflection.rpc.h"
#include "grpc/reflection/v1alpha/reflection.rpc.h"
#include "rpc/schema.h"
#include "rpc/server.h"

enum { RPC_REFLECTION_SERVICES_MAX = 64 };

struct rpc_reflection;

/* The schema is borrowed for the reflection's life; with NULL there are no files. */
struct rpc_reflection *rpc_reflection_new(const struct rpc_schema *schema);
void rpc_reflection_free(struct rpc_reflection *reflection);

/* Adds a service to the list, for all listeners of the server (`everywhere`) or only for those that
 * serve it. The name is borrowed for the reflection's life. Exceeding the maximum ends the
 * process. */
void rpc_reflection_add(struct rpc_reflection *reflection, const char *service_name,
                        bool everywhere);

/* Answers one request that came in at `endpoint` (NULL: the whole server), of which the services are
 * listed; the response is in the arena and refers to the request. */
void rpc_reflection_answer(struct arena *arena, const struct rpc_reflection *reflection,
                           const struct rpc_endpoint *endpoint,
                           Grpc__Reflection__V1__ServerReflectionRequest *request,
                           Grpc__Reflection__V1__ServerReflectionResponse *ret_response);

/* The handlers; call_service is the reflection. */
extern const struct grpc_reflection_v1_server_reflection_handlers rpc_reflection_v1_handlers;
extern const struct grpc_reflection_v1alpha_server_reflection_handlers
    rpc_reflection_v1alpha_handlers;

#endif
