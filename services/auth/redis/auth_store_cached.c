/* SPDX-License-Identifier: Apache-2.0 */
/* A cache on Redis in front of any store of sessions. What decides (is this refresh token the
 * newest? has this session ended?) is always decided by a write in the store behind it; from the
 * cache comes the list of an account's sessions, and what spares that store a read (struct
 * account_memory).
 *
 * The key account:<address in lower case>:sessions holds, for a few seconds each,
 *
 *     a promise   somebody reads the store, and will put its entry in the promise's place
 *     a mark      somebody changes the account in the store, so no entry may be made now
 *     an entry    signed (auth_cache_entry.h)
 *
 * A reader that finds nothing leaves a promise, reads the store, and writes its entry only if its
 * promise is still there. A change leaves a mark before it and deletes whatever is there after it,
 * so an entry that was read before the change is never written after it. If the process dies in
 * between, or what became of the change is not known, the mark stays until it expires, by which
 * time the change is made or will not be.
 *
 * The key account:<address>:memory holds what the store behind wants to be remembered, as the last
 * refresh left it. Every other change deletes it; where that fails, the store behind notices that
 * it is outdated.
 *
 * Each step waits CACHE_TIMEOUT_MS at most, and after a few failures not at all (store/breaker.h).
 * If the step after a change fails, this process reads the store itself for as long as an entry
 * lives; other processes may then show an ended session in a list for that long. */
#include "services/auth/redis/auth_cache.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/hmac.h"
#include "base/random.h"
#include "observe/metrics.h"
#include "services/auth/redis/auth_cache_entry.h"
#include "store/redis/redis.h"

enum {
    CACHE_TIMEOUT_MS = 50,
    ENTRY_LIFE_MS = 10000,
    PROMISE_LIFE_MS = 2000,
    MARK_LIFE_MS = 15000, /* longer than a change takes */
    MEMORY_LIFE_S_MIN = 600,
    ACCESS_LIVES = 2, /* a session is refreshed about once in the life of an access token */
    MS_PER_S = 1000,
    US_PER_MS = 1000,
    PROMISE_SIZE = 16,
};

struct cached_auth_store {
    struct auth_store port;
    struct auth_store *behind;
    struct redis *db;
    struct redis_script *promise, *keep, *recall, *remember;
    uint8_t key[HMAC_SHA256_SIZE];       /* of signatures */
    _Atomic int64_t distrusted_until_us; /* monotonic */
    struct metric_series *fates[MEMORY_OUTDATED + 1];
};

static struct metric memories = METRIC_COUNTER(
    "argosy_auth_memories_total",
    "Refreshes and other changes of one session, by what the cache remembered of the account: held "
    "(a read of the store was saved), outdated, or absent.",
    "fate");

static struct cached_auth_store *store_of(struct auth_store *port)
{
    return (struct cached_auth_store *)port;
}

static struct auth_store *behind_of(struct auth_store *port)
{
    struct cached_auth_store *store = store_of(port);

    store->behind->access_ttl_s = port->access_ttl_s;
    return store->behind;
}

/* One account's place in the cache. */
struct place {
    const char *account;
    struct str key, memory_key;
    struct str promise; /* data NULL: none was made */
};

static struct place place_of(struct call *call, const struct cached_auth_store *store,
                             const char *email)
{
    const char *account = str_lower(call->arena, str_of(email));

    return (struct place){
        .account = account,
        .key = str_of(
            arena_printf(call->arena, "%saccount:%s:sessions", redis_prefix(store->db), account)),
        .memory_key = str_of(
            arena_printf(call->arena, "%saccount:%s:memory", redis_prefix(store->db), account)),
    };
}

/* ---- reading ---- */

/* KEYS[1] the place, ARGV: what was found there ("": nothing), the promise, its life. */
static const char promise_source[] = "local found = redis.call('GET', KEYS[1]) or ''\n"
                                     "if found ~= ARGV[1] then return 0 end\n"
                                     "redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])\n"
                                     "return 1\n";

/* KEYS[1] the place, ARGV: the promise, the entry, its life. */
static const char keep_source[] = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end\n"
                                  "redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])\n"
                                  "return 1\n";

