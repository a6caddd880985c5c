/* SPDX-License-Identifier: Apache-2.0 */
/* Back-off after wrong passwords, counted in Redis by two scripts. */
#include "rpc/password_tally.h"

#include <string.h>

#include "base/digest.h"
#include "base/encode.h"
#include "rpc/password_backoff.h"
#include "store/redis/redis.h"

enum {
    DIGEST_SIZE = 16,
    SHARED_ARGUMENTS = 2,
    RULE_ARGUMENTS = 3,
    RULES_END = SHARED_ARGUMENTS + PASSWORD_BACKOFF_RULES * RULE_ARGUMENTS,
    ARGUMENTS = RULES_END + 1,
};

struct password_tally {
    struct redis *db;
    int64_t first_us; /* the first wait */
    struct redis_script *look, *judge;
};

/* KEYS: the counters, each the text "failures last_us". ARGV: how long it takes to halve a count,
 * and the first wait; then for each counter how many failures are free, its longest wait, and 1 if
 * a good password clears it; then 1 if the password was good. */
#define FIND_WAITS                                                                   \
    "local time = redis.call('TIME')\n"                                              \
    "local now, longest, counts = time[1] * 1000000 + time[2], 0, {}\n"              \
    "for i, key in ipairs(KEYS) do\n"                                                \
    "  local free, most = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])\n"        \
    "  local found = redis.call('GET', key) or ''\n"                                 \
    "  local failures, last = string.match(found, '^(%d+) (%d+)$')\n"                \
    "  failures, last = tonumber(failures or 0), tonumber(last or now)\n"            \
    "  if last > now then last = now end\n" /* the clock was set back */             \
    "  local halvings = math.floor((now - last) / ARGV[1])\n"                        \
    "  failures = math.floor(failures / 2 ^ halvings)\n"                             \
    "  counts[i] = failures\n"                                                       \
    "  if failures >= free then\n"                                                   \
    "    local wait = math.min(ARGV[2] * 2 ^ math.min(failures - free, 31), most)\n" \
    "    longest = math.max(longest, last + wait - now)\n"                           \
    "  end\n"                                                                        \
    "end\n"

static const char look_source[] = FIND_WAITS "return longest\n";

static const char judge_source[] = FIND_WAITS
    "local good = ARGV[#ARGV] == '1' and longest == 0\n"
    "for i, key in ipairs(KEYS) do\n"
    "  if not good then\n"
    "    local failures, life = counts[i] + 1, ARGV[1] / 1000\n"
    "    local left = failures\n"
    "    while left >= 2 do left, life = left / 2, life + ARGV[1] / 1000 end\n"
    "    redis.call('SET', key, string.format('%d %.0f', failures, now), 'PX', life)\n"
    "  elseif ARGV[3 * i + 2] == '1' then\n"
    "    redis.call('DEL', key)\n"
    "  end\n"
    "end\n"
    "return longest\n";

struct status password_tally_new(struct arena *arena, struct shards *shards, const char *url,
                                 int64_t first_us, struct password_tally **ret_tally)
{
    struct password_tally *tally = arena_new(arena, struct password_tally);

    struct status st = redis_new(arena, shards, url, "password tally", &tally->db);
    if (failed(st)) return st;
    tally->first_us = first_us;
    tally->look = redis_script_new(arena, look_source);
    tally->judge = redis_script_new(arena, judge_source);
    *ret_tally = tally;
    return st;
}

void password_tally_close(struct password_tally *tally)
{
    if (tally) redis_close(tally->db);
}

/* A digest, so that no name is too long, and none can be chosen to share a counter. */
static struct str key_of(struct arena *arena, const struct password_tally *tally,
                         const struct password_backoff_rule *rule, const char *account,
                         const char *party)
{
    uint8_t digest[SHA256_SIZE];

    const char *names = arena_printf(arena, "%s\n%s", rule->by_address ? party : "",
                                     rule->by_account ? account : "");
    digest_sha256(str_of(names), digest);
    struct str hex = hex_encode(arena, str_sized((const char *)digest, DIGEST_SIZE));
    return str_of(arena_printf(arena, "%sbackoff:%c:%.*s", redis_prefix(tally->db), rule->kind,
                               STR_ARGS(hex)));
}

static void fill_rule(struct arena *arena, const struct password_tally *tally,
                      const struct password_backoff_rule *rule, struct str values[RULE_ARGUMENTS])
{
    values[0] = redis_number(arena, rule->free);
    values[1] = redis_number(arena, rule->wait_max * tally->first_us);
    values[2] = rule->by_account ? STR("1") : STR("0");
}

/* `good` NULL: the password has not been compared yet. */
static bool ask(struct call *call, struct password_tally *tally, const char *account,
                const char *address, const bool *good, int64_t *ret_wait_us)
{
    struct str keys[PASSWORD_BACKOFF_RULES], values[ARGUMENTS];
    const struct redis_arguments arguments = {keys, PASSWORD_BACKOFF_RULES, values,
                                              good ? ARGUMENTS : RULES_END};
    const struct redis_reply *reply;
    char party[IP_TEXT_SIZE];
    struct call limited;
    struct status st;

    ip_party(address, party);
    values[0] = redis_number(call->arena, PASSWORD_BACKOFF_FADE * tally->first_us);
    values[1] = redis_number(call->arena, tally->first_us);
    for (int i = 0; i < PASSWORD_BACKOFF_RULES; i++) {
        const struct password_backoff_rule *rule = &password_backoff_rules[i];
        keys[i] = key_of(call->arena, tally, rule, account, party);
        fill_rule(call->arena, tally, rule, &values[SHARED_ARGUMENTS + i * RULE_ARGUMENTS]);
    }
    if (good) values[RULES_END] = *good ? STR("1") : STR("0");
    call_init_child(&limited, call, PASSWORD_TALLY_TIMEOUT_MS);
    if (good)
        st = redis_eval(&limited, tally->db, tally->judge, &arguments, &reply);
    else
        st = redis_eval_read(&limited, tally->db, tally->look, &arguments, &reply);
    if (failed(st) || reply->kind != REDIS_INTEGER) return false;
    *ret_wait_us = reply->integer;
    return true;
}

bool password_tally_wait(struct call *call, struct password_tally *tally, const char *account,
                         const char *address, int64_t *ret_wait_us)
{
    return ask(call, tally, account, address, NULL, ret_wait_us);
}

bool password_tally_judge(struct call *call, struct password_tally *tally, const char *account,
                          const char *address, bool good, int64_t *ret_wait_us)
{
    return ask(call, tally, account, address, &good, ret_wait_us);
}
