/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the driver share. Private to store/dynamodb. */
#ifndef STORE_DYNAMODB_DATABASE_H
#define STORE_DYNAMODB_DATABASE_H

#include "base/hmac.h"
#include "http/https_client.h"
#include "store/dynamodb/capacity.h"
#include "store/dynamodb/credentials.h"
#include "store/dynamodb/dynamodb.h"
#include "store/dynamodb/dynamodb_url.h"
#include "store/dynamodb/fault.h"
#include "store/dynamodb/signature.h"
#include "store/dynamodb/waiters.h"
#include "store/store_metrics.h"

enum { PROBLEM_SIZE = 512 };

/* A shard's part. */
struct dynamodb_own {
    struct breaker breaker;
    bool shown_open;
    struct waiters waiters; /* for one of the requests under way to end */
    int busy;               /* requests under way */
    /* The signing key, which is good for a day. */
    char key_date[SIGNATURE_DATE_LENGTH + 1], key_id[KEYS_ID_SIZE];
    uint8_t key[HMAC_SHA256_SIZE];
    struct capacity capacity;
    char problem[PROBLEM_SIZE]; /* why the last request failed, for operators; "": it did not */
    int64_t complained_us;      /* when the log was told of a refusal; monotonic */
};

struct dynamodb {
    const char *name;
    struct dynamodb_url url;
    struct settings settings;
    const char *region, *endpoint, *host; /* "https://HOST/", "HOST" */
    bool plain, is_aws;
    struct https_client *client;
    struct credentials *credentials;
    const char *const *tables;
    size_t table_count;
    /* Messages for callers. */
    const char *unreachable, *unknown, *busy, *full, *queue_full, *refused;
    struct store_metrics metrics;
    struct breaker_news news;
    struct dynamodb_own *own; /* one for each shard */
};

static inline struct dynamodb_own *dynamodb_own_of(const struct call *call, struct dynamodb *db)
{
    return &db->own[call->shard->index];
}

/* ---- exchange.c: one request ---- */

struct exchange {
    const char *operation;
    struct str body;
};

enum exchange_end {
    EXCHANGE_ANSWERED, /* with any HTTP status */
    EXCHANGE_LOST,     /* it was sent, at least in part, and no answer came */
    EXCHANGE_UNSENT,   /* the server has not seen it */
    EXCHANGE_STOPPED,  /* it may not be repeated now: the queue is full, there are no credentials */
};

/* Sends it once. The status is OK after an answer; else it is what the caller is told unless the
 * request is repeated. */
enum exchange_end dynamodb_exchange(struct call *call, struct dynamodb *db,
                                    const struct exchange *exchange,
                                    struct https_answer *ret_answer, struct status *ret_status);

/* ---- translate.c ---- */

struct status dynamodb_unreachable(const struct dynamodb *db);
struct status dynamodb_outcome_unknown(const struct dynamodb *db);
/* Tells the log of refusals, and remembers the problem. `request` is the text that was sent. */
struct status dynamodb_translate(struct call *call, struct dynamodb *db, const struct fault *fault,
                                 const struct https_answer *answer, struct str request);

#endif
