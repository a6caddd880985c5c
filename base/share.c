/* SPDX-License-Identifier: Apache-2.0 */
/* Shares of a thread's time. See base/share.h. */
#include "base/share.h"

static void begin_pass(struct share *share, uint64_t pass)
{
    if (!share->missed) share->round = pass;
    share->pass = pass;
    share->used_us = 0;
    share->missed = false;
}

bool share_admits(struct share *share, uint64_t pass, uint64_t *turn)
{
    if (share->pass != pass) begin_pass(share, pass);
    bool had_turn = *turn >= share->round;

    if (!share_is_spent(share) && (!had_turn || *turn == pass)) {
        *turn = pass;
        return true;
    }
    if (!had_turn) share->missed = true;
    return false;
}
