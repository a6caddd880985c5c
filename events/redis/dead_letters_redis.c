/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters in Redis. All keys begin with the base `{PREFIXletters:SERVICE}`, so that they share a
 * slot, and the scripts may make their names of it:
 *
 *     BASE:ID             a hash: the letter
 *     BASE:next           the last id that was given
 *     BASE:ids            a hash: group and event -> id, so that an event dies once for a group
 *     BASE:all            sorted sets of ids, by id: all letters,
 *     BASE:of:GROUP         those of a group,
 *     BASE:dead:GROUP       its dead ones,
 *     BASE:replay:GROUP     and those that are to be delivered again
 *     BASE:replayed       a sorted set of ids, by the time of death: for sweeping
 *                         (events_sweeper_redis.c)
 *
 * Letters do not expire. */
#include <string.h>

#include "events/redis/events_redis.h"
#include "reasons.pb-c.h"

enum {
    MARK_MAX = 1000, /* letters that one script moves */
    FIELDS = 15,
};

/* A letter that is marked for replay stays as it is; any other becomes dead (again). */
static const char bury_source[] =
    "local base, group, id = KEYS[1], ARGV[1], ARGV[2]\n"
    "local letter = redis.call('HGET', base .. ':ids', group .. '\\0' .. id)\n"
    "if letter and redis.call('HGET', base .. ':' .. letter, 'state') == 'replay' then\n"
    "  return letter\n"
    "end\n"
    "if not letter then\n"
    "  letter = redis.call('INCR', base .. ':next')\n"
    "  redis.call('HSET', base .. ':ids', group .. '\\0' .. id, letter)\n"
    "  redis.call('ZADD', base .. ':all', letter, letter)\n"
    "  redis.call('ZADD', base .. ':of:' .. group, letter, letter)\n"
    "end\n"
    "redis.call('HSET', base .. ':' .. letter, 'state', 'dead', 'group', group, 'id', id,\n"
    "  'attempts', ARGV[3], 'code', ARGV[4], 'reason', ARGV[5], 'message', ARGV[6],\n"
    "  'died_us', ARGV[7], 'topic', ARGV[8], 'key', ARGV[9], 'type', ARGV[10],\n"
    "  'payload', ARGV[11], 'time_us', ARGV[12], 'traceparent', ARGV[13], 'offset', ARGV[14])\n"
    "redis.call('ZADD', base .. ':dead:' .. group, letter, letter)\n"
    "redis.call('ZREM', base .. ':replayed', letter)\n"
    "return letter\n";

/* Marks one letter (ARGV[2]), or some of the group's dead ones. Returns how many. */
static const char mark_source[] =
    "local base, group, one, max = KEYS[1], ARGV[1], ARGV[2], ARGV[3]\n"
    "local letters\n"
    "if one == '0' then\n"
    "  letters = redis.call('ZRANGE', base .. ':dead:' .. group, 0, max - 1)\n"
    "else\n"
    "  local found = redis.call('HMGET', base .. ':' .. one, 'group', 'state')\n"
    "  if found[1] ~= group or (found[2] ~= 'dead' and found[2] ~= 'replay') then return 0 end\n"
    "  letters = {one}\n"
    "end\n"
    "for _, letter in ipairs(letters) do\n"
    "  redis.call('HSET', base .. ':' .. letter, 'state', 'replay')\n"
    "  redis.call('ZREM', base .. ':dead:' .. group, letter)\n"
    "  redis.call('ZADD', base .. ':replay:' .. group, letter, letter)\n"
    "end\n"
    "return #letters\n";

