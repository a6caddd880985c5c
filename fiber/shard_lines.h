/* SPDX-License-Identifier: Apache-2.0 */
/* The messages that a shard has taken and not run yet, in a line for each address whose work they
 * are for. The lines take turns, one message each; every second turn is for the messages of the
 * process itself. In a line messages keep their order. Private to fiber/shard*.c.
 *
 * A line needs no memory of its own: its first message stands for it. */
#ifndef FIBER_SHARD_LINES_H
#define FIBER_SHARD_LINES_H

#include <stdbool.h>

struct shard_message;

enum { SHARD_LINE_SLOTS = 64 };

struct shard_lines {
    struct shard_message *own, *own_last; /* the process's */
    struct shard_message *first, *last;   /* of the other lines; the first is next in turn */
    struct shard_message *slots[SHARD_LINE_SLOTS]; /* the same in chains, by address */
    bool own_turn;
};

void shard_lines_add(struct shard_lines *lines, struct shard_message *message);
/* The next in turn; NULL: there is none. */
struct shard_message *shard_lines_take(struct shard_lines *lines);

static inline bool shard_lines_is_empty(const struct shard_lines *lines)
{
    return !lines->own && !lines->first;
}

#endif
