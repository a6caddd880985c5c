/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds bytes to a whole HTTP server through a pipe in memory, in pieces. */
#ifndef TESTS_FUZZ_HTTP_FUZZ_H
#define TESTS_FUZZ_HTTP_FUZZ_H

#include "base/str.h"

void http_fuzz(struct str before, struct str input);

#endif
