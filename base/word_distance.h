/* SPDX-License-Identifier: Apache-2.0 */
/* How similar two words are, for suggestions in place of a mistyped name. */
#ifndef BASE_WORD_DISTANCE_H
#define BASE_WORD_DISTANCE_H

#include "base/str.h"

enum { WORD_DISTANCE_MAX = 40 };

/* How many letters must be inserted, deleted, replaced, or swapped with their neighbour to turn one
 * word into the other; WORD_DISTANCE_MAX if one of them has more than that many letters. */
int word_distance(struct str a, struct str b);

#endif
