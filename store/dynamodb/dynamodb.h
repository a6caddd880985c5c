/* SPDX-License-Identifier: Apache-2.0 */
/* DynamoDB as a store, over HTTPS on the shard's own loop (http/https_client.h).
 *
 *     st = dynamodb_new(arena, shards, url, "product", &db);    reads URL and environment
 *     st = dynamodb_open(call, db);                             asks the server
 *
 *     request = dynamodb_json(call->arena, "{TableName: %t, Key: {Category: %s, ProductID: %s}}",
 *                             dynamodb_table(call->arena, db, "Products"), category, id);
 *     st = dynamodb_read(call, db, "GetItem", request, &answer);
 *     name = dynamodb_text(dynamodb_member(answer, "Item"), "Name");
 *
 *     st = dynamodb_write(call, db, "TransactWriteItems", request, &answer);
 *     if (st.code == STATUS_ABORTED && dynamodb_refused(answer, 2, &item))
 *         ... the condition of the third action is not met ...
 *     dynamodb_close(db);                                       after the shards have been joined
 *
 * Requests and answers are JSON, which item.h makes and reads; answers are in the call's arena.
 * dynamodb_url.h says what a URL may say, settings.h where region, endpoint and credentials come
 * from: everywhere AWS's own tools look for them. Temporary credentials are replaced before they
 * expire.
 *
 * Every wait ends with the call, or after five times the URL's `timeout`. At most the URL's
 * `connections` requests of a shard are under way, DYNAMODB_WAITERS_MAX others wait, and a breaker
 * (store/breaker.h) refuses calls at once while the server does not answer.
 *
 * Throttling and conflicts with other transactions are repeated, with pauses of random length that
 * grow, until the call ends. Lost answers, and failures of the server, are repeated twice where
 * that is safe: reads, transactions (the driver gives each its ClientRequestToken), and changes
 * with a ConditionExpression. If the condition of such a change is then not met, it may have been
 * met the first time: that is STORE_OUTCOME_UNKNOWN, and the old item of the answer, if the request
 * asked for it, may tell.
 *
 * Errors, translated here:
 *
 *     ABORTED                              a condition is not met; see dynamodb_refused
 *     UNAVAILABLE (STORE_UNREACHABLE)      nobody answers: the request had no effect
 *     UNAVAILABLE (STORE_OUTCOME_UNKNOWN)  a change was sent, and what became of it is not known
 *     UNAVAILABLE (STORE_BUSY)             throttled, or in conflict, until the end
 *     UNAVAILABLE (STORE_REFUSED)          credentials, rights, signature, or this machine's clock
 *     FAILED_PRECONDITION (STORE_NOT_PREPARED)  a table or an index is not there
 *     ALREADY_EXISTS                       the table that is to be made is there
 *     RESOURCE_EXHAUSTED (STORE_FULL)      an item or a request is too large
 *     RESOURCE_EXHAUSTED (QUEUE_FULL)      too many requests wait already
 *     RESOURCE_EXHAUSTED (RESPONSE_TOO_LARGE)  ask for less at once
 *     UNIMPLEMENTED                        the server does not know the operation
 *     DEADLINE_EXCEEDED, CANCELLED         the call; a change that was sent may still take effect
 *     INTERNAL                             everything else
 *
 * Messages name the store ("the product service's store"); endpoints, and what the server says, go
 * to the log alone. */
#ifndef STORE_DYNAMODB_DYNAMODB_H
#define STORE_DYNAMODB_DYNAMODB_H

#include "fiber/call.h"
#include "fiber/shard.h"
#include "store/breaker.h"
#include "store/dynamodb/item.h"
#include "store/findings.h"

struct dynamodb;

enum {
    DYNAMODB_WAITERS_MAX = 1024, /* of each shard */
    DYNAMODB_REQUEST_SIZE_MAX = 8 * 1024 * 1024,
    DYNAMODB_ANSWER_SIZE_MAX = 16 * 1024 * 1024,
    DYNAMODB_TABLES_MAX = 4,
};

/* `name` is the store's ("product"), which names it in messages and metrics; borrowed. Blocks, as
 * it reads the files of AWS's profiles. INVALID_ARGUMENT (SETTING_INVALID) for a URL that can't be
 * read, FAILED_PRECONDITION (SETTING_INVALID) if there is no region or are no credentials, or
 * libcurl is not installed. Owned. */
struct status dynamodb_new(struct arena *arena, struct shards *shards, const char *url,
                           const char *name, struct dynamodb **ret_db);

/* Call it after the shards have been joined. */
void dynamodb_close(struct dynamodb *db);

/* What the breakers of the shards share. */
struct breaker_news *dynamodb_news(struct dynamodb *db);

/* The tables that the store has, without the URL's prefix; borrowed. Call it before dynamodb_open,
 * which looks at them. */
void dynamodb_use(struct dynamodb *db, const char *const *tables, size_t count);

/* A table's name with the URL's prefix. In the arena. */
const char *dynamodb_table(struct arena *arena, const struct dynamodb *db, const char *table);

/* ---- requests ---- */

/* A request that changes nothing: "GetItem", "Query", "BatchGetItem", "TransactGetItems", "Scan",
 * "DescribeTable". Keys that the server has left for later are in UnprocessedKeys. Never put
 * ReturnConsumedCapacity into a request: the driver does, and counts what it learns. */
struct status dynamodb_read(struct call *call, struct dynamodb *db, const char *operation,
                            struct str request, const struct dynamodb_value **ret_answer);

/* A change: "PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem". Never
 * put a ClientRequestToken into a request. *ret_answer is written for ABORTED too, and is a missing
 * value after other failures. */
struct status dynamodb_write(struct call *call, struct dynamodb *db, const char *operation,
                             struct str request, const struct dynamodb_value **ret_answer);

/* After ABORTED: is it the condition of the nth action of the transaction (from 0) that was not
 * met? A single change is its own action 0. *ret_item is the item as it was, if
 * ReturnValuesOnConditionCheckFailure asked for it, else a missing value. */
bool dynamodb_refused(const struct dynamodb_value *answer, size_t nth,
                      const struct dynamodb_value **ret_item);

/* ---- the server ---- */

/* Asks the server for the store's tables (for any, if none are named), and looks for settings by
 * which data may be lost by mistake: these are logged and counted by the metric
 * argosy_store_unsafe_settings. OK if a table is not there. UNAVAILABLE if nobody answers
 * (STORE_UNREACHABLE), or if credentials, rights or the clock are refused (STORE_REFUSED): call it
 * again later; its message is for operators. */
struct status dynamodb_open(struct call *call, struct dynamodb *db);

/* Adds the endpoint, where the credentials come from, and each table with its state; warnings for a
 * table that is not protected from deletion, or has no point-in-time recovery. The same errors. */
struct status dynamodb_check(struct call *call, struct dynamodb *db,
                             struct store_findings *findings);

/* Describes a table by its name without the prefix. NOT_FOUND if it is not there. */
struct status dynamodb_describe(struct call *call, struct dynamodb *db, const char *table,
                                const struct dynamodb_value **ret_table);

/* Makes a table by a request of CreateTable, unless it is there, and waits until it and its indexes
 * can be used. `table` is its name without the prefix. */
struct status dynamodb_make_table(struct call *call, struct dynamodb *db, const char *table,
                                  struct str request);

#endif
