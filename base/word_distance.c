/* SPDX-License-Identifier: Apache-2.0 */
/* The edit distance of two words, computed row by row. */
#include "base/word_distance.h"

#include <stdbool.h>

enum { WORD_MAX = WORD_DISTANCE_MAX };

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* The optimal string alignment distance (Damerau-Levenshtein in which a swapped pair is not edited
 * again), row by row. */
int word_distance(struct str a, struct str b)
{
    int rows[3][WORD_MAX + 1] = {0};

    if (a.length > WORD_MAX || b.length > WORD_MAX) return WORD_MAX;
    for (size_t j = 0; j <= b.length; j++) rows[0][j] = (int)j;
    for (size_t i = 1; i <= a.length; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= b.length; j++) {
            bool swapped = i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
                           a.data[i - 2] == b.data[j - 1];
            row[j] = above[j - 1] + (a.data[i - 1] != b.data[j - 1]);
            row[j] = least(row[j], least(above[j], row[j - 1]) + 1);
            if (swapped) row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a.length % 3][b.length];
}
