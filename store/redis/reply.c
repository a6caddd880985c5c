/* SPDX-License-Identifier: Apache-2.0 */
/* Answers, read by hiredis into an arena. */
#include "store/redis/reply.h"

#include <hiredis/hiredis.h>
#include <stdio.h>

/* hiredis counts elements with an int before version 1. */
#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

/* ---- what hiredis calls while it reads ---- */

static struct reply_reader *reader_of(const redisReadTask *task)
{
    while (task->parent) task = task->parent;
    return task->privdata;
}

/* A new value, put into its place in the array that it belongs to; NULL, which ends the reading, if
 * the answer is too large. */
static struct redis_reply *add_value(const redisReadTask *task, enum redis_kind kind, size_t size)
{
    struct reply_reader *reader = reader_of(task);

    reader->size += size;
    if (reader->size > REPLY_SIZE_MAX || ++reader->values > REPLY_VALUES_MAX) return 0;
    struct redis_reply *reply = arena_new(&reader->arena, struct redis_reply);
    reply->kind = kind;
    if (task->parent) {
        const struct redis_reply *array = task->parent->obj;
        array->items[task->idx] = reply;
    }
    return reply;
}

static void *add_text(const redisReadTask *task, char *text, size_t length)
{
    enum redis_kind kind = task->type == REDIS_REPLY_ERROR    ? REDIS_ERROR
                           : task->type == REDIS_REPLY_STATUS ? REDIS_STATUS
                                                              : REDIS_TEXT;
    struct redis_reply *reply = add_value(task, kind, length);

    if (!reply) return 0;
    reply->text = str_sized(arena_strndup(&reader_of(task)->arena, text, length), length);
    return reply;
}

static void *add_array(const redisReadTask *task, element_count count)
{
    size_t elements = (size_t)count;
    struct redis_reply *reply = add_value(task, REDIS_ARRAY, 0);

    if (!reply || elements > REPLY_VALUES_MAX) return 0;
    reply->items = arena_array(&reader_of(task)->arena, struct redis_reply *, elements);
    reply->count = elements;
    return reply;
}

static void *add_integer(const redisReadTask *task, long long value)
{
    struct redis_reply *reply = add_value(task, REDIS_INTEGER, 0);

    if (reply) reply->integer = value;
    return reply;
}

static void *add_nil(const redisReadTask *task)
{
    return add_value(task, REDIS_NIL, 0);
}

static void keep(void *object)
{
    (void)object; /* it is in the arena */
}

static redisReplyObjectFunctions functions = {
    .createString = add_text,
    .createArray = add_array,
    .createInteger = add_integer,
    .createNil = add_nil,
    .freeObject = keep,
};

/* ---- the reader ---- */

/* hiredis reads announced bytes only once all of them are there; what has come of them counts for
 * the limit too. */
static bool holds_too_much(const struct reply_reader *reader)
{
    return reader->hiredis->len - reader->hiredis->pos > REPLY_SIZE_MAX;
}

void reply_reader_init(struct reply_reader *reader)
{
    *reader = (struct reply_reader){.hiredis = redisReaderCreateWithFunctions(&functions)};
    invariant(reader->hiredis);
    arena_init(&reader->arena, 2 * (size_t)REPLY_SIZE_MAX);
    reader->hiredis->privdata = reader;
}

void reply_reader_release(struct reply_reader *reader)
{
    redisReaderFree(reader->hiredis);
    arena_release(&reader->arena);
}

void reply_reader_feed(struct reply_reader *reader, const void *data, size_t size)
{
    redisReaderFeed(reader->hiredis, data, size);
}

enum reply_found reply_reader_next(struct reply_reader *reader,
                                   const struct redis_reply **ret_reply)
{
    void *reply = 0;

    if (reader->answered) {
        arena_reset(&reader->arena);
        reader->size = reader->values = 0;
        reader->answered = false;
    }
    if (redisReaderGetReply(reader->hiredis, &reply) != REDIS_OK) return REPLY_BROKEN;
    if (!reply) return holds_too_much(reader) ? REPLY_BROKEN : REPLY_INCOMPLETE;
    reader->answered = true;
    *ret_reply = reply;
    return REPLY_FOUND;
}

const char *reply_reader_error(const struct reply_reader *reader)
{
    if (reader->hiredis->err == REDIS_ERR_PROTOCOL) return reader->hiredis->errstr;
    return "an answer is larger than this program reads";
}

static struct redis_reply *copy(struct arena *arena, const struct redis_reply *reply)
{
    struct redis_reply *dup = arena_memdup(arena, reply, sizeof(*reply));

    if (reply->text.data)
        dup->text.data = arena_strndup(arena, reply->text.data, reply->text.length);
    if (reply->count > 0) dup->items = arena_array(arena, struct redis_reply *, reply->count);
    for (size_t i = 0; i < reply->count; i++) dup->items[i] = copy(arena, reply->items[i]);
    return dup;
}

const struct redis_reply *reply_dup(struct arena *arena, const struct redis_reply *reply)
{
    return copy(arena, reply);
}
