/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of services whose store may be on a real engine: lets time pass. The clock that a test
 * moves is the driver's too, so a request that is under way meanwhile would have taken as long, and
 * its answer would come too late. Included by test programs only. */
#ifndef RPC_STORE_TIME_TESTING_H
#define RPC_STORE_TIME_TESTING_H

#include "rpc/rpc_testing.h"
#include "store/store_metrics.h"

/* stage_pass_s, at a moment when the store of this name asks its engine for nothing. */
static inline void stage_pass_at_rest_s(struct call *call, const char *store, int64_t seconds)
{
    struct store_metrics metrics;

    store_metrics_init(&metrics, store);
    while (metric_value(metrics.busy) > 0 || metric_value(metrics.waiting) > 0)
        EXPECT_OK(fiber_sleep(call, 100));
    stage_pass_s(seconds);
}

#endif
