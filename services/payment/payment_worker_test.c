/* SPDX-License-Identifier: Apache-2.0 */
/* The worker alone, with a store that never answers. */
#include "services/payment/payment_worker.h"

#include "base/clock.h"
#include "base/test.h"
#include "services/payment/payment_service.h"

enum { MORE_THAN_FITS = 6000 };

static struct status never_find(struct call *call, struct payment_store *store,
                                const char *operation_id, struct payment_operation *ret_operation,
                                struct payment *ret_payment)
{
    struct fiber_wait never = {0};

    return fiber_suspend(call, &never);
}

static void ask_too_much(struct call *call, void *data)
{
    static struct payment_store store = {.find_operation = never_find};
    static struct payment_service service = {.store = &store};
    struct payment_worker *worker = payment_worker_new(data, call->shard->shards, &service);
    struct payment_waiter first = {.arena = call->arena}, last = {.arena = call->arena};
    int64_t begun_us;

    payment_worker_start(worker, call, "first", &first);
    for (int i = 0; i < MORE_THAN_FITS; i++) payment_worker_start(worker, call, "more", 0);
    payment_worker_start(worker, call, "last", &last);
    begun_us = clock_monotonic_us();
    EXPECT(!failed(payment_worker_wait(call, &last, 3000)));
    EXPECT(!last.answer.data && !last.run);
    EXPECT(clock_monotonic_us() - begun_us < 1000000);
    EXPECT(payment_worker_wait(call, &first, 10).code == STATUS_DEADLINE_EXCEEDED);
    shards_stop(call->shard->shards);
}

TEST(who_finds_the_queue_full_is_answered_at_once)
{
    struct shards *shards = shards_new(1);
    struct arena arena;

    arena_init(&arena, 0);
    fiber_post(shards_at(shards, 0), ask_too_much, 0, &arena);
    shards_run(shards);
    shards_free(shards);
    arena_release(&arena);
}
