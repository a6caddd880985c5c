/* SPDX-License-Identifier: Apache-2.0 */
/* Where the services of the existing system answer differently from ours, for our clients that may
 * be connected to one of them (docs/existing-system.md). */
#ifndef RPC_EXISTING_SYSTEM_H
#define RPC_EXISTING_SYSTEM_H

#include "base/arena.h"
#include "base/status.h"

/* They report failures with the gRPC status OK and an envelope with success false, a message and an
 * HTTP status; their product service says 500 for a product that it cannot find. Returns OK if
 * `success`; else the gRPC status that our service would have returned, with `not_found` as its
 * reason if that is NOT_FOUND. */
struct status existing_envelope_status(struct arena *arena, bool success, int32_t status_code,
                                       const char *message, int not_found);

/* Is a product with this state for sale? Our products are active or not; theirs have a free text,
 * of which an empty one, "available" and "in_stock" mean that the product is sold. */
bool existing_status_for_sale(const char *status);

#endif
