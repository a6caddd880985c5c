/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's calls: each finds a connection, sends a command or two, and waits for the answers. */
#include "store/redis/redis.h"

#include <stdlib.h>

#include "base/digest.h"
#include "base/encode.h"
#include "base/number.h"
#include "observe/log.h"
#include "reasons.pb-c.h"
#include "store/redis/database.h"
#include "store/redis/redis_fate.h"

enum {
    /* Times that a command without effect so far is sent: once more after a lost answer, and after a
     * failover. */
    SENDS_MAX = 3,
    NUMBER_SIZE = 24,
};

/* How long a server waits for its replicas; less than what makes it count as dead. */
enum { WAIT_PART = 2 };

enum effect { READS, CHANGES };

struct redis_script {
    struct str source;
    struct str hash; /* SHA-1 in hexadecimal */
};

static struct hub *hub_of(const struct call *call, struct redis *db)
{
    return &db->hubs[call->shard->index];
}

struct str redis_number(struct arena *arena, int64_t value)
{
    char text[NUMBER_TEXT_SIZE];
    size_t length = number_format_i64(value, text);

    return str_sized(arena_memdup(arena, text, length), length);
}

/* ---- one command ---- */

static struct status check_size(const struct redis *db, const struct str *words, size_t count)
{
    size_t size = 0;

    invariant(count <= REDIS_WORDS_MAX);
    for (size_t i = 0; i < count; i++) size += words[i].length;
    if (size <= LINK_COMMAND_SIZE_MAX - 1024) return status_ok();
    return status_make(STATUS_RESOURCE_EXHAUSTED, ARGOSY__REASON__STORE_FULL, db->full);
}

static void write_wait(const struct redis *db, struct link *link)
{
    char replicas[NUMBER_SIZE], timeout[NUMBER_SIZE];

    snprintf(replicas, sizeof(replicas), "%d", db->url.wait);
    snprintf(timeout, sizeof(timeout), "%lld", (long long)db->url.timeout_ms / WAIT_PART);
    link_write(link, REDIS_WORDS(STR("WAIT"), str_of(replicas), str_of(timeout)));
}

/* ---- lost answers, for tests ---- */

static _Atomic int fate_countdown;
static _Atomic enum redis_fate fate_due;

void redis_set_fate(enum redis_fate fate, int nth)
{
    fate_due = fate;
    fate_countdown = nth;
}

static enum redis_fate next_fate(enum effect effect)
{
    if (effect == READS || fate_countdown == 0) return REDIS_FATE_ANSWERED;
    return atomic_fetch_sub(&fate_countdown, 1) == 1 ? fate_due : REDIS_FATE_ANSWERED;
}

/* Sends the command and waits until it is answered or lost. */
static struct status exchange(struct call *call, struct redis *db, enum effect effect,
                              const struct str *words, size_t count, struct link_request *request)
{
    enum redis_fate fate = next_fate(effect);
    struct status st = status_ok();
    struct link *link;

    *request = (struct link_request){.lost = fate == REDIS_FATE_UNMADE};
    if (request->lost) return st;
    st = hub_find_link(call, hub_of(call, db), &link);
    if (failed(st)) return st;
    link_write(link, words, count);
    bool waits = effect == CHANGES && db->url.wait > 0;
    if (waits) write_wait(db, link);
    *request = (struct link_request){.arena = call->arena, .wanted = waits ? 2 : 1};
    link_send(link, request);
    while (request->got < request->wanted && !request->lost && !failed(st))
        st = fiber_suspend(call, &request->wait);
    link_give_up(request);
    if (fate == REDIS_FATE_MADE) *request = (struct link_request){.lost = true};
    return request->got == request->wanted || request->lost ? status_ok() : st;
}

static struct status unknown_outcome(const struct redis *db)
{
    return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_OUTCOME_UNKNOWN, db->unknown);
}

/* Did enough replicas confirm the change? */
static struct status check_wait(const struct redis *db, const struct link_request *request)
{
    if (request->wanted < 2) return status_ok();
    const struct redis_reply *confirmed = request->replies[1];
    if (confirmed->kind == REDIS_INTEGER && confirmed->integer >= db->url.wait) return status_ok();
    return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_OUTCOME_UNKNOWN, db->unconfirmed);
}

