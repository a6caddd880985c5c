/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the pauses at race windows. */
#include "base/race_window.h"

#include "base/test.h"

TEST(pauses_follow_from_the_seed_and_are_short)
{
    int differ = 0, wide = 0;

    for (uint64_t seed = 1; seed <= 20; seed++) {
        int64_t longest = 0;
        for (uint64_t n = 0; n < 100; n++) {
            int64_t pause_us = race_window_pause_us(seed, "message queued", n);
            CHECK(pause_us >= 0 && pause_us <= RACE_WINDOW_MAX_US);
            CHECK(pause_us == race_window_pause_us(seed, "message queued", n));
            differ += pause_us != race_window_pause_us(seed, "group taken", n);
            if (pause_us > longest) longest = pause_us;
        }
        wide += longest > RACE_WINDOW_MAX_US / 2;
    }
    CHECK(differ > 500);
    CHECK(wide > 5 && wide < 20); /* with each seed some windows are wide and others are not */
}

TEST(a_window_that_is_passed_very_often_pauses_seldom)
{
    int pauses = 0;

    for (uint64_t seed = 1; seed <= 20; seed++)
        for (uint64_t n = 100000; n < 100100; n++)
            pauses += race_window_pause_us(seed, "message queued", n) > 0;
    CHECK(pauses > 0 && pauses < 300);
}