/* ARGV[2] is empty if the letter was handled. */
static const char settle_source[] =
    "local base, letter = KEYS[1], ARGV[1]\n"
    "local key = base .. ':' .. letter\n"
    "local found = redis.call('HMGET', key, 'state', 'group', 'died_us')\n"
    "if not found[1] or (ARGV[2] ~= '' and found[1] == 'dead') then return 0 end\n"
    "redis.call('ZREM', base .. ':replay:' .. found[2], letter)\n"
    "if ARGV[2] == '' then\n"
    "  redis.call('HSET', key, 'state', 'replayed')\n"
    "  redis.call('ZREM', base .. ':dead:' .. found[2], letter)\n"
    "  redis.call('ZADD', base .. ':replayed', found[3], letter)\n"
    "else\n"
    "  redis.call('HINCRBY', key, 'attempts', 1)\n"
    "  redis.call('HSET', key, 'state', 'dead', 'code', ARGV[2], 'reason', ARGV[3],\n"
    "    'message', ARGV[4], 'died_us', ARGV[5])\n"
    "  redis.call('ZADD', base .. ':dead:' .. found[2], letter, letter)\n"
    "  redis.call('ZREM', base .. ':replayed', letter)\n"
    "end\n"
    "return 1\n";

/* ARGV: the set's name, n (the newest first) or o, at most, bytes of payloads. Returns the id and
 * the fields of each letter. */
static const char list_source[] =
    "local base, size, found = KEYS[1], 0, {}\n"
    "local letters = redis.call(ARGV[2] == 'n' and 'ZREVRANGE' or 'ZRANGE', base .. ARGV[1],\n"
    "  0, ARGV[3] - 1)\n"
    "for _, letter in ipairs(letters) do\n"
    "  local fields = redis.call('HMGET', base .. ':' .. letter, 'group', 'state', 'attempts',\n"
    "    'code', 'reason', 'message', 'died_us', 'id', 'topic', 'key', 'type', 'payload',\n"
    "    'time_us', 'traceparent', 'offset')\n"
    "  if fields[1] then\n"
    "    found[#found + 1] = letter\n"
    "    found[#found + 1] = fields\n"
    "    size = size + #fields[12]\n"
    "    if size >= tonumber(ARGV[4]) then break end\n"
    "  end\n"
    "end\n"
    "return found\n";

/* The same for one letter: ARGV are its id and its group, or \"\" for any. */
static const char find_source[] =
    "local fields = redis.call('HMGET', KEYS[1] .. ':' .. ARGV[1], 'group', 'state', 'attempts',\n"
    "  'code', 'reason', 'message', 'died_us', 'id', 'topic', 'key', 'type', 'payload',\n"
    "  'time_us', 'traceparent', 'offset')\n"
    "if not fields[1] or (ARGV[2] ~= '' and fields[1] ~= ARGV[2]) then return {} end\n"
    "return {ARGV[1], fields}\n";

struct redis_dead_letters {
    struct dead_letters port; /* first */
    struct redis *db;
    struct str base;
    struct redis_script *bury, *mark, *settle, *list, *find;
};

static struct redis_dead_letters *of(struct dead_letters *letters)
{
    return (struct redis_dead_letters *)letters;
}

static struct str or_empty(const char *text)
{
    return str_of(text ? text : "");
}

/* The arguments of a script over the base, in the arena. */
static struct redis_arguments *arguments(struct arena *arena, const struct str *base,
                                         const struct str *values, size_t count)
{
    struct redis_arguments *made = arena_new(arena, struct redis_arguments);

    *made = (struct redis_arguments){
        .keys = base, .key_count = 1, .values = values, .value_count = count};
    return made;
}

/* ---- changing ---- */

static struct status bury(struct call *call, struct dead_letters *port, const char *group,
                          const struct event *event, struct status why)
{
    struct redis_dead_letters *letters = of(port);
    struct dead_letter_failure failure = dead_letter_failure_of(why);
    const struct str values[] = {
        str_of(group),
        str_of(event->id),
        redis_number(call->arena, event->attempt),
        str_of(failure.code),
        str_of(failure.reason),
        str_of(failure.message),
        redis_number(call->arena, failure.died_us),
        str_of(event->topic),
        str_of(event->key),
        str_of(event->type),
        event->payload,
        redis_number(call->arena, event->time_us),
        or_empty(event->traceparent),
        redis_number(call->arena, event->offset),
    };
    const struct redis_reply *reply;

    return redis_eval(
        call, letters->db, letters->bury,
        arguments(call->arena, &letters->base, values, sizeof(values) / sizeof(values[0])), &reply);
}

