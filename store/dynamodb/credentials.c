/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the credentials: who asks for new ones and when, and how they reach the shards. */
#include "store/dynamodb/credentials.h"

#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "fiber/fiber.h"
#include "observe/log.h"
#include "reasons.pb-c.h"
#include "store/dynamodb/sources.h"
#include "store/dynamodb/waiters.h"

enum { PROBLEM_SIZE = 512, LANE_QUEUE_MAX = 64, US_PER_MS = 1000, US_PER_S = 1000000 };

/* A shard's part, used on its thread. */
struct own {
    struct credentials *credentials;
    struct keys keys;
    bool has_keys;
    struct waiters waiters; /* without keys */
};

struct credentials {
    struct shards *shards;
    struct sources sources;
    pthread_mutex_t lock; /* for what follows, up to `own` */
    struct keys keys;     /* the last ones */
    bool has_keys;
    bool asking;
    int64_t retry_us; /* monotonic: not before is the next attempt */
    int64_t pause_ms;
    char problem[PROBLEM_SIZE]; /* why the last attempt failed; "": it did not */
    struct own own[];
};

const char *credentials_origin(const struct credentials *credentials)
{
    static const char *const names[] = {
        [KEYS_ENVIRONMENT] = "the environment", [KEYS_WEB_IDENTITY] = "a web identity",
        [KEYS_PROFILE] = "a profile",           [KEYS_CONTAINER] = "the container",
        [KEYS_MACHINE] = "the machine",         [KEYS_NOWHERE] = "nowhere",
    };

    return names[credentials->sources.settings->source];
}

/* ---- its life ---- */

static struct status check_source(struct arena *arena, const struct settings *settings)
{
    if (settings->source == KEYS_NOWHERE)
        return status_make(STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                           "there are no credentials for DynamoDB: set AWS_ACCESS_KEY_ID and "
                           "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the container or the "
                           "machine a role");
    if (settings->source == KEYS_CONTAINER &&
        !sources_is_container_url(arena, settings->container_url))
        return status_make(STATUS_FAILED_PRECONDITION, ARGOSY__REASON__SETTING_INVALID,
                           "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or http of this "
                           "machine or of AWS's own agents");
    return status_ok();
}

static bool is_remote(enum keys_source source)
{
    return source == KEYS_CONTAINER || source == KEYS_MACHINE || source == KEYS_WEB_IDENTITY;
}

struct status credentials_new(struct arena *arena, struct shards *shards,
                              const struct settings *settings, struct credentials **ret_credentials)
{
    size_t count = (size_t)shards_count(shards);
    struct status st = check_source(arena, settings);

    if (failed(st)) return st;
    struct credentials *credentials = arena_calloc(
        arena, 1, sizeof(*credentials) + count * sizeof(credentials->own[0]));
    credentials->shards = shards;
    credentials->sources.settings = settings;
    if (is_remote(settings->source))
        st = https_client_new(arena, shards, NULL, &credentials->sources.client);
    if (failed(st)) return st;
    credentials->sources.lane = lane_new("credentials", 1, LANE_QUEUE_MAX);
    pthread_mutex_init(&credentials->lock, NULL);
    credentials->has_keys = !is_remote(settings->source);
    if (credentials->has_keys) credentials->keys = settings->keys;
    for (size_t i = 0; i < count; i++)
        credentials->own[i] = (struct own){.credentials = credentials,
                                           .keys = credentials->keys,
                                           .has_keys = credentials->has_keys};
    *ret_credentials = credentials;
    return st;
}

void credentials_free(struct credentials *credentials)
{
    if (!credentials) return;
    for (int i = 0; i < shards_count(credentials->shards); i++)
        secret_wipe(&credentials->own[i].keys, sizeof(credentials->own[i].keys));
    secret_wipe(&credentials->keys, sizeof(credentials->keys));
    if (credentials->sources.client) https_client_free(credentials->sources.client);
    lane_free(credentials->sources.lane);
    pthread_mutex_destroy(&credentials->lock);
}

/* ---- asking ---- */

/* Takes the last ones. */
static void update(struct own *own)
{
    struct credentials *credentials = own->credentials;

    pthread_mutex_lock(&credentials->lock);
    own->has_keys = credentials->has_keys;
    own->keys = credentials->keys;
    pthread_mutex_unlock(&credentials->lock);
}

/* On each shard, after an attempt. */
static void on_news(struct shard *shard, void *data)
{
    struct own *own = data;

    update(own);
    waiters_wake_all(shard, &own->waiters);
}