static bool is_error(const struct redis_reply *reply, const char *code)
{
    return reply->kind == REDIS_ERROR && str_starts_with(reply->text, str_of(code));
}

/* A server that has become a replica has changed nothing, so the command is sent to the new
 * primary. */
static struct status run(struct call *call, struct redis *db, enum effect effect,
                         const struct str *words, size_t count,
                         const struct redis_reply **ret_reply)
{
    struct link_request request;

    struct status st = check_size(db, words, count);
    for (int sends = 1; !failed(st); sends++) {
        st = exchange(call, db, effect, words, count, &request);
        if (failed(st)) break;
        if (request.lost && request.got == 0) {
            if (effect == READS && sends < SENDS_MAX) continue;
            return effect == READS ? redis_unreachable(db) : unknown_outcome(db);
        }
        const struct redis_reply *reply = request.replies[0];
        bool demoted = is_error(reply, "READONLY");
        if (demoted) hub_drop_links(hub_of(call, db));
        if (demoted && sends < SENDS_MAX) continue;
        *ret_reply = reply;
        if (reply->kind == REDIS_ERROR || effect == READS) return st;
        return request.lost ? unknown_outcome(db) : check_wait(db, &request);
    }
    return st;
}

static struct status run_counted(struct call *call, struct redis *db, enum effect effect,
                                 const struct str *words, size_t count,
                                 const struct redis_reply **ret_reply)
{
    int64_t begun_us = shard_now_us(call->shard);
    const struct redis_reply *reply = 0;

    struct status st = run(call, db, effect, words, count, &reply);
    if (!failed(st) && reply->kind == REDIS_ERROR && !is_error(reply, "NOSCRIPT"))
        st = redis_translate(call, db, reply->text);
    store_metrics_request(&db->metrics, shard_now_us(call->shard) - begun_us, store_outcome_of(st));
    if (!failed(st)) *ret_reply = reply;
    return st;
}

struct status redis_read(struct call *call, struct redis *db, const struct str *words, size_t count,
                         const struct redis_reply **ret_reply)
{
    return run_counted(call, db, READS, words, count, ret_reply);
}

struct status redis_write(struct call *call, struct redis *db, const struct str *words,
                          size_t count, const struct redis_reply **ret_reply)
{
    return run_counted(call, db, CHANGES, words, count, ret_reply);
}

/* ---- scripts ---- */

struct redis_script *redis_script_new(struct arena *arena, const char *source)
{
    struct redis_script *script = arena_new(arena, struct redis_script);
    uint8_t digest[SHA1_SIZE];

    script->source = str_of(source);
    digest_sha1(script->source, digest);
    script->hash = hex_encode(arena, str_sized(digest, sizeof(digest)));
    return script;
}

/* A server that was restarted has forgotten the script, and is sent its source once. */
static struct status evaluate(struct call *call, struct redis *db, enum effect effect,
                              const struct redis_script *script,
                              const struct redis_arguments *arguments,
                              const struct redis_reply **ret_reply)
{
    struct str words[REDIS_WORDS_MAX] = {STR("EVALSHA"), script->hash};
    char key_count[NUMBER_SIZE];
    size_t count = 3;

    invariant(arguments->key_count + arguments->value_count + count <= REDIS_WORDS_MAX);
    snprintf(key_count, sizeof(key_count), "%zu", arguments->key_count);
    words[2] = str_of(key_count);
    for (size_t i = 0; i < arguments->key_count; i++) words[count++] = arguments->keys[i];
    for (size_t i = 0; i < arguments->value_count; i++) words[count++] = arguments->values[i];
    struct status st = run_counted(call, db, effect, words, count, ret_reply);
    if (failed(st) || !is_error(*ret_reply, "NOSCRIPT")) return st;
    words[0] = STR("EVAL");
    words[1] = script->source;
    return run_counted(call, db, effect, words, count, ret_reply);
}

struct status redis_eval(struct call *call, struct redis *db, const struct redis_script *script,
                         const struct redis_arguments *arguments,
                         const struct redis_reply **ret_reply)
{
    return evaluate(call, db, CHANGES, script, arguments, ret_reply);
}