static struct status mark(struct call *call, struct redis_dead_letters *letters, const char *group,
                          int64_t letter_id, int64_t *ret_count)
{
    const struct str values[] = {str_of(group), redis_number(call->arena, letter_id),
                                 redis_number(call->arena, MARK_MAX)};
    const struct redis_reply *reply;

    struct status st = redis_eval(call, letters->db, letters->mark,
                                  arguments(call->arena, &letters->base, values, 3), &reply);
    if (!failed(st)) *ret_count = reply->integer;
    return st;
}

static struct status size_of_set(struct call *call, struct redis_dead_letters *letters,
                                 const char *set, const char *group, int64_t *ret_size)
{
    const char *key = arena_printf(call->arena, "%.*s:%s:%s", STR_ARGS(letters->base), set, group);
    const struct redis_reply *reply;

    struct status st = redis_read(call, letters->db, REDIS_WORDS(STR("ZCARD"), str_of(key)),
                                  &reply);
    if (!failed(st)) *ret_size = reply->integer;
    return st;
}

/* A repeated request counts those that the first one has marked, too. */
static struct status mark_all(struct call *call, struct redis_dead_letters *letters,
                              const char *group, int64_t *ret_count)
{
    int64_t total = 0, count = 0;

    struct status st = size_of_set(call, letters, "replay", group, &total);
    do {
        if (!failed(st)) st = mark(call, letters, group, 0, &count);
        if (failed(st)) return st;
        total += count;
    } while (count == MARK_MAX);
    *ret_count = total;
    return st;
}

static struct status replay(struct call *call, struct dead_letters *port, const char *group,
                            int64_t letter_id, int64_t *ret_count)
{
    struct redis_dead_letters *letters = of(port);
    int64_t count = 0;

    struct status st = letter_id ? mark(call, letters, group, letter_id, &count)
                                 : mark_all(call, letters, group, &count);
    return failed(st) ? st : dead_letters_marked(call, group, letter_id, count, ret_count);
}

static struct status settle(struct call *call, struct dead_letters *port, int64_t letter_id,
                            struct status why)
{
    struct redis_dead_letters *letters = of(port);
    struct dead_letter_failure failure = dead_letter_failure_of(why);
    const struct str values[] = {
        redis_number(call->arena, letter_id),
        failed(why) ? str_of(failure.code) : STR(""),
        str_of(failure.reason),
        str_of(failure.message),
        redis_number(call->arena, failure.died_us),
    };
    const struct redis_reply *reply;

    return redis_eval(call, letters->db, letters->settle,
                      arguments(call->arena, &letters->base, values, 5), &reply);
}

/* ---- reading ---- */

static const char *text_at(const struct redis_reply *fields, size_t index)
{
    const struct redis_reply *field = fields->items[index];

    return field->kind == REDIS_TEXT ? field->text.data : "";
}

static int64_t integer_at(const struct redis_reply *fields, size_t index)
{
    int64_t value = 0;

    return str_to_i64(str_of(text_at(fields, index)), &value) ? value : 0;
}

static void read_letter(int64_t letter_id, const struct redis_reply *fields,
                        struct dead_letter *ret_letter)
{
    *ret_letter = (struct dead_letter){
        .letter_id = letter_id,
        .group = text_at(fields, 0),
        .state = text_at(fields, 1),
        .attempts = (int)integer_at(fields, 2),
        .code = text_at(fields, 3),
        .reason = text_at(fields, 4),
        .message = text_at(fields, 5),
        .died_us = integer_at(fields, 6),
        .event = {.id = text_at(fields, 7),
                  .topic = text_at(fields, 8),
                  .key = text_at(fields, 9),
                  .type = text_at(fields, 10),
                  .payload = fields->items[11]->text,
                  .time_us = integer_at(fields, 12),
                  .traceparent = text_at(fields, 13),
                  .offset = integer_at(fields, 14)},
    };
    ret_letter->event.attempt = ret_letter->attempts + 1;
}

