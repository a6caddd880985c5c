/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of messages. See fiber/shard_lines.h. */
#include "fiber/shard_lines.h"

#include <stddef.h>

#include "base/hash.h"
#include "fiber/shard.h"

static struct shard_message **slot_of(struct shard_lines *lines, uint64_t address)
{
    return &lines->slots[hash_fold(address) % SHARD_LINE_SLOTS];
}

static void append_line(struct shard_lines *lines, struct shard_message *first)
{
    first->next_line = NULL;
    if (lines->last)
        lines->last->next_line = first;
    else
        lines->first = first;
    lines->last = first;
}

static void add_own(struct shard_lines *lines, struct shard_message *message)
{
    if (lines->own)
        lines->own_last->next = message;
    else
        lines->own = message;
    lines->own_last = message;
}

void shard_lines_add(struct shard_lines *lines, struct shard_message *message)
{
    struct shard_message **slot, *first;

    message->next = NULL;
    if (message->address == 0) {
        add_own(lines, message);
        return;
    }
    slot = slot_of(lines, message->address);
    first = *slot;
    while (first && first->address != message->address) first = first->next_in_slot;
    if (first) {
        first->last->next = message;
        first->last = message;
        return;
    }
    message->last = message;
    message->next_in_slot = *slot;
    *slot = message;
    append_line(lines, message);
}

static struct shard_message *take_own(struct shard_lines *lines)
{
    struct shard_message *message = lines->own;

    lines->own = message->next;
    return message;
}

/* Takes the first message of the first line. The next one stands for the line from now on, which
 * goes to the end. */
static struct shard_message *take_first(struct shard_lines *lines)
{
    struct shard_message *message = lines->first, *successor = message->next;
    struct shard_message **link = slot_of(lines, message->address);

    lines->first = message->next_line;
    if (!lines->first) lines->last = NULL;
    while (*link != message) link = &(*link)->next_in_slot;
    if (!successor) {
        *link = message->next_in_slot;
        return message;
    }
    *link = successor;
    successor->next_in_slot = message->next_in_slot;
    successor->last = message->last;
    append_line(lines, successor);
    return message;
}

struct shard_message *shard_lines_take(struct shard_lines *lines)
{
    if (shard_lines_is_empty(lines)) return NULL;
    if (lines->own && (lines->own_turn || !lines->first)) {
        lines->own_turn = false;
        return take_own(lines);
    }
    lines->own_turn = true;
    return take_first(lines);
}
