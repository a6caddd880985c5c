/* SPDX-License-Identifier: Apache-2.0 */
/* Redis as a store: few connections for each shard, which all of its fibers share. Commands are
 * pipelined; the answers come back in their order.
 *
 *     st = redis_new(arena, shards, url, "cart", &db);          reads the URL, reaches nobody
 *     st = redis_open(call, db);                                connects, checks the server
 *
 *     st = redis_read(call, db, REDIS_WORDS(STR("GET"), key), &reply);
 *     st = redis_eval(call, db, script, &arguments, &reply);    a change; scripts are atomic
 *     redis_close(db);                                          after the shards have been joined
 *
 * Every wait ends with the call. A command that was sent and given up keeps its place in the line,
 * and its answer is dropped. Connections are made when they are needed, and again, after growing
 * pauses, when they were lost; in such a pause calls fail at once. A server that answers nothing for
 * the URL's `timeout` is taken to be dead.
 *
 * Errors, translated here:
 *
 *     UNAVAILABLE (STORE_UNREACHABLE)      nobody answers, or no primary: the command had no effect
 *     UNAVAILABLE (STORE_OUTCOME_UNKNOWN)  a change was sent and its answer never came, or too few
 *                                          replicas confirmed it
 *     UNAVAILABLE (STORE_BUSY)             the server refuses commands for now: it loads its data, is
 *                                          busy with a script, or cannot write to its disk
 *     RESOURCE_EXHAUSTED (STORE_FULL)      the server's memory is full
 *     RESOURCE_EXHAUSTED (QUEUE_FULL)      too many commands wait already
 *     DATA_LOSS (STORE_DAMAGED)            a key holds another type than the command works on
 *     UNAVAILABLE (STORE_REFUSED)          the user has no right to a command
 *     DEADLINE_EXCEEDED, CANCELLED         the call; a change that was sent may still take effect
 *     INTERNAL                             everything else
 *
 * Messages name the store ("the cart service's store"); addresses and what the server said go to the
 * log alone. The client of a Redis Cluster must follow redirections, which this one does not. */
#ifndef STORE_REDIS_REDIS_H
#define STORE_REDIS_REDIS_H

#include "base/str.h"
#include "fiber/call.h"
#include "fiber/shard.h"
#include "store/breaker.h"
#include "store/findings.h"

struct redis;

/* An answer; in the arena of the call. */
enum redis_kind {
    REDIS_NIL,
    REDIS_TEXT,
    REDIS_STATUS, /* "OK" */
    REDIS_INTEGER,
    REDIS_ARRAY,
    REDIS_ERROR, /* only inside an array */
};

struct redis_reply {
    enum redis_kind kind;
    struct str text;
    int64_t integer;
    struct redis_reply **items;
    size_t count;
};

/* The text of an answer; "" for one of another kind, such as that for a key that is not there. */
static inline struct str redis_reply_text(const struct redis_reply *reply)
{
    return reply->kind == REDIS_TEXT ? reply->text : STR("");
}

/* The words of a command as two parameters: the array and its count. */
#define REDIS_WORDS(...)               \
    (const struct str[]){__VA_ARGS__}, \
        sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str)

enum { REDIS_WORDS_MAX = 32 };

/* A number as a word; in the arena. */
struct str redis_number(struct arena *arena, int64_t value);

/* A script in Lua, which the server runs as a whole, without any other command in between. */
struct redis_script;
struct redis_arguments {
    const struct str *keys;
    size_t key_count;
    const struct str *values;
    size_t value_count;
};

/* `name` is the store's ("cart"), which names it in messages and metrics; borrowed. INVALID_ARGUMENT
 * (SETTING_INVALID) for a URL that can't be read, FAILED_PRECONDITION (SETTING_INVALID) for
 * certificates that can't. Owned. See redis_url.h for what a URL may say. */
struct status redis_new(struct arena *arena, struct shards *shards, const char *url,
                        const char *name, struct redis **ret_db);

/* Connects, checks that the server is new enough and is no part of a cluster, and looks for settings
 * that lose acknowledged data: these are logged and counted by the metric
 * argosy_store_unsafe_settings. UNAVAILABLE if nobody answers (STORE_UNREACHABLE), or if user,
 * password or a certificate are refused (STORE_REFUSED): call it again later; its message is for
 * operators and names the server. FAILED_PRECONDITION (SETTING_INVALID) if the server is not of
 * use. */
struct status redis_open(struct call *call, struct redis *db);

/* Does the server answer? UNAVAILABLE as redis_open says it, for operators. For a cache, which may be
 * lost at any time, so that nothing else of the server matters. */
struct status redis_reach(struct call *call, struct redis *db);

void redis_close(struct redis *db);

/* What the breakers of the shards share. */
struct breaker_news *redis_news(struct redis *db);

/* What stands before every key: `prefix` of the URL, else "". */
const char *redis_prefix(const struct redis *db);

/* One command that changes nothing; it is sent a second time if its answer was lost. The words are
 * borrowed. */
struct status redis_read(struct call *call, struct redis *db, const struct str *words, size_t count,
                         const struct redis_reply **ret_reply);

/* One command that changes something. With `wait` in the URL, OK means that so many replicas have
 * it. */
struct status redis_write(struct call *call, struct redis *db, const struct str *words,
                          size_t count, const struct redis_reply **ret_reply);

/* A script; the source is borrowed for its life. In the arena. */
struct redis_script *redis_script_new(struct arena *arena, const char *source);

/* Runs a script that changes something, by its hash if the server knows it. */
struct status redis_eval(struct call *call, struct redis *db, const struct redis_script *script,
                         const struct redis_arguments *arguments,
                         const struct redis_reply **ret_reply);

/* Runs a script that changes nothing. */
struct status redis_eval_read(struct call *call, struct redis *db,
                              const struct redis_script *script,
                              const struct redis_arguments *arguments,
                              const struct redis_reply **ret_reply);

/* A change that was found to have been made although its answer was lost: OK once the replicas that
 * `wait` asks for have it. Writes `key`, which then expires. */
struct status redis_confirm(struct call *call, struct redis *db, struct str key);

/* ---- the server ---- */

/* Adds the server's version, and a warning for each setting with which acknowledged changes may be
 * lost. FAILED_PRECONDITION if the server is too old or part of a Redis Cluster. */
struct status redis_check(struct call *call, struct redis *db, struct store_findings *findings);

#endif