static struct status read_letters(const struct call *call, const struct redis_reply *reply,
                                  struct dead_letter **ret_letters, size_t *ret_count)
{
    size_t count = reply->count / 2;
    struct dead_letter *letters = arena_array(call->arena, struct dead_letter, count + 1);

    for (size_t i = 0; i < count; i++) {
        const struct redis_reply *id = reply->items[2 * i], *fields = reply->items[2 * i + 1];
        int64_t letter_id;
        if (!str_to_i64(id->text, &letter_id) || fields->count != FIELDS)
            return status_make(STATUS_DATA_LOSS, ARGOSY__REASON__STORE_DAMAGED,
                               "a stored dead letter cannot be read");
        read_letter(letter_id, fields, &letters[i]);
    }
    *ret_letters = letters;
    *ret_count = count;
    return status_ok();
}

static struct status read_set(struct call *call, struct redis_dead_letters *letters,
                              const char *set, bool newest_first, size_t max,
                              const struct redis_reply **ret_reply)
{
    const struct str values[] = {str_of(set), newest_first ? STR("n") : STR("o"),
                                 redis_number(call->arena, (int64_t)max),
                                 redis_number(call->arena, EVENTS_READ_SIZE)};

    return redis_eval_read(call, letters->db, letters->list,
                           arguments(call->arena, &letters->base, values, 4), ret_reply);
}

static struct status list(struct call *call, struct dead_letters *port, const char *group,
                          int64_t letter_id, size_t max, struct dead_letter **ret_letters,
                          size_t *ret_count)
{
    struct redis_dead_letters *letters = of(port);
    const struct str values[] = {redis_number(call->arena, letter_id), str_of(group)};
    const char *set = group[0] ? arena_printf(call->arena, ":of:%s", group) : ":all";
    const struct redis_reply *reply;
    struct status st;

    if (letter_id)
        st = redis_eval_read(call, letters->db, letters->find,
                             arguments(call->arena, &letters->base, values, 2), &reply);
    else
        st = read_set(call, letters, set, true, max, &reply);
    if (failed(st)) return st;
    return read_letters(call, reply, ret_letters, ret_count);
}

static struct status marked(struct call *call, struct dead_letters *port, const char *group,
                            size_t max, struct dead_letter **ret_letters, size_t *ret_count)
{
    const char *set = arena_printf(call->arena, ":replay:%s", group);
    const struct redis_reply *reply;

    struct status st = read_set(call, of(port), set, false, max, &reply);
    if (failed(st)) return st;
    return read_letters(call, reply, ret_letters, ret_count);
}

static struct status count(struct call *call, struct dead_letters *port, const char *group,
                           int64_t *ret_count)
{
    return size_of_set(call, of(port), "dead", group, ret_count);
}

/* ---- the port ---- */

struct str dead_letters_redis_base(struct arena *arena, const struct redis *db, const char *name)
{
    return str_of(arena_printf(arena, "{%sletters:%s}", redis_prefix(db), name));
}

struct dead_letters *dead_letters_redis(struct arena *arena, struct redis *db, const char *name)
{
    struct redis_dead_letters *letters = arena_new(arena, struct redis_dead_letters);

    *letters = (struct redis_dead_letters){
        .port = {.bury = bury,
                 .list = list,
                 .replay = replay,
                 .marked = marked,
                 .settle = settle,
                 .count = count},
        .db = db,
        .base = dead_letters_redis_base(arena, db, name),
        .bury = redis_script_new(arena, bury_source),
        .mark = redis_script_new(arena, mark_source),
        .settle = redis_script_new(arena, settle_source),
        .list = redis_script_new(arena, list_source),
        .find = redis_script_new(arena, find_source),
    };
    return &letters->port;
}
