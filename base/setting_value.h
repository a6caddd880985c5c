/* SPDX-License-Identifier: Apache-2.0 */
/* The syntax of the values of settings, kind by kind; private to config. */
#ifndef BASE_SETTING_VALUE_H
#define BASE_SETTING_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/config.h"

/* Is `text` a value of the setting's kind, within its bounds? Numbers, durations (ms), sizes
 * (bytes) and booleans (0, 1) also go to *ret_number, which is 0 for other kinds and for an empty
 * value. */
bool setting_value_parse(const struct setting *setting, const char *text, int64_t *ret_number);

/* What a valid value looks like: "a duration such as 250ms, 10s, 5m, 24h or 7d, from 1s to 24h". */
const char *setting_value_wanted(struct arena *arena, const struct setting *setting);

#endif