static bool run_script(struct call *call, struct cached_auth_store *store,
                       const struct redis_script *script, const struct place *place,
                       const struct str values[3])
{
    const struct redis_arguments arguments = {&place->key, 1, values, 3};
    const struct redis_reply *reply;
    struct call limited;

    call_init_child(&limited, call, CACHE_TIMEOUT_MS);
    struct status st = redis_eval(&limited, store->db, script, &arguments, &reply);
    return !failed(st) && reply->kind == REDIS_INTEGER && reply->integer == 1;
}

static bool is_passing_text(struct str text)
{
    return str_starts_with(text, STR("promise:")) || str_is(text, "mark");
}

/* A wrong value of the right type is replaced by a promise; a promise or a mark is left alone. */
static void promise(struct call *call, struct cached_auth_store *store, struct str found,
                    struct place *place)
{
    uint8_t name[PROMISE_SIZE];

    if (is_passing_text(found)) return;
    random_bytes(name, sizeof(name));
    struct str hex = hex_encode(call->arena, str_sized(name, sizeof(name)));
    struct str text = str_of(arena_printf(call->arena, "promise:%.*s", STR_ARGS(hex)));
    const struct str values[] = {found, text, redis_number(call->arena, PROMISE_LIFE_MS)};
    if (run_script(call, store, store->promise, place, values)) place->promise = text;
}

static bool find(struct call *call, struct cached_auth_store *store, struct place *place,
                 int64_t now_s, struct auth_cache_entry *ret_entry)
{
    const struct redis_reply *reply;
    struct call limited;
    struct str found = STR("");

    if (clock_monotonic_us() < atomic_load(&store->distrusted_until_us)) return false;
    call_init_child(&limited, call, CACHE_TIMEOUT_MS);
    struct status st = redis_read(&limited, store->db, REDIS_WORDS(STR("GET"), place->key), &reply);
    if (failed(st)) return false;
    if (reply->kind == REDIS_TEXT) found = reply->text;
    if (auth_cache_entry_read(call->arena, str_sized(store->key, sizeof(store->key)),
                              place->account, found, clock_now_us(), ret_entry) &&
        now_s >= ret_entry->as_of_s)
        return true;
    promise(call, store, found, place);
    return false;
}

static void keep(struct call *call, struct cached_auth_store *store, const struct place *place,
                 const struct auth_cache_entry *entry)
{
    struct str text = auth_cache_entry_write(call->arena, str_sized(store->key, sizeof(store->key)),
                                             entry);
    const struct str values[] = {place->promise, text, redis_number(call->arena, ENTRY_LIFE_MS)};

    if (text.data) run_script(call, store, store->keep, place, values);
}

static struct status list(struct call *call, struct auth_store *port, const char *email,
                          int64_t now_s, struct session **ret_sessions, size_t *ret_count)
{
    struct cached_auth_store *store = store_of(port);
    struct place place = place_of(call, store, email);
    struct auth_cache_entry entry;

    if (find(call, store, &place, now_s, &entry)) {
        struct session *left = arena_array(call->arena, struct session, entry.count + 1);
        size_t count = 0;
        for (size_t i = 0; i < entry.count; i++)
            if (entry.sessions[i].expires_s > now_s) left[count++] = entry.sessions[i];
        *ret_sessions = left;
        *ret_count = count;
        return status_ok();
    }
    struct status st = behind_of(port)->list(call, store->behind, email, now_s, ret_sessions,
                                             ret_count);
    if (failed(st) || !place.promise.data) return st;
    entry = (struct auth_cache_entry){.account = place.account,
                                      .as_of_s = now_s,
                                      .until_us = clock_now_us() + ENTRY_LIFE_MS * US_PER_MS,
                                      .sessions = *ret_sessions,
                                      .count = *ret_count};
    keep(call, store, &place, &entry);
    return st;
}

/* ---- changing ---- */

static void mark(struct call *call, struct cached_auth_store *store, const struct place *place)
{
    const struct redis_reply *reply;
    struct call limited;

    call_init_child(&limited, call, CACHE_TIMEOUT_MS);
    /* Without it the step after the change is still there. */
    (void)failed(redis_write(&limited, store->db,
                             REDIS_WORDS(STR("SET"), place->key, STR("mark"), STR("PX"),
                                         redis_number(call->arena, MARK_LIFE_MS)),
                             &reply));
}