struct status redis_eval_read(struct call *call, struct redis *db,
                              const struct redis_script *script,
                              const struct redis_arguments *arguments,
                              const struct redis_reply **ret_reply)
{
    return evaluate(call, db, READS, script, arguments, ret_reply);
}

/* A server waits for the replicas to have what the same connection has written, and with it
 * everything that was written before. */
struct status redis_confirm(struct call *call, struct redis *db, struct str key)
{
    const struct redis_reply *reply;

    if (db->url.wait == 0) return status_ok();
    return redis_write(call, db, REDIS_WORDS(STR("SET"), key, STR(""), STR("PX"), STR("1000")),
                       &reply);
}

/* ---- its life ---- */

static void make_messages(struct arena *arena, struct redis *db)
{
    const char *name = db->name;

    db->unreachable = arena_printf(
        arena, "the %s service's store cannot be reached; try again in a moment", name);
    db->unknown = arena_printf(
        arena,
        "the %s service's store did not answer, and whether the change was made is not known; "
        "repeat the request with the same Idempotency-Key, or read before you repeat",
        name);
    db->unconfirmed = arena_printf(
        arena,
        "too few replicas of the %s service's store have confirmed the change, which may be lost; "
        "repeat the request with the same Idempotency-Key, or read before you repeat",
        name);
    db->busy = arena_printf(arena, "the %s service's store is busy; try again in a moment", name);
    db->full = arena_printf(arena, "the %s service's store is full; its operator must make room",
                            name);
    db->queue_full = arena_printf(
        arena, "too many requests wait for the %s service's store; try again in a moment", name);
    db->damaged = arena_printf(arena, "a value in the %s service's store has the wrong type", name);
    db->refused = arena_printf(arena,
                               "the %s service's store refuses the user, the password or a command "
                               "of its URL; correct the URL, or the rights of the user",
                               name);
}

struct status redis_new(struct arena *arena, struct shards *shards, const char *url,
                        const char *name, struct redis **ret_db)
{
    struct redis *db = arena_new(arena, struct redis);
    int count = shards_count(shards);

    struct status st = redis_url_parse(arena, url, &db->url);
    if (failed(st)) return st;
    if (db->url.tls)
        st = tls_context_new(arena, db->url.cafile, db->url.certfile, db->url.keyfile, &db->tls);
    if (failed(st)) return st;
    db->name = name;
    make_messages(arena, db);
    store_metrics_init(&db->metrics, name);
    db->hubs = arena_array(arena, struct hub, (size_t)count);
    for (int i = 0; i < count; i++) hub_init(&db->hubs[i], db, shards_at(shards, i));
    *ret_db = db;
    return st;
}

/* For operators: why there is no connection. */
static struct status explain(const struct call *call, struct redis *db, struct status st)
{
    const struct hub *hub = hub_of(call, db);

    if (st.code != STATUS_UNAVAILABLE || !hub->problem[0]) return st;
    return status_printf(call->arena, STATUS_UNAVAILABLE,
                         hub->last_end == LINK_REFUSED ? ARGOSY__REASON__STORE_REFUSED
                                                       : ARGOSY__REASON__STORE_UNREACHABLE,
                         "%s", hub->problem);
}

struct status redis_open(struct call *call, struct redis *db)
{
    struct store_findings findings = {.arena = call->arena};

    struct status st = redis_check(call, db, &findings);
    if (failed(st)) return explain(call, db, st);
    size_t unsafe = store_findings_log(&findings, call->trace, db->name);
    metric_set(db->metrics.unsafe_settings, (double)unsafe);
    return st;
}

struct status redis_reach(struct call *call, struct redis *db)
{
    const struct redis_reply *reply;

    return explain(call, db, redis_read(call, db, REDIS_WORDS(STR("PING")), &reply));
}

void redis_close(struct redis *db)
{
    if (db) tls_context_free(db->tls);
}

struct breaker_news *redis_news(struct redis *db)
{
    return &db->news;
}

const char *redis_prefix(const struct redis *db)
{
    return db->url.prefix;
}
