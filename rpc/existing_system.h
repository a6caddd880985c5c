/* SPDX-License-Identifier: Apache-2.0 */
/* What the services of the existing system say in another way than ours, for clients of ours that
 * may have one of them at the other end (docs/existing-system.md). */
#ifndef RPC_EXISTING_SYSTEM_H
#define RPC_EXISTING_SYSTEM_H

#include "base/arena.h"
#include "base/status.h"

/* Their failures are answered with the gRPC status OK and an envelope that says success false, with
 * a message and a status of HTTP; their product service says 500 for what it cannot find. OK if
 * `success`; else the gRPC status that ours would have answered, with `not_found` as its reason
 * where that is NOT_FOUND. */
struct status existing_envelope_status(struct arena *arena, bool success, int32_t status_code,
                                       const char *message, int not_found);

/* Is a product with this state for sale? Ours are active or not; theirs have free text, of which
 * nothing, available and in_stock are what is sold. */
bool existing_status_for_sale(const char *status);

#endif
