/* SPDX-License-Identifier: Apache-2.0 */
/* grpc-timeout (gRPC over HTTP/2, "Timeout"): up to eight digits and a unit. Private to rpc/. */
#ifndef RPC_TIMEOUT_H
#define RPC_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { RPC_TIMEOUT_TEXT_SIZE = 24 };

/* False on anything else. At least 1 µs, at most about 30 years. */
bool rpc_timeout_parse(struct str text, int64_t *ret_timeout_us);

/* In the finest unit that fits into 8 digits; NUL-terminated. */
void rpc_timeout_format(int64_t timeout_us, char ret_text[static RPC_TIMEOUT_TEXT_SIZE]);

#endif