static bool is_over(struct status st)
{
    return st.code != STATUS_UNAVAILABLE && st.code != STATUS_DEADLINE_EXCEEDED &&
           st.code != STATUS_CANCELLED;
}

/* After a change and the step that followed it in the cache. */
static void note_end(struct cached_auth_store *store, struct status changed, struct status cleared)
{
    if (!is_over(changed) || failed(cleared))
        atomic_store(&store->distrusted_until_us,
                     clock_monotonic_us() + MARK_LIFE_MS * INT64_C(1000));
}

static void clear(struct call *call, struct cached_auth_store *store, const struct place *place,
                  struct status changed)
{
    struct status st = status_ok();
    const struct redis_reply *reply;
    struct call limited;

    call_init_child(&limited, call, CACHE_TIMEOUT_MS);
    if (is_over(changed))
        st = redis_write(&limited, store->db,
                         REDIS_WORDS(STR("DEL"), place->key, place->memory_key), &reply);
    note_end(store, changed, st);
}

/* ---- what the store behind wants to be remembered ---- */

/* KEYS[1] the place, [2] the memory, ARGV: the mark, its life. */
static const char recall_source[] = "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"
                                    "return redis.call('GET', KEYS[2]) or ''\n";

/* The same KEYS, ARGV: the memory, its life. */
static const char remember_source[] = "redis.call('DEL', KEYS[1])\n"
                                      "redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])\n"
                                      "return 1\n";

/* Leaves a mark, as every change does, and finds what is remembered. */
static void recall(struct call *call, struct cached_auth_store *store, const struct place *place,
                   struct account_memory *memory)
{
    const struct str keys[] = {place->key, place->memory_key};
    const struct str values[] = {STR("mark"), redis_number(call->arena, MARK_LIFE_MS)};
    const struct redis_arguments arguments = {keys, 2, values, 2};
    const struct redis_reply *reply;
    struct call limited;

    call_init_child(&limited, call, CACHE_TIMEOUT_MS);
    struct status st = redis_eval(&limited, store->db, store->recall, &arguments, &reply);
    if (failed(st) || reply->kind != REDIS_TEXT) return;
    memory->text = auth_cache_memory_read(call->arena, str_sized(store->key, sizeof(store->key)),
                                          place->account, reply->text);
}

/* Ends the change as `clear` does, and keeps what the store wants to be remembered. */
static void keep_memory(struct call *call, struct cached_auth_store *store,
                        const struct place *place, struct str memory)
{
    int64_t life_s = ACCESS_LIVES * store->port.access_ttl_s;
    const struct str keys[] = {place->key, place->memory_key};
    const struct redis_reply *reply;
    struct call limited;

    if (life_s < MEMORY_LIFE_S_MIN) life_s = MEMORY_LIFE_S_MIN;
    const struct str values[] = {memory, redis_number(call->arena, life_s * MS_PER_S)};
    const struct redis_arguments arguments = {keys, 2, values, 2};
    call_init_child(&limited, call, CACHE_TIMEOUT_MS);
    note_end(store, status_ok(),
             redis_eval(&limited, store->db, store->remember, &arguments, &reply));
}

/* ---- the port's changes ---- */

static struct status put(struct call *call, struct auth_store *port, const struct session *session,
                         int sessions_max)
{
    struct cached_auth_store *store = store_of(port);
    struct place place = place_of(call, store, session->email);

    mark(call, store, &place);
    struct status st = behind_of(port)->put(call, store->behind, session, sessions_max);
    clear(call, store, &place, st);
    return st;
}

static struct status update(struct call *call, struct auth_store *port, const char *email,
                            const char *device_id, const struct session_change *change)
{
    struct cached_auth_store *store = store_of(port);
    struct place place = place_of(call, store, email);
    struct account_memory memory = {0};
    struct session_change remembered = *change;
    struct str text = {0};

    remembered.memory = &memory;
    if (store->behind->remembers)
        recall(call, store, &place, &memory);
    else
        mark(call, store, &place);
    struct status st = behind_of(port)->update(call, store->behind, email, device_id, &remembered);
    if (!failed(st) && memory.text.data)
        text = auth_cache_memory_write(call->arena, str_sized(store->key, sizeof(store->key)),
                                       place.account, memory.text);
    if (text.data)
        keep_memory(call, store, &place, text);
    else
        clear(call, store, &place, st);
    if (store->behind->remembers) metric_add(store->fates[memory.fate], 1);
    return st;
}