/* What brings nothing new is repeated after a pause that grows. */
static void finish(struct credentials *credentials, struct status st, const struct keys *keys)
{
    int64_t now_us = clock_monotonic_us();

    pthread_mutex_lock(&credentials->lock);
    bool is_new = !failed(st) &&
                  (!credentials->has_keys || strcmp(keys->id, credentials->keys.id) != 0 ||
                   keys->expires_us != credentials->keys.expires_us);
    int64_t pause_ms = credentials->pause_ms * 2;
    if (is_new || pause_ms < CREDENTIALS_PAUSE_MIN_MS) pause_ms = CREDENTIALS_PAUSE_MIN_MS;
    if (pause_ms > CREDENTIALS_PAUSE_MAX_MS) pause_ms = CREDENTIALS_PAUSE_MAX_MS;
    credentials->pause_ms = pause_ms;
    credentials->retry_us = now_us + pause_ms * US_PER_MS;
    snprintf(credentials->problem, sizeof(credentials->problem), "%s",
             failed(st) ? st.message : "");
    if (!failed(st)) {
        credentials->keys = *keys;
        credentials->has_keys = true;
    }
    credentials->asking = false;
    pthread_mutex_unlock(&credentials->lock);
    for (int i = 0; i < shards_count(credentials->shards); i++)
        shard_post(shards_at(credentials->shards, i), on_news, &credentials->own[i]);
}

static void ask_fiber(struct call *call, void *data)
{
    struct credentials *credentials = data;
    struct keys keys = {0};

    call_limit(call, CREDENTIALS_TIMEOUT_MS);
    struct status st = sources_ask(call, &credentials->sources, &keys);
    if (failed(st) && !call_is_cancelled(call))
        log_warn(call->trace, "dynamodb: no new credentials", LOG_STR("error", st.message));
    finish(credentials, st, &keys);
    secret_wipe(&keys, sizeof(keys));
}

/* Begins an attempt, unless one is under way or the pause lasts. False if there is nothing to wait
 * for. */
static bool start_asking(const struct call *call, struct credentials *credentials)
{
    pthread_mutex_lock(&credentials->lock);
    bool waits = credentials->asking;
    bool starts = !waits && clock_monotonic_us() >= credentials->retry_us;
    if (starts) credentials->asking = true;
    pthread_mutex_unlock(&credentials->lock);
    if (!starts) return waits;
    struct status st = fiber_start(call->shard, NULL, ask_fiber, credentials);
    if (failed(st)) finish(credentials, st, &credentials->keys);
    return true;
}

/* ---- using ---- */

static struct own *own_of(const struct call *call, struct credentials *credentials)
{
    return &credentials->own[call->shard->index];
}

static struct status unavailable(const struct call *call, struct credentials *credentials)
{
    pthread_mutex_lock(&credentials->lock);
    const char *problem = arena_strdup(call->arena, credentials->problem[0]
                                                        ? credentials->problem
                                                        : "the credentials have expired");
    pthread_mutex_unlock(&credentials->lock);
    return status_make(STATUS_UNAVAILABLE, ARGOSY__REASON__STORE_REFUSED, problem);
}

static bool are_good(const struct own *own, int64_t early_us)
{
    return own->has_keys &&
           (own->keys.expires_us == INT64_MAX || own->keys.expires_us - early_us > clock_now_us());
}

struct status credentials_get(struct call *call, struct credentials *credentials,
                              const struct keys **ret_keys)
{
    struct own *own = own_of(call, credentials);
    bool woken;

    if (!are_good(own, (int64_t)CREDENTIALS_EARLY_S * US_PER_S)) {
        bool pending = start_asking(call, credentials);
        if (!are_good(own, 0) && pending) {
            struct status st = waiters_wait(call, &own->waiters, &woken);
            if (failed(st)) return st;
        } else if (!are_good(own, 0)) {
            update(own); /* they may have come, and the message not yet */
        }
        if (!are_good(own, 0)) return unavailable(call, credentials);
    }
    *ret_keys = &own->keys;
    return status_ok();
}

bool credentials_refused(struct call *call, struct credentials *credentials, const char *id)
{
    struct own *own = own_of(call, credentials);

    if (credentials->sources.settings->source == KEYS_ENVIRONMENT) return false;
    update(own);
    if (!own->has_keys || strcmp(own->keys.id, id) != 0) return true;
    pthread_mutex_lock(&credentials->lock);
    bool are_last = credentials->has_keys && strcmp(credentials->keys.id, id) == 0 &&
                    clock_monotonic_us() >= credentials->retry_us;
    if (are_last) credentials->has_keys = false;
    pthread_mutex_unlock(&credentials->lock);
    if (!are_last) return false;
    own->has_keys = false;
    return start_asking(call, credentials);
}
