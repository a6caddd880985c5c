/* SPDX-License-Identifier: Apache-2.0 */
/* Companions: changes of a cart that wait for their turn are decided on together with the one that has
 * it, one after another, and written by the same script. Each gets the version and the answer that it
 * would have got alone.
 *
 * Only plain changes are written together: those without a cause, whose marks the script would have
 * to tell apart, and of carts that the existing system can't have left at another key. The mark of the
 * first one stands for all of them: either all are made or none. If its answer is lost, or its caller
 * gives up, the others look for that mark, each in its own turn and from then on alone.
 *
 * A companion is refused for good only when those before it are written, because the reason may lie in
 * what they have changed. */
#include "services/cart/redis/cart_update.h"

/* Lines copied for the companions of one change: the shard serves nobody else meanwhile. */
enum { LINES_COPIED_MAX = 1000 };

static bool is_plain(const struct cart_update *update)
{
    return update->causes.count == 0 && !update->given && !update->unsure;
}

/* Each has texts of its own, since the others may end before it has answered. */
static void decide(struct cart_update *companion, int64_t now_us, struct cart_sum *sum)
{
    struct cart_write *write = &companion->write;

    cart_copy(companion->call->arena, sum->cart, &write->cart);
    write->cart.changed = false;
    companion->companion_ends = cart_decide(companion->call, companion->change, now_us, write);
    if (failed(companion->companion_ends)) {
        sum->refused = true;
        return;
    }
    sum->cart = &write->cart;
    sum->keeps |= write->keeps;
    sum->changed |= write->cart.changed;
}

void cart_companions_take(struct cart_update *update, int64_t now_us, struct cart_sum *ret_sum)
{
    struct turn *turn = &update->turn;
    size_t lines = 0;

    *ret_sum = cart_sum_alone(update);
    update->companion_count = 0;
    if (!is_plain(update)) return;
    while (update->companion_count < CART_COMPANIONS_MAX && (turn = turn_next(turn))) {
        struct cart_update *companion = (struct cart_update *)turn;
        lines += ret_sum->cart->line_count;
        if (!is_plain(companion) || lines > LINES_COPIED_MAX) return;
        companion->place = &update->companions[update->companion_count++];
        *companion->place = companion;
        decide(companion, now_us, ret_sum);
    }
}

/* Takes out the next one that has not given up. */
static struct cart_update *take_out(struct cart_update *update, size_t *position)
{
    while (*position < update->companion_count) {
        struct cart_update *companion = update->companions[(*position)++];
        if (!companion) continue;
        companion->place = 0;
        return companion;
    }
    update->companion_count = 0;
    return 0;
}

void cart_companions_leave(struct cart_update *update)
{
    size_t position = 0;

    while (take_out(update, &position)) continue;
}

void cart_companions_end(struct call *call, struct cart_update *update)
{
    struct turns *turns = &update->store->turns[call->shard->index];
    struct cart_update *companion;
    size_t position = 0;

    while ((companion = take_out(update, &position))) turn_serve(call, turns, &companion->turn);
}

void cart_companions_lose(struct call *call, struct cart_update *update)
{
    struct cart_update *companion;
    size_t position = 0;

    if (update->companion_count == 0) return;
    while ((companion = take_out(update, &position))) {
        companion->unsure = true;
        companion->unsure_of = update->unsure_of;
        companion->lost = arena_strdup(companion->call->arena, update->mark);
        companion->resolve_until_us = shard_now_us(call->shard) + CART_RESOLVE_US;
    }
    update->lost = update->mark; /* which would mean all of them if it were written once more */
    update->mark = cart_mark_new(call->arena);
}
