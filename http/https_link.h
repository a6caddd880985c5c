/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTPS client's part on one shard: libcurl's connections, driven by the shard's loop. Opened at
 * first use, closed when the shard stops. Private to http/https_*.c. */
#ifndef HTTP_HTTPS_LINK_H
#define HTTP_HTTPS_LINK_H

#include "fiber/fiber.h"
#include "http/https_library.h"
#include "http/https_names.h"

/* A running transfer, on the stack of the fiber that waits for it. */
struct https_transfer {
    CURL *easy;
    struct fiber_wait wait;
    bool done;
    CURLcode result; /* once it is done */
};

struct https_link {
    const struct https_library *library;
    struct shard *shard;
    CURLM *multi; /* NULL: not opened yet, or closed */
    struct shard_timer timer;
    struct shard_hook hook;
    size_t running;
    struct https_names names;
};

/* Runs the transfer of `easy` until it is done; on a failure (deadline, cancellation) it has been
 * removed.
 */
struct status https_link_run(struct call *call, struct https_link *link,
                             struct https_transfer *transfer);

#endif
