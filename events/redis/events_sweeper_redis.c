/* SPDX-License-Identifier: Apache-2.0 */
/* Removes old dead letters that were replayed (dead_letters_redis.c). Everything else that is old
 * expires by itself. */
#include "events/redis/events_redis.h"

enum { SWEEP_MAX = 100 };

/* Removes some of the letters that were replayed and died before ARGV[1]. Returns how many. */
static const char sweep_source[] =
    "local base = KEYS[1]\n"
    "local letters = redis.call('ZRANGEBYSCORE', base .. ':replayed', '-inf', '(' .. ARGV[1],\n"
    "  'LIMIT', 0, ARGV[2])\n"
    "for _, letter in ipairs(letters) do\n"
    "  local key = base .. ':' .. letter\n"
    "  local found = redis.call('HMGET', key, 'group', 'id')\n"
    "  redis.call('ZREM', base .. ':replayed', letter)\n"
    "  redis.call('ZREM', base .. ':all', letter)\n"
    "  if found[1] then\n"
    "    redis.call('ZREM', base .. ':of:' .. found[1], letter)\n"
    "    redis.call('HDEL', base .. ':ids', found[1] .. '\\0' .. found[2])\n"
    "  end\n"
    "  redis.call('DEL', key)\n"
    "end\n"
    "return #letters\n";

struct redis_events_sweeper {
    struct events_sweeper port; /* first */
    struct redis *db;
    struct str base;
    struct redis_script *script;
};

static struct status sweep(struct call *call, struct events_sweeper *port, int64_t before_us,
                           bool *ret_more)
{
    struct redis_events_sweeper *sweeper = (struct redis_events_sweeper *)port;
    const struct str values[] = {redis_number(call->arena, before_us),
                                 redis_number(call->arena, SWEEP_MAX)};
    const struct redis_arguments arguments = {
        .keys = &sweeper->base, .key_count = 1, .values = values, .value_count = 2};
    const struct redis_reply *reply;

    struct status st = redis_eval(call, sweeper->db, sweeper->script, &arguments, &reply);
    if (!failed(st)) *ret_more = reply->integer == SWEEP_MAX;
    return st;
}

struct events_sweeper *events_sweeper_redis(struct arena *arena, struct redis *db, const char *name)
{
    struct redis_events_sweeper *sweeper = arena_new(arena, struct redis_events_sweeper);

    *sweeper = (struct redis_events_sweeper){
        .port.sweep = sweep,
        .db = db,
        .base = dead_letters_redis_base(arena, db, name),
        .script = redis_script_new(arena, sweep_source),
    };
    return &sweeper->port;
}
