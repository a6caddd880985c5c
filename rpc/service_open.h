/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the stores whose engines are other processes, when the program starts: such an engine may
 * start later than the program does, and is waited for.
 *
 *     service_openings_add(&openings, &context, module, service);    for each module that was started
 *     st = service_openings_run(call, &openings, timeout_ms);        on a fiber; all side by side
 *     service_openings_check(arena, &openings)                       meanwhile, for /readyz
 *
 * An embedded store is open once its module has started, and does not take part. */
#ifndef RPC_SERVICE_OPEN_H
#define RPC_SERVICE_OPEN_H

#include <stdatomic.h>

#include "rpc/service.h"

enum { SERVICE_OPENINGS_MAX = 32 };

/* One store. */
struct service_opening {
    const struct service_module *module;
    void *service;
    const char *setting, *url; /* "ORDER_STORE", and its value as it may be shown */
    int64_t timeout_ms;
    bool refusal_ends;
    atomic_bool open;
    struct status status; /* why it could not be opened */
};

struct service_openings {
    /* A store that refuses this program (STORE_REFUSED) ends it at once, for commands; the server tries
     * again, because passwords and certificates are mended while it runs. */
    bool refusal_ends;
    struct service_opening openings[SERVICE_OPENINGS_MAX];
    size_t count;
};

/* Does nothing for a module without `open`. */
void service_openings_add(struct service_openings *openings, const struct service_context *context,
                          const struct service_module *module, void *service);

/* Opens all, and tries again with growing pauses (100 ms to 5 s, with jitter) those whose engine is
 * not there. OK once all are open. UNAVAILABLE (STORE_UNREACHABLE), which names the store and its
 * setting, for one that is not there after `timeout_ms`, and STORE_REFUSED for one that has refused
 * this program until then; whatever else the module says ends it at once. The message is in the
 * call's arena. */
struct status service_openings_run(struct call *call, struct service_openings *openings,
                                   int64_t timeout_ms);

/* UNAVAILABLE (STORE_UNREACHABLE), with the names of the stores that are not open yet. Any thread.
 */
struct status service_openings_check(struct arena *arena, const struct service_openings *openings);

#endif
