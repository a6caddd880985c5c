/* SPDX-License-Identifier: Apache-2.0 */
/* The script that compares and writes, its arguments and its results. */
#include "services/cart/redis/cart_compare.h"

#include "base/clock.h"

enum { US_PER_MS = 1000 };

/* KEYS are the cart, the marks, and the sorted set of requests unless they are not limited; ARGV are
 * the text that was read ("": none), the new text ("": it stays), its time to live, the number of
 * marks, for each its value and time to live, and for the sorted set the time, the time to live and
 * the greatest length. */
static const char compare_source[] =
    "local marks = tonumber(ARGV[4])\n"
    "for i = 2, marks + 1 do\n"
    "  local mark = redis.call('GET', KEYS[i])\n"
    "  if mark then return {'marked', i - 2, mark} end\n"
    "end\n"
    "local text = redis.call('GET', KEYS[1]) or ''\n"
    "if text ~= ARGV[1] then return {'changed', text} end\n"
    "local requests = KEYS[marks + 2]\n"
    "if requests then\n"
    "  local now, kept, max = ARGV[#ARGV - 2], ARGV[#ARGV - 1], tonumber(ARGV[#ARGV])\n"
    "  redis.call('ZREMRANGEBYSCORE', requests, '-inf', now - kept)\n"
    "  if redis.call('ZCARD', requests) >= max then return {'full'} end\n"
    "  redis.call('ZADD', requests, now, KEYS[marks + 1])\n"
    "  redis.call('PEXPIRE', requests, kept)\n"
    "end\n"
    "if ARGV[2] ~= '' then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end\n"
    "for i = 2, marks + 1 do\n"
    "  redis.call('SET', KEYS[i], ARGV[2 * i + 1], 'PX', ARGV[2 * i + 2])\n"
    "end\n"
    "return {'done'}\n";

struct redis_script *cart_compare_script(struct arena *arena)
{
    return redis_script_new(arena, compare_source);
}

static struct status run(struct call *call, struct redis *db, const struct redis_script *script,
                         const struct cart_comparison *comparison,
                         const struct redis_reply **ret_reply)
{
    const struct change_redis_marks *causes = comparison->causes;
    struct str keys[2 + CHANGE_REDIS_MARKS_MAX] = {str_of(comparison->key)};
    struct str values[7 + 2 * CHANGE_REDIS_MARKS_MAX] = {
        comparison->expected, comparison->text,
        redis_number(call->arena, comparison->ttl_us / US_PER_MS),
        redis_number(call->arena, (int64_t)causes->count)};
    struct redis_arguments arguments = {
        .keys = keys, .key_count = 1, .values = values, .value_count = 4};

    for (size_t i = 0; i < causes->count; i++) {
        keys[arguments.key_count++] = causes->keys[i];
        values[arguments.value_count++] = causes->values[i];
        values[arguments.value_count++] = redis_number(call->arena, causes->ttl_ms[i]);
    }
    if (causes->requests.data) {
        keys[arguments.key_count++] = causes->requests;
        values[arguments.value_count++] = redis_number(call->arena, clock_now_us() / US_PER_MS);
        values[arguments.value_count++] = redis_number(call->arena,
                                                       causes->ttl_ms[causes->count - 1]);
        values[arguments.value_count++] = redis_number(call->arena, causes->keys_max);
    }
    return redis_eval(call, db, script, &arguments, ret_reply);
}

/* {'done'}, {'marked', its index, its value}, {'changed', the text} or {'full'}. */
static struct status read_result(const struct redis_reply *reply,
                                 struct cart_comparison *comparison)
{
    struct str result = reply->count > 0 ? reply->items[0]->text : STR("");

    if (str_is(result, "full")) return idempotency_keys_full();
    if (str_is(result, "done")) {
        comparison->outcome = CART_WRITTEN;
        return status_ok();
    }
    if (str_is(result, "marked") && reply->count == 3 && reply->items[1]->integer >= 0 &&
        (size_t)reply->items[1]->integer < comparison->causes->count) {
        comparison->outcome = CART_MARKED;
        comparison->mark = (size_t)reply->items[1]->integer;
        comparison->found = reply->items[2]->text;
        return status_ok();
    }
    if (!str_is(result, "changed") || reply->count != 2)
        return status_make(STATUS_INTERNAL, 0, "the cart's script has an unknown result");
    comparison->outcome = CART_CHANGED;
    comparison->found = redis_reply_text(reply->items[1]);
    return status_ok();
}

struct status cart_compare_and_write(struct call *call, struct redis *db,
                                     const struct redis_script *script,
                                     struct cart_comparison *comparison)
{
    const struct redis_reply *reply;
    struct status st = run(call, db, script, comparison, &reply);

    return failed(st) ? st : read_result(reply, comparison);
}