static struct status remove_sessions(struct call *call, struct auth_store *port, const char *email,
                                     const char *device_id, const char *except, int *ret_removed)
{
    struct cached_auth_store *store = store_of(port);
    struct place place = place_of(call, store, email);

    mark(call, store, &place);
    struct status st = behind_of(port)->remove(call, store->behind, email, device_id, except,
                                               ret_removed);
    clear(call, store, &place, st);
    return st;
}

static struct status follow(struct call *call, struct auth_store *port,
                            const struct account_news *news)
{
    struct cached_auth_store *store = store_of(port);
    struct place place = place_of(call, store, news->email);

    mark(call, store, &place);
    struct status st = behind_of(port)->follow(call, store->behind, news);
    clear(call, store, &place, st);
    return st;
}

/* ---- what is not cached ---- */

static struct status endings(struct call *call, struct auth_store *port, int64_t after,
                             int64_t now_s, size_t max, struct ending **ret_endings,
                             size_t *ret_count, int64_t *ret_last)
{
    struct auth_store *behind = behind_of(port);

    return behind->endings(call, behind, after, now_s, max, ret_endings, ret_count, ret_last);
}

static void on_ending(struct auth_store *port, void (*fn)(void *data), void *data)
{
    struct auth_store *behind = store_of(port)->behind;

    behind->on_ending(behind, fn, data);
}

static struct status open_store(struct call *call, struct auth_store *port)
{
    struct auth_store *behind = behind_of(port);

    return behind->open ? behind->open(call, behind) : status_ok();
}

/* The cache need not be there, and what Redis would lose does not matter. */
static struct status check(struct call *call, struct auth_store *port,
                           struct store_findings *findings)
{
    struct cached_auth_store *store = store_of(port);
    struct auth_store *behind = store->behind;

    struct status st = behind->check ? behind->check(call, behind, findings) : status_ok();
    if (failed(st)) return st;
    st = redis_reach(call, store->db);
    if (failed(st))
        store_find(findings, true,
                   "the cache cannot be used (AUTH_CACHE): sessions are read from the store, and "
                   "each process counts only the wrong passwords that it sees itself: %s",
                   st.message);
    else
        store_find(findings, false, "the cache answers (AUTH_CACHE)");
    return status_ok();
}

static void close_store(struct auth_store *port)
{
    struct cached_auth_store *store = store_of(port);

    redis_close(store->db);
    store->behind->close(store->behind);
}

struct status auth_store_cached(const struct service_context *context, const char *url,
                                const struct jwt_keys *keys, struct auth_store *behind,
                                struct auth_store **ret_store)
{
    struct cached_auth_store *store = arena_new(context->arena, struct cached_auth_store);

    struct status st = redis_new(context->arena, context->shards, url, "auth cache", &store->db);
    if (failed(st)) return st;
    store->behind = behind;
    store->promise = redis_script_new(context->arena, promise_source);
    store->keep = redis_script_new(context->arena, keep_source);
    store->recall = redis_script_new(context->arena, recall_source);
    store->remember = redis_script_new(context->arena, remember_source);
    store->fates[MEMORY_ABSENT] = metric_series(&memories, "absent");
    store->fates[MEMORY_HELD] = metric_series(&memories, "held");
    store->fates[MEMORY_OUTDATED] = metric_series(&memories, "outdated");
    hmac_sha256(str_sized(keys->keys[0].secret, keys->keys[0].size), STR("argosy auth cache"),
                store->key);
    store->port = (struct auth_store){
        .put = put,
        .update = update,
        .list = list,
        .remove = remove_sessions,
        .follow = follow,
        .endings = endings,
        .on_ending = on_ending,
        .open = open_store,
        .check = check,
        .close = close_store,
        .events = behind->events,
    };
    *ret_store = &store->port;
    return st;
}
