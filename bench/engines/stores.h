/* SPDX-License-Identifier: Apache-2.0 */
/* What stores.c measures: an operation of one service's store on an engine. */
#ifndef BENCH_ENGINES_STORES_H
#define BENCH_ENGINES_STORES_H

#include "fiber/call.h"
#include "rpc/service.h"

/* One of those that call at the same time. */
struct caller {
    int index;
    int64_t done; /* operations so far */
    void *data;   /* the operation's own */
};

struct operation {
    const char *name;
    /* Makes the store without reaching the engine. */
    struct status (*make)(const struct service_context *context, const char *url);
    struct status (*open)(struct call *call);
    /* Before the first of a caller's operations; NULL: nothing to do. */
    struct status (*begin)(struct call *call, struct caller *caller);
    struct status (*run)(struct call *call, struct caller *caller);
    void (*close)(void);
};

extern const struct operation operation_order, operation_payment, operation_cart, operation_user,
    operation_account, operation_session;

#endif
